"""Access to fitted estimators of scikit-learn and skae."""

import inspect
import math

import numpy as np
from scipy.sparse import issparse
from scipy.special import ndtri
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae.plotting._checks import check_row


def by_name(estimator):
    """Return estimators by name.

    Parameters
    ----------
    estimator : estimator, list of estimators or dict of str to estimator
        The names for a list are the classes, numbered if a class occurs twice.
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
    """Return the class name of an estimator, or of the last step of a Pipeline."""
    return type(_parts(estimator)[0]).__name__


def holder_of(estimator, *attributes):
    """Return the part of a fitted estimator that has one of `attributes`.

    The estimator itself, or the last such step of a Pipeline, or of the best
    estimator of a search.

    Raises
    ------
    TypeError
        If there is none.
    """
    check_is_fitted(estimator)
    for part in _parts(estimator):
        if any(hasattr(part, attribute) for attribute in attributes):
            return part
    wanted = " or ".join(repr(attribute) for attribute in attributes)
    raise TypeError(
        f"The display needs a fitted estimator with the attribute {wanted}. "
        f"Got {class_name(estimator)}, which has none."
    )


def encode(estimator, X):
    """Return ``estimator.transform(X)`` as an array."""
    check_is_fitted(estimator)
    _require(estimator, "transform")
    codes = estimator.transform(X)
    return codes.toarray() if issparse(codes) else np.asarray(codes)


def decode(estimator, codes, y=None):
    """Return decoded codes in the units of X.

    Parameters
    ----------
    estimator : estimator
        Fitted, with `inverse_transform`.
    codes : ndarray of shape (n_samples, n_components)
    y : scalar or array-like of shape (n_outputs,), default=None
        Target of all codes, if `inverse_transform` takes `y`.
    """
    check_is_fitted(estimator)
    _require(estimator, "inverse_transform")
    # A Pipeline does not pass y to its steps.
    last, *before = _parts(estimator)
    target = {}
    if y is not None:
        if "y" not in inspect.signature(last.inverse_transform).parameters:
            raise TypeError(
                "The 'y' parameter needs an estimator that decodes codes for a given "
                f"y, such as ConditionalVAE. Got {type(last).__name__}: leave y out."
            )
        target["y"] = np.repeat(np.asarray([y]), len(codes), axis=0)
    rows = last.inverse_transform(codes, **target)
    for step in before:
        rows = step.inverse_transform(rows)
    return np.asarray(rows)


def code_distribution(estimator, X=None, row=None):
    """Return the center of the codes, and their quantiles as a function.

    They are those of the codes of X, or of the prior N(0, I) of an estimator with
    `sample`.

    Parameters
    ----------
    estimator : estimator
    X : array-like of shape (n_samples, n_features), default=None
    row : int, default=None
        Index of the sample of X whose code is returned instead of the mean.

    Returns
    -------
    center : ndarray of shape (n_components,)
    quantiles : callable
        Function of a component and of shares in (0, 1) that returns values of the code.
    """
    if X is None:
        return _prior(estimator, row)
    codes = encode(estimator, X)
    if len(codes) < 2:
        raise ValueError(
            "The 'X' parameter must have at least two samples, because the display "
            f"spans their codes. Got {len(codes)}."
        )
    if row is not None:
        check_row(row, len(codes))
    center = codes.mean(axis=0) if row is None else codes[row]
    return center, lambda j, shares: np.quantile(codes[:, j], shares)


def _prior(estimator, row):
    check_is_fitted(estimator)
    last = _parts(estimator)[0]
    if row is not None:
        raise ValueError(f"The 'row' parameter needs X. Got row={row!r} and X=None.")
    if not hasattr(last, "sample"):
        raise ValueError(
            f"The 'X' parameter is required, because {type(last).__name__} has no "
            "prior distribution of codes. Pass samples whose codes span the display, "
            "such as the training data. Got None."
        )
    n_codes = len(last.get_feature_names_out())
    return np.zeros(n_codes), lambda j, shares: ndtri(shares)


def data_range(X):
    """Return the minimum and the maximum of X."""
    if issparse(X):
        return X.min(), X.max()
    X = np.asarray(X, float)
    return np.nanmin(X), np.nanmax(X)


def code_names(estimator, components, suffix=" ({} of variance)"):
    """Return names of codes, with the share of the variance if it is known."""
    names = [f"Component {j}" for j in components]
    # The shares of an earlier step of a Pipeline belong to other components.
    shares = getattr(_parts(estimator)[0], "explained_variance_ratio_", None)
    if shares is None:
        return names
    return [
        name + suffix.format(f"{shares[j]:.0%}")
        for name, j in zip(names, components, strict=True)
    ]


def reconstruct(estimator, X, y=None):
    """Return X encoded and decoded as an array, in the units of X.

    `y` is passed to an estimator whose `reconstruct` takes it.
    """
    check_is_fitted(estimator)
    if hasattr(estimator, "reconstruct"):
        takes_y = "y" in inspect.signature(estimator.reconstruct).parameters
        return np.asarray(estimator.reconstruct(X, **({"y": y} if takes_y else {})))
    _require(estimator, "transform")
    _require(estimator, "inverse_transform")
    return np.asarray(estimator.inverse_transform(estimator.transform(X)))


def fitted_image_shape(estimators, n_features):
    """Return the shape of the images that an estimator was fitted to, or None.

    Images of height 1, and with other numbers of channels than 1, 3 and 4, cannot be
    displayed.
    """
    for estimator in estimators:
        shape = getattr(_parts(estimator)[0], "image_shape_", (1, 1, 1))
        fits = math.prod(shape) == n_features
        if fits and shape[0] > 1 and shape[2] in (1, 3, 4):
            return shape
    return None


def explained_variance(X, X_reconstructed):
    """Return the share of the variance of X that a reconstruction explains.

    It is one minus the ratio of the squared error to the squared deviations from the
    means of the features; NaN for constant X, such as a single sample.
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
            "Omit a predictor at the end of a pipeline: pipeline[:-1]."
        )
