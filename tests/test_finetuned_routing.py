"""Metadata routing: what a fine-tuned predictor passes to its autoencoder's fit."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.datasets import load_digits
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skae import AutoencoderClassifier, AutoencoderRegressor, DenoisingAutoencoder

INNER = {
    "n_components": 4,
    "hidden_layer_sizes": (8,),
    "max_iter": 2,
    "early_stopping": False,
    "random_state": 0,
}
QUICK = {"max_iter": 2, "random_state": 0, "unlabeled_label": -1}


class Recording(DenoisingAutoencoder):
    """Keeps the arguments of its fit."""

    def fit(self, X, y=None, *, X_target=None, X_val=None, sample_weight=None):
        given = {"X_target": X_target, "X_val": X_val, "sample_weight": sample_weight}
        self.given_ = {"X": X, **given}
        return super().fit(X, y, **given)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:120] / 16, y[:120]


@pytest.fixture(scope="module")
def weight():
    return np.random.RandomState(0).uniform(0.5, 2, size=120)


def fitted(X, y, requests=None, options=None, **given):
    """Return a classifier, fitted with an autoencoder that requests metadata."""
    autoencoder = Recording(**INNER)
    if requests is not None:
        autoencoder.set_fit_request(**requests)
    model = AutoencoderClassifier(autoencoder, **QUICK, **(options or {}))
    return model.fit(X, y, **given)


@pytest.mark.parametrize("cls", [AutoencoderClassifier, AutoencoderRegressor])
def test_they_are_meta_estimators(cls):
    assert issubclass(cls, MetaEstimatorMixin)
    default, explicit = (get_tags(cls(a)) for a in (None, DenoisingAutoencoder()))
    assert default == explicit


# ----- without routing -----------------------------------------------------


def test_without_routing_weights_alone_reach_the_autoencoder(digits, weight):
    X, y = digits
    model = fitted(X, y, sample_weight=weight, X_val=X[:20], y_val=y[:20])
    given = model.autoencoder_.given_
    assert_array_equal(given["sample_weight"], weight)
    assert given["X_val"] is None


def test_without_routing_other_metadata_are_refused(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"enable_metadata_routing=True.*X_target"):
        fitted(X, y, X_target=X)


# ----- requests ------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_metadata_without_a_request_are_refused(method, digits, weight, routing):
    X, y = digits
    model = AutoencoderRegressor(Recording(**INNER), **QUICK)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        getattr(model, method)(X, y, sample_weight=weight)


def test_validation_samples_without_a_request_are_refused(digits, routing):
    X, y = digits
    with pytest.raises(UnsetMetadataPassedError, match="X_val"):
        fitted(X, y, X_val=X, y_val=y)


def test_unknown_metadata_are_refused(digits, routing):
    with pytest.raises(TypeError, match="unexpected argument.*groups"):
        fitted(*digits, groups=digits[1])


def test_what_the_predictor_alone_takes_needs_no_request(digits, routing):
    X, y = digits
    assert fitted(X, y, X_unlabeled=X[:7]).autoencoder_.n_samples_ == 127


def test_requested_weights_are_those_of_a_fit_without_routing(digits, weight):
    X, y = digits
    before = fitted(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        after = fitted(X, y, {"sample_weight": True}, sample_weight=weight)
    assert_array_equal(after.predict_proba(X), before.predict_proba(X))
    assert_array_equal(after.autoencoder_.given_["sample_weight"], weight)


def test_weights_that_are_refused_reach_the_predictor_alone(digits, weight, routing):
    X, y = digits
    refused = {"sample_weight": False}
    model = fitted(X, y, refused, sample_weight=weight)
    assert model.autoencoder_.given_["sample_weight"] is None
    plain = fitted(X, y)
    codes = [m.autoencoder_.transform(X) for m in (model, plain)]
    assert_array_equal(*codes)
    assert not np.array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_weights_by_another_name(digits, weight, routing):
    X, y = digits
    model = fitted(X, y, {"sample_weight": "inner"}, inner=weight)
    assert_array_equal(model.autoencoder_.given_["sample_weight"], weight)
    plain = fitted(X, y, {"sample_weight": "inner"})
    assert plain.autoencoder_.given_["sample_weight"] is None


def test_validation_samples_stop_the_autoencoder_too(digits, routing):
    X, y = digits
    model = fitted(X, y, {"X_val": True}, X_val=X[:20], y_val=y[:20])
    autoencoder = clone(Recording(**INNER)).fit(X, X_val=X[:20])
    curve = model.autoencoder_.validation_loss_curve_
    assert curve == autoencoder.validation_loss_curve_
    assert len(curve) == 3


def test_the_default_autoencoder_requests_weights_alone(digits, weight, routing):
    X, y = digits
    given = {"sample_weight": weight, "X_val": X[:20], "y_val": y[:20]}
    model = AutoencoderClassifier(max_iter=1, random_state=0).fit(X, y, **given)
    with sklearn.config_context(enable_metadata_routing=False):
        before = AutoencoderClassifier(max_iter=1, random_state=0).fit(X, y, **given)
    assert_array_equal(model.predict_proba(X), before.predict_proba(X))
    with pytest.raises(TypeError, match="X_target"):
        AutoencoderClassifier().fit(X, y, X_target=X)


def test_a_frozen_autoencoder_takes_no_metadata(digits, weight, routing):
    X, y = digits
    frozen = FrozenEstimator(Recording(**INNER).fit(X))
    model = AutoencoderClassifier(frozen, **QUICK)
    model.fit(X, y, sample_weight=weight, X_val=X[:20], y_val=y[:20])
    assert model.autoencoder_ is frozen.estimator
    with pytest.raises(TypeError, match="X_target"):
        model.fit(X, y, X_target=X)


@pytest.mark.parametrize("requested", [True, False])
def test_weights_of_batches(requested, digits, weight, routing):
    X, y = digits
    autoencoder = Recording(**INNER).set_fit_request(sample_weight=requested)
    model = AutoencoderRegressor(autoencoder, **QUICK)
    model.partial_fit(X[:10], y[:10], sample_weight=weight[:10])
    model.partial_fit(X[10:20], y[10:20])
    given = model.autoencoder_.given_
    assert len(given["X"]) == 20
    if requested:
        expected = np.concatenate([weight[:10], np.ones(10)])
        assert_array_equal(given["sample_weight"], expected)
    else:
        assert given.get("sample_weight") is None


# ----- alignment -----------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [True, False])
def test_metadata_go_with_their_samples(early_stopping, digits, routing):
    X, y = digits
    # The first third has no label; samples of weight zero are left out.
    some = np.where(np.arange(120) < 40, -1, y)
    weight = np.where(np.arange(120) % 5 == 0, 0.0, 1.0)
    model = fitted(
        X,
        some,
        {"X_target": True, "sample_weight": "inner"},
        {"early_stopping": early_stopping, "validation_fraction": 0.25},
        sample_weight=weight,
        X_target=1 - X,
        inner=1 + X.sum(axis=1),
    )
    given = model.autoencoder_.given_
    assert len(given["X"]) == (80 if early_stopping else 96)
    assert_allclose(given["X_target"], 1 - given["X"])
    assert_allclose(given["sample_weight"], 1 + given["X"].sum(axis=1))


def test_further_samples_have_the_mean_weight(digits, weight, routing):
    X, y = digits
    requested = {"sample_weight": True}
    model = fitted(X, y, requested, sample_weight=weight, X_unlabeled=X[:30])
    expected = np.concatenate([weight, np.full(30, weight.mean())])
    assert_allclose(model.autoencoder_.given_["sample_weight"], expected)


def test_further_samples_have_no_other_metadata(digits, routing):
    X, y = digits
    with pytest.raises(ValueError, match="X_target is routed .* mark them in y"):
        fitted(X, y, {"X_target": True}, X_target=X, X_unlabeled=X[:30])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("X_target", r"X_target must have shape \(120, 64\) to match X"),
        ("sample_weight", "inconsistent|sample_weight.shape"),
    ],
)
def test_metadata_of_another_length(name, message, digits, routing):
    X, y = digits
    value = X[1:] if name == "X_target" else np.ones(119)
    with pytest.raises(ValueError, match=message):
        fitted(X, y, {name: "inner"}, inner=value)


def test_columns_in_another_order_are_refused(digits, routing):
    X, y = digits
    frame = pd.DataFrame(X).add_prefix("pixel")
    with pytest.raises(ValueError, match="feature names should match"):
        fitted(frame, y, {"X_target": True}, X_target=frame[frame.columns[::-1]])
    model = fitted(frame, y, {"X_target": True}, X_target=1 - frame)
    assert_allclose(model.autoencoder_.given_["X_target"], 1 - X)


def test_without_pretraining_the_start_is_of_the_metadata(digits, weight, routing):
    X, y = digits
    requests = {"X_target": True, "sample_weight": True}
    given = {"X_target": 3 - X, "sample_weight": weight}
    model = fitted(X, y, requests, {"pretraining": False}, **given)
    expected = np.average(3 - X, axis=0, weights=weight)
    assert_allclose(model.autoencoder_.mean_, expected)


# ----- within scikit-learn -------------------------------------------------


def test_pairs_pass_through_the_steps_of_a_pipeline(digits, routing):
    X, y = digits
    autoencoder = Recording(**INNER).set_fit_request(X_target=True)
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("model", AutoencoderClassifier(autoencoder))],
        transform_input=["X_target"],
    )
    pipeline.set_params(model__max_iter=1).fit(X, y, X_target=1 - X)
    given = pipeline["model"].autoencoder_.given_
    expected = pipeline["scale"].transform(1 - X)
    assert_allclose(given["X_target"], expected)


def test_cross_validation_slices_the_metadata(digits, routing):
    X, y = digits
    autoencoder = Recording(**INNER).set_fit_request(X_target=True)
    model = AutoencoderClassifier(autoencoder, **QUICK)
    result = cross_validate(
        model, X, y, cv=2, params={"X_target": 1 - X}, return_estimator=True
    )
    for model in result["estimator"]:
        given = model.autoencoder_.given_
        assert len(given["X"]) == 60
        assert_allclose(given["X_target"], 1 - given["X"])


def test_weights_need_requests_of_both(digits, weight, routing):
    X, y = digits
    autoencoder = Recording(**INNER).set_fit_request(sample_weight=True)
    model = AutoencoderClassifier(autoencoder, **QUICK)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        cross_validate(model, X, y, cv=2, params={"sample_weight": weight})
    model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    given = {"params": {"sample_weight": weight}, "error_score": "raise"}
    assert len(cross_validate(model, X, y, cv=2, **given)["test_score"]) == 2
