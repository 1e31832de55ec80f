import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer
from torch import nn

from skae._training import optimizers
from skae._training.optimizers import OPTIMIZERS, SGD, Adam, RMSprop
from skae._training.state import FlatParameters

RATE, DECAY = 0.01, 0.2


def make_network(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).to(dtype)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    return network


def losses(network):
    """An endless supply of losses of the network, each on other rows."""
    generator = torch.Generator().manual_seed(1)
    parameter = next(network.parameters())
    while True:
        x = torch.randn(8, 4, generator=generator, dtype=torch.float64).to(parameter)
        yield (network(x) - x[:, :2]).square().mean()


def falling_rate(i):
    return RATE / (1 + i)


def constant_rate(i):
    return RATE


def run_ours(make_optimizer, n_steps, rate=falling_rate):
    """The network after some steps of ours."""
    network = make_network()
    parameters = FlatParameters(network)
    optimizer, supply = make_optimizer(parameters), losses(network)
    for i in range(n_steps):
        parameters.gradient.zero_()
        next(supply).backward()
        optimizer.step(parameters, rate(i))
    return network


def run_theirs(make_optimizer, n_steps, rate=falling_rate):
    network = make_network()
    optimizer, supply = make_optimizer(network), losses(network)
    for i in range(n_steps):
        optimizer.zero_grad()
        next(supply).backward()
        for group in optimizer.param_groups:
            group["lr"] = rate(i)
        optimizer.step()
    return network


def adamw_on_matrices_only(network):
    groups = [
        {"params": [p for p in network.parameters() if p.ndim == 2]},
        {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0},
    ]
    return torch.optim.AdamW(groups, weight_decay=DECAY)


def adam_with_decay(parameters):
    return Adam(parameters, decoupled_decay=DECAY)


ADAPTIVE = {
    "adam": (Adam, lambda n: torch.optim.Adam(n.parameters())),
    "adamw": (adam_with_decay, adamw_on_matrices_only),
    "rmsprop": (RMSprop, lambda n: torch.optim.RMSprop(n.parameters())),
}


def assert_close(network, other):
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(ADAPTIVE))
def test_the_steps_are_those_of_torch(name):
    make_ours, make_theirs = ADAPTIVE[name]
    assert_close(run_ours(make_ours, 20), run_theirs(make_theirs, 20))


def test_the_steps_of_sgd_are_those_of_torch_at_a_constant_rate():
    # Torch's velocity is in gradients, ours (and scikit-learn's) in steps: with a
    # rate that changes they differ.
    def make_theirs(network):
        return torch.optim.SGD(network.parameters(), momentum=0.9, nesterov=True)

    oracle = run_theirs(make_theirs, 20, constant_rate)
    assert_close(run_ours(SGD, 20, constant_rate), oracle)


def test_the_steps_of_sgd_are_those_of_scikit_learn_at_a_falling_rate():
    network = make_network()
    params = [p.detach().numpy().copy() for p in network.parameters()]
    oracle, supply = SGDOptimizer(params, momentum=0.9, nesterov=True), losses(network)
    for i in range(20):
        gradients = torch.autograd.grad(next(supply), list(network.parameters()))
        oracle.learning_rate = falling_rate(i)
        oracle.update_params(params, [g.numpy() for g in gradients])
        for parameter, value in zip(network.parameters(), params, strict=True):
            parameter.data.copy_(torch.from_numpy(value))
    assert_close(run_ours(SGD, 20), network)


@pytest.mark.parametrize("make", [Adam, adam_with_decay])
def test_the_plain_fallback_takes_the_steps_of_the_fused_kernel(make, monkeypatch):
    fused = run_ours(make, 20)
    monkeypatch.setattr(optimizers, "_adam_update", optimizers._plain_adam)
    assert_close(run_ours(make, 20), fused)


def test_the_first_step_of_adam_is_the_learning_rate_in_each_direction():
    before = make_network()
    after = run_ours(Adam, 1)
    for p, q in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(
            (p - q).abs(), torch.full_like(p, RATE), rtol=1e-5, atol=0
        )


def test_decoupled_decay_shrinks_weight_matrices_and_no_bias():
    network = make_network()
    before = copy.deepcopy(network)
    parameters = FlatParameters(network)
    optimizer = adam_with_decay(parameters)
    optimizer.step(parameters, RATE)  # at a gradient of zero
    for p, q in zip(before.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(q, p * (1 - RATE * DECAY) if p.ndim == 2 else p)


def moments(optimizer):
    return {k: v for k, v in vars(optimizer).items() if isinstance(v, torch.Tensor)}


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_goes_on_from_a_pickle_bit_for_bit(name, dtype):
    network = make_network(dtype)
    parameters = FlatParameters(network)
    optimizer, supply = OPTIMIZERS[name](parameters), losses(network)
    for i in range(6):
        if i == 3:
            loaded = pickle.loads(pickle.dumps(optimizer))
            other = copy.deepcopy(network)
            other_parameters = FlatParameters(other)
        parameters.gradient.zero_()
        next(supply).backward()
        optimizer.step(parameters, RATE)
        if i >= 3:
            other_parameters.gradient.copy_(parameters.gradient)
            loaded.step(other_parameters, RATE)
    assert torch.equal(parameters.values, other_parameters.values)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_pickle_holds_numpy_arrays_and_a_loaded_optimizer_tensors(name):
    optimizer = OPTIMIZERS[name](FlatParameters(make_network()))
    state = optimizer.__getstate__()
    assert moments(optimizer)
    assert all(isinstance(state[k], np.ndarray) for k in moments(optimizer))
    loaded = pickle.loads(pickle.dumps(optimizer))
    assert moments(loaded).keys() == moments(optimizer).keys()
