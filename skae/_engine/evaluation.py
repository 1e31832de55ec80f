"""Evaluation of a network on held-out samples or by cross-validation."""

import copy
from dataclasses import dataclass

import numpy as np
import torch

from skae._training.data import Rows, weighted_mean
from skae._training.loop import Plan, row_losses

N_FOLDS = 5


@dataclass(frozen=True)
class HoldoutEvaluator:
    """Evaluates the loss of a network on validation samples.

    Attributes
    ----------
    rows : Rows
    plan : Plan
    seed : int
        Seed of the noise, which is the same in each epoch.
    """

    rows: Rows
    plan: Plan
    seed: int

    @property
    def weight(self):
        """Weights of the samples, a tensor of shape (n_rows,) or None."""
        return self.rows.weight

    def start_losses(self, network):
        """Return the loss of each sample before the first epoch."""
        return row_losses(network, self.rows, self.plan, self.seed)

    def measure(self, state):
        """Return the loss of each sample after an epoch."""
        return row_losses(state.result, self.rows, self.plan, self.seed)

    def mean(self, losses):
        """Return the (weighted) mean of losses."""
        return float(weighted_mean(losses, self.weight))

    def mean_loss(self, state):
        """Return the mean loss after an epoch."""
        return self.mean(self.measure(state))


class CrossValidatedEvaluator:
    """Evaluates the number of epochs by cross-validation.

    For each fold, a sibling network is trained without that fold, in step with the
    network itself, and evaluated on the fold. Together, the siblings yield a validation
    loss for every sample, while the network itself is trained on all samples.

    Parameters
    ----------
    siblings : list of Trainer
        One trainer for each fold.
    weight : Tensor of shape (n_samples,) or None
        Weights of the samples, in the order of the losses.
    """

    def __init__(self, siblings, weight=None):
        self._siblings, self.weight = siblings, weight

    @classmethod
    def prepare(cls, samples, seed, make_trainer):
        """Return an evaluator for a fit to samples.

        Parameters
        ----------
        samples : Samples
        seed : int
            Seed of the split into folds.
        make_trainer : callable
            ``make_trainer(samples, validation)`` returns the `Trainer` of a sibling.

        Returns
        -------
        evaluator : CrossValidatedEvaluator
        """
        order = np.random.RandomState(seed).permutation(len(samples.X))
        siblings = []
        for fold in np.array_split(order, N_FOLDS):
            rest = samples.take(np.setdiff1d(order, fold))
            siblings.append(make_trainer(rest, samples.take(fold)))
        weight = samples.weight
        if weight is not None:
            weight = torch.as_tensor(weight[order] / weight.mean())
        return cls(siblings, weight)

    def restart(self, index, kind):
        """Return an evaluator whose siblings start again from new weights."""
        again = copy.copy(self)
        again._siblings = [s.restart(index, kind) for s in self._siblings]
        return again

    def start_losses(self, network):
        """Return the loss of each sample before the first epoch."""
        return torch.cat([sibling.start_losses() for sibling in self._siblings])

    def measure(self, state):
        """Train the siblings for one more epoch; return the loss of each sample."""
        for sibling in self._siblings:
            sibling.loop.run(1, [])
        return torch.cat([sibling.validation_losses() for sibling in self._siblings])

    def mean(self, losses):
        """Return the (weighted) mean of losses."""
        return float(weighted_mean(losses, self.weight))


def mean_loss(network, rows, plan, seed):
    """Return the (weighted) mean loss of a network over rows."""
    losses = row_losses(network, rows, plan, seed)
    return float(weighted_mean(losses, rows.weight))
