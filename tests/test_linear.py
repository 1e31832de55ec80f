import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from skae._functional.corruption import (
    CORRUPTIONS,
    CorruptionMoments,
    corruption_moments,
)
from skae._functional.linear_maps import (
    linear_denoiser,
    paired_denoiser,
    principal_axes,
    probabilistic_pca,
    resolve_n_components,
)


def centered(n=60, p=8, rank=None, seed=0):
    """Centered data whose directions have clearly different variances."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n, p) * np.linspace(3, 0.5, p)
    if rank is not None:
        X = X[:, :rank] @ rng.randn(rank, p)
    return X - X.mean(axis=0)


def axes_of(X, n_components, sample_weight=None, seed=0):
    return principal_axes(X, n_components, np.random.RandomState(seed), sample_weight)


def projector(rows):
    """The orthogonal projection onto the span of some rows."""
    basis = np.linalg.qr(rows.T)[0]
    return basis @ basis.T


def assert_orthonormal(rows):
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-10)


def carrying(linear_map):
    """Which components have a decoder column."""
    return np.abs(linear_map.decoder).sum(axis=0) > 0


# ----- principal axes ----------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 8), (300, 8), (6, 20), (20, 20)])
def test_principal_axes_are_those_of_pca(shape):
    X = centered(*shape)
    k = min(shape) - 2
    linear_map = axes_of(X, k)
    np.testing.assert_allclose(linear_map.encoder, PCA(k).fit(X).components_, atol=1e-8)
    np.testing.assert_array_equal(linear_map.decoder, linear_map.encoder.T)
    assert (linear_map.offset == 0).all()


def test_weights_equal_repetitions_in_the_principal_axes():
    counts = np.random.RandomState(1).randint(1, 5, size=40)
    X = centered(40)
    X -= np.average(X, axis=0, weights=counts)
    weighted = axes_of(X, 3, counts.astype(float))
    repeated = axes_of(np.repeat(X, counts, axis=0), 3)
    np.testing.assert_allclose(weighted.encoder, repeated.encoder, atol=1e-8)


def test_the_unit_of_the_weights_does_not_matter():
    weight = np.random.RandomState(1).uniform(size=60)
    X = centered()
    X -= np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(
        axes_of(X, 3, weight).encoder, axes_of(X, 3, 1e-6 * weight).encoder, atol=1e-8
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 8), (400, 30), (5, 20)])
def test_axes_beyond_the_rank_are_orthonormal_and_inert(shape, weighted):
    X = centered(*shape, rank=3)
    weight = np.ones(len(X)) if weighted else None
    linear_map = axes_of(X, 7, weight)
    assert_orthonormal(linear_map.encoder)
    np.testing.assert_array_equal(carrying(linear_map), np.arange(7) < 3)
    np.testing.assert_allclose(X @ linear_map.encoder[3:].T, 0, atol=1e-6)
    codes = X @ linear_map.encoder.T
    np.testing.assert_allclose(codes @ linear_map.decoder.T, X, atol=1e-6)


def test_the_rank_of_rows_in_float32_is_found():
    X = centered(400, 12, rank=3)
    exact, rounded = axes_of(X, 6), axes_of(X.astype(np.float32), 6)
    assert (rounded.decoder[:, 3:] == 0).all()
    assert_orthonormal(rounded.encoder)
    np.testing.assert_allclose(
        projector(rounded.encoder[:3]), projector(exact.encoder[:3]), atol=1e-5
    )


def test_more_components_than_features_have_unit_length():
    X = centered(p=4)
    linear_map = axes_of(X, 9)
    assert_orthonormal(linear_map.encoder[:4])
    np.testing.assert_allclose(np.linalg.norm(linear_map.encoder, axis=1), 1)
    np.testing.assert_array_equal(carrying(linear_map), np.arange(9) < 4)
    np.testing.assert_allclose(X @ linear_map.encoder.T @ linear_map.decoder.T, X)


@pytest.mark.parametrize("X", [np.zeros((1, 5)), np.zeros((4, 5)), np.zeros((3, 1))])
@pytest.mark.parametrize("weighted", [False, True])
def test_data_without_variance_have_no_carrying_axis(X, weighted):
    weight = np.ones(len(X)) if weighted else None
    linear_map = axes_of(X, 2, weight)
    assert linear_map.encoder.shape == (2, X.shape[1])
    assert not carrying(linear_map).any()


def test_constant_columns_have_no_loading():
    X = centered()
    X[:, [1, 4]] = 0
    linear_map = axes_of(X, 6)
    np.testing.assert_allclose(linear_map.encoder[:, [1, 4]], 0, atol=1e-12)


def test_one_column_is_its_own_axis():
    linear_map = axes_of(centered(p=1), 1)
    np.testing.assert_allclose(np.abs(linear_map.encoder), 1)


@given(st.integers(1, 12), st.integers(1, 8), st.integers(1, 10), st.integers(0, 5))
def test_the_map_has_the_shapes_asked_for_whatever_the_data(n, p, k, seed):
    linear_map = axes_of(centered(n, p, seed=seed), k)
    assert linear_map.encoder.shape == (k, p)
    assert linear_map.decoder.shape == (p, k)
    assert np.isfinite(linear_map.encoder).all()
    assert carrying(linear_map).sum() <= min(n, p, k)


def test_the_axes_beyond_the_rank_are_drawn_from_the_generator_given():
    X = centered(rank=2)
    first, same, other = (axes_of(X, 5, seed=s).encoder for s in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first[2:], other[2:])


@pytest.mark.parametrize("wanted", [0.5, 0.9, 0.999, "mle"])
def test_the_number_of_components_is_the_one_pca_takes(wanted):
    X = centered(200)
    assert resolve_n_components(X, wanted, np.random.RandomState(0)) == (
        PCA(wanted).fit(X).n_components_
    )


@pytest.mark.parametrize("value", [0.0, 0.1])
@pytest.mark.parametrize("n", [1, 3, 40])
def test_constant_data_have_components_without_a_warning(n, value):
    X = np.full((n, 5), value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_n_components(X, 0.9, np.random.RandomState(0)) >= 1
        axes_of(X - X.mean(axis=0), 2)


# ----- the linear denoiser -----------------------------------------------------


def moments_of(name, X, level=0.3):
    return corruption_moments(name, level, X.var(axis=0), X.min(0), X.max(0))


def denoiser_of(X, n_components, moments, sample_weight=None):
    rng = np.random.RandomState(0)
    return linear_denoiser(X, n_components, moments, rng, sample_weight)


def expected_error(W, X, moments, weight=None):
    """E ||x - W (x~ - b)||^2 = tr(C - 2 W P^T + W Q W^T), from the moments."""
    covariance = np.cov(X.T, bias=True, aweights=weight).reshape(X.shape[1], -1)
    noisy = moments.gain**2 * covariance + np.diag(moments.diagonal)
    return np.trace(covariance - 2 * moments.gain * W @ covariance + W @ noisy @ W.T)


def product(linear_map):
    return linear_map.decoder @ linear_map.encoder


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
@pytest.mark.parametrize("n_components", [1, 3])
def test_no_map_of_the_same_rank_denoises_better(name, n_components):
    X = centered(p=5)
    moments = moments_of(name, X)
    ours = expected_error(product(denoiser_of(X, n_components, moments)), X, moments)

    def error(flat):
        U, V = flat.reshape(2, 5, n_components)
        return expected_error(U @ V.T, X, moments)

    start = np.random.RandomState(0).randn(10 * n_components)
    numerical = optimize.minimize(error, start, options={"gtol": 1e-7}).fun
    assert ours == pytest.approx(numerical, rel=1e-5)


@pytest.mark.parametrize("shape", [(60, 8), (6, 20)])
@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_any_perturbation_of_the_denoiser_is_worse(name, shape):
    X = centered(*shape)
    moments = moments_of(name, X)
    linear_map = denoiser_of(X, 3, moments)
    least = expected_error(product(linear_map), X, moments)
    rng = np.random.RandomState(0)
    for _ in range(20):
        decoder = linear_map.decoder + 0.01 * rng.randn(*linear_map.decoder.shape)
        encoder = linear_map.encoder + 0.01 * rng.randn(*linear_map.encoder.shape)
        assert expected_error(decoder @ encoder, X, moments) > least


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_few_rows_and_few_columns_give_the_same_denoiser(name):
    X = centered(12, 12, rank=9)
    moments = moments_of(name, X)
    few_columns = denoiser_of(X, 4, moments)
    # A row more or less than the columns decides the way it is computed.
    wide = np.hstack([X, np.zeros((12, 1))])
    moments = moments_of(name, wide)
    few_rows = denoiser_of(wide, 4, moments)
    np.testing.assert_allclose(
        product(few_rows)[:12, :12], product(few_columns), atol=1e-5
    )


def test_without_noise_the_denoiser_is_pca():
    X = centered()
    nothing = CorruptionMoments(1.0, np.zeros(8), np.zeros(8))
    expected = projector(PCA(3).fit(X).components_)
    np.testing.assert_allclose(product(denoiser_of(X, 3, nothing)), expected, atol=1e-5)


def test_white_noise_keeps_the_axes_of_pca_and_shrinks_them_as_wiener_does():
    X = centered(200)
    level = 0.7
    pca = PCA(3).fit(X)
    variance = pca.explained_variance_ * 199 / 200
    shrinkage = variance / (variance + level**2)
    expected = (pca.components_.T * shrinkage) @ pca.components_
    moments = moments_of("gaussian", X, level)
    np.testing.assert_allclose(product(denoiser_of(X, 3, moments)), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 8), (6, 20)])
def test_weights_equal_repetitions_in_the_denoiser(shape):
    counts = np.random.RandomState(1).randint(1, 4, size=shape[0])
    X = centered(*shape)
    X -= np.average(X, axis=0, weights=counts)
    moments = moments_of("gaussian", X)
    weighted = denoiser_of(X, 3, moments, counts.astype(float))
    repeated = denoiser_of(np.repeat(X, counts, axis=0), 3, moments)
    np.testing.assert_allclose(product(weighted), product(repeated), atol=1e-8)


@pytest.mark.parametrize("shape", [(60, 8), (6, 20), (1, 4), (5, 1)])
@pytest.mark.parametrize("n_components", [1, 25])
def test_components_beyond_the_rank_of_the_denoiser_are_inert(shape, n_components):
    X = centered(*shape)
    linear_map = denoiser_of(X, n_components, moments_of("gaussian", X))
    assert linear_map.encoder.shape == (n_components, shape[1])
    assert np.isfinite(linear_map.encoder).all()
    rank = np.linalg.matrix_rank(X)
    assert carrying(linear_map).sum() == min(rank, n_components)


def test_the_offset_is_the_mean_of_the_corrupted_rows():
    X = centered() + np.random.RandomState(0).exponential(size=(60, 8))
    X -= X.mean(axis=0)
    moments = moments_of("salt_and_pepper", X)
    assert (denoiser_of(X, 3, moments).offset == moments.offset).all()
    assert (moments.offset != 0).all()


# ----- the denoiser from pairs -------------------------------------------------


def pairs(n=200, p=6, seed=0):
    clean = centered(n, p, seed=seed)
    noise = np.random.RandomState(seed + 1).randn(n, p)
    return clean + 0.5 * noise + 1.0, clean


def paired(noisy, clean, n_components, sample_weight=None):
    rng = np.random.RandomState(0)
    return paired_denoiser(noisy, clean, n_components, rng, sample_weight)


def test_with_all_components_pairs_give_linear_regression():
    noisy, clean = pairs()
    expected = LinearRegression().fit(noisy, clean).coef_
    linear_map = paired(noisy, clean, 6)
    np.testing.assert_allclose(product(linear_map), expected, atol=1e-4)
    np.testing.assert_allclose(linear_map.offset, noisy.mean(axis=0))


def test_no_map_of_the_same_rank_fits_the_pairs_better():
    noisy, clean = pairs()
    linear_map = paired(noisy, clean, 2)

    def error(U, V):
        return np.square((noisy - linear_map.offset) @ V @ U.T - clean).mean()

    start = np.random.RandomState(0).randn(24)
    numerical = optimize.minimize(lambda flat: error(*flat.reshape(2, 6, 2)), start)
    ours = error(linear_map.decoder, linear_map.encoder.T)
    assert ours == pytest.approx(numerical.fun, rel=1e-5)


def test_clean_pairs_give_pca():
    clean = centered()
    expected = projector(PCA(3).fit(clean).components_)
    np.testing.assert_allclose(product(paired(clean, clean, 3)), expected, atol=1e-4)


def test_weights_equal_repetitions_in_the_denoiser_from_pairs():
    noisy, clean = pairs(30)
    counts = np.random.RandomState(1).randint(1, 4, size=30)
    clean -= np.average(clean, axis=0, weights=counts)
    weighted = paired(noisy, clean, 3, counts.astype(float))
    repeated = paired(*(np.repeat(A, counts, axis=0) for A in (noisy, clean)), 3)
    np.testing.assert_allclose(weighted.offset, repeated.offset)
    np.testing.assert_allclose(product(weighted), product(repeated), atol=1e-9)


def test_the_unit_of_the_data_does_not_matter_to_pairs():
    noisy, clean = pairs()
    small = paired(1e-6 * noisy, 1e-6 * clean, 3)
    np.testing.assert_allclose(
        product(small), product(paired(noisy, clean, 3)), atol=1e-6
    )


def test_constant_noisy_rows_predict_the_mean():
    clean = centered(10, 4)
    assert (product(paired(np.ones((10, 4)), clean, 2)) == 0).all()


# ----- probabilistic PCA ---------------------------------------------------------


def ppca_of(X, n_components, sample_weight=None, **options):
    rng = np.random.RandomState(0)
    return probabilistic_pca(X, n_components, rng, sample_weight, **options)


def covariance_of(linear_map):
    """The covariance of x = W z + e."""
    W = linear_map.decoder
    return W @ W.T + linear_map.noise_variance * np.eye(len(W))


def log_likelihood(X, linear_map):
    mean = np.zeros(X.shape[1])
    return stats.multivariate_normal(mean, covariance_of(linear_map)).logpdf(X).mean()


@pytest.mark.parametrize("n_components", [1, 3, 7])
def test_the_model_is_that_of_pca(n_components):
    X = centered(2000)
    linear_map = ppca_of(X, n_components)
    pca = PCA(n_components).fit(X)
    # scikit-learn divides by n - 1, the likelihood is largest with n.
    share = (len(X) - 1) / len(X)
    np.testing.assert_allclose(
        covariance_of(linear_map), share * pca.get_covariance(), atol=1e-10
    )
    assert linear_map.noise_variance == pytest.approx(share * pca.noise_variance_)


def test_no_other_linear_model_is_more_likely():
    X = centered(300, 5)
    best = ppca_of(X, 2)
    rng = np.random.RandomState(1)
    for _ in range(20):
        W = best.decoder + 0.05 * rng.randn(5, 2)
        noise = best.noise_variance * np.exp(0.05 * rng.randn())
        other = best._replace(decoder=W, noise_variance=noise)
        assert log_likelihood(X, other) < log_likelihood(X, best)


def test_codes_are_the_means_of_the_posterior():
    X = centered(300)
    linear_map = ppca_of(X, 3)
    W, noise = linear_map.decoder, linear_map.noise_variance
    expected = np.linalg.solve(W.T @ W + noise * np.eye(3), W.T)
    np.testing.assert_allclose(linear_map.encoder, expected, atol=1e-12)


def test_a_given_noise_variance_is_kept_and_its_axes_are_the_likeliest():
    X = centered(3000)
    linear_map = ppca_of(X, 4, noise_variance=2.0)
    assert linear_map.noise_variance == 2.0
    variances = PCA(4).fit(X).explained_variance_ * (len(X) - 1) / len(X)
    lengths = np.square(linear_map.decoder).sum(axis=0)
    np.testing.assert_allclose(lengths, np.maximum(variances - 2.0, 0.0), atol=1e-8)
    # Axes of less variance than the noise carry nothing.
    every = PCA(8).fit(X).explained_variance_
    np.testing.assert_array_equal(
        carrying(ppca_of(X, 8, noise_variance=2.0)), every > 2.0
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 8), (5, 20), (1, 4)])
def test_components_beyond_the_rank_are_zero_both_ways(shape, weighted):
    X = centered(*shape, rank=2 if shape[0] > 2 else None)
    weight = np.ones(len(X)) if weighted else None
    linear_map = ppca_of(X, 6, weight, floor=1e-6)
    inert = ~carrying(linear_map)
    assert inert.sum() >= 4 and (linear_map.encoder[inert] == 0).all()
    assert linear_map.noise_variance >= 1e-6


def test_weights_equal_repetitions_in_probabilistic_pca():
    counts = np.random.RandomState(1).randint(1, 5, size=40)
    X = centered(40)
    X -= np.average(X, axis=0, weights=counts)
    weighted = ppca_of(X, 3, counts.astype(float))
    repeated = ppca_of(np.repeat(X, counts, axis=0), 3)
    np.testing.assert_allclose(covariance_of(weighted), covariance_of(repeated))
    rescaled = ppca_of(X, 3, 1e-3 * counts)
    np.testing.assert_allclose(covariance_of(weighted), covariance_of(rescaled))
