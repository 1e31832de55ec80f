"""Whitened codes of directions without variance."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, DenoisingAutoencoder

rng = np.random.RandomState(0)
LOW_RANK = rng.randn(80, 3) @ rng.randn(3, 8) + 5
DUPLICATED = np.repeat(rng.randn(60, 3), 3, axis=1)
CONSTANT = np.hstack([rng.randn(60, 3), np.full((60, 4), 7.0)])
TABLES = {"low rank": LOW_RANK, "duplicated": DUPLICATED, "constant": CONSTANT}
tables = pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)


def whitened(X, cls=AutoencoderTransformer, n_components=6, **parameters):
    defaults = {"whiten": True, "hidden_layer_sizes": (), "random_state": 0}
    return cls(n_components, **(defaults | parameters)).fit(X)


@tables
def test_they_are_zero_and_the_others_are_those_of_pca(X):
    model, pca = whitened(X), PCA(3, whiten=True).fit(X)
    codes = model.transform(X)
    assert_allclose(np.abs(codes[:, :3]), np.abs(pca.transform(X)), atol=1e-6)
    assert np.all(codes[:, 3:] == 0)
    assert np.all(model.explained_variance_[3:] == 0)
    assert_allclose(model.inverse_transform(codes), X, atol=1e-6)


@tables
def test_they_are_zero_for_new_samples_that_leave_the_span(X):
    model = whitened(X)
    new = X + rng.randn(*X.shape)
    codes = model.transform(new)
    assert np.all(codes[:, 3:] == 0) and np.isfinite(codes).all()
    assert_allclose(model.reconstruct(new), model.inverse_transform(codes))
    # Whatever is passed for them, the result is their mean.
    codes[:, 3:] = 100.0
    assert_allclose(model.inverse_transform(codes), model.reconstruct(new))


@pytest.mark.parametrize(
    "parameters",
    [{"linear_path": None}, {}, {"cls": DenoisingAutoencoder, "linear_path": "pca"}],
    ids=str,
)
@tables
def test_trained_networks_have_finite_codes(X, parameters):
    sizes = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": False}
    model = whitened(X, **sizes, **parameters)
    codes = model.transform(X)
    active = model.explained_variance_ > 0
    assert np.all(codes[:, ~active] == 0)
    assert_allclose(codes[:, active].std(axis=0, ddof=1), 1, rtol=1e-5)
    assert np.isfinite(model.inverse_transform(codes)).all()
    assert_allclose(model.reconstruct(X), model.inverse_transform(codes))


def test_one_epoch_and_modules_too():
    model = AutoencoderTransformer(6, whiten=True, random_state=0)
    codes = model.partial_fit(LOW_RANK).transform(LOW_RANK)
    assert np.all(codes[:, 3:] == 0)
    z = torch.tensor(codes, dtype=torch.float32, requires_grad=True)
    model.decoder_(z).sum().backward()
    assert torch.isfinite(z.grad).all() and torch.all(z.grad[:, 3:] == 0)


def test_full_rank_is_unchanged():
    X = load_digits().data[:300, 2:6]
    codes = whitened(X, n_components=4).transform(X)
    assert_allclose(codes.std(axis=0, ddof=1), 1)
