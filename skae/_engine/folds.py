"""Cross-validation of the number of epochs, where rows are too few to set apart."""

import copy

import numpy as np
import torch

from skae._engine.initialization import make_start
from skae._engine.trainer import Trainer

_N_FOLDS = 5


class Folds:
    """Judges a network on all rows by its siblings that miss a part of them.

    Each sibling is trained without one fold, in step with the network, and gives
    the losses of that fold's rows: together, losses of all the rows by networks
    that have not seen them. The network itself loses no row to validation.

    Parameters
    ----------
    estimator : BaseAutoencoder
    samples : Samples
    setup : Setup

    Attributes
    ----------
    weight : Tensor of shape (n_rows,) or None
        Weights of the rows in the order of the losses.
    """

    def __init__(self, estimator, samples, setup):
        order = np.random.RandomState(setup.seed).permutation(len(samples.X))
        self._siblings = []
        for fold in np.array_split(order, _N_FOLDS):
            rest = samples.take(np.setdiff1d(order, fold))
            self._siblings.append(
                Trainer(
                    estimator,
                    make_start(estimator, rest, setup),
                    rest,
                    samples.take(fold),
                    setup.seed,
                )
            )
        self.weight = None
        if samples.weight is not None:
            weight = samples.weight[order]
            self.weight = torch.as_tensor(weight / weight.mean())

    def restart(self, index, kind):
        """Return folds whose siblings begin from weights of their own again."""
        again = copy.copy(self)
        again._siblings = [s.restart(index, kind) for s in self._siblings]
        return again

    def start_losses(self, network):
        """Return the siblings' losses before their first epoch."""
        return torch.cat([sibling.start_losses() for sibling in self._siblings])

    def measure(self, state):
        """Train the siblings for one more epoch and return their losses."""
        for sibling in self._siblings:
            sibling.take_epoch()
        return torch.cat([sibling.held_out_losses() for sibling in self._siblings])
