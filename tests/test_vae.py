"""VAETransformer against the linear models that have a likelihood in closed form."""

import pickle
import warnings

import engine
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ConditionalVAE, VAETransformer
from skae._estimators.variational import base as _variational

P, K, NOISE = 6, 2, 0.5
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}


def loadings(seed=0):
    return 2 * np.random.RandomState(seed).randn(P, K)


def linear_rows(n=600, seed=1, noise_variance=NOISE):
    """Rows of x = W z + 5 + e."""
    rng = np.random.RandomState(seed)
    rows = rng.randn(n, K) @ loadings().T + 5
    return rows + np.sqrt(noise_variance) * rng.randn(n, P)


def linear_model_of(vae):
    """The normal distribution of X in a fitted model whose decoder is linear."""
    center = vae.inverse_transform(np.zeros((1, vae.n_components_)))[0]
    W = (vae.inverse_transform(np.eye(vae.n_components_)) - center).T
    noise = np.diag(np.full(len(center), vae.noise_variance_))
    return stats.multivariate_normal(center, W @ W.T + noise), W


def most_likely_model(X, n_components):
    """Probabilistic PCA as a normal distribution, by scikit-learn's PCA."""
    covariance = PCA(n_components).fit(X).get_covariance() * (len(X) - 1) / len(X)
    return stats.multivariate_normal(X.mean(axis=0), covariance)


@pytest.fixture(scope="module")
def digits():
    X, _ = load_digits(return_X_y=True)
    return train_test_split(X, test_size=0.2, random_state=0)


@pytest.fixture(scope="module")
def linear():
    return VAETransformer(K, hidden_layer_sizes=(), random_state=0).fit(linear_rows())


@pytest.fixture(scope="module")
def deep(digits):
    return VAETransformer(8, max_iter=30, random_state=0).fit(digits[0])


# ----- linear models -------------------------------------------------------------


@pytest.mark.parametrize("n_components", [1, 8, 30])
def test_a_linear_model_has_the_score_of_pca(n_components, digits):
    train, test = digits
    vae = VAETransformer(n_components, hidden_layer_sizes=(), random_state=0).fit(train)
    pca = PCA(n_components).fit(train)
    for rows in (train, test):
        assert abs(vae.score(rows) - pca.score(rows)) < 0.01 * rows.shape[1]
    assert vae.best_epoch_ == 0


@pytest.mark.parametrize("n_draws", [1, 16])
def test_the_scores_of_a_linear_model_are_its_likelihood(n_draws, linear):
    # Its posterior is exact, so that one draw says as much as many.
    X = linear_rows(seed=2)
    exact = most_likely_model(linear_rows(), K).logpdf(X)
    assert_allclose(linear.score_samples(X, n_draws=n_draws), exact, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "lbfgs", "max_iter": 300},
        {
            "solver": "adam",
            "learning_rate_init": 0.02,
            "learning_rate": "cosine",
            "max_iter": 40,
        },
    ],
    ids=["lbfgs", "adam"],
)
@pytest.mark.filterwarnings("ignore:solver='lbfgs' stopped")
def test_a_linear_model_learnt_from_nothing_has_the_score_of_pca(options):
    train, test = linear_rows(4000), linear_rows(2000, seed=2)
    vae = VAETransformer(
        K,
        hidden_layer_sizes=(),
        linear_path=None,
        precision="float64",
        early_stopping=False,
        random_state=0,
        **options,
    ).fit(train)
    pca = PCA(K).fit(train)
    assert abs(vae.score(test) - pca.score(test)) < 0.01 * P
    assert vae.noise_variance_ == pytest.approx(pca.noise_variance_, rel=0.1)


@pytest.mark.parametrize("n_components", [1, 8])
def test_the_first_epoch_of_a_network_is_probabilistic_pca(n_components, digits):
    train, _ = digits
    vae = VAETransformer(
        n_components,
        # Of this bound each draw gives the likelihood itself, at the posterior.
        n_importance_samples=2,
        early_stopping=False,
        max_iter=1,
        random_state=0,
    ).fit(train)
    exact = most_likely_model(train, n_components)
    # Constant pixels add nothing but the noise's own density.
    assert_allclose(-vae.loss_curve_[0], exact.logpdf(train).mean(), rtol=1e-4)


def test_the_posterior_of_a_linear_model_is_in_closed_form(linear):
    X = linear_rows(50, seed=2)
    model, W = linear_model_of(linear)
    mean, std = linear.posterior(X)
    M = W.T @ W + linear.noise_variance_ * np.eye(K)
    expected = np.linalg.solve(M, W.T @ (X - model.mean).T).T
    assert_allclose(mean, expected, rtol=1e-4, atol=1e-5)
    variances = np.diag(linear.noise_variance_ * np.linalg.inv(M))
    assert_allclose(np.square(std), np.tile(variances, (50, 1)), rtol=1e-4)


def test_components_are_the_loadings_of_probabilistic_pca(linear):
    pca = PCA(K).fit(linear_rows())
    share = (600 - 1) / 600
    lengths = share * (pca.explained_variance_ - pca.noise_variance_)
    expected = pca.components_ * np.sqrt(lengths)[:, np.newaxis]
    signs = np.sign(np.sum(linear.components_ * expected, axis=1, keepdims=True))
    assert_allclose(signs * linear.components_, expected, rtol=1e-4, atol=1e-5)
    assert linear.noise_variance_ == pytest.approx(share * pca.noise_variance_)


def test_a_bound_is_below_the_likelihood_and_grows_towards_it(monkeypatch):
    X = linear_rows(400)
    vae = VAETransformer(
        K, hidden_layer_sizes=(), linear_path=None, max_iter=30, random_state=0
    ).fit(X)
    exact = linear_model_of(vae)[0].logpdf(X).mean()
    # All rows share the draws, so that one bound has the error of one row.
    bounds = np.empty((40, 3))
    for seed, row in enumerate(bounds):
        monkeypatch.setattr(_variational, "_SEED_OF_DRAWS", seed)
        row[:] = [vae.score_samples(X, n_draws=s).mean() for s in (1, 16, 256)]
    errors = bounds.std(axis=0) / np.sqrt(len(bounds))
    means = bounds.mean(axis=0)
    # By some 0.6 and 0.05 nats: two standard errors, at least.
    assert means[0] + errors[0] < means[1] - errors[1]
    assert means[1] + errors[1] < means[2] - errors[2]
    assert (means < exact + 3 * errors).all()
    assert means[2] > exact - 0.1


def test_fewer_draws_are_the_first_of_more(digits):
    vae = VAETransformer(4, linear_path=None, **QUICK).fit(digits[0])
    # Each further draw adds its weight to the sum, in every row.
    draws = np.array([1, 2, 3, 8, 16])
    bounds = np.array([vae.score_samples(digits[1], n_draws=s) for s in draws])
    sums = bounds + np.log(draws)[:, np.newaxis]
    growth = np.diff(sums, axis=0)
    assert (growth > -1e-9).all()
    assert (growth.max(axis=1) > 1).all()


# ----- generation ----------------------------------------------------------------


def test_samples_have_the_mean_and_the_covariance_of_the_model(linear):
    n = 40_000
    model, _ = linear_model_of(linear)
    drawn = linear.sample(n, random_state=0)
    error = (drawn.mean(axis=0) - model.mean) / np.sqrt(np.diag(model.cov) / n)
    assert np.abs(error).max() < 4
    largest = np.diag(model.cov).max()
    assert_allclose(np.cov(drawn.T), model.cov, atol=5 * largest * np.sqrt(2 / n))


def test_samples_without_noise_are_means_given_codes(linear):
    drawn = linear.sample(5000, random_state=0, noise=False)
    model, W = linear_model_of(linear)
    assert np.linalg.matrix_rank(drawn - model.mean, tol=1e-6) == K
    assert_allclose(np.cov(drawn.T), W @ W.T, atol=0.1 * np.trace(W @ W.T))


def test_samples_follow_the_random_state(linear):
    assert_array_equal(
        linear.sample(3, random_state=1), linear.sample(3, random_state=1)
    )
    assert not np.allclose(
        linear.sample(3, random_state=1), linear.sample(3, random_state=2)
    )
    assert not np.allclose(linear.sample(3), linear.sample(3))
    shared = np.random.RandomState(0)
    first, second = (linear.sample(3, random_state=shared) for _ in range(2))
    assert not np.allclose(first, second)
    assert linear.sample().shape == (1, P)


@pytest.mark.parametrize(
    ("likelihood", "unit"),
    [("gaussian", 1), ("bernoulli", 1), ("poisson", 16), ("negative_binomial", 16)],
)
def test_samples_are_rows_of_the_likelihood(likelihood, unit, digits):
    X = digits[0] / 16 * unit
    vae = VAETransformer(4, likelihood=likelihood, **QUICK).fit(X)
    drawn = vae.sample(2000, random_state=0)
    means = vae.sample(2000, random_state=0, noise=False)
    if likelihood != "gaussian":
        assert_array_equal(drawn, np.round(drawn))
        assert drawn.min() >= 0 and means.min() >= 0
    if likelihood == "bernoulli":
        assert drawn.max() == 1 and 0.5 < means.max() <= 1
    error = 1e-3 + drawn.std(axis=0) / np.sqrt(2000)
    assert (np.abs(drawn.mean(axis=0) - means.mean(axis=0)) < 4.5 * error).all()


# ----- codes ---------------------------------------------------------------------


def test_codes_are_the_posteriors_means(deep, digits):
    mean, std = deep.posterior(digits[1])
    assert_array_equal(mean, deep.transform(digits[1]))
    assert mean.shape == std.shape == (len(digits[1]), 8)
    assert (std > 0).all() and (std < 1.5).all()
    as_float32 = deep.posterior(digits[1].astype(np.float32))
    assert all(moment.dtype == np.float32 for moment in as_float32)


def test_standard_deviations_stay_with_their_codes(digits):
    vae = VAETransformer(8, linear_path=None, **QUICK).fit(digits[0])
    order = np.abs(vae._head.rotation.numpy()).argmax(axis=1)
    assert not np.array_equal(order, np.arange(8))
    x = vae._scaling.to_network(digits[1], torch.float32)
    _, log_variance = vae.network_.posterior(x)
    expected = torch.exp(0.5 * log_variance).detach().numpy()[:, order]
    assert_allclose(vae.posterior(digits[1])[1], expected, rtol=1e-4)


def test_the_aggregate_of_the_posteriors_is_near_the_prior(deep, digits):
    mean, std = deep.posterior(digits[0])
    assert np.abs(mean.mean(axis=0)).max() < 0.3
    variance = mean.var(axis=0) + np.square(std).mean(axis=0)
    assert (np.abs(variance - 1) < 0.5).all()


def test_the_divergence_of_each_component_is_that_of_its_posterior(deep, digits):
    mean, std = deep.posterior(digits[0])
    expected = 0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).mean(axis=0)
    assert_allclose(deep.kl_per_component_, expected, rtol=1e-5)
    assert deep.active_units_ == np.sum(mean.var(axis=0) > 0.01) == 8


def test_reconstructions_are_means(deep, digits):
    codes = deep.transform(digits[1])
    rows = deep.inverse_transform(codes)
    assert_array_equal(rows, deep.reconstruct(digits[1]))
    assert np.square(rows - digits[1]).mean() < 0.7 * digits[1].var()


# ----- scores --------------------------------------------------------------------


def test_networks_are_more_likely_than_pca(deep, digits):
    train, test = digits
    assert deep.score(test) > PCA(8).fit(train).score(test) + 5


def test_the_bound_grows_with_the_draws(deep, digits):
    means = [deep.score_samples(digits[1], n_draws=s).mean() for s in (1, 16, 128)]
    assert means[0] < means[1] < means[2]
    assert deep.score(digits[1]) == means[1]


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-9)])
def test_scores_repeat_and_do_not_depend_on_the_batch(dtype, rtol, deep, digits):
    X = digits[1].astype(dtype)
    scores = deep.score_samples(X)
    assert scores.dtype == dtype
    assert_array_equal(scores, deep.score_samples(X))
    for rows in (slice(0, 1), slice(7, 40), slice(None, None, -1)):
        assert_allclose(deep.score_samples(X[rows]), scores[rows], rtol=rtol)
    assert_allclose(scores, deep.score_samples(digits[1]), rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-3, 1e4])
def test_scores_are_densities_in_the_units_of_the_data(unit, digits):
    train, test = digits
    vae = VAETransformer(4, **QUICK)
    score = clone(vae).fit(train).score(test)
    scaled = clone(vae).fit(unit * train)
    assert_allclose(scaled.score(unit * test), score - 64 * np.log(unit), rtol=1e-4)
    assert_allclose(scaled.loss_curve_[0], -scaled.score(unit * train), rtol=0.05)


def test_a_row_from_elsewhere_is_unlikely(deep, digits):
    test = digits[1]
    turned = test.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64)
    assert np.median(deep.score_samples(turned)) < np.median(deep.score_samples(test))
    assert (
        deep.score_samples(np.full((1, 64), 16.0))[0] < deep.score_samples(test).min()
    )


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "negative_binomial"])
def test_rows_outside_the_likelihood_are_scored_as_its_border(likelihood, digits):
    X = digits[0] / 16
    vae = VAETransformer(2, likelihood=likelihood, **QUICK).fit(X)
    outside = X[:20].copy()
    outside[:, ::5] -= 0.7
    high = 1 if likelihood == "bernoulli" else np.inf
    inside = outside.clip(0, high)
    assert_array_equal(vae.score_samples(outside), vae.score_samples(inside))


# ----- the parameters ------------------------------------------------------------


def test_beta_presses_the_codes_to_the_prior(digits):
    train, _ = digits
    told = [
        VAETransformer(8, beta=beta, max_iter=10, random_state=0)
        .fit(train)
        .kl_per_component_.sum()
        for beta in (0.2, 1.0, 5.0)
    ]
    assert told[0] > 1.2 * told[1] > 1.2**2 * told[2]


def test_without_beta_codes_are_sure_and_scores_are_bounds_all_the_same(digits):
    train, test = digits
    sure = VAETransformer(8, beta=0.0, max_iter=20, random_state=0).fit(train)
    assert np.median(sure.posterior(test)[1]) < 0.2
    assert sure.score(test) < VAETransformer(8, max_iter=20, random_state=0).fit(
        train
    ).score(test)


def test_the_importance_weighted_bound_is_what_is_trained(digits):
    train, test = digits
    many = VAETransformer(
        4, n_importance_samples=5, max_iter=10, random_state=0, n_iter_no_change=20
    ).fit(train)
    # A mean over rows and draws; those of training are not those of the report.
    assert -many.validation_loss_curve_[0] == pytest.approx(
        PCA(4).fit(train).score(test), rel=0.05
    )
    bound, elbo = (many.score_samples(test, n_draws=s).mean() for s in (5, 1))
    assert bound > elbo
    one = VAETransformer(4, max_iter=10, random_state=0).fit(train)
    # Its posterior may be wider, as a few of its draws need only be good.
    bounds = [model.score_samples(test, n_draws=64).mean() for model in (many, one)]
    assert bounds[0] > bounds[1] - 3


def test_warm_up_raises_beta_and_is_judged_at_the_full_one(digits):
    train, _ = digits
    vae = VAETransformer(
        4,
        beta=2.0,
        kl_warmup=4,
        max_iter=6,
        learning_rate_init=1e-9,
        average=False,
        random_state=0,
    ).fit(train)
    # Nothing is learnt at this rate: losses differ by the weight of the divergence.
    curve = np.array(vae.loss_curve_[1:])
    divergence = (
        2.0
        * VAETransformer(4, max_iter=1, learning_rate_init=1e-9, random_state=0)
        .fit(train)
        .kl_per_component_.sum()
    )
    expected = curve[4] - divergence * np.array([1, 0.75, 0.5, 0.25, 0, 0])
    assert_allclose(curve, expected, atol=0.1 * divergence)
    assert_allclose(np.diff(vae.validation_loss_curve_), 0, atol=1e-3)


def test_patience_begins_after_the_warm_up(digits):
    options = {"n_iter_no_change": 2, "max_iter": 12, "learning_rate_init": 1e-9}
    vae = VAETransformer(4, kl_warmup=6, random_state=0, **options).fit(digits[0])
    assert vae.n_iter_ in (7, 8)
    assert vae.best_epoch_ == 0 or vae.best_epoch_ > 6
    learning = VAETransformer(4, linear_path=None, kl_warmup=6, max_iter=8)
    assert learning.fit(digits[0]).best_epoch_ > 6
    # Without the divergence the first epochs' losses are less, not better.
    learning.set_params(early_stopping=False, beta=5.0).fit(digits[0])
    assert learning.best_epoch_ > 6
    assert learning.best_loss_ == learning.loss_curve_[learning.best_epoch_]


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_solvers_of_all_rows_have_no_warm_up(solver, digits):
    options = {**QUICK, "solver": solver, "precision": "float64", "max_iter": 4}
    plain, warmed = (
        VAETransformer(4, kl_warmup=warmup, **options) for warmup in (0, 10)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes = plain.fit_transform(digits[0])
        assert_array_equal(codes, warmed.fit_transform(digits[0]))
    assert plain.best_epoch_ > 0


def test_a_warm_up_must_end():
    with pytest.raises(ValueError, match="'kl_warmup' .* less than max_iter=5.* Got 5"):
        VAETransformer(2, **QUICK, kl_warmup=5).fit(linear_rows())


def test_a_given_noise_variance_is_kept(digits):
    train, test = digits
    for hidden in ((), (16,)):
        options = {**QUICK, "hidden_layer_sizes": hidden}
        vae = VAETransformer(4, noise_variance=3.0, **options).fit(train)
        assert vae.noise_variance_ == pytest.approx(3.0, rel=1e-5)
    vae = VAETransformer(30, noise_variance=40.0, hidden_layer_sizes=()).fit(train)
    variances = PCA().fit(train).explained_variance_ * (len(train) - 1) / len(train)
    assert vae.active_units_ == np.sum(1 - 40.0 / variances[variances > 40] > 0.01)
    model, _ = linear_model_of(vae)
    assert_allclose(vae.score_samples(test), model.logpdf(test), rtol=1e-4)


def test_a_given_noise_variance_may_be_tiny():
    X = linear_rows()
    options = {"noise_variance": 1e-7, "hidden_layer_sizes": (), "random_state": 0}
    vae = VAETransformer(K, **options).fit(X)
    assert vae.noise_variance_ == pytest.approx(1e-7, rel=1e-4)
    model, _ = linear_model_of(vae)
    assert_allclose(vae.score_samples(X), model.logpdf(X), rtol=1e-3)


def test_noise_per_feature_is_that_of_factor_analysis():
    rng = np.random.RandomState(0)
    noise = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])

    def draw(n):
        return rng.randn(n, K) @ loadings().T + np.sqrt(noise) * rng.randn(n, P)

    train, test = draw(4000), draw(2000)
    vae = VAETransformer(
        K,
        noise_variance="per_feature",
        hidden_layer_sizes=(),
        linear_path=None,
        learning_rate_init=0.02,
        learning_rate="cosine",
        solver="adam",
        max_iter=40,
        n_iter_no_change=40,
        precision="float64",
        early_stopping=False,
        random_state=0,
    ).fit(train)
    analysis = FactorAnalysis(K).fit(train)
    assert vae.noise_variance_.shape == (P,)
    assert_allclose(vae.noise_variance_, noise, rtol=0.35)
    assert_allclose(vae.noise_variance_, analysis.noise_variance_, rtol=0.4)
    assert abs(vae.score(test) - analysis.score(test)) < 0.01 * P


def test_counts_have_their_dispersion():
    rng = np.random.RandomState(0)
    dispersion = np.array([0.5, 1.0, 2.0, 4.0])
    rates = np.exp(1.5 + 0.5 * rng.randn(2000, 1) * np.array([1, -1, 1, -1]))
    X = rng.poisson(rng.gamma(dispersion, rates / dispersion)).astype(float)
    options = {**QUICK, "learning_rate_init": 0.01, "max_iter": 20}
    vae = VAETransformer(1, likelihood="negative_binomial", **options).fit(X)
    assert_allclose(vae.dispersion_, dispersion, rtol=0.25)
    poisson = VAETransformer(1, likelihood="poisson", **options).fit(X)
    assert poisson.dispersion_ is None
    assert vae.score(X) > poisson.score(X) + 1


def test_counts_without_excess_have_a_large_dispersion_that_is_bounded():
    X = np.random.RandomState(0).poisson(0.03, (400, 30)).astype(float)
    vae = VAETransformer(2, likelihood="negative_binomial", **QUICK).fit(X)
    with torch.no_grad():
        vae.network_.raw_dispersion.fill_(30.0)
    assert vae.dispersion_.max() <= np.exp(8)
    largest = vae.network_.dispersion.detach().exp().max()
    assert float(largest) <= np.exp(8) * (1 + 1e-6)
    # What is learnt can be unlearnt, however far it has drifted.
    vae.network_.dispersion.sum().backward()
    assert (vae.network_.raw_dispersion.grad > 0).all()
    # There, too, both precisions agree.
    scores = vae.score_samples(X)
    assert_allclose(vae.score_samples(X.astype(np.float32)), scores, atol=0.05)


def test_poisson_scores_are_log_probabilities():
    # Counts of one rate: there is nothing to encode.
    X = np.random.RandomState(0).poisson(4.0, size=(2000, 3)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        vae = VAETransformer(1, likelihood="poisson", **QUICK).fit(X)
    expected = stats.poisson(X.mean(axis=0)).logpmf(X).sum(axis=1).mean()
    assert vae.score(X) == pytest.approx(expected, abs=0.03)


# ----- collapse ------------------------------------------------------------------


def test_a_single_row_tells_nothing_of_collapse(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        VAETransformer(4, linear_path=None, **QUICK).fit(digits[0][:1])


def test_collapse_is_told(digits):
    vae = VAETransformer(4, beta=50.0, max_iter=10, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Posterior collapse: .* of 4") as told:
        vae.fit(digits[0])
    assert told[0].filename == __file__
    assert "kl_warmup" in str(told[0].message)
    assert vae.active_units_ < 2
    assert (vae.kl_per_component_[vae.active_units_ :] < 0.1).all()


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_a_solver_without_warmup_does_not_advise_it(solver, digits):
    vae = VAETransformer(4, linear_path=None, beta=50.0, solver=solver, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"Lower n_components or beta\.$"):
        vae.fit(digits[0])


@pytest.mark.parametrize("options", [{}, {"linear_path": None}, {"kl_warmup": 5}])
def test_healthy_fits_are_quiet(options, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VAETransformer(max_iter=15, random_state=0, **options).fit(digits[0])


# ----- among the tools of scikit-learn -------------------------------------------


def test_beta_and_the_number_of_components_are_found_by_the_score():
    X = linear_rows(300)
    pipeline = make_pipeline(
        StandardScaler(),
        VAETransformer(max_iter=3, hidden_layer_sizes=(), random_state=0),
    )
    grid = {"vaetransformer__n_components": [1, 2], "vaetransformer__beta": [1.0, 30.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GridSearchCV(pipeline, grid, cv=3).fit(X)
    assert found.best_params_ == {
        "vaetransformer__n_components": 2,
        "vaetransformer__beta": 1.0,
    }


def test_columns_of_a_frame_have_names():
    frame = pd.DataFrame(linear_rows(60), columns=list("abcdef"))
    vae = VAETransformer(K, **QUICK).set_output(transform="pandas").fit(frame)
    assert list(vae.transform(frame).columns) == ["vaetransformer0", "vaetransformer1"]
    assert vae.score_samples(frame).shape == (60,)
    assert vae.sample(4).shape == (4, P)
    with pytest.raises(ValueError, match="feature names"):
        vae.posterior(frame[list("fedcba")])


def test_weights_count_as_repetitions_in_a_linear_model():
    X = linear_rows(200)
    counts = np.random.RandomState(0).randint(0, 4, size=200)
    vae = VAETransformer(K, hidden_layer_sizes=(), random_state=0)
    weighted = clone(vae).fit(X, sample_weight=counts)
    repeated = clone(vae).fit(np.repeat(X, counts, axis=0))
    assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-5)
    assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-4, atol=1e-5)
    assert weighted.noise_variance_ == pytest.approx(repeated.noise_variance_)
    assert_allclose(weighted.kl_per_component_, repeated.kl_per_component_, rtol=1e-5)


def test_partial_fit_learns_and_keeps_the_order_of_the_codes(digits):
    train, test = digits
    vae = VAETransformer(4, random_state=0).partial_fit(train)
    first, order = vae.score(test), vae._head
    for _ in range(5):
        vae.partial_fit(train)
    assert vae._head is order
    assert vae.score(test) > first + 1
    assert vae.n_iter_ == 6


def test_a_warm_start_goes_on(digits):
    train, test = digits
    vae = VAETransformer(
        4, warm_start=True, max_iter=4, early_stopping=False, random_state=0
    ).fit(train)
    before, noise = vae.score(test), vae.noise_variance_
    vae.fit(train)
    assert vae.n_iter_ == 8
    assert vae.score(test) > before
    assert vae.noise_variance_ != noise


def test_a_pickle_scores_and_samples_the_same(deep, digits):
    other = pickle.loads(pickle.dumps(deep))
    assert_array_equal(other.score_samples(digits[1]), deep.score_samples(digits[1]))
    assert_array_equal(other.sample(3, random_state=0), deep.sample(3, random_state=0))


def test_validation_rows_may_be_given(digits):
    train, test = digits
    vae = VAETransformer(4, **QUICK).fit(train, X_val=test)
    # One draw a row, of a mean over 360 rows.
    assert vae.validation_loss_curve_[0] == pytest.approx(
        -PCA(4).fit(train).score(test), rel=0.03
    )


# ----- wrong use -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("likelihood", "normal", "'negative_binomial'"),
        ("noise_variance", 0.0, "a float in the range (0.0, inf)"),
        ("noise_variance", "each", "'per_feature'"),
        ("beta", -1.0, "a float in the range [0.0, inf)"),
        ("kl_warmup", -1, "an int in the range [0, inf)"),
        ("n_importance_samples", 0, "an int in the range [1, inf)"),
        ("n_components", 0.5, "an int in the range [1, inf)"),
        ("linear_path", "pca", "'ppca'"),
    ],
)
def test_parameters_out_of_range(parameter, value, allowed):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter") as error:
        VAETransformer(**{parameter: value}).fit(linear_rows(20))
    assert allowed in str(error.value)
    assert str(error.value).endswith(f"Got {value!r} instead.")


@pytest.mark.parametrize("value", [0, -1, 1.5, "many"])
def test_numbers_of_draws_are_positive_integers(value, linear):
    with pytest.raises((ValueError, TypeError), match="n_draws"):
        linear.score_samples(linear_rows(3), n_draws=value)
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        linear.sample(value)


@pytest.mark.parametrize("noise", ["x", None, 0])
def test_noise_is_there_or_not(noise, linear):
    with pytest.raises(TypeError, match="noise must be an instance of"):
        linear.sample(2, noise=noise)


@pytest.mark.parametrize(
    ("likelihood", "X", "message"),
    [
        ("bernoulli", [[0.5, 2.0]], r"X must lie in \[0, 1\]"),
        ("poisson", [[1.0, -1.0]], "Negative values in data"),
        ("negative_binomial", [[1.0, -1.0]], "Negative values in data"),
    ],
)
def test_data_outside_the_likelihood(likelihood, X, message):
    with pytest.raises(ValueError, match=message):
        VAETransformer(1, likelihood=likelihood).fit(np.repeat(X, 5, axis=0))


def test_before_fit():
    for call in ("posterior", "score_samples", "score"):
        with pytest.raises(NotFittedError):
            getattr(VAETransformer(), call)(linear_rows(3))
    with pytest.raises(NotFittedError):
        VAETransformer().sample()


@pytest.mark.parametrize("noise_variance", ["shared", "per_feature", 1.0])
@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_any_unit(noise_variance, unit):
    X = linear_rows() * unit
    vae = VAETransformer(2, max_iter=2, noise_variance=noise_variance, random_state=0)
    vae.fit(X)
    assert np.isfinite(vae.loss_curve_).all() or noise_variance == 1.0
    assert np.isfinite(vae.transform(X)).all()
    assert vae.sample(3, noise=False).shape == (3, X.shape[1])
    assert np.isfinite(vae.score(X)) or noise_variance == 1.0


@pytest.mark.parametrize("cls", [VAETransformer, ConditionalVAE])
@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_counts_with_heavy_tails(cls, likelihood):
    rng = np.random.RandomState(0)
    topic = rng.randint(3, size=400)
    rates = 0.1 * rng.lognormal(sigma=1.5, size=(3, 60))[topic]
    # Few rows have most of the counts, as words or genes have.
    rates = np.minimum(rates * rng.pareto(0.7, size=(400, 1)), 1e4)
    X = rng.poisson(rates).astype(float)
    train, test = X[:300], X[300:]
    vae = cls(3, likelihood=likelihood, max_iter=20, random_state=0)
    vae.fit(train, topic[:300])
    for rows in (train, test):
        independent = stats.poisson.logpmf(rows, train.mean(axis=0) + 1e-3).sum(axis=1)
        assert vae.score(rows) > independent.mean()
    assert np.isfinite(vae.score_samples(1e4 * train)).all()


def test_much_data_in_float32_has_the_noise_of_float64(monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.randn(4000, 3) @ rng.randn(3, 20) + 3e-3 * rng.randn(4000, 20)
    X = X.astype(np.float32)
    fit = {"max_iter": 1, "hidden_layer_sizes": (), "random_state": 0}
    exact = VAETransformer(3, **fit).fit(X)
    engine.set_constant(monkeypatch, "values for float32 starts", 1)
    rounded = VAETransformer(3, **fit).fit(X)
    np.testing.assert_allclose(
        rounded.noise_variance_, exact.noise_variance_, rtol=0.02
    )
    assert abs(rounded.score(X) - exact.score(X)) < 0.1
