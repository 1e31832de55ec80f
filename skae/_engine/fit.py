"""The fit of an autoencoder: split, initialize, pretrain, train, select."""

import copy
from dataclasses import replace

from skae._engine.config import make_plan, resolve_alpha
from skae._engine.dataset import make_rows
from skae._engine.early_samples import with_scale
from skae._engine.evaluation import CrossValidatedEvaluator, mean_loss
from skae._engine.fit_result import FitResult, Progress
from skae._engine.initialization import initialize
from skae._engine.restarts import train_starts
from skae._engine.run import run
from skae._engine.trainer import Trainer
from skae._engine.validation_split import hold_out, needs_training
from skae._networks.linear_path import is_linear_path
from skae._utils.random import make_generator
from skae._utils.threads import limit_threads, limit_threads_for


def fit_model(model, config, samples, validation, n_components, monitors, progress):
    """Fit a new model.

    Parameters
    ----------
    model : Model
    config : TrainingConfig
    samples : Samples
    validation : Samples or None
        Validation samples that were passed. If None, `config.validation_strategy`
        determines how `samples` are used for validation.
    n_components : int
    monitors : callable
        ``monitors(trainer)`` returns the monitors that report to callbacks.
    progress : ProgressReporter
        Reports the pretraining to callbacks.

    Returns
    -------
    result : FitResult
    """
    training, validation = _split(config, samples, validation)
    n_validation = None if validation is None else len(validation.X)
    if not needs_training(config, model, n_validation):
        return closed_form(model, config, samples, n_components)
    if config.validation_strategy == "cross-validation":
        validation = _cross_validation(model, config, samples, n_components)
    initial = initialize(model, config, training, n_components)
    if model.pretrain is not None:
        pretraining = model.pretrain(config, initial, training, progress)
        initial = initial._replace(pretraining=pretraining)
    with limit_threads(config.n_threads):
        trainer = Trainer.prepare(
            config, model.objective, initial, training, validation
        )
        if config.has_linear_path and trainer.nothing_to_learn():
            # The linear path leaves no residual: one epoch shows that none is better.
            trainer.config = config = replace(config, max_iter=1, n_init=1)
        result = train_starts(config, model, trainer, monitors)
    if result.best_epoch == 0 and config.has_linear_path:
        # No epoch improved on the start: the result is the linear path of all samples.
        everywhere = initialize(model, config, samples, n_components, correction=False)
        result.scaling, result.network = everywhere.scaling, everywhere.network
        result.network.to(config.device)
        result.state = result.loss_scale = None
    return result


def continue_fit(model, config, initial, samples, validation, previous, monitors):
    """Train a fitted model for up to `max_iter` more epochs (warm start).

    `initial` is returned by `initialization.continued`, and `previous` is the
    `Progress` of the earlier fits.
    """
    samples, validation = _split(config, samples, validation)
    was_linear = is_linear_path(initial.network)
    n_validation = None if validation is None else len(validation.X)
    trains = needs_training(config, model, n_validation)
    with limit_threads(config.n_threads):
        if trains:
            initial, previous = _ready_to_train(config, initial, samples, previous)
        trainer = Trainer.prepare(
            config, model.objective, initial, samples, validation, previous
        )
        if trains:
            run(trainer, monitors)
    result = trainer.result()
    if trains:
        result.start_losses = [trainer.stopping.best_loss]
    if is_linear_path(result.network):
        result.state = previous.state  # a linear path has no state of its own
    elif was_linear and result.network is initial.network:
        # No epoch improved on the start: the correction is still zero.
        result.network = initial.network.without_correction()
    return result


def fit_one_epoch(model, config, initial, samples, previous):
    """Train for one epoch and keep its weights regardless of the loss."""
    with limit_threads(config.n_threads):
        initial, previous = _ready_to_train(config, initial, samples, previous)
        trainer = Trainer.prepare(
            config, model.objective, initial, samples, None, previous
        )
        trainer.run_one_epoch()
    return trainer.result()


def closed_form(model, config, samples, n_components):
    """Return the initialized model as the result of a fit without training."""
    config = replace(config, validation_strategy="none")
    initial = initialize(model, config, samples, n_components, correction=False)
    network = initial.network.to(config.device)
    with limit_threads_for(config.max_threads, samples.X):
        rows = make_rows(initial.scaling, samples, config.dtype, config.device)
    scaling = copy.deepcopy(initial.scaling).to(config.device, config.dtype)
    objective = model.objective(scaling, initial.corruption)
    plan = make_plan(config, objective, len(samples.X), samples.count, first_epoch=0)
    with limit_threads(config.n_threads):
        loss = mean_loss(network, rows, plan, config.seed)
    alpha = resolve_alpha(config, network, samples.count)
    return FitResult(initial.scaling, network, 0, 0, [loss], config=config, alpha=alpha)


def _split(config, samples, validation):
    if validation is None and config.validation_strategy == "holdout":
        return hold_out(
            samples, config.validation_fraction, config.seed, config.early_stopping
        )
    return samples, validation


def _cross_validation(model, config, samples, n_components):
    """Return an evaluator whose siblings are each initialized without their fold."""

    def make_trainer(training, validation):
        initial = initialize(model, config, training, n_components)
        return Trainer.prepare(config, model.objective, initial, training, validation)

    with limit_threads(config.n_threads):
        return CrossValidatedEvaluator.prepare(samples, config.seed, make_trainer)


def _ready_to_train(config, initial, samples, previous):
    """Return an `InitialModel` whose correction has a scale, and its `Progress`.

    If the data so far have low rank, PCA leaves no residual, and the fitted model is
    the linear path. The first samples with a residual set the scale of the correction
    and the noise of a Gaussian likelihood; axes and mean do not change.
    """
    scaled = with_scale(initial, samples, config.dtype)
    if scaled is not initial:
        # The optimizer's moments belong to a correction without a scale.
        previous = Progress(previous.n_epochs, previous.best_epoch)
    network = with_correction(scaled.network, config.init, config.correction_seed)
    return scaled._replace(network=network), previous


def with_correction(network, init, seed):
    """Return a network with a correction; a new correction is initially zero."""
    if not is_linear_path(network):
        return network
    return network.with_correction(init, make_generator(seed))
