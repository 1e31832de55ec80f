"""Leading axes of data too large for all singular vectors: no scale is lost."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from skae._functional.corruption import CorruptionMoments
from skae._functional.graded import is_small, leading_right_singular_vectors
from skae._functional.linear_maps import (
    linear_denoiser,
    principal_axes,
    probabilistic_pca,
)

K = 6
SHAPES = [(1200, 500), (500, 1200), (5000, 100)]
LARGE = [2, 3]


def low_rank(n, p, rank=12, noise=0.01):
    rng = np.random.RandomState(0)
    X = (rng.randn(n, rank) * 0.7 ** np.arange(rank)) @ rng.randn(rank, p)
    X += noise * rng.randn(n, p)
    assert not is_small(X)
    return X - X.mean(axis=0)


def graded(shape, ratio, dtype=np.float64):
    X = low_rank(*shape)
    X[:, LARGE] *= ratio
    return X.astype(dtype)


def axes_of(X, sample_weight=None, n_components=K):
    rng = np.random.RandomState(0)
    return principal_axes(X, n_components, rng, sample_weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ratio", [1e4, 1e8, 1e12])
@pytest.mark.parametrize("shape", SHAPES)
def test_axes_of_columns_of_different_scales_are_orthonormal_and_uncorrelated(
    shape, ratio, weighted
):
    X = graded(shape, ratio)
    axes = axes_of(X, np.ones(len(X)) if weighted else None).encoder
    assert_allclose(axes @ axes.T, np.eye(K), atol=1e-12)
    codes = X @ axes.T
    assert_allclose(np.corrcoef(codes.T), np.eye(K), atol=max(1e-9, 1e-19 * ratio))
    assert np.all(np.diff(codes.std(axis=0)) < 0)


@pytest.mark.parametrize("ratio", [1e4, 1e8, 1e12])
@pytest.mark.parametrize("shape", SHAPES)
def test_small_columns_are_reconstructed_as_without_the_large_ones(shape, ratio):
    X = graded(shape, ratio)
    axes = axes_of(X).encoder
    # Two axes are spent on the large columns. What correlates with them is known.
    others = np.delete(X, LARGE, axis=1)
    left = np.linalg.qr(X[:, LARGE])[0]
    rest = others - left @ (left.T @ others)
    pca = PCA(K - 2, svd_solver="full").fit(rest)
    unexplained = np.square(rest).sum() - np.square(pca.singular_values_).sum()
    residual = np.delete(X - X @ axes.T @ axes, LARGE, axis=1)
    assert np.square(residual).sum() == pytest.approx(unexplained, rel=1e-3)


def test_rows_in_float32_keep_small_columns():
    X = graded(SHAPES[0], 1e6, np.float32)
    rows = X.astype(np.float64)
    rows -= rows.mean(axis=0)
    assert_allclose(axes_of(X).encoder, axes_of(rows).encoder, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scales", ["equal", "different"])
def test_axes_beyond_the_rank_carry_nothing(shape, scales):
    X = low_rank(*shape, rank=3, noise=0.0)
    if scales == "different":
        X[:, LARGE] *= 1e6
    linear_map = axes_of(X)
    carrying = linear_map.decoder.any(axis=0)
    if scales == "equal":
        assert_array_equal(carrying, np.arange(K) < 3)
    error = np.abs(X - X @ linear_map.encoder.T @ linear_map.decoder.T).max(axis=0)
    assert np.all(error < 1e-9 * X.std(axis=0))
    assert_allclose(linear_map.encoder @ linear_map.encoder.T, np.eye(K), atol=1e-10)


def test_a_small_direction_that_is_no_column_is_found():
    rng = np.random.RandomState(1)
    rotation = np.linalg.qr(rng.randn(500, 500))[0][:5]
    X = (rng.randn(1200, 5) * [3, 2, 1, 1e-9, 1e-10]) @ rotation
    X -= X.mean(axis=0)
    axes = axes_of(X, n_components=5).encoder
    assert_allclose(np.abs(axes @ rotation.T)[[3, 4], [3, 4]], 1, atol=1e-2)


def test_a_smooth_spectrum_gives_the_axes_of_pca():
    X = low_rank(1200, 500, rank=100, noise=1e-4)
    expected = PCA(40, random_state=np.random.RandomState(0)).fit(X)
    assert expected.singular_values_[-1] < 1e-3 * expected.singular_values_[0]
    axes = principal_axes(X, 40, np.random.RandomState(0)).encoder
    assert_array_equal(axes, expected.components_)


def test_the_variances_of_probabilistic_pca_have_all_their_digits():
    X = graded(SHAPES[0], 1e5)
    linear_map = probabilistic_pca(X, K, np.random.RandomState(0))
    codes = np.linalg.norm(X @ axes_of(X).encoder.T, axis=0)
    lengths = np.square(linear_map.decoder).sum(axis=0)
    expected = codes**2 / len(X) - linear_map.noise_variance
    assert_allclose(lengths, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_leading_vectors_are_not_centered(shape):
    X = graded(shape, 1e5) + 0.5
    axes, values = leading_right_singular_vectors(X, K)
    assert_allclose(axes @ axes.T, np.eye(K), atol=1e-12)
    left = X @ axes.T / values
    assert_allclose(left.T @ left, np.eye(K), atol=1e-6)


def test_the_denoiser_keeps_small_columns():
    maps = []
    for ratio in (1.0, 1e6):
        X = graded(SHAPES[0], ratio)
        moments = CorruptionMoments(0.7, 0.21 * X.var(axis=0), np.zeros(X.shape[1]))
        linear_map = linear_denoiser(X, 14, moments, np.random.RandomState(0))
        residual = X - 0.7 * X @ linear_map.encoder.T @ linear_map.decoder.T
        maps.append(np.delete(residual, LARGE, axis=1).std())
    assert maps[1] == pytest.approx(maps[0], rel=0.1)
