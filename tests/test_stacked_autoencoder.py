"""The stack unrolled: what it begins with, what fine-tuning and the user make of it."""

import pickle

import engine
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from benchmarks import deep_autoencoder, mnist
from benchmarks.__main__ import main
from benchmarks.datasets import Split
from skae import StackedAutoencoder
from skae._networks.activations import ACTIVATIONS
from skae._networks.unrolled import UnrolledAutoencoder

X, y = load_digits(return_X_y=True)
X = X / 16
SMALL = {"hidden_layer_sizes": (32, 16), "max_iter": 3, "random_state": 0}
RBM = {"pretraining": "rbm", "activation": "logistic"}


def start_of(X, **parameters):
    """Return the `Start` of a fit to X, and the layers that it was unrolled from."""
    estimator = StackedAutoencoder(6, **{**SMALL, **parameters})
    with pytest.MonkeyPatch.context() as patch:
        layers = engine.watch_layers(patch)
        samples, _ = engine.check_samples(estimator, X)
        return engine.initialize(estimator, samples), layers


def composed(layers, x, activation):
    """Encode and decode layer by layer, as the layers' own autoencoders do."""
    *hidden, code = layers
    h = x
    for layer in hidden:
        h = ACTIVATIONS[activation](h @ layer.weight.T + layer.bias)
    h = h @ code.weight.T + code.bias
    for layer in layers[:0:-1]:
        h = h @ layer.decoder_weight.T + layer.decoder_bias
        h = ACTIVATIONS[activation](h)
    return h @ layers[0].decoder_weight.T + layers[0].decoder_bias


@pytest.mark.parametrize(
    ("parameters", "most"),
    [
        ({}, 0.55),
        ({"activation": "maxout"}, 0.55),
        ({"loss": "log_loss"}, 0.55),
        ({"tied_weights": True}, 0.55),
        ({"corruption": "swap", "corruption_level": (0.1, 0.2, 0.0)}, 0.55),
        (RBM, 0.8),
        ({**RBM, "loss": "log_loss"}, 0.8),
        ({**RBM, "visible_units": "gaussian"}, 0.8),
    ],
    ids=str,
)
def test_the_start_is_the_composition_of_the_layers(parameters, most):
    start, layers = start_of(X, **parameters)
    scaling, network = start.scaling, start.network
    u = scaling.to_network(X, torch.float32)
    x = torch.from_numpy((X - scaling.mean) / scaling.residual_scale).float()
    with torch.no_grad():
        output = network(u)
        if not parameters.get("tied_weights"):
            activation = parameters.get("activation", "silu")
            wanted = composed(layers, x, activation)
            torch.testing.assert_close(output, wanted, rtol=1e-3, atol=1e-4)
        restored = scaling.to_data(output.double()).numpy()
    unexplained = np.square(restored - X).sum() / np.square(X - scaling.mean).sum()
    assert unexplained < most


def test_machines_of_the_paper_are_reproduced_by_the_unrolled_network():
    """Bernoulli units up to the linear code: decoding is the machines' own."""
    start, layers = start_of(X, loss="log_loss", **RBM)
    first = layers[0]
    scaling = start.scaling
    with torch.no_grad():
        # Of X itself: the scaling of the rows is undone.
        weight = first.weight / scaling.residual_scale
        bias = first.bias - weight @ torch.from_numpy(scaling.mean).float()
        hidden = torch.sigmoid(torch.from_numpy(X).float() @ weight.T + bias)
        logits = hidden @ weight + _visible_bias(first, scaling)
        u = hidden @ first.decoder_weight.T + first.decoder_bias
    torch.testing.assert_close(scaling.outputs(u).float(), logits, rtol=1e-3, atol=1e-3)


def _visible_bias(layer, scaling):
    return (layer.decoder_bias * scaling.scale + scaling.center).float()


def test_the_decoder_begins_as_the_transpose():
    network = UnrolledAutoencoder(5, 2, (4,), "tanh")
    weights = [torch.randn(4, 5), torch.randn(2, 4)]
    layers = [engine.layer_of(w, w.T) for w in weights]
    network.unroll(layers[:1])
    assert torch.equal(network.f.layers[0].weight, weights[0])
    assert torch.equal(network.g.layers[1].weight, weights[0].T)
    assert not network.f.layers[1].weight.any()  # not given
    network.unroll(layers)
    assert torch.equal(network.g.layers[0].weight, weights[1].T)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_the_network_undoes_the_link_of_its_rows(loss):
    estimator = StackedAutoencoder(6, loss=loss, out_activation="logistic", **SMALL)
    estimator.fit(X)
    network, scaling = estimator.network_.double(), estimator._scaling
    x = torch.from_numpy((X - scaling.mean) / scaling.residual_scale)
    with torch.no_grad():
        ours = network.encode(scaling(torch.from_numpy(X)))
        torch.testing.assert_close(ours, network.f(x), rtol=1e-5, atol=1e-5)


def test_fine_tuning_improves_on_the_start():
    fitted = StackedAutoencoder(6, **{**SMALL, "max_iter": 20}).fit(X)
    assert fitted.best_loss_ < 0.7 * fitted.validation_loss_curve_[0]


def test_a_deep_logistic_network_learns_only_from_pretrained_layers():
    deep = {"hidden_layer_sizes": (100, 60, 30), "max_iter": 10, "random_state": 0}
    deep |= {"activation": "logistic", "loss": "log_loss"}
    with_machines = StackedAutoencoder(6, pretraining="rbm", **deep).fit(X)
    without = StackedAutoencoder(6, pretraining=None, **deep).fit(X)
    assert 1 - with_machines.score(X) < 0.6 * (1 - without.score(X))


def test_curves_of_the_pretraining():
    fitted = StackedAutoencoder(6, pretraining_max_iter=4, **SMALL).fit(X)
    assert [len(curve) for curve in fitted.pretraining_loss_curves_] == [4, 4, 4]
    assert all(curve[-1] < curve[0] for curve in fitted.pretraining_loss_curves_)
    plain = StackedAutoencoder(6, pretraining=None, **SMALL).fit(X)
    assert plain.pretraining_loss_curves_ is None


def test_n_components_is_the_code_beyond_the_hidden_layers():
    fitted = StackedAutoencoder(**{**SMALL, "max_iter": 1}).fit(X)
    assert fitted.n_components_ == 32
    shapes = [tuple(layer.weight.shape) for layer in fitted.network_.f.layers]
    assert shapes == [(32, 64), (16, 32), (32, 16)]


def test_a_warm_start_does_not_pretrain_again():
    fitted = StackedAutoencoder(6, warm_start=True, **SMALL).fit(X)
    curves = fitted.pretraining_loss_curves_
    fitted.fit(X)
    assert fitted.pretraining_loss_curves_ is curves
    assert fitted.n_iter_ == 6
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter was changed"):
        fitted.set_params(hidden_layer_sizes=(8,)).fit(X)


def test_only_the_first_partial_fit_pretrains():
    fitted = StackedAutoencoder(6, **SMALL).partial_fit(X[:500])
    curves, score = fitted.pretraining_loss_curves_, fitted.score(X)
    assert len(curves) == 3
    for _ in range(5):
        fitted.partial_fit(X[500:])
    assert fitted.pretraining_loss_curves_ is curves
    assert fitted.score(X) > score


# ----- callbacks, interrupts ---------------------------------------------------------


class Recorder:
    """Keeps the names of the tasks; interrupts in an epoch of one of them."""

    def __init__(self, interrupt=None, after=1):
        self.interrupt, self.after = interrupt, after
        self.tasks = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        parent = context.parent.task_name if context.parent else None
        self.tasks.append((parent, context.task_name, fitted_estimator))
        ended = [task[0] for task in self.tasks].count(self.interrupt)
        if parent is not None and parent == self.interrupt and ended == self.after:
            raise KeyboardInterrupt
        return False


def test_each_layer_and_the_fine_tuning_are_tasks():
    recorder = Recorder()
    estimator = StackedAutoencoder(6, pretraining_max_iter=2, **SMALL)
    estimator.set_callbacks(recorder).fit(X)
    parts = [f"pretraining layer {i}" for i in (1, 2, 3)] + ["fine-tuning"]
    assert [task for parent, task, _ in recorder.tasks if parent == "fit"] == parts
    epochs = [parent for parent, task, _ in recorder.tasks if task == "epoch"]
    assert [epochs.count(part) for part in parts] == [2, 2, 2, 3]
    seen = [e for parent, _, e in recorder.tasks if parent == "fine-tuning"]
    assert all(len(e.pretraining_loss_curves_) == 3 for e in seen)


def test_without_pretraining_epochs_are_the_tasks_of_the_fit():
    recorder = Recorder()
    estimator = StackedAutoencoder(6, pretraining=None, **SMALL)
    estimator.set_callbacks(recorder).fit(X)
    assert [task[:2] for task in recorder.tasks] == [("fit", "epoch")] * 3 + [
        (None, "fit")
    ]


def test_progress_and_verbose_show_the_layers(capsys):
    estimator = StackedAutoencoder(6, verbose=True, pretraining_max_iter=2, **SMALL)
    estimator.fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[StackedAutoencoder, pretraining layer 1] epoch 1: ")
    assert lines[5].startswith("[StackedAutoencoder, pretraining layer 3] epoch 2: ")
    assert lines[6].startswith("[StackedAutoencoder] epoch 1: loss ")
    clone(estimator).set_params(verbose=False).set_callbacks(ProgressBar()).fit(X)
    out = capsys.readouterr().out
    assert "pretraining layer 3" in out and "fine-tuning" in out


@pytest.mark.parametrize(
    ("part", "n_layers"), [("pretraining layer 2", 1), ("fine-tuning", 3)]
)
def test_an_interrupted_fit_keeps_the_layers_so_far(part, n_layers):
    estimator = StackedAutoencoder(6, pretraining_max_iter=2, **SMALL)
    estimator.set_callbacks(Recorder(interrupt=part))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    assert len(estimator.pretraining_loss_curves_) == n_layers
    assert np.isfinite(estimator.transform(X)).all()
    assert estimator.loss_curve_[1:] == [] or part == "fine-tuning"


def test_an_interrupted_refit_keeps_the_model_before():
    estimator = StackedAutoencoder(6, pretraining_max_iter=2, **SMALL).fit(X)
    before, curves = estimator.transform(X), estimator.pretraining_loss_curves_
    estimator.set_callbacks(Recorder(interrupt="pretraining layer 2"))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:, :9])
    assert_array_equal(estimator.transform(X), before)
    assert estimator.pretraining_loss_curves_ == curves


def test_an_interrupted_partial_fit_leaves_nothing(monkeypatch):
    engine.interrupt_at(monkeypatch, "layer")
    estimator = StackedAutoencoder(6, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        estimator.partial_fit(X)
    assert not hasattr(estimator, "network_")


# ----- bad parameters ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"pretraining": "rbm"},
            "Use activation='logistic', or pretraining='denoising'",
        ),
        ({**RBM, "tied_weights": True}, "Use tied_weights=False"),
        ({"corruption_level": (0.1, 0.2)}, "one for each of the 3 layers"),
        ({"corruption_level": 1.2}, r"in \[0, 1\] for corruption='masking'"),
        ({"pretraining": "boltzmann"}, "'pretraining' parameter of StackedAuto"),
        ({"visible_units": "binary"}, "'visible_units' parameter of StackedAuto"),
        (
            {"pretraining_learning_rate_init": 0},
            "'pretraining_learning_rate_init' param",
        ),
        ({"activation": "maxout", "tied_weights": True}, "Use tied_weights=False"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters, message):
    estimator = StackedAutoencoder(6, **{**SMALL, **parameters})
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)
    assert not hasattr(estimator, "network_")


def test_bernoulli_units_outside_the_unit_interval_are_refused():
    estimator = StackedAutoencoder(6, visible_units="bernoulli", **RBM, **SMALL)
    with pytest.raises(ValueError, match="'visible_units' parameter is 'bernoulli'"):
        estimator.fit(16 * X)
    estimator.set_params(visible_units="auto").fit(16 * X)


@pytest.mark.filterwarnings("ignore:overflow")
def test_pretraining_that_diverges_is_told():
    estimator = StackedAutoencoder(
        6, solver="sgd", pretraining_learning_rate_init=1e30, **SMALL
    )
    with pytest.raises(ValueError, match="pretraining of layer 1 .*Lower it"):
        estimator.fit(X)


# ----- among scikit-learn's tools ----------------------------------------------------


def test_pipeline_and_grid_search():
    pipeline = make_pipeline(
        StackedAutoencoder(**{**SMALL, "pretraining_max_iter": 2}),
        LogisticRegression(max_iter=200),
    )
    grid = {"stackedautoencoder__n_components": [2, 12]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X[:600], y[:600])
    assert search.best_params_ == {"stackedautoencoder__n_components": 12}


@pytest.mark.parametrize("parameters", [{}, {**RBM, "loss": "log_loss"}], ids=str)
def test_frames_dtypes_and_pickles(parameters):
    frame = pd.DataFrame(X[:300].astype("float32"))
    frame.columns = [f"pixel{i}" for i in range(64)]
    fitted = StackedAutoencoder(4, **SMALL, **parameters).set_output(transform="pandas")
    codes = fitted.fit(frame).transform(frame)
    assert list(codes.columns) == [f"stackedautoencoder{i}" for i in range(4)]
    assert set(codes.dtypes) == {np.dtype("float32")}
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.transform(frame), codes)
    assert loaded.pretraining_loss_curves_ == fitted.pretraining_loss_curves_


def test_rows_of_weight_two_weigh_more_in_the_pretraining():
    weight = np.where(y < 5, 10.0, 0.1)
    plain, weighted = (
        StackedAutoencoder(6, **SMALL).fit(X, sample_weight=w) for w in (None, weight)
    )
    assert plain.score(X[y >= 5]) > weighted.score(X[y >= 5])
    curves = plain.pretraining_loss_curves_, weighted.pretraining_loss_curves_
    assert curves[0] != curves[1]


# ----- the published figure ----------------------------------------------------------


def test_the_command_prints_target_and_result(monkeypatch, capsys):
    rows = np.repeat(X, 2, axis=0).astype("float32")
    split = Split(rows, rows[::9], None, None)
    monkeypatch.setattr(mnist, "load", lambda openml: split)
    monkeypatch.setattr(deep_autoencoder, "_WIDTHS", (20,))
    main(["deep", "--max-iter", "2", "--pretraining-max-iter", "1"])
    out = capsys.readouterr().out
    assert "| pretraining: rbm | at most 3.0 (paper: 3.00) |" in out
    assert "| PCA | 13.87 in the paper |" in out


def test_the_squared_error_is_summed_over_the_features():
    assert deep_autoencoder.squared_error(np.ones((3, 4)), np.zeros((3, 4))) == 4.0
    assert_allclose(deep_autoencoder.squared_error(X, X + 0.5), 16.0)
