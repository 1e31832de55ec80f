"""What every predictor must do: ``check(estimator, X, y)``, y labels or numbers."""

import pickle

import joblib
import numpy as np
from checks import global_state
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier


def check_shapes_and_dtypes(estimator, X, y):
    for dtype in (np.float32, np.float64):
        data = X.astype(dtype)
        codes = estimator.fit_transform(data, y)
        assert codes.shape == (len(X), estimator._n_features_out)
        assert codes.dtype == dtype
        assert len(estimator.get_feature_names_out()) == codes.shape[1]
        assert estimator.predict(data).shape == y.shape
        if is_classifier(estimator):
            assert estimator.predict_proba(data).dtype == dtype


def check_equal_seeds_give_equal_bits(estimator, X, y):
    first, second = clone(estimator).fit(X, y), clone(estimator).fit(X, y)
    assert first.loss_curve_ == second.loss_curve_
    assert_array_equal(first.transform(X), second.transform(X))
    assert_array_equal(first.predict(X), second.predict(X))


def check_nothing_global_is_touched(estimator, X, y):
    before = global_state()
    estimator.fit(X, y)
    estimator.transform(X)
    estimator.score(X, y)
    after = global_state()
    for name, value in before.items():
        assert np.array_equal(value, after[name]), name


def check_batches_do_not_change_predictions(estimator, X, y):
    outputs = estimator.fit(X, y)._outputs
    parts = np.vstack([outputs(rows) for rows in np.array_split(X, 7)])
    assert_allclose(parts, outputs(X), rtol=1e-7, atol=1e-9)


def check_input_is_not_changed(estimator, X, y):
    before, labels = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    estimator.fit(X, y).predict(X)
    assert_array_equal(X, before)
    assert_array_equal(y, labels)


def check_pickle_round_trip(estimator, X, y, tmp_path):
    estimator.fit(X, y)
    path = tmp_path / "model.joblib"
    joblib.dump(estimator, path)
    copies = [pickle.loads(pickle.dumps(estimator)), joblib.load(path, mmap_mode="r")]
    for loaded in copies:
        assert_array_equal(loaded.predict(X), estimator.predict(X))
        assert_array_equal(loaded.transform(X), estimator.transform(X))


def check_predictions_are_of_the_codes(estimator, X, y):
    """The last layer is affine in what `transform` returns."""
    parameters = estimator.get_params(deep=False)
    if "autoencoder" in parameters and parameters["hidden_layer_sizes"]:
        return  # There are layers between the two.
    codes, outputs = estimator.fit(X, y).transform(X), estimator._outputs(X)
    design = np.column_stack([codes, np.ones(len(X))])
    fitted = design @ np.linalg.lstsq(design, outputs, rcond=None)[0]
    scale = np.abs(outputs).max() or 1.0
    assert np.abs(fitted - outputs).max() < 1e-6 * scale


def check_probabilities(estimator, X, y):
    estimator.fit(X, y)
    if not is_classifier(estimator):
        return
    probabilities = estimator.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_allclose(np.exp(estimator.predict_log_proba(X)), probabilities)
    best = estimator.classes_[probabilities.argmax(axis=1)]
    assert_array_equal(best, estimator.predict(X))
    far = 1e6 * X  # where all but one class are all but impossible
    logarithms = np.log(estimator.predict_proba(far))
    assert_allclose(estimator.predict_log_proba(far), logarithms, rtol=1e-6, atol=1e-6)


def check_curves(estimator, X, y):
    estimator.fit(X, y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) - 1
    curve = estimator.validation_loss_curve_ or estimator.loss_curve_
    assert estimator.best_loss_ == min(curve)
    assert 1 <= estimator.best_epoch_ <= estimator.n_iter_
    if estimator.validation_scores_ is not None:
        assert len(estimator.validation_scores_) == estimator.n_iter_ + 1


def check_warm_start_goes_on(estimator, X, y):
    estimator.set_params(warm_start=True, max_iter=2).fit(X, y)
    n_iter, loss = estimator.n_iter_, estimator.loss_curve_[-1]
    estimator.fit(X, y)
    assert estimator.n_iter_ > n_iter
    assert estimator.loss_curve_[n_iter] == loss
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]


PREDICTOR_CHECKS = [
    check_shapes_and_dtypes,
    check_equal_seeds_give_equal_bits,
    check_nothing_global_is_touched,
    check_batches_do_not_change_predictions,
    check_input_is_not_changed,
    check_predictions_are_of_the_codes,
    check_probabilities,
    check_curves,
    check_warm_start_goes_on,
]
