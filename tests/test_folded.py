import numpy as np
import pytest
import torch
from engine import fold

from skae._functional.linear_maps import LinearMap
from skae._networks.activations import ACTIVATIONS
from skae._networks.dense import DenseAutoencoder
from skae._networks.head import Decoder, Encoder, Head
from skae._networks.scaling import Scaling

CPU = torch.device("cpu")
N_FEATURES, N_COMPONENTS = 6, 3
# Relative to the largest value; float32 is compared with float64's result.
TOLERANCE = {torch.float64: 1e-13, torch.float32: 2e-6}


def make_X(n=40):
    return 100 + np.random.RandomState(0).randn(n, N_FEATURES)


def linear_map():
    rng = np.random.RandomState(1)
    axes = np.linalg.qr(rng.randn(N_FEATURES, N_COMPONENTS))[0]
    return LinearMap(axes.T, axes, rng.randn(N_FEATURES), noise_variance=0.1)


def make_head(rotated):
    rng = np.random.RandomState(2)
    rotation = np.linalg.qr(rng.randn(N_COMPONENTS, N_COMPONENTS))[0]
    scale = rng.uniform(0.1, 9, N_COMPONENTS)
    return Head(rng.randn(N_COMPONENTS), rotation if rotated else None, scale)


def make_parts(linear_path=True, rotated=True, activation="silu", **options):
    options = {"hidden_layer_sizes": (5, 4), "tied_weights": False, **options}
    network = DenseAutoencoder(
        N_FEATURES, N_COMPONENTS, activation=activation, linear_path=linear_path,
        **options,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        # With a linear path the last layers start at zero.
        torch.nn.init.normal_(parameter, generator=generator)
    if linear_path:
        network.set_linear_path(linear_map(), np.arange(1.0, 4.0), 0.3, 4.0, 2.0)
    parts = Scaling.fit(make_X(), "identity"), network, make_head(rotated)
    return [part.double().eval().requires_grad_(False) for part in parts]


def difference(ours, expected):
    return float((ours - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("linear_path", [True, False])
@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize(
    "options",
    [{"activation": name} for name in ACTIVATIONS if name != "maxout"]
    + [{"tied_weights": True}, {"hidden_layer_sizes": ()}],
    ids=str,
)
@torch.inference_mode()
def test_folded_they_compute_what_the_modules_do(dtype, linear_path, rotated, options):
    parts = make_parts(linear_path, rotated, **options)
    encode, decode = fold(*parts, CPU, dtype)
    x = torch.from_numpy(make_X()).to(dtype)
    codes = encode(x)
    assert difference(codes, Encoder(*parts)(x.double())) < TOLERANCE[dtype]
    rows = decode(codes)
    assert difference(rows, Decoder(*parts)(codes.double())) < TOLERANCE[dtype]
    assert codes.dtype == rows.dtype == dtype


@torch.inference_mode()
def test_far_rows_and_codes_are_drawn_back_as_by_the_modules():
    parts = make_parts()
    encode, decode = fold(*parts, CPU, torch.float64)
    x = torch.from_numpy(make_X())
    x[::2] = 100 * (x[::2] - 100) + 100
    codes = Encoder(*parts)(x)
    assert difference(encode(x), codes) < 1e-13
    assert difference(decode(codes), Decoder(*parts)(codes)) < 1e-13
    near = encode(x[1::2])
    torch.testing.assert_close(near, codes[1::2], rtol=1e-12, atol=1e-12)


@torch.inference_mode()
def test_what_is_passed_in_is_left_alone():
    parts = make_parts(hidden_layer_sizes=())
    encode, decode = fold(*parts, CPU, torch.float64)
    x, codes = torch.from_numpy(make_X()), torch.ones(4, N_COMPONENTS).double()
    encode(x), decode(codes)
    assert torch.equal(x, torch.from_numpy(make_X()))
    assert torch.equal(codes, torch.ones_like(codes))


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "maxout"},
        {"linear_path": False, "code_activation": "logistic"},
        {"batch_norm": True},
    ],
    ids=str,
)
def test_what_has_more_between_its_layers_stays_as_it_is(options):
    assert fold(*make_parts(**options), CPU, torch.float64) is None
    scaling = Scaling.fit(make_X() / 200, "logistic").double()
    assert fold(scaling, *make_parts()[1:], CPU, torch.float64) is None
