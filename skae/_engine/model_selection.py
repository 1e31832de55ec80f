"""One fit: split, start, train, and the choice between start and network."""

import numpy as np

from skae._engine.early_samples import with_scale
from skae._engine.fit_result import FitResult, Progress
from skae._engine.folds import Folds
from skae._engine.initialization import make_start, network_to_train
from skae._engine.restarts import train_starts
from skae._engine.trainer import Trainer
from skae._networks.linear_path import is_linear_path
from skae._training.optimizers import OPTIMIZERS

# With fewer rows a mean improvement and its standard error say little.
_FEWEST_VALIDATION_ROWS = 10
_FEWEST_ROWS_TO_SPLIT = 100
# A tenth of so few rows is no evidence (measured).
_ROWS_TO_CROSS_VALIDATE = range(20, 500)


def fit_from_start(estimator, samples, validation, setup, monitors, report=None):
    """Fit a new model.

    Parameters
    ----------
    estimator : BaseAutoencoder
    samples : Samples
    validation : Samples or None
        Given rows (`X_val`); otherwise the estimator's parameters decide
        whether some of `samples` are set apart.
    setup : Setup
    monitors : callable
        ``monitors(trainer)`` returns the monitors that report to the outside.
    report : Report or None
        Is told of what is trained before the whole network.
    """
    everything = samples
    if validation is None and _cross_validates(estimator, samples):
        validation = Folds(estimator, samples, setup)
    elif validation is None:
        samples, validation = _split(estimator, samples, setup.seed)
    if not _needs_training(estimator, validation):
        return closed_form(estimator, everything, setup)
    start = make_start(estimator, samples, setup, report)
    trainer = Trainer(estimator, start, samples, validation, setup.seed)
    if estimator.linear_path is not None and trainer.nothing_to_learn():
        return closed_form(estimator, everything, setup)
    result = train_starts(estimator, trainer, monitors)
    if result.best_epoch == 0 and estimator.linear_path is not None:
        # No epoch beat the start: the best is the start on all the rows.
        everywhere = make_start(estimator, everything, setup, correction=False)
        result.scaling, result.network = everywhere.scaling, everywhere.network
        result.state = result.loss_scale = None
    return result


def fit_further(estimator, start, samples, validation, seed, previous, monitors):
    """Train a fitted model for up to `max_iter` more epochs (warm start).

    `previous` is a `Progress` of the fits before.
    """
    if validation is None:
        samples, validation = _split(estimator, samples, seed)
    was_linear = is_linear_path(start.network)
    needs_training = _needs_training(estimator, validation)
    if needs_training:
        start, previous = _ready_to_train(estimator, start, samples, previous)
    trainer = Trainer(estimator, start, samples, validation, seed, previous)
    if needs_training:
        trainer.run(monitors)
    result = trainer.result()
    if needs_training:
        result.start_losses = [trainer.stopping.best_loss]
    if is_linear_path(result.network):
        result.state = previous.state  # its own would have nothing to train
    elif was_linear and result.network is start.network:
        # No epoch was better: its correction is still zero.
        result.network = start.network.without_correction()
    return result


def fit_one_epoch(estimator, start, samples, seed, previous):
    """Train for one epoch, and keep it whatever its loss (`partial_fit`)."""
    start, previous = _ready_to_train(estimator, start, samples, previous)
    trainer = Trainer(estimator, start, samples, None, seed, previous)
    trainer.run_one_epoch()
    return trainer.result()


def _ready_to_train(estimator, start, samples, previous):
    """Return the `Start` with a correction that has a scale, and the `Progress` of it.

    If PCA left no residual of many samples (data of low rank), the scale of the
    correction, and the noise of a Gaussian likelihood, are set by the first samples
    that have a residual; axes and mean are kept. Until then the linear path is the
    result.
    """
    scaled = with_scale(start, samples, estimator.precision)
    if scaled is not start:
        # The moments belong to a correction without a scale.
        previous = Progress(previous.n_epochs, previous.best_epoch)
    network = network_to_train(estimator, scaled.network)
    return scaled._replace(network=network), previous


def _cross_validates(estimator, samples):
    """Whether all rows are trained on, for a number of epochs that folds choose."""
    return (
        estimator.early_stopping == "auto"
        and samples.X.shape[0] in _ROWS_TO_CROSS_VALIDATE
        and samples.X.shape[1] <= samples.X.shape[0]  # wide steps are slow
        and estimator.linear_path is not None
        and not estimator._linear_path_is_optimal()
        # The folds keep step with a first-order solver, not with its plateaus.
        and estimator.solver in OPTIMIZERS
        and estimator.learning_rate != "adaptive"
    )


def _split(estimator, samples, seed):
    """Return training and validation samples, split at random; None for none."""
    n = len(samples.X)
    wanted = estimator.early_stopping
    if wanted == "auto":
        wanted = n >= _FEWEST_ROWS_TO_SPLIT
    if not wanted:
        return samples, None
    n_validation = int(np.ceil(estimator.validation_fraction * n))
    if n_validation >= n:
        raise ValueError(
            f"early_stopping={estimator.early_stopping!r} sets "
            f"validation_fraction={estimator.validation_fraction} of the rows apart, "
            f"which leaves none to train on with n_samples={n}. Use "
            "early_stopping=False or a smaller fraction."
        )
    order = np.random.RandomState(seed).permutation(n)
    return samples.take(order[n_validation:]), samples.take(order[:n_validation])


def _needs_training(estimator, validation):
    """Whether there is more to do than the linear path in closed form."""
    if estimator.linear_path is None:
        return True
    if estimator._linear_path_is_optimal():
        return False
    if validation is None:
        # To leave the linear path without evidence takes an explicit wish.
        return estimator.early_stopping is False
    return isinstance(validation, Folds) or (
        len(validation.X) >= _FEWEST_VALIDATION_ROWS
    )


def closed_form(estimator, samples, setup):
    """Return the start as the result of a fit without an epoch."""
    start = make_start(estimator, samples, setup, correction=False)
    trainer = Trainer(estimator, start, samples, None, setup.seed)
    return FitResult(start.scaling, start.network, 0, 0, [trainer.start_loss])
