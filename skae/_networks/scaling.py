r"""Map between units of X and the network's space: centered, one global scale.

With t = link^{-1}(x) (shrunk into the interior of the link's domain) a row
enters the network as u = (t - center) / scale, and the network's output u'
becomes x' = link(center + scale u'). For the identity link t = x, scale is the
root mean square of the centered data, and the mean of u^2 is 1. One scale for
all columns keeps distances and principal axes as they are in X.

Losses of rates (the exponential link) add and compare logarithms of X, which depend on
its unit. X is then divided by its mean first, rounded to a power of 2 so that no digit
of X changes.
"""

import numpy as np
import torch
from torch import Tensor

from skae._functional.losses import LINKS
from skae._networks.array_state import ArrayStateModule

# So few rows stay in the cache during operations in float64, several times faster.
_ROWS_IN_CACHE = 256


def as_tensor(array):
    """Return a tensor that shares the memory of a float array if torch can.

    Read-only arrays (at which torch warns, though skae does not write to its input) and
    negative strides need a copy.
    """
    fits = array.flags.writeable and min(array.strides, default=0) >= 0
    return torch.from_numpy(array if fits else array.copy())


class Scaling(ArrayStateModule):
    """The affine map and link between X and the network, in float64 buffers.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Weighted means of the columns, in units of X.
    residual_scale : float
        Root mean square of the centered data, in units of X; 1 for constant data.
    ceiling : float
        Output above which the exponential link continues linearly.
    row_size : float
        Mean number of values per row that are not NaN.
    unit : float
        A power of 2, 1 for all links but the exponential: X is divided by it before
        the link is inverted.
    center, center_rest, scale : buffers
        `center` is rounded to float32 and `center_rest` is the rounding error, so that
        centering is exact when the module runs in float32.
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
        # Rounded to the precision of float32, but not limited to its range.
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

        NaN is ignored. With `any_unit` the exponential link applies to X in units of
        its mean, since X, unlike counts, has no unit of its own.
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
            # The inverse of the link increases with the count: take the largest.
            largest = np.nanmax(X, axis=0, initial=0.0).astype(np.float64)
            ceiling = float(linked(largest).max())
        return cls(mean, center, scale, residual_scale, link, ceiling, row_size, unit)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows of X into the network's space, same shape."""
        linked = LINKS[self.link].invert_shrunk(self.in_unit(x), self.link_mean)
        return (linked - self.center).sub_(self.center_rest).div_(self.scale)

    def in_unit(self, x):
        """Return rows of X, an array or a tensor, in the unit of the link."""
        return x if self.unit == 1.0 else x / self.unit

    def outputs(self, u: Tensor) -> Tensor:
        """Map the network's output to values before the link.

        Rates above those of the training data grow linearly, not exponentially:
        otherwise a single extrapolated row would dominate.
        """
        outputs = (u * self.scale + self.center_rest) + self.center
        if self.ceiling == np.inf:
            return outputs
        return outputs.clamp(max=self.ceiling) + torch.log1p(
            (outputs - self.ceiling).clamp(min=0)
        )

    def outputs_slope(self, u: Tensor) -> Tensor:
        """Return the derivative of `outputs`, elementwise."""
        if self.ceiling == np.inf:
            return self.scale
        outputs = (u * self.scale + self.center_rest) + self.center
        return self.scale / (1 + (outputs - self.ceiling).clamp(min=0))

    def to_data(self, u: Tensor) -> Tensor:
        """Map the network's output to units of X."""
        x = LINKS[self.link].apply(self.outputs(u))
        return x if self.unit == 1.0 else x * self.unit

    def restore(self, u: Tensor) -> Tensor:
        """Map rows of the network's space back to the X they came from."""
        x = LINKS[self.link].restore(self.outputs(u), self.link_mean)
        return x if self.unit == 1.0 else x * self.unit

    def fill(self, X):
        """Return an array with NaN replaced by the column's mean."""
        missing = np.isnan(X)
        return np.where(missing, self.mean, X) if missing.any() else X

    def to_network(self, X, dtype):
        """Return an array's rows in the network's space as a tensor of `dtype`.

        The array is centered in float64 before the cast, in chunks to avoid a float64
        copy of all of it.
        """
        result = torch.empty(X.shape, dtype=dtype)
        for part, rows in _parts(X):
            result[part] = self(torch.from_numpy(rows))
        return result


def _power_of_2(number):
    """Return a positive number rounded down to a power of 2, 1 for 0."""
    return float(np.ldexp(0.5, np.frexp(number)[1])) if number > 0 else 1.0


def _mean_row_size(X, sample_weight):
    """Return the mean number of values per row that are not NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        may_miss_any = np.isnan(X.sum(axis=1)).any()  # the sum of a row with NaN is NaN
    if not may_miss_any:
        return float(X.shape[1])
    return float(np.average((~np.isnan(X)).sum(axis=1), weights=sample_weight))


def _unchanged(rows):
    return rows


def _moments(X, sample_weight, transform=_unchanged):
    """Return weighted column means and the root mean square around them.

    They are those of ``transform(X)``, where `transform` increases in each column.
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
    # The residual of nearly constant columns is rounding, not a scale.
    negligible = 10 * np.finfo(np.float64).eps * largest
    return mean, float(scale) if scale > negligible else 1.0


def _parts(X, transform=_unchanged):
    """Yield slices of rows, and ``transform`` of copies of the rows in float64."""
    for start in range(0, len(X), _ROWS_IN_CACHE):
        part = slice(start, start + _ROWS_IN_CACHE)
        yield part, transform(X[part].astype(np.float64))


def _moments_of_observed(X, sample_weight):
    """Return the moments of the values that are not NaN, with equal weights."""
    observed = ~np.isnan(X)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    weight = observed * weight[:, np.newaxis]
    # Placeholder for missing values, with weight zero.
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
