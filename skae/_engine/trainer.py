"""From an estimator's parameters to a run of the training loop."""

import copy
import functools
import math
from dataclasses import replace

from sklearn.exceptions import ConvergenceWarning

from skae._engine.config import (
    batch_size_for,
    make_optimizer,
    make_plan,
    make_schedule,
    resources,
)
from skae._engine.early_samples import NEGLIGIBLE_SHARE
from skae._engine.fit_result import FitResult, Progress
from skae._engine.initialization import (
    Samples,
    make_rows,
    redrawn,
    seed_of_start,
    training_dtype,
)
from skae._engine.judge import Judge
from skae._training.callbacks import VerboseMonitor
from skae._training.data import weighted_mean
from skae._training.early_stopping import (
    DivergedError,
    EarlyStopping,
    NotFinite,
    standard_errors_of_start,
)
from skae._training.full_batch import METHODS, minimize
from skae._training.loop import Loop, row_losses, weight_penalty
from skae._training.schedules import SCHEDULES
from skae._training.state import TrainingState
from skae._utils.random import make_generator
from skae._utils.threads import limit_blas, limit_threads, limit_threads_for
from skae._utils.warnings import warn_caller

# Of rows in units of `loss_scale`; batches of the same data differ by less.
_LARGEST_LOSS = 4.0

_NO_PROGRESS = Progress()


class Trainer:
    """Trains a model on samples with an estimator's parameters.

    Parameters
    ----------
    estimator : BaseAutoencoder
    start : Start
        The model to begin from.
    samples : Samples
    validation : Samples, Folds or None
        What judges the epochs; without it the training loss does.
    seed : int
    previous : Progress
        Of earlier fits of the same model.

    Attributes
    ----------
    judge : Judge, Folds or None
        What judges the epochs.
    index, kind : int, str
        Number of the start, counted from 1, and what `redrawn` calls its kind.
    losses_before : list of float or None
        The best losses of the starts before.
    linear_decoder : Tensor of shape (n_features, n_components) or None
        Of the linear path that the other starts have, and this one does not.
    n_samples : int
    stopped_from_outside : bool
        Whether a callback asked to stop.
    stopping : EarlyStopping
        Knows the best epoch and its network.
    start_loss, first_validation_loss : float
        Of the training and of the validation samples before the first epoch; the
        second only with validation samples.
    """

    def __init__(
        self, estimator, start, samples, validation, seed, previous=_NO_PROGRESS
    ):
        self.estimator = estimator
        self.index, self.kind = 1, previous.kind
        self.losses_before = self.linear_decoder = None
        self.stopped_from_outside = False
        self.start = start
        self.previous = previous
        pretraining = start.pretraining
        self.interrupted = None if pretraining is None else pretraining.interrupted
        self._seed, self._count = seed, samples.count
        self.n_samples = len(samples.X)
        batch_size = batch_size_for(estimator, len(samples.X))
        device, self._n_threads = resources(estimator, start.network, len(samples.X))
        self._device = device
        start.network.to(device)
        dtype = training_dtype(estimator.precision)
        self._rows = self._make_rows(samples, dtype, device)
        scaling = copy.deepcopy(start.scaling).to(device, dtype)
        objective = estimator._make_objective(
            estimator._make_criterion(scaling), start.corruption
        )
        self._plan = make_plan(
            estimator, objective, batch_size, samples.count, previous.n_epochs
        )
        self.start_loss = self._mean_loss(start.network)
        if isinstance(validation, Samples):
            rows = self._make_rows(validation, dtype, device)
            validation = Judge(rows, self._plan, seed)
        self.judge, self._first_losses = validation, None
        if previous.state is not None:
            # A copy: a fit that fails must leave the estimator's own as it was.
            self._go_on_with(previous.state.copy_to(device))
        else:
            self._go_on_with(self._begin())

    def nothing_to_learn(self):
        """Whether the start leaves only rounding errors."""
        is_of_residuals = self.estimator._loss_is_of_residuals()
        return is_of_residuals and self.start_loss < NEGLIGIBLE_SHARE

    def run(self, report):
        """Train until the epochs are over, a monitor stops or the user does.

        Parameters
        ----------
        report : callable
            ``report(trainer)`` returns further monitors.

        Raises
        ------
        ValueError
            If the loss is not finite before anything good was reached.
        """
        if self.interrupted is not None:
            return
        monitors = [self.stopping]
        if self.estimator.verbose:
            name = type(self.estimator).__name__
            if self.index > 1:
                name += f", start {self.index}"
            has_validation = self.judge is not None
            monitors.append(VerboseMonitor(name, self.stopping, has_validation))
        self._suit_loss_scale()
        reporters = []
        try:
            # The part of the start before ends here, and may interrupt.
            reporters = report(self)
            with limit_threads(self._n_threads):
                self._run_solver([*monitors, *reporters])
        except NotFinite:
            self._report_not_finite()
        except KeyboardInterrupt as interrupt:
            self.interrupted = interrupt
        self.stopped_from_outside = any(
            getattr(monitor, "asked_to_stop", False) for monitor in reporters
        )
        self.state.network.eval()

    def restart(self, index, kind):
        """Return a trainer of the same samples at weights of its own.

        Parameters
        ----------
        index : int
            Number of the start, counted from 1.
        kind : str
            As in `redrawn`.
        """
        again = copy.copy(self)
        vars(again).pop("_loop", None)
        again.index, again.kind = index, kind
        if self.estimator.n_init != "auto":
            # The kind alone makes the starts of 'auto' differ.
            again._seed = seed_of_start(self._seed, index)
        again.start = redrawn(self.start, kind, self.estimator.init, again._seed)
        # A schedule changes in the course of its fit.
        schedule = make_schedule(self.estimator, self.previous.n_epochs)
        again._plan = replace(self._plan, schedule=schedule)
        if self.estimator.linear_path is None:
            again.start_loss = again._mean_loss(again.start.network)
        if hasattr(self.judge, "restart"):
            again.judge = self.judge.restart(index, kind)
        if kind == "textbook":
            again.linear_decoder = self.start.network.exactly("linear_decoder")
        again._go_on_with(again._begin())
        return again

    def take_epoch(self):
        """Take one pass over the rows."""
        with limit_threads(self._n_threads):
            self._loop.run(1, [])

    def start_losses(self):
        """Return the validation rows' losses at the start."""
        with limit_threads(self._n_threads):
            return self.judge.start_losses(self.start.network)

    def held_out_losses(self):
        """Return the validation rows' losses now."""
        with limit_threads(self._n_threads):
            return self.judge.measure(self.state)

    def run_one_epoch(self):
        """Take one pass at the initial rate; its outcome is the result."""
        rate = self.estimator.learning_rate_init
        schedule = SCHEDULES["constant"](rate, max_iter=1)
        self._plan = replace(self._plan, schedule=schedule)
        unit = self.state.loss_scale
        # Of this epoch alone: one batch of outliers must not slow down all later ones.
        self._suit_loss_scale()
        self.take_epoch()
        self.state.loss_scale = unit
        if not math.isfinite(self.state.history["loss"][-1]):
            raise ValueError(self._describe_not_finite())
        self.stopping.keep(self.state)

    def result(self, network=None):
        """Return the outcome as a `FitResult`, of `network` or of the best epoch."""
        losses = self.state.history.get("loss", [])[self._history_before :]
        validation_curve = None
        if self.judge is not None:
            validation_curve = [self.first_validation_loss, *self.stopping.curve]
        return FitResult(
            self.start.scaling,
            (network or self._best_network()).eval(),
            self.stopping.best_epoch or self.previous.best_epoch,
            self.state.epoch,
            [self._penalised_start, *losses],
            validation_curve,
            self.state,
            self.state.loss_scale,
            self.interrupted,
            self.start.pretraining,
            # Of the starts so far, where several are compared.
            [*self.losses_before, self.stopping.best_loss]
            if self.losses_before is not None
            else [],
            self.linear_decoder,
            self.kind,
            self._plan.objective.first_full_epoch,
        )

    def _best_network(self):
        """Return the network to keep; the start's where no epoch was better."""
        if self.stopping.best_network is not None:
            return self.stopping.best_network
        if self._has_usable_start():
            return self.start.network
        # Interrupted within the first epoch: what there is, is the best.
        return self.state.keep_result()()

    def _has_usable_start(self):
        """Whether the start is a result, not a random network."""
        return (
            self.estimator.linear_path is not None
            or self.start.pretraining is not None
            or self.previous.n_epochs > 0
        )

    def _mean_loss(self, network):
        """Return the mean loss of a network over the training rows."""
        with limit_threads(self._n_threads):
            losses = row_losses(network, self._rows, self._plan, self._seed)
        return float(weighted_mean(losses, self._rows.weight))

    @functools.cached_property
    def _loop(self):
        return Loop(self.state, self._rows, self._plan)

    def _make_rows(self, samples, dtype, device):
        with limit_threads_for(self.estimator.n_threads, samples.X):
            return make_rows(self.start.scaling, samples, dtype, device)

    def _go_on_with(self, state):
        """Set the state to train and the rule that ends its training."""
        self.state = state
        self._history_before = len(state.history.get("loss", []))
        self._penalised_start = self.start_loss
        if self._plan.alpha > 0:
            self._penalised_start += weight_penalty(state, self._plan)
        self.stopping = self._make_stopping()

    def _begin(self):
        """Return a new `TrainingState` at the start."""
        state = TrainingState.begin(
            copy.deepcopy(self.start.network),
            make_optimizer(
                self.estimator,
                self.start.network,
                self._count,
                rough=self.kind == "rough",
            ),
            make_generator(self._seed, self._device),
            loss_scale=self._loss_scale(),
            average=self.estimator.average,
        )
        state.epoch = self.previous.n_epochs
        return state

    def _loss_scale(self):
        """Return what the loss is divided by, so that small residuals are learnt."""
        if self.previous.loss_scale is not None:
            return self.previous.loss_scale
        estimator = self.estimator
        if estimator.linear_path is None or not estimator._loss_is_of_residuals():
            return 1.0
        return 1.0 if self.nothing_to_learn() else self.start_loss

    def _suit_loss_scale(self):
        """Raise the unit of the loss where the rows are harder than the start's.

        Otherwise their gradients would be so large that plain descent diverges.
        """
        if self.estimator.linear_path and self.estimator._loss_is_of_residuals():
            least = self.start_loss / _LARGEST_LOSS
            self.state.loss_scale = max(self.state.loss_scale, least)

    def _make_stopping(self):
        baseline, scale, weight = None, self.start_loss, None
        measure = _training_loss
        if self.judge is not None:
            # Every start has to beat the linear path.
            if self._first_losses is None or self.estimator.linear_path is None:
                self._first_losses = self.start_losses()
            losses, weight = self._first_losses, self.judge.weight
            scale = self.first_validation_loss = float(weighted_mean(losses, weight))
            # With a linear path, or a fitted model, the start is what to beat.
            baseline = losses if self._has_usable_start() else None
            measure = self.judge.measure
        # Dropout makes the losses of training larger than that of the start.
        comparable = self._has_usable_start() and self.estimator.dropout == 0
        best_loss = self._penalised_start if comparable else math.inf
        if self.judge is None and self._goes_on_from_average():
            # The epochs' own losses are of weights that are not averaged: like with
            # like, the average's.
            judge = Judge(self._rows, self._plan, self._seed)
            measure, best_loss = judge.mean_loss, self.start_loss
        return EarlyStopping(
            measure,
            weight=weight,
            baseline=baseline,
            n_iter_no_change=self.estimator.n_iter_no_change,
            tol=self.estimator.tol * abs(scale),
            on_plateau=self._plan.schedule.reduce,
            best_loss=best_loss,
            first_epoch=self._plan.objective.first_full_epoch,
            standard_errors=standard_errors_of_start(self.index),
        )

    def _goes_on_from_average(self):
        return self.previous.n_epochs > 0 and self.state.average is not None

    def _run_solver(self, monitors):
        estimator = self.estimator
        if estimator.solver not in METHODS:
            self._loop.run(estimator.max_iter, monitors)
            return
        with limit_blas(self._n_threads):
            converged = minimize(
                self.state,
                self._rows,
                self._plan,
                estimator.solver,
                estimator.max_iter,
                estimator.tol,
                monitors,
            )
        if not converged:
            warn_caller(
                f"solver={estimator.solver!r} stopped at max_iter="
                f"{estimator.max_iter} before the gradient was below tol="
                f"{estimator.tol}. Increase max_iter or tol.",
                ConvergenceWarning,
            )

    def _report_not_finite(self):
        """Warn where the best weights so far are usable, raise where none are."""
        if self.stopping.best_network is None and not self._has_usable_start():
            raise DivergedError(self._describe_not_finite())
        kept = "result" if self.index == 1 else "result of this start"
        warn_caller(
            f"{self._describe_not_finite()} The {kept} is that of epoch "
            f"{self.stopping.best_epoch}.",
            ConvergenceWarning,
        )

    def _describe_not_finite(self):
        return (
            f"{'' if self.index == 1 else f'Start {self.index}: '}"
            f"The loss was not finite in epoch {self.state.epoch} with "
            f"learning_rate_init={self.estimator.learning_rate_init}. Lower "
            "learning_rate_init, set max_norm, or check the scale of the data."
        )


def _training_loss(state):
    return state.history["loss"][-1]
