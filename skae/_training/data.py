"""Rows in tensors, and the batches of an epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# A shuffled copy of a larger data set would not stay in the cache until it is used.
_BYTES_IN_CACHE = 2**22


class Rows(NamedTuple):
    """Aligned rows of a data set or of a batch.

    Attributes
    ----------
    x : Tensor of shape (n_rows, n_features)
        The input, in the network's space.
    target : Tensor of shape (n_rows, n_features)
        The target of the reconstruction, in the space of the loss; often `x` itself.
    weight : Tensor of shape (n_rows,) or None
        Sample weights with mean 1 over the training rows.
    y : Tensor of shape (n_rows, n_outputs) or None
        Encoded y: the condition of a conditional model, or the targets of a predictor.
    codes : Tensor of shape (n_rows, n_components) or None
        The codes of `x` on the linear path, if they were computed beforehand.
    """

    x: Tensor
    target: Tensor
    weight: Tensor | None = None
    y: Tensor | None = None
    codes: Tensor | None = None

    def take(self, index: Tensor, out: "Rows | None" = None) -> "Rows":
        """Return the rows at `index`, in its order, in the memory of `out` if given."""
        if out is None:
            return self.apply(lambda tensor: tensor.index_select(0, index))
        for field, memory in zip(self._distinct(), out._distinct(), strict=True):
            torch.index_select(field, 0, index, out=memory)
        return out

    def first(self, n_rows: int) -> "Rows":
        """Return the first rows."""
        return self if n_rows == len(self) else self.apply(lambda t: t[:n_rows])

    def _distinct(self):
        """Return the tensors, the target only if it is not `x` itself."""
        target = None if self.target is self.x else self.target
        fields = (self.x, target, self.weight, self.y, self.codes)
        return [field for field in fields if field is not None]

    def apply(self, function) -> "Rows":
        """Return rows with `function` applied to each tensor, once to a shared one."""
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


class Batches:
    """The batches of every epoch, ceil(n / batch_size) of near-equal size.

    Near-equal sizes avoid a last batch of one row, which batch normalization does not
    support. Shuffled rows are gathered into memory that is allocated once, since
    allocation takes longer than the copy: a later batch overwrites an earlier one.

    Parameters
    ----------
    rows : Rows
    batch_size : int
    shuffle : bool

    Attributes
    ----------
    rows : Rows
    count : int
        Number of batches in an epoch.
    """

    def __init__(self, rows, batch_size, *, shuffle):
        self.rows = rows
        self.count = -(-len(rows) // batch_size)
        self._shuffle = shuffle
        self._at_once = rows.x.nbytes <= _BYTES_IN_CACHE
        if shuffle:
            most = len(rows) if self._at_once else -(-len(rows) // self.count)
            self._memory = rows.apply(lambda t: t.new_empty(most, *t.shape[1:]))
            self._parts = list(self._memory.split(self.count)) if self._at_once else []

    def of_epoch(self, generator):
        """Yield the batches of one epoch, in random order."""
        if not self._shuffle:
            yield from self.rows.split(self.count)
            return
        device = self.rows.x.device
        order = torch.randperm(len(self.rows), generator=generator, device=device)
        if self._at_once:
            self.rows.take(order, out=self._memory)
            yield from self._parts
        else:
            for index in torch.tensor_split(order, self.count):
                yield self.rows.take(index, out=self._memory.first(len(index)))

    def mean(self, means):
        """Return the mean over all rows from the means over the batches."""
        means = torch.stack(means)
        size, n_longer = divmod(len(self.rows), self.count)
        return (means.sum() * size + means[:n_longer].sum()) / len(self.rows)


def weighted_mean(values, weight):
    """Return the mean of `values`, weighted by row unless `weight` is None.

    Parameters
    ----------
    values : Tensor of shape (n_rows,) or (n_rows, n_features)
    weight : Tensor of shape (n_rows,) or None
        Mean 1 over the training rows.
    """
    if weight is None:
        return values.mean()
    if values.ndim > 1:
        values = values.mean(dim=1)
    return (values * weight).mean()
