"""Greedy pretraining of layers, by denoising autoencoders and by machines."""

from contextlib import contextmanager, nullcontext

import engine
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skae import StackedAutoencoder
from skae._networks.activations import ACTIVATIONS
from skae._networks.scaling import Scaling
from skae._training.data import Rows

DIGITS = load_digits().data[:500] / 16


def make_estimator(**parameters):
    defaults = {
        "pretraining": "denoising",
        "visible_units": "auto",
        "corruption": "masking",
        "corruption_level": 0.2,
        "pretraining_max_iter": 4,
        "pretraining_learning_rate_init": 0.01,
        "init": "auto",
        "solver": "adam",
        "average": True,
        "batch_size": 50,
        "shuffle": True,
        "precision": "float32",
    }
    return StackedAutoencoder(**(defaults | parameters))


def scaled(X, weight=None, dtype=torch.float64):
    scaling = Scaling.fit(X, "identity", weight)
    x = scaling.to_network(X, dtype)
    if weight is not None:
        weight = torch.as_tensor(weight / weight.mean(), dtype=dtype)
    return Rows(x, x, weight), scaling


def no_monitors(layer):
    return nullcontext([])


def run(estimator, X=DIGITS, sizes=(20, 10), activation="logistic", monitors=None):
    rows, scaling = scaled(X)
    stack = engine.pretrain(
        estimator,
        sizes,
        [activation] * len(sizes),
        rows,
        scaling,
        torch.Generator().manual_seed(0),
        monitors or no_monitors,
    )
    layers, curves = zip(*stack, strict=True)
    return layers, curves


@pytest.mark.parametrize("method", engine.PRETRAINING_METHODS)
def test_each_layer_has_its_width_and_gets_better(method):
    layers, curves = run(make_estimator(pretraining=method))
    shapes = [tuple(layer.weight.shape) for layer in layers]
    assert shapes == [(20, 64), (10, 20)]
    assert [tuple(layer.decoder_weight.shape) for layer in layers] == [
        shape[::-1] for shape in shapes
    ]
    assert all(len(curve) == 4 for curve in curves)
    assert curves[0][-1] < curves[0][0]


@pytest.mark.parametrize("method", engine.PRETRAINING_METHODS)
def test_a_seed_gives_equal_bits(method):
    first, second = (run(make_estimator(pretraining=method)) for _ in range(2))
    assert first[1] == second[1]
    for ours, theirs in zip(first[0], second[0], strict=True):
        assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("method", engine.PRETRAINING_METHODS)
def test_the_layers_below_stay_as_they_are(method):
    alone, _ = run(make_estimator(pretraining=method), sizes=(20,))
    stacked, _ = run(make_estimator(pretraining=method), sizes=(20, 10))
    assert all(map(torch.equal, alone[0], stacked[0]))


def test_monitors_are_given_by_layer_and_can_end_one():
    seen = []

    @contextmanager
    def monitors(layer):
        seen.append(layer.index)
        yield [lambda state: state.epoch == 2]

    _, curves = run(make_estimator(), monitors=monitors)
    assert seen == [0, 1]
    assert [len(curve) for curve in curves] == [2, 2]


def test_without_noise_and_activation_a_layer_finds_the_principal_subspace():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) + 3
    estimator = make_estimator(corruption_level=0.0, pretraining_max_iter=60)
    ((layer,), _) = run(estimator, X, (2,), "identity")
    rows, _ = scaled(X)
    codes = rows.x @ layer.weight.T + layer.bias
    restored = codes @ layer.decoder_weight.T + layer.decoder_bias
    assert (restored - rows.x).square().mean() < 1e-3


def spec(index=0, activation="logistic", below=None, level=0.2, width=8):
    return engine.layer_spec(index, width, activation, below, level)


@pytest.mark.parametrize("below", ["tanh", None])
def test_what_was_learnt_of_scaled_codes_is_of_the_codes_themselves(below):
    x = 2 + 0.3 * torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    x = torch.tanh(x.double())
    draw = torch.Generator().manual_seed(0)
    layer, rows = spec(1, "tanh", below), Rows(x, x)
    criterion = None if below is None else object()
    task = engine.denoising_task(make_estimator(), layer, rows, None, draw, criterion)
    task.network.double()
    clean = task.network(task.rows.x * (1.0 if below is None else 0.8))
    learnt = task.learned(task.network)
    codes = torch.tanh(x @ learnt.weight.T + learnt.bias)
    restored = codes @ learnt.decoder_weight.T + learnt.decoder_bias
    if below is None:
        # The task's own rows are those, centered and scaled.
        slope = x[:, 0].std() / task.rows.x[:, 0].std()
        clean = clean * slope + x.mean(dim=0)
    else:
        restored = torch.tanh(restored)
    torch.testing.assert_close(restored, clean)


def test_weights_of_rows_are_those_of_repeated_rows():
    X, weight = DIGITS[:50], np.arange(50) % 3 + 1.0
    layer, draw = spec(1), torch.Generator().manual_seed(0)
    tasks = []
    for rows, _ in (scaled(X, weight), scaled(np.repeat(X, weight.astype(int), 0))):
        moved = Rows(rows.x + 1, rows.x + 1, rows.weight)
        tasks.append(
            engine.denoising_task(make_estimator(), layer, moved, None, draw, None)
        )
    ours, theirs = (task.rows.x for task in tasks)
    repeated = np.repeat(ours.numpy(), weight.astype(int), 0)
    np.testing.assert_allclose(repeated, theirs.numpy(), rtol=1e-6, atol=1e-9)


# ----- restricted Boltzmann machines -------------------------------------------------


def test_weights_of_rows_are_those_of_repeated_rows_to_a_machine():
    X, weight = DIGITS[:50] / DIGITS.max(), np.arange(50) % 3 + 1.0
    biases = []
    for data, w in ((X, weight), (np.repeat(X, weight.astype(int), 0), None)):
        rows, scaling = scaled(data) if w is None else scaled(data, w)
        draw = torch.Generator().manual_seed(0)
        estimator = make_estimator(pretraining="rbm")
        task = engine.rbm_task(estimator, spec(), rows, scaling, draw, None)
        biases.append(task.network.visible_bias.detach().numpy())
    np.testing.assert_allclose(*biases, rtol=1e-4, atol=1e-4)


def learnt_machine(X, link="identity", loss="squared_error", **parameters):
    """An untrained machine of random weights, and what it becomes in the network."""
    estimator = make_estimator(pretraining="rbm", **parameters)
    scaling = Scaling.fit(X, link)
    rows, _ = scaled(X)
    target = rows.x if link == "identity" else torch.from_numpy(X)
    rows = Rows(rows.x, target)
    draw = torch.Generator().manual_seed(0)
    criterion = engine.criterion_of(loss, scaling)
    task = engine.rbm_task(estimator, spec(), rows, scaling, draw, criterion)
    machine = task.network.double()
    for parameter in machine.parameters():
        torch.nn.init.normal_(parameter.data, std=0.3, generator=draw)
    learnt = task.learned(machine)
    codes = torch.sigmoid(rows.x @ learnt.weight.T + learnt.bias)
    output = codes @ learnt.decoder_weight.T + learnt.decoder_bias
    return machine, task, codes, scaling.to_data(output)


def test_bernoulli_units_see_X_itself_and_give_it_through_the_logistic_link():
    machine, task, codes, restored = learnt_machine(DIGITS, "logistic", "log_loss")
    torch.testing.assert_close(task.rows.x, torch.from_numpy(DIGITS))
    hidden = torch.sigmoid(machine.hidden_parameter(torch.from_numpy(DIGITS)))
    torch.testing.assert_close(codes, hidden)
    torch.testing.assert_close(
        restored, torch.sigmoid(machine.visible_parameter(codes))
    )


def test_gaussian_units_see_standardised_columns():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 5)) * [1, 2, 5, 0.01, 0] + [0, 1, 2, 3, 4]
    machine, task, codes, restored = learnt_machine(X)
    x = task.rows.x
    assert x.mean(dim=0).abs().max() < 1e-6
    torch.testing.assert_close(
        x[:, :3].std(dim=0), torch.ones(3).double(), rtol=0.01, atol=0
    )
    # Columns that hardly vary, or not at all, are not blown up.
    assert x[:, 3].std() < 0.1 and x[:, 4].abs().max() == 0
    torch.testing.assert_close(codes, torch.sigmoid(machine.hidden_parameter(x)))
    means = machine.visible_parameter(codes).detach()[:, :3].numpy()
    wanted = means * X[:, :3].std(axis=0) + X[:, :3].mean(axis=0)
    np.testing.assert_allclose(restored.detach()[:, :3], wanted, rtol=1e-5, atol=1e-5)


def test_another_link_than_the_units_own_is_read_by_least_squares():
    _, _, codes, restored = learnt_machine(DIGITS, "identity")
    design = np.column_stack([codes.detach(), np.ones(len(codes))])
    wanted = design @ np.linalg.lstsq(design, DIGITS, rcond=None)[0]
    np.testing.assert_allclose(restored.detach(), wanted, atol=0.02)


@pytest.mark.parametrize(
    ("visible_units", "X", "kind"),
    [
        ("auto", DIGITS, "bernoulli"),
        ("auto", 16 * DIGITS, "gaussian"),
        ("gaussian", DIGITS, "gaussian"),
        ("bernoulli", DIGITS, "bernoulli"),
    ],
)
def test_the_kind_of_visible_units(visible_units, X, kind):
    rows, scaling = scaled(X)
    estimator = make_estimator(visible_units=visible_units)
    task = engine.rbm_task(estimator, spec(), rows, scaling, torch.Generator(), None)
    bounded = task.rows.x.min() >= 0 and task.rows.x.max() <= 1
    assert ("bernoulli" if bounded else "gaussian") == kind


def test_bernoulli_units_need_values_in_the_unit_interval():
    rows, scaling = scaled(16 * DIGITS)
    estimator = make_estimator(visible_units="bernoulli")
    message = r"'visible_units' parameter is 'bernoulli'.*from -?0 to 16\. Scale X"
    with pytest.raises(ValueError, match=message):
        engine.rbm_task(estimator, spec(), rows, scaling, torch.Generator(), None)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_machines_take_data_in_any_unit(unit):
    """Beyond the range of float32, too."""
    rows, scaling = scaled(unit * (DIGITS - 0.5), dtype=torch.float32)
    estimator = make_estimator(visible_units="auto")
    task = engine.rbm_task(estimator, spec(), rows, scaling, torch.Generator(), None)
    assert task.rows.x.isfinite().all() and task.rows.x.min() < -0.5


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"logistic"}))
def test_machines_need_activations_that_are_means(activation):
    estimator = make_estimator(pretraining="rbm")
    if activation == "identity":  # of Gaussian hidden units, as in a linear code
        layers, _ = run(estimator, activation=activation, sizes=(5,))
        assert torch.isfinite(layers[0].weight).all()
        return
    with pytest.raises(ValueError, match="Use activation='logistic', or pretraining="):
        run(estimator, activation=activation)


# ----- parameters --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corruption", "level", "levels"),
    [
        ("masking", 0.1, [0.1, 0.1]),
        ("masking", (0.1, 1), [0.1, 1]),
        ("gaussian", np.array([0.5, 2.0]), [0.5, 2.0]),
    ],
)
def test_one_level_or_one_a_layer(corruption, level, levels):
    estimator = make_estimator(corruption=corruption, corruption_level=level)
    assert engine.corruption_levels(estimator, 2) == levels


@pytest.mark.parametrize("level", [1.5, (0.1,), (0.1, 0.2, 0.3), (0.1, -1), ("a", 1)])
def test_other_levels_are_refused(level):
    message = r"'corruption_level' parameter must be one number, or one for each of "
    with pytest.raises(ValueError, match=message + "the 2 layers, in .0, 1. for"):
        run(make_estimator(corruption_level=level))


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_loss_that_is_not_finite_is_told_by_layer():
    estimator = make_estimator(solver="sgd", pretraining_learning_rate_init=1e30)
    with pytest.raises(ValueError, match="epoch 1 of the pretraining of layer 1 with"):
        run(estimator, activation="relu")


def test_layers_come_one_by_one():
    rows, scaling = scaled(DIGITS)
    stack = engine.pretrain(
        make_estimator(),
        (20, 10),
        ["relu", "relu"],
        rows,
        scaling,
        torch.Generator().manual_seed(0),
        no_monitors,
    )
    layer, curve = next(stack)
    assert layer.weight.shape == (20, 64) and len(curve) == 4
