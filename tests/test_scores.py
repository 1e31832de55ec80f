"""Scores of fits to pairs, and scores with sample weights."""

import re

import numpy as np
import pytest
import sklearn
from instances import CLASSES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline

import skae
from skae import (
    AutoencoderTransformer,
    ConvolutionalAutoencoder,
    DenoisingAutoencoder,
)

LINEAR = DenoisingAutoencoder(16, hidden_layer_sizes=(), random_state=0)
PAIRED = [
    LINEAR,
    DenoisingAutoencoder(4, hidden_layer_sizes=(8,), max_iter=2, random_state=0),
    ConvolutionalAutoencoder(channels=(4,), max_iter=2, random_state=0),
    ConvolutionalAutoencoder(
        channels=(4,), skip_connections=True, max_iter=2, random_state=0
    ),
]


def make_pairs(n_samples=300):
    """Return noisy samples and clean ones, which have another mean and scale."""
    X, _ = load_digits(return_X_y=True)
    rng = np.random.RandomState(0)
    # No pixel is constant: r2_score would leave it out.
    clean = X[:n_samples] + 0.1 * rng.uniform(size=(n_samples, 64))
    noise = rng.normal(scale=6.0, size=clean.shape)
    return 3 * clean + noise - 20, clean


def share_explained(estimator, X, target, weight=None):
    """Return 1 - ||T - reconstruct(X)||^2 / ||T - mean_||^2."""
    weight = np.ones(len(X)) if weight is None else weight
    residual = np.square(target - estimator.reconstruct(X)).sum(axis=1)
    total = np.square(target - estimator.mean_).sum(axis=1)
    return 1 - weight @ residual / (weight @ total)


# ----- pairs ---------------------------------------------------------------


@pytest.mark.parametrize("estimator", PAIRED, ids=str)
def test_the_score_of_pairs_compares_with_the_targets(estimator):
    noisy, clean = make_pairs()
    fitted = clone(estimator).fit(noisy[:200], X_target=clean[:200])
    assert_allclose(fitted.mean_, clean[:200].mean(axis=0))
    for part in (slice(200), slice(200, 300)):
        X, target = noisy[part], clean[part]
        score = fitted.score(X, X_target=target)
        assert score == pytest.approx(share_explained(fitted, X, target), rel=1e-6)
        scores = fitted.score_samples(X, X_target=target)
        squares = np.square(target - fitted.reconstruct(X)).sum(axis=1)
        assert_allclose(scores, -squares, rtol=1e-6)
    # On the training samples the mean is theirs.
    expected = r2_score(
        clean[:200], fitted.reconstruct(noisy[:200]), multioutput="variance_weighted"
    )
    assert fitted.score(noisy[:200], X_target=clean[:200]) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["score", "score_samples"])
@pytest.mark.parametrize("cls", [DenoisingAutoencoder, ConvolutionalAutoencoder])
def test_after_a_fit_to_pairs_a_score_without_targets_is_refused(cls, method):
    noisy, clean = make_pairs(40)
    fitted = cls(2, max_iter=1, random_state=0).fit(noisy, X_target=clean)
    with pytest.raises(ValueError) as error:
        getattr(fitted, method)(noisy)
    message = str(error.value)
    assert f"{method}(X, X_target=...)" in message
    assert "set_fit_request(X_target=True).set_score_request(X_target=True)" in message
    # The other y of the contract is no target either.
    if method == "score":
        with pytest.raises(ValueError, match="fitted to pairs"):
            fitted.score(noisy, clean)


def test_without_targets_the_score_is_of_X_as_before():
    noisy, clean = make_pairs()
    fitted = clone(LINEAR).fit(clean)
    assert fitted.score(clean) == pytest.approx(share_explained(fitted, clean, clean))
    assert fitted.score(clean) == fitted.score(clean, X_target=clean)
    # The score of denoising.
    spoiled = clean + np.random.RandomState(1).normal(scale=2.0, size=clean.shape)
    score = fitted.score(spoiled, X_target=clean)
    assert score == pytest.approx(share_explained(fitted, spoiled, clean))


def test_what_a_fit_was_to_is_known_from_its_last_one():
    noisy, clean = make_pairs()
    estimator = clone(LINEAR).fit(noisy, X_target=clean)
    estimator.fit(clean)
    assert np.isfinite(estimator.score(clean))
    estimator.set_params(warm_start=True).fit(noisy, X_target=clean)
    with pytest.raises(ValueError, match="fitted to pairs"):
        estimator.score(clean)
    assert_allclose(estimator.mean_, clean.mean(axis=0))


def test_partial_fit_with_pairs():
    noisy, clean = make_pairs()
    estimator = DenoisingAutoencoder(4, hidden_layer_sizes=(8,), random_state=0)
    for part in np.array_split(np.arange(300), 6):
        estimator.partial_fit(noisy[part], X_target=clean[part])
        score = estimator.score(noisy, X_target=clean)
        assert score == pytest.approx(share_explained(estimator, noisy, clean))
        with pytest.raises(ValueError, match="fitted to pairs"):
            estimator.score(noisy)
    # The mean is still that of the targets.
    estimator.partial_fit(clean)
    with pytest.raises(ValueError, match="fitted to pairs"):
        estimator.score_samples(clean)


def test_targets_in_score_are_validated():
    noisy, clean = make_pairs(30)
    fitted = clone(LINEAR).fit(noisy, X_target=clean)
    for call in (fitted.score, fitted.score_samples):
        with pytest.raises(ValueError, match=r"X_target must have shape \(30, 64\)"):
            call(noisy, X_target=clean[:5])
        with pytest.raises(ValueError, match="X_target contains NaN"):
            call(noisy, X_target=clean * np.nan)
    with pytest.raises(NotFittedError):
        clone(LINEAR).score(noisy, X_target=clean)
    images = ConvolutionalAutoencoder(channels=(4,), max_iter=1).fit(noisy)
    with pytest.raises(ValueError, match=r"X_target\.reshape\(len\(X_target\), -1\)"):
        images.score(noisy, X_target=clean.reshape(-1, 8, 8))


def test_the_comparison_that_score_does_not_make_is_shown():
    _, clean = make_pairs(30)
    noisy = clean + np.random.RandomState(1).normal(size=clean.shape)
    for model in (clone(LINEAR), AutoencoderTransformer(4, max_iter=1)):
        model.fit(noisy)
        with pytest.warns(UserWarning, match="ignored") as record:
            model.score(noisy, clean)
        pattern = r"(r2_score\(.*'\)|score\(X, X_target=y\))"
        code = re.search(pattern, str(record[0].message)).group(1)
        names = {"r2_score": r2_score, "y": clean, "X": noisy, "model": model}
        found = eval(code, names | {"score": model.score})
        assert found == pytest.approx(share_explained(model, noisy, clean), abs=0.05)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_a_search_over_pairs_ranks_as_the_targets_do(routing):
    noisy, clean = make_pairs()
    grid, folds = {"n_components": [16, 1, 4]}, KFold(3)
    estimator = clone(LINEAR).set_fit_request(X_target=True)
    estimator.set_score_request(X_target=True)
    search = GridSearchCV(estimator, grid, cv=folds).fit(noisy, X_target=clean)
    expected = np.zeros((3, 3))
    for i, n_components in enumerate(grid["n_components"]):
        for j, (train, test) in enumerate(folds.split(noisy)):
            model = clone(LINEAR).set_params(n_components=n_components)
            model.fit(noisy[train], X_target=clean[train])
            expected[i, j] = r2_score(
                clean[test],
                model.reconstruct(noisy[test]),
                multioutput="variance_weighted",
            )
    found = search.cv_results_["mean_test_score"]
    assert_array_equal(np.argsort(found), np.argsort(expected.mean(axis=1)))
    # The mean of the targets is that of the training samples in one of the two.
    assert_allclose(found, expected.mean(axis=1), atol=0.02)
    assert search.best_params_ == {"n_components": 16}


def test_the_message_about_pairs_holds_in_a_search():
    noisy, clean = make_pairs(60)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = clone(LINEAR).set_fit_request(X_target=True)
        search = GridSearchCV(estimator, {"n_components": [2]}, error_score="raise")
        with pytest.raises(ValueError, match="set_score_request"):
            search.fit(noisy, X_target=clean)


# ----- weights -------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES)
def test_weights_in_score_are_repetitions(cls):
    X, y = load_digits(return_X_y=True)
    fitted = cls(3, max_iter=2, random_state=0).fit(X[:100] / 16, y[:100])
    X, y = X[100:160] / 16, y[100:160]
    weight = np.random.RandomState(0).randint(0, 4, size=60)
    X_repeated, y_repeated = np.repeat(X, weight, axis=0), np.repeat(y, weight)
    expected = fitted.score(X_repeated, y_repeated)
    found = fitted.score(X, y, sample_weight=weight)
    assert found == pytest.approx(expected, rel=1e-9)
    assert found != pytest.approx(fitted.score(X, y), rel=1e-6)
    # A common factor is of no account.
    assert fitted.score(X, y, sample_weight=1e3 * weight) == pytest.approx(found)
    ones = fitted.score(X, y, sample_weight=np.ones(60))
    assert ones == pytest.approx(fitted.score(X, y))


@pytest.mark.parametrize("cls", CLASSES)
def test_weights_in_score_are_validated(cls):
    X, y = load_digits(return_X_y=True)
    X, y = X[:30] / 16, y[:30]
    fitted = cls(2, max_iter=1, random_state=0).fit(X, y)
    for weight, message in [
        (np.ones(3), r"sample_weight.shape == \(3,\), expected \(30,\)!"),
        (np.zeros(30), "at least one non-zero"),
        (-np.ones(30), "Negative values in data"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitted.score(X, y, sample_weight=weight)


def test_weights_and_targets_together():
    noisy, clean = make_pairs(60)
    fitted = clone(LINEAR).fit(noisy, X_target=clean)
    weight = np.random.RandomState(0).uniform(size=60)
    score = fitted.score(noisy, X_target=clean, sample_weight=weight)
    assert score == pytest.approx(share_explained(fitted, noisy, clean, weight))


def test_weights_reach_the_score_in_pipelines_and_searches(routing):
    X, _ = load_digits(return_X_y=True)
    X, weight = X[:90], np.arange(90)
    requesting = AutoencoderTransformer(2, hidden_layer_sizes=(), random_state=0)
    requesting.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    scores = cross_val_score(
        requesting, X, cv=KFold(3), params={"sample_weight": weight}
    )
    for score, (train, test) in zip(scores, KFold(3).split(X), strict=True):
        model = clone(requesting).fit(X[train], sample_weight=weight[train])
        assert score == model.score(X[test], sample_weight=weight[test])
    pipeline = make_pipeline(requesting).fit(X, sample_weight=weight)
    assert pipeline.score(X, sample_weight=weight) == pipeline[0].score(
        X, sample_weight=weight
    )


def test_the_score_of_linear_pairs_is_that_of_a_ridge_regression():
    noisy, clean = make_pairs(300)
    fitted = clone(LINEAR).set_params(n_components=64).fit(noisy, X_target=clean)
    ridge = Ridge(1e-6).fit(noisy, clean)
    expected = r2_score(clean, ridge.predict(noisy), multioutput="variance_weighted")
    assert fitted.score(noisy, X_target=clean) == pytest.approx(expected, abs=0.05)


def test_the_reconstruction_score_compares_all_kinds():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    options = {"max_iter": 3, "random_state": 0}
    for cls in CLASSES:
        if "image_shape" in cls().get_params():
            options_of = options | {"channels": (4,)}
        else:
            options_of = options
        estimator = cls(**options_of).fit(X, y)
        told = (y,) if isinstance(estimator, skae.ConditionalVAE) else ()
        restored = estimator.reconstruct(X, *told)
        share = 1 - np.square(X - restored).sum() / np.square(X - X.mean(axis=0)).sum()
        score = estimator.reconstruction_score(X, y if told else None)
        assert score == pytest.approx(share, rel=1e-5)
        weight = np.arange(300) % 3
        repeated = np.repeat(X, weight, axis=0), np.repeat(y, weight)
        weighted = estimator.reconstruction_score(
            X, y if told else None, sample_weight=weight
        )
        again = estimator.reconstruction_score(
            repeated[0], repeated[1] if told else None
        )
        assert weighted == pytest.approx(again)
        if not hasattr(estimator, "sample"):
            assert estimator.score(X) == score
