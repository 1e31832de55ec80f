"""Autoencoders for people who use scikit-learn."""

from skae.estimators._autoencoder import AutoencoderTransformer
from skae.estimators._conditional_vae import ConditionalVAE
from skae.estimators._contractive import ContractiveAutoencoder
from skae.estimators._convolutional import ConvolutionalAutoencoder
from skae.estimators._denoising import DenoisingAutoencoder
from skae.estimators._finetuned_classifier import AutoencoderClassifier
from skae.estimators._finetuned_regressor import AutoencoderRegressor
from skae.estimators._recurrent import RecurrentAutoencoder
from skae.estimators._sparse import SparseAutoencoder
from skae.estimators._stacked_autoencoder import StackedAutoencoder
from skae.estimators._stacked_classifier import StackedDAEClassifier
from skae.estimators._stacked_regressor import StackedDAERegressor
from skae.estimators._vae import VAETransformer

__version__ = "0.1.0"
__all__ = [
    "AutoencoderClassifier",
    "AutoencoderRegressor",
    "AutoencoderTransformer",
    "ConditionalVAE",
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "DenoisingAutoencoder",
    "RecurrentAutoencoder",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "StackedDAEClassifier",
    "StackedDAERegressor",
    "VAETransformer",
]
