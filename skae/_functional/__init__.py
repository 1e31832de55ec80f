"""Pure functions: losses, likelihoods, penalties, corruption, linear maps."""
