"""The data of a fit: validated samples, and the tensors made from them."""

import functools
from typing import NamedTuple

import numpy as np
import torch

from skae._networks.scaling import as_tensor
from skae._training.data import Rows

# Float32 data with more elements are not copied to float64.
_MANY_NUMBERS = 2**22


class Samples(NamedTuple):
    """Validated samples, their targets and weights.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
    target : ndarray of shape (n_samples, n_features)
        Target of the reconstruction; `X` itself unless `X_target` was passed.
    weight : ndarray of shape (n_samples,) or None
    y : ndarray of shape (n_samples, n_outputs) or None
        The encoded condition of a conditional model, or the targets of a predictor.
    """

    X: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None
    y: np.ndarray | None = None

    @property
    def paired(self):
        """Whether targets other than `X` were passed."""
        return self.target is not self.X

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.X)

    @property
    def n_with_target(self):
        """Number of samples with a target, which all of them have."""
        return len(self.X)

    @property
    def count(self):
        """Sum of the weights."""
        return float(len(self.X) if self.weight is None else self.weight.sum())

    def take(self, index):
        """Return the samples at `index`."""
        X = self.X[index]
        target = self.target[index] if self.paired else X
        others = (self.weight, self.y)
        return Samples(X, target, *(None if a is None else a[index] for a in others))

    def newest(self, n_samples):
        """Return a copy of the last samples, as callers may reuse their arrays."""
        return self.take(np.arange(len(self.X))[-n_samples:])

    def joined(self, further):
        """Return these samples followed by others."""
        X = np.concatenate([self.X, further.X])
        target = X
        if self.paired or further.paired:
            target = np.concatenate([self.target, further.target])
        y = None if self.y is None else np.concatenate([self.y, further.y])
        return Samples(X, target, joined_weights(self, further), y)

    def distinct(self):
        """Return the samples without duplicates."""
        _, index = np.unique(self.X, axis=0, return_index=True)
        return self.take(np.sort(index))

    def lacks_scale(self):
        """Whether all samples are equal, so that they have no scale."""
        return bool(np.all(self.X == self.X[0]))


def joined_weights(samples, further):
    """Return the concatenated weights; missing weights count as 1."""
    parts = samples, further
    if all(part.weight is None for part in parts):
        return None
    return np.concatenate(
        [np.ones(len(part.X)) if part.weight is None else part.weight for part in parts]
    )


class ScaledRows:
    """The training samples, scaled as the input of the network; computed lazily.

    The dtype is float64. For large float32 data and a float32 network it is float32,
    which saves time and memory.

    Attributes
    ----------
    scaling : Scaling
    weight : ndarray of shape (n_samples,) or None
    x, target : Tensor of shape (n_samples, n_features)
        Scaled input and target. `target` is `x` itself unless `X_target` was passed.
    data : ndarray of shape (n_samples, n_features)
        The unscaled target.
    """

    def __init__(self, scaling, samples, dtype=torch.float64):
        self.scaling = scaling
        self.weight = samples.weight
        self.data = samples.target
        self._samples = samples
        is_large = samples.X.size > _MANY_NUMBERS and dtype != torch.float64
        rounded = is_large and samples.X.dtype == np.float32
        self._dtype = torch.float32 if rounded else torch.float64

    @functools.cached_property
    def x(self):
        return self.scaling.to_network(self._samples.X, self._dtype)

    @functools.cached_property
    def rounding(self):
        """Rounding error of each column of `target`."""
        X, scaling = self._samples.target, self.scaling
        if scaling.link != "identity":
            return np.full(X.shape[1], np.finfo(X.dtype).eps)
        largest = np.maximum(-X.min(axis=0), X.max(axis=0)).astype(np.float64)
        return np.finfo(X.dtype).eps * (largest / scaling.residual_scale)

    @functools.cached_property
    def target(self):
        if not self._samples.paired:
            return self.x
        return self.scaling.to_network(self._samples.target, self._dtype)


def make_rows(scaling, samples, dtype, device):
    """Return samples as `Rows` of tensors on a device.

    The input is scaled. The target is scaled, too, if the link is the identity, and
    otherwise divided by the unit of X. The weights are divided by their mean.
    """
    x = scaling.to_network(samples.X, dtype).to(device)
    if scaling.link != "identity":
        target = as_tensor(scaling.in_unit(samples.target)).to(device, dtype)
    elif samples.paired:
        target = scaling.to_network(samples.target, dtype).to(device)
    else:
        target = x
    weight, y = samples.weight, samples.y
    if weight is not None:
        weight = torch.as_tensor(weight / weight.mean(), dtype=dtype, device=device)
    if y is not None:
        y = torch.as_tensor(y, dtype=dtype, device=device)
    return Rows(x, target, weight, y)
