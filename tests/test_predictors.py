"""The properties of every predictor, each in several parametrisations."""

import copy

import pytest
from checks import observe_fit
from instances import defaults_and_others, make_predictors
from predictor_checks import (
    PREDICTOR_FITTING_CHECKS,
    PREDICTOR_READING_CHECKS,
    check_pickle_round_trip,
)
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_digits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data_for(estimator):
    if is_classifier(estimator):
        X, y = load_digits(return_X_y=True)
        return X[:200] / 16, y[:200] % 3
    X, y = load_diabetes(return_X_y=True)
    return X[:200] / X.std(), y[:200]


@pytest.fixture(scope="module", params=defaults_and_others(make_predictors()), ids=str)
def fit(request):
    """One fit for all checks that change nothing."""
    X, y = data_for(request.param)
    X.flags.writeable = y.flags.writeable = False
    return observe_fit(clone(request.param), X, y)


@pytest.mark.parametrize(
    "check", PREDICTOR_READING_CHECKS, ids=lambda check: check.__name__
)
def test_fitted(check, fit):
    check(copy.deepcopy(fit))


def test_pickles(fit, tmp_path):
    check_pickle_round_trip(copy.deepcopy(fit), tmp_path)


@pytest.mark.parametrize(
    "check", PREDICTOR_FITTING_CHECKS, ids=lambda check: check.__name__
)
def test_fits(check, fit):
    check(clone(fit.estimator), *data_for(fit.estimator), copy.deepcopy(fit))
