r"""Greedy pretraining: one layer after the other learns to restore what is below it.

Layer i maps the codes h of the layers below to codes :math:`\phi(W h + b)`. It is
trained inside an autoencoder of its own, whose input, center and scale taken from the
rows, is clean but for the noise of its own training [1]_ [2]_.

.. [1] Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, "Greedy layer-wise
   training of deep networks", NIPS 2006.
.. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
"""

import functools
import math
import numbers
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from skae.architectures.dense import DenseAutoencoder
from skae.architectures.layers import ACTIVATIONS, resolve_init
from skae.corruption import CORRUPTIONS, ColumnRange
from skae.data import Rows
from skae.estimators._plan import batch_size_for
from skae.losses import elementwise_loss
from skae.training.loop import Plan, train
from skae.training.optimizers import OPTIMIZERS
from skae.training.schedules import SCHEDULES
from skae.training.state import TrainingState


class LearntLayer(NamedTuple):
    """An affine map and the one that undoes it, between unscaled layers.

    Attributes
    ----------
    weight, bias : Tensor of shape (n_units, n_inputs) and (n_units,)
    decoder_weight, decoder_bias : Tensor of shape (n_inputs, n_units), (n_inputs,)
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
    objective : callable
    learnt : callable
        ``learnt(network)`` returns the `LearntLayer` of the trained network.
    """

    network: nn.Module
    rows: Rows
    objective: Callable
    learnt: Callable


class LayerSpec(NamedTuple):
    """A layer of the stack.

    Attributes
    ----------
    index : int
        Its place, from 0 at the input.
    width : int
    activation : str
    level : float
        Of the corruption of its input.
    """

    index: int
    width: int
    activation: str
    level: float


def restoration_error(network, rows, generator, *, corrupt):
    r"""Return the squared error of each row restored from a corrupted copy.

    .. math:: \frac{1}{p} \| g(f(\tilde x)) - x \|^2
    """
    output = network(corrupt(rows.x, generator), generator)
    error = elementwise_loss("squared_error", "identity", output, rows.target)
    return {"reconstruction": error.mean(dim=1)}


def denoising_layer(estimator, layer, rows, scaling, generator):
    """Return the `LayerTask` of a denoising autoencoder with tied weights."""
    center, scale = _moments(rows)
    x = (rows.x - center) / scale
    network = DenseAutoencoder(
        x.shape[1],
        layer.width,
        (),
        layer.activation,
        linear_path=False,
        tied_weights=True,
        code_activation=layer.activation,
    )
    network.initialize(resolve_init(estimator.init, layer.activation), generator)
    corrupt = functools.partial(
        _corrupt,
        CORRUPTIONS[estimator.corruption],
        level=layer.level,
        column_range=ColumnRange(x.amin(dim=0), x.amax(dim=0)),
    )
    return LayerTask(
        network,
        Rows(x, x, rows.weight),
        functools.partial(restoration_error, corrupt=corrupt),
        functools.partial(_unscaled, center=center, scale=scale),
    )


# Each is called as ``method(estimator, layer, rows, scaling, generator)``; the rows are
# the codes below, and `scaling` is between X and the rows of layer 0.
METHODS = {"denoising": denoising_layer}


def pretrain(estimator, sizes, activations, rows, scaling, generator, monitors_for):
    """Train the layers of a stack, each on the clean codes of those below it.

    Parameters
    ----------
    estimator : object
        Its parameters on pretraining and training are read.
    sizes, activations : sequence
        Widths of the layers from the input on, and their activations.
    rows : Rows
        In the network's space.
    scaling : Scaling
    generator : torch.Generator
        On the device of the rows.
    monitors_for : callable
        ``monitors_for(layer)`` returns a context manager that gives the monitors of
        the training of a `LayerSpec`.

    Returns
    -------
    layers : list of LearntLayer
    curves : list of list of float
        The loss of each epoch, by layer.

    Raises
    ------
    ValueError
        If a loss is not finite.
    """
    learnt, curves = [], []
    levels = corruption_levels(estimator, len(sizes))
    for layer in map(LayerSpec, range(len(sizes)), sizes, activations, levels):
        with monitors_for(layer) as monitors:
            affine, curve = _train_layer(
                estimator, layer, rows, scaling, generator, monitors
            )
        learnt.append(affine)
        curves.append(curve)
        rows = rows._replace(x=_encode(affine, layer.activation, rows.x))
        rows = rows._replace(target=rows.x)
    return learnt, curves


def corruption_levels(estimator, n_layers):
    """Return the level of corruption of each layer.

    Raises
    ------
    ValueError
        If they are not one number, or one a layer, in the range of the corruption.
    """
    level = estimator.corruption_level
    one_for_all = isinstance(level, numbers.Real)
    levels = [level] * n_layers if one_for_all else list(level)
    limit = math.inf if estimator.corruption == "gaussian" else 1.0
    are_levels = all(isinstance(v, numbers.Real) and 0 <= v <= limit for v in levels)
    if len(levels) != n_layers or not are_levels:
        raise ValueError(
            "The 'corruption_level' parameter must be one number, or one for each of "
            f"the {n_layers} layers, in [0, {limit:g}] for corruption="
            f"{estimator.corruption!r}. Got {level!r} instead."
        )
    return levels


def _train_layer(estimator, layer, rows, scaling, generator, monitors):
    drawn_on_cpu = torch.Generator().manual_seed(generator.initial_seed() + layer.index)
    task = METHODS[estimator.pretraining](estimator, layer, rows, scaling, drawn_on_cpu)
    state = TrainingState.begin(
        task.network.to(rows.x),
        OPTIMIZERS.get(estimator.solver, OPTIMIZERS["adam"]),
        generator,
        loss_scale=1.0,
        average=estimator.average,
    )
    rate, max_iter = estimator.pretrain_learning_rate_init, estimator.pretrain_max_iter
    plan = Plan(
        task.objective,
        batch_size_for(estimator, len(rows)),
        SCHEDULES["constant"](rate, max_iter),
        shuffle=estimator.shuffle,
        mixed_precision=estimator.precision == "bfloat16",
    )
    check = functools.partial(_check_finite, layer.index, rate)
    train(state, task.rows, plan, max_iter, [check, *monitors])
    return task.learnt(state.result), state.history["loss"]


def _check_finite(index, rate, state):
    if not math.isfinite(state.history["loss"][-1]):
        raise ValueError(
            f"The loss was not finite in epoch {state.epoch} of the pretraining of "
            f"layer {index + 1} with pretrain_learning_rate_init={rate}. Lower it, or "
            "check the scale of the data."
        )
    return False


def _moments(rows):
    """Return the means of the columns and the root mean square around them."""
    weight = None if rows.weight is None else rows.weight.cpu().double().numpy()
    x = rows.x.cpu().double().numpy()
    mean = np.average(x, axis=0, weights=weight)
    center = torch.as_tensor(mean).to(rows.x)
    scale = (rows.x - center).square().mean().sqrt()
    return center, scale if scale > 0 else torch.ones_like(scale)


@torch.no_grad()
def _unscaled(network, *, center, scale):
    """Return the layer of an autoencoder of (x - center) / scale for x itself."""
    encoder, decoder = network.f.layers[0], network.g.layers[0]
    weight = encoder.weight / scale
    return LearntLayer(
        weight,
        encoder.bias - weight @ center,
        encoder.weight.T * scale,
        decoder.bias * scale + center,
    )


@torch.no_grad()
def _encode(layer, activation, x):
    parts = x.split(4096)
    activate = ACTIVATIONS[activation]
    return torch.cat([activate(part @ layer.weight.T + layer.bias) for part in parts])


def _corrupt(corruption, x, generator, *, level, column_range):
    return corruption(x, level, generator, column_range)
