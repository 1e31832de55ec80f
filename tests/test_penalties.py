import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr
from sklearn.linear_model import ElasticNet, Ridge

from skae._functional.penalties import (
    elastic_net,
    elastic_net_gradient,
    estimate_jacobian_norm,
    jacobian_norm,
    jacobian_norm_of_layer,
    kl_from_target,
    kl_from_target_gradient,
    kl_to_standard_normal,
    l1_norm,
    l1_norm_gradient,
)

ALPHAS = st.floats(0, 10)
RATIOS = st.floats(0, 1)


def weights(n=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, generator=generator, dtype=torch.float64)


@given(ALPHAS, RATIOS)
def test_the_gradient_is_autograds(alpha, l1_ratio):
    w = weights().requires_grad_()
    (expected,) = torch.autograd.grad(elastic_net(w, alpha, l1_ratio), w)
    torch.testing.assert_close(
        elastic_net_gradient(w.detach(), alpha, l1_ratio), expected
    )


@given(ALPHAS, RATIOS)
def test_the_value_is_the_elastic_nets(alpha, l1_ratio):
    w = weights().numpy()
    expected = alpha * l1_ratio * np.abs(w).sum() + 0.5 * alpha * (1 - l1_ratio) * w @ w
    assert float(elastic_net(torch.from_numpy(w), alpha, l1_ratio)) == pytest.approx(
        expected
    )


def test_at_the_kink_the_gradient_is_zero():
    assert (elastic_net_gradient(torch.zeros(3), 1.0, 0.5) == 0).all()


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_the_weights_are_left_as_they_are(l1_ratio):
    w = weights()
    before = w.clone()
    elastic_net(w, 1.0, l1_ratio)
    elastic_net_gradient(w, 1.0, l1_ratio)
    assert torch.equal(w, before)


def gradient_of_least_squares(X, y, w):
    """Of ||y - Xw||^2 / (2 n), the loss of scikit-learn's ElasticNet."""
    return X.T @ (X @ w - y) / len(y)


def test_ridge_is_the_stationary_point_of_the_squared_part():
    rng = np.random.RandomState(0)
    X, y, alpha = rng.randn(40, 5), rng.randn(40), 3.0
    w = Ridge(alpha=alpha, fit_intercept=False).fit(X, y).coef_
    penalty = elastic_net_gradient(torch.from_numpy(w), alpha / len(y), 0.0).numpy()
    np.testing.assert_allclose(gradient_of_least_squares(X, y, w), -penalty, atol=1e-12)


def test_alpha_and_l1_ratio_mean_what_they_mean_in_elastic_net():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 6)
    y = X @ np.array([3.0, -2.0, 0.0, 0.0, 1.0, 0.0]) + 0.1 * rng.randn(60)
    model = ElasticNet(alpha=0.2, l1_ratio=0.7, fit_intercept=False, tol=1e-10)
    w = model.fit(X, y).coef_
    assert 0 < np.count_nonzero(w) < 6
    penalty = elastic_net_gradient(torch.from_numpy(w), 0.2, 0.7).numpy()
    total = gradient_of_least_squares(X, y, w) + penalty
    np.testing.assert_allclose(total[w != 0], 0, atol=1e-7)
    # At zero any subgradient in [-alpha rho, alpha rho] will do.
    assert (np.abs(total[w == 0]) <= 0.2 * 0.7 + 1e-7).all()


def test_the_divergence_is_that_of_torch_distributions():
    mean, log_variance = weights(40), 2 * weights(40, seed=1)
    ours = kl_to_standard_normal(mean, log_variance)
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    prior = torch.distributions.Normal(torch.zeros(40), torch.ones(40))
    expected = torch.distributions.kl_divergence(normal, prior)
    torch.testing.assert_close(ours, expected)
    assert (ours >= 0).all()


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (1.5, 0.3), (-0.4, 2.0)])
def test_the_divergence_is_that_of_monte_carlo(mean, sigma):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, generator=generator, dtype=torch.float64)
    z = mean + sigma * noise
    log_ratio = -0.5 * noise.square() - math.log(sigma) + 0.5 * z.square()
    error = float(log_ratio.std()) / math.sqrt(len(z))
    ours = kl_to_standard_normal(torch.tensor(mean), 2 * torch.log(torch.tensor(sigma)))
    assert abs(float(ours) - float(log_ratio.mean())) <= 4 * error + 1e-6


def test_the_divergence_has_the_gradient_of_its_closed_form():
    mean, log_variance = weights(20).requires_grad_(), weights(20, 1).requires_grad_()
    kl_to_standard_normal(mean, log_variance).sum().backward()
    torch.testing.assert_close(mean.grad, mean.detach())
    expected = 0.5 * (log_variance.detach().exp() - 1)
    torch.testing.assert_close(log_variance.grad, expected)


# ----- sparse codes --------------------------------------------------------

MEANS = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=5)
TARGETS = st.floats(0.01, 0.99)


@given(MEANS, TARGETS)
def test_the_divergence_is_that_of_the_two_outcomes(means, target):
    value = kl_from_target(torch.tensor(means, dtype=torch.float64), target)
    outcomes = np.array([target, 1 - target])[:, None]
    expected = rel_entr(outcomes, np.array([means, 1 - np.array(means)])).sum()
    assert float(value) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(MEANS, TARGETS)
def test_the_divergences_gradient_is_autograds(means, target):
    means = torch.tensor(means, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(kl_from_target(means, target), means)
    torch.testing.assert_close(
        kl_from_target_gradient(means.detach(), target), expected
    )


def test_the_divergence_is_least_at_the_target():
    means = torch.full((3,), 0.05, dtype=torch.float64)
    assert float(kl_from_target(means, 0.05)) == pytest.approx(0, abs=1e-15)
    assert kl_from_target_gradient(means, 0.05).abs().max() < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_units_that_are_always_off_or_on_have_a_finite_divergence(dtype):
    means = torch.tensor([0.0, 1.0], dtype=dtype, requires_grad=True)
    value = kl_from_target(means, 0.05)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(kl_from_target_gradient(means.detach(), 0.05)).all()


def test_the_l1_norm_and_its_gradient():
    codes = torch.tensor([[1.0, -2.0, 0.0], [0.5, 0.5, 0.5]], requires_grad=True)
    assert l1_norm(codes).tolist() == [3.0, 1.5]
    (expected,) = torch.autograd.grad(l1_norm(codes).sum(), codes)
    assert torch.equal(l1_norm_gradient(codes.detach()), expected)


def two_layers(x):
    """A function of rows of 5 columns, with 4 columns of its own."""
    first, second = weights(30).view(6, 5), weights(24, seed=1).view(4, 6)
    return torch.sigmoid(torch.tanh(x @ first.T) @ second.T)


def jacobian_norms_by_autograd(function, x):
    jacobian = torch.autograd.functional.jacobian(lambda x: function(x).sum(dim=0), x)
    return jacobian.square().sum(dim=(0, 2))


def test_the_jacobians_norm_is_autograds():
    x = weights(15).view(3, 5)
    expected = jacobian_norms_by_autograd(two_layers, x)
    torch.testing.assert_close(
        jacobian_norm(two_layers, x), expected, rtol=1e-12, atol=0
    )


def test_of_one_layer_the_jacobians_norm_has_a_closed_form():
    x, weight = weights(15).view(3, 5), weights(20, seed=1).view(4, 5)

    def layer(x):
        return torch.tanh(x @ weight.T)

    expected = jacobian_norms_by_autograd(layer, x)
    norms = jacobian_norm_of_layer(1 - layer(x).square(), weight)
    torch.testing.assert_close(norms, expected, rtol=1e-12, atol=0)


def test_the_mean_of_the_estimates_converges_to_the_jacobians_norm():
    x, generator = weights(15).view(3, 5), torch.Generator().manual_seed(0)
    exact = jacobian_norm(two_layers, x)
    draws = torch.stack(
        [estimate_jacobian_norm(two_layers, x, 1, generator) for _ in range(1000)]
    ).detach()
    standard_error = draws.std(dim=0) / math.sqrt(len(draws))
    assert ((draws.mean(dim=0) - exact).abs() < 4 * standard_error).all()
    assert (standard_error < 0.05 * exact).all()
    average = estimate_jacobian_norm(two_layers, x, 2000, generator)
    assert ((average - exact).abs() < 6 * standard_error).all()


def test_the_jacobians_norm_is_the_same_where_gradients_are_off():
    x, weight = weights(15).view(3, 5), weights(20, seed=1).view(4, 5)
    weight.requires_grad_()

    def layer(x):
        return torch.tanh(x @ weight.T)

    with_gradient = jacobian_norm(layer, x)
    with torch.no_grad():
        without = jacobian_norm(layer, x)
        assert not torch.is_grad_enabled()
    assert with_gradient.requires_grad and not without.requires_grad
    assert torch.equal(with_gradient, without)
    assert not x.requires_grad and weight.grad is None
