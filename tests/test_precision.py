"""Training in bfloat16: of the layers' products alone, not of what is judged."""

import warnings

import numpy as np
import pytest
import torch
from instances import CLASSES, PREDICTORS
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import skae
from skae._training.criterion import SquaredError
from skae._training.data import Rows
from skae._training.loop import Plan, row_losses
from skae._training.objective import ReconstructionObjective
from skae._training.schedules import SCHEDULES

_FINETUNED = {"autoencoder": skae.AutoencoderTransformer(max_iter=3)}
_OWN = {
    "AutoencoderClassifier": _FINETUNED,
    "AutoencoderRegressor": _FINETUNED,
    "ConvolutionalAutoencoder": {"image_shape": (8, 8), "channels": (4,)},
    "RecurrentAutoencoder": {"sequence_shape": (8, 8), "hidden_size": 8},
}
_FEW = {"max_iter": 3, "early_stopping": False, "random_state": 0}
ESTIMATORS = [
    cls(**_OWN.get(cls.__name__, {})).set_params(**_FEW) for cls in CLASSES + PREDICTORS
]


def digits(dtype=np.float32):
    X, y = load_digits(return_X_y=True)
    return X[:400].astype(dtype), y[:400]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_every_estimator_learns_as_much_as_in_float32(estimator):
    X, y = digits()
    fitted = [
        clone(estimator).set_params(precision=precision).fit(X, y)
        for precision in ("float32", "bfloat16")
    ]
    start = fitted[0].loss_curve_[0]
    gains = [start - estimator.loss_curve_[-1] for estimator in fitted]
    np.testing.assert_allclose(*gains, rtol=0.1)
    ours, theirs = (estimator.network_.state_dict().values() for estimator in fitted)
    assert [tensor.dtype for tensor in ours] == [tensor.dtype for tensor in theirs]
    assert fitted[1].transform(X).dtype == np.float32
    assert fitted[1].transform(X.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize(
    "estimator",
    [
        skae.AutoencoderTransformer(4, max_iter=1, early_stopping=False),
        skae.VAETransformer(4, max_iter=1, early_stopping=False),
    ],
    ids=repr,
)
def test_the_linear_path_is_not_rounded(estimator):
    X, _ = digits()
    network = estimator.fit(X).network_
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    u = estimator._scaling(torch.from_numpy(X).double()).float()
    exact = network(u)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = network(u)
    torch.testing.assert_close(rounded, exact, rtol=0, atol=1e-6)


def test_rows_that_judge_are_computed_as_inference_computes_them():
    X, _ = digits()
    estimator = skae.AutoencoderTransformer(4, max_iter=1, early_stopping=False).fit(X)
    u = estimator._scaling(torch.from_numpy(X).double()).float()
    plans = [
        Plan(
            ReconstructionObjective(SquaredError()),
            batch_size=10,
            schedule=SCHEDULES["constant"](1e-3, max_iter=1),
            mixed_precision=mixed,
        )
        for mixed in (False, True)
    ]
    losses = [row_losses(estimator.network_, Rows(u, u), plan, 0) for plan in plans]
    assert torch.equal(*losses)


@pytest.mark.parametrize("n_components", [32, 55])
def test_the_result_is_not_worse_than_pca_where_little_is_left(n_components):
    X = load_digits().data.astype(np.float32)
    X, new = X[:1200], X[1200:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = skae.AutoencoderTransformer(
            n_components, max_iter=5, precision="bfloat16", random_state=0
        ).fit(X)
    pca = PCA(n_components).fit(X)
    residual = new - pca.inverse_transform(pca.transform(new))
    ours = new - estimator.reconstruct(new)
    assert np.square(ours).sum() <= 1.02 * np.square(residual).sum()
