from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from benchmarks import __main__, contractive
from skae import ContractiveAutoencoder
from skae._estimators.dense.contractive import (
    _SLOPES,
    ContractiveObjective,
    squared_norms,
)
from skae._networks.activations import ACTIVATIONS
from skae._networks.dense import DenseAutoencoder
from skae._training.criterion import SquaredError

N_FEATURES = 7


def make_generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=6):
    return torch.randn(n, N_FEATURES, generator=make_generator(), dtype=torch.float64)


def make_network(n_components=3, hidden_layer_sizes=(), **options):
    options = {"activation": "tanh", "code_activation": "logistic", **options}
    network = DenseAutoencoder(
        N_FEATURES,
        n_components,
        hidden_layer_sizes,
        linear_path=False,
        **options,
    ).double()
    generator = make_generator(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.7, generator=generator)
    for name, buffer in network.named_buffers():
        if "running" in name:
            torch.nn.init.uniform_(buffer, 0.5, 2, generator=generator)
    return network.eval()


def jacobian_by_autograd(network, x, **options):
    """Of shape (n_rows, n_components, n_features)."""
    jacobian = torch.autograd.functional.jacobian
    return jacobian(lambda x: network.encode(x).sum(dim=0), x, **options).swapaxes(0, 1)


def norms_by_autograd(network, x, **options):
    return jacobian_by_autograd(network, x, **options).square().sum(dim=(1, 2))


def norms_of(network, x):
    return squared_norms(network, x, network.encode(x), make_generator())


@pytest.mark.parametrize("tied_weights", [False, True])
@pytest.mark.parametrize("code_activation", list(_SLOPES))
def test_the_closed_form_is_autograds_jacobian(code_activation, tied_weights):
    network = make_network(
        5, code_activation=code_activation, tied_weights=tied_weights
    )
    expected = norms_by_autograd(network, rows())
    assert_allclose(norms_of(network, rows()).detach(), expected, rtol=1e-12)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_few_codes_of_a_deep_encoder_are_exact(activation, batch_norm):
    network = make_network(
        4, (6, 5), activation=activation, batch_norm=batch_norm, dropout=0.5
    )
    expected = norms_by_autograd(network, rows())
    codes = network.encode(rows())
    for training in (False, True):
        # In training, too, the encoder is the one that `transform` uses.
        network.train(training)
        norms = squared_norms(network, rows(), codes, make_generator())
        assert_allclose(norms.detach(), expected, rtol=1e-12)
        assert network.training == training


def test_of_many_codes_a_row_has_an_estimate():
    network = make_network(6, (5,))
    exact = norms_by_autograd(network, rows())
    first, second = norms_of(network, rows()), norms_of(network, rows())
    assert torch.equal(first, second)
    assert not torch.allclose(first, exact)


@pytest.mark.parametrize("hidden_layer_sizes", [(), (5,)])
def test_the_gradient_is_that_of_autograds_norm(hidden_layer_sizes):
    network = make_network(3, hidden_layer_sizes)
    parameters = list(network.f.parameters())
    # The last bias moves the code, and so its slopes.
    ours = torch.autograd.grad(norms_of(network, rows()).sum(), parameters)
    norms = norms_by_autograd(network, rows(), create_graph=True)
    expected = torch.autograd.grad(norms.sum(), parameters)
    for gradient, wanted in zip(ours, expected, strict=True):
        assert_allclose(gradient, wanted, rtol=1e-9, atol=1e-12)
    assert all(gradient.abs().sum() > 0 for gradient in ours)


def test_the_terms_are_of_a_sum_over_the_features():
    network, x = make_network(), rows()

    class batch:
        x = target = rows()

    objective = ContractiveObjective(SquaredError(), weight=3.0)
    terms = objective.losses(network, batch, make_generator())
    errors = (network(x) - x).square().sum(dim=1) / N_FEATURES
    penalty = 3 * norms_by_autograd(network, x) / N_FEATURES
    torch.testing.assert_close(terms["reconstruction"], errors)
    torch.testing.assert_close(terms["contraction"], penalty)


def test_tied_linear_codes_shrink_each_variance_as_in_closed_form():
    # min (1 - w^2)^2 s + weight w^2 along each principal axis, of variance s.
    X = np.random.RandomState(0).normal(size=(300, 5)) * [3, 2, 1, 0.5, 0.1]
    X -= X.mean(axis=0)
    weight = 0.4
    autoencoder = ContractiveAutoencoder(
        5,
        contraction_weight=weight,
        code_activation="identity",
        tied_weights=True,
        solver="lbfgs",
        precision="float64",
        early_stopping=False,
        max_iter=1000,
        tol=1e-8,
        random_state=0,
    ).fit(X)
    variances = np.linalg.eigvalsh(np.cov(X.T, bias=True) / X.var(axis=0).mean())[::-1]
    singular = np.linalg.svd(autoencoder.network_.f.layers[0].weight.detach())[1]
    expected = np.maximum(0, 1 - weight / (2 * variances))
    assert_allclose(singular**2, expected, atol=1e-4)
    assert np.count_nonzero(expected) < 5
    # In X's units the Jacobian is the same, up to a rotation of the codes.
    norms = np.linalg.norm(autoencoder.jacobian(X[:3]), axis=(1, 2))
    assert_allclose(norms**2, expected.sum(), rtol=1e-4)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)[0]


@pytest.mark.parametrize(
    "parameters", [{}, {"tied_weights": True}, {"hidden_layer_sizes": (64,)}], ids=str
)
def test_it_contracts_at_equal_reconstruction(parameters, digits):
    X, X_test = digits[:1000], digits[1000:]
    plain = ContractiveAutoencoder(
        contraction_weight=0, max_iter=50, random_state=0, **parameters
    )
    contractive = clone(plain).set_params(contraction_weight=1.0)
    mean_square = {
        model: np.square(model.fit(X).jacobian(X_test)).sum(axis=(1, 2)).mean()
        for model in (plain, contractive)
    }
    assert mean_square[contractive] < 0.9 * mean_square[plain]
    assert abs(contractive.score(X_test) - plain.score(X_test)) < 0.01


@pytest.mark.parametrize("code_activation", list(_SLOPES))
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_the_jacobian_is_that_of_finite_differences(code_activation, loss, digits):
    X = digits[:, 20:28] / 17 + 0.02
    autoencoder = ContractiveAutoencoder(
        3,
        loss=loss,
        code_activation=code_activation,
        hidden_layer_sizes=(6,),
        max_iter=3,
        random_state=0,
    ).fit(X)
    jacobian = autoencoder.jacobian(X[:4])
    assert jacobian.shape == (4, 3, 8)
    for feature in range(8):
        step = 1e-5 * (np.arange(8) == feature)
        ahead, behind = (autoencoder.transform(X[:4] + s) for s in (step, -step))
        difference = (ahead - behind) / 2e-5
        assert_allclose(jacobian[:, :, feature], difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("code_activation", list(_SLOPES))
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_one_layers_jacobian_is_autograds_without_a_pass_a_code(
    code_activation, loss, digits, monkeypatch
):
    X = digits[:, 20:28] / 17 + 0.02
    autoencoder = ContractiveAutoencoder(
        5, loss=loss, code_activation=code_activation, max_iter=3, random_state=0
    ).fit(X)
    encoder = autoencoder._codec_for().modules(torch.float64)[0]
    expected = torch.autograd.functional.jacobian(
        lambda x: encoder(x).sum(dim=0), torch.from_numpy(X[:50])
    ).swapaxes(0, 1)
    passes = []
    grad = torch.autograd.grad
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *a, **k: passes.append(1) or grad(*a, **k)
    )
    assert_allclose(autoencoder.jacobian(X[:50]), expected, rtol=1e-12, atol=1e-14)
    assert len(passes) <= 1


def test_the_jacobian_keeps_the_dtype_and_does_not_depend_on_the_batch(digits):
    autoencoder = ContractiveAutoencoder(4, max_iter=2, random_state=0).fit(digits)
    assert autoencoder.jacobian(digits[:2].astype(np.float32)).dtype == np.float32
    whole = autoencoder.jacobian(digits[:1100])
    assert whole.dtype == np.float64
    assert_allclose(autoencoder.jacobian(digits[1050:1100]), whole[1050:], rtol=1e-9)
    with torch.inference_mode():
        assert_array_equal(autoencoder.jacobian(digits[:1100]), whole)
    with pytest.raises(NotFittedError):
        ContractiveAutoencoder().jacobian(digits)
    with pytest.raises(ValueError, match="X has 3 features"):
        autoencoder.jacobian(digits[:, :3])


@pytest.mark.parametrize("code_activation", ["logistic", "tanh", "relu"])
def test_codes_stay_within_the_bounds_of_their_activation(code_activation, digits):
    codes = ContractiveAutoencoder(
        8, code_activation=code_activation, max_iter=3, random_state=0
    ).fit_transform(digits)
    low, high = {"logistic": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf)}[
        code_activation
    ]
    assert codes.min() >= low and codes.max() <= high


def test_without_weight_nothing_is_added_to_the_loss():
    class batch:
        x = target = rows()

    objective = ContractiveObjective(SquaredError(), weight=0.0)
    terms = objective.losses(make_network(), batch, None)
    assert list(terms) == ["reconstruction"]


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_a_full_batch_solver_meets_one_estimate(solver, digits):
    # Its line search needs a function: the same signs at each evaluation.
    autoencoder = ContractiveAutoencoder(
        8,
        hidden_layer_sizes=(16,),
        solver=solver,
        early_stopping=False,
        max_iter=15,
        random_state=0,
    )
    with pytest.warns(Warning, match="max_iter=15"):
        curve = autoencoder.fit(digits[:300]).loss_curve_
    assert np.all(np.diff(curve[1:]) <= 1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"contraction_weight": -1},
            r"The 'contraction_weight' parameter of ContractiveAutoencoder must be a "
            r"float in the range \[0.0, inf\). Got -1 instead.",
        ),
        ({"code_activation": "silu"}, r"The 'code_activation' parameter .* Got 'silu'"),
        (
            {"activation": "maxout", "tied_weights": True},
            r"Use tied_weights=False or another activation\.",
        ),
    ],
    ids=str,
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        ContractiveAutoencoder(2, **parameters).fit(np.eye(5))


def test_the_benchmark_chooses_by_validation_alone():
    history = [[3.0, 5.0], [2.0, 4.5], [2.0, 4.0], [2.5, 1.0]]
    assert contractive.best_epoch(history) == [2.0, 4.5]


def test_the_benchmarks_denoiser_has_its_level_as_a_parameter(digits):
    options = SimpleNamespace(epochs=1, corruption_level=0.3)
    denoiser = contractive.make_autoencoder("denoising", options, 0)
    denoiser.set_params(n_components=9, max_iter=2)
    codes = [
        clone(denoiser).set_params(corruption_level=level).fit_transform(digits[:200])
        for level in (0.3, 0.6)
    ]
    assert abs(codes[0] - codes[1]).max() > 1e-3
    assert all(0 < z.min() and z.max() < 1 for z in codes)


def test_the_table_of_weights_has_a_row_a_setting(monkeypatch, capsys):
    monkeypatch.setattr(contractive, "_SETTINGS", [{"max_iter": 1}, {"max_iter": 2}])
    __main__.main(["contraction"])
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert [row.count("|") for row in (head, rule, *rows)] == [5] * 4
    assert rows[1].startswith("| max_iter=2 | 0.")
