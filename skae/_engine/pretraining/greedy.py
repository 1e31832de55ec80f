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

from skae._engine.config import batch_size_for
from skae._engine.pretraining.denoising_layer import LayerSpec, denoising_layer
from skae._engine.pretraining.rbm_layer import VISIBLE_UNITS, check_rbm, rbm_layer
from skae._functional.corruption import CORRUPTIONS, warn_of_drowning
from skae._networks.activations import ACTIVATIONS
from skae._training.data import Rows
from skae._training.loop import Plan, train
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae._training.state import TrainingState
from skae._utils.random import make_generator
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import integers_from, reals

# Each is called as ``method(estimator, layer, rows, scaling, generator, criterion)``,
# with the codes below as rows, and returns a `LayerTask`.
METHODS = {"denoising": denoising_layer, "rbm": rbm_layer}
# Measured, with Adam: machines begin with small weights, and take long to leave them.
_DEFAULT_RATES = {"denoising": 0.003, "rbm": 0.01}

PRETRAINING_CONSTRAINTS = {
    "pretraining": [StrOptions(set(METHODS)), None],
    "visible_units": [StrOptions({"auto", "bernoulli", "gaussian"})],
    "corruption": [StrOptions(set(CORRUPTIONS))],
    "corruption_level": [reals(0, None, "left"), "array-like"],
    "pretraining_max_iter": [integers_from(1)],
    "pretraining_learning_rate_init": [
        reals(0, None, "neither"),
        StrOptions({"auto"}),
    ],
}

# For `document`.
PRETRAINING_TEXTS = {
    "pretraining": (
        "{'denoising', 'rbm'} or None",
        """
        How each layer is trained before the fine-tuning, from the input on, on the
        codes of the layers below: 'denoising' as a denoising autoencoder with tied
        weights, 'rbm' as a restricted Boltzmann machine, for
        ``activation="logistic"``. None begins the fine-tuning with random weights.
        """,
    ),
    "visible_units": VISIBLE_UNITS,
    "corruption": (
        "{'masking', 'gaussian', 'salt_and_pepper', 'swap'}",
        """
        What each layer learns to undo while it is pretrained, as in
        `DenoisingAutoencoder`; the layers above it see clean codes.
        """,
    ),
    "corruption_level": (
        "float or sequence of float",
        """
        One level, or one for each layer: for 'gaussian' the standard deviation of the
        noise, in units of the root mean square of the layer's centred input; for the
        others the share of values that are changed, in [0, 1].
        """,
    ),
    "pretraining_max_iter": (
        "int",
        """
        Epochs of pretraining of each layer.
        """,
    ),
    "pretraining_learning_rate_init": (
        "float or 'auto'",
        """
        Learning rate of the pretraining, by `solver` ('adam' where that takes all
        rows at once), without decay of the weights. 'auto' is 0.003 for 'denoising'
        and 0.01 for 'rbm', where layers of a thousand units take less.
        """,
    ),
}
PRETRAINING_ATTRIBUTES = """\
pretraining_loss_curves_ : list of list of float or None
    For each layer the loss of each epoch of its pretraining; None without.
"""


def pretrain(estimator, sizes, activations, rows, scaling, generator, monitors_for):
    """Return the layers of a stack and the loss curve of each, as two lists.

    The parameters are those of `pretrain_layers`.
    """
    stack = pretrain_layers(
        estimator, sizes, activations, rows, scaling, generator, monitors_for
    )
    layers, curves = zip(*stack, strict=True)
    return list(layers), list(curves)


def pretrain_layers(
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
        Of the network that the stack unrolls into, a function of its output and
        ``rows.target``. None where there is no decoder to begin with; the layers then
        restore ``rows.x``.

    Yields
    ------
    layer : LearntLayer
    curve : list of float
        The loss of each epoch.

    Raises
    ------
    ValueError
        If a loss is not finite, or if the method cannot train such layers.
    """
    check_stack(estimator, activations)
    levels = corruption_levels(estimator, len(sizes))
    if estimator.pretraining == "denoising":
        warn_of_drowning(estimator.corruption, levels)
    below = [None] * len(sizes) if criterion is None else [None, *activations]
    for layer in map(LayerSpec, range(len(sizes)), sizes, activations, below, levels):
        drawn_on_cpu = make_generator(generator.initial_seed() + layer.index)
        task = METHODS[estimator.pretraining](
            estimator, layer, rows, scaling, drawn_on_cpu, criterion
        )
        with monitors_for(layer) as monitors:
            affine, curve = _train_layer(estimator, layer, task, generator, monitors)
        yield affine, curve
        codes = _encode(affine, layer.activation, rows.x)
        rows = Rows(codes, codes, rows.weight)


def check_stack(estimator, activations):
    """Refuse what no stack of layers can be pretrained by.

    Raises
    ------
    ValueError
        If the levels of corruption, or machines of such units, cannot be.
    """
    corruption_levels(estimator, len(activations))
    if estimator.pretraining == "rbm":
        check_rbm(estimator, activations)


def corruption_levels(estimator, n_layers):
    """Return the level of corruption of each layer.

    Raises
    ------
    ValueError
        If they are not one number, or one a layer, in the range of the corruption.
    """
    level = estimator.corruption_level
    one_for_all = _is_real(level) or isinstance(level, bool)
    levels = [level] * n_layers if one_for_all else list(level)
    limit = math.inf if estimator.corruption == "gaussian" else 1.0
    are_levels = all(_is_real(v) and 0 <= v <= limit for v in levels)
    if len(levels) != n_layers or not are_levels:
        raise ValueError(
            "The 'corruption_level' parameter must be one number, or one for each of "
            f"the {n_layers} layers, in [0, {limit:g}] for corruption="
            f"{estimator.corruption!r}. Got {level!r} instead."
        )
    return levels


def _is_real(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


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
    rate = estimator.pretraining_learning_rate_init
    max_iter = estimator.pretraining_max_iter
    if rate == "auto":
        rate = _DEFAULT_RATES[estimator.pretraining]
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
            f"layer {index + 1} with pretraining_learning_rate_init={rate}. Lower it, "
            "or check the scale of the data."
        )
    return False


@torch.no_grad()
def _encode(layer, activation, x):
    parts = x.split(4096)
    activate = ACTIVATIONS[activation]
    return torch.cat([activate(part @ layer.weight.T + layer.bias) for part in parts])
