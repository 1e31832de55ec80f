"""Log densities against scipy, draws against their means and variances."""

import numpy as np
import pytest
import torch
from scipy import stats

from skae._functional.likelihoods import LIKELIHOODS, RowLikelihood
from skae._functional.losses import LINKS
from skae._networks.scaling import Scaling

N_ROWS, N_FEATURES = 40, 5
RNG = np.random.RandomState(0)
OUTPUT = RNG.randn(N_ROWS, N_FEATURES)
DISPERSION = RNG.uniform(0.2, 4.0, N_FEATURES)

# Rows, and what scipy says of them, as functions of (x, mean, dispersion).
ROWS = {
    "gaussian": 3 * RNG.randn(N_ROWS, N_FEATURES),
    "bernoulli": RNG.randint(0, 2, (N_ROWS, N_FEATURES)).astype(float),
    "poisson": RNG.poisson(3.0, (N_ROWS, N_FEATURES)).astype(float),
    "negative_binomial": RNG.poisson(3.0, (N_ROWS, N_FEATURES)).astype(float),
}
SCIPY = {
    "gaussian": lambda x, mean, d: stats.norm(mean, np.sqrt(d)).logpdf(x),
    "bernoulli": lambda x, mean, d: stats.bernoulli(mean).logpmf(x),
    "poisson": lambda x, mean, d: stats.poisson(mean).logpmf(x),
    "negative_binomial": lambda x, mean, d: stats.nbinom(d, d / (d + mean)).logpmf(x),
}
NAMES = sorted(LIKELIHOODS)


def mean_of(name, output):
    return LINKS[LIKELIHOODS[name].link].apply(torch.from_numpy(output)).numpy()


def log_dispersion(name, dispersion=DISPERSION, dtype=torch.float64):
    if not LIKELIHOODS[name].has_dispersion:
        return None
    return torch.log(torch.as_tensor(dispersion, dtype=dtype))


@pytest.mark.parametrize("name", NAMES)
def test_log_densities_are_scipys(name):
    ours = LIKELIHOODS[name].log_density(
        torch.from_numpy(OUTPUT), torch.from_numpy(ROWS[name]), log_dispersion(name)
    )
    expected = SCIPY[name](ROWS[name], mean_of(name, OUTPUT), DISPERSION)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_the_log_density_of_its_own_units(name):
    # The scaling's log determinant included, whatever the unit of a Gaussian X.
    unit = 1e3 if name == "gaussian" else 1.0
    X = unit * ROWS[name] + (7 * unit if name == "gaussian" else 0.0)
    scaling = Scaling.fit(X, LIKELIHOODS[name].link)
    x = torch.from_numpy(X)
    target = scaling(x) if name == "gaussian" else x
    ours = RowLikelihood(name, scaling)(
        torch.from_numpy(OUTPUT), target, log_dispersion(name)
    )
    mean = scaling.to_data(torch.from_numpy(OUTPUT)).numpy()
    dispersion = DISPERSION
    if name == "gaussian":
        dispersion = DISPERSION * float(scaling.scale) ** 2
    expected = SCIPY[name](X, mean, dispersion).sum(axis=1)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_differences(name):
    output = torch.from_numpy(OUTPUT).requires_grad_()
    inputs = [output]
    dispersion = log_dispersion(name)
    if dispersion is not None:
        inputs.append(dispersion.requires_grad_())

    def density(output, dispersion=None):
        return LIKELIHOODS[name].log_density(
            output, torch.from_numpy(ROWS[name]), dispersion
        )

    assert torch.autograd.gradcheck(density, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_is_the_most_likely_output(name):
    # The derivative of the expected log density vanishes at the mean.
    mean = mean_of(name, OUTPUT)
    output = torch.from_numpy(OUTPUT).requires_grad_()
    density = LIKELIHOODS[name].log_density(
        output, torch.from_numpy(mean), log_dispersion(name)
    )
    (gradient,) = torch.autograd.grad(density.sum(), output)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("output", [-80.0, 80.0])
def test_extreme_outputs_have_finite_densities_and_gradients(name, output):
    output = torch.full((1, N_FEATURES), output, requires_grad=True)
    target = torch.tensor(ROWS[name][:1], dtype=torch.float32)
    density = LIKELIHOODS[name].log_density(
        output, target, log_dispersion(name, dtype=torch.float32)
    )
    (gradient,) = torch.autograd.grad(density.sum(), output)
    assert density.isfinite().all() and gradient.isfinite().all()


def test_a_negative_binomial_of_no_excess_is_poisson():
    x, output = torch.from_numpy(ROWS["poisson"]), torch.from_numpy(OUTPUT)
    large = torch.full((N_FEATURES,), np.log(1e7))
    np.testing.assert_allclose(
        LIKELIHOODS["negative_binomial"].log_density(output, x, large.double()),
        LIKELIHOODS["poisson"].log_density(output, x, None),
        atol=1e-4,
    )


@pytest.mark.parametrize("rate", [0.03, 3.0, 300.0])
@pytest.mark.parametrize("log_size", [0.0, 4.0, 8.0, 16.0])
def test_a_negative_binomial_is_right_in_float32(rate, log_size):
    # For large sizes terms of the size cancel; beyond the largest that is learnt
    # the error is of the rounding of the gamma functions alone.
    rng = np.random.RandomState(0)
    output = np.log(rate) + 0.3 * rng.randn(200, N_FEATURES)
    x = rng.poisson(np.exp(output)).astype(float)
    ours = LIKELIHOODS["negative_binomial"].log_density(
        *(torch.tensor(a, dtype=torch.float32) for a in (output, x)),
        torch.full((N_FEATURES,), log_size),
    )
    size = np.exp(log_size)
    expected = SCIPY["negative_binomial"](x, np.exp(output), size)
    is_learnt = log_size <= LIKELIHOODS["negative_binomial"].largest_log_dispersion
    np.testing.assert_allclose(ours, expected, atol=2e-3 if is_learnt else 0.1)


def test_grey_pixels_have_minus_the_cross_entropy():
    x = np.random.RandomState(1).uniform(size=(N_ROWS, N_FEATURES))
    p = mean_of("bernoulli", OUTPUT)
    ours = LIKELIHOODS["bernoulli"].log_density(
        torch.from_numpy(OUTPUT), torch.from_numpy(x), None
    )
    np.testing.assert_allclose(ours, x * np.log(p) + (1 - x) * np.log(1 - p))


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_mean_and_the_variance(name):
    mean = mean_of(name, OUTPUT[:1])
    variance = {
        "gaussian": DISPERSION,
        "bernoulli": mean * (1 - mean),
        "poisson": mean,
        "negative_binomial": mean + mean**2 / DISPERSION,
    }[name] * np.ones_like(mean)
    n = 200_000
    dispersion = np.log(DISPERSION) if LIKELIHOODS[name].has_dispersion else None
    rng = np.random.RandomState(3)
    drawn = LIKELIHOODS[name].draw(rng, np.repeat(mean, n, axis=0), dispersion)
    assert drawn.shape == (n, N_FEATURES)
    error = np.abs(drawn.mean(axis=0) - mean[0]) / np.sqrt(variance[0] / n)
    assert error.max() < 4.5
    # The variance of a variance needs the fourth moment; this is far from it.
    np.testing.assert_allclose(drawn.var(axis=0), variance[0], rtol=0.06)


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_in_the_domain_of_the_likelihood(name):
    low, high = LINKS[LIKELIHOODS[name].link].domain
    dispersion = np.log(DISPERSION) if LIKELIHOODS[name].has_dispersion else None
    rng = np.random.RandomState(3)
    drawn = LIKELIHOODS[name].draw(rng, mean_of(name, OUTPUT), dispersion)
    assert (drawn >= low).all() and (drawn <= high).all()
    if name != "gaussian":
        np.testing.assert_array_equal(drawn, np.round(drawn))
