import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MinMaxScaler

import skae
from skae._estimators.base.validation import check_domain
from skae._utils.validation import (
    check_codes,
    check_hidden_layer_sizes,
    check_rows_like,
    check_weights,
    integers_from,
    reals,
)

X = np.random.RandomState(0).randn(6, 3)


class Estimator(BaseEstimator):
    """Whom the messages name."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), ()),
        ([], ()),
        (64, (64,)),
        ((64, 32), (64, 32)),
        ([64, np.int64(32)], (64, 32)),
        (np.array([5, 4, 3]), (5, 4, 3)),
    ],
)
def test_widths_become_a_tuple_of_ints(given, expected):
    sizes = check_hidden_layer_sizes(given)
    assert sizes == expected
    assert all(type(size) is int for size in sizes)


@pytest.mark.parametrize("given", [0, (64, 0), (-1,), (64.0,), ("64",), (64, None)])
def test_what_is_no_width_is_refused(given):
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter .* Got"):
        check_hidden_layer_sizes(given)


def test_no_weights_stay_none_and_others_become_float64():
    assert check_weights(None, X) is None
    weight = check_weights([1, 2, 3, 4, 5, 6], X)
    assert weight.dtype == np.float64 and weight.shape == (6,)
    assert (check_weights(2.0, X) == 2).all()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], "sample_weight.shape"),
        ([-1.0, 1, 1, 1, 1, 1], "[Nn]egative"),
        ([np.nan, 1, 1, 1, 1, 1], "NaN"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weight, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_further_rows_take_the_dtype_of_the_first(dtype):
    rows = check_rows_like(
        Estimator(), X[:2].tolist(), X.astype(dtype), "X_val", same_length=False
    )
    assert rows.dtype == dtype and rows.shape == (2, 3)


@pytest.mark.parametrize(
    ("rows", "same_length", "shape"),
    [
        (X[:, :2], False, r"\(n_rows, 3\).*\(6, 2\)"),
        (X[:5], True, r"\(6, 3\).*\(5, 3\)"),
    ],
)
def test_further_rows_of_another_shape_are_refused_by_name(rows, same_length, shape):
    with pytest.raises(ValueError, match=f"X_val must have shape {shape}"):
        check_rows_like(Estimator(), rows, X, "X_val", same_length=same_length)


def test_further_rows_that_are_not_finite_are_refused_by_name():
    rows = X.copy()
    rows[0, 0] = np.nan
    with pytest.raises(ValueError, match="X_val contains NaN"):
        check_rows_like(Estimator(), rows, X, "X_val", same_length=True)


def test_codes_of_another_width_are_refused():
    assert check_codes(Estimator(), X, 3) is X
    with pytest.raises(ValueError, match="3 features.*Estimator.*n_components_=4"):
        check_codes(Estimator(), X, 4)


CHOICE = {"whom": "Estimator", "parameter": "out_activation", "value": "tanh"}


@pytest.mark.parametrize(
    ("link", "low", "high"),
    [("logistic", 0, 1), ("tanh", -1, 1), ("exp", 0, 1e9), ("identity", -1e9, 1e9)],
)
def test_the_whole_domain_of_a_link_is_allowed(link, low, high):
    rows = MinMaxScaler((low, high)).fit_transform(X).clip(low, high)
    check_domain(rows, link, "X", **CHOICE)


@pytest.mark.parametrize(
    ("link", "value"),
    [("logistic", -0.1), ("logistic", 1.1), ("tanh", -1.1), ("tanh", 1.1), ("exp", -1)],
)
def test_values_outside_of_the_domain_of_a_link_are_refused(link, value):
    rows = np.full((3, 2), 0.5)
    rows[1, 1] = value
    with pytest.raises(ValueError, match="Estimator"):
        check_domain(rows, link, "X", **CHOICE)


DOMAINS = {"logistic": (0, 1), "tanh": (-1, 1), "exp": (0, np.inf)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("link", DOMAINS)
def test_values_that_rounding_took_out_of_the_domain_are_clipped(link, dtype):
    low, high = DOMAINS[link]
    eps = np.finfo(dtype).eps
    rows = np.array([[low - 2 * eps, 0.5], [1 + 2 * eps, np.nan]], dtype=dtype)
    given = rows.copy()
    checked = check_domain(rows, link, "X", **CHOICE)
    np.testing.assert_array_equal(rows, given)
    np.testing.assert_array_equal(checked, rows.clip(low, high))
    assert checked.dtype == dtype
    inside = rows.clip(low, high)
    assert check_domain(inside, link, "X", **CHOICE) is inside


@pytest.mark.parametrize("unit", [1e-200, 1e-9, 1e9, 1e200])
def test_rounding_below_zero_is_measured_by_the_data(unit):
    rows = unit * np.array([[-1e-17, 1.0]])
    assert check_domain(rows, "exp", "X", **CHOICE).min() == 0
    with pytest.raises(ValueError, match="Negative values"):
        check_domain(unit * np.array([[-1e-9, 1.0]]), "exp", "X", **CHOICE)


@pytest.mark.parametrize(
    ("dtype", "value", "printed"),
    [(np.float64, 1 + 1e-8, "1.00000001"), (np.float32, 1.001, "1.001")],
)
def test_a_value_just_outside_of_the_domain_is_printed_in_full(dtype, value, printed):
    rows = np.array([[0.0, value]], dtype=dtype)
    with pytest.raises(ValueError, match=rf"from 0 to {printed}\. Scale"):
        check_domain(rows, "logistic", "X", **CHOICE)


def test_the_message_about_the_domain_gives_the_values_and_the_remedy():
    remedy = r"MinMaxScaler.* or choose another out_activation\.$"
    with pytest.raises(ValueError, match=rf"\[-1, 1\].*'tanh'.*from -3 to 2.*{remedy}"):
        check_domain(np.array([[-3.0, 2.0]]), "tanh", "X", **CHOICE)


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        (integers_from(1), (1, 10, np.int64(3)), (0, -1, 1.0, "1", True)),
        (reals(0, 1, "left"), (0, 0.5), (1, -0.1)),
        (reals(0, None, "neither"), (1e-9, 5), (0, -1)),
    ],
)
def test_constraints_hold_inside_and_fail_outside(constraint, inside, outside):
    assert all(constraint.is_satisfied_by(value) for value in inside)
    assert not any(constraint.is_satisfied_by(value) for value in outside)


@pytest.mark.parametrize(
    "estimator",
    [
        skae.AutoencoderTransformer(hidden_layer_sizes=(True,)),
        skae.AutoencoderTransformer(hidden_layer_sizes=True),
        skae.StackedDAEClassifier((8, True)),
        skae.ConvolutionalAutoencoder(image_shape=(8, True)),
        skae.ConvolutionalAutoencoder(channels=(True,)),
        skae.ConvolutionalAutoencoder(channels=(4, True)),
        skae.ConvolutionalAutoencoder(kernel_size=True),
        skae.ConvolutionalAutoencoder(kernel_size=(3, True)),
        skae.RecurrentAutoencoder(sequence_shape=(64, True)),
        skae.RecurrentAutoencoder(hidden_size=True),
    ],
    ids=str,
)
def test_a_bool_is_no_width(estimator):
    X = np.random.RandomState(0).rand(30, 64)
    with pytest.raises(ValueError, match="parameter .*must"):
        estimator.fit(X, X[:, 0] > 0.5)
