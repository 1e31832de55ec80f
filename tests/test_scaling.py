import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skae._functional.losses import LINKS
from skae._networks.scaling import Scaling, as_tensor

LINK_NAMES = sorted(LINKS)


def matrices(low=-1e6, high=1e6):
    """Any matrix of 1 to 8 rows and 1 to 5 columns."""
    shapes = st.tuples(st.integers(1, 8), st.integers(1, 5))
    return arrays(np.float64, shapes, elements=st.floats(low, high))


def data_for(link, n=40, p=5, seed=0):
    rng = np.random.RandomState(seed)
    return {
        "identity": rng.randn(n, p) * 3 + 5,
        "logistic": rng.uniform(size=(n, p)),
        "tanh": rng.uniform(-1, 1, size=(n, p)),
        "exp": rng.gamma(2.0, size=(n, p)),
    }[link]


def through(scaling, X, dtype=torch.float64):
    """X mapped into the network's space and back by the module in `dtype`."""
    u = scaling.to(dtype)(torch.from_numpy(X).to(dtype))
    return scaling.to_data(u)


@pytest.mark.parametrize("link", LINK_NAMES)
def test_rows_in_the_networks_space_have_mean_zero_and_mean_square_one(link):
    X = data_for(link)
    u = Scaling.fit(X, link).to_network(X, torch.float64)
    torch.testing.assert_close(u.mean(0), torch.zeros(5).double(), atol=1e-12, rtol=0)
    assert float(u.square().mean()) == pytest.approx(1)


@given(matrices())
def test_the_means_are_numpys(X):
    scaling = Scaling.fit(X, "identity")
    np.testing.assert_allclose(scaling.mean, X.mean(axis=0), rtol=1e-12, atol=1e-9)
    assert scaling.residual_scale > 0


@given(matrices())
def test_the_way_back_undoes_the_way_there(X):
    magnitude = max(np.abs(X).max(), 1.0)
    back = through(Scaling.fit(X, "identity"), X)
    np.testing.assert_allclose(back.numpy(), X, rtol=0, atol=1e-12 * magnitude)


@pytest.mark.parametrize("link", ["logistic", "tanh", "exp"])
def test_the_way_back_through_a_link_is_as_near_as_its_shrinkage(link):
    X = data_for(link)
    back = through(Scaling.fit(X, link), X).numpy()
    low, high = LINKS[link].domain
    assert back.min() > low and back.max() < high
    np.testing.assert_allclose(back, X, atol=0.02 * np.abs(X).max())


@pytest.mark.parametrize("link", LINK_NAMES)
def test_the_mean_is_in_the_units_of_the_data(link):
    X = data_for(link)
    scaling = Scaling.fit(X, link)
    deviation = np.sqrt(np.square(X - X.mean(axis=0)).mean())
    np.testing.assert_allclose(scaling.mean, X.mean(axis=0))
    assert scaling.residual_scale == pytest.approx(deviation)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_centring_is_exact_far_from_zero(dtype):
    # float32 holds the rows, multiples of 8 at 1e8, but not their mean.
    X = 1e8 + 8.0 * np.random.RandomState(0).randint(-50, 50, size=(30, 3))
    scaling = Scaling.fit(X, "identity")
    u = scaling.to(dtype)(torch.from_numpy(X).to(dtype)).double().numpy()
    centered = X - X.mean(axis=0)
    error = np.abs(u * scaling.residual_scale - centered).max()
    assert error < 5 * torch.finfo(dtype).eps * np.abs(centered).max() + 1e-7


def test_the_cast_to_float32_comes_after_centring():
    X = 1e8 + np.random.RandomState(0).randn(50, 4)
    u = Scaling.fit(X, "identity").to_network(X, torch.float32)
    expected = X - X.mean(axis=0)
    expected /= np.sqrt(np.square(expected).mean())
    assert u.dtype == torch.float32
    np.testing.assert_allclose(u.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("magnitude", [1e-200, 1e-30, 1e30, 1e200])
def test_no_magnitude_overflows_or_vanishes(magnitude):
    X = data_for("identity")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaling = Scaling.fit(X * magnitude, "identity")
    u = scaling.to_network(X * magnitude, torch.float32)
    expected = Scaling.fit(X, "identity").to_network(X, torch.float32)
    torch.testing.assert_close(u, expected)
    back = through(scaling, X * magnitude).numpy()
    np.testing.assert_allclose(back / magnitude, X)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e200, 1e-200])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_constant_data_is_zero_at_scale_one(value, n):
    X = np.full((n, 3), value)
    scaling = Scaling.fit(X, "identity")
    assert scaling.residual_scale == 1.0
    u = scaling.to_network(X, torch.float64)
    np.testing.assert_allclose(u.numpy(), 0, atol=1e-14 * max(value, 1))
    np.testing.assert_allclose(scaling.to_data(u).numpy(), X)


@pytest.mark.parametrize("value", [0.1, 1e8, 1e-200])
def test_rounding_is_not_taken_for_a_scale(value):
    X = np.array([[value], [np.nextafter(value, np.inf)]])
    assert Scaling.fit(X, "identity").residual_scale == 1.0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_constant_columns_are_zero_without_rounding(n, weighted):
    X = np.tile([0.1, -7.3, 1 / 3, 1e3 / 7], (n, 1))
    weight = np.linspace(0.1, 3, n) if weighted else None
    scaling = Scaling.fit(X, "identity", weight)
    assert scaling.residual_scale == 1.0
    assert (scaling.to_network(X, torch.float32) == 0).all()
    X[:, 0] = np.arange(n)
    u = Scaling.fit(X, "identity", weight).to_network(X, torch.float64)
    assert (u[:, 1:] == 0).all()


@pytest.mark.parametrize("link", ["logistic", "tanh", "exp"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_data_at_an_end_of_the_domain_stays_finite(link, value):
    X = np.full((5, 2), value)
    scaling = Scaling.fit(X, link)
    u = scaling.to_network(X, torch.float32)
    assert u.isfinite().all()
    np.testing.assert_allclose(scaling.to_data(u.double()).numpy(), X, atol=0.02)


@pytest.mark.parametrize("link", LINK_NAMES)
def test_weights_equal_repetitions(link):
    X = data_for(link, n=12)
    counts = np.random.RandomState(1).randint(1, 5, size=12)
    weighted = Scaling.fit(X, link, counts.astype(float))
    repeated = Scaling.fit(np.repeat(X, counts, axis=0), link)
    for name, buffer in weighted.named_buffers():
        # What rounding left of the center is rounding: compare it with the rest.
        if not name.startswith("center"):
            torch.testing.assert_close(buffer, repeated.get_buffer(name))
    torch.testing.assert_close(
        weighted.center + weighted.center_rest, repeated.center + repeated.center_rest
    )
    assert weighted.residual_scale == pytest.approx(repeated.residual_scale)


@pytest.mark.parametrize("link", LINK_NAMES)
def test_float32_agrees_with_float64(link):
    X = data_for(link).astype(np.float32)
    scaling = Scaling.fit(X, link)
    exact = scaling.to_network(X, torch.float64)
    exact_back = scaling.to_data(exact)
    single = scaling.to(torch.float32)
    u = single(torch.from_numpy(X))
    assert u.dtype == torch.float32
    torch.testing.assert_close(u.double(), exact, atol=2e-5, rtol=1e-5)
    back = single.to_data(exact.float())
    torch.testing.assert_close(back.double(), exact_back, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_mapped_one_by_one_in_order_whatever_their_number(dtype):
    X = data_for("identity", n=4096 + 3)
    scaling = Scaling.fit(X, "identity")
    whole = scaling.to_network(X, dtype)
    assert whole.dtype == dtype
    for i in (0, 4095, 4096, 4098):
        assert torch.equal(whole[i : i + 1], scaling.to_network(X[i : i + 1], dtype))


@pytest.mark.parametrize("link", LINK_NAMES)
def test_a_pickle_is_equal_and_keeps_what_float32_would_lose(link):
    scaling = Scaling.fit(data_for(link) / 3, link)
    loaded = pickle.loads(pickle.dumps(scaling))
    for ours, theirs in zip(scaling.buffers(), loaded.buffers(), strict=True):
        assert ours.dtype == theirs.dtype == torch.float64
        assert torch.equal(ours, theirs)
    assert loaded.residual_scale == scaling.residual_scale


def test_one_scale_keeps_the_ratios_of_distances():
    X = data_for("identity") * np.array([1.0, 10.0, 100.0, 1.0, 1.0])
    u = Scaling.fit(X, "identity").to_network(X, torch.float64).numpy()
    ratio = np.linalg.norm(X[1:] - X[0], axis=1) / np.linalg.norm(u[1:] - u[0], axis=1)
    np.testing.assert_allclose(ratio, ratio[0])


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "view",
    [
        read_only,
        np.asfortranarray,
        lambda X: X[::2],
        lambda X: X[::-1],
        lambda X: X[:, ::-1],
    ],
    ids=["read-only", "columns first", "strided", "rows reversed", "columns reversed"],
)
def test_any_memory_layout_becomes_a_tensor_without_a_warning(view):
    X = view(data_for("identity"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = as_tensor(X)
    np.testing.assert_array_equal(tensor.numpy(), X)


def test_a_writeable_array_is_not_copied():
    X = data_for("identity")
    assert np.shares_memory(as_tensor(X).numpy(), X)


def test_rates_beyond_the_largest_count_grow_linearly():
    X = np.random.RandomState(0).poisson(3.0, size=(50, 4)).astype(float)
    scaling = Scaling.fit(X, "exp")
    rows = torch.from_numpy(X)
    np.testing.assert_allclose(scaling.restore(scaling(rows)), X, atol=1e-9)
    far = (torch.tensor([[100.0]]) - scaling.center) / scaling.scale
    rates = scaling.to_data(far.repeat(1, 1))
    largest = np.exp(scaling.ceiling)
    np.testing.assert_allclose(rates, largest * (101 - scaling.ceiling), rtol=1e-6)


# ----- values that are not there -------------------------------------------


def ragged(rng, n_rows=30):
    """Return rows, and the same with NaN from a column on that differs by row."""
    X = rng.normal(loc=3.0, size=(n_rows, 6))
    lengths = rng.randint(1, 6, size=n_rows)
    return X, np.where(np.arange(6) < lengths[:, np.newaxis], X, np.nan)


def test_moments_are_of_the_values_that_are_there():
    _, X = ragged(np.random.RandomState(0))
    scaling = Scaling.fit(X, "identity")
    np.testing.assert_allclose(scaling.mean[:5], np.nanmean(X[:, :5], axis=0))
    # Of a column without any value.
    assert scaling.mean[5] == pytest.approx(np.nanmean(X))
    residual = X - scaling.mean
    assert scaling.residual_scale == pytest.approx(np.sqrt(np.nanmean(residual**2)))
    assert scaling.row_size == pytest.approx(np.isfinite(X).sum() / len(X))
    u = scaling.to_network(X, torch.float64).numpy()
    assert np.nanmean(u**2) == pytest.approx(1.0)
    np.testing.assert_array_equal(np.isnan(u), np.isnan(X))


def test_weights_repeat_the_values_that_are_there():
    rng = np.random.RandomState(1)
    _, X = ragged(rng)
    weight = rng.randint(0, 3, size=len(X))
    weighted = Scaling.fit(X, "identity", weight.astype(float))
    repeated = Scaling.fit(np.repeat(X, weight, axis=0), "identity")
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    assert weighted.residual_scale == pytest.approx(repeated.residual_scale)
    assert weighted.row_size == pytest.approx(repeated.row_size)


@pytest.mark.parametrize("link", ["logistic", "exp", "tanh"])
def test_links_leave_out_what_is_not_there(link):
    X, with_gaps = ragged(np.random.RandomState(2))
    X, with_gaps = X / 10 + 0.1, with_gaps / 10 + 0.1
    X, with_gaps = np.clip(X, 0, 0.9), np.clip(with_gaps, 0, 0.9)
    scaling = Scaling.fit(with_gaps, link)
    u = scaling.to_network(with_gaps, torch.float64)
    np.testing.assert_allclose(scaling.restore(u).numpy(), with_gaps, atol=1e-6)
    assert np.isfinite(scaling.ceiling) == (link == "exp")


@pytest.mark.parametrize("link", ["identity", "logistic", "exp", "tanh"])
def test_constant_columns_are_zero_beside_gaps(link):
    X = np.random.RandomState(0).uniform(0.1, 0.9, size=(700, 3))
    X[:, 1] = 0.3
    X[[0, 5], [0, 1]] = np.nan
    u = Scaling.fit(X, link).to_network(X, torch.float64)[:, 1]
    assert (u.isnan() | (u == 0)).all()


def test_a_row_is_as_long_as_its_columns_and_a_pickle_keeps_it():
    X, with_gaps = ragged(np.random.RandomState(3))
    assert Scaling.fit(X, "identity").row_size == 6.0
    scaling = Scaling.fit(with_gaps, "exp")
    assert pickle.loads(pickle.dumps(scaling)).row_size == scaling.row_size


def test_zeros_and_gaps_are_zero():
    X = np.array([[0.0, np.nan], [0.0, 0.0]])
    scaling = Scaling.fit(X, "identity")
    np.testing.assert_array_equal(scaling.mean, [0.0, 0.0])
    assert scaling.residual_scale == 1.0


def test_gaps_are_filled_with_means():
    X, with_gaps = ragged(np.random.RandomState(4))
    scaling = Scaling.fit(with_gaps, "identity")
    filled = scaling.fill(with_gaps)
    gaps = np.isnan(with_gaps)
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    np.testing.assert_array_equal(
        filled[gaps], np.broadcast_to(scaling.mean, X.shape)[gaps]
    )
    assert scaling.fill(X) is X
