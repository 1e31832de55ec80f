"""What the parameters and the data must agree on before a fit."""

import numbers

import numpy as np

from skae._threads import limit_threads_for
from skae._validation import (
    FLOAT_DTYPES,
    check_domain,
    check_hidden_layer_sizes,
    check_rows_like,
    check_weights,
    finite_values,
    validate_data,
)
from skae._warnings import warn_caller
from skae.estimators._start import Samples, Setup, default_hidden_layer_sizes
from skae.linear import resolve_n_components
from skae.scaling import Scaling


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
    reset,
):
    """Return validated `Samples` of a fit and of its validation rows, or None."""
    X = check_rows(estimator, X, reset=reset)
    weight = check_weights(sample_weight, X)
    target = X
    if X_target is not None:
        estimator._check_layout(X_target, "X_target")
        # A view: pairs are two objects, even where they are one array.
        target = check_rows_like(
            estimator, X_target, X, "X_target", same_length=True
        ).view()
    _check_domain(estimator, X, "X")
    _check_domain(estimator, target, "X_target")
    condition = estimator._condition(
        y, X, "y", reset=reset, classes=classes, weight=weight
    )
    validation = None
    if X_val is None and y_val is not None:
        raise ValueError("y_val is the target of X_val, which is None. Pass both.")
    if X_val is not None:
        estimator._check_layout(X_val, "X_val")
        X_val = check_rows_like(estimator, X_val, X, "X_val", same_length=False)
        X_val = estimator._mark_missing(X_val, "X_val")
        _check_domain(estimator, X_val, "X_val")
        given = estimator._condition(y_val, X_val, "y_val", reset=False)
        validation = Samples(X_val, X_val, y=given)
    samples = Samples(X, target, weight, condition)
    if weight is not None and np.any(weight == 0):
        # A row of weight zero is a row that is not there.
        samples = samples.take(np.flatnonzero(weight))
    return samples, validation


def check_rows(estimator, X, *, reset, encoder=None):
    """Return validated rows of X, with NaN where no value is to be looked at.

    `encoder` is the estimator that knows what rows there may be; None is `estimator`.
    """
    encoder = estimator if encoder is None else encoder
    X = check_rows_as_given(estimator, X, reset=reset, encoder=encoder)
    return encoder._mark_missing(X, "X")


def check_rows_as_given(estimator, X, *, reset, encoder):
    """Return validated rows of X, in which padding is not marked."""
    encoder._check_layout(X, "X")
    return validate_data(
        estimator,
        X,
        dtype=FLOAT_DTYPES,
        ensure_all_finite=finite_values(encoder),
        reset=reset,
    )


def set_up(estimator, samples, seed):
    """Return the `Setup` of a fit: link, number of components and seed."""
    return Setup(estimator._link(), _n_components(estimator, samples, seed), seed)


def hidden_layer_sizes(estimator, shape):
    """Return the widths for data of `shape`, and refuse what cannot be built."""
    if getattr(estimator, "tied_weights", False) and estimator.activation == "maxout":
        raise ValueError(
            "activation='maxout' has several weights a unit, which a mirrored layer "
            "cannot share. Use tied_weights=False or another activation."
        )
    if isinstance(estimator.hidden_layer_sizes, str):
        return default_hidden_layer_sizes(shape[1])
    return check_hidden_layer_sizes(estimator.hidden_layer_sizes)


def check_same_network(estimator):
    """Refuse to go on with a network other than the one the parameters describe."""
    asked = {"n_components": estimator.n_components_}
    if isinstance(estimator.n_components, numbers.Integral):
        asked["n_components"] = estimator.n_components
    shape = (estimator.n_samples_, estimator.n_features_in_)
    network = estimator._build_network(shape, asked["n_components"])
    kinds = [type(n).__name__ for n in (estimator.network_, network)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"The parameters ask for a {kinds[1]} in place of the {kinds[0]} of the "
            "last fit, which warm_start and partial_fit go on with. Set them back, or "
            "fit a clone."
        )
    if estimator._link() != estimator.scaling_.link:
        raise ValueError(
            f"The parameters ask for the link {estimator._link()!r} from network to X "
            f"in place of the {estimator.scaling_.link!r} of the last fit, which "
            "warm_start and partial_fit go on with. Set loss and out_activation, or "
            "likelihood, back, or fit a clone."
        )
    check_same_arguments(estimator.network_, network)


def check_same_arguments(fitted, asked):
    """Refuse to go on with a network whose parameters were changed."""
    for name, value in asked.arguments.items():
        before = fitted.arguments[name]
        if value != before:
            raise ValueError(
                f"The '{name}' parameter was changed from {before!r} to "
                f"{value!r} since the last fit, whose network warm_start and "
                "partial_fit go on with. Set it back, or fit a clone."
            )


def check_partial_fit(estimator):
    """Refuse what needs all the data at once, or repeated epochs."""
    if estimator.early_stopping is True:
        raise ValueError("partial_fit does not support early_stopping=True")
    if isinstance(estimator.n_components, str | float):
        raise ValueError(
            "partial_fit needs n_components to be an int or None: what share of "
            "the variance components explain is known only with all the data. "
            f"Got {estimator.n_components!r}."
        )


def _check_domain(estimator, X, name):
    """Refuse values outside the range of the link, by the parameter that chose it."""
    if hasattr(estimator, "likelihood"):
        parameter = "likelihood"
    else:
        parameter = "out_activation" if estimator._loss_is_of_residuals() else "loss"
    check_domain(
        X,
        estimator._link(),
        name,
        whom=type(estimator).__name__,
        parameter=parameter,
        value=getattr(estimator, parameter),
    )


def _n_components(estimator, samples, seed):
    X, wanted = samples.X, estimator.n_components
    if wanted is None:
        return estimator._default_n_components(X.shape[1])
    if wanted == "mle" or isinstance(wanted, float | np.floating):
        rng = np.random.RandomState(seed)
        with limit_threads_for(estimator.n_threads, X):
            observed = Scaling.fit(X, "identity", samples.weight).fill(X)
            return resolve_n_components(observed, wanted, rng, samples.weight)
    if wanted > min(X.shape) and estimator.linear_path is not None:
        warn_caller(
            f"n_components={wanted} is more than min(n_samples, n_features)="
            f"{min(X.shape)}: the components beyond the rank of the data carry nothing "
            f"on the linear path. Use linear_path=None for an overcomplete code.",
            UserWarning,
        )
    return int(wanted)
