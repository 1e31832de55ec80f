"""Validation at the door: the only file with scikit-learn's private names."""

import numbers

import numpy as np
import scipy.sparse
from sklearn.base import _fit_context
from sklearn.utils import (
    _align_api_if_sparse,
    _safe_indexing,
    check_array,
    check_scalar,
    get_tags,
)
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    _check_y,
    _num_samples,
    check_is_fitted,
    validate_data,
)

from skae.losses import LINKS

__all__ = [
    "FLOAT_DTYPES",
    "Interval",
    "InvalidParameterError",
    "RealNotInt",
    "StrOptions",
    "align_sparse",
    "as_labels",
    "check_all_there",
    "check_at_least",
    "check_bool",
    "check_codes",
    "check_corrupted",
    "check_dense",
    "check_domain",
    "check_emphasis",
    "check_hidden_layer_sizes",
    "check_is_fitted",
    "check_parameters",
    "check_rows_like",
    "check_target",
    "check_weights",
    "check_y",
    "distinct_labels",
    "finite_values",
    "fit_context",
    "integers_from",
    "is_missing",
    "missing_values",
    "num_samples",
    "reals",
    "safe_indexing",
    "validate_data",
]

# The first is what other dtypes are converted to.
FLOAT_DTYPES = [np.float64, np.float32]
# Share of a range by which values may be outside of it because of rounding errors. A
# scaler computes x * a + b, terms that may be many times their sum: the error is
# eps * |offset| / range of the unscaled column.
_RANGE_TOLERANCE = {np.float64: 1e-9, np.float32: 1e-4}
# The same of the largest value: more would hide a -1 among large counts.
_ZERO_TOLERANCE = {np.float64: 1e-12, np.float32: 1e-6}

fit_context = _fit_context
num_samples = _num_samples
safe_indexing = _safe_indexing
# To a matrix or an array of scipy, as scikit-learn's configuration asks.
align_sparse = _align_api_if_sparse


class _Integers(Interval):
    """An interval of integers, to which bools do not belong."""

    def is_satisfied_by(self, val):
        return not isinstance(val, bool) and super().is_satisfied_by(val)


def integers_from(low):
    """Return the constraint of an integer of at least `low`."""
    return _Integers(numbers.Integral, low, None, closed="left")


def reals(low, high, closed):
    """Return the constraint of a real number in an interval."""
    return Interval(numbers.Real, low, high, closed=closed)


def check_at_least(value, low, name):
    """Raise unless a method's argument is an integer of at least `low`."""
    check_scalar(value, name, numbers.Integral, min_val=low)


def check_bool(value, name):
    """Raise unless a method's argument is a bool."""
    check_scalar(value, name, (bool, np.bool_))


def check_hidden_layer_sizes(hidden_layer_sizes):
    """Return the widths as a tuple of positive ints.

    Raises
    ------
    ValueError
        If there is anything else among them.
    """
    sizes = hidden_layer_sizes
    if isinstance(sizes, numbers.Integral):
        sizes = (sizes,)
    for size in sizes:
        if not isinstance(size, numbers.Integral) or size < 1:
            raise ValueError(
                "The 'hidden_layer_sizes' parameter must hold widths of at least 1, "
                f"from the input towards the code. Got {hidden_layer_sizes!r} instead."
            )
    return tuple(int(size) for size in sizes)


def check_weights(sample_weight, X):
    """Return sample weights of shape (n_samples,) in float64, or None."""
    if sample_weight is None:
        return None
    return _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )


def finite_values(estimator):
    """Return what `ensure_all_finite` of scikit-learn is by the estimator's tags."""
    return "allow-nan" if get_tags(estimator).input_tags.allow_nan else True


def check_rows_like(estimator, X, like, name, *, same_length):
    """Return `X`, validated as more rows of the data `like`.

    Used for data beside the X of a fit, such as `X_val`.
    """
    _check_feature_names(estimator, X, reset=False)
    check_dense(X, name)
    X = check_array(
        X,
        dtype=FLOAT_DTYPES,
        ensure_all_finite=finite_values(estimator),
        estimator=estimator,
        input_name=name,
    )
    expected = like.shape if same_length else ("n_rows", like.shape[1])
    if X.shape[1] != like.shape[1] or (same_length and len(X) != len(like)):
        raise ValueError(
            f"{name} must have shape ({expected[0]}, {expected[1]}) to go with X. "
            f"Got {X.shape} instead."
        )
    return X.astype(like.dtype, copy=False)


def check_dense(X, name):
    """Refuse sparse data, with a remedy for a Pipeline too.

    Raises
    ------
    TypeError
        As scikit-learn's own.
    """
    if scipy.sparse.issparse(X):
        # The beginning is scikit-learn's.
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. Use "
            f"'{name}.toarray()'. In a Pipeline make the step before return dense "
            "data, as OneHotEncoder(sparse_output=False) does, or put "
            "FunctionTransformer(lambda X: X.toarray(), accept_sparse=True) after it."
        )


def is_missing(value):
    """Whether a label is a missing value: None, NaN, NaT or the NA of pandas."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA has no truth value
        return True
    except ValueError:  # nor has an array, which is no label at all
        return False


def missing_values(y):
    """Return where an array of labels has missing values, in the shape of `y`."""
    if y.dtype != object:
        return np.asarray(y != y, dtype=bool)
    return np.array([is_missing(v) for v in y.ravel()], dtype=bool).reshape(y.shape)


def check_all_there(y, name, remedy, index=None):
    """Raise a ValueError if labels or targets have missing values.

    `remedy` is a sentence for the message; `index` are the numbers of the rows of y
    where they are not all rows.
    """
    missing = missing_values(y)
    if not missing.any():
        return
    value = y[missing][0]
    kind = "NaN" if isinstance(value, numbers.Real) else repr(value)
    rows = np.flatnonzero(missing.reshape(len(y), -1).any(axis=1))
    first = rows[0] if index is None else index[rows[0]]
    # The beginning is scikit-learn's.
    raise ValueError(
        f"Input {name} contains {kind}. {len(rows)} samples have a missing value, "
        f"the first in row {first}. {remedy}"
    )


def distinct_labels(labels):
    """Return the sorted labels, each once.

    Raises
    ------
    ValueError
        If they are of types that have no order.
    """
    try:
        return np.unique(labels)
    except TypeError:
        kinds = sorted({type(value).__name__ for value in labels})
        raise ValueError(
            f"y must have labels of one type. Got {' and '.join(kinds)}: convert them, "
            "as by y.astype(str)."
        ) from None


def as_labels(y):
    """Return y, a list of strings and other things as an array of objects.

    numpy would make strings of the numbers among them.
    """
    if isinstance(y, list | tuple) and np.asarray(y).dtype.kind == "U":
        return np.array(y, dtype=object)
    return y


def check_parameters(estimator):
    """Raise an error unless an estimator's parameters satisfy their constraints."""
    estimator._validate_params()


def check_target(y, name):
    """Return labels or numbers, one or one a row, as an array of 1 or 2 dimensions."""
    y = as_labels(y)
    # `np.ndim` would ask containers that only promise to become arrays.
    n_dimensions = y.ndim if hasattr(y, "ndim") else np.asarray(y).ndim
    y = np.atleast_1d(y) if n_dimensions == 0 else y
    options = {"ensure_2d": False, "dtype": None, "input_name": name}
    y = check_array(y, ensure_all_finite=False, **options)
    check_all_there(
        y,
        name,
        "Leave such samples out, or give missing labels a label of their own.",
    )
    return check_array(y, **options)


def check_y(estimator, y, *, multi_output, y_numeric):
    """Return y, one value or more a row, as scikit-learn's predictors check it."""
    return _check_y(
        y, multi_output=multi_output, y_numeric=y_numeric, estimator=estimator
    )


def check_codes(estimator, Z, n_components, *, accept_sparse=False):
    """Return codes of shape (n_samples, n_components), validated."""
    name = type(estimator).__name__
    Z = check_array(
        Z,
        accept_sparse=accept_sparse,
        dtype=FLOAT_DTYPES,
        estimator=estimator,
        input_name="X",
    )
    if Z.shape[1] != n_components:
        raise ValueError(
            f"X has {Z.shape[1]} features, but the codes that {name} was fitted to "
            f"give, and inverse_transform expects, have n_components_={n_components}."
        )
    return Z


def check_domain(X, link, name, *, whom, parameter, value):
    """Return `X` with values that rounding took out of the range of `link` clipped.

    `parameter` is the one that chooses the link, by `value`.

    Raises
    ------
    ValueError
        If there are values outside the range by more than rounding.
    """
    low, high = LINKS[link].domain
    least, largest = np.nanmin(X), np.nanmax(X)
    if low <= least and largest <= high:
        return X
    # For an unbounded range the tolerance is relative to the largest value: an exact 0
    # may be the rounded difference of such values.
    if np.isfinite(high):
        slack = _RANGE_TOLERANCE[X.dtype.type] * high
    else:
        slack = _ZERO_TOLERANCE[X.dtype.type] * max(-least, largest)
    if low - slack <= least and largest <= high + slack:
        return np.clip(X, low, high)
    if least < low == 0:
        # The beginning is scikit-learn's, whose checks look for it.
        fault = f"Negative values in data passed to {whom}: {name} must not have them"
    else:
        fault = f"{name} must lie in [{low:g}, {high:g}] for {whom}"
    remedy = ""
    if np.isfinite(high):
        scaler = f"MinMaxScaler(feature_range=({low:g}, {high:g}), clip=True)"
        remedy = f"Scale the data with {scaler}, or c"
    raise ValueError(
        f"{fault} with {parameter}={value!r}. Got values from {_in_full(least)} to "
        f"{_in_full(largest)}. {remedy or 'C'}hoose another {parameter}."
    )


def _in_full(value):
    """Return a number as text, with as many digits as tell it from its neighbors."""
    return str(value).removesuffix(".0")


def check_emphasis(emphasis):
    """Return the two weights of the loss as floats.

    Raises
    ------
    ValueError
        If they are not two non-negative numbers, one of them positive.
    """
    weights = np.ravel(emphasis)
    is_numeric = weights.dtype.kind in "iuf" and np.all(np.isfinite(weights))
    if weights.size != 2 or not is_numeric or min(weights) < 0 or max(weights) <= 0:
        raise ValueError(
            "The 'emphasis' parameter must be two finite, non-negative weights, one of "
            "them positive: of the loss on corrupted values and on the rest. Got "
            f"{emphasis!r} instead."
        )
    return float(weights[0]), float(weights[1])


def check_corrupted(X, shape):
    """Return what a user's corruption returned as float64 of `shape`."""
    X = check_array(X, dtype=np.float64, input_name="returned by 'corruption'")
    if X.shape != shape:
        raise ValueError(
            f"The 'corruption' parameter was called with an array of shape {shape} and "
            f"must return one like it. Got one of shape {X.shape} instead."
        )
    return X
