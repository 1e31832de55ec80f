"""Gradients that are written out, without autograd."""
