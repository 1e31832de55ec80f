"""Gradients that are written out against autograd's."""

from types import SimpleNamespace

import engine
import numpy as np
import pytest
import torch
from objectives import FunctionCriterion, FunctionObjective
from sklearn.datasets import load_digits

import skae._training.loop
from skae import (
    AutoencoderTransformer,
    ConditionalVAE,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedDAEClassifier,
    StackedDAERegressor,
    VAETransformer,
)
from skae._functional.likelihoods import LIKELIHOODS, RowLikelihood
from skae._functional.losses import (
    LINKS,
    LOSSES,
    elementwise_loss,
    elementwise_with_gradient,
    softmax_log_loss,
    softmax_log_loss_with_gradient,
)
from skae._networks.activations import (
    ACTIVATION_GRADIENTS,
    ACTIVATIONS,
    activate,
    activation_gradients,
)
from skae._networks.dense import DenseAutoencoder
from skae._networks.layer_autoencoder import LayerAutoencoder
from skae._networks.layers import (
    MLP,
)
from skae._networks.predictor import StackedPredictor
from skae._networks.scaling import Scaling
from skae._networks.variational import VariationalAutoencoder
from skae._training.backward.dense import BallTape
from skae._training.backward.registry import make_tape
from skae._training.objective import ReconstructionObjective
from skae._training.state import FlatParameters

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}
WRITTEN = sorted(set(ACTIVATIONS) - {"maxout"})


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def disturb(network):
    """Give every parameter and buffer some value of its own."""
    network.initialize("xavier_uniform", torch.Generator().manual_seed(0))
    for i, parameter in enumerate(network.parameters()):
        parameter.data += 0.1 * normal(*parameter.shape, seed=i, dtype=parameter.dtype)
    if network.linear_path:
        for name in ("linear_encoder", "linear_decoder", "code_offset"):
            buffer = getattr(network, name)
            buffer.copy_(normal(*buffer.shape))
        network.code_scale.fill_(1.3)
        network.correction_scale.fill_(0.4)
        # Some rows and codes within, some beyond.
        network.input_radius.fill_(3.3)
        network.code_radius.fill_(2.5)
    return network.train()


def assert_equal_gradients(network, x, target):
    """Compare the gradients of a squared error, and what dropout draws."""
    parameters = FlatParameters(network)
    output = network(x, torch.Generator().manual_seed(1))
    (output - target).square().sum().backward()
    expected = parameters.gradient.clone()
    parameters.gradient.fill_(torch.nan)  # nothing may rest on what was there
    with torch.inference_mode():
        tape = make_tape(network)
        written = tape.forward(x, torch.Generator().manual_seed(1))
        tape.backward(2 * (written - target))
    error = (parameters.gradient - expected).abs().max() / expected.abs().max()
    assert error < TOLERANCES[x.dtype]


@pytest.mark.parametrize("activation", WRITTEN)
@pytest.mark.parametrize("linear_path", [True, False])
@pytest.mark.parametrize("tied_weights", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("dtype", list(TOLERANCES))
def test_dense_autoencoder(activation, linear_path, tied_weights, dropout, dtype):
    network = DenseAutoencoder(
        12,
        4,
        (9, 7),
        activation,
        linear_path=linear_path,
        tied_weights=tied_weights,
        dropout=dropout,
        code_activation="identity" if linear_path else activation,
    )
    x = normal(20, 12, dtype=dtype)
    assert_equal_gradients(disturb(network.to(dtype)), x, x)


@pytest.mark.parametrize("tied_weights", [True, False])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (9, 7)])
@pytest.mark.parametrize("of_codes", [True, False])
@pytest.mark.parametrize("of_features", [True, False])
def test_codes_and_columns_that_are_corrected_by_less(
    tied_weights, hidden_layer_sizes, of_codes, of_features
):
    network = DenseAutoencoder(
        12, 4, hidden_layer_sizes, "silu", linear_path=True, tied_weights=tied_weights
    )
    disturb(network.double())
    for name, some in (("code_share", of_codes), ("feature_share", of_features)):
        share = getattr(network, name)
        if some:
            share.copy_(torch.linspace(0, 1, len(share)))
    x = normal(20, 12)
    assert_equal_gradients(network, x, x)


@pytest.mark.parametrize("linear_path", [True, False])
def test_without_a_hidden_layer(linear_path):
    network = DenseAutoencoder(5, 2, (), "silu", linear_path=linear_path).double()
    x = normal(20, 5)
    assert_equal_gradients(disturb(network), x, x)


@pytest.mark.parametrize("activation", WRITTEN)
@pytest.mark.parametrize("dtype", list(TOLERANCES))
def test_stacked_predictor(activation, dtype):
    network = StackedPredictor(6, 3, (8, 5), activation, dropout=0.2).to(dtype)
    x, target = normal(20, 6, dtype=dtype), normal(20, 3, seed=1, dtype=dtype)
    assert_equal_gradients(disturb(network), x, target)


@pytest.mark.parametrize("activation", WRITTEN)
@pytest.mark.parametrize("below", WRITTEN)
def test_layer_of_a_stack(activation, below):
    network = LayerAutoencoder(6, 9, activation, below).double()
    network.linear_path = False  # for `disturb`
    x = normal(20, 6)
    assert_equal_gradients(disturb(network), x, x)


def test_rows_within_the_ball_are_left_alone():
    rows = normal(10, 4)
    tape = BallTape(100.0)
    assert tape.forward(rows) is rows
    assert tape.backward(rows) is rows


@pytest.mark.parametrize("options", [{"batch_norm": True}, {"activation": "maxout"}])
def test_what_is_not_written_out(options):
    options = {"activation": "silu", "linear_path": False, **options}
    assert make_tape(DenseAutoencoder(4, 2, (3,), **options)) is None


@pytest.mark.parametrize("activation", WRITTEN)
@pytest.mark.parametrize("dtype", list(TOLERANCES))
def test_activations(activation, dtype):
    h = (3 * normal(50, 40, dtype=dtype)).requires_grad_()
    gradient = normal(50, 40, seed=1, dtype=dtype)
    (expected,) = torch.autograd.grad(ACTIVATIONS[activation](h), h, gradient)
    _, of_gradient = activate(activation, h.detach().clone())
    written = ACTIVATION_GRADIENTS[activation](gradient, of_gradient)
    assert (written - expected).abs().max() < TOLERANCES[dtype]


@pytest.mark.parametrize("activation", WRITTEN)
@pytest.mark.parametrize("dtype", list(TOLERANCES))
def test_activations_without_private_kernels(activation, dtype):
    h = 3 * normal(50, 40, dtype=dtype)
    _, of_gradient = activate(activation, h)
    gradient = normal(50, 40, seed=1, dtype=dtype)
    expected = ACTIVATION_GRADIENTS[activation](gradient.clone(), of_gradient)
    written = activation_gradients(SimpleNamespace())[activation](gradient, of_gradient)
    assert written.data_ptr() == gradient.data_ptr()
    assert (written - expected).abs().max() < TOLERANCES[dtype]


def pairs():
    for loss in LOSSES:
        own = LOSSES[loss].link
        links = LINKS if LOSSES[loss].from_residual is not None else [own]
        yield from ((loss, link) for link in links if link != "exp" or link == own)


@pytest.mark.parametrize(("loss", "link"), list(pairs()))
def test_losses(loss, link):
    output = normal(30, 7).requires_grad_()
    target = torch.sigmoid(normal(30, 7, seed=1))
    value = elementwise_loss(loss, link, output, target, 1.7)
    (expected,) = torch.autograd.grad(value.sum(), output)
    output = output.detach()
    same, written = elementwise_with_gradient(
        loss, link, output, target, 1.7, factor=0.3
    )
    torch.testing.assert_close(same, value.detach(), rtol=1e-14, atol=0)
    assert (written - 0.3 * expected).abs().max() < 1e-12


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("per_row", [False, True])
def test_likelihoods(likelihood, per_row):
    X = np.random.RandomState(0).uniform(0.1, 0.9, size=(30, 7))
    link = LIKELIHOODS[likelihood].link
    log_density = RowLikelihood(likelihood, Scaling.fit(X, link))
    output, target = normal(30, 7).requires_grad_(), torch.from_numpy(X)
    dispersion = normal(7, seed=2).requires_grad_()
    factor = normal(30, 1).abs() if per_row else 0.25
    value = log_density(output, target, dispersion)
    loss = (value * torch.as_tensor(factor).double().reshape(-1)).sum()
    expected = torch.autograd.grad(loss, [output, dispersion], allow_unused=True)
    same, *written = log_density.with_gradient(
        output.detach(), target, dispersion.detach(), factor
    )
    torch.testing.assert_close(same, value.detach(), rtol=1e-14, atol=0)
    for ours, theirs in zip(written, expected, strict=True):
        assert (ours is None) == (theirs is None)
        assert ours is None or (ours - theirs).abs().max() < 1e-12


@pytest.mark.parametrize("likelihood", ["gaussian", "negative_binomial"])
def test_slope_of_the_dispersion(likelihood):
    network = VariationalAutoencoder(
        5, 2, (), "silu", linear_path=False, likelihood=likelihood
    ).double()
    with torch.no_grad():
        network.raw_dispersion.copy_(4 * normal(*network.raw_dispersion.shape))
    (expected,) = torch.autograd.grad(network.dispersion.sum(), network.raw_dispersion)
    assert (network.dispersion_slope - expected).abs().max() < 1e-12


def test_softmax_log_loss():
    output = normal(30, 4).requires_grad_()
    y = torch.nn.functional.one_hot(torch.arange(30) % 4).double()
    value = softmax_log_loss(output, y)
    (expected,) = torch.autograd.grad(value.sum(), output)
    same, written = softmax_log_loss_with_gradient(output.detach(), y, 0.3)
    torch.testing.assert_close(same, value.detach(), rtol=1e-14, atol=0)
    assert (written - 0.3 * expected).abs().max() < 1e-12


@pytest.mark.parametrize("link", LINKS)
def test_slope_of_the_outputs(link):
    X = np.random.RandomState(0).uniform(0.1, 0.9, size=(40, 3))
    scaling = Scaling.fit(X, link)
    u = (3 * normal(50, 3)).requires_grad_()  # beyond the ceiling, too
    (expected,) = torch.autograd.grad(scaling.outputs(u).sum(), u)
    written = scaling.outputs_slope(u.detach())
    assert (written - expected).abs().max() < 1e-12


# ----- whole fits ----------------------------------------------------------

SMALL = {
    "hidden_layer_sizes": (20, 10),
    "max_iter": 3,
    "precision": "float64",
    "early_stopping": False,
    "learning_rate_init": 1e-3,
    "random_state": 0,
}
# The textbook network: where a gradient is zero but for rounding, as it is at a linear
# path, Adam makes steps of the rounding.
AUTOENCODER = {**SMALL, "linear_path": None, "dropout": 0.1, "average": False}
SPARSE = {name: AUTOENCODER[name] for name in AUTOENCODER if name != "linear_path"}
# In nats gradients are of any size, and Adam makes steps of the smallest.
STACKED = {**SPARSE, "tied_weights": True}
VARIATIONAL = {**AUTOENCODER, "solver": "sgd", "learning_rate_init": 1e-5}
CONDITIONAL = {name: v for name, v in VARIATIONAL.items() if name != "linear_path"}


def fits():
    for loss in LOSSES:
        yield AutoencoderTransformer(5, loss=loss, **AUTOENCODER)
    for activation in WRITTEN:
        yield AutoencoderTransformer(5, activation=activation, **AUTOENCODER)
    for link in ("logistic", "tanh"):
        yield AutoencoderTransformer(5, out_activation=link, **AUTOENCODER)
    for options in (
        {"tied_weights": True},
        {"solver": "adam", "alpha": 1.0, "l1_ratio": 0.3},
        {"solver": "sgd", "max_norm": 1.0},
        {"average": True},
        {"linear_path": "pca", "solver": "sgd", "dropout": 0.0},
    ):
        yield AutoencoderTransformer(5, **{**AUTOENCODER, **options})
    for emphasis in ((1, 1), (1, 0.3), (0.5, 0.5)):
        yield DenoisingAutoencoder(5, emphasis=emphasis, **AUTOENCODER)
    for options in (
        {"sparsity": "kl"},
        {"sparsity": "kl", "hidden_layer_sizes": ()},
        {"sparsity": "l1"},
        {"sparsity": "l1", "tied_weights": True, "hidden_layer_sizes": ()},
    ):
        yield SparseAutoencoder(15, **{**SPARSE, **options})
    for likelihood in LIKELIHOODS:
        yield VAETransformer(5, likelihood=likelihood, **VARIATIONAL)
        yield ConditionalVAE(5, likelihood=likelihood, **CONDITIONAL)
    yield VAETransformer(5, noise_variance="per_feature", beta=3.0, **VARIATIONAL)
    yield VAETransformer(5, noise_variance=0.1, kl_warmup=2, **VARIATIONAL)
    yield VAETransformer(5, **{**VARIATIONAL, "linear_path": "ppca"})
    for loss in ("squared_error", "log_loss"):
        yield StackedAutoencoder(5, loss=loss, pretraining=None, **STACKED)
    for loss in ("squared_error", "log_loss"):
        yield StackedAutoencoder(5, loss=loss, pretraining_max_iter=2, **STACKED)
    yield StackedDAEClassifier(pretraining_max_iter=2, **SMALL)
    yield StackedDAEClassifier(pretraining=None, **SMALL)
    for loss in ("squared_error", "absolute_error", "huber"):
        yield StackedDAERegressor(loss=loss, pretraining=None, **SMALL)


def test_a_criterion_without_gradient_is_left_to_autograd():
    class Cubes(AutoencoderTransformer):
        def _make_criterion(self, scaling):
            return FunctionCriterion(
                lambda output, target: (output - target).abs() ** 3
            )

    X = np.random.RandomState(0).randn(60, 5)
    curve = Cubes(2, **AUTOENCODER).fit(X).loss_curve_
    assert curve[-1] < curve[0]


def test_an_objective_of_an_epoch_without_gradient_is_left_to_autograd():
    class Annealing(ReconstructionObjective):
        def in_epoch(self, epoch):
            return FunctionObjective(self.losses)

    class Annealed(AutoencoderTransformer):
        def _make_objective(self, criterion, corruption):
            return Annealing(criterion, corruption)

    X = np.random.RandomState(0).randn(60, 5)
    annealed = Annealed(2, **AUTOENCODER).fit(X).loss_curve_
    plain = AutoencoderTransformer(2, **AUTOENCODER).fit(X).loss_curve_
    np.testing.assert_allclose(annealed, plain, rtol=1e-10)


@pytest.mark.parametrize("far", [1, 100])
def test_rows_beyond_the_radius_have_codes_on_the_linear_path_too(far, monkeypatch):
    X = np.random.RandomState(0).randn(60, 5)
    X[0] *= far
    options = {**AUTOENCODER, "linear_path": "pca", "solver": "sgd", "dropout": 0.0}
    curves = []
    for written_out in (True, False):
        monkeypatch.setattr(skae._training.loop, "_WRITTEN_OUT", written_out)
        curves.append(AutoencoderTransformer(2, **options).fit(X).loss_curve_)
    np.testing.assert_allclose(*curves, rtol=1e-10)


def with_linear_path():
    options = {**AUTOENCODER, "linear_path": "pca"}
    yield AutoencoderTransformer(5, **options)
    yield AutoencoderTransformer(5, **{**options, "tied_weights": True})
    yield DenoisingAutoencoder(5, **options)
    for likelihood in LIKELIHOODS:
        options = {**VARIATIONAL, "linear_path": "ppca"}
        yield VAETransformer(5, likelihood=likelihood, **options)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("estimator", [*fits(), *with_linear_path()], ids=str)
def test_gradients_of_a_fit_are_equal(estimator, precision, monkeypatch):
    # Some rows, and some codes, are beyond.
    engine.set_constant(monkeypatch, "input radius", 0.8)
    engine.set_constant(monkeypatch, "code radius", 0.8)
    # Where a dispersion is large its gradient is rounding.
    monkeypatch.setattr(skae._networks.variational, "_MARGIN", 7.0)
    # With last layers of zeros the gradients of all before them are rounding.
    drawn = MLP.initialize
    monkeypatch.setattr(
        MLP, "initialize", lambda mlp, init, rng, **options: drawn(mlp, init, rng)
    )
    X, y = load_digits(return_X_y=True)
    X, y = X[:190] / 16, y[:190]
    loop, errors, shares = skae._training.loop, [], {}

    def compared(state, batch, plan, learning_rate, backpropagate):
        before, gradients = state.generator.get_state(), state.parameters.gradient
        gradients.fill_(torch.nan)  # nothing may rest on what was there
        backpropagate(batch)
        trained = [p for p in state.network.parameters() if p.requires_grad]
        written = [p.grad.clone() for p in trained]
        state.generator.set_state(before)
        with torch.inference_mode(False), torch.enable_grad():
            state.network.train()
            loop._by_autograd(state, plan, batch.apply(torch.clone))
        largest = max(float(p.grad.abs().max()) for p in trained)
        for ours, parameter in zip(written, trained, strict=True):
            size = float(parameter.grad.abs().max())
            name = id(state), id(parameter)
            shares[name] = max(shares.get(name, 0.0), size / largest)
            error = float((ours - parameter.grad).abs().max())
            # That of a variance is the difference of two large sums.
            least = largest if parameter.numel() == 1 else 0.01 * largest
            errors.append(error / max(size, least))
        state.optimizer.step(state.parameters, learning_rate)
        return {"reconstruction": torch.zeros(())}

    monkeypatch.setattr(loop, "gradient_step", compared)
    estimator.set_params(precision=precision).fit(X, y)
    assert min(shares.values()) > 0.003  # none of them has rounding for a gradient
    assert max(errors) < {"float64": 1e-12, "float32": 1e-5}[precision]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("estimator", list(fits()), ids=str)
def test_fits_are_equal(estimator, weighted, monkeypatch):
    X, y = load_digits(return_X_y=True)
    X, y = X[:190] / 16, y[:190]  # batches of 64 and 63 rows
    weight = np.random.RandomState(0).uniform(size=190) if weighted else None
    steps, gradient_step = [], skae._training.loop.gradient_step

    def watched(state, batch, plan, learning_rate, backpropagate):
        steps.append(torch.is_inference_mode_enabled())
        return gradient_step(state, batch, plan, learning_rate, backpropagate)

    monkeypatch.setattr(skae._training.loop, "gradient_step", watched)
    states, curves = [], []
    for written_out in (True, False):
        monkeypatch.setattr(skae._training.loop, "_WRITTEN_OUT", written_out)
        estimator.fit(X, y, sample_weight=weight)
        assert set(steps) == {written_out}
        steps.clear()
        states.append(estimator.network_.state_dict())
        curves.append(estimator.loss_curve_)
    assert len(curves[0]) == 4
    np.testing.assert_allclose(*curves, rtol=1e-10)
    for name, value in states[0].items():
        assert (value - states[1][name]).abs().max() < 1e-10, name
