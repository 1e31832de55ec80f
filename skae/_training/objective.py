"""Objectives of training: the base class and the reconstruction error."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skae._training.criterion import Criterion
from skae._training.data import weighted_mean


class Objective(ABC):
    """A loss for each row of a batch, the sum of named terms.

    Training minimizes the sum of the terms' means over the rows, and the validation
    loss is the same sum. An objective is a frozen dataclass: its fields are the
    settings of the loss, and a fit never changes them.

    A subclass has to define `losses` only; autograd then gives the gradient.
    A subclass that also defines `gradient` is trained without autograd where the
    network allows it, which is faster for small networks. It says so by `has_gradient`.

    Attributes
    ----------
    has_gradient : bool
        Whether `gradient` can be called, False by default. A subclass defines it as a
        constant or, if it depends on a criterion, as a property.
    reads_linear_codes : bool
        Whether `gradient` passes the rows unchanged, and `rows.codes` with them, to the
        tape. Their codes on the linear path are then computed once a fit, not once a
        batch.
    first_full_epoch : int
        First epoch, counted from 1, that minimizes the objective itself. The losses of
        earlier ones cannot be compared with those of later ones: early stopping ignores
        them.
    """

    has_gradient = False
    reads_linear_codes = False
    first_full_epoch = 1

    @abstractmethod
    def losses(self, network, rows, generator):
        """Return the terms of the loss of each row, by operations of torch.

        Parameters
        ----------
        network : torch.nn.Module
            It maps rows by ``encode(x, generator)`` and ``decode(z, generator)``;
            ``network(x, generator)`` does both. ``network.training`` is False in
            validation.
        rows : Rows
            A batch: the input `x`, the `target` of the reconstruction, and `weight`,
            `y` and `codes`, which may be None. A later batch overwrites its memory.
            Means over the rows are weighted elsewhere.
        generator : torch.Generator
            The only source of random numbers, on the device of the rows. Validation
            starts it from the same seed in each epoch.

        Returns
        -------
        terms : dict of str to Tensor of shape (n_rows,)
            Losses of the autoencoders are means over the features, likelihoods are sums
            over them, in nats.
        """

    def gradient(self, tape, rows, generator, share):
        """Set the gradient of the network's parameters, without autograd.

        Parameters
        ----------
        tape : Tape
            The network's forward and backward pass: ``forward(x, generator, codes)``
            returns the output, and ``backward(gradient)`` takes the gradient with
            respect to the output.
        rows : Rows
            As in `losses`.
        generator : torch.Generator
            Random numbers are drawn in the same order as in `losses`.
        share : float or Tensor of shape (n_rows, 1)
            The gradient is that of the sum of ``share * loss`` over the rows.

        Returns
        -------
        terms : dict of str to Tensor
            The (weighted) mean of each term of `losses`, a scalar in memory of its own.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no gradient; its has_gradient must be False."
        )

    def in_epoch(self, epoch):
        """Return the objective to minimize in an epoch, counted from 0.

        Validation uses the objective itself in all epochs. The full-batch solvers
        never call this method.
        """
        return self


@dataclass(frozen=True)
class ReconstructionObjective(Objective):
    r"""The error of each row, reconstructed from itself or from a corrupted copy.

    .. math:: \frac{1}{p} \Big( \alpha \sum_{j \in C} \ell(\hat x_j, x_j)
              + \beta \sum_{j \notin C} \ell(\hat x_j, x_j) \Big),
              \quad \hat x = g(f(\tilde x)),

    where C are the features that the corruption changed (none without a corruption) and
    (alpha, beta) is `emphasis`: section 5.3 of Vincent et al. (2010).

    Parameters
    ----------
    criterion : Criterion
        The loss l of each element.
    corruption : callable or None
        ``corruption(x, generator)`` returns a corrupted copy of x.
    emphasis : tuple of two floats
        Weights of the loss on the changed elements and on the others.
    """

    criterion: Criterion
    corruption: Callable[[Tensor, torch.Generator], Tensor] | None = None
    emphasis: tuple[float, float] = (1.0, 1.0)

    @property
    def has_gradient(self):
        """Whether the criterion has one."""
        return self.criterion.has_gradient

    @property
    def reads_linear_codes(self):
        """Whether the input is the rows themselves."""
        return self.corruption is None

    def losses(self, network, rows, generator):
        """Return the error of each row, a mean over the features."""
        x = self._input(rows, generator)
        errors = self.criterion.losses(network(x, generator), rows.target)
        if self._is_weighted:
            errors = errors * self._weights(x, rows.x)
        return {"reconstruction": errors.mean(dim=1)}

    def gradient(self, tape, rows, generator, share):
        """Set the gradient of the sum of ``share * loss``; return the mean error."""
        x = self._input(rows, generator)
        output = tape.forward(x, generator, rows.codes)
        errors, gradient = self.criterion.with_gradient(
            output, rows.target, share / output.shape[1]
        )
        if self._is_weighted:
            weights = self._weights(x, rows.x)
            errors, gradient = errors.mul_(weights), gradient.mul_(weights)
        tape.backward(gradient)
        return {"reconstruction": weighted_mean(errors, rows.weight)}

    def _input(self, rows, generator):
        return rows.x if self.corruption is None else self.corruption(rows.x, generator)

    @property
    def _is_weighted(self):
        return self.emphasis != (1.0, 1.0)

    def _weights(self, noisy, clean):
        """Return the weight of each element, or one number for all."""
        on_changed, on_rest = self.emphasis
        if on_changed == on_rest:
            return on_rest
        return torch.where(noisy != clean, on_changed, on_rest)
