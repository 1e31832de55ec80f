"""Learning rates over the course of a fit."""

import math
from dataclasses import dataclass

_ADAPTIVE_FACTOR = 0.2
_SMALLEST_RATE = 1e-6


@dataclass
class Constant:
    """The same rate throughout.

    Parameters
    ----------
    initial : float
    max_iter : int
        Epochs of this fit.
    first_epoch : int
        Epochs done in fits before this one.
    """

    initial: float
    max_iter: int
    first_epoch: int = 0

    def rate(self, progress):
        """Return the rate after `progress` epochs (a float)."""
        return self.initial

    def reduce(self):
        """Answer a plateau: False, there is nothing to reduce."""
        return False


@dataclass
class Cosine(Constant):
    """From the initial rate down to zero along half a cosine over max_iter."""

    def rate(self, progress):
        """Return the rate after `progress` epochs (a float)."""
        share = min((progress - self.first_epoch) / self.max_iter, 1.0)
        return self.initial * 0.5 * (1 + math.cos(math.pi * share))


@dataclass
class Adaptive(Constant):
    """Divided by five at each plateau, until it is too small to matter."""

    def reduce(self):
        """Answer a plateau: lower the rate, and say whether to go on."""
        self.initial *= _ADAPTIVE_FACTOR
        return self.initial > _SMALLEST_RATE


SCHEDULES = {"constant": Constant, "cosine": Cosine, "adaptive": Adaptive}
