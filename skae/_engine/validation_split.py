"""The validation strategy of a fit and the holdout split."""

import numpy as np

from skae._engine.evaluation import N_FOLDS
from skae._training.optimizers import OPTIMIZERS

# With fewer samples the standard error of the mean improvement is unreliable.
_FEWEST_VALIDATION_SAMPLES = 10
_FEWEST_SAMPLES_TO_SPLIT = 100
# A tenth of so few samples is too small a validation set (benchmarks/README.md).
_SAMPLES_TO_CROSS_VALIDATE = range(20, 500)


def resolve_strategy(parameters, model, shape, *, given=False, warm=False):
    """Return the validation strategy of a fit to data of `shape`.

    Parameters
    ----------
    parameters : dict
        Values of `config.PARAMETERS`.
    model : Model
    shape : tuple of int
    given : bool
        Whether validation samples were passed.
    warm : bool
        Whether the fit continues from a fitted model.

    Returns
    -------
    strategy : {"given", "holdout", "cross-validation", "none"}

    Raises
    ------
    ValueError
        If cross-validation is requested but not possible.
    """
    wanted = parameters["early_stopping"]
    if given:
        return "given"
    if wanted == "cross-validation":
        _check_cross_validation(parameters, shape, warm)
    if model.linear_path_is_optimal:
        return "none"
    if wanted == "auto":
        if not warm and _should_cross_validate(parameters, model, shape):
            return "cross-validation"
        wanted = shape[0] >= _FEWEST_SAMPLES_TO_SPLIT
    if isinstance(wanted, str):
        return wanted
    return "holdout" if wanted else "none"


def _should_cross_validate(parameters, model, shape):
    return (
        shape[0] in _SAMPLES_TO_CROSS_VALIDATE
        and shape[1] <= shape[0]  # steps on wide data are slow
        and model.linear_map is not None
        and _can_cross_validate(parameters)
    )


def _can_cross_validate(parameters):
    """Whether the folds can be trained in step with the network."""
    is_stochastic = parameters["solver"] in OPTIMIZERS
    return is_stochastic and parameters["learning_rate"] != "adaptive"


def _check_cross_validation(parameters, shape, warm):
    start = "early_stopping='cross-validation' trains one network for each fold"
    if not _can_cross_validate(parameters):
        raise ValueError(
            f"{start}, all in step, which requires a mini-batch solver and a "
            "learning_rate other than 'adaptive'. Got "
            f"solver={parameters['solver']!r} and "
            f"learning_rate={parameters['learning_rate']!r}. Use "
            "early_stopping='holdout' or other values of solver and learning_rate."
        )
    if warm:
        raise ValueError(
            f"{start} from the beginning, while warm_start=True continues with one "
            "network. Use early_stopping='holdout' or warm_start=False."
        )
    if shape[0] < 2 * N_FOLDS:
        raise ValueError(
            f"{start}, {N_FOLDS} in all, and needs at least {2 * N_FOLDS} samples. Got "
            f"n_samples={shape[0]}. Use early_stopping=False."
        )


def hold_out(samples, fraction, seed, early_stopping):
    """Split samples at random into training and validation samples.

    Raises
    ------
    ValueError
        If no sample would be left to train on.
    """
    n = len(samples.X)
    n_validation = int(np.ceil(fraction * n))
    if n_validation >= n:
        raise ValueError(
            f"early_stopping={early_stopping!r} holds out "
            f"validation_fraction={fraction} of the samples, which leaves none to "
            f"train on with n_samples={n}. Use early_stopping=False or a smaller "
            "fraction."
        )
    order = np.random.RandomState(seed).permutation(n)
    return samples.take(order[n_validation:]), samples.take(order[:n_validation])


def needs_training(config, model, n_validation):
    """Whether the network is trained, or the linear path in closed form suffices.

    `n_validation` is the number of validation samples, or None if there are none.
    """
    if not config.has_linear_path:
        return True
    if model.linear_path_is_optimal:
        return False
    if config.validation_strategy == "cross-validation":
        return True
    if n_validation is None:
        # Without validation data, train only if early stopping was disabled explicitly.
        return config.trains_without_evidence
    return n_validation >= _FEWEST_VALIDATION_SAMPLES
