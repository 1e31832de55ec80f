"""Autoencoders for people who use scikit-learn."""

from skae._estimators.dense.autoencoder import AutoencoderTransformer
from skae._estimators.dense.contractive import ContractiveAutoencoder
from skae._estimators.dense.denoising import DenoisingAutoencoder
from skae._estimators.dense.sparse import SparseAutoencoder
from skae._estimators.images.convolutional import ConvolutionalAutoencoder
from skae._estimators.sequences.recurrent import RecurrentAutoencoder
from skae._estimators.stacked.autoencoder import StackedAutoencoder
from skae._estimators.stacked.classifier import StackedDAEClassifier
from skae._estimators.stacked.regressor import StackedDAERegressor
from skae._estimators.supervised.classifier import AutoencoderClassifier
from skae._estimators.supervised.regressor import AutoencoderRegressor
from skae._estimators.variational.conditional_vae import ConditionalVAE
from skae._estimators.variational.vae import VAETransformer

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

# Pickles, safe files and HTML pages name a class by this.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
