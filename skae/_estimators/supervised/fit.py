"""The ways to fit a predictor: anew, warm, and by one epoch."""

import copy

import torch

from skae._engine.early_samples import FEWEST_ROWS, begins_anew
from skae._engine.fit import keep_columns_on_failure, progress_of, trainable
from skae._engine.fit_result import Progress
from skae._engine.fitted_attributes import curves, make_codec
from skae._engine.initialization import Start, training_dtype
from skae._engine.judge import Judge
from skae._engine.progress import Report
from skae._engine.trainer import Trainer
from skae._estimators.base.validation import check_same_arguments
from skae._estimators.supervised.data import (
    EarlyLabelled,
    check_labelled,
    split_labelled,
)
from skae._networks.cost import rows_at_once
from skae._networks.head import Head
from skae._utils.random import draw_seed

_CHUNK = 4096


class ScoreMonitor:
    """A monitor that keeps the score of the validation rows after each epoch.

    Parameters
    ----------
    judge : Judge or None
    target : ClassTarget or QuantityTarget

    Attributes
    ----------
    scores : list of float or None
        None without validation rows.
    """

    def __init__(self, judge, target):
        self.target = target
        self.rows = judge.rows if isinstance(judge, Judge) else None
        self.scores = None if self.rows is None else []

    def __call__(self, state):
        """Score the network as it is; never stop."""
        if self.rows is not None:
            self.scores.append(self._score(state.result))
        return False

    @torch.no_grad()
    def _score(self, network):
        outputs = torch.cat(
            [network(x) for x in self.rows.x.split(rows_at_once(network, _CHUNK))]
        )
        weight = self.rows.weight
        return self.target.score(
            outputs.cpu().numpy(),
            self.rows.y.cpu().numpy(),
            None if weight is None else weight.cpu().numpy(),
        )


@keep_columns_on_failure
@trainable
def fit_predictor(estimator, X, y, **given):
    """Fit a predictor to data; from where it is with `warm_start`.

    `given` are the keywords of `check_labelled`.
    """
    estimator._check_parameters()
    warm = estimator.warm_start and hasattr(estimator, "network_")
    target = estimator._target if warm else None
    data = check_labelled(estimator, X, y, **given, target=target)
    if warm and begins_anew(estimator._n_at_start, data.n_samples, FEWEST_ROWS):
        warm, data = False, data.with_scale_of_labels()
    seed = draw_seed(estimator.random_state)
    n_parts = 1 if warm else estimator._n_parts_before() + 1
    context = estimator._init_callback_context(max_subtasks=n_parts)
    task = {"estimator": estimator, "X": X, "y": y}
    context.call_on_fit_task_begin(**task)
    report = Report(estimator, context, task)
    samples, validation, pool = split_labelled(estimator, data, seed)
    start, own = _start(estimator, pool, data.target, seed, report, warm=warm)
    previous = progress_of(estimator, start.network) if warm else Progress()
    trainer = Trainer(estimator, start, samples, validation, seed, previous)
    scores = ScoreMonitor(trainer.judge, data.target)

    def attributes_now(state):
        result = trainer.result(copy.deepcopy(state.result))
        return _fitted(estimator, result, data, scores, own, warm=warm)

    with report.part("fine-tuning", estimator.max_iter, attributes_now) as monitor:
        trainer.run(lambda trainer: [scores, monitor])
        result = trainer.result()
        attributes = _fitted(estimator, result, data, scores, own, warm=warm)
        # Moments triple a pickle: kept only where they are used again.
        attributes["_training_state"] = result.state if estimator.warm_start else None
        attributes["_early_rows"] = None
        attributes["_n_at_start"] = estimator._n_at_start if warm else data.n_samples
        # Before callbacks are told of the end, and may interrupt.
        vars(estimator).update(attributes)
    context.call_on_fit_task_end(**task, reconstruction_attributes=attributes)
    if result.interrupted is not None:
        raise result.interrupted
    return estimator


@keep_columns_on_failure
@trainable
def partially_fit_predictor(estimator, X, y, **given):
    """Take one epoch over data.

    While the samples of all calls are few, the start is made anew from all of them.
    """
    if estimator.early_stopping is True:
        raise ValueError("partial_fit does not support early_stopping=True")
    estimator._check_parameters()
    first = not hasattr(estimator, "network_")
    target = None if first else estimator._target
    data = check_labelled(estimator, X, y, **given, target=target)
    n_samples = len(data.samples.X)
    seed = draw_seed(estimator.random_state)
    early = _early_labelled(estimator, data)
    begins = early is not None and early.calls_for_start
    if begins:
        data = early.data
    samples, _, pool = split_labelled(estimator, data, seed, may_split=False)
    start, own = _start(
        estimator, pool, data.target, seed, Report(estimator), warm=not begins
    )
    previous = Progress() if first else progress_of(estimator, start.network)
    if begins:
        previous = Progress(previous.n_epochs, previous.best_epoch)
        early = early.after_start(start.network)
    trainer = Trainer(estimator, start, samples, None, seed, previous)
    trainer.run_one_epoch()
    scores = ScoreMonitor(None, data.target)
    attributes = _fitted(estimator, trainer.result(), data, scores, own, warm=not first)
    attributes["_training_state"] = trainer.state
    attributes["_early_rows"] = early
    if begins:
        n_at_start = data.n_samples if early is None else early.n_at_start
        attributes["_n_at_start"] = n_at_start
    attributes["n_samples_"] = getattr(estimator, "n_samples_", 0) + n_samples
    vars(estimator).update(attributes)
    return estimator


def _early_labelled(estimator, data):
    """Return the `EarlyLabelled` with `data`, None where the start is to last."""
    if not hasattr(estimator, "network_"):
        return EarlyLabelled(data)
    early = estimator._early_rows
    return None if early is None else early.joined(estimator, data)


def _start(estimator, pool, target, seed, report, *, warm):
    """Return the `Start`, and fitted attributes of its making."""
    if not warm:
        return estimator._make_start(pool, target.n_outputs, seed, report)
    check_same_arguments(estimator.network_, estimator._asked_network(target.n_outputs))
    network = estimator._network_to_go_on_with()
    network.to(training_dtype(estimator.precision))
    return Start(estimator._scaling, network, None), {}


def _fitted(estimator, result, data, scores, own, *, warm):
    """Return all fitted attributes as a dictionary."""
    scaling, network = result.scaling, result.network
    head = Head.identity(network.n_codes)
    before = getattr(estimator, "validation_scores_", None) if warm else []
    found = scores.scores
    if before is not None and found is not None:
        found = before + found
    return {
        "n_samples_": len(data.samples.X),
        "n_iter_": max(result.n_epochs, 1),
        "best_epoch_": result.best_epoch,
        **curves(result, estimator, warm),
        "validation_scores_": found,
        "network_": network,
        "_scaling": scaling,
        "_codec": make_codec(scaling, network, head, estimator.n_threads),
        "_target": data.target,
        **estimator._target_attributes(data.target),
        **own,
    }
