"""What training begins from: the scaling, the network and its linear path."""

import copy
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import nn

from skae._engine.dataset import ScaledRows
from skae._functional.linear_maps import column_sizes, read_size
from skae._networks.scaling import Scaling
from skae._utils.random import draw_seed, make_generator
from skae._utils.threads import limit_threads_for

# Inputs and codes longer than so many mean lengths of the training samples' are
# outliers, to which no perceptron is extrapolated. Codes move outwards in training.
_INPUT_RADIUS, _CODE_RADIUS = 3.0, 6.0
# Columns and codes smaller than that share of the residual are corrected by less.
_SMALL, _UNNOTICED = 1 / 3, 0.1
_ROWS_IN_CACHE = 1024


class Pretraining(NamedTuple):
    """The outcome of training a network's layers before the fit.

    Attributes
    ----------
    loss_curves : list of list of float
        The loss of each epoch, by layer.
    interrupted : KeyboardInterrupt or None
        The interrupt that ended it.
    """

    loss_curves: list
    interrupted: KeyboardInterrupt | None = None


class InitialModel(NamedTuple):
    """A network to train, the scaling around it and the noise on its input.

    `corruption` is a function of (rows, generator), or None. `pretraining` is None for
    a network that was not pretrained.
    """

    scaling: Scaling
    network: nn.Module
    corruption: Callable | None = None
    pretraining: Pretraining | None = None


def initialize(model, config, samples, n_components, *, correction=True):
    """Return the `InitialModel` of a fit to `samples`, on the CPU.

    Parameters
    ----------
    model : Model
    config : TrainingConfig
    samples : Samples
    n_components : int
    correction : bool
        Whether the network is to be trained. If not, it has its linear path alone,
        where there is one.
    """
    with limit_threads_for(config.max_threads, samples.X):
        network = model.network(samples.X.shape, n_components, correction=correction)
        network.to(config.dtype)
        network.initialize(config.init, make_generator(config.seed))
        scaling = Scaling.fit(
            samples.target, model.link, samples.weight, any_unit=model.uses_any_unit
        )
        rows = ScaledRows(scaling, samples, config.dtype)
        corruption = None if samples.paired else model.corruption(rows)
        linear_map = None
        if model.linear_map is not None:
            rng = np.random.RandomState(config.seed)
            linear_map = model.linear_map(rows, n_components, corruption, rng)
            noisy = rows.x
            if corruption is not None:
                noisy = corruption(rows.x, make_generator(config.seed))
            _set_linear_path(network, linear_map, noisy, rows.target, rows.weight)
        model.finish(network, rows, linear_map)
    return InitialModel(scaling, network.eval(), corruption)


def continued(model, config, scaling, network, samples):
    """Return a fitted model as the `InitialModel` of further training."""
    corruption = None
    if not samples.paired:
        corruption = model.corruption(ScaledRows(scaling, samples, config.dtype))
    network = copy.deepcopy(network).to(config.dtype)
    return InitialModel(scaling, network, corruption)


def redrawn(initial, kind, init, seed):
    """Return an `InitialModel` with other weights and everything else unchanged.

    Parameters
    ----------
    initial : InitialModel
    kind : {"plain", "rough", "textbook"}
        - "plain": weights as `init` draws them.
        - "rough": large weights, with which the network is far from linear.
        - "textbook": weights as `init` draws them, without the linear path.
    init : str
    seed : int
    """
    device = next(initial.network.parameters()).device
    network = copy.deepcopy(initial.network).to("cpu")
    generator = make_generator(seed)
    if kind == "textbook":
        network.redraw_without_linear_path(init, generator)
    else:
        network.redraw(init, generator, rough=kind == "rough")
    return initial._replace(network=network.to(device))


def seed_of_start(seed, index):
    """Return the seed of a start, counted from 1, of a fit with `seed`."""
    return seed if index == 1 else draw_seed(np.random.RandomState([seed, index]))


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
