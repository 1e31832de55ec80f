r"""Convolutions that keep, halve or double the size of a map.

Maps are tensors of shape (n_rows, n_channels, height, width) that lie in memory as
(row, height, width, channel), which torch calls channels last: it is twice as fast, and
flat images are such maps without a copy. With a kernel w of k x l places, channel c of
pixel (i, j) becomes

.. math:: b_c + \sum_d \sum_{s=1}^k \sum_{t=1}^l
          w_{cdst} \, h_{d, \; i + s - \lceil k / 2 \rceil, \;
          j + t - \lceil l / 2 \rceil},

where h is zero outside the map.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def halved(size):
    """Return height and width divided by two and rounded up: 1 stays 1."""
    return tuple(-(-length // 2) for length in size)


def factors(size):
    """Return the divisors that halve height and width: 1 for a length of 1."""
    return tuple(min(2, length) for length in size)


class Convolution(nn.Module):
    """A convolution that keeps the size of the map.

    Unlike in `torch.nn.Conv2d`, the constructor draws nothing: `initialize` does.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels.
    kernel_size : tuple of two ints
        Positions that never overlap a map of this size are omitted.
    size : tuple of two ints
        Height and width of the map; of the larger map if a subclass changes them.

    Attributes
    ----------
    weight : Parameter of shape (n_outputs, n_inputs, height, width)
    bias : Parameter of shape (n_outputs,)
    """

    stride = (1, 1)

    def __init__(self, n_inputs, n_outputs, kernel_size, size):
        super().__init__()
        kernel = [min(k, 2 * n - 1) for k, n in zip(kernel_size, size, strict=True)]
        shape = n_outputs, n_inputs, *kernel
        self.weight = nn.Parameter(torch.zeros(shape, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(n_outputs, dtype=torch.float32))
        self.size = size

    def forward(self, h: Tensor) -> Tensor:
        height, width = self.weight.shape[2:]
        padding = (height - 1) // 2, (width - 1) // 2
        if height % 2 == 0 or width % 2 == 0:
            # One more zero at the end than at the beginning.
            around = [*padding[1:], width // 2, padding[0], height // 2]
            h, padding = F.pad(h, around), 0
        return F.conv2d(h, self.weight, self.bias, self.stride, padding)

    @property
    def multiplications(self):
        """Number of multiplications per row."""
        pixels = math.prod(self.size) // math.prod(self.stride)
        return self.weight.numel() * pixels

    @property
    def width(self):
        """Number of values per row before or after it, whichever is larger."""
        return max(self.weight.shape[:2]) * math.prod(self.size)


class StridedConvolution(Convolution):
    """A convolution of every second pixel, which halves the size."""

    def __init__(self, n_inputs, n_outputs, kernel_size, size):
        super().__init__(n_inputs, n_outputs, kernel_size, size)
        self.stride = factors(size)


class UpsamplingConvolution(Convolution):
    """Repetition of each pixel, which doubles the size, and then a convolution.

    A single convolution of the small map does both: the pixels of one block of the
    large map read the same few pixels of the small map, with kernels that are sums of
    positions of `weight`. The large map of all inputs is not computed, which takes a
    fifth of the time with few outputs and the same time with many.
    """

    def __init__(self, n_inputs, n_outputs, kernel_size, size):
        super().__init__(n_inputs, n_outputs, kernel_size, size)
        self.factor = factors(size)
        sides = zip(("down", "across"), self.weight.shape[2:], self.factor, strict=True)
        for name, length, factor in sides:
            places = torch.tensor(_places(length, factor), dtype=torch.float32)
            self.register_buffer(name, places, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        weight, (a, b) = self.weight, self.factor
        kernels = torch.einsum("ask,oikl,btl->aboist", self.down, weight, self.across)
        kernels = kernels.flatten(0, 2)
        padding = kernels.shape[2] // 2, kernels.shape[3] // 2
        h = F.conv2d(h, kernels, self.bias.repeat(a * b), padding=padding)
        n_rows, _, height, width = h.shape
        blocks = h.permute(0, 2, 3, 1).unflatten(3, (a, b, -1)).transpose(2, 3)
        pixels = blocks.reshape(n_rows, a * height, b * width, -1)
        return _cut(pixels.permute(0, 3, 1, 2), self.size)


class TransposedConvolution(Convolution):
    """The transpose of a convolution of every second pixel, which doubles the size."""

    def __init__(self, n_inputs, n_outputs, kernel_size, size):
        super().__init__(n_inputs, n_outputs, kernel_size, size)
        self.factor = factors(size)

    @property
    def multiplications(self):
        """Number of multiplications per row, those of the small map."""
        return super().multiplications // math.prod(self.factor)

    def forward(self, h: Tensor) -> Tensor:
        sides = list(zip(self.weight.shape[2:], self.factor, strict=True))
        padding = [max(0, (length - f + 1) // 2) for length, f in sides]
        more = [f - k + 2 * p for (k, f), p in zip(sides, padding, strict=True)]
        weight = self.weight.transpose(0, 1)
        h = F.conv_transpose2d(h, weight, self.bias, self.factor, padding, more)
        return _cut(h, self.size)


def max_pooling(h, factor):
    """Return the maximum of each block of pixels; the last blocks may be smaller."""
    return F.max_pool2d(h, factor, ceil_mode=True)


def average_pooling(h, factor):
    """Return the mean of each block of pixels; the last blocks may be smaller."""
    return F.avg_pool2d(h, factor, ceil_mode=True)


# None: the convolution itself has a stride of two.
POOLINGS = {"max": max_pooling, "average": average_pooling, "stride": None}
UPSAMPLINGS = {"nearest": UpsamplingConvolution, "transposed": TransposedConvolution}


def _cut(h, size):
    """Crop a map of twice a size that was rounded up."""
    return h[:, :, : size[0], : size[1]]


def _places(length, factor):
    """Return the positions of a kernel that read the same pixel after repetition.

    An array of shape (factor, n_places, length): whether, for pixel a of a block,
    position t of the kernel reads the same pixel as position s of the small map's
    kernel.
    """
    before = (length - 1) // 2
    pixel, place = np.ogrid[:factor, :length]
    read = (pixel + place - before) // factor
    radius = int(np.abs(read).max())
    places = np.arange(-radius, radius + 1)[:, np.newaxis]
    return (read[:, np.newaxis] == places).astype(float)
