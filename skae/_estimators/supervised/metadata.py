"""Metadata routed to the autoencoder's fit, aligned with the rows it is fitted to."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length

from skae._utils.sklearn_compat import safe_indexing
from skae._utils.validation import check_rows_like, check_weights


class RoutedMetadata(NamedTuple):
    """Keyword arguments of the autoencoder's fit that metadata routing requested.

    Attributes
    ----------
    values : dict
        By name. Those that end in ``_val`` describe validation samples; all others
        have one row for each row of X.
    labeled : ndarray of shape (n_labeled,)
        Rows of X that have a label and a positive weight.
    unlabeled : ndarray of shape (n_unlabeled,)
        Rows of X without a label, and -1 for each row of `X_unlabeled`.
    """

    values: dict
    labeled: np.ndarray
    unlabeled: np.ndarray

    def take(self, train):
        """Return the metadata where only some of the labeled samples are trained on."""
        return self._replace(labeled=self.labeled[train])

    def aligned(self):
        """Return the keyword arguments for labeled samples, followed by unlabeled."""
        index = np.concatenate([self.labeled, self.unlabeled])
        return {
            name: value if name.endswith("_val") else _align(value, index, name)
            for name, value in self.values.items()
        }


def check_metadata(estimator, values, X, labeled, marked, unlabeled):
    """Return metadata, validated against X, as `RoutedMetadata`.

    Arrays named ``X_...`` have the columns of X. `labeled` and `marked` are rows of X;
    `unlabeled`, Samples or None, are the marked ones followed by `X_unlabeled`.
    """
    values = {name: _check(estimator, name, v, X) for name, v in values.items()}
    n_added = 0 if unlabeled is None else len(unlabeled.X) - len(marked)
    index = np.concatenate([marked, np.full(n_added, -1)])
    return RoutedMetadata(values, labeled, index)


def _check(estimator, name, value, X):
    if name.startswith("X_"):
        estimator._check_layout(value, name)
        same_length = not name.endswith("_val")
        return check_rows_like(estimator, value, X, name, same_length=same_length)
    if name == "sample_weight":
        return check_weights(value, X)
    if not name.endswith("_val"):
        check_consistent_length(X, value)
    return value


def _align(value, index, name):
    """Return the rows of `value` at `index`, where -1 is a row of `X_unlabeled`."""
    added = index < 0
    if not added.any():
        return safe_indexing(value, index)
    if name != "sample_weight":
        raise ValueError(
            f"{name} is routed to the fit of the autoencoder, but has no rows for "
            "X_unlabeled. Append these samples to X and mark them in y by "
            f"unlabeled_label, so that {name} can have a row for each of them."
        )
    return np.where(added, value[index[~added]].mean(), value[index])
