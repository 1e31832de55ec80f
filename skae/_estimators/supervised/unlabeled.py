"""Unlabeled samples, which are marked in y by `unlabeled_label`."""

import numbers

import numpy as np
from sklearn.utils import check_array

from skae._utils.sklearn_compat import num_samples, safe_indexing
from skae._utils.validation import (
    as_labels,
    check_all_there,
    is_missing,
    missing_values,
)

# Strings into which numpy converts missing values.
_MISSING_AS_STRINGS = ("nan", "None", "<NA>", "NaT")


def has_label(estimator, y, name="y"):
    """Return which samples have a label.

    Parameters
    ----------
    estimator : object
        Its parameter `unlabeled_label` marks unlabeled samples.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    name : str
        Name of `y` in messages.

    Returns
    -------
    has_label : ndarray of shape (n_samples,), dtype bool

    Raises
    ------
    ValueError
        If y cannot contain the mark, if only some targets of a sample are marked, or if
        y has missing values that are not marks.
    """
    mark = estimator.unlabeled_label
    y = check_array(
        as_labels(y),
        ensure_2d=False,
        dtype=None,
        ensure_all_finite=False,
        input_name=name,
    )
    missing = missing_values(y)
    unlabeled = np.zeros(y.shape, dtype=bool)
    if marks_missing(mark):
        _check_holds_missing(y, mark, name)
        unlabeled = missing
    elif mark is not None:
        unlabeled[~missing] = _equal(y[~missing], mark, name)
    if unlabeled.ndim > 1:
        unlabeled = _unlabeled_rows(unlabeled, mark, name)
    labeled = np.flatnonzero(~unlabeled)
    check_all_there(y[labeled], name, _remedy(mark, name), labeled)
    return ~unlabeled


def marks_missing(mark):
    """Whether missing values (NaN, None or pandas.NA) mark unlabeled samples."""
    return mark is not None and is_missing(mark)


def check_classes_have_no_mark(classes, mark):
    """Raise a ValueError if `classes` contains missing values or the mark."""
    for label in classes:
        if is_missing(label):
            raise ValueError(
                f"classes={list(classes)} contains the missing value {label!r}, which "
                "is not a class. Leave it out, and use unlabeled_label=np.nan if "
                "missing values mark unlabeled samples."
            )
        if mark is not None and not is_missing(mark) and label == mark:
            raise ValueError(
                f"classes={list(classes)} contains unlabeled_label={mark!r}, which is "
                "not a class. Leave it out."
            )


def labeled_samples(estimator, X, y, sample_weight=None, name="y"):
    """Return X, y and weights of the labeled samples."""
    if y is None:
        return X, y, sample_weight  # scikit-learn raises its own error
    index = np.flatnonzero(has_label(estimator, y, name))
    if len(index) == 0:
        raise ValueError(
            f"No sample of {name} has a label: all have unlabeled_label="
            f"{estimator.unlabeled_label!r}. Pass labeled samples."
        )
    if len(index) == num_samples(y):
        return X, y, sample_weight
    weight = None if sample_weight is None else safe_indexing(sample_weight, index)
    return safe_indexing(X, index), take_labels(y, index), weight


def take_labels(y, index):
    """Return the labels at `index`, with objects converted to numbers if possible."""
    if len(index) == num_samples(y):
        # Unchanged, as scikit-learn validates lists and data frames.
        return y
    # An array, as a pandas Series of dtype Int64 becomes integers in this way.
    values = np.asarray(safe_indexing(as_labels(y), index))
    if values.dtype == object and all(
        isinstance(v, numbers.Real | np.bool_) for v in values.ravel()
    ):
        # The dtype was object only because of the mark.
        return np.array(values.tolist())
    return values


def _equal(y, mark, name):
    """Return where y, which has no missing values, equals the mark."""
    is_of_kind = (y.dtype.kind in "US") == isinstance(mark, str | bytes)
    equal = y == mark if is_of_kind or y.dtype == object else None
    if np.ndim(equal) == 0:
        raise ValueError(
            f"The 'unlabeled_label' parameter is {mark!r} of type "
            f"{type(mark).__name__}, which {name} of dtype {y.dtype} cannot contain. "
            f"Pass a value of the same kind as {name}."
        )
    return equal


def _check_holds_missing(y, mark, name):
    if y.dtype.kind in "US":
        found = np.intersect1d(y.astype(str), _MISSING_AS_STRINGS)
        if len(found):
            raise ValueError(
                f"The 'unlabeled_label' parameter is {mark!r}, which {name} of dtype "
                f"{y.dtype} cannot contain: it contains the string {str(found[0])!r} "
                f"instead. Create {name} by np.array(..., dtype=object), so that "
                "missing values are not converted to strings."
            )


def _unlabeled_rows(unlabeled, mark, name):
    """Return which rows are unlabeled, given which elements are."""
    in_part = np.flatnonzero(unlabeled.any(axis=1) & ~unlabeled.all(axis=1))
    if len(in_part) and not marks_missing(mark):  # `has_label` refuses missing values
        raise ValueError(
            f"Row {in_part[0]} of {name} holds unlabeled_label={mark!r} in some "
            "columns, but not in all. A sample must have all of its targets or none."
        )
    return unlabeled.all(axis=1)


def _remedy(mark, name):
    """Return the advice about missing values that do not mark unlabeled samples."""
    if marks_missing(mark):
        return (
            f"With unlabeled_label={mark!r} only samples without any target are "
            "unlabeled: a sample must have all of its targets or none."
        )
    if mark is None:
        return (
            "Leave such samples out, or use them as unlabeled samples by "
            "unlabeled_label=np.nan, which stands for any missing value."
        )
    return (
        f"Unlabeled samples are marked by unlabeled_label={mark!r}: replace missing "
        f"values in {name} by it, or use unlabeled_label=np.nan."
    )
