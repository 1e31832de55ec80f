"""Rows without a label, marked in y by `unlabeled_label`."""

import numbers

import numpy as np
from sklearn.utils import check_array

from skae._validation import as_labels, num_samples, safe_indexing


def has_label(estimator, y, name="y"):
    """Return which rows of y have a label, of shape (n_samples,).

    Raises
    ------
    ValueError
        If the mark is no value that y could hold.
    """
    mark = estimator.unlabeled_label
    if mark is None:
        return np.ones(num_samples(y), dtype=bool)
    y = check_array(
        as_labels(y),
        ensure_2d=False,
        dtype=None,
        ensure_all_finite=False,
        input_name=name,
    )
    unlabeled = _is_missing(y) if _is_nan(mark) else y == mark
    if np.ndim(unlabeled) == 0 or not _could_hold(y, mark):
        raise ValueError(
            f"The 'unlabeled_label' parameter is {mark!r}, of {type(mark)}, which "
            f"{name}, of dtype {y.dtype}, cannot hold. Pass a value of its kind."
        )
    if unlabeled.ndim == 1:
        return ~unlabeled
    in_part = np.flatnonzero(unlabeled.any(axis=1) & ~unlabeled.all(axis=1))
    if len(in_part) and not _is_nan(mark):  # NaN has an error of its own
        raise ValueError(
            f"Row {in_part[0]} of {name} holds unlabeled_label={mark!r} in some "
            "columns and not in all. A row has all its targets or none."
        )
    return ~unlabeled.all(axis=1)


def labelled_rows(estimator, X, y, sample_weight=None, name="y"):
    """Return X, y and weights without the rows that have no label."""
    if estimator.unlabeled_label is None:
        return X, y, sample_weight
    index = np.flatnonzero(has_label(estimator, y, name))
    if len(index) == 0:
        raise ValueError(
            f"No row of {name} has a label: all are unlabeled_label="
            f"{estimator.unlabeled_label!r}. Pass labelled rows."
        )
    weight = None if sample_weight is None else safe_indexing(sample_weight, index)
    return safe_indexing(X, index), take_labels(y, index), weight


def take_labels(y, index):
    """Return the labels at `index`, of one type where they were of several."""
    if len(index) == num_samples(y):
        # As it came: scikit-learn's checks see a list or a data frame.
        return y
    taken = safe_indexing(as_labels(y), index)
    values = np.asarray(taken)
    if values.dtype == object and all(
        isinstance(v, numbers.Real) for v in values.ravel()
    ):
        # Objects only because the mark was among them.
        return np.array(values.tolist())
    return taken


def _is_nan(mark):
    return isinstance(mark, numbers.Real) and bool(np.isnan(mark))


def _is_missing(y):
    """Return where an array holds NaN, or another kind of nothing."""
    if y.dtype != object:
        return np.asarray(y != y, dtype=bool)
    return np.array([_is_nothing(v) for v in y.ravel()], dtype=bool).reshape(y.shape)


def _is_nothing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # the NA of pandas has no truth
        return True


def _could_hold(y, mark):
    if y.dtype == object or (_is_nan(mark) and y.dtype.kind in "biuf"):
        return True
    return (y.dtype.kind in "US") == isinstance(mark, str | bytes)
