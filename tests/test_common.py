"""The properties of every autoencoder, each in several parametrisations."""

import copy

import pytest
from checks import FITTING_CHECKS, READING_CHECKS, observe_fit
from instances import CLASSES, defaults_and_others, make_instances
from sklearn.base import clone
from sklearn.datasets import load_digits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    # In [0, 1], for the losses that need it.
    X, y = load_digits(return_X_y=True)
    return X[:240] / 16, y[:240]


def with_few_epochs(estimator):
    """Return a clone: none of the properties needs a good model."""
    return clone(estimator).set_params(max_iter=min(estimator.max_iter, 20))


@pytest.fixture(scope="module", params=defaults_and_others(make_instances()), ids=str)
def fit(request, digits):
    """One fit for all checks that change nothing."""
    X, y = digits
    return observe_fit(with_few_epochs(request.param), X.copy(), y)


@pytest.mark.parametrize("check", READING_CHECKS, ids=lambda check: check.__name__)
def test_fitted(check, fit):
    check(copy.deepcopy(fit))


@pytest.mark.parametrize("check", FITTING_CHECKS, ids=lambda check: check.__name__)
def test_fits(check, fit, digits):
    X, y = digits
    check(clone(fit.estimator), X.copy(), y, copy.deepcopy(fit))


@pytest.mark.parametrize("cls", CLASSES)
def test_the_defaults_learn_beyond_the_linear_path(cls):
    X, y = load_digits(return_X_y=True)
    fitted = cls(8, max_iter=5, random_state=0).fit(X[:1000], y[:1000])
    assert fitted.best_epoch_ > 0
    start = fitted.validation_loss_curve_[0]
    # The zero of a log likelihood means nothing: there the gain is in nats a pixel.
    least = 0.03 * start if fitted._loss_is_of_residuals() else 0.05 * X.shape[1]
    assert fitted.best_loss_ < start - least
