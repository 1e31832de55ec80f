"""Initialization of a model: the scaling, the network and its linear path."""

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

# Inputs and codes whose norm exceeds this multiple of the mean norm are outliers, to
# which the correction is not extrapolated. The norm of codes grows during training.
_INPUT_RADIUS, _CODE_RADIUS = 3.0, 6.0
# The correction of columns and codes smaller than this share of the residual is scaled
# down, and that of columns and codes below the second share is zero.
_SMALL, _UNNOTICED = 1 / 3, 0.1
_ROWS_IN_CACHE = 1024


class Pretraining(NamedTuple):
    """The outcome of the pretraining of a network's layers.

    Attributes
    ----------
    loss_curves : list of list of float
        The losses of the epochs of each layer.
    interrupted : KeyboardInterrupt or None
        The interrupt that ended the pretraining.
    """

    loss_curves: list
    interrupted: KeyboardInterrupt | None = None


class InitialModel(NamedTuple):
    """A network to train, with its scaling and the noise on its input.

    Attributes
    ----------
    scaling : Scaling
    network : nn.Module
    corruption : callable or None
        A function of (rows, generator) that adds the noise.
    pretraining : Pretraining or None
        None if the network was not pretrained.
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
        Whether the network needs its correction, the part that is trained. If False, a
        network with a linear path consists of that path only.
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
    """Return the `InitialModel` from which to continue training a fitted model."""
    corruption = None
    if not samples.paired:
        corruption = model.corruption(ScaledRows(scaling, samples, config.dtype))
    network = copy.deepcopy(network).to(config.dtype)
    return InitialModel(scaling, network, corruption)


def redrawn(initial, kind, init, seed):
    """Return an `InitialModel` that differs in the random weights only.

    Parameters
    ----------
    initial : InitialModel
    kind : {"plain", "rough", "textbook"}
        - "plain": weights are drawn according to `init`.
        - "rough": weights are large, so that the network is far from linear.
        - "textbook": weights are drawn according to `init`, and the linear path is
          removed.
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
    """Return the seed of start number `index`, counted from 1."""
    return seed if index == 1 else draw_seed(np.random.RandomState([seed, index]))


def _set_linear_path(network, linear_map, x, target, weight):
    """Set the linear path of a network and the scales of its codes and residual."""
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
    # Codes that the decoder ignores count as inert if their variance is rounding error.
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
    """Return ``sizes / scale`` where it is small, and 1 elsewhere.

    Shares below `_UNNOTICED` are set to 0, so that such columns keep their PCA
    reconstruction. The share of a constant column is 1.
    """
    is_small = (sizes > 0) & (sizes < _SMALL * scale)
    shares = np.divide(sizes, scale, out=np.ones_like(sizes), where=is_small)
    return np.where(shares < _UNNOTICED, 0.0, shares)
