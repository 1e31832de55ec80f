r"""Corruptions of the input, in the centered and scaled space of the network.

Each corruption takes a batch and returns a corrupted copy; the second half of the file
gives the first two moments. For centered columns with covariance C every corruption
satisfies

.. math:: E[\tilde x x^T] = a C, \quad
          E[(\tilde x - b)(\tilde x - b)^T] = a^2 C + \mathrm{diag}(d),

from which the best linear denoiser follows in closed form.
"""

from typing import NamedTuple

import numpy as np
import torch

from skae._utils.warnings import warn_caller

# Standard deviation of noise, in units of that of the data, that hides the data.
_DROWNING_LEVEL = 10.0


class ColumnRange(NamedTuple):
    """Smallest and largest value of each column, tensors of shape (n_features,)."""

    low: torch.Tensor
    high: torch.Tensor


def warn_of_drowning(corruption, levels):
    """Warn if the noise of one of several levels is much larger than the data."""
    largest = max(levels, default=0)
    if corruption == "gaussian" and largest > _DROWNING_LEVEL:
        warn_caller(
            f"The 'corruption_level' parameter is {largest:g} with "
            "corruption='gaussian', the standard deviation of the noise in units of "
            "the root mean square of the centered data. Noise so much larger than the "
            "data leaves nothing to learn. Levels of 0.1 to 1 are usual.",
            UserWarning,
        )


def at_level(corruption, level, column_range):
    """Return a corruption of `CORRUPTIONS` as a function of (x, generator)."""
    return _AtLevel(CORRUPTIONS[corruption], level, column_range)


class _AtLevel:
    def __init__(self, corrupt, level, column_range):
        self._corrupt = corrupt
        self._level = level
        self._range = column_range
        # Kept by device and dtype, so that no batch sends them to a GPU again.
        self._ranges = {}

    def __call__(self, x, generator):
        place = x.device, x.dtype
        if place not in self._ranges:
            low, high = self._range
            self._ranges[place] = ColumnRange(low.to(x), high.to(x))
        return self._corrupt(x, self._level, generator, self._ranges[place])


def _mask(x, level, generator):
    return torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device) < (
        level
    )


def masking(x, level, generator, column_range=None):
    """Set each value to 0, the column's mean, with probability `level`."""
    return x.masked_fill(_mask(x, level, generator), 0.0)


def gaussian(x, level, generator, column_range=None):
    """Add normal noise of standard deviation `level`."""
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return torch.add(x, noise, alpha=level)


def salt_and_pepper(x, level, generator, column_range):
    """Set each value, with probability `level`, to its column's low or high."""
    is_high = _mask(x, 0.5, generator)
    salt = torch.where(is_high, column_range.high, column_range.low)
    return torch.where(_mask(x, level, generator), salt, x)


def swap(x, level, generator, column_range=None):
    """Replace each value, with probability `level`, by another of its column.

    The other value comes from a row of the batch that is drawn for each cell.
    """
    n_rows = x.shape[0]
    if n_rows == 1:
        return x.clone()
    shift = torch.randint(1, n_rows, x.shape, generator=generator, device=x.device)
    rows = torch.arange(n_rows, device=x.device).unsqueeze(1)
    other = x.gather(0, (rows + shift) % n_rows)
    return torch.where(_mask(x, level, generator), other, x)


CORRUPTIONS = {
    "masking": masking,
    "gaussian": gaussian,
    "salt_and_pepper": salt_and_pepper,
    "swap": swap,
}


class CorruptionMoments(NamedTuple):
    """First two moments of a corruption, as in the equation of this module.

    `gain` is a, `diagonal` d and `offset` b, the last two of shape (n_features,).
    """

    gain: float
    diagonal: np.ndarray
    offset: np.ndarray


def corruption_moments(name, level, variance, low, high):
    """Return the `CorruptionMoments` of corruption `name`.

    Parameters
    ----------
    name : str
        A key of `CORRUPTIONS`.
    level : float
        The share of values changed, or the standard deviation of the noise.
    variance, low, high : ndarray of shape (n_features,)
        Variance, smallest and largest value of the centered columns.
    """
    offset = np.zeros_like(variance)
    if name == "gaussian":
        return CorruptionMoments(1.0, np.full_like(variance, level**2), offset)
    gain = 1.0 - level
    if name == "masking":
        return CorruptionMoments(gain, gain * level * variance, offset)
    if name == "swap":
        return CorruptionMoments(gain, (1 - gain**2) * variance, offset)
    offset = level * (low + high) / 2
    second = gain * variance + level * (low**2 + high**2) / 2
    return CorruptionMoments(gain, second - offset**2 - gain**2 * variance, offset)
