import copy
import pickle

import joblib
import numpy as np
import pytest
import torch
from objectives import FunctionObjective
from torch import nn

from skae._networks.dense import DenseAutoencoder
from skae._training.data import Rows
from skae._training.loop import Plan, train
from skae._training.optimizers import OPTIMIZERS, Adam
from skae._training.schedules import Constant
from skae._training.state import FlatParameters, TrainingState


def make_network(**options):
    network = DenseAutoencoder(5, 2, (4,), "tanh", linear_path=False, **options)
    network.initialize("normal", torch.Generator().manual_seed(0))
    return network


def rows(n=40):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 5, generator=generator)
    return Rows(x, x)


def squared_error(network, rows, generator):
    output = network(rows.x, generator)
    return {"reconstruction": (output - rows.target).square().mean(dim=1)}


def make_state(optimizer="adam", average=True, **options):
    return TrainingState.begin(
        make_network(**options),
        OPTIMIZERS[optimizer],
        torch.Generator().manual_seed(2),
        loss_scale=0.7,
        average=average,
    )


def train_for(state, n_epochs):
    train(
        state,
        rows(),
        Plan(FunctionObjective(squared_error), 7, Constant(0.01, 10)),
        n_epochs,
        [],
    )


# ----- flat parameters ---------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"tied_weights": True}, {"batch_norm": True}])
def test_parameters_and_gradients_are_views_of_the_flat_tensors(options):
    network = make_network(**options)
    before = copy.deepcopy(network).state_dict()
    flat = FlatParameters(network)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    flat.values.fill_(3.0)
    assert all((p == 3).all() for p in network.parameters())
    (network.eval()(rows().x) ** 2).sum().backward()
    for p in network.parameters():
        assert p.grad.untyped_storage().data_ptr() == (
            flat.gradient.untyped_storage().data_ptr()
        )
    assert flat.gradient.abs().sum() > 0


def test_a_tied_weight_is_counted_once():
    network = make_network(tied_weights=True)
    n_parameters = sum(p.numel() for p in network.parameters())
    assert len(FlatParameters(network).values) == n_parameters


def test_weight_matrices_come_first():
    network = make_network()
    flat = FlatParameters(network)
    assert flat.n_weights == 2 * (5 * 4 + 4 * 2)
    flat.weights.zero_()
    for name, p in network.named_parameters():
        assert bool((p == 0).all()) or name.endswith("bias")
    flat.values[flat.n_weights :].fill_(1.0)
    assert all((p == 1).all() for p in network.parameters() if p.ndim == 1)


def test_widening_layers_are_stored_by_columns():
    network = make_network()
    FlatParameters(network)
    matrices = [p for p in network.parameters() if p.ndim == 2]
    assert {p.is_contiguous() for p in matrices} == {True, False}
    for p in matrices:
        widens = p.shape[0] > p.shape[1]
        assert (p.T if widens else p).is_contiguous()
        assert (p.grad.T if widens else p.grad).is_contiguous()


def test_a_snapshot_restores_weights_and_buffers():
    network = make_network(batch_norm=True)
    flat = FlatParameters(network)
    before, snapshot = copy.deepcopy(network).state_dict(), flat.snapshot()
    for tensor in (flat.values, *network.buffers()):
        tensor.fill_(7)
    flat.restore(snapshot)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("average", [True, False])
def test_a_kept_result_stays_as_it_was(average):
    state = make_state(average=average)
    train_for(state, 1)
    before, kept = copy.deepcopy(state.result).state_dict(), state.keep_result()
    train_for(state, 1)
    assert kept() is kept()
    assert all(p.grad is None and p.is_contiguous() for p in kept().parameters())
    for name, value in kept().state_dict().items():
        assert torch.equal(value, before[name])


def test_a_network_without_parameters_is_empty():
    flat = FlatParameters(nn.Identity())
    assert len(flat.values) == len(flat.gradient) == flat.n_weights == 0


@pytest.mark.parametrize("max_norm", [0.5, 2.0])
def test_max_norm_shrinks_long_rows_and_leaves_the_others(max_norm):
    network = make_network()
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    FlatParameters(network).limit_norms(max_norm)
    for name, p in network.named_parameters():
        expected = before[name]
        if p.ndim == 2:
            expected = expected.renorm(2, 0, max_norm)
        torch.testing.assert_close(p.detach(), expected, rtol=1e-5, atol=1e-6)


def test_max_norm_limits_a_kernel_over_all_that_it_reads():
    network = torch.nn.Conv2d(4, 6, 3)
    flat = FlatParameters(network)
    flat.values.normal_(generator=torch.Generator().manual_seed(0))
    expected = network.weight.detach().clone().renorm(2, 0, 1.0)
    flat.limit_norms(1.0)
    torch.testing.assert_close(network.weight.detach(), expected)


def test_max_norm_leaves_rows_of_zeros_finite():
    network = make_network()
    flat = FlatParameters(network)
    flat.values.zero_()
    flat.limit_norms(1.0)
    assert (flat.values == 0).all()


# ----- the average -------------------------------------------------------------


def test_the_average_is_an_explicit_moving_average():
    state = make_state()
    generator = torch.Generator().manual_seed(5)
    expected = state.parameters.values.double()
    for t in range(1, 1200):
        state.parameters.values.copy_(torch.randn(len(expected), generator=generator))
        state.step = t
        state.update_average()
        decay = min(0.99, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * state.parameters.values.double()
    result = state.average_parameters.values.double()
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_the_average_starts_as_the_network_and_moves_apart_from_it():
    state = make_state()
    assert torch.equal(state.average_parameters.values, state.parameters.values)
    train_for(state, 1)
    assert not torch.equal(state.average_parameters.values, state.parameters.values)
    assert state.result is state.average
    assert not state.average.training


def test_without_average_the_network_is_the_result():
    state = make_state(average=False)
    train_for(state, 1)
    assert state.average is None
    assert state.result is state.network


def test_full_batch_solvers_have_no_average():
    generator = torch.Generator()
    state = TrainingState.begin(
        make_network(), None, generator, loss_scale=1.0, average=True
    )
    assert state.result is state.network


def test_the_average_takes_the_running_statistics():
    state = make_state(batch_norm=True)
    train_for(state, 2)
    pairs = zip(state.network.buffers(), state.average.buffers(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    assert any((b != 0).any() for b in state.average.buffers())


# ----- pickles -----------------------------------------------------------------


def assert_equal(state, other):
    assert torch.equal(state.parameters.values, other.parameters.values)
    for ours, theirs in zip(
        state.result.state_dict().values(),
        other.result.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    assert state.history == other.history
    assert (state.epoch, state.step) == (other.epoch, other.step)


def through_joblib(state, folder):
    joblib.dump(state, folder / "state.joblib")
    return joblib.load(folder / "state.joblib", mmap_mode="r")


COPIES = {
    "pickle": lambda state, folder: pickle.loads(pickle.dumps(state)),
    "deepcopy": lambda state, folder: copy.deepcopy(state),
    "joblib": through_joblib,
    "copy_to": lambda state, folder: state.copy_to(torch.device("cpu")),
}


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("how", COPIES.values(), ids=COPIES)
def test_training_goes_on_from_a_copy_bit_for_bit(how, optimizer, average, tmp_path):
    options = {"batch_norm": True, "dropout": 0.3}
    state = make_state(optimizer, average, **options)
    train_for(state, 2)
    copied = how(state, tmp_path)
    assert_equal(state, copied)
    train_for(state, 2)
    assert copied.epoch == 2
    train_for(copied, 2)
    assert_equal(state, copied)


def test_a_copy_is_independent():
    state = make_state()
    copied = copy.deepcopy(state)
    before = copied.parameters.values.clone()
    train_for(state, 1)
    assert torch.equal(copied.parameters.values, before)
    assert torch.equal(copied.optimizer.mean, torch.zeros_like(before))
    assert copied.history == {}


def test_the_pickled_state_holds_no_tensor():
    state = make_state()
    train_for(state, 1)
    contents = state.__getstate__()
    assert isinstance(contents["generator"], np.ndarray)
    assert "parameters" not in contents
    assert not any(isinstance(v, torch.Tensor) for v in contents.values())


def test_history_appends_each_term():
    state = make_state()
    state.record({"loss": 1.0, "kl": 0.25})
    state.record({"loss": 0.5, "kl": 0.125})
    assert state.history == {"loss": [1.0, 0.5], "kl": [0.25, 0.125]}


def test_a_state_with_a_gpus_generator_loads_on_the_cpu():
    state = make_state()
    train_for(state, 1)
    contents = state.__getstate__()
    contents["generator"] = np.zeros(16, dtype=np.uint8)  # of CUDA's size
    loaded = TrainingState.__new__(TrainingState)
    loaded.__setstate__(contents)
    train_for(loaded, 1)
    assert loaded.epoch == 2 and np.isfinite(loaded.history["loss"][-1])


def test_loading_does_not_touch_torchs_own_generator():
    before = torch.random.get_rng_state()
    pickle.loads(pickle.dumps(make_state()))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_optimizer_is_made_for_the_parameters_of_the_network():
    state = make_state()
    assert isinstance(state.optimizer, Adam)
    assert state.optimizer.mean.shape == state.parameters.values.shape
