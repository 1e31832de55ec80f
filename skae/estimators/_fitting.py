"""The three ways to fit an estimator: anew, warm, and by one epoch."""

import copy
import functools
from contextlib import ExitStack

import numpy as np
import torch

from skae._device import own_defaults
from skae._random import draw_seed
from skae._threads import public_threads
from skae._warnings import warn_caller
from skae.estimators._attributes import fitted_attributes
from skae.estimators._checks import (
    check_partial_fit,
    check_same_network,
    check_samples,
    set_up,
)
from skae.estimators._fit import fit_from_start, fit_further, fit_one_epoch
from skae.estimators._fit_result import Progress
from skae.estimators._report import Report
from skae.estimators._start import current_start, make_start, training_dtype
from skae.training.callbacks import CallbackMonitor
from skae.training.optimizers import OPTIMIZERS


def trainable(fit):
    """Decorate a fit so that no mode of torch that a caller is in reaches it.

    Under inference_mode there would be no gradient, then or later. Neither does the
    caller's number of threads.
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
    """Decorate a fit so that one that fails leaves the columns of the one before.

    What fails after the network is in place, a warning made an error say, leaves the
    new network and its columns.
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
    n_parts = None if warm else estimator._n_parts(samples.X.shape)
    # Without parts of its own a fit has its epochs directly below it.
    n_tasks = estimator.max_iter if n_parts is None else n_parts
    context = estimator._init_callback_context(max_subtasks=n_tasks)
    # A scoring callback needs a target, and an autoencoder's is X itself.
    task = {"estimator": estimator, "X": X, "y": X if y is None else y}
    context.call_on_fit_task_begin(**task)
    report = Report(estimator, context, task)

    def monitors(trainer):
        def attributes_now(state):
            result = trainer.result(copy.deepcopy(state.result))
            return fitted_attributes(estimator, result, samples, warm=warm)

        if n_parts is None:
            return [CallbackMonitor(context, task, attributes_now)]
        part = report.part("fine-tuning", estimator.max_iter, attributes_now)
        return [parts.enter_context(part)]

    with ExitStack() as parts:
        if warm:
            check_same_network(estimator)
            start, previous = current_start(estimator, samples), progress_of(estimator)
            result = fit_further(
                estimator, start, samples, validation, seed, previous, monitors
            )
        else:
            setup = set_up(estimator, samples, seed)
            result = fit_from_start(
                estimator, samples, validation, setup, monitors, report
            )
        _keep_model_of_before(estimator, result)
        attributes = fitted_attributes(estimator, result, samples, warm=warm)
        # Moments triple a pickle: kept only where they are used again.
        attributes["_training_state"] = result.state if estimator.warm_start else None
        # Before callbacks are told of the end, and may interrupt.
        vars(estimator).update(attributes)
    context.call_on_fit_task_end(**task, reconstruction_attributes=attributes)
    if result.interrupted is not None:
        raise result.interrupted
    estimator._warn_of_outcome()
    return estimator


def _keep_model_of_before(estimator, result):
    """Raise an interrupt that left less than the model that there is.

    Without a linear path what is hardly begun is worth nothing.
    """
    hardly_begun = result.n_epochs == 0 and estimator.linear_path is None
    if result.interrupted and hardly_begun and hasattr(estimator, "network_"):
        raise result.interrupted


@keep_columns_on_failure
@trainable
def partially_fit_estimator(estimator, X, y=None, **given):
    """Take one epoch over data; the first call fixes all but the weights."""
    first = not hasattr(estimator, "network_")
    check_partial_fit(estimator)
    samples, _ = check_samples(estimator, X, y, **given, reset=first)
    seed = draw_seed(estimator.random_state)
    if first:
        _warn_of_no_variance(samples.X)
        start = make_start(estimator, samples, set_up(estimator, samples, seed))
        if start.pretraining is not None and start.pretraining.interrupted is not None:
            raise start.pretraining.interrupted
        previous = Progress()
    else:
        check_same_network(estimator)
        start, previous = current_start(estimator, samples), progress_of(estimator)
    result = fit_one_epoch(estimator, start, samples, seed, previous)
    attributes = fitted_attributes(
        estimator, result, samples, warm=not first, keep_head=not first
    )
    attributes["_training_state"] = result.state
    if not first:
        attributes["n_samples_"] += estimator.n_samples_
    vars(estimator).update(attributes)
    return estimator


def _warn_of_no_variance(X):
    if np.all(X == X[0]):
        warn_caller(
            "The first call of partial_fit fixes centre, scale and linear path, and "
            "its rows are all equal: later rows cannot be learnt. Pass more rows.",
            UserWarning,
        )


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
    scale = estimator._loss_scale
    return Progress(n_epochs, estimator.best_epoch_, state, scale)


def _suits(estimator, state):
    """Whether a training state is one of the estimator's solver and precision."""
    kind = OPTIMIZERS.get(estimator.solver, type(None))
    dtype = training_dtype(estimator.precision)
    return type(state.optimizer) is kind and state.parameters.values.dtype == dtype
