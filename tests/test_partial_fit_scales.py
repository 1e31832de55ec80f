"""Scales that the first samples leave unknown are found from later ones."""

import pickle
import warnings

import numpy as np
import pytest
from instances import CLASSES, given, make_instances, make_predictors
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.decomposition import IncrementalPCA

from skae import (
    AutoencoderClassifier,
    AutoencoderRegressor,
    AutoencoderTransformer,
    ConditionalVAE,
    DenoisingAutoencoder,
    StackedDAERegressor,
    VAETransformer,
)

pytestmark = pytest.mark.filterwarnings("ignore:n_components")
FAST = {"random_state": 0, "n_threads": 1}
SMALL = {**FAST, "hidden_layer_sizes": (32,)}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def name_of(estimator):
    return str(estimator).replace("\n", "")


def streams():
    return [e for e in make_instances() if hasattr(e, "partial_fit")]


def keywords(estimator, y):
    """Return y where the estimator takes it, and the classes that it may have."""
    known = given(estimator, y)
    return {**known, "classes": np.unique(y)} if known else {}


@pytest.mark.parametrize("estimator", streams(), ids=name_of)
def test_few_first_samples_count_like_one_batch_with_the_next(estimator, digits):
    X, y = digits[0][:120], digits[1][:120]
    whole = clone(estimator).partial_fit(X, **keywords(estimator, y))
    if getattr(estimator, "kl_warmup", 0):
        pytest.skip("a warm-up counts the epochs of all calls")
    for part in np.split(np.arange(120), [1, 9]):
        labels = keywords(estimator, y)
        if labels:
            labels["y"] = y[part]
        estimator.partial_fit(X[part], **labels)
    assert_array_equal(estimator.transform(X), whole.transform(X))
    assert_array_equal(estimator.mean_, whole.mean_)
    assert estimator.n_samples_ == 120
    assert estimator.n_iter_ == 3


@pytest.mark.parametrize(
    "estimator",
    [e for e in make_predictors() if hasattr(e, "partial_fit")],
    ids=name_of,
)
def test_few_first_samples_of_a_predictor_count_like_one_batch(estimator, digits):
    X, y = digits[0][:120], digits[1][:120]
    estimator.set_params(max_iter=2)
    classes = {"classes": np.unique(y)} if is_classifier(estimator) else {}
    whole = clone(estimator).partial_fit(X, y, **classes)
    estimator.partial_fit(X[:9], y[:9], **classes)
    estimator.partial_fit(X[9:], y[9:])
    assert_array_equal(estimator.predict(X), whole.predict(X))
    assert estimator.n_samples_ == 120


def test_weights_and_pairs_of_early_samples_are_kept(digits):
    X, noise = digits[0][:120], np.random.RandomState(0).randn(120, 64) / 10
    weight = np.random.RandomState(1).randint(1, 4, 120).astype(float)
    whole, stream = (DenoisingAutoencoder(4, **SMALL) for _ in range(2))
    whole.partial_fit(X + noise, X_target=X, sample_weight=weight)
    for part in np.split(np.arange(120), [20]):
        stream.partial_fit(
            (X + noise)[part], X_target=X[part], sample_weight=weight[part]
        )
        stream = pickle.loads(pickle.dumps(stream))
    assert_array_equal(stream.transform(X), whole.transform(X))


def test_once_there_are_enough_samples_the_start_stays(digits):
    X = digits[0]
    stream = AutoencoderTransformer(4, **SMALL).partial_fit(X[:60])
    assert stream._early_samples is not None
    stream.partial_fit(X[60:200])
    assert stream._early_samples is None
    axes, head = stream.components_, stream._head
    stream.partial_fit(X[200:400])
    assert_array_equal(stream.components_, axes)
    assert stream._head is head


@pytest.mark.parametrize("n_first", [9, 33])
def test_a_small_first_batch_ends_where_a_large_one_does(n_first):
    X = load_digits().data
    unexplained, nats = [], []
    for n in (n_first, 300):
        batches = [X[:n], *np.array_split(X[n:], 9)]
        model, vae = AutoencoderTransformer(8, **FAST), VAETransformer(8, **FAST)
        for _ in range(2):
            for batch in batches:
                model.partial_fit(batch)
                vae.partial_fit(batch)
        unexplained.append(1 - model.score(X))
        nats.append(vae.score(X))
    assert unexplained[0] == pytest.approx(unexplained[1], rel=0.05)
    assert nats[0] == pytest.approx(nats[1], rel=0.03)
    pca = IncrementalPCA(8).fit(X)
    residual = X - pca.inverse_transform(pca.transform(X))
    total = np.square(X - X.mean(axis=0)).sum()
    assert unexplained[0] < np.square(residual).sum() / total


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("first", ["equal", "low rank", "constant column"])
def test_degenerate_first_batches_do_not_last(cls, first, digits):
    if first == "low rank" and cls().get_params().get("linear_path") not in (
        "pca",
        "ppca",
    ):
        pytest.skip("another start, which such a batch does not freeze")
    X, y = digits[0][:600], digits[1][:600]
    degenerate = {
        "equal": np.tile(X[:1], (150, 1)),
        "low rank": np.tile(X[:3], (50, 1)),
        "constant column": np.where(np.arange(64) == 20, X.mean(), X[:150]),
    }[first]
    scores = []
    for begin in (degenerate, X[:0]):
        stream = cls(4, **FAST)
        if len(begin):
            labels = {**keywords(stream, y), **given(stream, y[:150])}
            stream.partial_fit(begin, **labels)
        for _ in range(2):
            for part in np.array_split(np.arange(len(X)), 4):
                stream.partial_fit(X[part], **given(stream, y[part]))
        scores.append(stream.score(X, **given(stream, y)))
    in_nats = hasattr(stream, "likelihood")
    assert scores[0] > scores[1] - (1.5 if in_nats else 0.1)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("n_first", [1, 4, 5])
def test_a_warm_start_without_a_scale_begins_anew(cls, n_first, digits):
    X = digits[0][:300]
    parameters = {**SMALL, "n_components": 4, "max_iter": 5}
    warm = cls(**parameters, warm_start=True).fit(X[:n_first]).fit(X)
    assert_array_equal(warm.transform(X), cls(**parameters).fit(X).transform(X))


def test_partial_fit_after_a_fit_without_a_scale_begins_anew(digits):
    X = digits[0][:300]
    stream = AutoencoderTransformer(4, **SMALL).fit(X[:4]).partial_fit(X)
    anew = AutoencoderTransformer(4, **SMALL).partial_fit(X)
    assert_array_equal(stream.transform(X), anew.transform(X))


def test_descent_survives_rows_that_are_harder_than_the_first():
    rng = np.random.RandomState(0)
    scores = rng.randn(400, 3)
    easy = scores @ rng.randn(3, 10) + 1e-3 * rng.randn(400, 10)
    hard = easy + 0.5 * rng.randn(400, 10)
    stream = AutoencoderTransformer(3, solver="sgd", learning_rate_init=0.05, **SMALL)
    stream.partial_fit(easy[:150])
    unit = stream._loss_scale
    before = stream.score(hard)
    for _ in range(5):
        stream.partial_fit(hard)
    assert stream.score(hard) > before - 0.01
    # Of these calls alone.
    assert stream._loss_scale == unit


def test_numbers_of_a_conditional_model_are_standardized_by_all_early_samples():
    rng = np.random.RandomState(0)
    y = rng.randn(120) * 50 + 1000
    X = np.outer(y - 1000, rng.randn(5)) / 50 + 0.1 * rng.randn(120, 5)
    stream = ConditionalVAE(2, **SMALL)
    stream.partial_fit(X[:2], y[:2]).partial_fit(X[2:], y[2:])
    whole = ConditionalVAE(2, **SMALL).partial_fit(X, y)
    assert stream._conditions.scale == pytest.approx(whole._conditions.scale)
    assert stream._conditions.support == pytest.approx(whole._conditions.support)


@pytest.mark.parametrize("cls", [AutoencoderRegressor, StackedDAERegressor])
def test_the_scale_of_y_is_that_of_all_early_samples(cls, digits):
    X, y = digits[0][:150], 1000.0 * digits[1][:150]
    regressor = cls(**FAST, max_iter=2)
    regressor.partial_fit(X[:2], np.zeros(2)).partial_fit(X[2:], y[2:])
    assert regressor._target.scale[0] == pytest.approx(np.r_[0, 0, y[2:]].std())


def test_a_first_batch_of_few_samples_does_not_warn(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoencoderTransformer(8, **SMALL).partial_fit(digits[0][:5])


@pytest.mark.parametrize("estimator", streams(), ids=name_of)
def test_arrays_of_a_caller_may_be_used_again(estimator, digits):
    X, y = digits[0][:60], digits[1][:60]
    buffer, other = X[:20].copy(), clone(estimator)
    classes = keywords(estimator, y).get("classes")
    for part in np.split(np.arange(60), 3):
        labels = given(estimator, y[part])
        if labels and part[0] == 0:
            labels["classes"] = classes
        buffer[:] = X[part]
        estimator.partial_fit(buffer, **labels)
        buffer[:] = 1e6
        other.partial_fit(X[part].copy(), **labels)
    assert_array_equal(estimator.transform(X), other.transform(X))


def test_early_samples_share_no_memory_with_the_arguments(digits):
    X = digits[0][:60].copy()
    weight, target = np.ones(60), X.copy()
    given_arrays = {"X": X, "X_target": target, "sample_weight": weight}
    stream = DenoisingAutoencoder(2, **SMALL).partial_fit(**given_arrays)
    after_fit = AutoencoderTransformer(4, **SMALL).fit(X[:4]).partial_fit(X[:5])
    regressor = AutoencoderRegressor(max_iter=1, unlabeled_label=np.nan, **FAST)
    y = np.where(np.arange(60) < 9, np.nan, np.arange(60.0))
    regressor.partial_fit(X, y, sample_weight=weight)
    data = regressor._early_samples.data
    kept = [*stream._early_samples.data, after_fit._early_samples.data.X, data.labels]
    kept += [*data.samples, data.unlabeled.X]
    for array in kept:
        for argument in (X, target, weight, y):
            assert array is None or not np.shares_memory(array, argument)


def low_rank(n=1000):
    rng = np.random.RandomState(0)
    return rng.randn(n, 3) @ rng.randn(3, 20)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_few_samples_do_not_replace_a_model_of_many_without_a_residual(cls, fit):
    L = low_rank()
    model = getattr(cls(3, **SMALL), fit)(L)
    before = model.score(L)
    model.partial_fit(L[:2]).partial_fit(L[2:4])
    assert model.score(L) > before - 0.1
    if fit == "fit":
        model.set_params(warm_start=True)
        assert model.fit(L[:2]).score(L) == pytest.approx(before, abs=0.1)
        assert model.fit(L[:30] + 5).score(L) == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
def test_the_first_residual_gives_the_correction_its_scale(cls):
    L, rng = low_rank(), np.random.RandomState(1)
    X = 3 * np.tanh(L) + 0.3 * rng.randn(*L.shape)
    model = cls(3, **SMALL).fit(L)
    axes, mean, before = model.components_, model.mean_, model.score(X)
    for _ in range(15):
        for part in np.array_split(X, 5):
            model.partial_fit(part)
    assert np.abs(model.components_ @ axes.T).sum(axis=1) == pytest.approx(
        np.abs(axes @ axes.T).sum(axis=1), rel=1e-4
    )
    assert_array_equal(model.mean_, mean)
    fresh = cls(3, **SMALL).fit(X).score(X)
    # The fit to other data left this unexplained.
    assert fresh - model.score(X) < 0.6 * (fresh - before)


@pytest.mark.parametrize("cls", [AutoencoderRegressor, AutoencoderClassifier])
def test_samples_without_weights_have_the_weight_one_in_a_predictor(cls, digits):
    X, y = digits[0][:60], digits[1][:60] % 2
    weight, labels = np.full(40, 1000.0), {}
    if is_classifier(cls()):
        labels["classes"] = [0, 1]
    mixed, explicit = (cls(max_iter=1, **FAST) for _ in range(2))
    for model in (mixed, explicit):
        model.partial_fit(X[:40], y[:40], sample_weight=weight, **labels)
    mixed.partial_fit(X[40:], y[40:])
    explicit.partial_fit(X[40:], y[40:], sample_weight=np.ones(20))
    kept = mixed._early_samples.data.samples.weight
    assert_array_equal(kept, np.r_[weight, np.ones(20)])
    assert_array_equal(mixed.predict(X), explicit.predict(X))


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
def test_a_warm_fit_to_more_samples_than_few_begins_anew(cls, first, digits):
    X = digits[0][:300]
    parameters = {**SMALL, "n_components": 4, "max_iter": 2}
    warm = cls(**parameters, warm_start=True)
    getattr(warm, first)(X[:20])
    warm.fit(X)
    fresh = cls(**parameters).fit(X)
    assert_array_equal(warm.transform(X), fresh.transform(X))
    # Neither few samples now, nor a later fit of few, are a reason to begin anew.
    axes = warm._scaling, warm.mean_
    n_epochs = len(warm.loss_curve_)
    warm.fit(X[:30]).fit(X)
    assert warm._scaling is axes[0]
    assert len(warm.loss_curve_) >= n_epochs


def test_a_warm_fit_to_as_few_samples_goes_on(digits):
    X = digits[0][:60]
    parameters = {"early_stopping": False, "max_iter": 3, "warm_start": True}
    model = AutoencoderTransformer(4, **SMALL, **parameters).fit(X)
    model.fit(X).fit(digits[0][:110])
    assert model.n_iter_ == 9


def test_samples_of_weight_zero_are_not_counted(digits):
    X = digits[0][:200]
    weight = np.r_[np.ones(40), np.zeros(160)]
    stream, without = (AutoencoderTransformer(4, **SMALL) for _ in range(2))
    stream.partial_fit(X, sample_weight=weight)
    without.partial_fit(X[:40])
    assert stream._n_at_start == without._n_at_start == 40
    assert len(stream._early_samples.data.X) == stream.n_samples_ == 40
    regressor = AutoencoderRegressor(max_iter=1, **FAST)
    regressor.partial_fit(X, digits[1][:200], sample_weight=weight)
    assert regressor._early_samples.data.n_samples == 40


def test_partial_fit_keeps_the_starts_of_the_fit(digits):
    X = digits[0][:300]
    model = AutoencoderTransformer(4, n_init=2, max_iter=2, **SMALL).fit(X)
    n_init, losses = model.n_init_, model.start_losses_
    assert n_init == len(losses) == 2
    model.partial_fit(X)
    assert model.n_init_ == n_init
    assert_array_equal(model.start_losses_, losses)
    stream = AutoencoderTransformer(4, **SMALL).partial_fit(X[:20]).partial_fit(X)
    assert stream.n_init_ == len(stream.start_losses_) == 0


@pytest.mark.parametrize("cls", [AutoencoderClassifier, AutoencoderRegressor])
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
def test_a_warm_fit_of_a_predictor_begins_anew_after_few_samples(cls, first, digits):
    X, y = digits[0][:150], digits[1][:150] % 2
    parameters = {"max_iter": 2, **FAST}
    fresh = cls(AutoencoderTransformer(4, max_iter=1, **SMALL), **parameters)
    warm = clone(fresh).set_params(warm_start=True)
    known = first == "partial_fit" and is_classifier(warm)
    getattr(warm, first)(X[:12], y[:12], **({"classes": [0, 1]} if known else {}))
    warm.fit(X, y)
    assert_array_equal(warm.predict(X), fresh.fit(X, y).predict(X))
    n_epochs = warm.n_iter_
    assert warm.fit(X[:20], y[:20]).fit(X, y).n_iter_ > n_epochs


@pytest.mark.parametrize("cls", [AutoencoderRegressor, StackedDAERegressor])
@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("n_first", [20, 150])
def test_one_quantity_may_come_as_a_column_or_not(cls, first, n_first):
    X = np.random.RandomState(0).randn(200, 4)
    shapes = {1: X[:, 0], 2: X[:, :1]}
    mixed, same = (
        cls(**FAST).partial_fit(X[:n_first], shapes[first][:n_first]) for _ in "ab"
    )
    mixed.partial_fit(X[n_first:], shapes[3 - first][n_first:])
    same.partial_fit(X[n_first:], shapes[first][n_first:])
    assert_array_equal(mixed.predict(X), same.predict(X))
