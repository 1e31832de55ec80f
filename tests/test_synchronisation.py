"""An epoch on a GPU must neither wait for each batch nor send it anything.

Counted on the CPU, where the same operations are called. The data are in float32 where
they are trained on; what is float64 in a step comes from the host.
"""

import numpy as np
import pytest
import torch
from instances import CLASSES, PREDICTORS
from torch.utils._python_dispatch import TorchDispatchMode

import skae
from skae._training import loop
from skae._training.backward.dense import BallTape

aten = torch.ops.aten
# Under inference_mode the names are those of the calls.
_WAITS = {aten._local_scalar_dense, aten.item, aten.nonzero, aten.masked_select}
_CONVERSIONS = {aten._to_copy, aten.to}
# Of a loss, and the penalty on the weights.
_MOST_TERMS = 3
_LAYERS = {"hidden_layer_sizes": (6,)}
_OWN = {
    "ConvolutionalAutoencoder": {"image_shape": (4, 4), "channels": (2,)},
    "RecurrentAutoencoder": {"sequence_shape": (4, 4), "hidden_size": 3},
    "StackedAutoencoder": {**_LAYERS, "pretraining_max_iter": 1},
    "StackedDAEClassifier": {**_LAYERS, "pretraining_max_iter": 1},
    "StackedDAERegressor": {**_LAYERS, "pretraining_max_iter": 1},
    "AutoencoderClassifier": {},
    "AutoencoderRegressor": {},
}
_MORE = [
    skae.AutoencoderTransformer(2, **_LAYERS, linear_path=None, dropout=0.1),
    skae.AutoencoderTransformer(2, **_LAYERS, batch_norm=True, max_norm=1.0),
    skae.AutoencoderTransformer(2, **_LAYERS, loss="poisson"),
    skae.AutoencoderTransformer(2, **_LAYERS, precision="bfloat16", solver="sgd"),
    *(
        skae.DenoisingAutoencoder(2, **_LAYERS, corruption=name)
        for name in ("masking", "gaussian", "salt_and_pepper", "swap")
    ),
    skae.SparseAutoencoder(8, sparsity="kl"),
    skae.StackedAutoencoder(
        2, **_LAYERS, pretraining="rbm", activation="logistic", pretraining_max_iter=1
    ),
    skae.SparseAutoencoder(8, sparsity="l1"),
    skae.VAETransformer(2, **_LAYERS, n_importance_samples=3, likelihood="poisson"),
    skae.ConvolutionalAutoencoder(
        image_shape=(4, 4),
        channels=(2,),
        pooling="max",
        upsampling="nearest",
        corruption="salt_and_pepper",
    ),
]


class Count(TorchDispatchMode):
    """Counts waits for a number, and what is sent, of all epochs."""

    def __init__(self):
        super().__init__()
        self.waits = self.sent = self.n_epochs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        packet = func.overloadpacket
        self.waits += packet in _WAITS
        self.sent += packet is aten.lift_fresh
        self.sent += packet in _CONVERSIONS and args[0].dtype == torch.float64
        return func(*args, **(kwargs or {}))


def estimators():
    for cls in CLASSES + PREDICTORS:
        yield cls(**_OWN.get(cls.__name__, {"n_components": 2, **_LAYERS}))
    yield from _MORE


@pytest.fixture
def counted(monkeypatch):
    count, run_epoch = Count(), loop.run_epoch

    def counted_epoch(*args):
        count.n_epochs += 1
        with count:
            run_epoch(*args)

    monkeypatch.setattr(loop, "run_epoch", counted_epoch)
    # To look for far rows costs nothing on the CPU, and is not done elsewhere.
    monkeypatch.setattr(BallTape, "forward", lambda tape, rows: rows)
    monkeypatch.setattr(BallTape, "backward", lambda tape, gradient: gradient)
    return count


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("estimator", list(estimators()), ids=repr)
def test_an_epoch_waits_once_a_term_and_sends_nothing(estimator, counted):
    rng = np.random.RandomState(0)
    X, y = rng.uniform(0.1, 0.9, (96, 16)).astype(np.float32), rng.randint(2, size=96)
    estimator.set_params(
        batch_size=8, max_iter=2, early_stopping=False, random_state=0
    ).fit(X, y)
    assert counted.n_epochs >= 2
    # The packed sequences of torch ask for the lengths of each batch's rows.
    n_waits = 12 if isinstance(estimator, skae.RecurrentAutoencoder) else 0
    assert counted.waits <= counted.n_epochs * (n_waits + _MOST_TERMS)
    assert counted.sent == 0
