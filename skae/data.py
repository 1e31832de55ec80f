"""Rows in tensors, and the batches of an epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# A shuffled copy of more than that is read from memory again, batch by batch.
_BYTES_IN_CACHE = 2**22


class Rows(NamedTuple):
    """Aligned rows of a data set or of a batch.

    Attributes
    ----------
    x : Tensor of shape (n_rows, n_features)
        The input, in the network's space.
    target : Tensor of shape (n_rows, n_features)
        What is to be reconstructed, in the space of the loss; often `x` itself.
    weight : Tensor of shape (n_rows,) or None
        Sample weights with mean 1 over the training rows.
    y : Tensor of shape (n_rows, n_outputs) or None
        What is known of the rows beside their features, in numbers: what a
        conditional model is given and what a predictor is to predict.
    codes : Tensor of shape (n_rows, n_components) or None
        What `x` is on the linear path, where that is known beforehand.
    """

    x: Tensor
    target: Tensor
    weight: Tensor | None = None
    y: Tensor | None = None
    codes: Tensor | None = None

    def take(self, index: Tensor) -> "Rows":
        """Return the rows at `index`, in its order."""
        return self.apply(lambda tensor: tensor.index_select(0, index))

    def apply(self, function) -> "Rows":
        """Return rows with `function` applied to each tensor, once to shared ones."""
        x = function(self.x)
        target = x if self.target is self.x else function(self.target)
        others = (self.weight, self.y, self.codes)
        return Rows(x, target, *(None if t is None else function(t) for t in others))

    def with_codes(self, codes: Tensor) -> "Rows":
        """Return the same rows with codes on the linear path."""
        return Rows(self.x, self.target, self.weight, self.y, codes)

    def split(self, n_parts: int) -> Iterator["Rows"]:
        """Yield `n_parts` consecutive parts of near-equal size."""
        x = torch.tensor_split(self.x, n_parts)
        shared = self.target is self.x
        target = x if shared else torch.tensor_split(self.target, n_parts)
        others = [
            [None] * n_parts if t is None else torch.tensor_split(t, n_parts)
            for t in (self.weight, self.y, self.codes)
        ]
        return map(Rows, x, target, *others)

    def __len__(self):
        # The number of rows, not of fields.
        return self.x.shape[0]


def epoch_batches(rows, batch_size, *, shuffle, generator):
    """Yield the batches of one epoch, ceil(n / batch_size) of near-equal size.

    Near-equal sizes leave no batch of one row behind, which batch
    normalisation could not take.
    """
    n_batches = -(-len(rows) // batch_size)
    if not shuffle:
        yield from rows.split(n_batches)
        return
    order = torch.randperm(len(rows), generator=generator, device=rows.x.device)
    if rows.x.nbytes <= _BYTES_IN_CACHE:
        yield from rows.take(order).split(n_batches)
    else:
        for part in torch.tensor_split(order, n_batches):
            yield rows.take(part)


def weighted_mean(values, weight):
    """Mean of `values`, one a row or one an element, weighted where there are weights.

    `weight` of shape (n_rows,) has mean 1 over the training rows.
    """
    if weight is None:
        return values.mean()
    if values.ndim > 1:
        values = values.mean(dim=1)
    return (values * weight).mean()
