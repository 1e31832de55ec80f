"""Rows without a label, marked in y by `unlabeled_label`."""

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

# What numpy makes of missing values in arrays of strings.
_MISSING_AS_STRINGS = ("nan", "None", "<NA>", "NaT")


def has_label(estimator, y, name="y"):
    """Return which rows of y have a label, of shape (n_samples,).

    Raises
    ------
    ValueError
        If the mark is no value that y could hold.
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
        unlabeled = _of_rows(unlabeled, mark, name)
    labeled = np.flatnonzero(~unlabeled)
    check_all_there(y[labeled], name, _remedy(mark, name), labeled)
    return ~unlabeled


def marks_missing(mark):
    """Whether any missing value is the mark: NaN, NA of pandas and None are alike."""
    return mark is not None and is_missing(mark)


def check_classes_have_no_mark(classes, mark):
    """Refuse `classes` of partial_fit among which are missing values or the mark."""
    for label in classes:
        if is_missing(label):
            raise ValueError(
                f"classes={list(classes)} has the missing value {label!r}, which is no "
                "class. Leave it out, and pass unlabeled_label=np.nan to have samples "
                "without a label."
            )
        if mark is not None and not is_missing(mark) and label == mark:
            raise ValueError(
                f"classes={list(classes)} has unlabeled_label={mark!r}, which stands "
                "for no class. Leave it out."
            )


def labeled_samples(estimator, X, y, sample_weight=None, name="y"):
    """Return X, y and weights without the rows that have no label."""
    if y is None:
        return X, y, sample_weight  # scikit-learn's own error
    index = np.flatnonzero(has_label(estimator, y, name))
    if len(index) == 0:
        raise ValueError(
            f"No sample of {name} has a label: all are unlabeled_label="
            f"{estimator.unlabeled_label!r}. Pass labeled samples."
        )
    if len(index) == num_samples(y):
        return X, y, sample_weight
    weight = None if sample_weight is None else safe_indexing(sample_weight, index)
    return safe_indexing(X, index), take_labels(y, index), weight


def take_labels(y, index):
    """Return the labels at `index`, of one type where they were of several."""
    if len(index) == num_samples(y):
        # As it came: scikit-learn's checks see a list or a data frame.
        return y
    # An array: a Series of Int64 becomes integers, and floats later on.
    values = np.asarray(safe_indexing(as_labels(y), index))
    if values.dtype == object and all(
        isinstance(v, numbers.Real | np.bool_) for v in values.ravel()
    ):
        # Objects only because the mark was among them.
        return np.array(values.tolist())
    return values


def _equal(y, mark, name):
    """Return where y, without missing values, equals a mark."""
    is_of_kind = (y.dtype.kind in "US") == isinstance(mark, str | bytes)
    equal = y == mark if is_of_kind or y.dtype == object else None
    if np.ndim(equal) == 0:
        raise ValueError(
            f"The 'unlabeled_label' parameter is {mark!r}, of {type(mark)}, which "
            f"{name}, of dtype {y.dtype}, cannot hold. Pass a value of its kind."
        )
    return equal


def _check_holds_missing(y, mark, name):
    if y.dtype.kind in "US":
        found = np.intersect1d(y.astype(str), _MISSING_AS_STRINGS)
        if len(found):
            raise ValueError(
                f"The 'unlabeled_label' parameter is {mark!r}, which {name}, of dtype "
                f"{y.dtype}, cannot hold: it has the string {str(found[0])!r} instead. "
                f"Make {name} an array of objects, np.array(..., dtype=object), before "
                "its missing values become strings."
            )


def _of_rows(unlabeled, mark, name):
    """Return which rows are unlabeled in all their columns."""
    in_part = np.flatnonzero(unlabeled.any(axis=1) & ~unlabeled.all(axis=1))
    if len(in_part) and not marks_missing(mark):  # which have an error of their own
        raise ValueError(
            f"Row {in_part[0]} of {name} holds unlabeled_label={mark!r} in some "
            "columns and not in all. A row has all its targets or none."
        )
    return unlabeled.all(axis=1)


def _remedy(mark, name):
    """Return what to do about missing values that are not marks."""
    if marks_missing(mark):
        return (
            f"With unlabeled_label={mark!r} the samples without any target are "
            "unlabeled: a sample has all its targets or none."
        )
    if mark is None:
        return (
            "Leave such samples out, or train on them without their labels by "
            "unlabeled_label=np.nan, which marks any missing value."
        )
    return (
        f"Samples without a label are marked by unlabeled_label={mark!r}: use it in "
        f"{name} for missing values, or pass unlabeled_label=np.nan and use those."
    )
