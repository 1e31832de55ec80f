"""What 'auto' resolved to, the validation strategies and the curves of a fit."""

import math

import numpy as np
import pytest
from instances import CLASSES, PREDICTORS
from sklearn.base import is_classifier, is_regressor
from sklearn.datasets import load_digits

from skae import (
    AutoencoderClassifier,
    AutoencoderTransformer,
    ConditionalVAE,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedDAEClassifier,
)

X, y = load_digits(return_X_y=True)
SMALL = {"hidden_layer_sizes": (16,), "random_state": 0}


def fit_plain(n_samples=200, n_components=4, **parameters):
    options = SMALL | {"max_iter": 3} | parameters
    return AutoencoderTransformer(n_components, **options).fit(X[:n_samples])


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_what_auto_resolved_to_is_fitted_state(cls):
    estimator = cls(max_iter=2, random_state=0)
    estimator.fit(X[:120], y[:120])
    assert estimator.alpha_ >= 0
    assert estimator.batch_size_ in range(1, 121)
    assert estimator.device_ == "cpu"
    assert estimator.n_threads_ >= 1
    assert estimator.validation_strategy_ in (
        "holdout",
        "cross-validation",
        "none",
    )
    if hasattr(estimator, "hidden_layer_sizes"):
        assert all(size >= 1 for size in estimator.hidden_layer_sizes_)


@pytest.mark.parametrize("name", ["alpha", "batch_size", "hidden_layer_sizes"])
def test_a_given_value_is_what_it_resolves_to(name):
    value = {"alpha": 3.0, "batch_size": 17, "hidden_layer_sizes": (5, 4)}[name]
    estimator = fit_plain(**{name: value})
    assert getattr(estimator, f"{name}_") == value


@pytest.mark.parametrize(
    ("wanted", "n_samples", "ran"),
    [
        ("auto", 10, "none"),
        ("auto", 200, "cross-validation"),
        ("auto", 600, "holdout"),
        ("holdout", 200, "holdout"),
        (True, 200, "holdout"),
        ("cross-validation", 600, "cross-validation"),
        (False, 600, "none"),
    ],
)
def test_the_validation_strategy_is_the_one_asked_for(wanted, n_samples, ran):
    estimator = fit_plain(n_samples, early_stopping=wanted)
    assert estimator.validation_strategy_ == ran
    has_curve = estimator.validation_loss_curve_ is not None
    assert has_curve == (ran != "none")


def test_given_validation_samples_are_used():
    estimator = AutoencoderTransformer(4, max_iter=3, **SMALL)
    estimator.fit(X[:200], X_val=X[200:260])
    assert estimator.validation_strategy_ == "given"


def test_a_closed_form_has_no_strategy_and_no_epoch():
    estimator = fit_plain(600, hidden_layer_sizes=())
    assert (estimator.validation_strategy_, estimator.n_iter_) == ("none", 0)
    assert len(estimator.loss_curve_) == 1


@pytest.mark.parametrize(
    "estimator",
    [
        DenoisingAutoencoder(4, early_stopping="cross-validation", max_iter=3, **SMALL),
        SparseAutoencoder(12, early_stopping="cross-validation", max_iter=3, **SMALL),
        ConditionalVAE(2, early_stopping="cross-validation", max_iter=3, **SMALL),
    ],
    ids=lambda e: type(e).__name__,
)
def test_cross_validation_is_for_every_autoencoder(estimator):
    estimator.fit(X[:60], y[:60])
    assert estimator.validation_strategy_ == "cross-validation"
    assert len(estimator.validation_loss_curve_) == estimator.n_iter_ + 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lbfgs"}, "Got solver='lbfgs' .*Use early_stopping='holdout' or"),
        ({"learning_rate": "adaptive"}, "learning_rate='adaptive'. Use .*'holdout' or"),
        ({"n_samples": 9}, "needs at least 10 samples. Got n_samples=9"),
    ],
)
def test_cross_validation_says_what_it_cannot_do(parameters, message):
    with pytest.raises(ValueError, match=message):
        fit_plain(early_stopping="cross-validation", **parameters)


def test_a_warm_start_cannot_cross_validate():
    estimator = fit_plain(warm_start=True)
    estimator.set_params(early_stopping="cross-validation")
    with pytest.raises(ValueError, match="warm_start=False"):
        estimator.fit(X[:200])


@pytest.mark.parametrize("cls", [AutoencoderClassifier, StackedDAEClassifier])
def test_predictors_hold_out_but_do_not_cross_validate(cls):
    held_out = cls(max_iter=2, early_stopping="holdout", random_state=0)
    assert held_out.fit(X[:120], y[:120]).validation_strategy_ == "holdout"
    with pytest.raises(ValueError, match="'early_stopping' parameter"):
        cls(early_stopping="cross-validation").fit(X[:120], y[:120])


@pytest.mark.parametrize("wanted", [True, "holdout", "cross-validation"])
def test_one_epoch_has_no_early_stopping(wanted):
    with pytest.raises(ValueError, match=f"early_stopping={wanted!r}"):
        AutoencoderTransformer(4, early_stopping=wanted).partial_fit(X[:50])


def curves_of(estimator):
    names = ("loss_curve_", "validation_loss_curve_", "validation_scores_")
    curves = [getattr(estimator, name, None) for name in names]
    return [curve for curve in curves if curve is not None]


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_curves_have_one_entry_more_than_epochs_that_ran(cls):
    estimator = cls(max_iter=2, random_state=0)
    is_predictor = is_classifier(estimator) or is_regressor(estimator)
    X_val = {"X_val": X[120:140]}
    if is_predictor or isinstance(estimator, ConditionalVAE):
        X_val["y_val"] = y[120:140]
    estimator.set_params(warm_start=True)
    for given in (X_val, {}):
        estimator.fit(X[:120], y[:120], **given)
        for curve in curves_of(estimator):
            assert len(curve) == estimator.n_iter_ + 1


def test_epochs_without_validation_are_nan_in_its_curve():
    estimator = AutoencoderTransformer(4, max_iter=3, warm_start=True, **SMALL)
    estimator.fit(X[:200], X_val=X[200:300])
    n_before = estimator.n_iter_
    estimator.set_params(early_stopping=False).fit(X[:200])
    curve = np.array(estimator.validation_loss_curve_)
    assert np.isfinite(curve[: n_before + 1]).all()
    assert np.isnan(curve[n_before + 1 :]).all() and len(curve) > n_before + 1
    assert math.isfinite(estimator.best_loss_)


def test_scores_of_validation_begin_before_the_first_epoch():
    classifier = StackedDAEClassifier((16,), max_iter=4, random_state=0)
    classifier.fit(X[:300], y[:300], X_val=X[300:400], y_val=y[300:400])
    scores = classifier.validation_scores_
    # All outputs are zero at the start, and the first class is predicted.
    assert scores[0] == pytest.approx(np.mean(y[300:400] == 0))
    assert len(scores) == len(classifier.loss_curve_)
