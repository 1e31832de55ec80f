"""Each estimator among scikit-learn's tools, as a user combines them."""

import copy

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from instances import CLASSES, given, quick, validation
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits, load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.parametrize("cls", CLASSES)

# Small and really trained.
QUICK = {"n_components": 4, "max_iter": 3, "early_stopping": False, "random_state": 0}


def small(cls, **parameters):
    """Return an instance that is fitted in little time."""
    return quick(cls, **QUICK | parameters)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


def test_pipeline_with_a_classifier(cls, digits):
    X, y = digits
    classifier = LogisticRegression(max_iter=1000)
    pipeline = Pipeline([("ae", cls(random_state=0)), ("clf", classifier)])
    # What is given need not be in the codes: chance is a tenth.
    least = 0.1 if given(cls(), y) else 0.9
    assert pipeline.fit(X, y).score(X, y) > least
    n_components = pipeline[0].n_components_
    assert len(pipeline[:-1].get_feature_names_out()) == n_components


def test_pipeline_with_memory(cls, digits, tmp_path):
    X, y = digits
    steps = [StandardScaler(), small(cls), LogisticRegression(max_iter=1000)]
    first = make_pipeline(*steps, memory=str(tmp_path)).fit(X, y)
    again = make_pipeline(*steps, memory=str(tmp_path)).fit(X, y)
    assert_array_equal(first.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_grid_search_in_two_processes(cls, search, digits):
    X, y = digits
    pipeline = Pipeline([("ae", small(cls)), ("clf", LogisticRegression())])
    grid = {"ae__n_components": [2, 8]}
    found = search(pipeline, grid, n_jobs=2, cv=3).fit(X, y)
    assert found.best_params_ == {"ae__n_components": 8}


def test_grid_search_by_its_own_score(cls, digits):
    found = GridSearchCV(small(cls, max_iter=10), {"n_components": [2, 8]}, cv=3).fit(
        *digits
    )
    if not given(cls(), digits[1]):  # which saves codes
        assert found.best_params_ == {"n_components": 8}
    assert _is_a_score(cls, found.best_score_, digits[0])


def test_a_worker_gives_equal_bits(cls, digits):
    X, y = digits
    here = small(cls).fit(X, y)
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(small(cls).fit)(X, y)])
    assert_array_equal(here.transform(X), there.transform(X))
    assert here.loss_curve_ == there.loss_curve_


def test_feature_union_and_column_transformer(cls):
    X, y = load_iris(return_X_y=True, as_frame=True)
    union = FeatureUnion([("ae", cls(2)), ("raw", "passthrough")])
    union.set_output(transform="pandas")
    assert union.fit_transform(X, y).shape == (150, 6)
    columns = ColumnTransformer([("ae", cls(1), [0, 1])], remainder="passthrough")
    assert columns.fit_transform(X, y).shape == (150, 3)
    expected = f"ae__{cls.__name__.lower()}0"
    assert columns.get_feature_names_out()[0] == expected


def test_transformed_target_regressor(cls, digits):
    X, y = digits
    if given(cls(), y):
        pytest.skip("to a target there is no further target")
    regressor = TransformedTargetRegressor(Ridge(), transformer=small(cls))
    predicted = regressor.fit(X, X[:, :10]).predict(X)
    assert predicted.shape == (300, 10)


def _is_a_score(cls, score, X):
    # Generators score in nats, the others by a share of the variance.
    if not hasattr(cls, "sample"):
        return (0 < score) & (score < 1)
    without_codes = stats.norm(scale=np.sqrt(X.var(axis=0).mean()))
    return score > 5 - X.shape[1] * without_codes.entropy()


def test_cross_validation_with_the_default_scoring(cls, digits):
    scores = cross_val_score(small(cls, max_iter=10), *digits, cv=3)
    assert np.all(_is_a_score(cls, scores, digits[0]))


def test_clone_of_a_fitted_estimator_is_not_fitted(cls, digits):
    fitted = small(cls).fit(*digits)
    assert vars(clone(fitted)).keys() <= fitted.get_params().keys() | {
        "_sklearn_output_config",
        "_metadata_request",
        "_skl_callbacks",
    }


def test_dump_and_memory_map(cls, digits, tmp_path):
    X, y = digits
    fitted = small(cls).fit(X, y)
    joblib.dump(fitted, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_array_equal(mapped.transform(X), fitted.transform(X))
    told = given(fitted, y)
    copied = copy.deepcopy(mapped)
    assert_array_equal(copied.reconstruct(X, **told), fitted.reconstruct(X, **told))


def test_a_pickle_holds_arrays_and_one_copy_of_the_weights(cls, digits, tmp_path):
    fitted = small(cls).fit(*digits)
    joblib.dump(fitted, tmp_path / "model.joblib")
    state = fitted.network_.state_dict()
    size = sum(value.numel() * value.element_size() for value in state.values())
    assert (tmp_path / "model.joblib").stat().st_size < 1.2 * size + 20_000


def test_frames_in_and_out(cls, digits):
    X, y = digits
    names = [f"pixel{i}" for i in range(64)]
    frame = pd.DataFrame(X, columns=names, index=np.arange(300) * 2)
    estimator = small(cls).set_output(transform="pandas")
    codes = estimator.fit_transform(frame, y)
    assert list(codes.columns) == list(estimator.get_feature_names_out())
    assert_array_equal(codes.index, frame.index)
    assert_array_equal(estimator.feature_names_in_, names)
    restored = estimator.inverse_transform(codes, **given(estimator, y))
    assert isinstance(restored, np.ndarray)
    estimator.set_output(transform="polars")
    from_polars = estimator.transform(pl.DataFrame(X, schema=names))
    assert isinstance(from_polars, pl.DataFrame)
    assert_allclose(from_polars.to_numpy(), codes.to_numpy())


def test_columns_in_another_order_are_refused(cls, digits):
    X, y = digits
    frame = pd.DataFrame(X).add_prefix("pixel")
    fitted = small(cls).fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.transform(X)


def test_validation_columns_in_another_order_are_refused(cls, digits):
    X, y = digits
    frame = pd.DataFrame(X).add_prefix("pixel")
    others = frame[frame.columns[::-1]].iloc[:50]
    with pytest.raises(ValueError, match="feature names should match"):
        small(cls).fit(frame, y, **validation(cls(), others, y[:50]))


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_sample_weight_is_routed(cls, digits, routing):
    X, y = digits
    weight = np.random.RandomState(0).uniform(0.5, 2, size=300)
    classifier = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=False)
    estimator = small(cls).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(estimator, classifier).fit(X, y, sample_weight=weight)
    alone = small(cls).fit(X, y, sample_weight=weight)
    assert_array_equal(pipeline[0].transform(X), alone.transform(X))
    assert not np.array_equal(alone.transform(X), small(cls).fit(X, y).transform(X))


def test_validation_rows_pass_through_the_steps_before(cls, digits, routing):
    X, y = digits
    rows = validation(cls(), X[:40] + 0.5, y[:40])
    estimator = cls(4, max_iter=3, random_state=0)
    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("ae", clone(estimator).set_fit_request(**dict.fromkeys(rows, True))),
        ],
        transform_input=["X_val"],
    ).fit(X, y, **rows)
    scaler = StandardScaler().fit(X)
    rows["X_val"] = scaler.transform(rows["X_val"])
    alone = estimator.fit(scaler.transform(X), y, **rows)
    curve = pipeline["ae"].validation_loss_curve_
    assert curve == alone.validation_loss_curve_
    assert len(curve) == 4


def test_validation_rows_of_the_length_of_X_are_sliced_by_cross_validation(cls, digits):
    # The documented trap: scikit-learn takes such a fit parameter for one of the rows.
    X, y = digits
    seen = []

    class Recording(cls):
        def fit(self, X, y=None, *, X_val=None, **others):
            seen.append(len(X_val))
            return super().fit(X, y, X_val=X_val, **others)

    search = GridSearchCV(Recording(**QUICK), {"n_components": [2]}, cv=3, refit=False)
    search.fit(X, y, **validation(cls(), X, y))
    assert seen == [200] * 3
    seen.clear()
    search.fit(X, y, **validation(cls(), X[:50], y[:50]))
    assert seen == [50] * 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, int, bool])
def test_output_is_in_the_precision_of_the_input(cls, dtype, digits):
    X = (digits[0] > 8).astype(dtype)
    codes = small(cls).fit_transform(X, digits[1])
    assert codes.dtype == (np.float32 if dtype == np.float32 else np.float64)
