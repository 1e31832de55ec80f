"""Noise and dispersion of the variational autoencoders begin at closed forms."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.exceptions import ConvergenceWarning

from skae import ConditionalVAE, VAETransformer
from skae._functional.factor_analysis import factor_analysis

pytestmark = pytest.mark.filterwarnings("ignore:Posterior collapse")
FAST = {"random_state": 0, "n_threads": 1}
P = 20
PROFILES = {
    "wide": np.geomspace(0.02, 3, P),
    "equal": np.full(P, 0.5),
    "units": np.geomspace(1e-4, 1e3, P),
}


def linear_rows(noise, n, rng, loadings):
    return rng.randn(n, 2) @ loadings + noise * rng.randn(n, P)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("n", [100, 300, 2000])
def test_noise_of_features_is_at_least_as_good_as_factor_analysis(profile, n):
    rng, noise = np.random.RandomState(0), PROFILES[profile]
    loadings = rng.randn(2, P) * (noise if profile == "units" else 1)
    X, T = (linear_rows(noise, m, rng, loadings) for m in (n, 1000))
    vae = VAETransformer(2, noise_variance="per_feature", max_iter=20, **FAST).fit(X)
    # In units of its own, as scikit-learn's bound on the noise is absolute.
    scale = X.std(axis=0)
    analysis = FactorAnalysis(2, svd_method="lapack").fit(X / scale)
    expected = analysis.score(T / scale) - np.log(scale).sum()
    assert vae.score(T) > expected - 0.05
    wanted = analysis.noise_variance_ * scale**2
    assert_allclose(vae.noise_variance_, wanted, rtol=0.3)


@pytest.mark.parametrize("n", [15, 200])
def test_the_closed_form_is_a_maximum_of_the_likelihood(n):
    rng = np.random.RandomState(1)
    X = linear_rows(PROFILES["wide"], n, rng, rng.randn(2, P))
    X = X - X.mean(axis=0)
    ours = factor_analysis(X, 2, floor=1e-6)
    covariance = ours.decoder @ ours.decoder.T + np.diag(ours.noise_variance)
    normal = stats.multivariate_normal(np.zeros(P), covariance)
    theirs = FactorAnalysis(2, svd_method="lapack", tol=1e-4).fit(X)
    assert normal.logpdf(X).mean() > theirs.score(X) - 0.02
    # The encoder is the posterior's mean, and its covariance is diagonal.
    precision = ours.decoder.T / ours.noise_variance
    inverse = np.eye(2) + precision @ ours.decoder
    assert_allclose(inverse, np.diag(np.diag(inverse)), atol=1e-8)
    assert_allclose(ours.encoder, np.linalg.solve(inverse, precision), rtol=1e-6)


def test_weights_count_as_repetitions():
    rng = np.random.RandomState(2)
    X = linear_rows(PROFILES["wide"], 80, rng, rng.randn(2, P))
    counts = rng.randint(1, 4, 80)
    repeated = np.repeat(X, counts, axis=0)
    center = repeated.mean(axis=0)
    for options in ({}, {"only_evident": True}):
        whole = factor_analysis(repeated - center, 3, **options)
        weighted = factor_analysis(X - center, 3, counts.astype(float), **options)
        assert_allclose(weighted.noise_variance, whole.noise_variance, rtol=1e-6)


def test_components_that_are_not_evident_carry_nothing():
    X = np.random.RandomState(0).randn(300, P)
    X -= X.mean(axis=0)
    assert np.any(factor_analysis(X, 3).decoder)
    found = factor_analysis(X, 3, only_evident=True)
    assert not np.any(found.decoder)
    assert_allclose(found.noise_variance, X.var(axis=0))


def test_a_constant_feature_is_not_certain_to_stay_so():
    rng = np.random.RandomState(0)
    X = linear_rows(PROFILES["wide"], 200, rng, rng.randn(2, P))
    X[:, 3] = 7.0
    vae = VAETransformer(2, noise_variance="per_feature", max_iter=10, **FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae.fit(X)
    least = X.var(axis=0).mean() / 200
    assert vae.noise_variance_[3] > 0.9 * least
    other = X.copy()
    other[:, 3] += np.sqrt(least)
    assert vae.score(other) > vae.score(X) - 1


@pytest.mark.parametrize("overdispersed", [False, True])
@pytest.mark.parametrize("n", [300, 1000])
def test_counts_are_described_as_well_as_by_independent_ones(overdispersed, n):
    rng = np.random.RandomState(0)
    rates = np.exp(rng.randn(P))

    def draw(n):
        factor = rng.gamma(1.5, 1 / 1.5, (n, P)) if overdispersed else 1.0
        return rng.poisson(rates * factor * np.ones((n, P))).astype(float)

    X, T = draw(n), draw(2000)
    independent = stats.poisson(X.mean(axis=0)).logpmf(T).sum(axis=1).mean()
    scores = {
        likelihood: VAETransformer(2, likelihood=likelihood, max_iter=20, **FAST)
        .fit(X)
        .score(T)
        for likelihood in ("poisson", "negative_binomial")
    }
    assert scores["poisson"] > independent - 0.05
    assert scores["negative_binomial"] > independent - 0.1
    if overdispersed:
        assert scores["negative_binomial"] > scores["poisson"] + 2
        mean, excess = X.mean(axis=0), X.var(axis=0) - X.mean(axis=0)
        size = np.clip(mean**2 / np.maximum(excess, 1e-9), 0.1, 1000)
        model = stats.nbinom(size, size / (size + mean))
        expected = model.logpmf(T).sum(axis=1).mean()
        assert scores["negative_binomial"] > expected - 0.15


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_the_start_has_the_means_of_the_counts(likelihood):
    rng = np.random.RandomState(0)
    rates = np.exp(rng.randn(400, 2) @ rng.randn(2, P) * 0.7)
    X = rng.poisson(rates).astype(float)
    # Too few samples to be split, so the closed form is the result.
    vae = VAETransformer(2, likelihood=likelihood, early_stopping=False, max_iter=1)
    vae.set_params(learning_rate_init=1e-12, **FAST).fit(X)
    drawn = vae.sample(40000, random_state=0)
    assert_allclose(drawn.mean(), X.mean(), rtol=0.3)


def test_a_conditional_model_begins_with_the_variances_of_the_features():
    rng = np.random.RandomState(0)
    y = rng.randint(0, 3, 300)
    noise = np.geomspace(0.05, 3, P)
    centers = rng.randn(3, P)
    X, labels = centers[y] + noise * rng.randn(300, P), rng.randint(0, 3, 1000)
    T = centers[labels] + noise * rng.randn(1000, P)
    scores = {
        noise_variance: ConditionalVAE(2, noise_variance=noise_variance, **FAST)
        .fit(X, y)
        .score(T, labels)
        for noise_variance in ("shared", "per_feature")
    }
    assert scores["per_feature"] > scores["shared"] + 5


def test_a_floor_of_the_noise_that_costs_likelihood_is_pointed_out():
    rng = np.random.RandomState(0)
    X = rng.randn(200, 3) @ rng.randn(3, 10) + 3e-4 * rng.randn(200, 10)
    options = {"hidden_layer_sizes": (), **FAST}
    with pytest.warns(UserWarning, match="noise_variance='shared' is at its floor"):
        vae = VAETransformer(3, **options).fit(X)
    pca = PCA(3).fit(X)
    assert vae.score(X) < pca.score(X) - 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The remedy that it names.
        given = VAETransformer(3, noise_variance=pca.noise_variance_, **options).fit(X)
    # PCA divides by n - 1.
    assert given.score(X) == pytest.approx(pca.score(X), abs=0.1)


def test_a_floor_of_some_features_is_pointed_out():
    rng = np.random.RandomState(0)
    X = rng.randn(200, 2) @ rng.randn(2, 10) + 0.3 * rng.randn(200, 10)
    X[:, 1] = X[:, 0]
    with pytest.warns(UserWarning, match="of 10 features: lower n_components"):
        VAETransformer(3, noise_variance="per_feature", max_iter=5, **FAST).fit(X)


def test_data_with_noise_are_no_cause_for_a_warning():
    rng = np.random.RandomState(0)
    X = linear_rows(PROFILES["wide"], 300, rng, rng.randn(2, P))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        for noise_variance in ("shared", "per_feature"):
            VAETransformer(2, noise_variance=noise_variance, max_iter=5, **FAST).fit(X)
