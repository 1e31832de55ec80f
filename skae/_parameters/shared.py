"""Constraints of the parameters that estimators share."""

from skae._functional.losses import LOSSES, OUT_ACTIVATIONS
from skae._networks.activations import ACTIVATIONS
from skae._networks.layers import INITIALIZERS
from skae._training.full_batch import METHODS
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae._utils.sklearn_compat import Interval, RealNotInt, StrOptions
from skae._utils.validation import integers_from, reals

AUTOENCODER_CONSTRAINTS = {
    "n_components": [
        integers_from(1),
        Interval(RealNotInt, 0, 1, closed="neither"),
        StrOptions({"mle"}),
        None,
    ],
    "hidden_layer_sizes": ["array-like", StrOptions({"auto"}), integers_from(1)],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "out_activation": [StrOptions(set(OUT_ACTIVATIONS))],
    "loss": [StrOptions(set(LOSSES))],
    "init": [StrOptions(set(INITIALIZERS))],
    "tied_weights": ["boolean"],
    "dropout": [reals(0, 1, "left")],
    "batch_norm": ["boolean"],
    "max_norm": [reals(0, None, "neither"), None],
    "average": ["boolean"],
    "alpha": [reals(0, None, "left"), StrOptions({"auto"})],
    "l1_ratio": [reals(0, 1, "both")],
    "solver": [StrOptions({*OPTIMIZERS, *METHODS})],
    "learning_rate_init": [reals(0, None, "neither")],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "batch_size": [integers_from(1), StrOptions({"auto"})],
    "max_iter": [integers_from(1)],
    "shuffle": ["boolean"],
    "tol": [reals(0, None, "left")],
    "n_iter_no_change": [integers_from(1)],
    "early_stopping": [
        "boolean",
        StrOptions({"auto", "holdout", "cross-validation"}),
    ],
    "validation_fraction": [reals(0, 1, "neither")],
    "warm_start": ["boolean"],
    "whiten": ["boolean"],
    "device": [str],
    "precision": [StrOptions({"float32", "float64", "bfloat16"})],
    "n_threads": [integers_from(1), None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}

# Of the classes with a linear path.
LINEAR_PATH_CONSTRAINTS = {"n_init": [integers_from(1), StrOptions({"auto"})]}

# Of the training with labels; "alpha" is a penalty on squares alone.
PREDICTOR_CONSTRAINTS = {
    name: AUTOENCODER_CONSTRAINTS[name]
    for name in (
        "init",
        "dropout",
        "max_norm",
        "average",
        "alpha",
        "solver",
        "learning_rate_init",
        "learning_rate",
        "batch_size",
        "max_iter",
        "shuffle",
        "tol",
        "n_iter_no_change",
        "early_stopping",
        "validation_fraction",
        "warm_start",
        "device",
        "precision",
        "n_threads",
        "verbose",
        "random_state",
    )
} | {
    "early_stopping": ["boolean", StrOptions({"auto", "holdout"})],
    "unlabeled_label": "no_validation",
}


def solver_is_stochastic(estimator):
    """Whether there is a `partial_fit`, for `available_if`."""
    if estimator.solver in OPTIMIZERS:
        return True
    raise AttributeError(
        f"partial_fit is only available with the solvers {sorted(OPTIMIZERS)}: "
        f"solver={estimator.solver!r} needs the whole data at once."
    )


# From this many columns on a larger network is worth its time (benchmarks/README.md).
_MANY_COLUMNS = 256


def default_hidden_layer_sizes(n_features):
    """Return the widths that ``hidden_layer_sizes="auto"`` resolves to."""
    return (512, 256, 128) if n_features >= _MANY_COLUMNS else (256, 128, 128)
