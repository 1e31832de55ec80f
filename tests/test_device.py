import pickle

import numpy as np
import pytest
import torch
from instances import CLASSES, PREDICTORS, make_instances, make_predictors
from sklearn.base import clone

from skae import AutoencoderTransformer
from skae._utils.device import inference_device, resolve_device

CPU = torch.device("cpu")


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_auto_takes_a_gpu_where_the_work_repays_it(two_gpus):
    assert resolve_device("auto", flops=1e15) == torch.device("cuda")
    assert resolve_device("auto", flops=1e6) == CPU


def test_auto_falls_back_to_the_cpu(no_gpu):
    assert resolve_device("auto", flops=1e15) == CPU


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1"])
def test_a_gpu_that_is_there_is_taken(two_gpus, name):
    assert resolve_device(name) == torch.device(name)


def test_a_gpu_beyond_the_last_is_refused(two_gpus):
    with pytest.raises(ValueError, match="'cuda:2', which is not available"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "meta", "xpu"])
def test_a_device_that_is_not_there_is_refused_with_the_remedy(no_gpu, name):
    with pytest.raises(ValueError, match=f"{name!r}, which is not .* device='auto'"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cpu:x"])
def test_what_is_no_device_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"'device' parameter must be .* Got {name!r}"):
        resolve_device(name)


def test_float64_runs_on_the_cpu_where_the_device_lacks_it():
    mps = torch.device("mps")
    assert inference_device(mps, torch.float64) == CPU
    assert inference_device(mps, torch.float32) == mps
    assert inference_device(torch.device("cuda"), torch.float64).type == "cuda"


def first_of_each_class():
    found = {}
    for estimator in make_instances() + make_predictors():
        found.setdefault(type(estimator), estimator)
    assert set(found) == {*CLASSES, *PREDICTORS}
    return list(found.values())


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("estimator", first_of_each_class(), ids=repr)
def test_a_callers_default_device_reaches_nothing(estimator):
    rng = np.random.RandomState(0)
    X, y = rng.uniform(0.1, 0.9, (60, 16)), rng.randint(2, size=60)
    predict = "predict" if type(estimator) in PREDICTORS else "transform"

    def outcome():
        fitted = clone(estimator).set_params(max_iter=2).fit(X, y)
        fitted = pickle.loads(pickle.dumps(fitted))
        return getattr(fitted, predict)(X)

    expected = outcome()
    torch.set_default_device("meta")  # where nothing can be computed
    try:
        inside, device = outcome(), torch.get_default_device()
    finally:
        torch.set_default_device(None)
    np.testing.assert_array_equal(inside, expected)
    assert device.type == "meta"


@pytest.mark.parametrize("name", ["cpu", "cuda:1"])
def test_a_device_of_torch_is_a_parameter(name):
    device = torch.device(name)
    estimator = AutoencoderTransformer(2, device=device, max_iter=2, random_state=0)
    copies = clone(estimator), pickle.loads(pickle.dumps(estimator))
    for copied in (*copies, estimator):
        assert copied.get_params()["device"] == device
    assert f"device(type={device.type!r}" in repr(estimator)
    X = np.random.RandomState(0).randn(30, 4)
    if name == "cpu":
        expected = clone(estimator).set_params(device="cpu").fit(X)
        assert estimator.fit(X).device_ == "cpu"
        np.testing.assert_array_equal(estimator.transform(X), expected.transform(X))
    else:
        with pytest.raises(ValueError, match="not available here"):
            estimator.fit(X)
