"""Columns of very different scale: the result of PCA, to the digits of float64."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ortho_group
from sklearn.decomposition import PCA

import skae
from skae._functional.corruption import CorruptionMoments
from skae._functional.graded import right_singular_vectors
from skae._functional.linear_maps import (
    linear_denoiser,
    paired_denoiser,
    principal_axes,
)

RATIOS = [1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12]
N, P, K, LARGE = 200, 5, 3, 2
RNG = np.random.RandomState(0)
BASE = RNG.randn(N, 2) @ RNG.randn(2, P) + 0.3 * RNG.randn(N, P) + 1
WEIGHT = RNG.randint(1, 4, size=N).astype(float)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}


def table(ratio, dtype=np.float64):
    X = BASE.copy()
    X[:, LARGE] *= ratio
    return X.astype(dtype)


def others(X):
    """Return the columns that are not the large one."""
    return np.delete(X, LARGE, axis=1)


def assert_is_pca(model, X, pca=None, rtol=1e-6):
    """Compare with PCA, whose own rounding grows with the ratio of the columns."""
    pca = pca or PCA(K, svd_solver="full", whiten=model.whiten).fit(X)
    assert_allclose(model.explained_variance_, pca.explained_variance_, rtol=rtol)
    ratio = model.explained_variance_ratio_
    assert_allclose(ratio, pca.explained_variance_ratio_, rtol=10 * rtol)
    codes, expected = model.transform(X), pca.transform(X)
    signs = np.sign(np.einsum("ij,ij->j", codes, expected))
    difference = np.abs(codes * signs - expected).max(axis=0)
    assert np.all(difference < rtol * expected.std(axis=0))
    components = np.abs(model.components_ - signs[:, np.newaxis] * pca.components_)
    assert components.max() < rtol
    back, expected = model.inverse_transform(codes), pca.inverse_transform(expected)
    assert np.all(np.abs(back - expected).max(axis=0) < rtol * X.std(axis=0))


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("ratio", RATIOS)
def test_the_start_is_pca(ratio, whiten):
    X = table(ratio)
    model = skae.AutoencoderTransformer(K, hidden_layer_sizes=(), whiten=whiten)
    # PCA by scikit-learn itself rounds to 1e-16 times the ratio.
    assert_is_pca(model.fit(X), X, rtol=max(1e-9, 1e-15 * ratio))
    if whiten:
        assert_allclose(model.transform(X).std(axis=0, ddof=1), 1, rtol=1e-9)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_codes_are_uncorrelated_at_any_ratio(ratio):
    # More than PCA gives: of a large ratio it has few digits left.
    X = table(ratio)
    model = skae.AutoencoderTransformer(P, hidden_layer_sizes=()).fit(X)
    correlation = np.corrcoef(model.transform(X).T)
    assert_allclose(correlation, np.eye(P), atol=1e-9)
    assert_allclose(model.components_ @ model.components_.T, np.eye(P), atol=1e-12)
    error = np.abs(model.reconstruct(X) - X).max(axis=0)
    assert np.all(error < 1e-9 * X.std(axis=0))


@pytest.mark.parametrize("early_stopping", ["auto", True])
@pytest.mark.parametrize("ratio", [1e2, 1e7, 1e12])
def test_a_fit_that_finds_nothing_better_is_pca(ratio, early_stopping):
    X = table(ratio)
    model = skae.AutoencoderTransformer(K, early_stopping=early_stopping, **SMALL)
    model.fit(X)
    assert model.best_epoch_ == 0
    assert_is_pca(model, X, rtol=max(1e-9, 1e-15 * ratio))


@pytest.mark.parametrize("ratio", [1e2, 1e7, 1e12])
def test_weights_count_as_repetitions(ratio):
    X = table(ratio)
    model = skae.AutoencoderTransformer(K, hidden_layer_sizes=())
    model.fit(X, sample_weight=WEIGHT)
    repeated = np.repeat(X, WEIGHT.astype(int), axis=0)
    pca = PCA(K, svd_solver="full").fit(repeated)
    assert_is_pca(model, X, pca, rtol=max(1e-9, 1e-15 * ratio))


@pytest.mark.parametrize("ratio", [1e2, 1e7, 1e12])
def test_rows_in_float32_are_fitted_to_the_digits_they_have(ratio):
    X = table(ratio, np.float32)
    model = skae.AutoencoderTransformer(K, hidden_layer_sizes=(), whiten=True).fit(X)
    assert model.transform(X).dtype == np.float32
    # Of the same rows, in more digits.
    rows = X.astype(np.float64)
    assert_is_pca(model, rows, rtol=max(1e-6, 1e-15 * ratio))
    assert_allclose(model.transform(X), model.transform(rows), atol=1e-4)


def test_much_data_in_float32_is_computed_in_float64_where_columns_differ():
    rows = np.tile(table(1e7, np.float32), (10, 1))
    rows -= rows.mean(axis=0)
    axes = principal_axes(rows, K, np.random.RandomState(0)).encoder
    expected = PCA(K, svd_solver="full").fit(rows.astype(np.float64)).components_
    assert_allclose(axes, expected, atol=1e-6)


@pytest.mark.parametrize("ratio", [1e2, 1e7])
def test_fewer_rows_than_columns(ratio):
    X = np.random.RandomState(1).randn(20, 60)
    X[:, LARGE] *= ratio
    model = skae.AutoencoderTransformer(K, hidden_layer_sizes=()).fit(X)
    assert_is_pca(model, X, rtol=1e-7)


@pytest.mark.parametrize("n_large", [1, 2, 4])
def test_several_large_columns(n_large):
    X = BASE * np.where(np.arange(P) < n_large, 1e9, 1.0)
    model = skae.AutoencoderTransformer(P, hidden_layer_sizes=()).fit(X)
    assert np.all(model.explained_variance_ > 0)
    error = np.abs(model.reconstruct(X) - X).max(axis=0)
    assert np.all(error < 1e-6 * X.std(axis=0))


def test_a_small_direction_that_is_no_column():
    # PCA finds it, to the digits that are there.
    scales = np.array([1.0, 1.0, 1.0, 1e-9, 1e-10])
    rotation = ortho_group.rvs(P, random_state=0)
    X = (np.random.RandomState(2).randn(N, P) * scales) @ rotation
    model = skae.AutoencoderTransformer(P, hidden_layer_sizes=(), whiten=True).fit(X)
    pca = PCA(P, svd_solver="full").fit(X)
    assert_allclose(model.explained_variance_, pca.explained_variance_, rtol=1e-3)
    assert_allclose(model.transform(X).std(axis=0), 1, rtol=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_follow_from_others_add_no_component(dtype):
    X = table(1e9, dtype)
    X = np.hstack([X, X[:, :2] + X[:, 3:], 2 * X[:, LARGE : LARGE + 1]])
    model = skae.AutoencoderTransformer(P + 1, hidden_layer_sizes=(), whiten=True)
    model.fit(X)
    assert np.count_nonzero(model.explained_variance_) == P
    # A code that carries nothing is rounding, of the large column too.
    assert np.abs(model.transform(X)[:, P:]).max() < 1e-6 * X.std()


def denoise(rows, ratio_of_column, method):
    """Return the linear denoiser of rows whose large column is scaled back after."""
    X = rows - rows.mean(axis=0)
    rng = np.random.RandomState(0)
    if method == "pairs":
        noisy = X * (np.random.RandomState(1).uniform(size=X.shape) > 0.3)
        linear = paired_denoiser(noisy, X, P, rng)
    else:
        variance = np.mean(X**2, axis=0)
        moments = CorruptionMoments(0.7, 0.21 * variance, np.zeros(len(variance)))
        linear = linear_denoiser(X, P, moments, rng)
    scale = np.ones(X.shape[1])
    scale[LARGE] = ratio_of_column
    product = linear.decoder @ linear.encoder
    return product * scale / scale[:, np.newaxis]


@pytest.mark.parametrize("method", ["pairs", "columns", "rows"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_the_linear_denoiser_of_all_components_has_no_scale(ratio, method):
    X = table(1.0)
    if method == "rows":
        X = X[: P - 1]
    scaled = X.copy()
    scaled[:, LARGE] *= ratio
    expected = denoise(X, 1.0, method)
    assert_allclose(denoise(scaled, ratio, method), expected, atol=1e-4)


@pytest.mark.parametrize("ratio", [1e4, 1e8, 1e12])
def test_the_denoiser_keeps_small_columns(ratio):
    fits = [
        skae.DenoisingAutoencoder(P, **{**SMALL, "hidden_layer_sizes": ()}).fit(rows)
        for rows in (table(1.0), table(ratio))
    ]
    expected, scaled = (
        fits[0].reconstruct(table(1.0)),
        fits[1].reconstruct(table(ratio)),
    )
    assert_allclose(others(scaled), others(expected), atol=1e-4)


# Columns on a curve, which training learns, and others that are not as large.
CURVE = RNG.uniform(0, 6, size=400)
CURVE = np.c_[np.cos(CURVE), np.sin(CURVE), np.cos(2 * CURVE), CURVE]
CURVE = CURVE + 0.02 * RNG.randn(*CURVE.shape)
BESIDE = RNG.randn(400, 2) @ RNG.randn(2, 4) + 0.1 * RNG.randn(400, 4)


def unexplained(back, X):
    residual = np.square(back - X).sum(axis=0)
    total = np.square(X - X.mean(axis=0)).sum(axis=0)
    return residual[:4].sum() / total[:4].sum(), residual[4:].sum() / total[4:].sum()


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("ratio", [1e3, 1e5, 1e8])
@pytest.mark.parametrize(
    ("cls", "n_components"),
    [
        (skae.DenoisingAutoencoder, 5),
        (skae.AutoencoderTransformer, 2),
        (skae.VAETransformer, 2),
    ],
)
def test_training_keeps_small_columns(cls, n_components, ratio, early_stopping):
    X = np.hstack([CURVE * ratio, BESIDE])
    options = {**SMALL, "max_iter": 15, "early_stopping": early_stopping}
    linear, model = (
        cls(n_components, **{**options, "hidden_layer_sizes": sizes}).fit(X)
        for sizes in ((), (32,))
    )
    assert model.best_epoch_ > 0
    before, after = (unexplained(m.reconstruct(X), X) for m in (linear, model))
    assert after[0] < before[0]
    # By the loss, small columns are worth nothing.
    assert after[1] < 1.3 * before[1]
    encoder, decoder = model._codec.modules(torch.float64)
    with torch.no_grad():
        back = decoder(encoder(torch.from_numpy(X))).numpy()
    assert_allclose(model.reconstruct(X) / X.std(axis=0), back / X.std(axis=0))


@pytest.mark.parametrize("ratio", [1e2, 1e6, 1e12])
def test_probabilistic_pca_is_finite_and_reconstructs_the_large_column(ratio):
    X = table(ratio)
    model = skae.VAETransformer(K, **SMALL).fit(X)
    error = np.square(model.reconstruct(X) - X).mean(axis=0)
    assert error[LARGE] < 1e-3 * X[:, LARGE].var()
    assert np.isfinite(model.score(X))
    # The noise has a floor: what is below that is reconstructed as its mean.
    assert np.all(error < 1.01 * X.var(axis=0))


@pytest.mark.parametrize(
    "copied", [lambda m: m, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_all_digits_are_in_a_pickle(copied):
    X = table(1e9)
    model = skae.AutoencoderTransformer(K, **SMALL).fit(X)
    again = copied(model)
    assert_array_equal(again.transform(X), model.transform(X))
    assert_is_pca(again, X)


@settings(max_examples=25, deadline=None)
@given(
    exponents=st.lists(st.integers(-12, 12), min_size=P, max_size=P),
    n_rows=st.integers(P, 60),
)
def test_singular_values_of_scaled_columns_are_computed_each_to_its_digits(
    exponents, n_rows
):
    columns = np.linalg.qr(np.random.RandomState(n_rows).randn(n_rows, P))[0]
    scales = 10.0 ** np.array(exponents)
    vectors, values = right_singular_vectors(columns * scales)
    assert_allclose(values, np.sort(scales)[::-1], rtol=1e-12)
    assert_allclose(vectors @ vectors.T, np.eye(P), atol=1e-12)
