"""Validation scores of a predictor."""

import torch

from skae._engine.evaluation import HoldoutEvaluator
from skae._networks.cost import rows_at_once

_CHUNK = 4096


class ScoreMonitor:
    """A monitor that records the score of the validation samples after each epoch.

    Parameters
    ----------
    evaluator : HoldoutEvaluator or None
    target : ClassTarget or QuantityTarget
    network : nn.Module
        The network before the first epoch.

    Attributes
    ----------
    scores : list of float or None
        Entry 0 is the score of `network`. None without validation samples.
    """

    def __init__(self, evaluator, target, network):
        self.target = target
        has_rows = isinstance(evaluator, HoldoutEvaluator)
        self.rows = evaluator.rows if has_rows else None
        self.scores = [self._score(network)] if has_rows else None

    def __call__(self, state):
        """Record the score of the current network; never stop."""
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
