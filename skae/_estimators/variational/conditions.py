"""The condition of a conditional model: y encoded as columns of numbers."""

import copy
import numbers

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from skae._utils.validation import check_target, distinct_labels
from skae._utils.warnings import warn_caller

# Rows that stand for the distribution of a y of numbers.
_LARGEST_SUPPORT = 32
_DISCRETE = ("binary", "multiclass", "multiclass-multioutput")
_NUMERIC, _WHOLE = "biuf", "iuf"  # kinds of dtypes
# A fifth of the rows, if it is more than this, are too many to be classes.
_MANY_LABELS = 20
_REMEDY = "If y is a quantity, pass numbers to fit that are not all whole, as y / 10."


class ConditionEncoder:
    """The encoding of y: one column for each class, or standardized numbers.

    scikit-learn's `type_of_target` decides: columns of discrete targets contain labels,
    and columns of continuous targets and of indicators contain numbers.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    classes : array-like or list of array-like, default=None
        Labels that y may have, for several columns one array each; None finds them.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the rows, which count as repetitions; of weight zero they are not
        there.

    Attributes
    ----------
    n_outputs : int
    classes : list of ndarray or None
        The labels of each column of y, sorted; None for numbers.
    n_columns : int
    support : ndarray of shape (n_distinct, n_columns)
        The distinct rows of the encoded y; for several columns or numbers, at most 32
        rows that are spread over them.
    shares : ndarray of shape (n_distinct,)
        Their shares of the rows.
    """

    def __init__(self, y, classes=None, weight=None):
        target = check_target(y, "y")
        if weight is not None:
            target, weight = target[weight > 0], weight[weight > 0]
        columns = _columns(target)
        self.n_outputs = len(columns)
        self.classes = None
        if classes is not None:
            self.classes = _given_classes(classes, self.n_outputs)
        elif _are_labels(columns):
            self.classes = [distinct_labels(column) for column in columns]
            _warn_of_many_labels(self.classes, len(target))
        if self.classes is None:
            values = np.column_stack(columns).astype(np.float64)
            self._set_scale(values, weight)
        encoded = self._encode(columns, "y")
        self.n_columns = encoded.shape[1]
        self.support, self.shares = self._summarise(encoded, weight)

    def encode(self, y, n_rows, name):
        """Return columns of shape (n_rows, n_columns); a single y is repeated.

        If `n_rows` is None, there is one row for each target.
        """
        target = self._target(y, name)
        columns = _columns(target)
        n_rows = len(target) if n_rows is None else n_rows
        if len(target) not in (1, n_rows) or len(columns) != self.n_outputs:
            raise ValueError(
                f"{name} must be one target for all or one for each of {n_rows} rows, "
                f"with {self.n_outputs} column(s). Got shape {np.shape(y)} instead."
            )
        encoded = self._encode(columns, name)
        return np.repeat(encoded, n_rows, axis=0) if len(target) == 1 else encoded

    def encode_each(self, y, n_rows, name, weight=None):
        """Return columns with one target per row, zeros for rows of weight zero."""
        target = self._target(y, name)
        check_consistent_length(range(n_rows), target)
        present = np.ones(n_rows, dtype=bool) if weight is None else weight > 0
        encoded = np.zeros((n_rows, self.n_columns))
        encoded[present] = self.encode(target[present], present.sum(), name)
        return encoded

    def refit(self, encoded, weight=None):
        """Return the conditions fitted to encoded columns, and their new encoding.

        Classes are kept; means, scales and shares are estimated from the columns.
        """
        refitted = copy.copy(self)
        if self.classes is None:
            values = encoded * self.scale + self.mean
            refitted._set_scale(values, weight)
            encoded = (values - refitted.mean) / refitted.scale
        refitted.support, refitted.shares = refitted._summarise(encoded, weight)
        return refitted, encoded

    @property
    def labels(self):
        """The labels of y, a list of them for several columns, None for numbers."""
        is_one = self.classes is not None and len(self.classes) == 1
        return self.classes[0] if is_one else self.classes

    def given(self, y, n_rows, method=None):
        """Return the network's keyword argument for y, empty without y.

        A single y is repeated; if `n_rows` is None, there is one row for each y.

        Raises
        ------
        ValueError
            If y is None and `method` is the name of one that needs it.
        """
        if y is not None:
            return {"condition": self.encode(y, n_rows, "y")}
        if method is None:
            return {}
        raise ValueError(
            f"{method} needs to know of what class or target the rows are: pass "
            f"{method}(..., y=...), one for all rows or one for each."
        )

    def check_same_classes(self, classes):
        """Raise unless `classes` are those of the first call."""
        given = _given_classes(classes, self.n_outputs)
        known = self.classes or []
        if len(known) != len(given) or not all(map(np.array_equal, known, given)):
            raise ValueError(
                f"classes={classes!r} are not those of the first call of partial_fit, "
                f"{known!r}: set them there, or fit a clone."
            )

    def _set_scale(self, values, weight):
        self.mean, self.scale = _moments(values, weight)

    def _target(self, y, name):
        """Return y with a row for each target."""
        target = check_target(y, name)
        is_one = target.ndim == 1 and self.n_outputs > 1
        return target[np.newaxis] if is_one else target

    def _encode(self, columns, name):
        if self.classes is None:
            values = np.column_stack(columns).astype(np.float64)
            return (values - self.mean) / self.scale
        pairs = zip(columns, self.classes, strict=True)
        return np.hstack([_one_hot(column, classes, name) for column, classes in pairs])

    def _summarise(self, encoded, weight):
        is_one_of_labels = self.classes is not None and self.n_outputs == 1
        if is_one_of_labels:
            distinct = np.eye(self.n_columns)
            shares = np.average(encoded, axis=0, weights=weight)
        else:
            distinct, index = np.unique(encoded, axis=0, return_inverse=True)
            shares = np.bincount(index.ravel(), weight)
        distinct, shares = distinct[shares > 0], shares[shares > 0] / shares.sum()
        if is_one_of_labels or len(distinct) <= _LARGEST_SUPPORT:
            return distinct, shares
        # Distinct rows are sorted: quantiles are spread over the first column.
        middles = (np.arange(_LARGEST_SUPPORT) + 0.5) / _LARGEST_SUPPORT
        chosen = distinct[np.searchsorted(np.cumsum(shares), middles)]
        return chosen, np.full(_LARGEST_SUPPORT, 1 / _LARGEST_SUPPORT)


class ConditionedMixin:
    """Methods of a model that is conditional on y, which `_conditions` encodes."""

    def _condition(self, y, X, name, *, reset, classes=None, weight=None):
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires {name} to be passed, "
                f"but the target {name} is None."
            )
        if reset:
            check_consistent_length(X, y)
            self._conditions = ConditionEncoder(y, classes, weight)
        elif classes is not None:
            self._conditions.check_same_classes(classes)
        return self._conditions.encode_each(y, len(X), name, weight)

    def _given(self, y, n_rows, method=None):
        """Return the network's keyword argument for y, which `method` requires."""
        self._codec_for()
        return self._conditions.given(y, n_rows, method)

    def _n_conditions(self):
        return self._conditions.n_columns


def _moments(values, weight):
    """Return mean and standard deviation of each column, 1 for a constant one."""
    # In units, powers of 2, of the largest magnitude: squares of 1e200 would overflow.
    unit = np.ldexp(1.0, np.frexp(np.abs(values).max(axis=0))[1] - 1)
    values = values / unit
    mean = np.average(values, axis=0, weights=weight)
    deviation = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    # What a constant column deviates from its mean is rounding.
    varies = np.any(values != values[0], axis=0) & (deviation > 0)
    return mean * unit, np.where(varies, deviation * unit, 1.0)


def _columns(y):
    """Return the columns of y, each in the dtype of its values."""
    columns = list(y.reshape(len(y), -1).T)
    return [_typed(column) if column.dtype == object else column for column in columns]


def _typed(column):
    for kind in (str, numbers.Real):
        if all(isinstance(value, kind) for value in column):
            return np.array(column.tolist())
    return column


def _are_labels(columns):
    if all(column.dtype.kind in _NUMERIC for column in columns):
        return type_of_target(np.column_stack(columns)) in _DISCRETE
    for column in columns:
        if column.dtype.kind == "f" and type_of_target(column) == "continuous":
            raise ValueError(
                "y must have columns of labels or columns of numbers, but it has both. "
                "Make labels of the numbers, or columns of zeros and ones of the "
                "labels (OneHotEncoder)."
            )
    return True


def _warn_of_many_labels(classes, n_rows):
    for labels in classes:
        n_labels = len(labels)
        if labels.dtype.kind in _WHOLE and n_labels > max(_MANY_LABELS, n_rows / 5):
            warn_caller(
                f"y has {n_labels} different whole numbers in {n_rows} rows, which are "
                f"taken as labels of {n_labels} unrelated classes. {_REMEDY}",
                UserWarning,
            )


def _given_classes(classes, n_outputs):
    if n_outputs == 1:
        return [distinct_labels(np.ravel(classes))]
    if len(classes) != n_outputs:
        raise ValueError(
            f"classes must be a list of {n_outputs} arrays, one for each column of y. "
            f"Got {len(classes)} instead."
        )
    return [distinct_labels(np.ravel(labels)) for labels in classes]


def _one_hot(labels, classes, name):
    # Not a search in sorted labels, to which 7 and '7' would be the same.
    found = labels[:, np.newaxis] == classes
    unknown = list(dict.fromkeys(labels[~found.any(axis=1)].tolist()))
    if unknown:
        remedy = f" {_REMEDY}" if classes.dtype.kind in _WHOLE else ""
        raise ValueError(
            f"{name} has labels that y had not in fit: {_some(unknown)}. It had "
            f"{_some(classes.tolist())}.{remedy}"
        )
    return found.astype(np.float64)


def _some(labels):
    return ", ".join(map(repr, labels[:12])) + (", ..." if len(labels) > 12 else "")
