"""Autoencoders for people who use scikit-learn."""

from skae.estimators._autoencoder import AutoencoderTransformer

__version__ = "0.1.0"
__all__ = ["AutoencoderTransformer"]
