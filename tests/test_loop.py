import copy
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest
import torch
from objectives import FunctionObjective
from torch import nn

from skae._functional.penalties import elastic_net
from skae._networks.dense import DenseAutoencoder
from skae._training.data import Batches, Rows
from skae._training.loop import (
    Plan,
    gradient_step,
    loss_terms,
    row_losses,
    run_epoch,
    should_stop,
    train,
)
from skae._training.objective import Objective
from skae._training.optimizers import SGD, Adam
from skae._training.schedules import Constant, Cosine
from skae._training.state import TrainingState


def make_rows(n=23, weighted=False, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    weight = torch.rand(n, generator=generator, dtype=torch.float64)
    return Rows(x, x.flip(1), weight / weight.mean() if weighted else None)


def two_terms(network, rows, generator):
    output = network(rows.x)
    return {
        "fit": (output - rows.target).square().mean(dim=1),
        "size": 0.1 * output.square().mean(dim=1),
    }


def noisy(network, rows, generator):
    noise = torch.randn(rows.x.shape, generator=generator, dtype=rows.x.dtype)
    return {"fit": (network(rows.x + noise) - rows.target).square().mean(dim=1)}


def with_dropout(network, rows, generator):
    output = network(rows.x, generator)
    return {"fit": (output - rows.target).square().mean(dim=1)}


def make_state(make_optimizer=SGD, network=None, loss_scale=1.0, average=False):
    if network is None:
        network = nn.Linear(4, 4).double()
        for parameter in network.parameters():
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(2)
    return TrainingState.begin(
        network, make_optimizer, generator, loss_scale=loss_scale, average=average
    )


def make_plan(objective=two_terms, batch_size=5, schedule=None, **options):
    if not isinstance(objective, Objective):
        objective = FunctionObjective(objective)
    return Plan(objective, batch_size, schedule or Constant(0.05, 10), **options)


def mean_loss(network, rows):
    values = sum(two_terms(network, rows, None).values())
    weight = torch.ones(len(rows)).double() if rows.weight is None else rows.weight
    return float((values @ weight / weight.sum()).detach())


# ----- a step ------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss_scale", [1.0, 0.01])
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.0, 0.0), (0.3, 0.0), (0.3, 0.7)])
def test_a_step_follows_the_gradient_of_the_penalised_loss(
    weighted, loss_scale, alpha, l1_ratio
):
    rows, plan = make_rows(weighted=weighted), make_plan(alpha=alpha, l1_ratio=l1_ratio)
    state = make_state(loss_scale=loss_scale)
    twin = copy.deepcopy(state.network)
    values = sum(two_terms(twin, rows, None).values())
    loss = (values * (1.0 if rows.weight is None else rows.weight)).mean() / loss_scale
    loss = loss + elastic_net(twin.weight, alpha, l1_ratio)
    gradients = torch.autograd.grad(loss, list(twin.parameters()))
    gradient_step(state, rows, plan, 0.05, plan.backpropagation(state))
    for p, q, g in zip(
        state.network.parameters(), twin.parameters(), gradients, strict=True
    ):
        # Nesterov's first step is 1 + momentum times the plain one.
        torch.testing.assert_close(p.detach(), q.detach() - 1.9 * 0.05 * g)


def test_weights_equal_repetitions_in_a_step():
    counts = torch.arange(1, 24) % 3 + 1
    rows = make_rows()
    weighted = Rows(rows.x, rows.target, counts / counts.double().mean())
    repeated = rows.apply(lambda t: t.repeat_interleave(counts, dim=0))
    states = make_state(), make_state()
    for state, data in zip(states, (weighted, repeated), strict=True):
        plan = make_plan()
        gradient_step(state, data, plan, 0.05, plan.backpropagation(state))
    one, other = (state.parameters.values for state in states)
    torch.testing.assert_close(one, other)


def take_epoch(state, rows, plan):
    run_epoch(state, Batches(rows, plan.batch_size, shuffle=plan.shuffle), plan)


def test_max_norm_holds_after_every_step():
    state = make_state()
    take_epoch(state, make_rows(), make_plan(max_norm=0.2))
    assert float(state.network.weight.detach().norm(dim=1).max()) <= 0.2 + 1e-12


# ----- an epoch ----------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_the_record_is_the_mean_over_rows_whatever_the_batches(weighted, batch_size):
    rows, state = make_rows(weighted=weighted), make_state()
    expected = mean_loss(state.network, rows)
    still = Constant(0.0, 10)
    take_epoch(state, rows, make_plan(batch_size=batch_size, schedule=still))
    assert state.history["loss"] == pytest.approx([expected])
    terms = state.history["fit"][0] + state.history["size"][0]
    assert terms == pytest.approx(expected)


def test_the_record_has_the_penalty_as_a_term():
    state = make_state(loss_scale=0.5)
    still = Constant(0.0, 10)
    plan = make_plan(schedule=still, alpha=0.3, l1_ratio=0.7)
    take_epoch(state, make_rows(), plan)
    (loss,), *terms = state.history.values()
    assert list(state.history) == ["loss", "fit", "size", "penalty"]
    assert loss == pytest.approx(sum(term for (term,) in terms))
    expected = 0.5 * float(elastic_net(state.parameters.weights, 0.3, 0.7))
    assert state.history["penalty"] == pytest.approx([expected])


def test_an_epoch_has_a_step_for_each_batch():
    state = make_state()
    take_epoch(state, make_rows(23), make_plan(batch_size=5))
    assert (state.epoch, state.step) == (1, 5)


def test_an_epoch_sees_each_row_once_in_another_order_each_time():
    seen = []

    def spy(network, rows, generator):
        seen.append(rows.x[:, 0].detach().clone())
        return two_terms(network, rows, generator)

    state = make_state()
    for _ in range(2):
        take_epoch(state, make_rows(), make_plan(spy))
    first, second = torch.cat(seen[:5]), torch.cat(seen[5:])
    everything = make_rows().x[:, 0]
    assert not torch.equal(first, second)
    for epoch in (first, second):
        assert torch.equal(epoch.sort().values, everything.sort().values)


def test_the_learning_rate_follows_the_schedule_within_the_epoch():
    rates = []

    class Spy(Cosine):
        def rate(self, progress):
            rates.append(progress)
            return super().rate(progress)

    state = make_state()
    for _ in range(2):
        take_epoch(state, make_rows(), make_plan(schedule=Spy(0.01, 2)))
    np.testing.assert_allclose(rates, np.arange(10) / 5)


def test_a_linear_network_converges_to_least_squares():
    rows = make_rows(60)
    X = np.column_stack([rows.x.numpy(), np.ones(60)])
    solution, *_ = np.linalg.lstsq(X, rows.target.numpy() / 1.1, rcond=None)
    state = make_state(Adam)
    plan = make_plan(batch_size=60, schedule=Cosine(0.1, 400))
    train(state, rows, plan, 400, [])
    np.testing.assert_allclose(state.network.weight.detach(), solution[:4].T, atol=1e-4)
    np.testing.assert_allclose(state.network.bias.detach(), solution[4], atol=1e-4)


# ----- training ----------------------------------------------------------------


def test_training_ends_after_max_iter_epochs():
    state = make_state()
    train(state, make_rows(), make_plan(), 4, [])
    assert state.epoch == len(state.history["loss"]) == 4


def test_every_monitor_is_asked_even_about_the_last_epoch():
    calls = []

    def stop(state):
        calls.append("stop")
        return state.epoch == 3

    def watch(state):
        calls.append("watch")
        return False

    state = make_state()
    train(state, make_rows(), make_plan(), 10, [stop, watch])
    assert state.epoch == 3
    assert calls == ["stop", "watch"] * 3
    assert not should_stop([], state)


def test_training_repeats_bit_for_bit():
    results = []
    for _ in range(2):
        network = DenseAutoencoder(4, 2, (3,), "relu", linear_path=False, dropout=0.3)
        network.initialize("normal", torch.Generator().manual_seed(0))
        state = make_state(Adam, network.double(), average=True)
        train(state, make_rows(), make_plan(with_dropout), 3, [])
        results.append(state.average_parameters.values)
    assert torch.equal(*results)


def test_mixed_precision_computes_in_bfloat16_and_updates_in_float32():
    dtypes = []

    def spy(network, rows, generator):
        output = network(rows.x)
        dtypes.append(output.dtype)
        return {"fit": (output - rows.target).square().mean(dim=1)}

    state = make_state(network=nn.Linear(4, 4))
    rows = make_rows().apply(torch.Tensor.float)
    plan = make_plan(spy, mixed_precision=True)
    train(state, rows, plan, 5, [])
    assert set(dtypes) == {torch.bfloat16}
    assert state.parameters.values.dtype == torch.float32
    assert state.history["loss"][-1] < state.history["loss"][0]
    assert row_losses(state.network, rows, plan, 0).dtype == torch.float32


def test_training_leaves_torchs_own_generator_alone():
    state, before = make_state(Adam), torch.random.get_rng_state()
    train(state, make_rows(), make_plan(noisy), 2, [])
    assert torch.equal(torch.random.get_rng_state(), before)


# ----- losses of rows ----------------------------------------------------------


@pytest.mark.parametrize("n", [1, 23, 4096 + 5])
def test_row_losses_are_the_sum_of_the_terms_of_each_row(n):
    rows, network = make_rows(n), make_state().network
    expected = sum(two_terms(network, rows, None).values()).detach()
    ours = row_losses(network, rows, make_plan(), 0)
    torch.testing.assert_close(ours, expected)
    assert not ours.requires_grad


def test_row_losses_see_the_same_noise_each_time():
    rows, network = make_rows(), make_state().network
    first, same, other = (
        row_losses(network, rows, make_plan(noisy), seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("training", [False, True])
def test_row_losses_are_without_dropout_and_leave_the_mode(training):
    network = DenseAutoencoder(
        4, 2, (3,), "relu", linear_path=False, dropout=0.9, batch_norm=True
    )
    network.initialize("normal", torch.Generator().manual_seed(0))
    network.double().train(training)
    before = copy.deepcopy(network.state_dict())
    ours = row_losses(network, make_rows(), make_plan(), 0)
    assert network.training == training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    expected = sum(two_terms(network.eval(), make_rows(), None).values())
    torch.testing.assert_close(ours, expected.detach())


def test_loss_terms_are_weighted_means():
    rows = make_rows(weighted=True)
    state = make_state()
    terms = loss_terms(state.network, rows, make_plan(), None)
    assert list(terms) == ["fit", "size"]
    total = float(sum(terms.values()).detach())
    assert total == pytest.approx(mean_loss(state.network, rows))


# ----- an objective that changes -------------------------------------------------


@dataclass(frozen=True)
class Annealed(Objective):
    """Two terms, the second with a weight of 0 at first and of 1 from epoch 3 on."""

    weight: float = 1.0

    def losses(self, network, rows, generator):
        terms = two_terms(network, rows, generator)
        return {**terms, "size": self.weight * terms["size"]}

    def in_epoch(self, epoch):
        return replace(self, weight=min(epoch / 2, 1.0))


def test_an_epoch_minimises_what_it_is_annealed_to():
    still, state = Constant(0.0, 10), make_state()
    plan = make_plan(Annealed(), schedule=still)
    full = make_state()
    take_epoch(full, make_rows(), make_plan(schedule=still))
    for epoch in range(4):
        take_epoch(state, make_rows(), plan)
        share = min(epoch / 2, 1.0)
        assert state.history["size"][-1] == pytest.approx(
            share * full.history["size"][0]
        )
        assert state.history["fit"][-1] == pytest.approx(full.history["fit"][0])


def test_rows_that_judge_see_the_objective_itself():
    network, rows = make_state().network, make_rows()
    annealed = row_losses(network, rows, make_plan(Annealed()), 0)
    torch.testing.assert_close(annealed, row_losses(network, rows, make_plan(), 0))


def test_a_plan_without_annealing_is_the_same_in_each_epoch():
    plan = make_plan()
    assert plan.in_epoch(0) is plan and plan.in_epoch(7) is plan
    changing = make_plan(Annealed())
    assert changing.in_epoch(1).objective == Annealed(0.5)
    assert changing.objective == Annealed(1.0)
    assert changing.in_epoch(1).batch_size == changing.batch_size


def test_a_plan_and_its_objective_are_frozen():
    plan = make_plan(Annealed())
    with pytest.raises(FrozenInstanceError):
        plan.batch_size = 1
    with pytest.raises(FrozenInstanceError):
        plan.objective.weight = 0.0
