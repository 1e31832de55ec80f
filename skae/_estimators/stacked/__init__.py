"""Stacked autoencoders and predictors."""
