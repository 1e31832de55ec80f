"""Mistakes that would otherwise pass in silence, or end in a riddle."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from instances import CLASSES, PREDICTORS, given
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.utils import get_tags

import skae
from skae.plotting import LatentManifoldDisplay, LatentSpaceDisplay

RNG = np.random.RandomState(0)
CLEAN = RNG.uniform(size=(24, 5))
NOISY = (CLEAN + RNG.uniform(size=CLEAN.shape)) / 2
QUICK = {"n_threads": 1, "random_state": 0}
IGNORING = [c for c in CLASSES if not get_tags(c()).target_tags.required]
CLASSIFIERS = [c for c in PREDICTORS if is_classifier(c())]
REGRESSORS = [c for c in PREDICTORS if not is_classifier(c())]


def quick(cls, **parameters):
    """Return an estimator whose fit takes no time."""
    small = {"max_iter": 1, "pretraining_max_iter": 1, "hidden_layer_sizes": (4,)}
    known = cls().get_params(deep=False)
    small = {name: value for name, value in small.items() if name in known}
    if "autoencoder" in known:
        small["autoencoder"] = skae.AutoencoderTransformer(2, max_iter=1, n_threads=1)
    if "n_components" in known:
        small["n_components"] = 2
    return cls(**{**small, **QUICK, **parameters})


def warned_of(call, pattern):
    """Return the warnings of a call whose text matches."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught if re.search(pattern, str(w.message))]


def error_of(call, *args, **kwargs):
    """Return the message of the ValueError of a call."""
    with pytest.raises(ValueError) as error:
        call(*args, **kwargs)
    return str(error.value)


# ----- clean rows as y ------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit", "score"])
@pytest.mark.parametrize("cls", IGNORING)
def test_clean_rows_as_y_are_not_ignored_in_silence(cls, method):
    estimator = quick(cls)
    if method == "score":
        estimator.fit(NOISY)
    call = getattr(estimator, method)
    (message,) = warned_of(lambda: call(NOISY, CLEAN), "ignored")
    assert "X_target" in message
    for harmless in (NOISY, NOISY.copy(), None, CLEAN[:, 0], CLEAN[:, :1]):
        assert not warned_of(lambda y=harmless: call(NOISY, y), "ignored")


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.tolist(),
        pd.DataFrame,
        pl.DataFrame,
        torch.tensor,
        lambda y: (255 * y).astype(np.uint8),
        lambda y: y.reshape(len(y), 1, 5),
    ],
    ids=["list", "pandas", "polars", "torch", "uint8", "images"],
)
def test_clean_rows_in_any_form_are_seen(convert):
    estimator = quick(skae.DenoisingAutoencoder)
    assert warned_of(lambda: estimator.fit(NOISY, convert(CLEAN)), "X_target=y")


def test_y_is_no_clean_row_where_it_is_needed_or_something_else():
    strings = CLEAN.astype(str)
    for y in (strings, strings.astype(object), [["a"]] * 24, CLEAN[:, :2]):
        estimator = quick(skae.DenoisingAutoencoder)
        assert not warned_of(lambda e=estimator, y=y: e.fit(NOISY, y), "ignored")
    column = NOISY[:, :1]
    estimator = quick(skae.AutoencoderTransformer, n_components=1)
    assert not warned_of(lambda: estimator.fit(column, CLEAN[:, :1]), "ignored")
    conditional = quick(skae.ConditionalVAE)
    assert not warned_of(lambda: conditional.fit(NOISY, CLEAN), "ignored")
    paired = quick(skae.DenoisingAutoencoder)
    call = {"X_target": CLEAN}
    assert not warned_of(lambda: paired.fit(NOISY, CLEAN, **call), "ignored")


class Unreadable:
    """What has a shape, and cannot be made an array."""

    shape = NOISY.shape

    def __array__(self, *args, **kwargs):
        raise OSError("gone")


@pytest.mark.parametrize(
    "y",
    [
        scipy.sparse.csr_matrix(CLEAN),
        scipy.sparse.csr_array(CLEAN),
        torch.tensor(CLEAN, requires_grad=True),
        Unreadable(),
    ],
    ids=["csr matrix", "csr array", "gradient", "unreadable"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
def test_what_is_ignored_makes_no_call_fail(method, y):
    estimator = quick(skae.AutoencoderTransformer)
    if method == "score":
        estimator.fit(NOISY)
    getattr(estimator, method)(NOISY, y)
    assert estimator.transform(NOISY).shape == (len(NOISY), estimator.n_components_)


def test_padding_is_the_same_in_X_and_y():
    X = NOISY.copy()
    X[::2, 3:] = -1.0
    estimator = quick(skae.RecurrentAutoencoder, padding_value=-1.0)
    assert not warned_of(lambda: estimator.fit(X, X.copy()), "ignored")
    assert warned_of(lambda: estimator.fit(X, CLEAN), "ignored")


# ----- missing labels -------------------------------------------------------

LABELS = np.arange(24) % 2
HIDDEN = np.arange(24) % 3 == 0


def _hide(values, dtype=None):
    """Return a Series with missing values where labels are hidden."""
    return pd.Series(values, dtype=dtype).mask(HIDDEN)


def _objects(values, missing):
    y = np.array(values, dtype=object)
    y[HIDDEN] = missing
    return y


NUMBERS = {
    "float": np.where(HIDDEN, np.nan, LABELS),
    "Int64": _hide(LABELS, "Int64"),
    "Float64": _hide(LABELS, "Float64"),
    "boolean": _hide(LABELS == 1, "boolean"),
    "category of numbers": _hide(LABELS).astype("category"),
    "None": _objects(LABELS, None),
    "NA": _objects(LABELS, pd.NA),
    "list": _objects(LABELS, None).tolist(),
    "polars": pl.Series(_objects(LABELS, None).tolist()),
    "polars bool": pl.Series(_objects(LABELS == 1, None).tolist()),
}
NAMES = np.where(LABELS == 1, "yes", "no")
STRINGS = {
    "string": _hide(NAMES, "string"),
    "str": _hide(NAMES),
    "category": _hide(NAMES).astype("category"),
    "None of strings": _objects(NAMES, None),
    "NaN of strings": _objects(NAMES, np.nan),
    "NA of strings": _objects(NAMES, pd.NA),
    "list of strings": _objects(NAMES, np.nan).tolist(),
    "polars strings": pl.Series(_objects(NAMES, None).tolist()),
}
WITH_MISSING = {**NUMBERS, **STRINGS}


@pytest.mark.parametrize("mark", [np.nan, pd.NA, float("nan"), pd.NaT])
@pytest.mark.parametrize("kind", WITH_MISSING)
def test_any_missing_label_is_marked_by_any_other(kind, mark):
    y, names = WITH_MISSING[kind], NAMES if kind in STRINGS else LABELS
    classifier = quick(skae.StackedDAEClassifier, unlabeled_label=mark)
    classifier.fit(CLEAN, y)
    assert classifier.n_samples_ == (~HIDDEN).sum()
    assert_array_equal(classifier.classes_, np.unique(names))
    known = classifier.score(CLEAN[~HIDDEN], names[~HIDDEN])
    assert classifier.score(CLEAN, y) == known


@pytest.mark.parametrize("cls", PREDICTORS)
@pytest.mark.parametrize("kind", ["Int64", "None", "polars"])
def test_predictors_alike_leave_out_what_is_missing(cls, kind):
    y = NUMBERS[kind]
    marked = quick(cls, unlabeled_label=pd.NA).fit(CLEAN, y)
    floats = quick(cls, unlabeled_label=np.nan).fit(CLEAN, NUMBERS["float"])
    assert_array_equal(marked.predict(CLEAN), floats.predict(CLEAN))
    again = marked.fit(CLEAN, y, X_val=CLEAN, y_val=y)
    assert len(again.validation_scores_) > 0


def test_whole_numbers_stay_whole_without_their_missing_ones():
    y = NUMBERS["Int64"]
    classifier = quick(skae.StackedDAEClassifier, unlabeled_label=pd.NA).fit(CLEAN, y)
    assert classifier.classes_.dtype.kind == "i"


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        *((cls, kind) for cls in REGRESSORS for kind in NUMBERS),
        *(
            (cls, kind)
            for cls in [*CLASSIFIERS, skae.ConditionalVAE]
            for kind in WITH_MISSING
        ),
    ],
)
def test_missing_labels_without_a_mark_are_refused(cls, kind):
    y = WITH_MISSING[kind]
    estimator = quick(cls)
    classes = {"classes": [0, 1]} if cls in CLASSIFIERS else {}
    for message in (
        error_of(estimator.fit, CLEAN, y),
        error_of(estimator.partial_fit, CLEAN, y, **classes),
        error_of(estimator.fit, CLEAN, LABELS, X_val=CLEAN, y_val=y),
    ):
        assert re.match(r"Input y(_val)? contains (NaN|None|<NA>)\. 8 samples", message)
        assert "the first in row 0" in message
        expected = "assign a separate label" if cls is skae.ConditionalVAE else "np.nan"
        assert expected in message
    estimator.fit(CLEAN, LABELS)
    if cls in CLASSIFIERS:
        assert "unlabeled_label=np.nan" in error_of(estimator.score, CLEAN, y)


@pytest.mark.parametrize("cls", PREDICTORS)
def test_missing_labels_beside_another_mark_are_refused(cls):
    y = np.where(HIDDEN, np.nan, LABELS)
    y[1] = -1
    message = error_of(quick(cls, unlabeled_label=-1).fit, CLEAN, y)
    assert "marked by unlabeled_label=-1" in message


def test_targets_of_which_some_are_missing_are_refused():
    y = pd.DataFrame({"a": pd.array(LABELS, dtype="Float64"), "b": 1.0 * LABELS})
    y.loc[5, "a"] = pd.NA
    regressor = quick(skae.StackedDAERegressor, unlabeled_label=pd.NA)
    assert "first in row 5. " in error_of(regressor.fit, CLEAN, y)
    y.loc[5, "b"] = np.nan
    assert regressor.fit(CLEAN, y).n_samples_ == 23


def test_the_mark_is_looked_for_among_the_classes():
    first = quick(skae.StackedDAEClassifier, unlabeled_label=pd.NA)
    first.partial_fit(CLEAN, NUMBERS["Int64"], classes=[0, 1])
    assert_array_equal(first.classes_, [0, 1])
    for mark in (None, pd.NA, -1):
        classifier = quick(skae.StackedDAEClassifier, unlabeled_label=mark)
        classes = [0, 1, None]
        message = error_of(classifier.partial_fit, CLEAN, LABELS, classes=classes)
        assert "missing value None" in message


def test_strings_in_place_of_missing_values_are_seen():
    y = np.where(HIDDEN, "nan", NAMES)
    classifier = quick(skae.StackedDAEClassifier, unlabeled_label=np.nan)
    assert "dtype=object" in error_of(classifier.fit, CLEAN, y)
    # Where none is missing there is nothing to be seen.
    assert classifier.fit(CLEAN, NAMES).n_samples_ == 24


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_labels_without_an_order_are_refused(cls):
    y = np.array([0, "a"], dtype=object)[LABELS]
    for mark in (None, np.nan):
        message = error_of(quick(cls, unlabeled_label=mark).fit, CLEAN, y)
        assert message.startswith("y must have labels of one type. Got int and str")


# ----- the label -1 -----------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_minus_one_is_no_class_by_accident(cls):
    y = np.where(HIDDEN, -1, LABELS)
    for labels in (y, y.astype(float), y.tolist(), pd.Series(y)):
        classifier = quick(cls)
        call = classifier.fit
        (message,) = warned_of(lambda f=call, v=labels: f(CLEAN, v), "label -1")
        assert "unlabeled_label=-1" in message
        assert_array_equal(classifier.classes_, [-1, 0, 1])
    marked = quick(cls, unlabeled_label=-1)
    assert not warned_of(lambda: marked.fit(CLEAN, y), "label -1")


@pytest.mark.parametrize(
    "labels", [[-1, 1], [-1, 0], [-2, -1, 0, 1], [0, 1, 2], ["-1", "0", "1"]]
)
def test_minus_one_among_others_is_a_class(labels):
    y = np.array(labels)[np.arange(24) % len(labels)]
    classifier = quick(skae.StackedDAEClassifier)
    assert not warned_of(lambda: classifier.fit(CLEAN, y), "label -1")
    regressor = quick(skae.StackedDAERegressor)
    if y.dtype.kind == "i":
        assert not warned_of(lambda: regressor.fit(CLEAN, y), "label -1")


# ----- series and images of several lengths -----------------------------------

SERIES = [RNG.uniform(size=n) for n in (4, 3, 6, 5)]
STEPS = [RNG.uniform(size=(n, 2)) for n in (4, 3, 6, 5)]
IMAGES = [RNG.uniform(size=s) for s in ((8, 9), (10, 8), (8, 8))]


def _as_objects(items):
    X = np.empty(len(items), dtype=object)
    X[:] = items
    return X


FORMS = {
    "lists": lambda items: [x.tolist() for x in items],
    "arrays": list,
    "tuple": tuple,
    "objects": _as_objects,
    "pandas": lambda items: pd.Series(list(items)),
    "tensors": lambda items: [torch.tensor(x) for x in items],
}
MANY = {
    **{f"series, {form}": (SERIES, form) for form in FORMS},
    "series, Series": ([pd.Series(x) for x in SERIES], "arrays"),
    **{f"steps, {form}": (STEPS, form) for form in FORMS},
    **{f"images, {form}": (IMAGES, form) for form in FORMS},
}


def shown(message):
    """Return the code that a message shows."""
    code = [line[4:] for line in message.splitlines() if line.startswith("    ")]
    return "\n".join(code)


@pytest.mark.parametrize("kind", MANY)
@pytest.mark.parametrize(
    "cls", [skae.AutoencoderTransformer, skae.ConvolutionalAutoencoder]
)
def test_what_is_ragged_is_shown_the_way_out(cls, kind):
    items, form = MANY[kind]
    X = FORMS[form](items)
    message = error_of(quick(cls).fit, X)
    assert message.startswith("X holds") and cls.__name__ in message
    names = {"X": X, "np": np}
    exec(shown(message), names)
    assert names["X"].shape[0] == len(items) and names["X"].ndim == 2
    shape = re.search(r"image_shape=(\(.*?\))", message)
    parameters = {"image_shape": eval(shape.group(1))} if shape else {}
    quick(cls, **parameters).fit(names["X"])


@pytest.mark.parametrize("padding_value", [None, np.nan, -1.0])
@pytest.mark.parametrize("kind", [k for k in MANY if not k.startswith("images")])
def test_series_of_several_lengths_are_shown_the_padding(kind, padding_value):
    items, form = MANY[kind]
    X = FORMS[form](items)
    model = quick(skae.RecurrentAutoencoder, padding_value=padding_value)
    message = error_of(model.fit, X)
    assert "3 to 6 steps" in message
    names = {"X": X, "np": np}
    exec(shown(message), names)
    parameters = re.search(r"use RecurrentAutoencoder\((.*)\)\.", message).group(1)
    model.set_params(**eval(f"dict({parameters})", {"np": np})).fit(names["X"])
    lengths = np.isfinite(model._mark_missing(names["X"], "X")).sum(axis=1)
    assert_array_equal(lengths, [np.size(x) for x in items])


def test_images_with_their_channels_first_are_turned():
    X = [RNG.uniform(size=(3, h, w)) for h, w in [(8, 9), (10, 8)]]
    message = error_of(quick(skae.ConvolutionalAutoencoder).fit, X)
    assert "image_shape=(8, 8, 3)" in message
    names = {"X": X, "np": np}
    exec(shown(message), names)
    assert_array_equal(names["X"][0].reshape(8, 8, 3)[2, 5], X[0][:, 2, 5])


@pytest.mark.parametrize("cls", [*CLASSES, *PREDICTORS])
def test_all_methods_show_it(cls):
    X = SERIES * 6
    estimator = quick(cls).fit(CLEAN, LABELS)
    y = given(estimator, LABELS)
    calls = [("fit", "X"), ("partial_fit", "X"), ("transform", "X"), ("score", "X")]
    for method, name in calls:
        arguments = {} if method == "transform" else {"y": LABELS}
        call = getattr(estimator, method)
        assert error_of(call, X, **arguments).startswith(f"{name} holds ")
    y_val = {"y_val": LABELS} if y or cls in PREDICTORS else {}
    message = error_of(estimator.fit, CLEAN, LABELS, X_val=X, **y_val)
    assert message.startswith("X_val holds ")
    if getattr(estimator, "_takes_pairs", False):
        message = error_of(estimator.fit, CLEAN, X_target=X)
        assert message.startswith("X_target holds ")
    if cls in PREDICTORS:
        message = error_of(estimator.fit, CLEAN, LABELS, X_unlabeled=X)
        assert message.startswith("X_unlabeled holds ")


def test_a_predictor_on_series_shows_the_padding():
    autoencoder = quick(skae.RecurrentAutoencoder)
    classifier = quick(skae.AutoencoderClassifier, autoencoder=autoencoder)
    assert "padding_value=np.nan" in error_of(classifier.fit, SERIES, [0, 1, 0, 1])


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[], [1.0, 2.0]], "1 of 2 have no value at all, the first is sample 0"),
        ([np.ones(3), np.ones((3, 2))], r"shapes \(3,\) and \(3, 2\)"),
        ([np.ones((2, 3)), np.ones((2, 4))], "unequal shape|different sizes"),
        (pd.Series([[1.0, 2.0], [3.0, 4.0]]), r"Pass np.stack\(X\)"),
        (pd.Series([np.eye(3)] * 4), r"Pass np.stack\(X\).reshape\(len\(X\), -1\)"),
        ([np.eye(3)] * 4, r"Pass np.asarray\(X\).reshape\(len\(X\), -1\)"),
        (np.ones((4, 3, 3)), r"Pass X.reshape\(len\(X\), -1\)"),
        (np.ones((4, 3, 3, 5)), r"Pass X.*.reshape\(len\(X\), -1\)"),
    ],
)
def test_other_things_that_are_no_table(cls, X, message):
    assert re.search(message, error_of(quick(cls).fit, X, np.arange(len(X)) % 2))


def test_what_is_a_table_is_one():
    for X in (CLEAN.tolist(), list(CLEAN), CLEAN.astype(object), pd.DataFrame(CLEAN)):
        quick(skae.AutoencoderTransformer).fit(X)


# ----- weights of zero --------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_a_class_of_weight_zero_is_a_class(cls):
    y = np.arange(24) % 3
    weight = np.where(y == 2, 0.0, 1.0 + y)
    classifier = quick(cls).fit(CLEAN, y, sample_weight=weight)
    oracle = MLPClassifier((4,), max_iter=1000, tol=1e-2, random_state=0)
    oracle.fit(CLEAN, y, sample_weight=weight)
    assert_array_equal(classifier.classes_, oracle.classes_)
    shape = oracle.predict_proba(CLEAN).shape
    assert classifier.predict_proba(CLEAN).shape == shape
    assert classifier.n_samples_ == 16
    for model in (classifier, oracle):
        with pytest.raises(ValueError, match="classes"):
            clone(model).partial_fit(CLEAN, y, classes=[0, 1], sample_weight=weight)


def test_a_class_of_weight_zero_is_not_predicted():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], 100)
    X = rng.normal(size=(300, 2)) + np.array([[-3, 0], [3, 0], [0, 9]])[y]
    weight = np.where(y == 2, 0.0, 1.0)
    parameters = {"pretraining": None, "early_stopping": False, "dropout": 0.0}
    classifier = skae.StackedDAEClassifier((8,), max_iter=60, **parameters, **QUICK)
    classifier.fit(X, y, sample_weight=weight)
    found = classifier.predict_proba(X[y < 2])
    oracle = LogisticRegression().fit(X, y, sample_weight=weight)
    for probabilities in (found, oracle.predict_proba(X[y < 2])):
        assert probabilities[:, 2].max() < 0.2
    assert classifier.score(X[y < 2], y[y < 2]) > 0.98


@pytest.mark.parametrize("cls", PREDICTORS)
def test_rows_of_weight_zero_change_nothing_else(cls):
    weight = np.where(HIDDEN, 0.0, 1.0 + LABELS)
    y = np.where(HIDDEN, 1 - LABELS, LABELS)
    if cls in REGRESSORS:
        y = np.where(HIDDEN, 1e30, LABELS)
    part = quick(cls).fit(CLEAN[~HIDDEN], y[~HIDDEN], sample_weight=weight[~HIDDEN])
    every = quick(cls).fit(CLEAN, y, sample_weight=weight)
    assert_array_equal(every.predict(CLEAN), part.predict(CLEAN))
    assert every.n_samples_ == part.n_samples_


@pytest.mark.parametrize("cls", PREDICTORS)
def test_no_weight_at_all_is_refused(cls):
    message = error_of(quick(cls).fit, CLEAN, LABELS, sample_weight=np.zeros(24))
    assert message == "Sample weights must contain at least one non-zero number."
    marked = quick(cls, unlabeled_label=-1)
    weight = 1.0 * HIDDEN
    y = np.where(HIDDEN, -1, LABELS)
    assert "or weight 0" in error_of(marked.fit, CLEAN, y, sample_weight=weight)


# ----- other riddles ----------------------------------------------------------


@pytest.mark.parametrize("cls", [*CLASSES, *PREDICTORS])
def test_sparse_data_have_a_remedy_in_a_pipeline(cls):
    X = scipy.sparse.csr_array(CLEAN)
    estimator = quick(cls).fit(CLEAN, LABELS)
    with pytest.raises(TypeError, match=r"'X\.toarray\(\)'.*sparse_output=False"):
        estimator.fit(X, LABELS)
    with pytest.raises(TypeError, match=r"'X\.toarray\(\)'.*sparse_output=False"):
        estimator.transform(X)
    if cls in CLASSES:
        y_val = {"y_val": LABELS} if given(estimator, LABELS) else {}
        with pytest.raises(TypeError, match=r"'X_val\.toarray\(\)'"):
            estimator.fit(CLEAN, LABELS, X_val=X, **y_val)


@pytest.mark.parametrize(
    "cls", [c for c in [*CLASSES, *PREDICTORS] if "corruption" in c().get_params()]
)
def test_noise_in_which_data_drown(cls):
    loud = quick(cls, corruption="gaussian", corruption_level=60)
    (message,) = warned_of(lambda: loud.fit(CLEAN, LABELS), "'corruption_level'")
    assert "is 60 with" in message
    for level in (0.0, 1.0, 5.0):
        call = loud.set_params(corruption_level=level).fit
        assert not warned_of(lambda f=call: f(CLEAN, LABELS), "'corruption_level'")


@pytest.mark.parametrize("display", [LatentSpaceDisplay, LatentManifoldDisplay])
def test_a_display_of_two_components_of_one(display):
    model = quick(skae.AutoencoderTransformer, n_components=1).fit(CLEAN)
    message = error_of(display.from_estimator, model, CLEAN)
    assert message == (
        "This display shows 2 components, and the model has 1. Fit it with "
        "n_components=2 or more."
    )
