"""The bounds against what is known: Monte Carlo, closed forms, one another."""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy import stats

from skae._estimators.variational.elbo import (
    NegativeELBO,
    NegativeImportanceWeightedBound,
    importance_weighted_bound,
)
from skae._functional.likelihoods import RowLikelihood
from skae._functional.linear_maps import LinearMap, probabilistic_pca
from skae._functional.penalties import kl_to_standard_normal
from skae._networks.head import Encoder, Head
from skae._networks.scaling import Scaling
from skae._networks.variational import VariationalAutoencoder
from skae._training.data import Rows

P, K = 6, 2


def make_X(n=80, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, K) @ rng.randn(K, P) * 3 + rng.randn(n, P)
    return X - X.mean(axis=0)


def linear_network(X, noise_variance=None):
    """Probabilistic PCA of centered X as a network, and the covariance of X in it."""
    linear_map = probabilistic_pca(
        X, K, np.random.RandomState(0), noise_variance=noise_variance
    )
    network = VariationalAutoencoder(
        P, K, (), "tanh", linear_path=True, likelihood="gaussian"
    )
    network = network.double()
    network.initialize("normal", torch.Generator().manual_seed(0))
    network.set_linear_path(linear_map, None, 0.0)
    network.set_dispersion(np.log(linear_map.noise_variance))
    W = linear_map.decoder
    return network.eval(), W @ W.T + linear_map.noise_variance * np.eye(P)


def random_network(seed=0):
    network = VariationalAutoencoder(
        P, K, (8,), "tanh", linear_path=False, likelihood="gaussian"
    ).double()
    network.initialize("normal", torch.Generator().manual_seed(seed))
    return network.eval()


def identity_scaling():
    return Scaling(np.zeros(P), np.zeros(P), 1.0, 1.0, "identity")


def rows_of(X):
    x = torch.from_numpy(X)
    return Rows(x, x)


def terms_of(network, X, *, beta=1.0, seed=0, n_samples=None):
    likelihood = RowLikelihood("gaussian", identity_scaling())
    objective = NegativeELBO(likelihood, beta)
    if n_samples is not None:
        objective = NegativeImportanceWeightedBound(
            likelihood, beta, n_samples=n_samples
        )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return objective.losses(network, rows_of(X), generator)


def mean_terms(network, X, *, n_repeats=200, **options):
    """Return the sum of the terms, averaged over draws, and its standard error."""
    totals = [
        sum(terms_of(network, X, seed=seed, **options).values()).mean()
        for seed in range(n_repeats)
    ]
    return np.mean(totals), np.std(totals) / math.sqrt(n_repeats)


def reported_bound(network, X, n_draws, seed=0):
    draws = np.random.RandomState(seed).standard_normal((n_draws, K))
    bound = importance_weighted_bound("gaussian", torch.from_numpy(draws))
    encoder = Encoder(identity_scaling(), network, Head.identity(K))
    with torch.no_grad():
        return bound(encoder, None, torch.from_numpy(X))[:, 0].numpy()


# ----- the evidence lower bound -------------------------------------------------


def test_at_the_posterior_of_a_linear_model_the_bound_is_its_likelihood():
    X = make_X()
    network, covariance = linear_network(X)
    exact = stats.multivariate_normal(np.zeros(P), covariance).logpdf(X).mean()
    mean, error = mean_terms(network, X)
    assert abs(mean + exact) < 4 * error
    # Each draw's weight is p(x) itself: importance sampling has no variance.
    for n_draws in (1, 7):
        scores = reported_bound(network, X, n_draws)
        expected = stats.multivariate_normal(np.zeros(P), covariance).logpdf(X)
        np.testing.assert_allclose(scores, expected, rtol=1e-9)


def test_terms_are_those_of_the_equation():
    X, network = make_X(), random_network()
    terms = terms_of(network, X, beta=2.5)
    mean, log_variance = (m.detach() for m in network.posterior(torch.from_numpy(X)))
    noise = torch.randn(
        mean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    z = mean + torch.exp(0.5 * log_variance) * noise
    sigma = math.exp(0.5 * float(network.dispersion.detach()))
    density = stats.norm(network.decode(z).detach().numpy(), sigma).logpdf(X)
    np.testing.assert_allclose(terms["reconstruction"], -density.sum(axis=1))
    divergence = kl_to_standard_normal(mean, log_variance).sum(dim=1)
    torch.testing.assert_close(terms["kl"], 2.5 * divergence)


def test_beta_weighs_the_divergence_only():
    X, network = make_X(), random_network()
    one, four = (terms_of(network, X, beta=beta) for beta in (1.0, 4.0))
    assert torch.equal(one["reconstruction"], four["reconstruction"])
    torch.testing.assert_close(4 * one["kl"], four["kl"])
    assert (terms_of(network, X, beta=0.0)["kl"] == 0).all()


def test_beta_rises_to_its_value_during_the_warm_up():
    likelihood = RowLikelihood("gaussian", identity_scaling())
    options = {"beta": 2.0, "missing_share": 0.1, "warmup": 4}
    for objective in (
        NegativeELBO(likelihood, **options),
        NegativeImportanceWeightedBound(likelihood, n_samples=3, **options),
    ):
        betas = [objective.in_epoch(epoch).beta for epoch in range(6)]
        assert betas == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
        assert objective.first_full_epoch == 5
        assert objective.in_epoch(4) is objective
        # Nothing else changes.
        assert replace(objective, beta=0.5, warmup=0) == objective.in_epoch(1)
    without = NegativeELBO(likelihood, beta=2.0)
    assert without.first_full_epoch == 1
    assert without.in_epoch(0) is without


# ----- the importance-weighted bound --------------------------------------------


def test_one_importance_sample_has_the_mean_of_the_elbo():
    X, network = make_X(20), random_network()
    elbo, error = mean_terms(network, X, n_repeats=400)
    one, other_error = mean_terms(network, X, n_repeats=400, n_samples=1)
    assert abs(elbo - one) < 4 * math.hypot(error, other_error)


def test_the_trained_and_the_reported_bound_are_one_formula():
    X, network = make_X(20), random_network()
    many, error = mean_terms(network, X, n_repeats=300, n_samples=8)
    # The draws of the report are shared by the rows: its error is its own.
    reported = [-reported_bound(network, X, 8, seed).mean() for seed in range(300)]
    other_error = np.std(reported) / math.sqrt(300)
    assert abs(many - np.mean(reported)) < 4 * math.hypot(error, other_error)


def test_the_bound_grows_with_the_draws_towards_the_likelihood():
    # A linear model with a posterior that is not its own: too wide, and shifted.
    X = make_X(400)
    network, covariance = linear_network(X)
    with torch.no_grad():
        network.posterior_scale.mul_(1.5)
        network.linear_encoder.mul_(0.9)
    exact = stats.multivariate_normal(np.zeros(P), covariance).logpdf(X).mean()
    means = [
        np.mean([reported_bound(network, X, s, seed).mean() for seed in range(40)])
        for s in (1, 2, 4, 16, 64)
    ]
    assert (np.diff(means) > 0).all()
    assert means[0] < exact - 0.1
    # In expectation never above the likelihood; the tolerance is the error of a mean
    # of 40 x 64 draws.
    assert exact - 0.05 < means[-1] < exact + 0.01


def test_the_importance_weighted_bound_is_tighter_in_training_too():
    X, network = make_X(40), random_network()
    losses = [mean_terms(network, X, n_samples=s)[0] for s in (1, 3, 10)]
    assert (np.diff(losses) < 0).all()


def test_beta_tempers_the_importance_weights():
    X, network = make_X(), random_network()
    without = terms_of(network, X, beta=0.0, n_samples=1)["bound"]
    one = terms_of(network, X, beta=1.0, n_samples=1)["bound"]
    three = terms_of(network, X, beta=3.0, n_samples=1)["bound"]
    torch.testing.assert_close(three - without, 3 * (one - without))


def test_the_bound_is_the_mean_weight_of_the_draws():
    X, network = make_X(10), random_network()
    draws = np.random.RandomState(0).standard_normal((9, K))
    single = [
        importance_weighted_bound("gaussian", torch.from_numpy(draws[[i]]))
        for i in range(9)
    ]
    encoder = Encoder(identity_scaling(), network, Head.identity(K))
    with torch.no_grad():
        weights = [bound(encoder, None, torch.from_numpy(X)) for bound in single]
    expected = torch.logsumexp(torch.stack(weights), dim=0) - math.log(9)
    np.testing.assert_allclose(reported_bound(network, X, 9), expected[:, 0])


# ----- what is given, and missing ------------------------------------------------


def conditional_network():
    network = VariationalAutoencoder(
        P, K, (8,), "tanh", linear_path=False, likelihood="gaussian", n_conditions=3
    ).double()
    network.initialize("normal", torch.Generator().manual_seed(0))
    return network.eval()


def test_the_encoder_is_not_told_on_a_share_of_the_rows():
    X, network = make_X(2000), conditional_network()
    given = torch.eye(3, dtype=torch.float64)[torch.arange(2000) % 3]
    x = torch.from_numpy(X)
    seen = []

    class Spy:
        dispersion = network.dispersion
        decode = network.decode

        def posterior(self, u, generator, condition):
            seen.append(condition)
            return network.posterior(u, generator, condition)

    likelihood = RowLikelihood("gaussian", identity_scaling())
    NegativeELBO(likelihood, beta=1.0, missing_share=0.1).losses(
        Spy(), Rows(x, x, None, given), torch.Generator().manual_seed(0)
    )
    hidden = seen[0].isnan()
    assert torch.equal(hidden.any(dim=1), hidden.all(dim=1))
    # Binomial: 200 rows, give or take 13.4.
    assert 150 < int(hidden[:, 0].sum()) < 250
    assert torch.equal(seen[0][~hidden], given[~hidden])


def test_what_is_given_is_repeated_with_the_draws():
    X, network = make_X(5), conditional_network()
    given = torch.eye(3, dtype=torch.float64)[torch.arange(5) % 3]
    x = torch.from_numpy(X)
    likelihood = RowLikelihood("gaussian", identity_scaling())
    objective = NegativeImportanceWeightedBound(likelihood, beta=1.0, n_samples=4)
    together, other = (
        objective.losses(
            network, Rows(x, x, None, y), torch.Generator().manual_seed(0)
        )["bound"]
        for y in (given, given.flip(1))
    )
    assert together.shape == (5,)
    same = given[:, 1] == 1  # the middle column stays where it is
    torch.testing.assert_close(together[same], other[same])
    assert not torch.isclose(together[~same], other[~same]).any()


def test_a_linear_map_without_axes_is_a_normal_distribution():
    network = VariationalAutoencoder(
        P, K, (), "tanh", linear_path=True, likelihood="gaussian"
    )
    network.initialize("normal", torch.Generator().manual_seed(0))
    nothing = LinearMap(np.zeros((K, P)), np.zeros((P, K)), np.zeros(P), 4.0)
    network.double().set_linear_path(nothing, None, 0.0)
    network.set_dispersion(np.log(4.0))
    X = make_X()
    expected = stats.norm(0, 2).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(reported_bound(network.eval(), X, 3), expected)
