"""Pretraining of a layer as a denoising autoencoder."""

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

# Lower bound of the gain, so that the weights stay nonzero at a corruption level of 1.
_LEAST_GAIN = 0.01


class LayerSpec(NamedTuple):
    """A layer of the stack.

    Attributes
    ----------
    index : int
        Index of the layer, where 0 is the layer at the input.
    width : int
    activation : str
    below : str or None
        Activation of the layer below, which is applied to the reconstruction, too.
        None for the first layer, and if the decoders are not stacked; the
        reconstruction is then affine.
    level : float
        Corruption level of the input.
    """

    index: int
    width: int
    activation: str
    below: str | None
    level: float


class LearnedLayer(NamedTuple):
    """The affine maps of the encoder and the decoder of a pretrained layer.

    The activation of the layer below is applied to the output of the decoder.

    Attributes
    ----------
    weight, bias : Tensor of shape (n_units, n_inputs) and (n_units,)
    decoder_weight, decoder_bias : Tensor of shape (n_inputs, n_units), (n_inputs,)
        With 'maxout', the maps have one output for each piece of each unit.
    """

    weight: Tensor
    bias: Tensor
    decoder_weight: Tensor
    decoder_bias: Tensor


class LayerTask(NamedTuple):
    """The training problem by which a layer is pretrained.

    Attributes
    ----------
    network : nn.Module
        The network to train.
    rows : Rows
        The training data.
    objective : Objective
        The loss.
    learned : callable
        ``learned(network)`` returns the `LearnedLayer` of the trained network.
    """

    network: nn.Module
    rows: Rows
    objective: Objective
    learned: Callable


def denoising_layer(pretraining, init, layer, rows, scaling, generator, criterion):
    """Return the `LayerTask` of a denoising autoencoder with tied weights.

    The input is centered and divided by a single number, as the corruption assumes
    centered data of unit scale.
    """
    center, scale = _moments(rows) if layer.index else (0.0, 1.0)
    tied = pretraining.tied_weights
    if tied:
        scale = 1.0  # encoder and decoder share a matrix after the pretraining, too
    x = target = (rows.x - center) / scale
    # Layers that are unrolled into one network must not amplify clean input.
    gain = 1.0 if criterion is None else _mean_gain(pretraining.corruption, layer.level)
    gain = math.sqrt(gain) if tied else gain  # applied by encoder and decoder
    undo = functools.partial(_unscaled, center=center, scale=scale, gain=gain)
    if layer.below is not None:
        # The output is that of an activation, whose range is that of unscaled codes.
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
    """Return the mean factor by which the corruption shrinks a centered value.

    A layer that is trained on shrunk input compensates for it, so that its output for
    clean input would be too large.
    """
    return 1.0 if corruption == "gaussian" else max(1.0 - level, _LEAST_GAIN)


@torch.no_grad()
def _unscaled(network, *, center, scale, gain, is_affine=True):
    """Return the layer for x, given an autoencoder of ``(x - center) / scale``.

    The weights of the encoder are multiplied by `gain`.
    """
    encoder, decoder = network.encoder, network.decoder
    weight = gain * encoder.weight / scale
    bias = encoder.bias - (weight * center).sum(dim=1)
    decoder_weight = decoder.weight.T if decoder.tied else decoder.weight
    decoder_bias = decoder.bias
    if is_affine:
        decoder_weight, decoder_bias = decoder_weight * scale, decoder_bias * scale
        decoder_bias = decoder_bias + center
    return LearnedLayer(weight, bias, decoder_weight, decoder_bias)
