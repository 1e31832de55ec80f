"""Where a fit begins: scaling, network, linear path and what is minimised."""

import copy
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from skae._engine.progress import Report
from skae._functional.linear_maps import column_sizes, read_size
from skae._networks.linear_path import is_linear_path
from skae._networks.scaling import Scaling, as_tensor
from skae._training.data import Rows
from skae._utils.random import draw_seed, make_generator
from skae._utils.threads import limit_threads_for

# Rows, and codes, longer than so many mean lengths of the training rows' are outliers,
# to which no perceptron is extrapolated (measured). Codes move outwards in training.
_INPUT_RADIUS, _CODE_RADIUS = 3.0, 6.0
# Columns, and codes, smaller than that share of the residual are corrected by less.
_SMALL, _UNNOTICED = 1 / 3, 0.1
_ROWS_IN_CACHE = 1024
_MANY_NUMBERS = 2**22
# From this many columns on a larger network pays for its time (measured).
_MANY_COLUMNS = 256


class Setup(NamedTuple):
    """What is decided before the first look at a split of the rows."""

    link: str
    n_components: int
    seed: int


class Pretraining(NamedTuple):
    """What became of the training of a network before its fit.

    Attributes
    ----------
    loss_curves : list of list of float
        The loss of each epoch, by layer.
    interrupted : KeyboardInterrupt or None
        By which the user ended it.
    """

    loss_curves: list
    interrupted: KeyboardInterrupt | None = None


class Start(NamedTuple):
    """A network to begin from, the scaling around it and its input's noise.

    `corruption` is a function of (rows, generator), or None. `pretraining` is None for
    a network that was not trained.
    """

    scaling: Scaling
    network: nn.Module
    corruption: Callable | None
    pretraining: Pretraining | None = None


class Samples(NamedTuple):
    """Validated rows of X, what they are to be reconstructed as, and weights.

    `target` is `X` itself unless the fit was given pairs; `weight` may be None.
    `y`, (n_rows, n_outputs), holds what a conditional model is given and a predictor
    is to predict.
    """

    X: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None
    y: np.ndarray | None = None

    @property
    def paired(self):
        """Whether targets were given."""
        return self.target is not self.X

    @property
    def count(self):
        """Number of rows, each counted with its weight."""
        return float(len(self.X) if self.weight is None else self.weight.sum())

    def take(self, index):
        """Return the samples at `index`."""
        X = self.X[index]
        target = self.target[index] if self.paired else X
        others = (self.weight, self.y)
        return Samples(X, target, *(None if a is None else a[index] for a in others))


class ScaledRows:
    """The training rows in the network's space, made when asked for.

    In float64, except for large float32 data and a float32 network, to save time and
    memory.

    Attributes
    ----------
    scaling : Scaling
    weight : ndarray of shape (n_rows,) or None
    x, target : Tensor of shape (n_rows, n_features)
        `target` is `x` itself unless the fit was given pairs.
    data : ndarray of shape (n_rows, n_features)
        The target as it was given.
    """

    def __init__(self, scaling, samples, precision="float64"):
        self.scaling = scaling
        self.weight = samples.weight
        self.data = samples.target
        self._samples = samples
        is_large = samples.X.size > _MANY_NUMBERS and precision != "float64"
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


def default_hidden_layer_sizes(n_features):
    """Return the widths that ``hidden_layer_sizes="auto"`` stands for."""
    return (512, 256, 128) if n_features >= _MANY_COLUMNS else (256, 128, 128)


def make_rows(scaling, samples, dtype, device):
    """Return samples as tensors: input, target in the loss's space, weight."""
    x = scaling.to_network(samples.X, dtype).to(device)
    if scaling.link != "identity":
        target = as_tensor(scaling.in_unit(samples.target)).to(device, dtype)
    elif samples.paired:
        target = scaling.to_network(samples.target, dtype).to(device)
    else:
        target = x
    weight = samples.weight
    if weight is not None:
        weight = torch.as_tensor(weight / weight.mean(), dtype=dtype, device=device)
    y = samples.y
    if y is not None:
        y = torch.as_tensor(y, dtype=dtype, device=device)
    return Rows(x, target, weight, y)


def make_start(estimator, samples, setup, report=None, *, correction=True):
    """Return the `Start` of a fit to `samples`, on the CPU.

    One that is not to be trained can do without the correction of a linear path.

    The estimator gives the parameters and the holes `_build_network`,
    `_linear_map`, `_make_corruption` and `_pretrain`, which tells `report` of what it
    does.
    """
    with limit_threads_for(estimator.n_threads, samples.X):
        return _make_start(
            estimator, samples, setup, report or Report(estimator), correction
        )


def _make_start(estimator, samples, setup, report, correction):
    dtype = training_dtype(estimator.precision)
    shape = samples.X.shape
    network = build_network(estimator, shape, setup.n_components, correction).to(dtype)
    network.initialize(estimator.init, make_generator(setup.seed))
    scaling = Scaling.fit(
        samples.target,
        setup.link,
        samples.weight,
        any_unit=not estimator._loss_has_unit(),
    )
    rows = ScaledRows(scaling, samples, estimator.precision)
    corruption = None if samples.paired else estimator._make_corruption(rows)
    linear_map = None
    if estimator.linear_path is not None:
        rng = np.random.RandomState(setup.seed)
        linear_map = estimator._linear_map(rows, setup.n_components, corruption, rng)
        noisy = rows.x
        if corruption is not None:
            noisy = corruption(rows.x, make_generator(setup.seed))
        _set_linear_path(network, linear_map, noisy, rows.target, rows.weight)
    estimator._finish_start(network, rows, linear_map)
    pretraining = estimator._pretrain(network, scaling, samples, setup.seed, report)
    return Start(scaling, network.eval(), corruption, pretraining)


def build_network(estimator, shape, n_components, correction):
    """Return a network as the parameters ask for it.

    Without a linear path there is no network without its correction.
    """
    if correction or estimator.linear_path is None:
        return estimator._build_network(shape, n_components)
    return estimator._build_network(shape, n_components, correction=False)


def current_start(estimator, samples):
    """Return a fitted estimator's model as the `Start` of further training."""
    scaling = estimator.scaling_
    corruption = None
    if not samples.paired:
        rows = ScaledRows(scaling, samples, estimator.precision)
        corruption = estimator._make_corruption(rows)
    network = copy.deepcopy(estimator.network_)
    return Start(scaling, network.to(training_dtype(estimator.precision)), corruption)


def redrawn(start, kind, init, seed):
    """Return a `Start` with other weights than `start`, and all else as there.

    Parameters
    ----------
    start : Start
    kind : {"plain", "rough", "textbook"}
        - "plain": weights as `init` draws them.
        - "rough": large weights, with which the network is far from linear.
        - "textbook": weights as `init` draws them, without the linear path.
    init : str
    seed : int
    """
    device = next(start.network.parameters()).device
    network = copy.deepcopy(start.network).to("cpu")
    generator = make_generator(seed)
    if kind == "textbook":
        network.redraw_without_linear_path(init, generator)
    else:
        network.redraw(init, generator, rough=kind == "rough")
    return start._replace(network=network.to(device))


def seed_of_start(seed, index):
    """Return the seed of a start, counted from 1, of a fit with `seed`."""
    return seed if index == 1 else draw_seed(np.random.RandomState([seed, index]))


def network_to_train(estimator, network):
    """Return a fitted estimator's network, with a correction where it has none.

    That is zero, and drawn as in the fit that found no use for it.
    """
    if not is_linear_path(network):
        return network
    return network.with_correction(estimator.init, make_generator(estimator._seed))


def training_dtype(precision):
    """Return the dtype of the weights in training."""
    return torch.float64 if precision == "float64" else torch.float32


def _set_linear_path(network, linear_map, x, target, weight):
    """Hand the map to the network with the sizes of its codes and residual."""
    x, target = x.numpy(), target.numpy()
    mean_of = functools.partial(np.average, axis=0, weights=weight)
    encoder, decoder = (m.astype(x.dtype) for m in linear_map[:2])
    codes = np.empty((len(x), len(encoder)))
    residual_squares, lengths = np.empty(len(x)), np.empty(len(x))
    for start in range(0, len(x), _ROWS_IN_CACHE):
        rows = slice(start, start + _ROWS_IN_CACHE)
        part = (x[rows] - linear_map.offset.astype(x.dtype)) @ encoder.T
        residual = part @ decoder.T - target[rows]
        codes[rows] = part
        residual_squares[rows] = np.einsum("ij,ij->i", residual, residual)
        lengths[rows] = np.linalg.norm(x[rows], axis=1)
    variances = mean_of(np.square(codes - mean_of(codes)))
    # Codes that the decoder ignores are inert if their variance is rounding error.
    rounding = 1e-7 if x.dtype == np.float64 else 1e-6
    read = read_size(linear_map.encoder, column_sizes(x, weight))
    is_read = linear_map.decoder.any(axis=0)
    inert = variances <= np.where(is_read, 0.0, np.square(rounding * read))
    code_scale = np.sqrt(np.where(inert, 1.0, variances))
    code_lengths = np.linalg.norm(codes / code_scale, axis=1)
    correction_scale = np.sqrt(mean_of(residual_squares) / target.shape[1])
    network.set_linear_path(
        linear_map,
        code_scale,
        correction_scale=correction_scale,
        input_radius=_INPUT_RADIUS * (mean_of(lengths) or np.inf),
        code_radius=_CODE_RADIUS * (mean_of(code_lengths) or np.inf),
        code_share=correction_shares(code_scale * ~inert, correction_scale),
        feature_share=correction_shares(column_sizes(target, weight), correction_scale),
    )


def correction_shares(sizes, scale):
    """Return size / scale for sizes far below `scale`, and 1 for the others.

    Shares below `_UNNOTICED` are set to 0: such columns keep their PCA reconstruction.
    Constant columns get 1.
    """
    is_small = (sizes > 0) & (sizes < _SMALL * scale)
    shares = np.divide(sizes, scale, out=np.ones_like(sizes), where=is_small)
    return np.where(shares < _UNNOTICED, 0.0, shares)
