import math

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from torch import nn

from skae._networks.activations import (
    ACTIVATIONS,
)
from skae._networks.layers import (
    INITIALIZERS,
    MLP,
    BatchNorm,
    Dense,
    MapBatchNorm,
    dropout,
)

# Of each torch module the same function by another way.
TORCH_ACTIVATIONS = {
    "identity": nn.Identity(),
    "logistic": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(0.01),
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
}
# Standard deviations in units of 1 / sqrt(fan_in), by the schemes' definitions.
N_INPUTS, N_OUTPUTS = 300, 200
GLOROT = math.sqrt(2 / (1 + N_OUTPUTS / N_INPUTS))
STANDARD_DEVIATIONS = {
    "xavier_uniform": GLOROT,
    "xavier_normal": GLOROT,
    "kaiming_uniform": math.sqrt(2),
    "kaiming_normal": math.sqrt(2),
    "orthogonal": 1.0,
    "uniform": 1 / math.sqrt(3),
    "normal": 1.0,
    "truncated_normal": 0.8796,  # of a normal cut at two standard deviations
}


def make_generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make_mlp(sizes=(5, 8, 6, 3), activation="tanh", init="normal", seed=0, **options):
    mlp = MLP(sizes, activation, **{"dropout": 0.0, "batch_norm": False, **options})
    mlp.initialize(init, make_generator(seed))
    return mlp.double()


def rows(n=20, p=5):
    return torch.randn(n, p, generator=make_generator(), dtype=torch.float64)


def drawn(init, seed=0):
    weight = torch.empty(N_OUTPUTS, N_INPUTS)
    INITIALIZERS[init](weight, make_generator(seed))
    return weight


@pytest.mark.parametrize("name", sorted(TORCH_ACTIVATIONS))
def test_an_activation_is_torchs_module_of_that_name(name):
    h = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[name](h), TORCH_ACTIVATIONS[name](h))


def test_maxout_is_the_larger_of_two_neighbours():
    h = torch.tensor([[1.0, 2.0, -3.0, -4.0]])
    assert ACTIVATIONS["maxout"](h).tolist() == [[2.0, -3.0]]


@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu"])
def test_an_mlp_is_scikit_learns_with_the_same_weights(name):
    X = rows().numpy()
    oracle = MLPRegressor(
        hidden_layer_sizes=(8, 6), activation=name, max_iter=1, solver="sgd"
    )
    oracle.partial_fit(X, np.ones((len(X), 3)))
    mlp = make_mlp(activation=name)
    with torch.no_grad():
        for layer, coef, intercept in zip(
            mlp.layers, oracle.coefs_, oracle.intercepts_, strict=True
        ):
            layer.weight.copy_(torch.from_numpy(coef.T))
            layer.bias.copy_(torch.from_numpy(intercept))
    ours = mlp(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(ours, oracle.predict(X), atol=1e-12)


def test_a_tied_layer_is_the_transpose():
    first = Dense(5, 3)
    INITIALIZERS["normal"](first.weight.data, make_generator())
    mirror = Dense(3, 5, tied_to=first)
    h = torch.randn(4, 3, generator=make_generator())
    torch.testing.assert_close(mirror(h), h @ first.weight)
    assert mirror.weight is first.weight
    assert mirror.bias is not first.bias


def test_a_mirrored_mlp_uses_the_weights_in_reverse():
    mlp = make_mlp(activation="identity")
    mirror = MLP((3, 6, 8, 5), "identity", dropout=0, batch_norm=False, tied_to=mlp)
    product = mlp.layers[2].weight @ mlp.layers[1].weight @ mlp.layers[0].weight
    z = rows(p=3)
    torch.testing.assert_close(mirror.double()(z), z @ product)


# ----- initialization ----------------------------------------------------------


@pytest.mark.parametrize("init", sorted(STANDARD_DEVIATIONS))
def test_the_spread_of_the_weights_is_the_schemes(init):
    spread = float(drawn(init).std()) * math.sqrt(N_INPUTS)
    assert spread == pytest.approx(STANDARD_DEVIATIONS[init], rel=0.02)


@pytest.mark.parametrize("init", sorted(STANDARD_DEVIATIONS))
def test_weights_are_drawn_from_the_generator_given(init):
    before = torch.random.get_rng_state()
    assert torch.equal(drawn(init), drawn(init))
    assert not torch.equal(drawn(init), drawn(init, seed=1))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("init", "value"), [("zeros", 0.0), ("ones", 1.0), ("constant", 1 / N_INPUTS)]
)
def test_the_same_value_everywhere(init, value):
    assert (drawn(init) == value).all()


def test_orthogonal_rows_are_orthonormal():
    weight = drawn("orthogonal")
    torch.testing.assert_close(
        weight @ weight.T, torch.eye(N_OUTPUTS), atol=1e-5, rtol=0
    )


def test_a_truncated_normal_ends_at_two_standard_deviations():
    assert float(drawn("truncated_normal").abs().max()) <= 2 / math.sqrt(N_INPUTS)


def test_auto_is_glorots_scheme():
    assert torch.equal(drawn("auto"), drawn("xavier_uniform"))


@pytest.mark.parametrize("tied", [False, True])
def test_only_a_last_layer_of_its_own_can_start_at_zero(tied):
    mlp = make_mlp()
    before = mlp.layers[0].weight.clone()
    mirror = make_mlp((3, 6, 8, 5), tied_to=mlp if tied else None)
    mirror.initialize("normal", make_generator(1), zero_last=True)
    assert bool((mirror.layers[-1].weight == 0).all()) != tied
    assert torch.equal(mlp.layers[0].weight, before)


def test_making_an_mlp_draws_nothing():
    before = torch.random.get_rng_state()
    MLP((5, 4, 3), "tanh", dropout=0.5, batch_norm=True)
    assert torch.equal(torch.random.get_rng_state(), before)


# ----- dropout and batch normalization -----------------------------------------


def test_dropout_keeps_the_mean_and_drops_the_rate():
    h = torch.full((400, 500), 3.0)
    dropped = dropout(h, 0.3, make_generator())
    assert float(dropped.mean()) == pytest.approx(3.0, rel=0.01)
    assert float((dropped == 0).double().mean()) == pytest.approx(0.3, abs=0.005)
    torch.testing.assert_close(dropped[dropped != 0].unique(), torch.tensor([3 / 0.7]))


def test_dropout_repeats_with_the_generator():
    mlp = make_mlp(dropout=0.5).train()
    first, same, other = (mlp(rows(), make_generator(s)) for s in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_dropout_is_for_training_only():
    mlp = make_mlp(dropout=0.5).eval()
    torch.testing.assert_close(mlp(rows()), make_mlp()(rows()))


def test_dropout_spares_the_output():
    mlp = make_mlp((5, 3), dropout=0.9).train()
    torch.testing.assert_close(mlp(rows(), make_generator()), mlp.eval()(rows()))


def test_batch_norm_standardises_a_batch_as_scikit_learn_does():
    h = rows() * 7 + 3
    norm = BatchNorm(5, eps=1e-12).double().train()
    expected = StandardScaler().fit_transform(h.numpy())
    np.testing.assert_allclose(norm(h).detach().numpy(), expected, atol=1e-10)


def test_batch_norm_takes_running_statistics_for_a_single_row():
    norm = BatchNorm(5).double().train()
    for _ in range(50):
        norm(rows())
    running = norm.running_mean.clone()
    row = rows(1)
    in_training = norm(row)
    assert torch.equal(norm.running_mean, running)
    torch.testing.assert_close(in_training, norm.eval()(row))


def test_an_mlp_with_batch_norm_takes_a_single_row_in_training():
    mlp = make_mlp(batch_norm=True).train()
    assert mlp(rows(1)).isfinite().all()
    assert len(mlp.norms) == 2


# ----- kernels and maps --------------------------------------------------------


@pytest.mark.parametrize("init", sorted(set(INITIALIZERS) - {"auto", "zeros", "ones"}))
def test_a_kernel_is_drawn_as_the_matrix_of_all_that_it_reads(init):
    kernel = torch.zeros(6, 4, 3, 5)
    INITIALIZERS[init](kernel, make_generator())
    if "xavier" in init:
        # What a value reaches counts every place of the kernel, too.
        expected = math.sqrt(2 / (4 * 15 + 6 * 15))
        assert kernel.std() == pytest.approx(expected, rel=0.1)
        return
    matrix = torch.zeros(6, 60)
    INITIALIZERS[init](matrix, make_generator())
    torch.testing.assert_close(kernel.flatten(1), matrix)


def test_maxout_of_maps_is_that_of_the_units_of_each_pixel():
    maps = torch.randn(2, 6, 3, 4, generator=make_generator())
    pixels = maps.permute(0, 2, 3, 1).reshape(-1, 6)
    expected = ACTIVATIONS["maxout"](pixels).reshape(2, 3, 4, 3).permute(0, 3, 1, 2)
    assert torch.equal(ACTIVATIONS["maxout"](maps), expected)


def test_batch_norm_of_maps_takes_a_single_pixel():
    norm = MapBatchNorm(3)
    one = torch.randn(1, 3, 1, 1, generator=make_generator())
    torch.testing.assert_close(norm(one), one, rtol=1e-4, atol=1e-4)
    many = norm(torch.randn(4, 3, 5, 6, generator=make_generator()))
    torch.testing.assert_close(many.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
