"""Dense autoencoders."""
