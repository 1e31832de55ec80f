"""What is pretrained of a layer, and the denoising autoencoder that does it."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from skae._functional.corruption import ColumnRange, at_level
from skae._networks.layer_autoencoder import LayerAutoencoder
from skae._networks.layers import layerwise_init
from skae._training.criterion import SquaredError
from skae._training.data import Rows
from skae._training.objective import Objective, ReconstructionObjective

# Of a layer whose whole input is hidden: its weights stay finite and above zero.
_LEAST_GAIN = 0.01


class LayerSpec(NamedTuple):
    """A layer of the stack.

    Attributes
    ----------
    index : int
        Its place, from 0 at the input.
    width : int
    activation : str
    below : str or None
        The activation that its input came from and its reconstruction goes through.
        None at the bottom, and where the decoders are not to be stacked: a
        reconstruction is then affine.
    level : float
        Of the corruption of its input.
    """

    index: int
    width: int
    activation: str
    below: str | None
    level: float


class LearnedLayer(NamedTuple):
    """An affine map, and the one back, to what the activation below is applied to.

    Attributes
    ----------
    weight, bias : Tensor of shape (n_units, n_inputs) and (n_units,)
    decoder_weight, decoder_bias : Tensor of shape (n_inputs, n_units), (n_inputs,)
        With 'maxout' either map has as many outputs as there are pieces.
    """

    weight: Tensor
    bias: Tensor
    decoder_weight: Tensor
    decoder_bias: Tensor


class LayerTask(NamedTuple):
    """What a method of pretraining does with one layer.

    Attributes
    ----------
    network : nn.Module
        With the layer's weights.
    rows : Rows
        What it is trained on.
    objective : Objective
    learned : callable
        ``learned(network)`` returns the `LearnedLayer` of the trained network.
    """

    network: nn.Module
    rows: Rows
    objective: Objective
    learned: Callable


def denoising_layer(pretraining, init, layer, rows, scaling, generator, criterion):
    """Return the `LayerTask` of a denoising autoencoder with tied weights.

    Its input is centred and divided by one number, as the corruption takes it to be.
    """
    center, scale = _moments(rows) if layer.index else (0.0, 1.0)
    tied = pretraining.tied_weights
    if tied:
        scale = 1.0  # one matrix is to serve both ways after the pretraining, too
    x = target = (rows.x - center) / scale
    # Layers unrolled into each other must not each amplify what they are given.
    gain = 1.0 if criterion is None else _mean_gain(pretraining.corruption, layer.level)
    gain = math.sqrt(gain) if tied else gain  # on the way in and on the way out
    undo = functools.partial(_unscaled, center=center, scale=scale, gain=gain)
    if layer.below is not None:
        # Through an activation, whose range is that of the codes as they are.
        target, undo = rows.x, functools.partial(undo, is_affine=False)
        criterion = SquaredError(scale)
    elif criterion is None:
        criterion = SquaredError()
    else:
        target = rows.target
    below = layer.below or "identity"
    network = LayerAutoencoder(x.shape[1], layer.width, layer.activation, below)
    network.initialize(layerwise_init(init, layer.activation), generator)
    column_range = ColumnRange(x.amin(dim=0), x.amax(dim=0))
    corrupt = at_level(pretraining.corruption, layer.level, column_range)
    objective = ReconstructionObjective(criterion, corrupt)
    return LayerTask(network, Rows(x, target, rows.weight), objective, undo)


def _moments(rows):
    """Return the means of the columns and the root mean square around them."""
    weight = None if rows.weight is None else rows.weight.cpu().double().numpy()
    x = rows.x.cpu().double().numpy()
    mean = np.average(x, axis=0, weights=weight)
    center = torch.as_tensor(mean).to(rows.x)
    squares = np.square(x - mean).mean(axis=1)
    scale = math.sqrt(np.average(squares, weights=weight))
    return center, scale or 1.0


def _mean_gain(corruption, level):
    """Return what share of a centred value is left on average.

    A layer that is trained on such values makes up for what they lack, and would give
    clean ones too large.
    """
    return 1.0 if corruption == "gaussian" else max(1.0 - level, _LEAST_GAIN)


@torch.no_grad()
def _unscaled(network, *, center, scale, gain, is_affine=True):
    """Return the layer for x of an autoencoder of gain * (x - center) / scale."""
    encoder, decoder = network.encoder, network.decoder
    weight = gain * encoder.weight / scale
    bias = encoder.bias - (weight * center).sum(dim=1)
    decoder_weight = decoder.weight.T if decoder.tied else decoder.weight
    decoder_bias = decoder.bias
    if is_affine:
        decoder_weight, decoder_bias = decoder_weight * scale, decoder_bias * scale
        decoder_bias = decoder_bias + center
    return LearnedLayer(weight, bias, decoder_weight, decoder_bias)
