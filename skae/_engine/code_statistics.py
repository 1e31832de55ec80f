"""Statistics of the codes of the training samples after training.

These are the head, which gives codes the properties of those of PCA, and the variances.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy import linalg

from skae._functional.graded import GRADED, largest_signs, right_singular_vectors
from skae._networks.array_state import in_float64, sample_tensor
from skae._networks.cost import rows_at_once
from skae._networks.head import Head
from skae._networks.scaling import as_tensor
from skae._utils.device import inference_device

_CHUNK = 1024
_NUMBERS_IN_CACHE = 2**18
# Maximum number of elements of a matrix of codes by features (512 MB), and of rows of a
# Gram matrix.
_LARGEST_READOUT, _LARGEST_GRAM = 2**26, 8192
# Share of the largest variance below which a variance is rounding error of float32.
_INERT = 1e-12
# The same in float64, as a share of the variance that the linear path reads for a code.
_EXACTLY_INERT = 1e-28


class CodeStatistics(NamedTuple):
    """The head and the variances of the codes of the training samples.

    Attributes
    ----------
    head : Head
    mean : ndarray of shape (n_features,)
        Mean of X.
    code_mean : ndarray of shape (n_components,)
        Mean of the network's codes.
    explained_variance : ndarray of shape (n_components,)
        Variance of each code in squared units of X, before whitening.
    explained_variance_ratio : ndarray of shape (n_components,)
        Share of the total variance of X that each code explains linearly.
    residual_variance : float
        Variance of X, summed over the features, that is not reconstructed.
    """

    head: Head
    mean: np.ndarray
    code_mean: np.ndarray
    explained_variance: np.ndarray
    explained_variance_ratio: np.ndarray
    residual_variance: float


def code_statistics(samples, scaling, network, *, form, head=None):
    """Compute the `CodeStatistics` of `network` on `samples`.

    Parameters
    ----------
    samples : Samples
        A weight of 2 counts as much as repeating the sample.
    scaling : Scaling
    network : nn.Module
    form : {"principal", "white", "ordered", "raw"}
        Form of the codes:

        - "principal": decorrelated, in units of X and in order of decreasing variance,
          as in PCA.
        - "white": the same with unit variance.
        - "ordered": codes of the network in order of decreasing variance, with fixed
          signs.
        - "raw": codes of the network.
    head : Head, default=None
        Head to use instead of a new one of that form.

    Returns
    -------
    statistics : CodeStatistics
    """
    weight = samples.weight
    weight = np.ones(len(samples.X)) if weight is None else weight
    network = _for_statistics(network)
    codes, seen = _encode_and_compare(samples, scaling, network, weight)
    count = weight.sum()
    # Weights with a smaller sum are shares, not repetitions.
    degrees = count - 1 if count >= 2 else count
    code_mean = weight @ codes / count
    codes -= code_mean
    rounding = _rounding(network, codes, weight, seen.column_squares)
    if head is None:
        rotation = _rotation(form, codes, weight, rounding)
    else:
        rotation = None if head.rotation is None else head.rotation.numpy()
    if rotation is not None:
        codes = codes @ rotation.T
        rounding = np.square(rotation) @ rounding
    squares = np.einsum("i,ij,ij->j", weight, codes, codes)
    active = squares > rounding
    variances = np.where(active, squares, 0.0) / degrees
    total, mean = seen.variation(scaling)
    if seen.readout is None:
        explained = _explained_by_maps(samples.target, scaling, codes, weight)
    else:
        readout = seen.readout - np.outer(code_mean, seen.shift)
        readout = readout if rotation is None else rotation @ readout
        explained = np.square(readout).sum(axis=1)
        if rotation is not None and head is None:
            rotation[active] *= largest_signs(readout[active])
            rotation[~active] *= largest_signs(rotation[~active])
    ratio = np.divide(explained, squares, out=np.zeros_like(squares), where=active)
    ratio /= max(total, 1e-300)
    unit = float(scaling.scale) if form in ("principal", "white") else 1.0
    if head is None:
        head = _make_head(form, code_mean, rotation, variances, unit)
    with np.errstate(over="ignore"):  # variances of data like 1e200 are infinite
        variances = variances * unit * unit
    unexplained = seen.squared_residual / degrees
    return CodeStatistics(head, mean, code_mean, variances, ratio, unexplained)


def _for_statistics(network):
    """Return the network, in float64 if it has a linear path.

    In float32 the codes of small columns may be smaller than the rounding errors of
    large columns.
    """
    if not getattr(network, "linear_path", False):
        return network
    device = sample_tensor(network).device
    return in_float64(network, inference_device(device, torch.float64))


def _rounding(network, centered, weight, column_squares):
    """Return, for each code, the sum of squares below which it is rounding error.

    The rounding error of a linear code is relative to the columns from which it is
    computed, whose sums of squares are `column_squares`. A code that the decoder
    ignores counts as inert below the precision of float32. Without a linear path, codes
    are of similar size, and the error is relative to the largest of them.
    """
    squares = np.einsum("i,ij,ij->j", weight, centered, centered)
    rounding = np.full(len(squares), _INERT * squares.max(initial=0.0))
    if not getattr(network, "linear_path", False):
        return rounding
    maps = network.linear_encoder, network.linear_decoder
    encoder, decoder = (matrix.cpu().numpy() for matrix in maps)
    read = np.square(encoder) @ column_squares
    share = np.where(decoder.any(axis=0), _EXACTLY_INERT, _INERT)
    return np.where(read > 0, share * read, rounding)


def _rotation(form, centered, weight, rounding):
    """Return the rotation of codes to a form, up to signs, or None for "raw".

    `rounding` is the result of `_rounding`.
    """
    if form == "raw":
        return None
    if form == "ordered":
        order = np.argsort(-(weight @ np.square(centered)), kind="stable")
        return np.eye(len(order))[order]
    squares = np.einsum("i,ij,ij->j", weight, centered, centered)
    active = squares > rounding
    if np.any(squares[active] < GRADED**2 * squares.max(initial=0.0)):
        return _decorrelate_graded(centered, weight, active)
    # Computed by torch, whose number of threads is limited, unlike that of numpy.
    rows = as_tensor(centered)
    covariance = ((rows.T * as_tensor(weight)) @ rows).numpy()
    return _decorrelate(covariance, rounding)


def _decorrelate_graded(centered, weight, active):
    """Return the axes of codes of very different sizes; inert codes are not rotated."""
    rows = centered[:, active] * np.sqrt(weight)[:, np.newaxis]
    rotation = np.zeros((len(active), len(active)))
    n_active = np.count_nonzero(active)
    axes, _ = right_singular_vectors(rows)
    rotation[: len(axes), np.flatnonzero(active)] = axes
    # With fewer rows than codes there are fewer axes.
    rotation[len(axes) : n_active, np.flatnonzero(active)] = linalg.null_space(axes).T
    rotation[np.arange(n_active, len(active)), np.flatnonzero(~active)] = 1.0
    return rotation


def _make_head(form, mean, rotation, variances, unit):
    if form in ("raw", "ordered"):
        # Not centered, as zero is meaningful in sparse codes and under a prior.
        return Head(np.zeros_like(mean), rotation, np.ones_like(mean))
    scale = np.full(len(mean), unit)
    if form == "white":
        # A direction without variance is zero, as in PCA.
        scale = np.zeros(len(mean))
        active = variances > 0
        scale[active] = 1 / np.sqrt(variances[active])
    return Head(mean, rotation, scale)


def _decorrelate(covariance, rounding):
    """Return the axes, in order of decreasing variance, as rows.

    The axes without variance are not unique. They are chosen to preserve the order of
    the codes as far as possible.
    """
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = variances[::-1], axes[:, ::-1]
    inert = variances <= rounding @ np.square(axes)
    if inert.any():
        span = axes[:, inert]
        order = np.arange(1, len(axes) + 1)
        axes[:, inert] = span @ np.linalg.eigh((span.T * order) @ span)[1]
    return axes.T.copy()


def _chunks(X, n_rows=None):
    n_rows = n_rows or _CHUNK
    for start in range(0, len(X), n_rows):
        yield slice(start, start + n_rows)


class _Sums:
    """Weighted sums over the rows, accumulated in one pass over the data.

    Let c be the rows of X, centered and scaled, with zero in place of NaN, and z the
    codes. The center is the mean in the scaling. If early stopping held out samples, it
    is the mean of the others, and `variation` corrects for the difference.

    Attributes
    ----------
    squared_residual : float
        Sum of squared residuals of the reconstruction, finally in units of X.
    readout : ndarray of shape (n_components, n_features) or None
        z^T c; None if it would be too large.
    squares : float
        Sum of ||c||^2.
    shift, count : ndarray of shape (n_features,)
        Sums of c, and of the weights of the values that are not NaN.
    column_squares : ndarray of shape (n_features,)
        Sums of squares of the input of the network.
    """

    def __init__(self, with_readout):
        self.readout = 0.0 if with_readout else None
        self.squared_residual = self.squares = 0.0
        self.shift = self.count = self.column_squares = 0.0

    def add(self, centered, residual, codes, weight):
        """Add rows in float64; `centered` and `residual` may contain NaN."""
        lengths = torch.linalg.vector_norm(centered, dim=1)
        if not bool(lengths.isnan().any()):
            self.count = self.count + float(weight.sum())
        else:
            missing = centered.isnan()
            self.count = self.count + (weight @ (~missing).to(weight)).numpy()
            centered = centered.masked_fill(missing, 0)
            residual = residual.masked_fill(missing, 0)
            lengths = torch.linalg.vector_norm(centered, dim=1)
        residuals = torch.linalg.vector_norm(residual, dim=1)
        self.squared_residual += float(weight @ residuals.square())
        self.squares += float(weight @ lengths.square())
        self.shift = self.shift + (weight @ centered).numpy()
        if self.readout is not None:
            weighted = codes * weight.unsqueeze(1)
            self.readout = self.readout + (weighted.T @ centered).numpy()

    def variation(self, scaling):
        """Return the sum of squares around the mean in scaled units, and the mean."""
        count = np.broadcast_to(self.count, self.shift.shape)
        shift = np.zeros_like(self.shift)
        np.divide(self.shift, count, out=shift, where=count > 0)
        total = self.squares - np.sum(count * np.square(shift))
        return total, scaling.mean + shift * scaling.residual_scale


@torch.inference_mode()
def _encode_and_compare(samples, scaling, network, weight):
    """Return codes in float64 and the `_Sums` of the rows."""
    parameter = sample_tensor(network)
    unit, mean = scaling.residual_scale, as_tensor(scaling.mean)
    codes, sums = None, None
    # U-Net: skip connections bypass the code, so there is no separate decoder.
    has_decoder = hasattr(network, "decode")
    n_rows = min(_CHUNK, max(1, _NUMBERS_IN_CACHE // samples.X.shape[1]))
    for rows in _chunks(samples.X, rows_at_once(network, n_rows)):
        x = as_tensor(samples.X[rows]).to(torch.float64)
        given = {}
        if samples.y is not None:
            given["condition"] = as_tensor(samples.y[rows]).to(parameter)
        scaled = scaling(x)
        u = scaled.to(parameter)
        z = network.encode(u)
        u_rec = network.decode(z, **given) if has_decoder else network(u)
        u_rec, z = u_rec.to("cpu", torch.float64), z.to("cpu", torch.float64)
        if codes is None:
            # Allocated once, as there may be memory for only one copy of many codes.
            codes = np.empty((len(samples.X), z.shape[1]))
            sums = _Sums(z.shape[1] * len(scaling.mean) <= _LARGEST_READOUT)
        codes[rows] = z.numpy()
        if scaling.link == "identity" and not samples.paired:
            centered, residual = scaled, scaled - u_rec
        else:
            target = as_tensor(samples.target[rows]).to(torch.float64)
            # Scaled before it is squared: 1e200 squared would overflow.
            centered = (target - mean) / unit
            residual = (target - scaling.to_data(u_rec)) / unit
        sums.add(centered, residual, z, as_tensor(weight[rows]))
        squares = as_tensor(weight[rows]) @ scaled.square()
        sums.column_squares = sums.column_squares + squares.numpy()
    sums.squared_residual *= unit * unit
    return codes, sums


def _explained_by_maps(X, scaling, codes, weight):
    """Return the row sums of the squares of codes^T c, for centered codes.

    This is for many codes and many features, such as feature maps of large images. It
    avoids a matrix of codes by features: the sums are computed from the Gram matrix of
    the rows or, if there are many rows, in blocks of codes.
    """
    weighted = codes * weight[:, np.newaxis]
    if len(X) > _LARGEST_GRAM:
        n_codes = max(1, _LARGEST_READOUT // X.shape[1])
        squares = []
        for part in np.array_split(weighted, -(-codes.shape[1] // n_codes), axis=1):
            readout = sum(
                part[rows].T @ _centered(X[rows], scaling) for rows in _chunks(X)
            )
            squares.append(np.square(readout).sum(axis=1))
        return np.concatenate(squares)
    products = 0.0
    for columns in _chunks(X.T):
        centered = _centered(X, scaling, columns)
        products = products + centered @ centered.T
    return np.einsum("ij,ij->j", weighted, products @ weighted)


def _centered(X, scaling, columns=slice(None)):
    centered = (X[:, columns] - scaling.mean[columns]) / scaling.residual_scale
    centered[np.isnan(centered)] = 0.0
    return centered
