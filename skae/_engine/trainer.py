"""Training of a network from one start."""

import copy
import functools
import math
from dataclasses import replace

from skae._engine.config import (
    at_constant_rate,
    make_optimizer,
    make_plan,
    make_schedule,
    resolve_alpha,
)
from skae._engine.dataset import Samples, make_rows
from skae._engine.early_samples import NEGLIGIBLE_SHARE
from skae._engine.evaluation import HoldoutEvaluator, mean_loss
from skae._engine.fit_result import FitResult, Progress
from skae._engine.initialization import redrawn, seed_of_start
from skae._training.early_stopping import EarlyStopping, standard_errors_of_start
from skae._training.loop import Loop, weight_penalty
from skae._training.state import TrainingState
from skae._utils.random import make_generator
from skae._utils.threads import limit_threads_for

# Largest loss at the start of training, in units of `loss_scale`. Batches of the same
# data differ by less.
_LARGEST_LOSS = 4.0

_NO_PROGRESS = Progress()


class Trainer:
    """Trains a model from one start; `Trainer.prepare` constructs it from samples.

    Parameters
    ----------
    config : TrainingConfig
    initial : InitialModel
        The model at the start of the training.
    rows : Rows
        The training samples as tensors.
    plan : Plan
    previous : Progress
        Progress of earlier fits of the same model.
    count : float
        Sum of the sample weights.

    Attributes
    ----------
    evaluator : HoldoutEvaluator, CrossValidatedEvaluator or None
        Evaluates each epoch on validation samples. None if there are none; the training
        loss is then used.
    index, kind : int, str
        Number of the start, counted from 1, and its kind, as in `redrawn`.
    losses_before : list of float or None
        The best losses of the earlier starts; None if starts are not compared.
    linear_decoder : Tensor of shape (n_features, n_components) or None
        Linear decoder of the first start, if this start has no linear path.
    stopped_from_outside : bool
        Whether a callback requested to stop.
    interrupted : KeyboardInterrupt or None
        The interrupt that ended the training.
    stopping : EarlyStopping
        Keeps the best epoch and its network.
    start_loss : float
        Mean loss of the training samples before the first epoch.
    first_validation_loss : float
        Mean loss of the validation samples before the first epoch, if there are any.
    """

    def __init__(self, config, initial, rows, plan, previous, count):
        self.config, self.initial, self.previous = config, initial, previous
        self.rows, self.plan, self.count = rows, plan, count
        self.seed, self.index, self.kind = config.seed, 1, previous.kind
        self.evaluator = self.losses_before = self.linear_decoder = None
        self.first_losses = self.interrupted = None
        self.stopped_from_outside = False

    @classmethod
    def prepare(
        cls, config, objective, initial, samples, validation, previous=_NO_PROGRESS
    ):
        """Return a trainer for a model and samples.

        Parameters
        ----------
        config : TrainingConfig
        objective : callable
            ``objective(scaling, corruption)`` returns the `Objective`.
        initial : InitialModel
        samples : Samples
        validation : Samples, CrossValidatedEvaluator or None
        previous : Progress
        """
        initial.network.to(config.device)
        scaling = copy.deepcopy(initial.scaling).to(config.device, config.dtype)
        plan = make_plan(
            config,
            objective(scaling, initial.corruption),
            len(samples.X),
            samples.count,
            previous.n_epochs,
        )
        rows = _as_rows(config, initial.scaling, samples)
        trainer = cls(config, initial, rows, plan, previous, samples.count)
        if initial.pretraining is not None:
            trainer.interrupted = initial.pretraining.interrupted
        if isinstance(validation, Samples):
            rows = _as_rows(config, initial.scaling, validation)
            validation = HoldoutEvaluator(rows, plan, config.seed)
        trainer.evaluator = validation
        trainer.start_loss = trainer.mean_loss(initial.network)
        if previous.state is not None:
            # Copied, as a failed fit must not change the state of the estimator.
            trainer._continue_with(previous.state.copy_to(config.device))
        else:
            trainer._continue_with(trainer._begin())
        return trainer

    @property
    def n_samples(self):
        """Number of training samples."""
        return len(self.rows)

    def nothing_to_learn(self):
        """Whether the residual at the start consists of rounding errors only."""
        is_of_residuals = self.config.loss_is_of_residuals
        return is_of_residuals and self.start_loss < NEGLIGIBLE_SHARE

    def restart(self, index, kind):
        """Return a trainer with the same samples and new initial weights.

        Parameters
        ----------
        index : int
            Number of the start, counted from 1.
        kind : str
            Kind of the start, as in `redrawn`.
        """
        again = copy.copy(self)
        vars(again).pop("loop", None)
        again.index, again.kind = index, kind
        if self.config.n_init is not None:
            # With n_init='auto' starts differ by their kind and share the seed.
            again.seed = seed_of_start(self.seed, index)
        again.initial = redrawn(self.initial, kind, self.config.init, again.seed)
        # The schedule has changed in the course of the previous start.
        schedule = make_schedule(self.config, self.previous.n_epochs)
        again.plan = replace(self.plan, schedule=schedule)
        if not self.config.has_linear_path:
            again.start_loss = again.mean_loss(again.initial.network)
        if hasattr(self.evaluator, "restart"):
            again.evaluator = self.evaluator.restart(index, kind)
        if kind == "textbook":
            again.linear_decoder = self.initial.network.exactly("linear_decoder")
        again._continue_with(again._begin())
        return again

    @functools.cached_property
    def loop(self):
        """The `Loop` over epochs of mini-batches."""
        return Loop(self.state, self.rows, self.plan)

    def start_losses(self):
        """Return the loss of each validation sample before the first epoch."""
        return self.evaluator.start_losses(self.initial.network)

    def validation_losses(self):
        """Return the loss of each validation sample after the current epoch."""
        return self.evaluator.measure(self.state)

    def run_one_epoch(self):
        """Train for one epoch at the initial learning rate and keep its weights."""
        self.plan = at_constant_rate(self.plan, self.config)
        unit = self.state.loss_scale
        # In this epoch only, as a batch of outliers must not slow down later epochs.
        self.adapt_loss_scale()
        self.loop.run(1, [])
        self.state.loss_scale = unit
        if not math.isfinite(self.state.history["loss"][-1]):
            raise ValueError(self.describe_not_finite())
        self.stopping.keep(self.state)

    def result(self, network=None):
        """Return the `FitResult` with `network`, by default that of the best epoch."""
        losses = self.state.history.get("loss", [])[self._history_before :]
        validation_curve = None
        if self.evaluator is not None:
            validation_curve = [self.first_validation_loss, *self.stopping.curve]
        return FitResult(
            self.initial.scaling,
            (network or self._best_network()).eval(),
            self.stopping.best_epoch or self.previous.best_epoch,
            self.state.epoch,
            [self._penalized_start, *losses],
            validation_curve,
            config=self.config,
            alpha=self.alpha,
            first_full_epoch=self.plan.objective.first_full_epoch,
            state=self.state,
            loss_scale=self.state.loss_scale,
            interrupted=self.interrupted,
            pretraining=self.initial.pretraining,
            # The starts so far, if several are compared.
            start_losses=[*self.losses_before, self.stopping.best_loss]
            if self.losses_before is not None
            else [],
            linear_decoder=self.linear_decoder,
            kind=self.kind,
        )

    def _best_network(self):
        """Return the network of the best epoch, or of the start if none was better."""
        if self.stopping.best_network is not None:
            return self.stopping.best_network
        if self.has_usable_start():
            return self.initial.network
        # Interrupted during the first epoch: keep the current weights.
        return self.state.keep_result()()

    def has_usable_start(self):
        """Whether the network at the start is not merely random."""
        return (
            self.config.has_linear_path
            or self.initial.pretraining is not None
            or self.previous.n_epochs > 0
        )

    def mean_loss(self, network):
        """Return the mean loss of a network over the training samples."""
        return mean_loss(network, self.rows, self.plan, self.seed)

    def _continue_with(self, state):
        """Set the training state and early stopping."""
        self.state = state
        self._history_before = len(state.history.get("loss", []))
        self._penalized_start = self.start_loss
        if self.plan.alpha > 0:
            self._penalized_start += weight_penalty(state, self.plan)
        self.stopping = self._make_stopping()

    @property
    def alpha(self):
        """Weight decay of this start, in units of the parameter `alpha`."""
        network, rough = self.initial.network, self.kind == "rough"
        return resolve_alpha(self.config, network, self.count, rough=rough)

    def _begin(self):
        """Return the `TrainingState` before the first epoch."""
        config = self.config
        state = TrainingState.begin(
            copy.deepcopy(self.initial.network),
            make_optimizer(config, self.alpha, self.count),
            make_generator(self.seed, config.device),
            loss_scale=self._loss_scale(),
            average=config.average,
        )
        state.epoch = self.previous.n_epochs
        return state

    def _loss_scale(self):
        """Return the divisor of the loss, so that small residuals are learned."""
        if self.previous.loss_scale is not None:
            return self.previous.loss_scale
        config = self.config
        if not (config.has_linear_path and config.loss_is_of_residuals):
            return 1.0
        return 1.0 if self.nothing_to_learn() else self.start_loss

    def adapt_loss_scale(self):
        """Increase the divisor of the loss if the samples have a much larger loss.

        Otherwise their gradients could be so large that plain gradient descent
        diverges.
        """
        if self.config.has_linear_path and self.config.loss_is_of_residuals:
            least = self.start_loss / _LARGEST_LOSS
            self.state.loss_scale = max(self.state.loss_scale, least)

    def _make_stopping(self):
        config = self.config
        baseline, scale, weight = None, self.start_loss, None
        measure = _training_loss
        if self.evaluator is not None:
            # With a linear path, each start has to improve on the loss of that path.
            if self.first_losses is None or not config.has_linear_path:
                self.first_losses = self.start_losses()
            losses, weight = self.first_losses, self.evaluator.weight
            scale = self.first_validation_loss = self.evaluator.mean(losses)
            # With a linear path or a fitted model, epochs have to improve on the start.
            baseline = losses if self.has_usable_start() else None
            measure = self.evaluator.measure
        # Dropout increases the training losses, but not the loss of the start.
        comparable = self.has_usable_start() and config.dropout == 0
        best_loss = self._penalized_start if comparable else math.inf
        if self.evaluator is None and self._continues_from_average():
            # The start has averaged weights, but the training losses come from weights
            # without averaging: evaluate the averaged weights after each epoch, too.
            evaluator = HoldoutEvaluator(self.rows, self.plan, self.seed)
            measure, best_loss = evaluator.mean_loss, self.start_loss
        return EarlyStopping(
            measure,
            weight=weight,
            baseline=baseline,
            n_iter_no_change=config.n_iter_no_change,
            tol=config.tol * abs(scale),
            on_plateau=self.plan.schedule.reduce,
            best_loss=best_loss,
            first_epoch=self.plan.objective.first_full_epoch,
            standard_errors=standard_errors_of_start(self.index),
        )

    def _continues_from_average(self):
        return self.previous.n_epochs > 0 and self.state.average is not None

    def describe_not_finite(self):
        """Return the message that the loss is not finite."""
        return (
            f"{'' if self.index == 1 else f'Start {self.index}: '}"
            f"The loss was not finite in epoch {self.state.epoch} with "
            f"learning_rate_init={self.config.learning_rate_init}. Lower "
            "learning_rate_init, set max_norm, or check the scale of the data."
        )


def _as_rows(config, scaling, samples):
    with limit_threads_for(config.max_threads, samples.X):
        return make_rows(scaling, samples, config.dtype, config.device)


def _training_loss(state):
    return state.history["loss"][-1]
