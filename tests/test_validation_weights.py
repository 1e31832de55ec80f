"""`sample_weight_val`, the weights of X_val."""

import inspect

import numpy as np
import pytest
import sklearn
from instances import CLASSES, PREDICTORS, validation
from numpy.testing import assert_allclose
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits

import skae

N_TRAIN, N_VALIDATION = 120, 60
# A few epochs of a network of few units, the same whatever the validation loss.
_SMALL = {
    "n_components": 3,
    "max_iter": 3,
    "pretraining_max_iter": 1,
    "hidden_layer_sizes": (6,),
    "channels": (4,),
    "hidden_size": 4,
    "n_iter_no_change": 10,
    "n_init": 1,
    "random_state": 0,
    "n_threads": 1,
    "autoencoder": skae.AutoencoderTransformer(3, max_iter=1, n_threads=1),
}
# The loss of a validation sample depends on its position by a draw of noise.
_NOISY = (
    skae.ContractiveAutoencoder,
    skae.DenoisingAutoencoder,
    skae.VAETransformer,
    skae.ConditionalVAE,
)


def make(cls):
    known = inspect.signature(cls).parameters
    return cls(**{name: value for name, value in _SMALL.items() if name in known})


@pytest.fixture(scope="module")
def data():
    """Return training and validation data, of which some samples are unusual."""
    X, y = load_digits(return_X_y=True)
    X, y = X[: N_TRAIN + N_VALIDATION] / 16, y[: N_TRAIN + N_VALIDATION] % 3
    X_val, y_val = X[N_TRAIN:].copy(), y[N_TRAIN:]
    X_val[::2] = 1 - X_val[::2]
    return X[:N_TRAIN], y[:N_TRAIN], X_val, y_val


def rows_of(estimator, X_val, y_val):
    if hasattr(estimator, "predict"):
        return {"X_val": X_val, "y_val": y_val}
    return validation(estimator, X_val, y_val)


def curve(estimator, X, y, rows, weight=None):
    fitted = clone(estimator).fit(X, y, **rows, sample_weight_val=weight)
    return np.array(fitted.validation_loss_curve_)


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_weights_are_repetitions(cls, data):
    X, y, X_val, y_val = data
    estimator = make(cls)
    weight = np.where(np.arange(N_VALIDATION) % 2, 4, 1)
    weight[:6] = 0
    # So many that a mean over their draws of noise says enough.
    copies = 40 if cls in _NOISY else 1
    X_val, y_val = np.tile(X_val, (copies, 1)), np.tile(y_val, copies)
    weight = np.tile(weight, copies)
    rows = rows_of(estimator, X_val, y_val)
    repeated = rows_of(
        estimator, np.repeat(X_val, weight, axis=0), np.repeat(y_val, weight)
    )
    found = curve(estimator, X, y, rows, weight)
    rtol = 0.02 if cls in _NOISY else 1e-5
    assert len(found) == 4
    assert_allclose(found, curve(estimator, X, y, repeated), rtol=rtol)
    plain = curve(estimator, X, y, rows)
    assert np.abs(found / plain - 1).max() > 5 * rtol


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_the_unit_of_the_weights_and_weights_of_zero(cls, data):
    X, y, X_val, y_val = data
    estimator, weight = make(cls), np.full(N_VALIDATION, 1e-3)
    rows = rows_of(estimator, X_val, y_val)
    expected = curve(estimator, X, y, rows)
    assert_allclose(curve(estimator, X, y, rows, weight), expected, rtol=1e-5)
    weight[40:] = 0
    if "y_val" in rows:
        # Not even their labels are looked at.
        rows["y_val"] = np.where(weight > 0, y_val, 77)
    fewer = rows_of(estimator, X_val[:40], y_val[:40])
    expected = curve(estimator, X, y, fewer)
    assert_allclose(curve(estimator, X, y, rows, weight), expected, rtol=1e-5)


@pytest.mark.parametrize("cls", PREDICTORS)
def test_the_validation_score_is_weighted(cls, data):
    X, y, X_val, y_val = data
    estimator = make(cls)
    weight = np.where(np.arange(N_VALIDATION) % 2, 4, 1)
    fitted = estimator.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    last = fitted.validation_scores_[fitted.best_epoch_]
    score = fitted.score(X_val, y_val, sample_weight=weight)
    if not is_classifier(fitted):
        assert last == pytest.approx(score, rel=1e-4)
    else:
        assert last == pytest.approx(score)


def test_class_weights_and_unlabeled_samples_go_with_the_weights(data):
    X, y, X_val, y_val = data
    estimator = make(skae.StackedDAEClassifier)
    estimator.set_params(class_weight={0: 3.0, 1: 1.0, 2: 0.5}, unlabeled_label=-1)
    weight = np.arange(N_VALIDATION)
    marked = np.where(np.arange(N_VALIDATION) % 3, y_val, -1)
    found = curve(estimator, X, y, {"X_val": X_val, "y_val": marked}, weight)
    known = marked >= 0
    rows = {
        "X_val": np.repeat(X_val[known], weight[known], axis=0),
        "y_val": np.repeat(marked[known], weight[known]),
    }
    assert_allclose(found, curve(estimator, X, y, rows), rtol=1e-5)
    only_unlabeled = np.where(known, 0.0, 1.0)
    with pytest.raises(ValueError, match="sample_weight_val"):
        curve(estimator, X, y, {"X_val": X_val, "y_val": marked}, only_unlabeled)


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_weights_are_validated(cls, data):
    X, y, X_val, y_val = data
    estimator = make(cls)
    with pytest.raises(ValueError, match="sample_weight_val .*X_val.* Pass both"):
        estimator.fit(X, y, sample_weight_val=np.ones(len(X)))
    rows = rows_of(estimator, X_val, y_val)
    for weight in (np.ones(3), np.zeros(N_VALIDATION), -np.ones(N_VALIDATION)):
        with pytest.raises(ValueError, match="sample_weight_val"):
            estimator.fit(X, y, **rows, sample_weight_val=weight)
    # What is refused is no fit.
    assert not hasattr(estimator, "network_")


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_fit_transform_and_routing(cls, data):
    X, y, X_val, y_val = data
    weight = np.where(np.arange(N_VALIDATION) % 2, 4.0, 1.0)
    rows = rows_of(make(cls), X_val, y_val) | {"sample_weight_val": weight}
    expected = make(cls).fit(X, y, **rows).validation_loss_curve_
    direct = make(cls)
    direct.fit_transform(X, y, **rows)
    assert direct.validation_loss_curve_ == expected
    with sklearn.config_context(enable_metadata_routing=True):
        requesting = make(cls)
        requesting.set_fit_request(**dict.fromkeys(rows, True))
        if hasattr(requesting, "autoencoder"):
            refused = {"X_val": False, "sample_weight_val": False}
            requesting.autoencoder.set_fit_request(**refused)
        pipeline = sklearn.pipeline.make_pipeline(requesting).fit(X, y, **rows)
    assert pipeline[0].validation_loss_curve_ == expected
