r"""Greedy pretraining: one layer after the other learns to restore what is below it.

Layer i maps the codes h of the layers below to codes :math:`\phi(W h + b)`. It is
trained inside an autoencoder of its own, which is given a corrupted copy [1]_ [2]_, or
as a restricted Boltzmann machine [3]_; the layers below stay as they are, and what they
are given is clean.

.. [1] Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, "Greedy layer-wise
   training of deep networks", NIPS 2006.
.. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
.. [3] G. Hinton and R. Salakhutdinov, "Reducing the dimensionality of data with neural
   networks", Science 313, 2006.
"""

import functools
import math
import numbers

import torch

from skae._random import make_generator
from skae.architectures.layers import ACTIVATIONS
from skae.data import Rows
from skae.estimators._layer_pretraining import LayerSpec, denoising_layer
from skae.estimators._plan import batch_size_for
from skae.estimators._rbm_pretraining import check_rbm, rbm_layer
from skae.training.loop import Plan, train
from skae.training.optimizers import OPTIMIZERS
from skae.training.schedules import SCHEDULES
from skae.training.state import TrainingState

# Each is called as ``method(estimator, layer, rows, scaling, generator, criterion)``,
# with the codes below as rows, and returns a `LayerTask`.
METHODS = {"denoising": denoising_layer, "rbm": rbm_layer}


def pretrain(
    estimator,
    sizes,
    activations,
    rows,
    scaling,
    generator,
    monitors_for,
    criterion=None,
):
    """Train the layers of a stack, each on the clean codes of those below it.

    Parameters
    ----------
    estimator : object
        Its parameters on pretraining and training are read.
    sizes, activations : sequence
        Widths of the layers from the input on, and their activations.
    rows : Rows
        ``x`` is X centred by the means of `scaling` and divided by its residual scale.
    scaling : Scaling
    generator : torch.Generator
        On the device of the rows.
    monitors_for : callable
        ``monitors_for(layer)`` returns a context manager that gives the monitors of
        the training of a `LayerSpec`.
    criterion : Criterion or None
        What the first layer's output and ``rows.target`` are compared by; None is the
        squared error of ``rows.x``.

    Returns
    -------
    layers : list of LearntLayer
    curves : list of list of float
        The loss of each epoch, by layer.

    Raises
    ------
    ValueError
        If a loss is not finite, or if the method cannot train such layers.
    """
    learnt, curves = [], []
    levels = corruption_levels(estimator, len(sizes))
    # Without a criterion there is no decoder to begin with.
    below = [None] * len(sizes) if criterion is None else [None, *activations]
    if estimator.pretraining == "rbm":
        check_rbm(estimator, activations)
    for layer in map(LayerSpec, range(len(sizes)), sizes, activations, below, levels):
        drawn_on_cpu = make_generator(generator.initial_seed() + layer.index)
        task = METHODS[estimator.pretraining](
            estimator, layer, rows, scaling, drawn_on_cpu, criterion
        )
        with monitors_for(layer) as monitors:
            affine, curve = _train_layer(estimator, layer, task, generator, monitors)
        learnt.append(affine)
        curves.append(curve)
        codes = _encode(affine, layer.activation, rows.x)
        rows = Rows(codes, codes, rows.weight)
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


def _train_layer(estimator, layer, task, generator, monitors):
    """Return the `LearntLayer` and the loss of each epoch."""
    rows = task.rows
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
    train(state, rows, plan, max_iter, [check, *monitors])
    return task.learnt(state.result), state.history["loss"]


def _check_finite(index, rate, state):
    if not math.isfinite(state.history["loss"][-1]):
        raise ValueError(
            f"The loss was not finite in epoch {state.epoch} of the pretraining of "
            f"layer {index + 1} with pretrain_learning_rate_init={rate}. Lower it, or "
            "check the scale of the data."
        )
    return False


@torch.no_grad()
def _encode(layer, activation, x):
    parts = x.split(4096)
    activate = ACTIVATIONS[activation]
    return torch.cat([activate(part @ layer.weight.T + layer.bias) for part in parts])
