r"""Restricted Boltzmann machines with units of an exponential family.

Visible units v and hidden units h have the energy

.. math:: E(v, h) = \phi(v) + \psi(h) - b^T v - c^T h - h^T W v,

where :math:`\phi` and :math:`\psi` are 0 for Bernoulli units, in {0, 1}, and half the
sum of squares for Gaussian units, of variance 1. Either layer is independent given the
other, with natural parameters :math:`c + W v` and :math:`b + W^T h`, and summing or
integrating over h leaves the free energy

.. math:: F(v) = \phi(v) - b^T v - \sum_j A(c_j + w_j^T v),

with :math:`A(a) = \log(1 + e^a)` or :math:`a^2 / 2`, whose slope is the mean of a unit:
:math:`p(v) \propto e^{-F(v)}` [1]_ [2]_.

.. [1] G. Hinton, "Training products of experts by minimizing contrastive divergence",
   Neural Computation 14, 2002.
.. [2] M. Welling, M. Rosen-Zvi and G. Hinton, "Exponential family harmoniums with an
   application to information retrieval", NIPS 2004.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Units(NamedTuple):
    """A kind of unit, as elementwise functions of its natural parameter a.

    Attributes
    ----------
    mean : callable
        The expectation, the slope of `log_partition`.
    draw : callable
        ``draw(a, generator)`` returns a sample.
    log_partition : callable
    energy : callable
        Energy of the values, without interaction.
    """

    mean: Callable[[Tensor], Tensor]
    draw: Callable[[Tensor, torch.Generator], Tensor]
    log_partition: Callable[[Tensor], Tensor]
    energy: Callable[[Tensor], Tensor]


def _draw_bernoulli(a, generator):
    return torch.bernoulli(torch.sigmoid(a), generator=generator)


def _draw_gaussian(a, generator):
    noise = torch.randn(a.shape, generator=generator, dtype=a.dtype, device=a.device)
    return a + noise


def _half_square(a):
    return a.square() / 2


UNITS = {
    "bernoulli": Units(torch.sigmoid, _draw_bernoulli, F.softplus, torch.zeros_like),
    "gaussian": Units(lambda a: a, _draw_gaussian, _half_square, _half_square),
}


class RestrictedBoltzmannMachine(nn.Module):
    """Weights between visible and hidden units, and a bias of each.

    Parameters
    ----------
    n_visible, n_hidden : int
    visible, hidden : str
        Keys of `UNITS`.
    """

    def __init__(self, n_visible, n_hidden, *, visible="bernoulli", hidden="bernoulli"):
        super().__init__()
        self.visible, self.hidden = UNITS[visible], UNITS[hidden]
        self.weight = nn.Parameter(
            torch.zeros(n_hidden, n_visible, dtype=torch.float32)
        )
        self.visible_bias = nn.Parameter(torch.zeros(n_visible, dtype=torch.float32))
        self.hidden_bias = nn.Parameter(torch.zeros(n_hidden, dtype=torch.float32))

    def hidden_parameter(self, v: Tensor) -> Tensor:
        """Return the natural parameters (n_rows, n_hidden) given visible units."""
        return F.linear(v, self.weight, self.hidden_bias)

    def visible_parameter(self, h: Tensor) -> Tensor:
        """Return the natural parameters (n_rows, n_visible) given hidden units."""
        return F.linear(h, self.weight.T, self.visible_bias)

    def free_energy(self, v: Tensor) -> Tensor:
        """Return minus log p(v), up to a constant, of rows: shape (n_rows,)."""
        summed = self.hidden.log_partition(self.hidden_parameter(v)).sum(dim=1)
        return self.visible.energy(v).sum(dim=1) - v @ self.visible_bias - summed

    def reconstruct(self, v: Tensor, generator: torch.Generator) -> Tensor:
        """Return the visible units' means given one draw of the hidden units."""
        h = self.hidden.draw(self.hidden_parameter(v), generator)
        return self.visible.mean(self.visible_parameter(h))

    def gibbs_step(self, v: Tensor, generator: torch.Generator) -> Tensor:
        """Return visible units drawn given a draw of the hidden units."""
        h = self.hidden.draw(self.hidden_parameter(v), generator)
        return self.visible.draw(self.visible_parameter(h), generator)

    @torch.no_grad()
    def initialize(self, mean, generator):
        """Draw small weights, and set the visible biases to give the units `mean`.

        `mean` of shape (n_visible,) is that of the data, as in section 8 of Hinton's
        "Practical guide to training restricted Boltzmann machines" (2010).
        """
        nn.init.normal_(self.weight, std=_INITIAL_DEVIATION, generator=generator)
        if self.visible is UNITS["bernoulli"]:
            mean = torch.logit(mean.clamp(_LEAST_MEAN, 1 - _LEAST_MEAN))
        self.visible_bias.copy_(mean)


_INITIAL_DEVIATION = 0.01
# Bound of the mean of a unit that is never or always on, so that its bias is finite.
_LEAST_MEAN = 0.001
