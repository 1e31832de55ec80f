"""Estimators on a GPU, against the same on the CPU. Run with ``make test-gpu``."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from instances import CLASSES, PREDICTORS
from sklearn.base import clone
from sklearn.datasets import load_digits

import skae
from skae._networks.array_state import sample_tensor
from skae._training import loop
from skae._training.full_batch import METHODS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

_OWN = {
    "ConvolutionalAutoencoder": {"image_shape": (8, 8)},
    "RecurrentAutoencoder": {"sequence_shape": (8, 8), "hidden_size": 16},
}
ESTIMATORS = [
    *(cls(**_OWN.get(cls.__name__, {})) for cls in CLASSES + PREDICTORS),
    *(
        skae.AutoencoderTransformer(8, **options)
        for options in (
            {"linear_path": None},
            {"tied_weights": True, "max_norm": 2.0},
            {"batch_norm": True, "dropout": 0.2},
            {"precision": "bfloat16"},
            {"precision": "float64"},
            {"solver": "sgd", "learning_rate_init": 0.01},
            {"loss": "poisson"},
            *({"solver": name} for name in METHODS),
        )
    ),
    skae.DenoisingAutoencoder(8, corruption="salt_and_pepper"),
    skae.SparseAutoencoder(16, sparsity="kl"),
    skae.StackedAutoencoder(8, pretraining="rbm", activation="logistic"),
    skae.ConvolutionalAutoencoder(
        image_shape=(8, 8), pooling="max", upsampling="nearest"
    ),
]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600], X[600:900]


def prepared(estimator, device="cuda", **parameters):
    """Return a clone with a fit of a few epochs on a device."""
    few = {"max_iter": 5, "early_stopping": False, "random_state": 0}
    return clone(estimator).set_params(device=device, **(few | parameters))


def device_of(estimator):
    return sample_tensor(estimator.network_).device.type


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_a_fit_is_as_good_as_on_the_cpu(estimator, digits):
    X, y, new = digits
    fitted = {
        device: prepared(estimator, device).fit(X, y) for device in ("cuda", "cpu")
    }
    assert device_of(fitted["cuda"]) == "cuda"
    codes = fitted["cuda"].transform(new)
    assert codes.dtype == np.float64 and np.isfinite(codes).all()
    start, end = (fitted["cuda"].loss_curve_[i] for i in (0, -1))
    assert end < start or device_of(fitted["cpu"]) == "cuda"
    # Other draws of weights, order and noise: as good, not the same.
    ends = [fitted[device].loss_curve_[-1] for device in ("cuda", "cpu")]
    np.testing.assert_allclose(*ends, rtol=0.25)


def test_the_start_is_that_of_the_cpu(digits):
    X, _, new = digits
    # Without hidden layers the best is the linear path itself.
    estimator = skae.AutoencoderTransformer(8, hidden_layer_sizes=())
    ours, theirs = (prepared(estimator, d).fit(X) for d in ("cuda", "cpu"))
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), atol=1e-4)
    np.testing.assert_allclose(
        ours.reconstruct(new), theirs.reconstruct(new), atol=1e-4
    )


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_inference_gives_what_the_cpu_gives_for_the_same_weights(estimator, digits):
    X, y, new = digits
    on_gpu = prepared(estimator).fit(X, y)
    # An unpickled estimator is on the CPU.
    on_cpu = pickle.loads(pickle.dumps(on_gpu))
    assert device_of(on_cpu) == "cpu"
    ours, theirs = on_gpu.transform(new), on_cpu.transform(new)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * np.abs(ours).max())
    rows = new.astype(np.float32)
    ours, theirs = on_gpu.transform(rows), on_cpu.transform(rows)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-2 * np.abs(ours).max())


def test_a_pickle_loads_where_there_is_no_gpu(digits, tmp_path):
    X, _, new = digits
    estimator = prepared(skae.AutoencoderTransformer(8), warm_start=True).fit(X)
    np.save(tmp_path / "new.npy", new)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(estimator))
    program = (
        "import pickle, numpy as np, torch\n"
        "assert not torch.cuda.is_available()\n"
        "model = pickle.load(open('model.pkl', 'rb'))\n"
        "np.save('codes.npy', model.transform(np.load('new.npy')))\n"
    )
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    codes = np.load(tmp_path / "codes.npy")
    np.testing.assert_allclose(codes, estimator.transform(new), rtol=1e-6, atol=1e-6)


def test_all_that_changes_in_training_stays_on_the_gpu(digits, monkeypatch):
    seen, run_epoch = [], loop.run_epoch

    def watched(state, batches, *rest):
        run_epoch(state, batches, *rest)
        tensors = [
            batches.rows.x,
            batches.rows.target,
            state.parameters.values,
            state.parameters.gradient,
            state.average_parameters.values,
            state.optimizer.mean,
            state.optimizer.square,
            state.optimizer.count,
            *state.network.buffers(),
        ]
        seen.append({tensor.device.type for tensor in tensors})
        seen.append({state.generator.device.type})

    monkeypatch.setattr(loop, "run_epoch", watched)
    prepared(skae.AutoencoderTransformer(8)).fit(digits[0])
    assert seen == [{"cuda"}] * 10


def test_a_seed_gives_the_same_result_twice(digits):
    X, _, new = digits
    estimator = skae.DenoisingAutoencoder(8, dropout=0.1)
    codes = [prepared(estimator).fit(X).transform(new) for _ in range(2)]
    np.testing.assert_allclose(*codes, rtol=1e-3, atol=1e-3 * np.abs(codes[0]).max())


@pytest.mark.parametrize("solver", ["adamw", "sgd", "rmsprop"])
def test_partial_fit_and_warm_start_go_on(solver, digits):
    X = digits[0]
    estimator = skae.AutoencoderTransformer(
        8, solver=solver, learning_rate_init=1e-3, device="cuda", random_state=0
    )
    stream = clone(estimator)
    for rows in np.array_split(X, 3):
        stream.partial_fit(rows)
    assert stream.n_iter_ == 3 and device_of(stream) == "cuda"
    warm = prepared(estimator, warm_start=True).fit(X)
    first = warm.loss_curve_[-1]
    assert warm.fit(X).loss_curve_[-1] < first
    assert device_of(warm) == "cuda"


def test_training_moves_between_devices(digits):
    X = digits[0]
    estimator = prepared(skae.AutoencoderTransformer(8), warm_start=True).fit(X)
    best = estimator.best_loss_
    estimator.set_params(device="cpu").fit(X)
    assert device_of(estimator) == "cpu" and estimator.best_loss_ <= best
    estimator.set_params(device="cuda").fit(X)
    assert device_of(estimator) == "cuda" and estimator.n_iter_ == 15
    # Saved with a GPU's generator, whose state no other takes.
    loaded = pickle.loads(pickle.dumps(estimator)).set_params(device="cpu")
    assert loaded.fit(X).n_iter_ == 20


def test_auto_takes_the_gpu_for_much_work_only(digits):
    X = digits[0]
    small = prepared(skae.AutoencoderTransformer(8), "auto").fit(X)
    assert device_of(small) == "cpu"
    large = skae.AutoencoderTransformer(8, hidden_layer_sizes=(2048, 2048))
    large = prepared(large, "auto", max_iter=100, tol=1.0, n_iter_no_change=1).fit(X)
    assert device_of(large) == "cuda"
