"""Classifiers and regressors on an encoder."""
