import itertools
import pickle

import numpy as np
import pytest
import torch

from skae._functional.linear_maps import principal_axes
from skae._networks.activations import ACTIVATIONS
from skae._networks.dense import DenseAutoencoder

N_FEATURES, N_COMPONENTS = 7, 3
# A mirrored layer cannot share the several weights of a maxout unit.
VARIANTS = [
    pytest.param(
        {"activation": a, "tied_weights": t, "batch_norm": b, "dropout": d},
        id=f"{a}{'-tied' * t}{'-batch_norm' * b}{'-dropout' * bool(d)}",
    )
    for a, t, b, d in itertools.product(
        sorted(ACTIVATIONS), (False, True), (False, True), (0.0, 0.4)
    )
    if not (t and a == "maxout")
]


def make_generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=40):
    x = torch.randn(n, N_FEATURES, generator=make_generator(), dtype=torch.float64)
    x = x * torch.linspace(2, 0.3, N_FEATURES) + 0.3 * x[:, :1] ** 2
    return x - x.mean(0)


def make_network(linear_path=True, hidden_layer_sizes=(6, 5), **options):
    """A network at its start in float64, with the principal axes of the rows."""
    network = DenseAutoencoder(
        N_FEATURES,
        N_COMPONENTS,
        hidden_layer_sizes,
        options.pop("activation", "silu"),
        linear_path=linear_path,
        **options,
    ).double()
    network.initialize("xavier_uniform", make_generator())
    if linear_path:
        linear_map = pca_map()
        deviations = (rows().numpy() @ linear_map.encoder.T).std(axis=0)
        network.set_linear_path(linear_map, deviations, 0.5)
    return network


def pca_map(offset=0.0):
    linear_map = principal_axes(rows().numpy(), N_COMPONENTS, np.random.RandomState(0))
    return linear_map._replace(offset=linear_map.offset + offset)


def cancels_a_constant(options):
    """Whether g passes on phi(0), which is not 0, to be canceled at its end."""
    return options["tied_weights"] and options["activation"] == "logistic"


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_at_the_start_it_is_the_linear_map(options, training):
    changes_it = training and (options["dropout"] or options["batch_norm"])
    if changes_it and cancels_a_constant(options):
        pytest.skip("in training the constant is not the one that was canceled")
    network, x = make_network(**options).train(training), rows()
    linear_map = pca_map()
    z = network.encode(x, make_generator())
    torch.testing.assert_close(z, x @ torch.from_numpy(linear_map.encoder.T))
    expected = z @ torch.from_numpy(linear_map.decoder.T)
    torch.testing.assert_close(network.decode(z, make_generator(1)), expected)
    torch.testing.assert_close(network(x, make_generator()), expected)


def test_the_offset_of_the_linear_map_is_subtracted_from_the_input():
    network, x = make_network(), rows()
    linear_map = pca_map(offset=np.arange(N_FEATURES))
    network.set_linear_path(linear_map, np.ones(N_COMPONENTS), 1.0)
    expected = (x.numpy() - linear_map.offset) @ linear_map.encoder.T
    np.testing.assert_allclose(network.encode(x).detach().numpy(), expected)


def test_far_from_the_training_rows_the_linear_map_alone_goes_on():
    network, x = make_network(), rows()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    deviations = network.code_scale.numpy()
    network.set_linear_path(pca_map(), deviations, 0.5, input_radius=2, code_radius=3)
    direction = x[:1] / x[:1].norm()
    at_radius, outside = network.encode(torch.cat([2 * direction, 50 * direction]))
    linear = direction @ network.linear_encoder.T
    torch.testing.assert_close(outside - at_radius, 48 * linear[0])
    z = linear / (linear / network.code_scale).norm()
    at_radius, outside = network.decode(torch.cat([3 * z, 50 * z]))
    torch.testing.assert_close(
        outside - at_radius, 47 * (z @ network.linear_decoder.T)[0]
    )


@pytest.mark.parametrize("radius", [1.0, torch.inf])
def test_gradients_through_the_radius(radius):
    network, x = make_network(), rows()[:5]
    network.set_linear_path(
        pca_map(), network.code_scale.numpy(), 0.5, code_radius=radius
    )
    z = network.encode(x).detach()
    # one row at the center, where a length has no gradient
    z = torch.cat([z, torch.zeros_like(z[:1])])
    assert torch.autograd.gradcheck(
        network.decode, z[:-1].clone().requires_grad_(), check_batched_grad=False
    )
    center = z.clone().requires_grad_()
    network.decode(center).sum().backward()
    assert center.grad.isfinite().all()


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("linear_path", [True, False])
def test_after_three_steps_a_gradient_has_reached_every_parameter(options, linear_path):
    network, x = make_network(linear_path, **options).train(), rows()
    generator, parameters = make_generator(), dict(network.named_parameters())
    for _ in range(3):
        loss = (network(x, generator) - x).square().mean()
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        with torch.no_grad():
            for parameter, gradient in zip(parameters.values(), gradients, strict=True):
                parameter.sub_(0.1 * gradient)
    for name, gradient in zip(parameters, gradients, strict=True):
        assert gradient.isfinite().all() and (gradient != 0).any(), name


def test_the_correction_is_scaled_and_sees_whitened_codes():
    network, x = make_network(), rows()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    scale, deviation = network.correction_scale, network.code_scale
    z = network.encode(x)
    linear = x @ network.linear_encoder.T
    torch.testing.assert_close(z, linear + scale * network.f(x))
    expected = z @ network.linear_decoder.T + scale * network.g(z / deviation)
    torch.testing.assert_close(network.decode(z), expected)
    torch.testing.assert_close((linear / deviation).std(0, correction=0), 1 + 0 * z[0])


def test_without_a_linear_path_it_is_two_perceptrons():
    network, x = make_network(linear_path=False), rows()
    torch.testing.assert_close(network.encode(x), network.f(x))
    torch.testing.assert_close(network(x), network.g(network.f(x)))
    assert not list(network.buffers())


@pytest.mark.parametrize("linear_path", [True, False])
def test_tied_weights_leave_the_decoder_biases_of_its_own_only(linear_path):
    network = make_network(linear_path, tied_weights=True)
    of_encoder = {id(p) for p in network.f.parameters()}
    own = [p for p in network.g.parameters() if id(p) not in of_encoder]
    assert [p.ndim for p in own] == [1, 1, 1]


def test_without_hidden_layers_it_is_linear():
    network, x = make_network(linear_path=False, hidden_layer_sizes=()), rows()
    torch.testing.assert_close(network(2 * x), 2 * network(x))


def test_the_linear_path_is_not_trained():
    network = make_network()
    trained = {name.split(".")[0] for name, _ in network.named_parameters()}
    assert trained == {"f", "g"}


@pytest.mark.parametrize("options", VARIANTS[::5])
def test_a_pickle_computes_the_same(options):
    network, x = make_network(**options).eval(), rows()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    loaded = pickle.loads(pickle.dumps(network))
    assert torch.equal(loaded(x), network(x))
