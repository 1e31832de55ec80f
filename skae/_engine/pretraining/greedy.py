r"""Greedy layer-wise pretraining.

Layer i maps the codes h of the layers below to codes :math:`\phi(W h + b)`. It is
trained as a single-layer autoencoder with corrupted input [1]_ [2]_ or as a restricted
Boltzmann machine [3]_. The layers below are fixed, and their input is not corrupted.

.. [1] Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, "Greedy layer-wise
   training of deep networks", NIPS 2006.
.. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
.. [3] G. Hinton and R. Salakhutdinov, "Reducing the dimensionality of data with neural
   networks", Science 313, 2006.
"""

import functools
import math
import numbers
from dataclasses import dataclass

import torch

from skae._engine.pretraining.denoising_layer import LayerSpec, denoising_layer
from skae._engine.pretraining.rbm_layer import check_rbm, rbm_layer
from skae._functional.corruption import warn_of_drowning
from skae._networks.activations import ACTIVATIONS
from skae._training.data import Rows
from skae._training.loop import Plan, train
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae._training.state import TrainingState
from skae._utils.random import make_generator

# Each function takes (pretraining, init, layer, rows, scaling, generator, criterion),
# where rows are the codes of the layers below, and returns a `LayerTask`.
METHODS = {"denoising": denoising_layer, "rbm": rbm_layer}
# Restricted Boltzmann machines start with small weights, which grow slowly.
_DEFAULT_RATES = {"denoising": 0.003, "rbm": 0.01}


@dataclass(frozen=True)
class PretrainingConfig:
    """The settings of the pretraining of a stack of layers.

    Attributes
    ----------
    method : {"denoising", "rbm"}
    max_iter : int
        Number of epochs of each layer.
    learning_rate_init : float
    corruption : str
    levels : tuple of float
        Corruption level of each layer.
    visible_units : {"auto", "bernoulli", "gaussian"}
    tied_weights : bool
        Whether the weights remain tied after the pretraining.
    """

    method: str
    max_iter: int
    learning_rate_init: float
    corruption: str
    levels: tuple
    visible_units: str
    tied_weights: bool


def resolve_pretraining(parameters, activations):
    """Return the `PretrainingConfig` of an estimator's parameters.

    Parameters
    ----------
    parameters : dict
        The result of ``get_params(deep=False)``.
    activations : sequence of str
        Activation of each layer.

    Raises
    ------
    ValueError
        If the corruption levels are invalid, or if restricted Boltzmann machines do not
        support the activations.
    """
    method, corruption = parameters["pretraining"], parameters["corruption"]
    level = parameters["corruption_level"]
    levels = corruption_levels(corruption, level, len(activations))
    if method == "rbm":
        check_rbm(activations)
    rate = parameters["pretraining_learning_rate_init"]
    return PretrainingConfig(
        method=method,
        max_iter=parameters["pretraining_max_iter"],
        learning_rate_init=_DEFAULT_RATES[method] if rate == "auto" else rate,
        corruption=corruption,
        levels=tuple(levels),
        visible_units=parameters["visible_units"],
        tied_weights=parameters.get("tied_weights", False),
    )


def pretrain_layers(
    config, pretraining, widths, activations, rows, scaling, progress, criterion=None
):
    """Train the layers of a stack, each on the clean codes of the layers below.

    Parameters
    ----------
    config : TrainingConfig
    pretraining : PretrainingConfig
    widths, activations : sequence
        Widths and activations of the layers, starting at the input.
    rows : Rows
        ``x`` is X, centered by the means of `scaling` and divided by its residual
        scale.
    scaling : Scaling
    progress : ProgressReporter
    criterion : Criterion or None
        Reconstruction loss of the network into which the stack is unrolled, a function
        of the output and ``rows.target``. None if that network has no decoder; the
        layers then reconstruct ``rows.x``.

    Yields
    ------
    layer : LearnedLayer
    curve : list of float
        Loss of each epoch.

    Raises
    ------
    ValueError
        If the loss of an epoch is not finite.
    """
    levels, n_layers = pretraining.levels, len(widths)
    generator = make_generator(config.seed, config.device)
    if pretraining.method == "denoising":
        warn_of_drowning(pretraining.corruption, levels)
    below = [None] * n_layers if criterion is None else [None, *activations]
    for layer in map(LayerSpec, range(n_layers), widths, activations, below, levels):
        drawn_on_cpu = make_generator(config.seed + layer.index)
        task = METHODS[pretraining.method](
            pretraining, config.init, layer, rows, scaling, drawn_on_cpu, criterion
        )
        with progress.pretraining(layer, pretraining.max_iter) as monitors:
            affine, curve = _train_layer(
                config, pretraining, layer, task, generator, monitors
            )
        yield affine, curve
        codes = _encode(affine, layer.activation, rows.x)
        rows = Rows(codes, codes, rows.weight)


def corruption_levels(corruption, level, n_layers):
    """Return the corruption level of each layer.

    Raises
    ------
    ValueError
        If `level` is neither one valid number nor one for each layer.
    """
    one_for_all = _is_real(level) or isinstance(level, bool)
    levels = [level] * n_layers if one_for_all else list(level)
    limit = math.inf if corruption == "gaussian" else 1.0
    are_levels = all(_is_real(v) and 0 <= v <= limit for v in levels)
    if len(levels) != n_layers or not are_levels:
        raise ValueError(
            "The 'corruption_level' parameter must be one number, or one for each of "
            f"the {n_layers} layers, in [0, {limit:g}] for corruption="
            f"{corruption!r}. Got {level!r} instead."
        )
    return levels


def _is_real(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _train_layer(config, pretraining, layer, task, generator, monitors):
    """Return the `LearnedLayer` and the loss of each epoch."""
    rows = task.rows
    state = TrainingState.begin(
        task.network.to(rows.x),
        OPTIMIZERS.get(config.solver, OPTIMIZERS["adam"]),
        generator,
        loss_scale=1.0,
        average=config.average,
    )
    rate, max_iter = pretraining.learning_rate_init, pretraining.max_iter
    plan = Plan(
        task.objective,
        min(config.batch_size, len(rows)),
        SCHEDULES["constant"](rate, max_iter),
        shuffle=config.shuffle,
        mixed_precision=config.mixed_precision,
    )
    check = functools.partial(_check_finite, layer.index, rate)
    train(state, rows, plan, max_iter, [check, *monitors])
    return task.learned(state.result), state.history["loss"]


def _check_finite(index, rate, state):
    if not math.isfinite(state.history["loss"][-1]):
        raise ValueError(
            f"The loss was not finite in epoch {state.epoch} of the pretraining of "
            f"layer {index + 1} with pretraining_learning_rate_init={rate}. Lower it, "
            "or check the scale of the data."
        )
    return False


@torch.no_grad()
def _encode(layer, activation, x):
    parts = x.split(4096)
    activate = ACTIVATIONS[activation]
    return torch.cat([activate(part @ layer.weight.T + layer.bias) for part in parts])
