r"""Autoencoders of images, with convolutions, pooling and upsampling.

Stage s of the encoder is a convolution, an activation and a pooling that halves height
and width,

.. math:: h_s = \mathrm{pool}(\phi(w_s * h_{s-1} + b_s)), \qquad h_0 = u,

and the decoder has a stage for each that doubles them again, the last one without an
activation. The encoder rounds odd lengths up, and the decoder crops the surplus row or
column; a length of 1 stays 1.
"""

import math

import torch
from torch import Tensor, nn

from skae._networks.activations import (
    ACTIVATIONS,
    MAXOUT_PIECES,
)
from skae._networks.array_state import ArrayStateModule
from skae._networks.convolution import (
    POOLINGS,
    UPSAMPLINGS,
    Convolution,
    StridedConvolution,
    factors,
    halved,
)
from skae._networks.layers import (
    INITIALIZERS,
    Dense,
    MapBatchNorm,
    dropout,
)


class Activation(nn.Module):
    """Batch norm, activation and dropout.

    Parameters
    ----------
    n_channels : int
        Number of channels after the activation.
    activation : str
    dropout : float
    batch_norm : bool

    Attributes
    ----------
    n_inputs : int
        Number of channels before the activation, twice as many with maxout.
    """

    def __init__(self, n_channels, activation, dropout, batch_norm):
        super().__init__()
        self.n_inputs = n_channels * (MAXOUT_PIECES if activation == "maxout" else 1)
        self.activation = activation
        self.dropout = dropout
        self.norm = None
        if batch_norm:
            self.norm = MapBatchNorm(self.n_inputs, dtype=torch.float32)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if self.norm is not None:
            h = self.norm(h)
        h = ACTIVATIONS[self.activation](h)
        if self.training and self.dropout > 0:
            h = dropout(h, self.dropout, generator)
        return h


class Stage(nn.Module):
    """A convolution of `kind` with normalization, activation and dropout."""

    def __init__(self, kind, n_inputs, n_outputs, kernel_size, size, follow):
        super().__init__()
        self.activation = Activation(n_outputs, *follow)
        n_outputs = self.activation.n_inputs
        self.convolution = kind(n_inputs, n_outputs, kernel_size, size)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.activation(self.convolution(h), generator)


class ImageEncoder(ArrayStateModule):
    """Map images, as flat rows of shape (height, width, channels), to codes.

    Parameters
    ----------
    image_shape : tuple of three ints
        Height, width and channels.
    n_components : int or None
        Width of a dense layer for the code; with None the code is the last map.
    channels : tuple of int
        Channels of the map of each stage, from the image to the code.
    kernel_size : tuple of two ints
    activation, pooling, upsampling, dropout, batch_norm
        As in the estimator.

    Attributes
    ----------
    sizes : list of tuple of two ints
        Height and width of the image and after each stage.
    map_shape : tuple of three ints
        Height, width and channels of the last map.
    """

    linear_path = False
    decoder_parts = ("expand", "from_code", "up", "merge", "to_image")

    def __init__(
        self,
        image_shape,
        n_components,
        channels,
        kernel_size,
        activation,
        *,
        pooling="max",
        upsampling="nearest",
        dropout=0.0,
        batch_norm=False,
    ):
        super().__init__()
        self.remember_arguments(
            image_shape=image_shape,
            n_components=n_components,
            channels=channels,
            kernel_size=kernel_size,
            activation=activation,
            pooling=pooling,
            upsampling=upsampling,
            dropout=dropout,
            batch_norm=batch_norm,
        )
        self.image_shape = image_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.sizes = [image_shape[:2]]
        for _ in channels:
            self.sizes.append(halved(self.sizes[-1]))
        self.map_shape = *self.sizes[-1], channels[-1]
        self._pool = POOLINGS[pooling]
        self._up = UPSAMPLINGS[upsampling]
        self._follow = activation, dropout, batch_norm
        kind = StridedConvolution if self._pool is None else Convolution
        inputs = image_shape[2], *channels[:-1]
        self.down = nn.ModuleList(
            map(self._stage, [kind] * len(channels), inputs, channels, self.sizes)
        )
        self.to_code = None
        if n_components is not None:
            self.expand = Activation(channels[-1], *self._follow)
            n_pixels = math.prod(self.sizes[-1])
            self.to_code = Dense(n_pixels * channels[-1], n_components)
            self.from_code = Dense(n_components, n_pixels * self.expand.n_inputs)

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_features) to codes (n_rows, n_components)."""
        return self._descend(u, generator)[0]

    def initialize(self, init, generator):
        """Draw the weights; biases start at zero."""
        for module in self.modules():
            if isinstance(module, Convolution | Dense):
                INITIALIZERS[init](module.weight.data, generator)

    @property
    def multiplications(self):
        """Number of multiplications per row in all layers."""
        dense = [m for m in self.modules() if isinstance(m, Dense)]
        return sum(c.multiplications for c in self._convolutions()) + sum(
            layer.weight.numel() for layer in dense
        )

    @property
    def widest(self):
        """Number of values per row in the widest layer."""
        return max(convolution.width for convolution in self._convolutions())

    def _convolutions(self):
        return [m for m in self.modules() if isinstance(m, Convolution)]

    def _stage(self, kind, n_inputs, n_outputs, size):
        return Stage(kind, n_inputs, n_outputs, self.kernel_size, size, self._follow)

    def _descend(self, u, generator):
        """Return the codes and the input map of each stage, from the image on."""
        h, maps = u.unflatten(1, self.image_shape).permute(0, 3, 1, 2), []
        for stage, size in zip(self.down, self.sizes, strict=False):
            if self._pool is None:
                maps.append(h)
                h = stage(h, generator)
            else:
                h = stage(h, generator)
                maps.append(h)
                h = self._pool(h, factors(size))
        z = _flat(h)
        return (z if self.to_code is None else self.to_code(z)), maps

    def _last_map(self, z, generator):
        """Return the first map of the decoder."""
        if self.to_code is not None:
            z = self.from_code(z)
        h = z.unflatten(1, (*self.map_shape[:2], -1)).permute(0, 3, 1, 2)
        return h if self.to_code is None else self.expand(h, generator)


class ConvolutionalNetwork(ImageEncoder):
    """Encoder and decoder, each with its own kernels.

    Parameters
    ----------
    image_shape, n_components, channels, kernel_size, activation, **options
        As in `ImageEncoder`.
    """

    def __init__(
        self, image_shape, n_components, channels, kernel_size, activation, **options
    ):
        super().__init__(
            image_shape, n_components, channels, kernel_size, activation, **options
        )
        n_outputs = image_shape[2], *channels[:-1]
        self.up = nn.ModuleList(
            self._stage(self._up, channels[s], n_outputs[s], self.sizes[s])
            for s in reversed(range(1, len(channels)))
        )
        self.to_image = self._up(
            channels[0], image_shape[2], kernel_size, self.sizes[0]
        )

    def decode(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map codes to reconstructions in the network's space."""
        h = self._last_map(z, generator)
        for stage in self.up:
            h = stage(h, generator)
        return _flat(self.to_image(h))

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Reconstruct rows."""
        return self.decode(self.encode(u, generator), generator)


class UNet(ImageEncoder):
    """A network whose decoder receives the encoder's map at each size (U-Net).

    There is no `decode`, because a code alone does not suffice.

    Parameters
    ----------
    image_shape, n_components, channels, kernel_size, activation, **options
        As in `ImageEncoder`.
    """

    def __init__(
        self, image_shape, n_components, channels, kernel_size, activation, **options
    ):
        super().__init__(
            image_shape, n_components, channels, kernel_size, activation, **options
        )
        # With strides, the skipped map is the one before the stage.
        beside = channels if self._pool else (image_shape[2], *channels[:-1])
        below = *channels[1:], channels[-1]
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for s in reversed(range(len(channels))):
            n, size = channels[s], self.sizes[s]
            self.up.append(self._stage(self._up, below[s], n, size))
            self.merge.append(self._stage(Convolution, n + beside[s], n, size))
        self.to_image = Convolution(
            channels[0], image_shape[2], kernel_size, self.sizes[0]
        )

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Reconstruct rows."""
        z, maps = self._descend(u, generator)
        h = self._last_map(z, generator)
        for up, merge in zip(self.up, self.merge, strict=True):
            h = torch.cat([up(h, generator), maps.pop()], dim=1)
            h = merge(h, generator)
        return _flat(self.to_image(h))


def _flat(h):
    """Return maps as flat rows (height, width, channels), usually without a copy."""
    return h.permute(0, 2, 3, 1).flatten(1)
