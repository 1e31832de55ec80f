"""What a conditional model is given beside X: y as columns of numbers."""

import numpy as np
from sklearn.utils.multiclass import type_of_target

from skae._validation import check_target

# Rows that stand for the distribution of a y of numbers.
_LARGEST_SUPPORT = 32


class Conditions:
    """The columns that stand for y: one for each class, or standardised numbers.

    `type_of_target` of scikit-learn decides: of discrete targets each column of y is
    one of labels, of continuous targets and of indicators one of numbers.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)

    Attributes
    ----------
    classes : list of ndarray or None
        The labels of each column of y, sorted; None for numbers.
    n_columns : int
    support : ndarray of shape (n_distinct, n_columns)
        The distinct rows of the encoded y; for several columns or numbers, at most 32
        rows that are spread over them.
    shares : ndarray of shape (n_distinct,)
        Their shares of the rows.
    """

    def __init__(self, y, classes=None):
        columns = _columns(y)
        self.n_outputs = columns.shape[1]
        self.classes = None
        if classes is not None:
            self.classes = [np.unique(classes)]
        elif type_of_target(y, input_name="y") in _DISCRETE:
            self.classes = [np.unique(column) for column in columns.T]
        if self.classes is None:
            numbers = columns.astype(np.float64)
            self.mean, scale = numbers.mean(axis=0), numbers.std(axis=0)
            self.scale = np.where(scale > 0, scale, 1.0)
        encoded = self.encode(y, len(columns), "y")
        self.n_columns = encoded.shape[1]
        self.support, self.shares = self._summarise(encoded)

    def encode(self, y, n_rows, name):
        """Return columns of shape (n_rows, n_columns); one y goes for all rows."""
        columns = _columns(check_target(y, name))
        if len(columns) == 1 and n_rows != 1:
            columns = np.repeat(columns, n_rows, axis=0)
        if columns.shape != (n_rows, self.n_outputs):
            raise ValueError(
                f"{name} must be one target for all or one for each of {n_rows} rows, "
                f"with {self.n_outputs} columns. Got shape {np.shape(y)} instead."
            )
        if self.classes is None:
            return (columns.astype(np.float64) - self.mean) / self.scale
        return np.hstack(
            [
                _one_hot(column, classes, name)
                for column, classes in zip(columns.T, self.classes, strict=True)
            ]
        )

    @property
    def labels(self):
        """The labels of y's column, a list of them for several, None for numbers."""
        is_one = self.classes is not None and len(self.classes) == 1
        return self.classes[0] if is_one else self.classes

    def given(self, y, n_rows, method=None):
        """Return the network's keyword for y: none without y, unless a method needs it.

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

    def _summarise(self, encoded):
        distinct, counts = np.unique(encoded, axis=0, return_counts=True)
        is_one_of_labels = self.classes is not None and self.n_outputs == 1
        if is_one_of_labels or len(distinct) <= _LARGEST_SUPPORT:
            return distinct, counts / counts.sum()
        rows = encoded[np.lexsort(encoded.T[::-1])]
        middles = (np.arange(_LARGEST_SUPPORT) + 0.5) / _LARGEST_SUPPORT
        chosen = rows[(middles * len(rows)).astype(int)]
        return chosen, np.full(_LARGEST_SUPPORT, 1 / _LARGEST_SUPPORT)


_DISCRETE = ("binary", "multiclass", "multiclass-multioutput")


def _columns(y):
    y = np.asarray(y)
    return y.reshape(len(y), -1)


def _one_hot(labels, classes, name):
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(
            f"{name} has labels that y had not in fit: {unknown[:5].tolist()}. It had "
            f"{classes.tolist()}."
        )
    return (labels[:, np.newaxis] == classes).astype(np.float64)
