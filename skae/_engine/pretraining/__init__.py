"""Greedy layer-wise pretraining."""
