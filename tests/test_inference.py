import engine
import numpy as np
import pytest
import torch

from skae._networks.dense import DenseAutoencoder
from skae._networks.head import Head
from skae._networks.scaling import Scaling

N_FEATURES, N_COMPONENTS = 6, 3


def make_X(n=50, dtype=np.float64, offset=0.0):
    return (np.random.RandomState(0).randn(n, N_FEATURES) * 5 + offset).astype(dtype)


def make_parts(link="identity", offset=0.0):
    network = DenseAutoencoder(
        N_FEATURES,
        N_COMPONENTS,
        (5,),
        "tanh",
        linear_path=False,
        dropout=0.5,
        batch_norm=True,
    )
    network.initialize("normal", torch.Generator().manual_seed(0))
    head = Head(
        np.ones(N_COMPONENTS), np.roll(np.eye(N_COMPONENTS), 1, 0), np.full(3, 2.0)
    )
    return Scaling.fit(make_X(offset=offset), link), network, head


def make_codec(parts=None, n_threads=None):
    parts = parts or make_parts()
    return engine.make_codec(*parts, n_threads)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_have_the_dtype_of_the_input(dtype):
    codec, X = make_codec(), make_X(dtype=dtype)
    codes = codec.encode(X)
    assert codes.shape == (50, N_COMPONENTS) and codes.dtype == dtype
    rows = codec.decode(codes)
    assert rows.shape == X.shape and rows.dtype == dtype
    assert codec.squared_residuals(X).dtype == dtype


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_float32_agrees_with_float64(offset):
    X = make_X(dtype=np.float32, offset=offset)
    codec = make_codec(make_parts(offset=offset))
    exact = codec.encode(X.astype(np.float64))
    np.testing.assert_allclose(codec.encode(X), exact, atol=2e-5)


@pytest.mark.parametrize("method", ["encode", "squared_residuals"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_batch_does_not_change_a_rows_result(method, dtype):
    codec, X = make_codec(), make_X(2 * 1024 + 3, dtype)
    whole = getattr(codec, method)(X)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10}
    for rows in (slice(0, 1), slice(1020, 1030), slice(2048, None)):
        part = getattr(codec, method)(X[rows])
        np.testing.assert_allclose(part, whole[rows], **tolerance)


def test_squared_residuals_are_those_of_the_reconstruction():
    codec, X = make_codec(), make_X()
    residual = X - codec.decode(codec.encode(X))
    expected = np.square(residual).sum(axis=1)
    np.testing.assert_allclose(codec.squared_residuals(X), expected)
    np.testing.assert_allclose(codec.squared_residuals(X, unit=10.0), expected / 100)


def test_results_repeat_whatever_the_network_was_doing():
    scaling, network, head = make_parts()
    codec = make_codec((scaling, network.train(), head))
    assert (codec.encode(make_X()) == codec.encode(make_X())).all()
    assert network.training


def test_later_training_of_the_network_does_not_reach_the_codec():
    parts = make_parts()
    codec = make_codec(parts)
    before = codec.encode(make_X())
    for parameter in parts[1].parameters():
        parameter.data.add_(1.0)
    assert (codec.encode(make_X()) == before).all()


def test_the_modules_are_fixed_and_compute_what_the_methods_do():
    codec, X = make_codec(), make_X(dtype=np.float32)
    encoder, decoder = codec.modules()
    assert not any(p.requires_grad for p in encoder.parameters())
    codes = encoder(torch.from_numpy(X))
    np.testing.assert_allclose(codes.numpy(), codec.encode(X), rtol=1e-5, atol=1e-6)
    rows = decoder(codes).numpy()
    np.testing.assert_allclose(rows, codec.decode(codec.encode(X)), rtol=1e-4)


@pytest.mark.parametrize("n_threads", [None, 1, 2])
def test_threads_and_grad_mode_are_as_before(n_threads):
    before = torch.get_num_threads()
    with torch.enable_grad():
        make_codec(n_threads=n_threads).encode(make_X())
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == before


def test_read_only_rows_are_taken_and_left_alone():
    X = make_X()
    expected = make_codec().encode(X)
    X.flags.writeable = False
    assert (make_codec().encode(X) == expected).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_further_arrays_come_row_by_row_in_the_dtype_of_the_first(dtype):
    n = 2 * 1024 + 3
    numbers = np.arange(n)[:, np.newaxis]
    X = np.repeat(numbers, N_FEATURES, axis=1).astype(dtype)
    seen = []

    def difference(encoder, decoder, x, other):
        seen.append(other.dtype)
        return x[:, :1] - other[:, :1]

    result = make_codec().map(difference, 1, X, other=numbers.astype(np.float64))
    assert result.shape == (n, 1) and result.dtype == dtype
    np.testing.assert_array_equal(result, 0)
    assert set(seen) == {torch.float32 if dtype == np.float32 else torch.float64}
