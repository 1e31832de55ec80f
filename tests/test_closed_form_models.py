"""Results that are a linear map alone: what they hold, and how training goes on."""

import copy
import inspect
import io
import pickle

import engine
import joblib
import numpy as np
import pytest
import torch
from instances import CLASSES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator

from skae import AutoencoderClassifier, AutoencoderRegressor, AutoencoderTransformer
from skae._networks.dense import DenseAutoencoder
from skae._networks.layers import MLP
from skae.plotting import FiltersDisplay

WITH_LINEAR_PATH = [
    c for c in CLASSES if "linear_path" in inspect.signature(c).parameters
]
every_class = pytest.mark.parametrize("cls", WITH_LINEAR_PATH)
HIDDEN = (7, 6)
OPTIONS = [
    {},
    {"activation": "logistic", "tied_weights": True},
    {"batch_norm": True, "dropout": 0.2},
    {"activation": "maxout", "precision": "float64"},
    {"whiten": True},
]
OWN_OPTIONS = {
    "DenoisingAutoencoder": [{"linear_path": "pca"}],
    "VAETransformer": [
        {"noise_variance": 0.03},
        {"likelihood": "bernoulli"},
        {"likelihood": "poisson"},
        {"likelihood": "negative_binomial"},
    ],
}
# Arrays of n_features beside the linear path: means of rates, dispersions and floors.
OF_FEATURES = {"poisson": 1, "negative_binomial": 3}
EVERY_OPTION = [
    pytest.param(cls, options, id=f"{cls.__name__}-{options}")
    for cls in WITH_LINEAR_PATH
    for options in OPTIONS + OWN_OPTIONS.get(cls.__name__, [])
    if set(options) <= set(inspect.signature(cls).parameters)
]


def few_rows(n_features=9):
    """Too few to set some apart, so that nothing is trained."""
    X = np.random.RandomState(0).uniform(size=(25, 3)) @ np.ones((3, n_features)) / 3
    return 0.5 * X + 0.5 * np.random.RandomState(1).uniform(size=X.shape)


def many_rows():
    """A curved surface, and enough rows to see that it is one."""
    rng = np.random.RandomState(2)
    plane = rng.uniform(size=(130, 2))
    X = 0.5 + 0.4 * np.sin(2 * plane @ rng.randn(2, 9) + 6 * rng.uniform(size=9))
    return np.clip(X + 0.03 * rng.randn(*X.shape), 0, 1)


def make(cls, **parameters):
    defaults = {"hidden_layer_sizes": HIDDEN, "max_iter": 3, "random_state": 0}
    return cls(2, **{**defaults, **parameters})


def untrained(cls, **options):
    return make(cls, **options).fit(few_rows(n_features=30))


def without_a_better_epoch(cls, **options):
    # Its steps are too small to be of use.
    # One start: random weights can be better than a linear path for binary data.
    rate = {"learning_rate_init": 1e-20, "early_stopping": True, "n_init": 1}
    return make(cls, **options, **rate).fit(many_rows())


def optimal(cls, **options):
    estimator = make(cls, **{**options, "hidden_layer_sizes": ()})
    # Of as few columns others would be trained.
    return estimator.fit(few_rows(9 if estimator._linear_path_is_optimal() else 30))


WAYS = [untrained, without_a_better_epoch, optimal]
every_way = pytest.mark.parametrize("fit", WAYS, ids=lambda way: way.__name__)


def rows_of(fitted):
    return many_rows() if fitted.n_samples_ > 100 else few_rows(fitted.n_features_in_)


def is_linear(network):
    names = [name for name, _ in network.named_modules() if name]
    return names == [] and not network.correction


def with_zero_correction(fitted):
    """Return a copy whose network has the perceptrons, which are zero."""
    other = copy.deepcopy(fitted)
    generator = torch.Generator().manual_seed(other._seed)
    other.network_ = other.network_.with_correction(other.init, generator)
    return pickle.loads(pickle.dumps(other))  # makes what encodes and decodes anew


def outputs(fitted, X):
    names = ["transform", "reconstruct", "score_samples", "posterior"]
    return [
        np.asarray(getattr(fitted, name)(X)) for name in names if hasattr(fitted, name)
    ]


# ----- what they hold ------------------------------------------------------


@every_way
@pytest.mark.parametrize(("cls", "options"), EVERY_OPTION)
def test_the_network_is_the_linear_path_alone(cls, options, fit):
    fitted = fit(cls, **options)
    assert fitted.best_epoch_ == 0
    assert is_linear(fitted.network_)
    n_features = fitted.n_features_in_
    numbers = sum(tensor.numel() for tensor in fitted.network_.state_dict().values())
    n_arrays = 2 * 2 + 1 + OF_FEATURES.get(options.get("likelihood"), 0)
    assert numbers <= n_arrays * n_features + 10


@every_way
@pytest.mark.parametrize(("cls", "options"), EVERY_OPTION)
def test_it_gives_what_a_correction_of_zero_gives(cls, options, fit):
    fitted = fit(cls, **options)
    other = with_zero_correction(fitted)
    assert not is_linear(other.network_)
    X = rows_of(fitted)
    X[0] += 100 if options.get("likelihood") is None else 0  # beyond all radii
    # With tied weights zero is a difference of constants in float32.
    exact = 1e-7 if options.get("tied_weights") else 1e-10
    for dtype, rtol in [(np.float64, exact), (np.float32, 1e-5)]:
        rows = X.astype(dtype)
        both = zip(outputs(fitted, rows), outputs(other, rows), strict=True)
        for ours, theirs in both:
            assert_allclose(ours, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


@every_class
def test_of_a_wide_table_it_is_about_as_large_as_pca(cls):
    X = np.random.RandomState(0).uniform(size=(25, 2000))
    fitted = cls(2, random_state=0).fit(X)
    assert fitted.best_epoch_ == 0
    of_pca = len(pickle.dumps(PCA(2).fit(X)))
    assert len(pickle.dumps(fitted)) < 5 * of_pca


@pytest.fixture
def no_hidden_layers(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a perceptron was made")

    monkeypatch.setattr(MLP, "__init__", refuse)


@every_class
def test_without_training_hidden_layers_are_not_even_made(cls, no_hidden_layers):
    X = few_rows(30)
    fitted = make(cls, warm_start=True).fit(X)
    fitted.fit(X)  # goes on, and has nothing to train either
    assert fitted.best_epoch_ == fitted.n_iter_ == 0
    assert is_linear(pickle.loads(pickle.dumps(fitted)).network_)
    fitted.reconstruct(X)
    make(cls, hidden_layer_sizes=()).fit(X)
    classifier = AutoencoderClassifier(make(cls), pretraining=False)
    with pytest.raises(AssertionError, match="a perceptron"):
        classifier.fit(X, X[:, 0] > 0.5)  # its own layers


@every_class
def test_after_training_in_vain_the_start_on_all_rows_has_none(cls, monkeypatch):
    """Nor does what is made of them: the run ends with the linear path alone."""
    made = []
    make_mlp = MLP.__init__

    def record(self, *args, **kwargs):
        made.append(self)
        make_mlp(self, *args, **kwargs)

    monkeypatch.setattr(MLP, "__init__", record)
    engine.call_after_training(monkeypatch, made.clear)
    fitted = without_a_better_epoch(cls)
    assert fitted.loss_curve_[1:] and is_linear(fitted.network_)
    assert made == []


def test_an_interrupt_before_a_better_epoch_leaves_the_linear_path(monkeypatch):
    engine.interrupt_at(monkeypatch, "solver")
    autoencoder = make(AutoencoderTransformer)
    with pytest.raises(KeyboardInterrupt):
        autoencoder.fit(many_rows())
    assert is_linear(autoencoder.network_)
    assert autoencoder.transform(many_rows()).shape == (130, 2)


def test_a_network_has_a_linear_path_or_a_correction():
    with pytest.raises(ValueError, match="correction=True or linear_path=True"):
        DenseAutoencoder(4, 2, (3,), "relu", linear_path=False, correction=False)


# ----- their use -----------------------------------------------------------


@every_class
def test_copies_are_equal(cls):
    fitted = without_a_better_epoch(cls)
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    X = many_rows()
    for other in (
        pickle.loads(pickle.dumps(fitted)),
        joblib.load(buffer),
        copy.deepcopy(fitted),
    ):
        assert is_linear(other.network_)
        for ours, theirs in zip(outputs(fitted, X), outputs(other, X), strict=True):
            assert_array_equal(ours, theirs)
        other.set_params(early_stopping="auto").partial_fit(X)
        assert not is_linear(other.network_)


@every_class
def test_the_modules_do_what_the_methods_do(cls):
    fitted = without_a_better_epoch(cls)
    X = many_rows().astype(np.float32)
    codes = fitted.encoder_(torch.from_numpy(X))
    assert_allclose(codes.numpy(), fitted.transform(X), rtol=1e-4, atol=1e-5)
    rows = fitted.decoder_(codes).numpy()
    assert_allclose(rows, fitted.reconstruct(X), rtol=1e-4, atol=1e-5)


@every_class
def test_the_summary_lists_the_linear_path(cls):
    summary = untrained(cls).summary()
    assert "linear_encoder" in summary
    assert "layers" not in summary


@pytest.mark.parametrize("layer", ["encoder", "decoder"])
@every_class
def test_the_filters_are_those_of_the_linear_path(cls, layer):
    fitted = untrained(cls)
    filters = FiltersDisplay.from_estimator(fitted, layer=layer).filters
    own = getattr(fitted.network_, f"linear_{layer}").numpy()
    own = own if layer == "encoder" else own.T
    assert filters.shape == (2, 30)
    assert_allclose(np.sort(filters, axis=0), np.sort(own, axis=0))


# ----- what goes on from them ----------------------------------------------


def going_on(cls, fit, **options):
    """Return a fitted model, and one that had the correction all the time."""
    fitted = fit(cls, **options).set_params(learning_rate_init=0.01)
    fitted.set_params(early_stopping="auto")
    return fitted, with_zero_correction(fitted)


@pytest.mark.parametrize("fit", [untrained, without_a_better_epoch])
@pytest.mark.parametrize(("cls", "options"), EVERY_OPTION)
def test_partial_fit_makes_the_correction_anew(cls, options, fit):
    fitted, other = going_on(cls, fit, **options)
    X = rows_of(fitted)
    linear = fitted.network_.linear_encoder
    for _ in range(2):
        fitted.partial_fit(X)
        other.partial_fit(X)
        assert fitted.loss_curve_ == other.loss_curve_
        assert_array_equal(fitted.transform(X), other.transform(X))
    assert_array_equal(fitted.network_.linear_encoder, linear)
    assert fitted.network_.f.layers[-1].weight.abs().max() > 0


@pytest.mark.parametrize("fit", [untrained, without_a_better_epoch])
@every_class
def test_a_warm_start_makes_the_correction_anew(cls, fit):
    fitted, other = going_on(cls, fit, warm_start=True)
    for model in (fitted, other):
        model.set_params(early_stopping=False, max_iter=40)
    X = rows_of(fitted)
    fitted.fit(X)
    other.fit(X)
    assert fitted.best_epoch_ > 0
    assert not is_linear(fitted.network_)
    assert fitted.loss_curve_ == other.loss_curve_
    assert_array_equal(fitted.reconstruct(X), other.reconstruct(X))


@every_class
def test_a_warm_start_without_a_better_epoch_stays_linear(cls):
    fitted = without_a_better_epoch(cls, warm_start=True)
    X = many_rows()
    before = fitted.transform(X)
    fitted.fit(X)
    assert fitted.n_iter_ > 3  # epochs that led nowhere
    assert fitted.best_epoch_ == 0
    assert is_linear(fitted.network_)
    assert_array_equal(fitted.transform(X), before)
    # What was trained is not lost: a better epoch goes on from there.
    assert fitted._training_state.network.f is not None


@every_class
def test_the_correction_is_drawn_as_in_the_fit_whatever_the_random_state(cls):
    X = few_rows(30)
    fitted = make(cls, random_state=np.random.RandomState(3)).fit(X)
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    first_rows = make(cls, random_state=0, max_iter=1, early_stopping=False)
    first_rows.partial_fit(X)  # for a network of the kind
    expected = first_rows.network_
    expected.initialize("auto", torch.Generator().manual_seed(int(seed)))
    again = fitted.network_.with_correction(
        "auto", torch.Generator().manual_seed(fitted._seed)
    )
    ours, theirs = again.f.layers[0].weight, expected.f.layers[0].weight
    assert_array_equal(ours.detach(), theirs.detach())


@every_class
def test_going_on_with_another_network_is_refused(cls):
    fitted = untrained(cls).set_params(hidden_layer_sizes=(3,))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes.*\(7, 6\) to \(3,\)"):
        fitted.partial_fit(few_rows(30))
    fitted.set_params(hidden_layer_sizes=HIDDEN, linear_path=None)
    with pytest.raises(ValueError, match="linear_path.*True to False"):
        fitted.partial_fit(few_rows(30))
    trained = make(cls, linear_path=None).partial_fit(few_rows(30))
    default = inspect.signature(cls).parameters["linear_path"].default
    with pytest.raises(ValueError, match="linear_path.*False to True"):
        trained.set_params(linear_path=default).partial_fit(few_rows(30))


# ----- predictors on them --------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:60] / 16, y[:60]


QUICK = {"max_iter": 4, "random_state": 0, "early_stopping": False, "dropout": 0.0}
PREDICTORS = [AutoencoderClassifier, AutoencoderRegressor]
every_predictor = pytest.mark.parametrize("predictor", PREDICTORS)


def encoder_for(cls, digits):
    fitted = make(cls, batch_norm=True).fit(digits[0])
    assert is_linear(fitted.network_)
    return fitted


@every_predictor
@every_class
def test_fine_tuning_trains_a_correction(cls, predictor, digits):
    fitted = encoder_for(cls, digits)
    X, y = digits
    other = with_zero_correction(fitted)
    ours = predictor(FrozenEstimator(fitted), **QUICK).fit(X, y)
    theirs = predictor(FrozenEstimator(other), **QUICK).fit(X, y)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_array_equal(ours.transform(X), theirs.transform(X))
    assert ours.network_.encoder.f.layers[-1].weight.abs().max() > 0
    assert is_linear(ours.autoencoder_.network_)
    again = pickle.loads(pickle.dumps(ours))
    assert_array_equal(again.predict(X), ours.predict(X))


@every_class
def test_an_encoder_that_is_fitted_along_is_fine_tuned_alike(cls, digits):
    X, y = digits
    autoencoder = make(cls)
    ours = AutoencoderClassifier(autoencoder, **QUICK).fit(X, y)
    frozen = FrozenEstimator(clone(autoencoder).fit(X))
    theirs = AutoencoderClassifier(frozen, **QUICK).fit(X, y)
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    at_start = AutoencoderClassifier(autoencoder, pretraining=False, **QUICK).fit(X, y)
    assert is_linear(at_start.autoencoder_.network_)
    assert_array_equal(at_start.predict_proba(X), theirs.predict_proba(X))


@every_predictor
@every_class
def test_an_encoder_that_is_kept_stays_linear_until_it_is_trained(
    cls, predictor, digits
):
    X, y = digits
    fitted = encoder_for(cls, digits)
    models = [
        predictor(FrozenEstimator(f), finetuning=False, warm_start=True, **QUICK)
        for f in (fitted, with_zero_correction(fitted))
    ]
    for finetuning in (False, False, True, False, True):
        for model in models:
            model.set_params(finetuning=finetuning).fit(X, y)
        ours, theirs = models
        assert_allclose(ours._outputs(X), theirs._outputs(X), rtol=1e-5, atol=1e-6)
        assert_allclose(ours.transform(X), theirs.transform(X), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        ours.set_params(hidden_layer_sizes=(3,)).fit(X, y)
    kept = predictor(FrozenEstimator(fitted), finetuning=False, **QUICK).fit(X, y)
    assert is_linear(kept.network_.encoder)
