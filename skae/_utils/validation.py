"""Validation of parameters, weights, labels and arrays."""

import numbers

import numpy as np
import scipy.sparse
from sklearn.utils import check_array, check_scalar, get_tags

from skae._utils.sklearn_compat import (
    Interval,
    check_feature_names,
    check_sample_weight,
)

# Other dtypes are converted to the first.
FLOAT_DTYPES = [np.float64, np.float32]


class _Integers(Interval):
    """An interval of integers, without bools."""

    def is_satisfied_by(self, val):
        return not isinstance(val, bool) and super().is_satisfied_by(val)


def is_count(value):
    """Whether a value is an integer of at least 1, and no bool."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_integer and value >= 1


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
        If there is any other value.
    """
    sizes = hidden_layer_sizes
    if isinstance(sizes, numbers.Integral):
        sizes = (sizes,)
    if not all(map(is_count, sizes)):
        raise ValueError(
            "The 'hidden_layer_sizes' parameter must contain widths of at least 1, "
            f"from the input to the code. Got {hidden_layer_sizes!r} instead."
        )
    return tuple(int(size) for size in sizes)


def check_weights(sample_weight, X):
    """Return sample weights of shape (n_samples,) in float64, or None."""
    if sample_weight is None:
        return None
    return check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )


def check_validation_weights(sample_weight_val, X_val):
    """Return the weights of `X_val`, as `check_weights` does.

    Raises
    ------
    ValueError
        If they are not valid weights of `X_val`, or if there is no `X_val`.
    """
    if sample_weight_val is None:
        return None
    if X_val is None:
        raise ValueError(
            "sample_weight_val contains the weights of X_val, which is None. Pass both."
        )
    try:
        return check_weights(sample_weight_val, X_val)
    except ValueError as error:
        # scikit-learn's messages do not name the argument.
        raise ValueError(f"sample_weight_val cannot weight X_val: {error}") from None


def finite_values(estimator):
    """Return `ensure_all_finite` for scikit-learn, by the estimator's tags."""
    return "allow-nan" if get_tags(estimator).input_tags.allow_nan else True


def check_rows_like(estimator, X, like, name, *, same_length):
    """Return `X`, validated as further samples of the data `like`.

    For data in addition to the X of a fit, such as `X_val`.
    """
    check_feature_names(estimator, X, reset=False)
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
            f"{name} must have shape ({expected[0]}, {expected[1]}) to match X. "
            f"Got {X.shape} instead."
        )
    return X.astype(like.dtype, copy=False)


def check_dense(X, name):
    """Raise for sparse data, with a remedy for a Pipeline too.

    Raises
    ------
    TypeError
        As scikit-learn does.
    """
    if scipy.sparse.issparse(X):
        # The message begins as scikit-learn's.
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. Use "
            f"'{name}.toarray()'. In a Pipeline let the preceding step return "
            "dense data, as OneHotEncoder(sparse_output=False) does, or insert "
            "FunctionTransformer(lambda X: X.toarray(), accept_sparse=True) after it."
        )


def is_missing(value):
    """Whether a label is a missing value: None, NaN, NaT or the NA of pandas."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA has no truth value
        return True
    except ValueError:  # nor has an array, which is not a label
        return False


def missing_values(y):
    """Return a mask of the missing labels, of the shape of `y`."""
    if y.dtype != object:
        return np.asarray(y != y, dtype=bool)
    return np.array([is_missing(v) for v in y.ravel()], dtype=bool).reshape(y.shape)


def check_all_there(y, name, remedy, index=None):
    """Raise a ValueError if labels or targets have missing values.

    `remedy` is a sentence for the message; `index` has the numbers of the rows of y if
    these are not all rows.
    """
    missing = missing_values(y)
    if not missing.any():
        return
    value = y[missing][0]
    kind = "NaN" if isinstance(value, numbers.Real) else repr(value)
    rows = np.flatnonzero(missing.reshape(len(y), -1).any(axis=1))
    first = rows[0] if index is None else index[rows[0]]
    # The message begins as scikit-learn's.
    raise ValueError(
        f"Input {name} contains {kind}. {len(rows)} samples have a missing value, "
        f"the first in row {first}. {remedy}"
    )


def distinct_labels(labels):
    """Return the unique labels, sorted.

    Raises
    ------
    ValueError
        If their types have no common order.
    """
    try:
        return np.unique(labels)
    except TypeError:
        kinds = sorted({type(value).__name__ for value in labels})
        raise ValueError(
            f"y must have labels of one type. Got {' and '.join(kinds)}: convert them, "
            "for example with y.astype(str)."
        ) from None


def as_labels(y):
    """Return y; a list with strings as an array of objects.

    numpy would convert numbers in such a list to strings.
    """
    if isinstance(y, list | tuple) and np.asarray(y).dtype.kind == "U":
        return np.array(y, dtype=object)
    return y


def check_target(y, name):
    """Return labels or numbers, one or one per sample, as a 1-D or 2-D array."""
    y = as_labels(y)
    # `np.ndim` would fail on containers that are merely convertible to arrays.
    n_dimensions = y.ndim if hasattr(y, "ndim") else np.asarray(y).ndim
    y = np.atleast_1d(y) if n_dimensions == 0 else y
    options = {"ensure_2d": False, "dtype": None, "input_name": name}
    y = check_array(y, ensure_all_finite=False, **options)
    check_all_there(
        y,
        name,
        "Remove such samples, or assign a separate label to missing ones.",
    )
    return check_array(y, **options)


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
            f"X has {Z.shape[1]} features, but inverse_transform of this {name} "
            f"expects codes with n_components_={n_components}."
        )
    return Z
