"""The stacked classifier and regressor: pretraining, labels, fine-tuning."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from skae import StackedDAEClassifier, StackedDAERegressor

# Small and really trained.
QUICK = {
    "hidden_layer_sizes": (16, 8),
    "pretraining_max_iter": 2,
    "max_iter": 4,
    "random_state": 0,
}
# A linear model, fitted to convergence.
LINEAR = {
    "hidden_layer_sizes": (12,),
    "activation": "identity",
    "pretraining": None,
    "dropout": 0.0,
    "solver": "lbfgs",
    "precision": "float64",
    "early_stopping": False,
    "max_iter": 5000,
    "tol": 1e-9,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


def fitted(X, y, **parameters):
    return StackedDAEClassifier(**{**QUICK, **parameters}).fit(X, y)


# ----- what is learnt ------------------------------------------------------


def test_the_defaults_classify_digits():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    classifier = StackedDAEClassifier(random_state=0).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.975


def test_unlabeled_rows_help_where_labels_are_few():
    X, y = load_digits(return_X_y=True)
    gains = []
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, random_state=seed, stratify=y
        )
        y_train[50:] = -1
        stack = StackedDAEClassifier(
            (128, 128),
            pretraining_max_iter=10,
            max_iter=60,
            unlabeled_label=-1,
            random_state=seed,
        )
        scores = [
            clone(stack)
            .set_params(pretraining=pretraining)
            .fit(X_train, y_train)
            .score(X_test, y_test)
            for pretraining in ("denoising", None)
        ]
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 0.01


def test_a_linear_network_is_logistic_regression():
    X, y = load_digits(n_class=3, return_X_y=True)
    X = X[:, 10:14]
    network = StackedDAEClassifier(**LINEAR).fit(X, y)
    oracle = LogisticRegression(C=np.inf, tol=1e-9, max_iter=5000).fit(X, y)
    assert_allclose(network.predict_proba(X), oracle.predict_proba(X), atol=1e-4)


def test_a_linear_network_is_linear_regression():
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, X[:, 0] - y])
    network = StackedDAERegressor(**LINEAR).fit(X, y)
    oracle = LinearRegression().fit(X, y)
    assert_allclose(network.predict(X), oracle.predict(X), atol=1e-2)


def test_the_unit_of_y_does_not_matter(digits):
    X, y = load_diabetes(return_X_y=True)
    first = StackedDAERegressor(**QUICK).fit(X, y)
    second = StackedDAERegressor(**QUICK).fit(X, 1e3 * y - 7)
    assert_allclose(second.predict(X), 1e3 * first.predict(X) - 7, rtol=1e-3)


def test_pretraining_has_a_curve_for_each_layer(digits):
    classifier = fitted(*digits, pretraining_max_iter=5)
    assert [len(c) for c in classifier.pretraining_loss_curves_] == [5, 5]
    assert all(c[-1] < c[0] for c in classifier.pretraining_loss_curves_)
    assert fitted(*digits, pretraining=None).pretraining_loss_curves_ is None


def test_pretraining_does_not_see_labels(digits):
    X, y = digits
    first = fitted(X, y, early_stopping=False)
    second = fitted(X, y[::-1].copy(), early_stopping=False)
    assert first.pretraining_loss_curves_ == second.pretraining_loss_curves_


def test_transform_gives_the_last_hidden_layer(digits):
    X, y = digits
    classifier = fitted(X, y)
    h = classifier._scaling(torch.as_tensor(X)).float()
    for layer in classifier.network_.hidden_layers:
        h = torch.relu(layer(h))
    assert_allclose(classifier.transform(X), h.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert classifier.transform(X).shape == (300, 8)


# ----- rows without labels -------------------------------------------------


@pytest.mark.parametrize(
    ("convert", "mark"),
    [
        (lambda y: y, -1),
        (lambda y: y.astype(float), np.nan),
        (lambda y: y.astype(str), ""),
        (lambda y: y.astype(str).astype(object), "?"),
    ],
    ids=["int", "nan", "string", "object"],
)
def test_a_marked_row_is_an_unlabeled_one(digits, convert, mark):
    X, y = digits
    y = convert(y)
    marked = y.copy()
    marked[100:] = mark
    by_mark = fitted(X, marked, unlabeled_label=mark)
    by_rows = StackedDAEClassifier(**QUICK).fit(X[:100], y[:100], X_unlabeled=X[100:])
    assert_array_equal(by_mark.classes_, by_rows.classes_)
    assert_allclose(by_mark.transform(X), by_rows.transform(X), rtol=1e-5)
    assert by_mark.n_samples_ == 100


def test_quantities_that_are_missing():
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, -y])
    marked = y.copy()
    marked[200:] = np.nan
    by_mark = StackedDAERegressor(unlabeled_label=np.nan, **QUICK).fit(X, marked)
    by_rows = StackedDAERegressor(**QUICK).fit(X[:200], y[:200], X_unlabeled=X[200:])
    assert_allclose(by_mark.predict(X), by_rows.predict(X))
    marked[0, 0] = np.nan
    with pytest.raises(ValueError, match="Input y contains NaN"):
        StackedDAERegressor(unlabeled_label=np.nan, **QUICK).fit(X, marked)


def test_a_row_that_is_marked_in_part():
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, y])
    y[7, 1] = -1.0
    with pytest.raises(ValueError, match="Row 7 of y holds unlabeled_label=-1.0 in"):
        StackedDAERegressor(unlabeled_label=-1.0, **QUICK).fit(X, y)


def test_marked_rows_survive_cross_validation(digits):
    X, y = digits
    y = np.where(np.arange(300) % 2, y, -1)
    found = cross_validate(
        StackedDAEClassifier(unlabeled_label=-1, **QUICK),
        X,
        y,
        cv=3,
        return_estimator=True,
        scoring=lambda estimator, X, y: 0.0,
    )
    sizes = [estimator.n_samples_ for estimator in found["estimator"]]
    assert sum(sizes) == 2 * np.sum(y >= 0)
    assert all(-1 not in estimator.classes_ for estimator in found["estimator"])


def test_the_score_is_of_rows_with_labels(digits):
    X, y = digits
    marked = np.where(np.arange(300) % 3, y, -1)
    classifier = fitted(X, marked, unlabeled_label=-1)
    known = marked >= 0
    assert classifier.score(X, marked) == classifier.score(X[known], y[known])
    weight = np.arange(300.0)
    weighted = classifier.score(X, marked, sample_weight=weight)
    assert weighted == classifier.score(X[known], y[known], sample_weight=weight[known])
    frame = pd.Series(marked)
    assert classifier.score(pd.DataFrame(X), frame) == classifier.score(X, marked)


class Spy(StackedDAEClassifier):
    """Keeps how many unlabeled rows it was given."""

    def fit(self, X, y, *, X_unlabeled=None, **given):
        super().fit(X, y, X_unlabeled=X_unlabeled, **given)
        self.n_unlabeled_ = len(X_unlabeled)
        return self


@pytest.mark.parametrize(("n_unlabeled", "n_seen"), [(300, 200), (301, 301)])
def test_unlabeled_rows_of_the_length_of_X_are_sliced(digits, n_unlabeled, n_seen):
    X, y = digits
    further = np.resize(X, (n_unlabeled, X.shape[1]))
    found = cross_validate(
        Spy(**QUICK),
        X,
        y,
        cv=3,
        params={"X_unlabeled": further},
        return_estimator=True,
    )
    assert [e.n_unlabeled_ for e in found["estimator"]] == [n_seen] * 3


def test_without_any_label(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"No sample of y has a label: .*-1"):
        fitted(X, np.full(300, -1), unlabeled_label=-1)


def test_unlabeled_rows_of_another_width(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"X_unlabeled must have shape \(n_rows, 64\)"):
        StackedDAEClassifier(**QUICK).fit(X, y, X_unlabeled=X[:, :3])


def test_weights_of_unlabeled_rows(digits):
    X, y = digits
    y = np.where(np.arange(300) < 200, y, -1)
    assert sorted(set(y)) == list(range(-1, 10))
    weight = np.where(np.arange(300) < 250, 1.0, 0.0)
    weighted = StackedDAEClassifier(unlabeled_label=-1, **QUICK)
    weighted.fit(X, y, sample_weight=weight)
    # A row of weight zero is a row that is not there.
    cut = fitted(X[:250], y[:250], unlabeled_label=-1)
    assert_allclose(weighted.transform(X), cut.transform(X), rtol=1e-4, atol=1e-5)


# ----- labels and weights --------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        np.array([f"class {i}" for i in range(10)]),
        np.arange(10) - 5,
        np.arange(10.0),
        np.array(list("abcdefghij"), dtype=object),
    ],
    ids=["strings", "negative", "floats", "objects"],
)
def test_classes_of_any_type(digits, names):
    X, y = digits
    plain, named = fitted(X, y.astype(int)), fitted(X, names[y])
    assert_array_equal(named.classes_, names)
    assert_array_equal(named.predict(X), names[plain.predict(X)])
    assert named.predict(X).dtype == names.dtype


def test_two_classes_that_are_bools(digits):
    X, y = digits
    assert fitted(X, y > 4).predict(X).dtype == bool


def test_class_weight_is_a_weight_of_rows(digits):
    X, y = digits
    y = np.minimum(y, 2)
    weight = {0: 1.0, 1: 5.0, 2: 0.5}
    parameters = {"pretraining": None, "early_stopping": False}
    few = X[:, 10:14]
    network = StackedDAEClassifier(class_weight=weight, **LINEAR).fit(few, y)
    oracle = LogisticRegression(
        C=np.inf, class_weight=weight, tol=1e-9, max_iter=5000
    ).fit(few, y)
    probabilities = network.predict_proba(few)
    assert_allclose(probabilities, oracle.predict_proba(few), atol=1e-4)
    balanced = fitted(X, y, class_weight="balanced", **parameters)
    assert np.mean(balanced.predict(X) < 2) > np.mean(
        fitted(X, y, **parameters).predict(X) < 2
    )


def test_validation_scores_are_those_of_the_model(digits):
    X, y = digits
    classifier = StackedDAEClassifier(**QUICK)
    classifier.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert len(classifier.validation_scores_) == classifier.n_iter_ + 1
    best = classifier.validation_scores_[classifier.best_epoch_]
    assert classifier.score(X[200:], y[200:]) == pytest.approx(best)
    assert fitted(X, y, early_stopping=False).validation_scores_ is None


def test_a_split_keeps_the_shares_of_classes_where_it_can(digits):
    X, y = digits
    assert fitted(X, y, early_stopping=True).validation_scores_ is not None
    y = y.astype(int)
    y[0] = 10  # alone
    assert fitted(X, y, early_stopping=True).classes_[-1] == 10


def test_a_split_that_leaves_no_row(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"none to train on with n_samples=1\."):
        fitted(X[:1], y[:1], early_stopping=True)


def test_quantities_are_judged_where_labels_are_not(digits):
    X, y = digits
    assert fitted(X, y).validation_scores_ is None
    regressor = StackedDAERegressor(**QUICK)
    assert regressor.fit(X, y).validation_scores_ is not None
    assert regressor.fit(X[:99], y[:99]).validation_scores_ is None


def test_validation_rows_need_their_labels(digits):
    X, y = digits
    classifier = StackedDAEClassifier(**QUICK)
    with pytest.raises(ValueError, match="X_val was passed without y_val"):
        classifier.fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="y_val was passed without X_val"):
        classifier.fit(X, y, y_val=y)
    with pytest.raises(ValueError, match="y_val contains labels that are not among"):
        classifier.fit(X, y, X_val=X, y_val=y + 1)


# ----- parameters ----------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "corruption"),
    [
        ((0.1,), "masking"),
        ((0.1, 1.5), "masking"),
        ((0.1, -1), "gaussian"),
        (2, "swap"),
    ],
)
def test_bad_levels_of_corruption(digits, level, corruption):
    with pytest.raises(ValueError, match="'corruption_level' parameter must be one"):
        fitted(*digits, corruption_level=level, corruption=corruption)


def test_levels_of_corruption_are_those_of_the_layers(digits):
    first = fitted(*digits, corruption_level=(0.1, 0.9)).pretraining_loss_curves_
    second = fitted(*digits, corruption_level=(0.1, 0.1)).pretraining_loss_curves_
    assert first[0] == second[0]
    assert first[1][-1] > second[1][-1]


def test_without_a_hidden_layer(digits):
    with pytest.raises(ValueError, match="must contain at least one width"):
        fitted(*digits, hidden_layer_sizes=())


def test_a_level_of_corruption_is_no_bool(digits):
    with pytest.raises(ValueError, match="'corruption_level' parameter must be"):
        fitted(*digits, corruption="gaussian", corruption_level=True)


@pytest.mark.parametrize("weight", [dict.fromkeys(range(10), 0), {0: -1.0}])
def test_weights_of_classes_that_are_none(digits, weight):
    with pytest.raises(ValueError, match="'class_weight' parameter must give non-neg"):
        fitted(*digits, class_weight=weight)


@pytest.mark.parametrize("mark", ["-1", b"x"])
def test_a_mark_that_y_cannot_hold(digits, mark):
    with pytest.raises(ValueError, match="'unlabeled_label' parameter is .* cannot"):
        fitted(*digits, unlabeled_label=mark)


def test_a_number_marks_no_string(digits):
    X, y = digits
    with pytest.raises(ValueError, match="'unlabeled_label' parameter is -1"):
        fitted(X, y.astype(str), unlabeled_label=-1)


def test_marks_among_strings_and_numbers(digits):
    X, y = digits
    strings = [str(label) if i < 200 else -1 for i, label in enumerate(y)]
    by_list = fitted(X, strings, unlabeled_label=-1)
    assert list(by_list.classes_) == [str(i) for i in range(10)]
    numbers = pd.Series(y).astype("Int64").mask(np.arange(300) >= 200)
    by_series = fitted(X, numbers, unlabeled_label=np.nan)
    assert_array_equal(by_series.classes_, np.arange(10))
    objects = np.array([v if i < 200 else None for i, v in enumerate(y)], dtype=object)
    by_objects = fitted(X, objects, unlabeled_label=np.nan)
    assert_allclose(by_objects.transform(X), by_series.transform(X))


def test_validation_rows_without_labels_do_not_count(digits):
    X, y = digits
    marked = np.where(np.arange(300) % 2, y, -1)
    known = marked >= 0
    first = StackedDAEClassifier(unlabeled_label=-1, **QUICK)
    first.fit(X, y, X_val=X, y_val=marked)
    second = StackedDAEClassifier(unlabeled_label=-1, **QUICK)
    second.fit(X, y, X_val=X[known], y_val=y[known])
    assert first.validation_scores_ == second.validation_scores_
    with pytest.raises(ValueError, match="No sample of y_val has a label"):
        first.fit(X, y, X_val=X, y_val=np.full(300, -1))
    with pytest.raises(ValueError, match="No sample of y has a label"):
        first.score(X, np.full(300, -1))


def test_most_rows_set_apart(digits):
    X, y = digits
    fitted(X, y, early_stopping=True, validation_fraction=0.98)


@pytest.mark.parametrize("solver", ["lbfgs", "adamw"])
def test_scores_of_the_epochs_are_without_dropout(digits, solver):
    X, y = digits
    before = torch.get_rng_state()
    parameters = {"solver": solver, "dropout": 0.5, "early_stopping": True}
    first, second = fitted(X, y, **parameters), fitted(X, y, **parameters)
    assert first.validation_scores_ == second.validation_scores_
    assert torch.equal(torch.get_rng_state(), before)


def test_quantities_far_from_zero():
    X, y = load_diabetes(return_X_y=True)
    regressor = StackedDAERegressor(**{**QUICK, "max_iter": 20})
    near = regressor.fit(X, y).score(X, y)
    far = regressor.fit(X.astype(np.float32), y + 1e9)
    assert far.score(X.astype(np.float32), y + 1e9) == pytest.approx(near, abs=0.02)
    large = regressor.fit(X.astype(np.float32), y * 1e200).predict(X)
    assert np.all(np.isfinite(large))


def test_quantities_that_are_nothing():
    X, y = load_diabetes(return_X_y=True)
    y = y.astype(object)
    y[3] = None
    with pytest.raises(ValueError, match="Input y contains None"):
        StackedDAERegressor(**QUICK).fit(X, y)


def test_the_mark_is_no_class_of_partial_fit(digits):
    X, y = digits
    classifier = StackedDAEClassifier(unlabeled_label=-1, **QUICK)
    with pytest.raises(ValueError, match="unlabeled_label=-1, which is not a class"):
        classifier.partial_fit(X, y, classes=np.arange(-1, 10))


def test_pretraining_that_diverges(digits):
    with pytest.raises(ValueError, match=r"pretraining of layer 1 .*=1e\+30"):
        fitted(*digits, pretraining_learning_rate_init=1e30)


def test_a_refused_fit_loses_nothing(digits):
    X, y = digits
    classifier = fitted(X, y)
    before = classifier.predict_proba(X)
    for bad in (
        lambda: classifier.fit(X[:, :5], y[:7]),
        lambda: classifier.set_params(corruption_level=(0.1,)).fit(X[:, :5], y),
        lambda: classifier.fit(X[:, :5], np.linspace(0, 1, 300)),
    ):
        with pytest.raises(ValueError, match="."):
            bad()
        assert_array_equal(classifier.predict_proba(X), before)


def test_warm_start_of_another_network(digits):
    X, y = digits
    classifier = fitted(X, y, warm_start=True)
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter was changed"):
        classifier.set_params(hidden_layer_sizes=(5,)).fit(X, y)
    classifier.set_params(hidden_layer_sizes=(16, 8))
    with pytest.raises(ValueError, match="labels that are not among the 10 classes"):
        classifier.fit(X, y + 1)
    curves = classifier.pretraining_loss_curves_
    assert classifier.fit(X, y).pretraining_loss_curves_ is curves


# ----- partial_fit ---------------------------------------------------------


def test_partial_fit_goes_through_batches(digits):
    X, y = digits
    classifier = StackedDAEClassifier(**QUICK)
    # The second call begins anew: the first has fewer than 100 labels.
    for i in range(24):
        rows = slice(100 * (i % 3), 100 * (i % 3) + 100)
        known = y[rows] < 9  # a class that the batch does not have
        classifier.partial_fit(X[rows][known], y[rows][known], classes=np.arange(10))
    assert classifier.loss_curve_[-1] < 0.7 * classifier.loss_curve_[0]
    assert classifier.predict_proba(X).shape == (300, 10)
    assert [len(c) for c in classifier.pretraining_loss_curves_] == [2, 2]


def test_what_partial_fit_refuses(digits):
    X, y = digits
    classifier = StackedDAEClassifier(**QUICK)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(X, y)
    with pytest.raises(ValueError, match="not among the 2 classes"):
        classifier.partial_fit(X, y, classes=[0, 1])
    classifier.partial_fit(X, y, classes=np.arange(10))
    with pytest.raises(ValueError, match="are not those of the first call"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="class_weight='balanced' requires"):
        classifier.set_params(class_weight="balanced").partial_fit(X, y)
    with pytest.raises(ValueError, match="early_stopping=True"):
        classifier.set_params(class_weight=None, early_stopping=True).partial_fit(X, y)
    assert not hasattr(StackedDAEClassifier(solver="lbfgs"), "partial_fit")


def test_partial_fit_of_quantities():
    X, y = load_diabetes(return_X_y=True)
    regressor = StackedDAERegressor(**QUICK)
    for _ in range(30):
        regressor.partial_fit(X, y)
    assert regressor.score(X, y) > 0.3


# ----- among scikit-learn's tools ------------------------------------------


class Recorder:
    """A callback that keeps the names of tasks, and interrupts one."""

    def __init__(self, interrupt=None):
        self.interrupt = interrupt
        self.tasks = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        parent = context.parent.task_name if context.parent else ""
        self.tasks.append((parent, context.task_name, fitted_estimator is not None))
        if parent == self.interrupt:
            raise KeyboardInterrupt
        return False

    def teardown(self, estimator, context):
        pass


def test_each_layer_and_the_fine_tuning_are_tasks(digits):
    recorder = Recorder()
    classifier = StackedDAEClassifier(**QUICK).set_callbacks(recorder)
    classifier.fit(*digits)
    parts = ["pretraining layer 1", "pretraining layer 2", "fine-tuning"]
    assert [task for parent, task, _ in recorder.tasks if parent == "fit"] == parts
    epochs = [parent for parent, task, _ in recorder.tasks if task == "epoch"]
    assert [epochs.count(part) for part in parts] == [2, 2, 4]
    # Only fine-tuning has an estimator to show.
    with_estimator = {parent for parent, _, has in recorder.tasks if has}
    assert with_estimator == {"fine-tuning", ""}


def test_progress_shows_the_parts(digits, capsys):
    classifier = StackedDAEClassifier(**QUICK).set_callbacks(ProgressBar())
    classifier.fit(*digits)
    out = capsys.readouterr().out
    assert "pretraining layer 2" in out
    assert "fine-tuning" in out


def test_verbose_names_the_layers(digits, capsys):
    fitted(*digits, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[StackedDAEClassifier, pretraining layer 1] epoch 1:")
    assert lines[4].startswith("[StackedDAEClassifier] epoch 1: loss")
    assert len(lines) == 8


@pytest.mark.parametrize("interrupt", ["fine-tuning", "fit"])
def test_an_interrupt_of_the_fine_tuning_leaves_a_model(digits, interrupt):
    X, y = digits
    classifier = StackedDAEClassifier(pretraining=None, **QUICK)
    classifier.set_callbacks(Recorder(interrupt=interrupt))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    assert np.all(np.isfinite(classifier.predict_proba(X)))


def test_an_interrupt_of_the_pretraining_leaves_things_as_they_were(digits):
    X, y = digits
    classifier = fitted(X, y)
    before = classifier.predict_proba(X)
    classifier.set_callbacks(Recorder(interrupt="pretraining layer 2"))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X[:, :9], y)
    assert_array_equal(classifier.predict_proba(X), before)


@pytest.mark.slow
def test_grid_search_and_pipeline(digits):
    X, y = digits
    search = GridSearchCV(
        StackedDAEClassifier(**{**QUICK, "max_iter": 20}),
        {"hidden_layer_sizes": [(2,), (32,)]},
        cv=2,
        n_jobs=2,
    )
    assert search.fit(X, y).best_params_ == {"hidden_layer_sizes": (32,)}
    steps = [("sdae", StackedDAEClassifier(**QUICK)), ("clf", LogisticRegression())]
    pipeline = Pipeline(steps).fit(X, y)
    names = pipeline[:-1].get_feature_names_out()
    assert list(names[:2]) == ["stackeddaeclassifier0", "stackeddaeclassifier1"]


def test_frames(digits):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    classifier = fitted(frame, pd.Series(y).astype("category"))
    assert_array_equal(classifier.predict(frame), fitted(X, y).predict(X))
    codes = classifier.set_output(transform="pandas").transform(frame)
    assert list(codes.columns[:1]) == ["stackeddaeclassifier0"]
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[frame.columns[::-1]])


def test_columns_of_labels_and_several_labels(digits):
    X, y = digits
    with pytest.warns(match="A column-vector y was passed"):
        fitted(X, y[:, np.newaxis])
    with pytest.raises(ValueError, match="y should be a 1d array"):
        fitted(X, np.column_stack([y, y]))


def test_validation_rows_through_a_pipeline(digits):
    X, y = digits
    pipeline = make_pipeline(StackedDAEClassifier(**QUICK))
    pipeline.fit(
        X,
        y,
        stackeddaeclassifier__X_val=X[:50],
        stackeddaeclassifier__y_val=y[:50],
    )
    assert len(pipeline[-1].validation_scores_) == pipeline[-1].n_iter_ + 1


def test_streams_keep_unlabeled_samples_and_constant_targets():
    rng = np.random.RandomState(0)
    X = rng.randn(240, 5)
    regressor = StackedDAERegressor((4,), pretraining=None, unlabeled_label=np.nan)
    regressor.set_params(random_state=0)
    for start in range(0, 120, 30):
        y = np.full(30, 7.0)
        y[::3] = np.nan
        regressor.partial_fit(X[start : start + 30], y)
    # The scale of y is unknown as yet, so that the samples are kept.
    early = regressor._early_samples.data
    assert len(early.unlabeled.X) == 40 and len(early.samples.X) == 80
    regressor.partial_fit(X[120:], X[120:, 0])
    assert regressor._early_samples is None
    assert np.isfinite(regressor.predict(X)).all()


def test_a_warm_start_begins_anew_with_validation_data():
    X = np.random.RandomState(0).randn(300, 5)
    y = 10 * X[:, 0]
    regressor = StackedDAERegressor((8,), pretraining=None, warm_start=True)
    regressor.set_params(random_state=0, max_iter=5).fit(X[:10], 1e-3 * y[:10])
    regressor.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    new = clone(regressor).fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert regressor.validation_loss_curve_[-1] == new.validation_loss_curve_[-1]
