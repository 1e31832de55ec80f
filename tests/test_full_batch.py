import warnings

import numpy as np
import pytest
import torch
from objectives import FunctionObjective
from scipy import optimize
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from torch import nn

from skae._networks.dense import DenseAutoencoder
from skae._training.data import Rows
from skae._training.full_batch import METHODS, minimize
from skae._training.loop import Plan
from skae._training.schedules import Constant
from skae._training.state import TrainingState

every_method = pytest.mark.parametrize("method", sorted(METHODS))


def make_rows(n=60, p=6, dtype=torch.float64):
    rng = np.random.RandomState(0)
    X = rng.randn(n, p) * np.linspace(2, 0.3, p)
    Y = X @ rng.randn(p, 2) + 0.3 * rng.randn(n, 2)
    return Rows(*(torch.from_numpy(A - A.mean(axis=0)).to(dtype) for A in (X, Y)))


def squared_error(network, rows, generator):
    return {"fit": (network(rows.x) - rows.target).square().sum(dim=1)}


def make_state(network, loss_scale=1.0):
    generator = torch.Generator().manual_seed(0)
    return TrainingState.begin(
        network.double(), None, generator, loss_scale=loss_scale, average=False
    )


def linear_network():
    network = nn.Linear(6, 2, bias=False)
    nn.init.zeros_(network.weight)
    return network


def solve(state, rows, method, objective=squared_error, tol=1e-9, monitors=(), **plan):
    plan = Plan(FunctionObjective(objective), len(rows), Constant(1.0, 1), **plan)
    return minimize(state, rows, plan, method, 500, tol, monitors)


@every_method
@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_a_linear_network_converges_to_ridge_regression(method, alpha):
    rows, state = make_rows(), make_state(linear_network(), loss_scale=7.0)
    # Scaled: loss / 7 + a / 2 ||W||^2 is the ridge objective for n 7 a / 2.
    assert solve(state, rows, method, alpha=2 * alpha / (60 * 7.0))
    oracle = Ridge(alpha=alpha, fit_intercept=False).fit(*(t.numpy() for t in rows[:2]))
    weight = state.network.weight.detach().numpy()
    np.testing.assert_allclose(weight, oracle.coef_, atol=1e-6)


@every_method
def test_it_takes_as_many_iterations_as_scipy_on_the_same_function(method):
    rows = make_rows()
    X, Y = rows.x.numpy(), rows.target.numpy()

    def function(flat):
        residual = X @ flat.reshape(2, 6).T - Y
        return np.square(residual).sum() / 60, 2 * (residual.T @ X).ravel() / 60

    options = {"gtol": 1e-6, "maxiter": 500}
    oracle = optimize.minimize(
        function, np.zeros(12), jac=True, method=METHODS[method], options=options
    )
    state = make_state(linear_network())
    solve(state, rows, method, tol=1e-6)
    assert abs(state.epoch - oracle.nit) <= 2


@every_method
def test_a_linear_autoencoder_spans_the_subspace_of_pca(method):
    x = make_rows().x
    network = DenseAutoencoder(6, 2, (), "identity", linear_path=False)
    network.initialize("normal", torch.Generator().manual_seed(0))
    state = make_state(network)
    solve(state, Rows(x, x), method)
    axes = PCA(2).fit(x.numpy()).components_
    with torch.no_grad():
        reconstruction = network(x).numpy()
    np.testing.assert_allclose(reconstruction, x.numpy() @ axes.T @ axes, atol=1e-5)
    decoder = np.linalg.qr(network.g.layers[0].weight.detach().numpy())[0]
    np.testing.assert_allclose(decoder @ decoder.T, axes.T @ axes, atol=1e-5)


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_history_is_the_loss_and_never_rises(method, dtype):
    rows = make_rows(dtype=dtype)
    generator = torch.Generator()
    state = TrainingState.begin(
        linear_network().to(dtype), None, generator, loss_scale=3.0, average=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve(state, rows, method, tol=1e-4)
    losses = state.history["loss"]
    assert len(losses) == state.epoch > 2
    assert (np.diff(losses) <= 1e-6).all()
    last = (state.network(rows.x) - rows.target).square().sum(dim=1).mean()
    assert losses[-1] == pytest.approx(float(last.detach()), rel=1e-5)


@every_method
def test_the_history_has_each_term_and_the_penalty(method):
    def objective(network, rows, generator):
        error = squared_error(network, rows, generator)["fit"]
        return {"fit": error, "size": network(rows.x).square().sum(dim=1)}

    state = make_state(linear_network(), loss_scale=3.0)
    solve(state, make_rows(), method, objective, alpha=0.1)
    history = state.history
    assert set(history) == {"loss", "fit", "size", "penalty"}
    for loss, *terms in zip(*history.values(), strict=True):
        assert loss == pytest.approx(sum(terms))
    squares = float(state.network.weight.detach().square().sum())
    assert history["penalty"][-1] == pytest.approx(3.0 * 0.05 * squares)


@every_method
def test_noise_is_one_draw_for_the_whole_fit(method):
    def noisy(network, rows, generator):
        noise = torch.randn(rows.x.shape, generator=generator, dtype=rows.x.dtype)
        return squared_error(network, Rows(rows.x + noise, rows.target), None)

    rows, state = make_rows(), make_state(linear_network())
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(rows.x.shape, generator=generator, dtype=torch.float64)
    assert solve(state, rows, method, noisy)
    expected, *_ = np.linalg.lstsq((rows.x + noise).numpy(), rows.target.numpy())
    weight = state.network.weight.detach().numpy()
    np.testing.assert_allclose(weight, expected.T, atol=1e-6)


@every_method
def test_weights_equal_repetitions(method):
    counts = torch.arange(60) % 3 + 1
    rows = make_rows()
    weighted = Rows(rows.x, rows.target, counts / counts.double().mean())
    repeated = rows.apply(lambda t: t.repeat_interleave(counts, dim=0))
    states = make_state(linear_network()), make_state(linear_network())
    for state, data in zip(states, (weighted, repeated), strict=True):
        solve(state, data, method)
    one, other = (state.parameters.values for state in states)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


@every_method
def test_a_monitor_stops_the_solver(method):
    epochs = []

    def stop_at_two(state):
        epochs.append(state.epoch)
        return state.epoch == 2

    state = make_state(linear_network())
    assert solve(state, make_rows(), method, monitors=[stop_at_two])
    assert epochs == [1, 2] and state.epoch == 2
    assert not state.network.training


@every_method
def test_too_few_iterations_are_reported(method):
    state = make_state(linear_network())
    plan = Plan(FunctionObjective(squared_error), 60, Constant(1.0, 1))
    assert not minimize(state, make_rows(), plan, method, 1, 1e-9, [])
    assert state.epoch == 1


@every_method
def test_it_repeats_bit_for_bit(method):
    results = []
    for _ in range(2):
        state = make_state(linear_network())
        solve(state, make_rows(), method)
        results.append(state.parameters.values)
    assert torch.equal(*results)
