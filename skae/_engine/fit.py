"""The three ways to fit an estimator: anew, warm, and by one epoch."""

import copy
import functools
from contextlib import ExitStack

import torch

from skae._engine.early_samples import (
    EarlyRows,
    begins_anew,
    enough_rows,
    lacks_scale,
)
from skae._engine.fit_result import Progress
from skae._engine.fitted_attributes import fitted_attributes
from skae._engine.initialization import (
    Setup,
    current_start,
    make_start,
    training_dtype,
)
from skae._engine.model_selection import fit_from_start, fit_further, fit_one_epoch
from skae._engine.progress import Report
from skae._engine.restarts import largest_n_init
from skae._estimators.base.validation import (
    check_partial_fit,
    check_same_network,
    check_samples,
    n_components_of_stream,
    set_up,
)
from skae._training.callbacks import CallbackMonitor
from skae._training.optimizers import OPTIMIZERS
from skae._utils.device import own_defaults
from skae._utils.random import draw_seed
from skae._utils.threads import public_threads


def trainable(fit):
    """Run the fit independently of the caller's torch modes, defaults and threads.

    Under inference_mode there would be no gradient, then or later. The number of
    threads is that of `n_threads`.
    """

    @functools.wraps(fit)
    def guarded(estimator, *args, **kwargs):
        with (
            torch.inference_mode(False),
            own_defaults(),
            public_threads(estimator.n_threads),
        ):
            return fit(estimator, *args, **kwargs)

    return guarded


def keep_columns_on_failure(fit):
    """Restore the feature names and conditions of the previous fit if a fit fails.

    After the new network has been set, nothing is restored.
    """
    names = ("n_features_in_", "feature_names_in_", "_conditions")

    @functools.wraps(fit)
    def guarded(estimator, *args, **kwargs):
        before = {n: v for n, v in vars(estimator).items() if n in names}
        network = vars(estimator).get("network_")
        try:
            return fit(estimator, *args, **kwargs)
        except BaseException:  # an interrupt, too
            if vars(estimator).get("network_") is network:
                for name in names:
                    vars(estimator).pop(name, None)
                vars(estimator).update(before)
            raise

    return guarded


@keep_columns_on_failure
@trainable
def fit_estimator(estimator, X, y, **given):
    """Fit an estimator to data; from where it is with `warm_start`.

    `given` are the keywords of `check_samples`: X_val, sample_weight and others.
    """
    warm = estimator.warm_start and hasattr(estimator, "network_")
    samples, validation = check_samples(estimator, X, y, **given, reset=not warm)
    seed = draw_seed(estimator.random_state)
    if warm:
        warm, samples = _go_on_or_begin(estimator, samples)
    n_tasks, part_name = _tasks(estimator, samples.X.shape, warm)
    context = estimator._init_callback_context(max_subtasks=n_tasks)
    # A scoring callback needs a target, and an autoencoder's is X itself.
    task = {"estimator": estimator, "X": X, "y": X if y is None else y}
    context.call_on_fit_task_begin(**task)
    report = Report(estimator, context, task)

    def monitors(trainer):
        def attributes_now(state):
            result = trainer.result(copy.deepcopy(state.result))
            return fitted_attributes(estimator, result, samples, warm=warm)

        if part_name is None:
            return [CallbackMonitor(context, task, attributes_now)]
        # A start begins once the one before has ended.
        parts.close()
        name, max_iter = part_name.format(trainer.index), estimator.max_iter
        return [parts.enter_context(report.part(name, max_iter, attributes_now))]

    with ExitStack() as parts:
        if warm:
            result = _fit_warm(estimator, samples, validation, seed, monitors)
        else:
            setup = set_up(estimator, samples, seed)
            result = fit_from_start(
                estimator, samples, validation, setup, monitors, report
            )
        _keep_model_of_before(estimator, result)
        attributes = fitted_attributes(estimator, result, samples, warm=warm)
        # Moments triple a pickle: kept only where they are used again.
        attributes["_training_state"] = result.state if estimator.warm_start else None
        attributes["_early_rows"] = None
        attributes["_seed"] = getattr(estimator, "_seed", seed) if warm else seed
        attributes["_n_at_start"] = estimator._n_at_start if warm else len(samples.X)
        # Before callbacks are told of the end, and may interrupt.
        vars(estimator).update(attributes)
    context.call_on_fit_task_end(**task, reconstruction_attributes=attributes)
    if result.interrupted is not None:
        raise result.interrupted
    estimator._warn_of_outcome()
    return estimator


def _fit_warm(estimator, samples, validation, seed, monitors):
    """Train the model that there is for up to `max_iter` more epochs."""
    start, previous = current_start(estimator, samples), progress_of(estimator)
    return fit_further(estimator, start, samples, validation, seed, previous, monitors)


def _tasks(estimator, shape, warm):
    """Return the number of tasks directly below a fit, and the name of its training.

    The name is None where the epochs are these tasks.
    """
    if not warm:
        n_parts, n_starts = estimator._n_parts(shape), largest_n_init(estimator)
        if n_parts is not None:
            return n_parts, "fine-tuning"
        if n_starts > 1:
            return n_starts, "start {}"
    return estimator.max_iter, None


def _go_on_or_begin(estimator, samples):
    """Return whether a warm start goes on from the model that there is, and samples.

    It begins anew with many more samples than the model was made from, if these were
    few.
    """
    check_same_network(estimator)
    enough = enough_rows(estimator.n_components_, samples.X.shape[1])
    if not begins_anew(estimator._n_at_start, len(samples.X), enough):
        return True, samples
    return False, estimator._standardize_conditions(samples)


def _keep_model_of_before(estimator, result):
    """Re-raise an interrupt during the first epoch without a linear path.

    This keeps the previous model instead of untrained weights.
    """
    hardly_begun = result.n_epochs == 0 and estimator.linear_path is None
    if result.interrupted and hardly_begun and hasattr(estimator, "network_"):
        raise result.interrupted


@keep_columns_on_failure
@trainable
def partially_fit_estimator(estimator, X, y=None, **given):
    """Take one epoch over data.

    While the samples of all calls are few, the start is made anew from all of them.
    """
    first = not hasattr(estimator, "network_")
    check_partial_fit(estimator)
    samples, _ = check_samples(estimator, X, y, **given, reset=first)
    n_samples = len(samples.X)
    seed = draw_seed(estimator.random_state)
    if not first:
        check_same_network(estimator)
    early, enough = _early_rows(estimator, samples)
    begins = early is not None and early.calls_for_start(enough)
    if begins:
        samples = estimator._standardize_conditions(early.samples)
        start, previous = _start_of_stream(estimator, samples, seed)
    else:
        start, previous = current_start(estimator, samples), progress_of(estimator)
    result = fit_one_epoch(estimator, start, samples, seed, previous)
    if begins:
        early = EarlyRows.of(samples).after_start(result.network, enough)
    attributes = fitted_attributes(
        estimator, result, samples, warm=not first, keep_head=not begins
    )
    attributes["_training_state"] = result.state
    if first:
        attributes["_seed"] = seed
    attributes["_early_rows"] = early
    if begins:
        n_at_start = len(samples.X) if early is None else early.n_at_start
        attributes["_n_at_start"] = n_at_start
    attributes["n_samples_"] = getattr(estimator, "n_samples_", 0) + n_samples
    vars(estimator).update(attributes)
    return estimator


def _early_rows(estimator, samples):
    """Return the `EarlyRows` with `samples`, or None, and how many are enough."""
    n_features = samples.X.shape[1]
    if not hasattr(estimator, "network_"):
        n_components = n_components_of_stream(estimator, n_features)
        return EarlyRows.of(samples), enough_rows(n_components, n_features)
    enough = enough_rows(estimator.n_components_, n_features)
    early = estimator._early_rows
    if early is not None:
        return early.joined(samples), enough
    n_at_start = estimator._n_at_start
    if n_at_start >= enough or not lacks_scale(estimator.network_):
        return None, enough
    # A fit to few samples is replaced once there are twice as many.
    early = EarlyRows.of(samples)._replace(n_at_start=n_at_start)
    return early if early.calls_for_start(enough) else early.newest(enough), enough


def _start_of_stream(estimator, samples, seed):
    """Return the `Start` from all samples so far, and the `Progress` it replaces."""
    n_components = n_components_of_stream(estimator, samples.X.shape[1])
    setup = Setup(estimator._link(), n_components, seed)
    start = make_start(estimator, samples, setup)
    if start.pretraining is not None and start.pretraining.interrupted is not None:
        raise start.pretraining.interrupted
    if not hasattr(estimator, "network_"):
        return start, Progress()
    before = progress_of(estimator)
    return start, Progress(before.n_epochs, before.best_epoch)


def progress_of(estimator, network=None):
    """Return the `Progress` of the fits so far.

    `network`, if there is one, is what is to be trained from now on.
    """
    n_epochs = len(estimator.loss_curve_) - 1
    state = estimator._training_state
    if state is not None and not _suits(estimator, state):
        state = None
    if None not in (state, network) and state.network.arguments != network.arguments:
        state = None
    scale, kind = estimator._loss_scale, estimator._start_kind
    return Progress(n_epochs, estimator.best_epoch_, state, scale, kind)


def _suits(estimator, state):
    """Whether a training state is one of the estimator's solver and precision."""
    kind = OPTIMIZERS.get(estimator.solver, type(None))
    dtype = training_dtype(estimator.precision)
    return type(state.optimizer) is kind and state.parameters.values.dtype == dtype
