"""Restricted Boltzmann machines against the sum over all their states."""

import itertools

import numpy as np
import pytest
import torch
from engine import ContrastiveDivergence
from numpy.testing import assert_allclose
from sklearn.neural_network import BernoulliRBM

from skae._networks.rbm import UNITS, RestrictedBoltzmannMachine
from skae._training.data import Rows
from skae._training.optimizers import Adam
from skae._training.state import FlatParameters

N_VISIBLE, N_HIDDEN = 4, 3


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make_rbm(visible="bernoulli", hidden="bernoulli", scale=1.0):
    rbm = RestrictedBoltzmannMachine(
        N_VISIBLE, N_HIDDEN, visible=visible, hidden=hidden
    ).double()
    draw = generator()
    for parameter in rbm.parameters():
        noise = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
        parameter.data.copy_(scale * noise)
    return rbm


def states(n):
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n))).double()


def energy(rbm, v, h):
    return -(v @ rbm.visible_bias + h @ rbm.hidden_bias + (h @ rbm.weight * v).sum(-1))


def log_likelihood(rbm, rows):
    """Exact, of Bernoulli visible units: the partition function is a sum."""
    log_z = torch.logsumexp(-rbm.free_energy(states(N_VISIBLE)), dim=0)
    return (-rbm.free_energy(rows) - log_z).mean()


def test_the_free_energy_is_the_sum_over_the_hidden_states():
    rbm, v = make_rbm(), states(N_VISIBLE)
    summed = torch.stack([-energy(rbm, v, h.expand(16, -1)) for h in states(N_HIDDEN)])
    torch.testing.assert_close(rbm.free_energy(v), -torch.logsumexp(summed, dim=0))


def test_the_free_energy_of_gaussian_hidden_units_is_the_integral():
    rbm, v = make_rbm(hidden="gaussian", scale=0.5), states(N_VISIBLE)
    grid = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    a = rbm.hidden_parameter(v)
    integrand = torch.exp(a[..., None] * grid - grid.square() / 2)
    logs = torch.log(torch.trapezoid(integrand, grid) / np.sqrt(2 * np.pi))
    wanted = -(v @ rbm.visible_bias) - logs.sum(dim=1)
    torch.testing.assert_close(rbm.free_energy(v), wanted)


def test_gaussian_visible_units_have_a_quadratic_energy():
    rbm = make_rbm(visible="gaussian")
    v = torch.randn(5, N_VISIBLE, generator=generator(), dtype=torch.float64)
    summed = torch.stack(
        [-energy(rbm, v, h.expand(5, -1)) for h in states(N_HIDDEN)]
    ).logsumexp(dim=0)
    torch.testing.assert_close(rbm.free_energy(v), v.square().sum(dim=1) / 2 - summed)


def test_the_free_energy_is_scikit_learns():
    theirs = BernoulliRBM(N_HIDDEN, random_state=0, n_iter=3)
    v = states(N_VISIBLE).numpy()
    theirs.fit(v)
    ours = make_rbm()
    with torch.no_grad():
        ours.weight.copy_(torch.from_numpy(theirs.components_))
        ours.hidden_bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
        ours.visible_bias.copy_(torch.from_numpy(theirs.intercept_visible_))
    rows = torch.from_numpy(v)
    assert_allclose(ours.free_energy(rows).detach(), theirs._free_energy(v))
    hidden = torch.sigmoid(ours.hidden_parameter(rows)).detach()
    assert_allclose(hidden, theirs.transform(v))
    # Their score: the log odds of a row against the same with one bit turned.
    i = np.random.RandomState(0).randint(0, N_VISIBLE, len(v))
    turned = rows.clone()
    turned[np.arange(len(v)), i] = 1 - turned[np.arange(len(v)), i]
    odds = ours.free_energy(turned) - ours.free_energy(rows)
    score = N_VISIBLE * torch.nn.functional.logsigmoid(odds).detach()
    assert_allclose(score, theirs.set_params(random_state=0).score_samples(v))


@pytest.mark.parametrize("units", list(UNITS))
def test_a_mean_is_the_slope_of_the_log_partition_and_of_many_draws(units):
    kind = UNITS[units]
    a = torch.tensor([-2.0, 0.0, 1.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(kind.log_partition(a).sum(), a)
    torch.testing.assert_close(slope, kind.mean(a.detach()))
    draws = kind.draw(a.detach().expand(20_000, 3), generator())
    torch.testing.assert_close(draws.mean(dim=0), slope, atol=0.03, rtol=0)


def gradients(rbm, value):
    return torch.autograd.grad(value, list(rbm.parameters()))


def test_the_gap_of_exact_samples_is_the_gradient_of_the_likelihood():
    rbm, rows = make_rbm(), states(N_VISIBLE)[[3, 5, 5, 14]]
    exact = gradients(rbm, -log_likelihood(rbm, rows))
    everything = states(N_VISIBLE)
    p = torch.softmax(-rbm.free_energy(everything), dim=0).detach()
    gap = rbm.free_energy(rows).mean() - (p * rbm.free_energy(everything)).sum()
    for ours, wanted in zip(gradients(rbm, gap), exact, strict=True):
        torch.testing.assert_close(ours, wanted)


def test_a_long_chain_samples_the_model():
    rbm = make_rbm(scale=0.7)
    v, draw = torch.zeros(40_000, N_VISIBLE, dtype=torch.float64), generator()
    for _ in range(30):
        v = rbm.gibbs_step(v, draw)
    place = (v @ 2.0 ** torch.arange(N_VISIBLE - 1, -1, -1).double()).long()
    shares = torch.bincount(place, minlength=16) / len(v)
    wanted = torch.softmax(-rbm.free_energy(states(N_VISIBLE)), dim=0)
    assert_allclose(shares, wanted.detach(), atol=0.012)


def test_the_objective_has_the_statistics_of_contrastive_divergence_as_gradient():
    rbm = make_rbm()
    v = states(N_VISIBLE)[[3, 5, 5, 14]]
    terms = ContrastiveDivergence().losses(rbm, Rows(v, v), generator())
    model = rbm.reconstruct(v, generator()).detach()
    weight, visible, hidden = gradients(rbm, terms["reconstruction"].mean())
    h_data, h_model = (torch.sigmoid(rbm.hidden_parameter(x)) for x in (v, model))
    torch.testing.assert_close(weight, -(h_data.T @ v - h_model.T @ model) / len(v))
    torch.testing.assert_close(visible, (model - v).mean(dim=0))
    torch.testing.assert_close(hidden, (h_model - h_data).mean(dim=0))


def test_its_value_is_the_reconstruction_error():
    rbm = make_rbm()
    v = states(N_VISIBLE)
    terms = ContrastiveDivergence().losses(rbm, Rows(v, v), generator())
    error = (rbm.reconstruct(v, generator()) - v).square().mean(dim=1)
    torch.testing.assert_close(terms["reconstruction"], error)


@pytest.mark.parametrize("n_steps", [1, 5])
def test_contrastive_divergence_raises_the_likelihood(n_steps):
    rbm = make_rbm(scale=0.1)
    rows = states(N_VISIBLE)[[0, 0, 3, 12, 15, 15]].repeat(20, 1)
    before = log_likelihood(rbm, rows).item()
    parameters, draw = FlatParameters(rbm), generator()
    optimizer = Adam(parameters)
    objective = ContrastiveDivergence(n_steps)
    for _ in range(500):
        parameters.gradient.zero_()
        terms = objective.losses(rbm, Rows(rows, rows), draw)
        terms["reconstruction"].mean().backward()
        optimizer.step(parameters, 0.02)
    # Of four pairs of states, and of the best model, whose entropy is 1.33 nats.
    assert before < -2.5
    assert -2.0 < log_likelihood(rbm, rows).item() < -1.3


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_at_the_start_the_visible_units_have_the_mean_of_the_data(visible):
    rbm = RestrictedBoltzmannMachine(N_VISIBLE, 2, visible=visible)
    mean = torch.tensor([0.0, 0.1, 0.5, 1.0])
    rbm.initialize(mean, generator())
    with torch.no_grad():
        ours = rbm.visible.mean(rbm.visible_parameter(torch.zeros(1, 2)))[0]
    torch.testing.assert_close(ours, mean, atol=0.0011, rtol=0)
