"""Schedules of the learning rate."""

import math
from dataclasses import dataclass

_ADAPTIVE_FACTOR = 0.2
_SMALLEST_RATE = 1e-6


@dataclass
class Constant:
    """A constant learning rate.

    Parameters
    ----------
    initial : float
    max_iter : int
        Maximum number of epochs of this fit.
    first_epoch : int
        Number of epochs of earlier fits.
    """

    initial: float
    max_iter: int
    first_epoch: int = 0

    def rate(self, progress):
        """Return the rate after `progress` epochs (a float)."""
        return self.initial

    def reduce(self):
        """Return False: a plateau does not lower this rate."""
        return False


@dataclass
class Cosine(Constant):
    """Half a cosine from the initial rate to zero over max_iter epochs."""

    def rate(self, progress):
        """Return the rate after `progress` epochs (a float)."""
        share = min((progress - self.first_epoch) / self.max_iter, 1.0)
        return self.initial * 0.5 * (1 + math.cos(math.pi * share))


@dataclass
class Adaptive(Constant):
    """A rate that is divided by five at each plateau, until it is negligible."""

    def reduce(self):
        """Lower the rate at a plateau; return whether to continue."""
        self.initial *= _ADAPTIVE_FACTOR
        return self.initial > _SMALLEST_RATE


SCHEDULES = {"constant": Constant, "cosine": Cosine, "adaptive": Adaptive}
