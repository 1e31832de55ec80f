"""One signature for one method, whatever the class."""

import inspect

import numpy as np
import pytest
from instances import CLASSES, PREDICTORS
from sklearn.base import is_classifier

from skae import ConditionalVAE, VAETransformer

X = np.random.RandomState(0).uniform(size=(24, 5))
Y = np.arange(24) % 2


def parameters(method):
    return dict(inspect.signature(method).parameters)


def positional(method):
    """Return the names of parameters that can be passed by position, without self."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = parameters(method).items()
    return [name for name, p in found if p.kind in kinds and name != "self"]


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit"])
@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_all_but_the_data_is_passed_by_name(cls, method):
    assert positional(getattr(cls, method)) == ["X", "y"]


@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_partial_fit_has_one_signature_a_kind(cls):
    expected = ["self", "X", "y"]
    takes_y = cls in PREDICTORS or cls is ConditionalVAE
    if is_classifier(cls()) or cls is ConditionalVAE:
        expected.append("classes")
    if "X_target" in parameters(cls.fit):
        expected.append("X_target")
    found = parameters(cls.partial_fit)
    assert list(found) == [*expected, "sample_weight"]
    assert (found["y"].default is inspect.Parameter.empty) == takes_y


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit"])
def test_what_needs_y_asks_for_it_by_its_signature(method):
    call = getattr(ConditionalVAE(2, max_iter=1), method)
    with pytest.raises(TypeError, match="'y'"):
        call(X)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y"):
        call(X, None)


@pytest.mark.parametrize("cls", CLASSES)
def test_scores_take_all_but_the_data_by_name(cls):
    assert positional(cls.score) == ["X", "y"]
    assert positional(cls.score_samples) == ["X"]


@pytest.mark.parametrize("cls", [VAETransformer, ConditionalVAE])
def test_a_second_position_of_score_samples_means_nothing(cls):
    fitted = cls(2, max_iter=1, random_state=0).fit(X, Y)
    with pytest.raises(TypeError, match="positional"):
        fitted.score_samples(X, 1)
    assert fitted.score_samples(X, n_draws=1).shape == (24,)


def test_no_second_position_means_two_things():
    """A second position is y wherever there is one, except for numbers to draw."""
    for cls in CLASSES + PREDICTORS:
        for name, method in inspect.getmembers(cls, inspect.isfunction):
            ours = method.__module__.startswith("skae") and not name.startswith("_")
            if ours and len(positional(method)) > 1:
                assert positional(method)[1] == "y", f"{cls.__name__}.{name}"
