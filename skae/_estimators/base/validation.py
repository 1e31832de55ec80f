"""Validation of the parameters and the data of a fit."""

import math
import numbers

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from skae._engine.dataset import Samples
from skae._functional.linear_maps import resolve_n_components as n_components_for
from skae._functional.losses import LINKS
from skae._networks.linear_path import is_linear_path
from skae._networks.scaling import Scaling
from skae._parameters.shared import default_hidden_layer_sizes
from skae._utils.threads import limit_threads_for
from skae._utils.validation import (
    FLOAT_DTYPES,
    check_dense,
    check_hidden_layer_sizes,
    check_rows_like,
    check_validation_weights,
    check_weights,
    finite_values,
)
from skae._utils.warnings import warn_caller

# Share of a range by which values may exceed it because of rounding errors. A scaler
# computes x * a + b, where both terms may be much larger than their sum: the error is
# eps * |offset| / range of the unscaled column.
_RANGE_TOLERANCE = {np.float64: 1e-9, np.float32: 1e-4}
# The same as a share of the largest value. A larger tolerance would accept a count of
# -1 among large counts.
_ZERO_TOLERANCE = {np.float64: 1e-12, np.float32: 1e-6}
# Advice for users who pass clean samples as y to `score`.
IGNORED_BY_SCORE = (
    "score evaluates X alone. To compare y with the reconstruction of X, use "
    "sklearn.metrics.r2_score(y, model.reconstruct(X), multioutput='variance_weighted')"
    ", or DenoisingAutoencoder, whose fit and score take X_target=y."
)


def check_samples(
    estimator,
    X,
    y=None,
    *,
    X_target=None,
    X_val=None,
    y_val=None,
    classes=None,
    sample_weight=None,
    sample_weight_val=None,
    reset,
):
    """Return the validated training samples, and validation samples or None."""
    X = check_rows(estimator, X, reset=reset)
    _warn_of_clean_y(estimator, X, y, X_target)
    weight = check_weights(sample_weight, X)
    target = X = _check_domain(estimator, X, "X")
    if X_target is not None:
        estimator._check_layout(X_target, "X_target")
        target = check_rows_like(estimator, X_target, X, "X_target", same_length=True)
        # A view, as `Samples.paired` requires two objects even for the same array.
        target = _check_domain(estimator, target, "X_target").view()
    condition = estimator._condition(
        y, X, "y", reset=reset, classes=classes, weight=weight
    )
    validation = None
    if X_val is None and y_val is not None:
        raise ValueError("y_val is the target of X_val, which is None. Pass both.")
    if X_val is None:
        check_validation_weights(sample_weight_val, X_val)
    else:
        estimator._check_layout(X_val, "X_val")
        X_val = check_rows_like(estimator, X_val, X, "X_val", same_length=False)
        X_val = estimator._mark_missing(X_val, "X_val")
        X_val = _check_domain(estimator, X_val, "X_val")
        weight_val = check_validation_weights(sample_weight_val, X_val)
        given = estimator._condition(
            y_val, X_val, "y_val", reset=False, weight=weight_val
        )
        validation = _without_zero_weights(Samples(X_val, X_val, weight_val, given))
    return _without_zero_weights(Samples(X, target, weight, condition)), validation


def _without_zero_weights(samples):
    """Return the samples whose weight is not zero."""
    if samples.weight is None or np.all(samples.weight):
        return samples
    return samples.take(np.flatnonzero(samples.weight))


def check_rows(estimator, X, *, reset, encoder=None):
    """Return validated rows of X, with padding replaced by NaN.

    `encoder` is the estimator that defines the layout of the rows, by default
    `estimator`.
    """
    encoder = estimator if encoder is None else encoder
    X = check_rows_as_given(estimator, X, reset=reset, encoder=encoder)
    return encoder._mark_missing(X, "X")


def check_rows_as_given(estimator, X, *, reset, encoder):
    """Return validated rows of X, with padding unchanged."""
    check_dense(X, "X")
    encoder._check_layout(X, "X")
    return validate_data(
        estimator,
        X,
        dtype=FLOAT_DTYPES,
        ensure_all_finite=finite_values(encoder),
        reset=reset,
    )


def warn_of_ignored_rows(estimator, X, y, remedy):
    """Warn if an ignored `y` looks like the clean version of a noisy `X`.

    In Keras it is passed as y. There is no warning if y equals X.

    Parameters
    ----------
    estimator : object
    X : ndarray of shape (n_samples, n_features)
        Validated rows, with NaN in place of padding.
    y : array-like or None
        The unvalidated argument.
    remedy : str
        The last sentence of the message.
    """
    if y is None or y is X or issparse(y):
        return
    if get_tags(estimator).target_tags.required or X.shape[1] == 1:
        return
    if not _looks_like_clean_rows(y, X):
        return
    warn_caller(f"y has the shape of X and is ignored. {remedy}", UserWarning)


def _looks_like_clean_rows(y, X):
    """Whether y has the shape of X, but other values."""
    try:
        shape = y.shape if hasattr(y, "shape") else np.asarray(y, dtype=object).shape
        if len(shape) < 2 or shape[0] != len(X) or math.prod(shape) != X.size:
            return False
        values = np.asarray(y).reshape(X.shape)
    except Exception:
        # As y is ignored, it may be any object and must not make a fit fail.
        return False
    if values.dtype.kind not in "biuf":
        return False
    observed = ~np.isnan(X)
    return not np.array_equal(values[observed].astype(X.dtype), X[observed])


def _warn_of_clean_y(estimator, X, y, X_target):
    """Warn if the target of a fit seems to be passed as y."""
    if X_target is not None:
        return
    remedy = "If it is the clean version of a noisy X, pass fit(X, X_target=y)."
    if not estimator._takes_pairs:
        remedy = (
            f"{type(estimator).__name__} learns to reconstruct X. To learn y from X, "
            "use DenoisingAutoencoder().fit(X, X_target=y)."
        )
    warn_of_ignored_rows(estimator, X, y, remedy)


def hidden_layer_sizes(estimator, shape):
    """Return the hidden layer sizes for data of `shape` after validation."""
    if getattr(estimator, "tied_weights", False) and estimator.activation == "maxout":
        raise ValueError(
            "activation='maxout' has several weight vectors per unit, which cannot be "
            "tied. Use tied_weights=False or another activation."
        )
    if isinstance(estimator.hidden_layer_sizes, str):
        return default_hidden_layer_sizes(shape[1])
    return check_hidden_layer_sizes(estimator.hidden_layer_sizes)


def check_same_network(estimator, model):
    """Check that the parameters still describe the fitted network."""
    n_components = estimator.n_components_
    if isinstance(estimator.n_components, numbers.Integral):
        n_components = estimator.n_components
    shape = (estimator.n_samples_, estimator.n_features_in_)
    # A correction, which is large for many features, is not built for a comparison with
    # a linear path.
    correction = not is_linear_path(estimator.network_)
    network = model.network(shape, n_components, correction=correction)
    kinds = [type(n).__name__ for n in (estimator.network_, network)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"The parameters describe a {kinds[1]} in place of the {kinds[0]} of the "
            "last fit, which warm_start and partial_fit continue. Restore the "
            "parameters, or fit a clone."
        )
    if model.link != estimator._scaling.link:
        raise ValueError(
            f"The parameters describe the link {model.link!r} between the network and "
            f"X in place of {estimator._scaling.link!r} in the last fit, which "
            "warm_start and partial_fit continue. Restore loss and out_activation, or "
            "likelihood, or fit a clone."
        )
    check_same_arguments(estimator.network_, network)


def check_same_arguments(fitted, asked):
    """Check that the network that the parameters describe equals the fitted one."""
    for name, value in asked.arguments.items():
        before = fitted.arguments[name]
        # The correction is not a parameter; it is added when training needs it.
        if name != "correction" and value != before:
            raise ValueError(
                f"The '{name}' parameter was changed from {before!r} to "
                f"{value!r} since the last fit, whose network warm_start and "
                "partial_fit continue to train. Restore it, or fit a clone."
            )


def _check_domain(estimator, X, name):
    """Apply `check_domain` with the parameter of the estimator that sets the link."""
    if hasattr(estimator, "likelihood"):
        parameter = "likelihood"
    else:
        parameter = "out_activation" if estimator._loss_is_of_residuals() else "loss"
    return check_domain(
        X,
        estimator._link(),
        name,
        whom=type(estimator).__name__,
        parameter=parameter,
        value=getattr(estimator, parameter),
    )


def n_components_of_stream(estimator, n_features):
    """Return the number of components of `partial_fit`."""
    if hasattr(estimator, "n_components_"):
        return estimator.n_components_
    wanted = estimator.n_components
    if wanted is None:
        return estimator._default_n_components(n_features)
    _warn_beyond_rank(estimator, wanted, "n_features", n_features)
    return int(wanted)


def resolve_n_components(estimator, samples, seed):
    """Return the number of components of a fit."""
    X, wanted = samples.X, estimator.n_components
    if wanted is None:
        return estimator._default_n_components(X.shape[1])
    if wanted == "mle" or isinstance(wanted, float | np.floating):
        rng = np.random.RandomState(seed)
        with limit_threads_for(estimator.n_threads, X):
            observed = Scaling.fit(X, "identity", samples.weight).fill(X)
            return n_components_for(observed, wanted, rng, samples.weight)
    _warn_beyond_rank(estimator, wanted, "min(n_samples, n_features)", min(X.shape))
    return int(wanted)


def _warn_beyond_rank(estimator, wanted, name, largest):
    if wanted > largest and estimator._has_linear_path():
        warn_caller(
            f"n_components={wanted} is more than {name}={largest}. On the linear path, "
            "components beyond the rank of the data carry no information. Use "
            "linear_path=None for an overcomplete code.",
            UserWarning,
        )


def check_domain(X, link, name, *, whom, parameter, value):
    """Return `X`, clipped to the range of `link` where rounding errors exceed it.

    Parameters
    ----------
    X : ndarray
    link : str
        A key of `LINKS`.
    name : str
        Name of `X` in messages.
    whom : str
        Name of the estimator in messages.
    parameter, value : str
        The parameter that sets the link, and its value, for messages.

    Returns
    -------
    X : ndarray

    Raises
    ------
    ValueError
        If values exceed the range by more than rounding errors.
    """
    low, high = LINKS[link].domain
    least, largest = np.nanmin(X), np.nanmax(X)
    if low <= least and largest <= high:
        return X
    # Without an upper bound the tolerance is relative to the largest value: a zero may
    # be the rounded difference of such values.
    if np.isfinite(high):
        slack = _RANGE_TOLERANCE[X.dtype.type] * high
    else:
        slack = _ZERO_TOLERANCE[X.dtype.type] * max(-least, largest)
    if low - slack <= least and largest <= high + slack:
        return np.clip(X, low, high)
    if least < low == 0:
        # The message begins as in scikit-learn, whose checks look for it.
        fault = f"Negative values in data passed to {whom}: {name} must be non-negative"
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
    """Return a number as text, in the shortest form that identifies it."""
    return str(value).removesuffix(".0")
