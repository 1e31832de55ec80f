r"""Between X's units and the network's own space: centered, one global scale.

With t = link^{-1}(x) (shrunk into the interior of the link's domain) a row
enters the network as u = (t - center) / scale, and the network's output u'
becomes x' = link(center + scale u'). For the identity link t = x, scale is the
root mean square of the centered data, and the mean of u^2 is 1. One scale for
all columns keeps distances and principal axes as they are in X.

Losses of rates (the exponential link) add and compare logarithms of X, which depend on
its unit. They, and all of the above, are then of X in units of its mean, rounded to a
power of 2, which changes no digit of X.
"""

import numpy as np
import torch
from torch import Tensor

from skae._functional.losses import LINKS
from skae._networks.array_state import ArrayStateModule

# What is done to them in float64 finds them in the cache again: several times faster.
_ROWS_IN_CACHE = 256


def as_tensor(array):
    """Return a tensor over a float array, copied only where torch needs a copy.

    A tensor has neither read-only memory (nothing in skae writes into its input,
    but torch warns at each such view) nor negative strides.
    """
    fits = array.flags.writeable and min(array.strides, default=0) >= 0
    return torch.from_numpy(array if fits else array.copy())


class Scaling(ArrayStateModule):
    """The affine map and link between X and the network, in float64 buffers.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Weighted column means, in X's units.
    residual_scale : float
        Root mean square of the centered data, in X's units; 1 for constant data.
    ceiling : float
        Output from which on the exponential link grows linearly.
    row_size : float
        Mean number of values a row, without those that are NaN.
    unit : float
        A power of 2, 1 for all links but the exponential: X is divided by it before
        the link is inverted.
    center, center_rest, scale : buffers
        `center` is rounded to float32 and `center_rest` is what the rounding
        left, so that centring stays exact when the module runs in float32.
    """

    def __init__(
        self,
        mean,
        center,
        scale,
        residual_scale,
        link,
        ceiling=np.inf,
        row_size=None,
        unit=1.0,
    ):
        super().__init__()
        self.remember_arguments(
            mean=mean,
            center=center,
            scale=scale,
            residual_scale=residual_scale,
            link=link,
            ceiling=ceiling,
            row_size=row_size,
            unit=unit,
        )
        self.unit = unit
        self.link = link
        self.mean = mean
        self.residual_scale = residual_scale
        self.ceiling = ceiling
        self.row_size = float(len(mean)) if row_size is None else row_size
        # To the digits of float32 but not its range, beyond which float64 is of use.
        fraction, exponent = np.frexp(center)
        rounded = np.ldexp(fraction.astype(np.float32).astype(np.float64), exponent)
        for name, value in [
            ("center", rounded),
            ("center_rest", center - rounded),
            ("scale", np.float64(scale)),
            ("link_mean", mean / unit),
        ]:
            # Copied: an unpickled array may be a read-only memory map.
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    @classmethod
    def fit(cls, X, link, sample_weight=None, *, any_unit=False):
        """Compute the means and the scale of an array (n_samples, n_features).

        NaN counts as not there. `any_unit` says that X has none of its own, as counts
        have: the exponential link is then of X in units of its mean.
        """
        X = np.asarray(X)
        mean, residual_scale = _moments(X, sample_weight)
        row_size = _mean_row_size(X, sample_weight)
        if link == "identity":
            return cls(
                mean, mean, residual_scale, residual_scale, link, row_size=row_size
            )
        unit = _power_of_2(mean.mean()) if any_unit and link == "exp" else 1.0
        mean_ = torch.from_numpy(mean / unit)

        def linked(rows):
            rows = torch.from_numpy(rows / unit)
            return LINKS[link].invert_shrunk(rows, mean_).numpy()

        center, scale = _moments(X, sample_weight, linked)
        ceiling = np.inf
        if link == "exp":
            # Of the largest count seen: the link's inverse grows with it.
            largest = np.nanmax(X, axis=0, initial=0.0).astype(np.float64)
            ceiling = float(linked(largest).max())
        return cls(mean, center, scale, residual_scale, link, ceiling, row_size, unit)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows of X into the network's space, same shape."""
        linked = LINKS[self.link].invert_shrunk(self.in_unit(x), self.link_mean)
        return (linked - self.center).sub_(self.center_rest).div_(self.scale)

    def in_unit(self, x):
        """Return rows of X, an array or a tensor, as the link's values."""
        return x if self.unit == 1.0 else x / self.unit

    def outputs(self, u: Tensor) -> Tensor:
        """Map the network's output to values before the link.

        Rates beyond all that was seen grow linearly, not exponentially: one row that
        is extrapolated would outweigh all others.
        """
        outputs = (u * self.scale + self.center_rest) + self.center
        if self.ceiling == np.inf:
            return outputs
        return outputs.clamp(max=self.ceiling) + torch.log1p(
            (outputs - self.ceiling).clamp(min=0)
        )

    def outputs_slope(self, u: Tensor) -> Tensor:
        """Return the derivative of `outputs` by each element."""
        if self.ceiling == np.inf:
            return self.scale
        outputs = (u * self.scale + self.center_rest) + self.center
        return self.scale / (1 + (outputs - self.ceiling).clamp(min=0))

    def to_data(self, u: Tensor) -> Tensor:
        """Map the network's output to X's units."""
        x = LINKS[self.link].apply(self.outputs(u))
        return x if self.unit == 1.0 else x * self.unit

    def restore(self, u: Tensor) -> Tensor:
        """Map rows of the network's space back to the X they came from."""
        x = LINKS[self.link].restore(self.outputs(u), self.link_mean)
        return x if self.unit == 1.0 else x * self.unit

    def fill(self, X):
        """Return an array with the column's mean where it is NaN."""
        missing = np.isnan(X)
        return np.where(missing, self.mean, X) if missing.any() else X

    def to_network(self, X, dtype):
        """Return an array's rows in the network's space as a tensor of `dtype`.

        Centered in float64 before the cast, in chunks so that no float64 copy of
        the whole is made.
        """
        result = torch.empty(X.shape, dtype=dtype)
        for part, rows in _parts(X):
            result[part] = self(torch.from_numpy(rows))
        return result


def _power_of_2(number):
    """Return a positive number rounded down to a power of 2, 1 for 0."""
    return float(np.ldexp(0.5, np.frexp(number)[1])) if number > 0 else 1.0


def _mean_row_size(X, sample_weight):
    """Return the mean number of values a row, without those that are NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        may_miss_any = np.isnan(X.sum(axis=1)).any()  # a NaN makes a NaN of its sum
    if not may_miss_any:
        return float(X.shape[1])
    return float(np.average((~np.isnan(X)).sum(axis=1), weights=sample_weight))


def _unchanged(rows):
    return rows


def _moments(X, sample_weight, transform=_unchanged):
    """Return weighted column means and the root mean square around them.

    They are of ``transform(X)``, a function of float64 that grows in each column.
    """
    ends = X.min(axis=0), X.max(axis=0)
    low, high = (transform(end.astype(np.float64)) for end in ends)
    if np.isnan(low).any():
        return _moments_of_observed(transform(X.astype(np.float64)), sample_weight)
    largest = float(max(-low.min(initial=0.0), high.max(initial=0.0)))
    if largest == 0.0:
        return np.zeros(X.shape[1]), 1.0
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    weight = weight / weight.sum()
    # In units of the largest magnitude: squares of 1e200 would overflow.
    parts = _parts(X, transform)
    mean = sum(weight[part] @ (rows / largest) for part, rows in parts) * largest
    # Without rounding, so that a constant column is zero in the network's space.
    mean = np.where(low == high, low, mean)
    squares = 0.0
    for part, rows in _parts(X, transform):
        rows -= mean
        rows /= largest
        squares += weight[part] @ np.einsum("ij,ij->i", rows, rows)
    scale = np.sqrt(squares / X.shape[1]) * largest
    # What is left of nearly constant columns is rounding, not a scale.
    negligible = 10 * np.finfo(np.float64).eps * largest
    return mean, float(scale) if scale > negligible else 1.0


def _parts(X, transform=_unchanged):
    """Yield slices of rows, and ``transform`` of copies of the rows in float64."""
    for start in range(0, len(X), _ROWS_IN_CACHE):
        part = slice(start, start + _ROWS_IN_CACHE)
        yield part, transform(X[part].astype(np.float64))


def _moments_of_observed(X, sample_weight):
    """Return the same of the values that are not NaN; each counts alike."""
    observed = ~np.isnan(X)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    weight = observed * weight[:, np.newaxis]
    # Stands in for what is not there, and counts for nothing.
    largest = np.abs(X[observed]).max()
    if largest == 0.0:
        return np.zeros(X.shape[1]), 1.0
    middle = np.average(X[observed] / largest, weights=weight[observed]) * largest
    filled = np.where(observed, X, middle)
    counts = weight.sum(axis=0)
    totals = (weight * (filled / largest)).sum(axis=0) * largest
    mean = np.divide(totals, counts, out=np.full(len(counts), middle), where=counts > 0)
    low = np.min(X, axis=0, where=observed, initial=np.inf)
    high = np.max(X, axis=0, where=observed, initial=-np.inf)
    mean = np.where(low == high, low, mean)
    deviation = np.square((filled - mean) / largest)
    scale = np.sqrt(np.average(deviation, weights=weight)) * largest
    negligible = 10 * np.finfo(np.float64).eps * largest
    return mean, float(scale) if scale > negligible else 1.0
