"""Backpropagation without autograd, for networks of dense layers."""
