"""Encoder and decoder between X and codes: scaling, network and head."""

import numpy as np
import torch
from torch import Tensor, nn

from skae._networks.array_state import ArrayStateModule


class Head(ArrayStateModule):
    """An affine map that gives codes the form of those of PCA.

    ``c = (z - mean) @ rotation.T * scale``: decorrelated on the training data, in order
    of decreasing variance, with fixed signs, in units of X or whitened. It is separate
    from the network, whose weights stay as they were trained.

    Parameters
    ----------
    mean : ndarray of shape (n_components,)
    rotation : ndarray of shape (n_components, n_components) or None
        Orthogonal; row j gives code j. None keeps the order of the codes.
    scale : ndarray of shape (n_components,)
        Zero for whitened codes without variance, which are zero in all samples;
        otherwise positive.
    """

    def __init__(self, mean, rotation, scale):
        super().__init__()
        self.remember_arguments(mean=mean, rotation=rotation, scale=scale)
        for name, value in [("mean", mean), ("rotation", rotation), ("scale", scale)]:
            # Copied: an unpickled array may be a read-only memory map.
            value = None if value is None else torch.tensor(value, dtype=torch.float64)
            self.register_buffer(name, value)

    @classmethod
    def identity(cls, n_components):
        """Return the identity."""
        return cls(np.zeros(n_components), None, np.ones(n_components))

    def forward(self, z: Tensor) -> Tensor:
        """Map the network's codes to the user's."""
        return self.rotate(z - self.mean) * self.scale

    def rotate(self, z: Tensor) -> Tensor:
        """Rotate or reorder codes, which are in the last dimension."""
        return z if self.rotation is None else z @ self.rotation.T

    @property
    def divisor(self):
        """The scale, infinite if it is zero: such codes are at their means."""
        return self.scale.masked_fill(self.scale == 0, torch.inf)

    def inverse(self, c: Tensor) -> Tensor:
        """Map the user's codes to the network's."""
        z = c / self.divisor
        return (z if self.rotation is None else z @ self.rotation) + self.mean


class Encoder(nn.Module):
    """Map rows in units of X to codes, as ``transform`` returns them."""

    def __init__(self, scaling, network, head):
        super().__init__()
        self.scaling = scaling
        self.network = network
        self.head = head

    def forward(self, x: Tensor, **given: Tensor) -> Tensor:
        """Map (n_rows, n_features) to (n_rows, n_components)."""
        return self.head(self.network.encode(self.scaling(x), **given))


class Decoder(nn.Module):
    """Map codes to rows in units of X, as ``inverse_transform`` returns them."""

    def __init__(self, scaling, network, head):
        super().__init__()
        self.scaling = scaling
        self.network = network
        self.head = head

    def forward(self, c: Tensor, **given: Tensor) -> Tensor:
        """Map (n_rows, n_components) to (n_rows, n_features)."""
        return self.scaling.to_data(self.network.decode(self.head.inverse(c), **given))
