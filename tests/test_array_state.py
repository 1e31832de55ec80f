import copy
import io
import pickle
import pickletools
import warnings

import joblib
import numpy as np
import pytest
import torch

from skae import ContractiveAutoencoder
from skae._functional.linear_maps import LinearMap
from skae._networks.dense import DenseAutoencoder
from skae._networks.head import Head
from skae._networks.scaling import Scaling


def make_network(**options):
    network = DenseAutoencoder(6, 2, (5,), "relu", linear_path=True, **options)
    network.initialize("normal", torch.Generator().manual_seed(0))
    rng = np.random.RandomState(0)
    linear_map = LinearMap(rng.randn(2, 6), rng.randn(6, 2), rng.randn(6))
    network.set_linear_path(linear_map, np.array([2.0, 3.0]), 0.5)
    network.train()(rows())  # moves the running statistics, where there are any
    return network.eval()


def rows():
    return torch.from_numpy(np.random.RandomState(1).randn(9, 6)).float()


MODULES = {
    "network": make_network,
    "tied": lambda: make_network(tied_weights=True),
    "batch norm": lambda: make_network(batch_norm=True),
    "float64": lambda: make_network(batch_norm=True).double(),
    "head": lambda: Head(np.ones(3), np.eye(3), np.full(3, 0.1)),
    "scaling": lambda: Scaling.fit(rows().numpy() / 3 + 1e8, "identity"),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


def assert_equal(module, other):
    ours, theirs = module.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert theirs[name].dtype == value.dtype, name
        assert torch.equal(theirs[name], value), name


def pickled_globals(data):
    """Modules of all classes and functions that a pickle names."""
    strings, modules = [], set()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STACK_GLOBAL":
            modules.add(strings[-2].split(".")[0])
        elif isinstance(argument, str):
            strings.append(argument)
    return modules


@every_module
def test_a_pickle_is_equal(make):
    module = make()
    assert_equal(module, pickle.loads(pickle.dumps(module)))


@every_module
def test_a_pickle_holds_numpy_arrays_and_no_tensors(make):
    data = pickle.dumps(make())
    assert "torch" not in pickled_globals(data)


@every_module
def test_a_deep_copy_is_equal_and_independent(make):
    module = make()
    copied = copy.deepcopy(module)
    assert_equal(module, copied)
    for ours, theirs in zip(
        module.state_dict().values(), copied.state_dict().values(), strict=True
    ):
        assert ours.data_ptr() != theirs.data_ptr()


@pytest.mark.parametrize("training", [False, True])
def test_a_deep_copy_keeps_the_mode_and_a_pickle_is_ready_for_use(training):
    network = make_network(dropout=0.5).train(training)
    assert copy.deepcopy(network).training == training
    assert not pickle.loads(pickle.dumps(network)).training


@every_module
def test_joblib_loads_it_from_memory_mapped_arrays(make, tmp_path):
    module = make()
    joblib.dump(module, tmp_path / "module.joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a tensor over read-only memory
        loaded = joblib.load(tmp_path / "module.joblib", mmap_mode="r")
    assert_equal(module, loaded)
    for value in loaded.state_dict().values():
        value.add_(1)
    assert_equal(module, joblib.load(tmp_path / "module.joblib"))


@pytest.mark.parametrize(
    "how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_tied_weights_stay_tied(how):
    network = how(make_network(tied_weights=True))
    assert network.g.layers[0].weight is network.f.layers[-1].weight


def test_a_copy_takes_gradients_where_the_original_does():
    network = DenseAutoencoder(4, 2, (3,), "silu", linear_path=False)
    network.f.requires_grad_(False)
    for name, parameter in copy.deepcopy(network).named_parameters():
        assert parameter.requires_grad == name.startswith("g.")


def test_a_copy_can_be_trained():
    network = copy.deepcopy(make_network())
    network(rows()).square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_tied_weights_are_pickled_once():
    def size(**options):
        network = DenseAutoencoder(300, 2, (200,), "relu", linear_path=False, **options)
        stream = io.BytesIO()
        pickle.dump(network, stream)
        return stream.tell()

    assert size(tied_weights=True) < 0.6 * size()


def test_what_is_read_in_inference_mode_can_be_trained():
    fitted = ContractiveAutoencoder(2, max_iter=1).fit(
        np.random.RandomState(0).rand(20, 3)
    )
    with torch.inference_mode():
        read = pickle.loads(pickle.dumps(fitted))
    assert not any(p.is_inference() for p in read.network_.parameters())
    assert read.jacobian(np.zeros((2, 3))).shape == (2, 2, 3)
    read.partial_fit(np.zeros((5, 3)))
