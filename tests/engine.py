"""The engine as the tests see it: no other module here imports `skae._engine`.

Tests state what they need as an estimator and arrays; what the engine is called with
is known here alone. Constants and steps of it are replaced by the names below.
"""

from types import SimpleNamespace

import numpy as np
import torch

from skae._engine import (
    code_statistics,
    config,
    dataset,
    evaluation,
    fit,
    fused,
    inference,
    initialization,
    restarts,
    run,
    trainer,
)
from skae._engine.pretraining import denoising_layer, greedy, rbm_layer
from skae._engine.progress import ProgressReporter
from skae._estimators.base import autoencoder_fitting, validation
from skae._parameters import shared
from skae._training import criterion as criteria
from skae._training.early_stopping import DivergedError

CPU = torch.device("cpu")

# Functions of tensors and arrays, without an estimator.
fold = fused.fold
statistics_of_codes = code_statistics.code_statistics
redrawn = initialization.redrawn
ContrastiveDivergence = rbm_layer.ContrastiveDivergence
default_hidden_layer_sizes = shared.default_hidden_layer_sizes
PRETRAINING_METHODS = tuple(greedy.METHODS)


# ----- samples -----------------------------------------------------------------


def samples_of(X, target=None, weight=None, y=None):
    """Return validated samples; `target` is X itself by default."""
    return dataset.Samples(X, X if target is None else target, weight, y)


def check_samples(estimator, X, **given):
    """Validate what `fit` is given; return training and validation samples."""
    others = {"X_target": None, "X_val": None, "sample_weight": None, **given}
    return validation.check_samples(estimator, X, reset=True, **others)


def check_partial_fit(estimator):
    estimator._check_partial_fit()


def n_components_of(estimator, X, weight=None):
    """Return the number of components of a fit to X."""
    samples = samples_of(X, weight=weight)
    return validation.resolve_n_components(estimator, samples, seed=0)


def hidden_layer_sizes_of(estimator, shape):
    """Return the widths of the network of a fit to data of `shape`."""
    return validation.hidden_layer_sizes(estimator, shape)


# ----- rows in the network's space -----------------------------------------------


def training_rows(scaling, samples, dtype=torch.float64):
    """Return samples as the tensors that are trained on."""
    return dataset.make_rows(scaling, samples, dtype, CPU)


def rows_of_the_start(scaling, X, dtype=torch.float64):
    """Return the tensor that a linear path is computed from."""
    return dataset.ScaledRows(scaling, samples_of(X), dtype).x


def criterion_of(loss, scaling):
    """Return the elementwise loss of a network's output."""
    return criteria.ScaledLoss(loss, scaling)


def corruption_of(estimator, X):
    """Return the noise of a fitted denoiser, a function of rows and a generator."""
    rows = dataset.ScaledRows(estimator._scaling, samples_of(X))
    return estimator._make_corruption(rows)


# ----- where a fit begins ----------------------------------------------------------


def initialize(estimator, samples, *, correction=True):
    """Return where a fit begins: an object with `network`, `scaling`, `corruption`."""
    resolved = _resolve(estimator, samples)
    model, configuration, n_components = resolved
    start = initialization.initialize(
        model, configuration, samples, n_components, correction=correction
    )
    if model.pretrain is not None:
        progress = ProgressReporter(configuration.name, verbose=False)
        model.pretrain(configuration, start, samples, progress)
    return start


def mean_loss(estimator, start, samples, network=None):
    """Return the mean loss before training, of `network` or of the start's."""
    trained = make_trainer(estimator, start, samples)
    return trained.start_loss if network is None else trained.mean_loss(network)


def make_trainer(estimator, start, samples, validation=None):
    """Return what trains an estimator's network from a start."""
    model, configuration, _ = _resolve(estimator, samples)
    return trainer.Trainer.prepare(
        configuration, model.objective, start, samples, validation
    )


def network_to_train(estimator):
    """Return a fitted estimator's network with the correction it may lack."""
    return fit.with_correction(estimator.network_, estimator.init, estimator._seed)


def _resolve(estimator, samples):
    """Return model, configuration and number of components of a fit."""
    return estimator._resolve(samples, None, 0, warm=False)


# ----- training ----------------------------------------------------------------------


def batch_size_of(estimator, n_samples):
    """Return the number of rows of a batch."""
    return config.resolve_batch_size(estimator.batch_size, n_samples)


def config_of(estimator, n_samples=10, seed=0):
    """Return what an estimator's parameters resolve to."""
    return config.resolve_config(
        type(estimator).__name__,
        estimator.get_params(deep=False),
        torch.nn.Linear(2, 2),
        n_samples,
        seed,
        decay_without_path=estimator._decay_without_path,
    )


def plan_of(estimator, count, first_epoch=0):
    """Return the plan of a fit to samples whose weights sum to `count`."""
    return config.make_plan(config_of(estimator), None, 10, count, first_epoch)


def optimizer_of(estimator, network, count, *, rough=False):
    """Return a function that makes the optimizer, None for a full-batch solver."""
    configuration = config_of(estimator)
    alpha = config.resolve_alpha(configuration, network, count, rough=rough)
    return config.make_optimizer(configuration, alpha, count)


class CrossValidation:
    """Losses of rows by networks that are trained without them."""

    def __init__(self, estimator, X, sample_weight=None):
        samples, _ = check_samples(estimator, X, sample_weight=sample_weight)
        model, configuration, n_components = _resolve(estimator, samples)
        self._folds = fit._cross_validation(model, configuration, samples, n_components)

    @property
    def weight(self):
        """Weights of the rows in the order of the losses."""
        return self._folds.weight.numpy()

    def losses_at_the_start(self):
        return self._folds.start_losses(None).numpy()

    def losses_after_an_epoch(self):
        return self._folds.measure(None).numpy()


def make_codec(scaling, network, head, n_threads=None):
    """Return what encodes and decodes arrays."""
    return inference.Codec(scaling, network, head, CPU, n_threads)


# ----- pretraining -------------------------------------------------------------------


def layer_spec(index, width, activation, below=None, level=0.0):
    """Return the description of one layer of a stack."""
    return denoising_layer.LayerSpec(index, width, activation, below, level)


def layer_of(encoder_weight, decoder_weight):
    """Return a pretrained layer, with biases of one and of zero."""
    biases = torch.ones(len(encoder_weight)), torch.zeros(())
    return denoising_layer.LearnedLayer(
        encoder_weight, biases[0], decoder_weight, biases[1]
    )


def denoising_task(estimator, layer, rows, scaling, generator, criterion=None):
    """Return what a denoising layer is trained on, and what it becomes."""
    return denoising_layer.denoising_layer(
        *_pretraining_of(estimator, layer), layer, rows, scaling, generator, criterion
    )


def rbm_task(estimator, layer, rows, scaling, generator, criterion=None):
    """Return what a Boltzmann machine is trained on, and what it becomes."""
    return rbm_layer.rbm_layer(
        *_pretraining_of(estimator, layer), layer, rows, scaling, generator, criterion
    )


def _pretraining_of(estimator, layer):
    parameters = estimator.get_params(deep=False)
    return greedy.resolve_pretraining(parameters, [layer.activation]), estimator.init


def pretrain(estimator, sizes, activations, rows, scaling, generator, monitors):
    """Yield each layer of a stack and its loss curve, trained when asked for."""
    parameters, seed = estimator.get_params(deep=False), generator.initial_seed()
    return greedy.pretrain_layers(
        config_of(estimator, len(rows), seed),
        greedy.resolve_pretraining(parameters, activations),
        sizes,
        activations,
        rows,
        scaling,
        SimpleNamespace(pretraining=lambda layer, max_iter: monitors(layer)),
    )


def corruption_levels(estimator, n_layers):
    """Return the level of the corruption of each layer."""
    return greedy.corruption_levels(
        estimator.corruption, estimator.corruption_level, n_layers
    )


# ----- what tests replace ------------------------------------------------------------

_CONSTANTS = {
    "rows of codes at a time": (code_statistics, "_CHUNK"),
    "largest readout": (code_statistics, "_LARGEST_READOUT"),
    "largest Gram matrix": (code_statistics, "_LARGEST_GRAM"),
    "sparse rows at a time": (inference, "_SPARSE_CHUNK"),
    "values for float32 starts": (dataset, "_MANY_NUMBERS"),
    "input radius": (initialization, "_INPUT_RADIUS"),
    "code radius": (initialization, "_CODE_RADIUS"),
    "values for a rough start": (restarts, "_FEW_VALUES"),
    "values for a textbook start": (restarts, "_MANY_VALUES"),
}
_STEPS = {
    "set-up": (autoencoder_fitting, "resolve_n_components"),
    "layer": (greedy, "_train_layer"),
    "solver": (run, "_run_solver"),
    "further start": (trainer.Trainer, "restart"),
}


def set_constant(monkeypatch, name, value):
    """Replace a threshold of the engine, so that small data are beyond it."""
    monkeypatch.setattr(*_CONSTANTS[name], value)


def interrupt_at(monkeypatch, step):
    """Let the user interrupt at a step that no callback is told of."""

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(*_STEPS[step], interrupt)


def refuse_cross_validation(monkeypatch):
    """Let fits that cross-validate their epochs fail."""
    monkeypatch.setattr(evaluation.CrossValidatedEvaluator, "prepare", None)


def set_further_starts(monkeypatch, kinds):
    """Let all fits train the given kinds of starts after the first."""
    monkeypatch.setattr(restarts, "_further_kinds", lambda *_: kinds)


def let_starts_diverge(monkeypatch, failing):
    """Let the starts with the given indices, from 0, end without a network."""
    train = restarts.run

    def diverge(trained, monitors):
        if trained.index - 1 in failing:
            raise DivergedError(f"start {trained.index}")
        train(trained, monitors)

    monkeypatch.setattr(restarts, "run", diverge)


def call_after_training(monkeypatch, function):
    """Call a function without arguments at the end of each start's epochs."""
    train = restarts.run

    def run_and_call(trained, monitors):
        train(trained, monitors)
        function()

    monkeypatch.setattr(restarts, "run", run_and_call)


def watch_rows(monkeypatch):
    """Return a list that collects X of training samples and of validation samples."""
    seen, make_rows = [], trainer.make_rows

    def spy(scaling, samples, *args):
        seen.append(np.array(samples.X))
        return make_rows(scaling, samples, *args)

    monkeypatch.setattr(trainer, "make_rows", spy)
    return seen


def watch_layers(monkeypatch):
    """Return a list that collects the layers of a stack as they are pretrained."""
    layers, train_layer = [], greedy._train_layer

    def keep(*args):
        layer, curve = train_layer(*args)
        layers.append(layer)
        return layer, curve

    monkeypatch.setattr(greedy, "_train_layer", keep)
    return layers
