"""What the displays ask of fitted estimators, scikit-learn's or skae's."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def by_name(estimator):
    """Return estimators by name.

    Parameters
    ----------
    estimator : estimator, list of estimators or dict of str to estimator
        A list is named by the classes, numbered where a class comes twice.
    """
    if isinstance(estimator, dict):
        return dict(estimator)
    if not isinstance(estimator, list | tuple):
        return {class_name(estimator): estimator}
    named = {}
    for each in estimator:
        base = name = class_name(each)
        number = 1
        while name in named:
            number += 1
            name = f"{base} {number}"
        named[name] = each
    return named


def class_name(estimator):
    """Return the class of an estimator; of the last step for a Pipeline."""
    return type(_parts(estimator)[0]).__name__


def holder_of(estimator, attribute):
    """Return the part of a fitted estimator that has `attribute`.

    The estimator itself, or the last such step of a Pipeline, or of the best
    estimator of a search.

    Raises
    ------
    TypeError
        If there is none.
    """
    check_is_fitted(estimator)
    for part in _parts(estimator):
        if hasattr(part, attribute):
            return part
    raise TypeError(
        f"The display needs a fitted estimator with the attribute {attribute!r}. "
        f"Got {class_name(estimator)}, which has none."
    )


def encode(estimator, X):
    """Return ``estimator.transform(X)`` as an array."""
    check_is_fitted(estimator)
    _require(estimator, "transform")
    return np.asarray(estimator.transform(X))


def reconstruct(estimator, X):
    """Return X encoded and decoded as an array, in the units of X."""
    check_is_fitted(estimator)
    if hasattr(estimator, "reconstruct"):
        return np.asarray(estimator.reconstruct(X))
    _require(estimator, "transform")
    _require(estimator, "inverse_transform")
    return np.asarray(estimator.inverse_transform(estimator.transform(X)))


def explained_variance(X, X_reconstructed):
    """Return the share of the variance of X that a reconstruction explains.

    One minus the squared error over the squared deviations from the means of the
    columns of X; nan if there are none, as for a single row.
    """
    X = np.asarray(X, float)
    total = np.square(X - X.mean(axis=0)).sum()
    error = np.square(X - np.asarray(X_reconstructed, float)).sum()
    return float(1 - error / total) if total > 0 else float("nan")


def _parts(estimator):
    """Return the steps of a fitted estimator, the last first."""
    if hasattr(estimator, "best_estimator_"):
        return _parts(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in reversed(estimator.steps)]
        return [
            part
            for step in steps
            if step not in (None, "passthrough")
            for part in _parts(step)
        ]
    return [estimator]


def _require(estimator, method):
    if not hasattr(estimator, method):
        raise TypeError(
            f"The display needs an estimator with the method {method!r}. Got "
            f"{type(estimator).__name__} with {class_name(estimator)} at its end. "
            "Leave a predictor at the end of a pipeline out: pipeline[:-1]."
        )
