"""Predictors read small columns beside large ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator

from skae import (
    AutoencoderClassifier,
    AutoencoderRegressor,
    AutoencoderTransformer,
    DenoisingAutoencoder,
)

RATIOS = [1.0, 1e2, 1e4, 1e6]
ENCODERS = [
    AutoencoderTransformer(4, n_init=1, max_iter=5, random_state=0),
    DenoisingAutoencoder(4, linear_path="pca", max_iter=5, random_state=0),
]
every_encoder = pytest.mark.parametrize("autoencoder", ENCODERS, ids=str)


def rows(ratio, n_samples=400):
    """Three latent variables in eight columns, and a large column of noise."""
    rng = np.random.RandomState(0)
    latent = rng.randn(n_samples, 3)
    X = latent @ rng.randn(3, 8) + 0.3 * rng.randn(n_samples, 8)
    return np.c_[X, ratio * rng.randn(n_samples)], latent


@every_encoder
@pytest.mark.parametrize("ratio", RATIOS)
def test_classes_of_small_columns_are_found(autoencoder, ratio):
    X, latent = rows(ratio)
    y = latent.argmax(axis=1)
    model = AutoencoderClassifier(autoencoder, max_iter=60, random_state=0)
    assert model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.85


@pytest.mark.parametrize("ratio", RATIOS)
def test_numbers_of_small_columns_are_found(ratio):
    X, latent = rows(ratio)
    # The correction, by which training is faster, hardly sees the small columns.
    y = latent.sum(axis=1)
    model = AutoencoderRegressor(ENCODERS[0], max_iter=60, random_state=0)
    assert model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.55


@every_encoder
@pytest.mark.parametrize("ratio", RATIOS)
def test_codes_are_standardized_whatever_their_sizes(autoencoder, ratio):
    X, latent = rows(ratio)
    fitted = autoencoder.fit(X)
    options = {"finetuning": False, "max_iter": 1, "random_state": 0}
    options |= {"early_stopping": False}
    model = AutoencoderClassifier(FrozenEstimator(fitted), **options)
    model.fit(X, latent.argmax(axis=1))
    u = fitted._scaling.to_network(X, fitted.network_.linear_encoder.dtype)
    codes = fitted.network_.encode(u).detach().double().numpy()
    assert_allclose(model.network_.code_scale, codes.std(axis=0), rtol=1e-4)


def test_codes_without_variance_are_not_enlarged():
    X = rows(1.0)[0][:, :3]
    X = np.c_[X, X @ np.ones((3, 2))]  # of rank 3
    y = X[:, 0] > 0
    autoencoder = AutoencoderTransformer(5, max_iter=3, random_state=0)
    model = AutoencoderClassifier(autoencoder, max_iter=40, random_state=0).fit(X, y)
    assert model.network_.code_scale.min() > 0.05
    assert model.score(X, y) > 0.9
