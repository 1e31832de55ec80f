"""scikit-learn's callbacks with every estimator, alone and inside a search."""

import numpy as np
import pytest
from instances import CLASSES
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

pytestmark = pytest.mark.parametrize("cls", CLASSES)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


def is_of_the_whole_network(context):
    """Whether the task is an epoch, and not one of the pretraining of a layer."""
    return context.task_name == "epoch" and context.parent.task_name in (
        "fit",
        "fine-tuning",
    )


class Recorder:
    """A callback that counts epochs and asks to stop after some."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.epochs = 0
        self.fitted = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if not is_of_the_whole_network(context):
            return False
        self.epochs += 1
        self.fitted.append(fitted_estimator)
        return self.epochs == self.stop_after

    def teardown(self, estimator, context):
        pass


def test_progress_bar(cls, digits, capsys):
    estimator = cls(4, max_iter=3, random_state=0).set_callbacks(ProgressBar())
    estimator.fit(*digits)
    assert cls.__name__ in capsys.readouterr().out


@pytest.mark.parametrize("solver", ["adamw", "lbfgs"])
def test_a_callback_can_stop_the_fit(cls, solver, digits):
    recorder = Recorder(stop_after=2)
    estimator = cls(4, solver=solver, early_stopping=False, random_state=0)
    estimator.set_callbacks(recorder).fit(*digits)
    assert recorder.epochs == estimator.n_iter_ == 2
    assert np.all(np.isfinite(estimator.transform(digits[0])))


def test_callbacks_do_not_change_the_fit(cls, digits):
    X, y = digits
    parameters = {"n_components": 4, "max_iter": 3, "random_state": 0}
    alone = cls(**parameters).fit(X, y)
    watched = cls(**parameters).set_callbacks(Recorder()).fit(X, y)
    np.testing.assert_array_equal(alone.transform(X), watched.transform(X))


def test_a_callback_sees_the_estimator_as_of_each_epoch(cls, digits):
    X, y = digits
    recorder = Recorder()
    estimator = cls(4, max_iter=3, early_stopping=False, random_state=0)
    estimator.set_callbacks(recorder).fit(X, y)
    assert [fitted.n_iter_ for fitted in recorder.fitted] == [1, 2, 3]
    scores = [fitted.score(X, y) for fitted in recorder.fitted]
    assert len(set(scores)) == 3
    assert scores[-1] == pytest.approx(estimator.score(X, y), rel=1e-6)


def explained(estimator, X, y):
    return estimator.score(X, y)


def test_scoring_monitor_logs_each_epoch(cls, digits):
    X, y = digits
    monitor = ScoringMonitor(scoring={"explained": explained})
    estimator = cls(4, max_iter=3, early_stopping=False, random_state=0)
    estimator.set_callbacks(monitor).fit(X, y)
    scores = monitor.get_logs().data_as_pandas.groupby("task_name")["explained"]
    assert scores.size().to_dict() == {"epoch": 3, "fit": 1}
    assert scores.get_group("fit").item() == pytest.approx(estimator.score(X, y))


def test_inside_a_grid_search(cls, digits, capsys):
    X, y = digits
    autoencoder = cls(max_iter=2, early_stopping=False, random_state=0)
    monitor = ScoringMonitor(scoring={"explained": explained})
    autoencoder.set_callbacks(monitor)
    pipeline = Pipeline([("ae", autoencoder), ("clf", LogisticRegression())])
    search = GridSearchCV(pipeline, {"ae__n_components": [2, 4]}, cv=2)
    search.set_callbacks(ProgressBar())
    assert search.fit(X, y).best_params_ == {"ae__n_components": 4}
    assert "Pipeline - fit" in capsys.readouterr().out
    # Two candidates on two splits and the refit, two epochs each.
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(epochs) == 10


@pytest.mark.parametrize("early_stopping", [True, False])
def test_verbose_prints_one_line_an_epoch(cls, early_stopping, digits, capsys):
    estimator = cls(
        4, max_iter=3, early_stopping=early_stopping, verbose=True, random_state=0
    ).fit(*digits)
    lines = capsys.readouterr().out.splitlines()
    # Those of the pretraining of layers come before.
    lines = [line for line in lines if "pretraining" not in line]
    # So do those of the starts that were not kept.
    kept = np.argmin(getattr(estimator, "start_losses_", [0])) + 1
    name = cls.__name__ + (f", start {kept}" if kept > 1 else "")
    lines = [line for line in lines if line.startswith(f"[{name}]")]
    assert len(lines) == estimator.n_iter_ == 3
    for epoch, line in enumerate(lines, start=1):
        assert line.startswith(f"[{name}] epoch {epoch}: loss ")
        assert ("validation loss" in line) == early_stopping
