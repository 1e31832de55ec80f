import copy

import numpy as np
import pytest
import torch

from skae._functional.likelihoods import LIKELIHOODS
from skae._functional.linear_maps import LinearMap
from skae._networks.variational import LEAST_NOISE, VariationalAutoencoder

N, P, K = 12, 6, 3


def make_network(hidden=(5,), activation="tanh", *, linear_path=False, **options):
    network = VariationalAutoencoder(
        P, K, hidden, activation, linear_path=linear_path, **options
    )
    network.initialize("normal", torch.Generator().manual_seed(0))
    network = network.double()
    if linear_path:
        network.set_linear_path(linear_map(), None, 0.7)
    return network.eval()


def linear_map(noise_variance=0.25):
    """A map of PCA's form: orthogonal axes of lengths 3, 2 and 0."""
    axes = np.linalg.qr(np.random.RandomState(0).randn(P, K))[0]
    lengths = np.array([3.0, 2.0, 0.0])
    decoder = axes * lengths
    encoder = decoder.T / (lengths**2 + noise_variance)[:, None]
    return LinearMap(encoder, decoder, np.zeros(P), noise_variance)


def rows(n=N, seed=1):
    return torch.from_numpy(np.random.RandomState(seed).randn(n, P))


def test_shapes():
    network = make_network()
    mean, log_variance = network.posterior(rows())
    assert mean.shape == log_variance.shape == (N, K)
    assert network.decode(mean).shape == (N, P)
    assert torch.equal(network.encode(rows()), mean)
    assert torch.equal(network(rows()), network.decode(mean))


@pytest.mark.parametrize("hidden", [(), (5,), (7, 5)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "silu", "maxout"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_start_is_probabilistic_pca(hidden, activation, batch_norm):
    network = make_network(hidden, activation, linear_path=True, batch_norm=batch_norm)
    mean, log_variance = network.posterior(rows())
    start = linear_map()
    np.testing.assert_allclose(
        mean.detach(), rows().numpy() @ start.encoder.T, rtol=1e-5, atol=1e-6
    )
    # s^2 (W^T W + s^2 I)^{-1}, which is diagonal for orthogonal axes.
    M = start.decoder.T @ start.decoder + 0.25 * np.eye(K)
    expected = np.tile(np.diag(0.25 * np.linalg.inv(M)), (N, 1))
    np.testing.assert_allclose(log_variance.exp().detach(), expected, rtol=1e-5)
    z = torch.from_numpy(np.random.RandomState(2).randn(N, K))
    np.testing.assert_allclose(
        network.decode(z).detach(), z.numpy() @ start.decoder.T, rtol=1e-5, atol=1e-6
    )


def test_a_component_without_an_axis_is_at_its_prior():
    mean, log_variance = make_network(linear_path=True).posterior(rows())
    np.testing.assert_allclose(mean[:, 2].detach(), 0, atol=1e-12)
    np.testing.assert_allclose(log_variance[:, 2].detach(), 0, atol=1e-6)


@pytest.mark.parametrize("value", [LEAST_NOISE, 1e-3, 1.0, 50.0])
def test_the_dispersion_is_what_it_was_set_to(value):
    network = make_network(likelihood="gaussian", noise_variance="per_feature")
    network.set_dispersion(np.log(value))
    np.testing.assert_allclose(network.dispersion.exp().detach(), value, rtol=2e-3)
    network.set_dispersion(np.log(np.linspace(1, 2, P)))
    expected = np.linspace(1, 2, P)
    np.testing.assert_allclose(network.dispersion.exp().detach(), expected, rtol=1e-5)


def test_the_dispersion_has_a_floor():
    network = make_network(likelihood="gaussian")
    with torch.no_grad():
        network.raw_dispersion.fill_(-100.0)
    assert float(network.dispersion.detach().exp()) >= LEAST_NOISE * (1 - 1e-6)


def test_a_given_dispersion_has_no_floor():
    network = make_network(likelihood="gaussian", noise_variance=1.0)
    network.set_dispersion(np.log(1e-10))
    np.testing.assert_allclose(network.dispersion.exp(), 1e-10, rtol=1e-5)


def test_without_a_dispersion_there_is_none():
    assert make_network(likelihood="bernoulli").dispersion is None


@pytest.mark.parametrize("learn", [False, True])
def test_a_given_dispersion_is_not_a_parameter(learn):
    noise = "shared" if learn else 1.0
    network = make_network(likelihood="gaussian", noise_variance=noise)
    assert ("raw_dispersion" in dict(network.named_parameters())) == learn
    assert "raw_dispersion" in network.state_dict()


def test_log_variances_stay_finite_far_out():
    network = make_network((5,), "relu")
    mean, log_variance = network.posterior(1e8 * rows())
    assert torch.isfinite(log_variance.exp()).all()


def test_corrections_are_not_extrapolated():
    network = make_network(linear_path=True)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    network.set_linear_path(linear_map(), None, 0.7, input_radius=1.0, code_radius=1.0)
    start, direction = linear_map(), rows(1) / rows(1).norm()
    for far in (2.0, 200.0):
        mean, _ = network.posterior(far * direction)
        linear = far * direction @ torch.from_numpy(start.encoder).T
        correction = mean - linear
        if far == 2.0:
            first = correction
        torch.testing.assert_close(correction, first, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter():
    network = make_network(likelihood="gaussian", n_conditions=2)
    given = torch.rand(N, 2, dtype=torch.float64)
    mean, log_variance = network.posterior(rows(), condition=given)
    output = network.decode(mean, condition=given)
    loss = output.square().sum() * network.dispersion.exp() + log_variance.sum()
    loss.sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


# ----- what is given -------------------------------------------------------------


def test_what_is_given_matters_to_encoder_and_decoder():
    network = make_network(n_conditions=2)
    one, other = torch.eye(2, dtype=torch.float64)[:, None].expand(2, N, 2)
    mean, _ = network.posterior(rows(), condition=one)
    assert not torch.allclose(mean, network.posterior(rows(), condition=other)[0])
    assert not torch.allclose(
        network.decode(mean, condition=one), network.decode(mean, condition=other)
    )


def test_missing_is_no_condition_and_a_row_of_nan():
    network = make_network(n_conditions=2)
    nothing = torch.full((N, 2), torch.nan, dtype=torch.float64)
    mean, log_variance = network.posterior(rows(), condition=nothing)
    assert torch.isfinite(mean).all() and torch.isfinite(log_variance).all()
    assert torch.equal(mean, network.posterior(rows())[0])
    zeros = torch.zeros(N, 2, dtype=torch.float64)
    assert not torch.allclose(mean, network.posterior(rows(), condition=zeros)[0])


def test_rows_with_and_without_a_condition_mix():
    network = make_network(n_conditions=2)
    given = torch.rand(N, 2, dtype=torch.float64)
    mixed = given.clone()
    mixed[::2] = torch.nan
    mean = network.posterior(rows(), condition=mixed)[0]
    np.testing.assert_allclose(
        mean[::2].detach(), network.posterior(rows())[0][::2].detach()
    )
    told = network.posterior(rows(), condition=given)[0]
    np.testing.assert_allclose(mean[1::2].detach(), told[1::2].detach())


# ----- state ---------------------------------------------------------------------


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_copy_computes_the_same(linear_path, likelihood):
    network = make_network(linear_path=linear_path, likelihood=likelihood)
    other = copy.deepcopy(network)
    for ours, theirs in zip(
        network.posterior(rows()), other.posterior(rows()), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert torch.equal(network(rows()), other(rows()))
    assert set(network.state_dict()) == set(other.state_dict())
