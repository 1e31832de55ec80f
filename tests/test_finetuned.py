"""The classifier and the regressor on an encoder: any autoencoder, frozen or not."""

import copy
import pickle
import warnings

import engine
import numpy as np
import pandas as pd
import pytest
import torch
from instances import CLASSES, given
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.callback import ProgressBar
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from benchmarks import finetuned, mnist
from benchmarks.__main__ import main
from benchmarks.datasets import Split
from skae import (
    AutoencoderClassifier,
    AutoencoderRegressor,
    AutoencoderTransformer,
    ConditionalVAE,
    ConvolutionalAutoencoder,
    DenoisingAutoencoder,
    RecurrentAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
)
from skae._training.state import FlatParameters

# Small and really trained.
DENSE = DenoisingAutoencoder(
    6, hidden_layer_sizes=(16,), max_iter=3, linear_path=None, early_stopping=False
)
QUICK = {"max_iter": 3, "random_state": 0}
# The head alone, as a linear model fitted to convergence.
LINEAR = {
    "finetuning": False,
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


@pytest.fixture(scope="module")
def quantities():
    X, y = load_diabetes(return_X_y=True)
    return X[:200] / X.std(), y[:200]


def fitted(X, y, **parameters):
    return AutoencoderClassifier(**{"autoencoder": DENSE, **QUICK, **parameters}).fit(
        X, y
    )


def fitted_with(X, y, **given):
    return AutoencoderClassifier(DENSE, **QUICK).fit(X, y, **given)


def own_codes(autoencoder, X):
    """Return the codes of an autoencoder's network, before its head."""
    u = autoencoder._scaling.to_network(X, torch.float64)
    network = copy.deepcopy(autoencoder.network_).to(torch.float64)
    with torch.no_grad():
        return network.encode(u).numpy()


def small(cls, X, y):
    """Return an autoencoder of a class, fitted before where it needs to be told y."""
    autoencoder = cls(max_iter=2, early_stopping=False, random_state=0)
    if given(autoencoder, y):
        return FrozenEstimator(autoencoder.fit(X, y))
    return autoencoder


# ----- any autoencoder -----------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES)
def test_every_autoencoder_has_an_encoder_to_train(cls, digits):
    X, y = digits
    classifier = AutoencoderClassifier(small(cls, X, y), random_state=0)
    classifier.partial_fit(X, y, classes=np.unique(y))
    # One step to give the codes weights, one for gradients to reach the encoder.
    classifier.partial_fit(X, y)
    before = own_codes(classifier.autoencoder_, X)
    assert classifier.transform(X).shape == before.shape
    assert np.abs(classifier.transform(X) - before).max() > 0
    network = classifier._training_state.network
    for name, parameter in network.named_parameters():
        # A decoder would get none.
        assert parameter.grad.abs().sum() > 0, name
    fitted = classifier.autoencoder_
    with_decoder = engine.network_to_train(fitted).state_dict()
    assert set(network.encoder.state_dict()) < set(with_decoder)


@pytest.mark.parametrize("cls", CLASSES)
def test_training_begins_with_the_codes_of_the_autoencoder(cls, digits):
    X, y = digits
    # The encoder stays as it is.
    classifier = AutoencoderClassifier(small(cls, X, y), finetuning=False, **QUICK)
    codes = classifier.fit(X, y).transform(X)
    expected = own_codes(classifier.autoencoder_, X)
    assert_allclose(codes, expected, atol=1e-6 * np.abs(expected).max())
    encoder = classifier.network_.encoder.state_dict()
    pretrained = classifier.autoencoder_.network_.state_dict()
    for name, value in encoder.items():
        assert_array_equal(value, pretrained[name])


@pytest.mark.parametrize("cls", CLASSES)
def test_the_regressor_takes_every_autoencoder(cls, quantities):
    X, y = quantities
    both = np.column_stack([y, -2 * y])
    autoencoder = small(cls, X, y)
    if given(cls(), y):
        pytest.skip("covered by the classifier")
    regressor = AutoencoderRegressor(autoencoder, **QUICK).fit(X, both)
    assert regressor.predict(X).shape == both.shape
    loaded = pickle.loads(pickle.dumps(regressor))
    assert_array_equal(loaded.predict(X), regressor.predict(X))


def test_the_pickled_network_has_no_decoder(digits):
    network = fitted(*digits).network_
    names = set(network.__getstate__()["arrays"])
    layers = {
        f"{part}.layers.{i}.{kind}"
        for part, n_layers in [("encoder.f", 2), ("f", 1)]
        for i in range(n_layers)
        for kind in ("weight", "bias")
    }
    assert names == layers | {"code_mean", "code_scale"}


# ----- the head ------------------------------------------------------------


def test_on_a_kept_encoder_it_is_logistic_regression(digits):
    X, y = digits
    ours = AutoencoderClassifier(DENSE, alpha=1.0, **LINEAR).fit(X, y)
    codes = own_codes(ours.autoencoder_, X)
    codes = (codes - codes.mean(axis=0)) / ours.network_.code_scale.numpy()
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(codes, y)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(codes), atol=1e-4)


def test_on_a_kept_encoder_it_is_linear_regression(quantities):
    X, y = quantities
    ours = AutoencoderRegressor(DENSE, alpha=0.0, **LINEAR).fit(X, y)
    codes = own_codes(ours.autoencoder_, X)
    theirs = LinearRegression().fit(codes, y).predict(codes)
    assert_allclose(ours.predict(X), theirs, atol=1e-3 * y.std())


def test_codes_are_standardised_but_for_those_that_hardly_vary(digits):
    X, y = digits
    network = fitted(X, y, early_stopping=False).network_
    codes = own_codes(fitted(X, y, early_stopping=False).autoencoder_, X)
    assert_allclose(network.code_mean, codes.mean(axis=0), atol=1e-5)
    assert_allclose(network.code_scale, codes.std(axis=0), rtol=1e-4)
    # A pixel in the corner is constant: its codes are left at a tenth of the others'.
    flat = ConvolutionalAutoencoder(channels=2, kernel_size=1, max_iter=1)
    scale = fitted(X, y, autoencoder=flat, early_stopping=False).network_.code_scale
    assert scale.min() > 0.09 * scale.square().mean().sqrt()


def test_a_code_that_does_not_vary_at_all(digits):
    X, y = digits
    constant = np.ones_like(X)
    assert np.all(np.isfinite(fitted(constant, y).predict_proba(constant)))


def test_hidden_layers_between_codes_and_prediction(digits):
    classifier = fitted(*digits, hidden_layer_sizes=(12, 7))
    shapes = [tuple(layer.weight.shape) for layer in classifier.network_.f.layers]
    assert shapes == [(12, 6), (7, 12), (10, 7)]


def test_dropout_of_the_codes_is_of_training_alone(digits):
    X, y = digits
    classifier = fitted(X, y, dropout=0.5)
    assert_array_equal(classifier.predict_proba(X), classifier.predict_proba(X))
    network, u = classifier.network_, classifier._scaling.to_network(X, torch.float32)
    network.train()
    generator = torch.Generator().manual_seed(0)
    first, second = (network(u, generator) for _ in range(2))
    assert not torch.equal(first, second)


def test_parameters_without_gradients_are_left_as_they_are(digits):
    network = fitted(*digits, finetuning=False).network_
    n_of_head = sum(p.numel() for p in network.f.parameters())
    assert len(FlatParameters(network).values) == n_of_head


def test_a_kept_encoder_keeps_its_batch_statistics_and_drops_nothing(digits):
    X, y = digits
    autoencoder = AutoencoderTransformer(
        4, hidden_layer_sizes=(8,), batch_norm=True, dropout=0.5, max_iter=2
    )
    classifier = fitted(X, y, autoencoder=autoencoder, finetuning=False)
    ours = classifier.network_.encoder.f.norms[0].running_mean
    theirs = classifier.autoencoder_.network_.f.norms[0].running_mean
    assert_array_equal(ours, theirs)
    network = classifier.network_.train()
    assert network.training
    assert not network.encoder.training


# ----- labels and rows without ---------------------------------------------


def test_rows_without_labels_are_learnt_from(digits):
    X, y = digits
    some = np.where(np.arange(len(y)) < 50, y, -1)
    classifier = fitted(X, some, unlabeled_label=-1)
    assert classifier.autoencoder_.n_samples_ == 300
    assert classifier.n_samples_ == 50
    classifier = fitted_with(X[:50], y[:50], X_unlabeled=X[50:])
    assert classifier.autoencoder_.n_samples_ == 300


def test_rows_of_x_val_are_not_learnt_from(digits):
    X, y = digits
    classifier = fitted_with(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert classifier.autoencoder_.n_samples_ == 200
    assert len(classifier.validation_scores_) == classifier.n_iter_ + 1


def test_weights_reach_the_autoencoder(digits):
    X, y = digits
    weight = np.where(np.arange(300) < 150, 1.0, 0.0)
    weighted = fitted_with(X, y, sample_weight=weight)
    half = fitted_with(X[:150], y[:150])
    assert weighted.autoencoder_.n_samples_ == 150
    assert_allclose(weighted.predict_proba(X), half.predict_proba(X), atol=1e-6)


def test_pretraining_helps_where_labels_are_few():
    X, y = load_digits(return_X_y=True)
    gains = []
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, random_state=seed, stratify=y
        )
        y_train[50:] = -1
        classifier = AutoencoderClassifier(
            DenoisingAutoencoder(max_iter=15, early_stopping=False),
            max_iter=50,
            unlabeled_label=-1,
            random_state=seed,
        )
        scores = [
            clone(classifier)
            .set_params(pretraining=pretraining)
            .fit(X_train, y_train)
            .score(X_test, y_test)
            for pretraining in (True, False)
        ]
        gains.append(scores[0] - scores[1])
    assert min(gains) > 0
    assert np.mean(gains) > 0.02


# ----- without pretraining -------------------------------------------------


def test_without_pretraining_the_encoder_is_the_start_of_the_autoencoder(digits):
    X, y = digits
    classifier = fitted(
        X,
        y,
        autoencoder=AutoencoderTransformer(5),
        pretraining=False,
        finetuning=False,
        early_stopping=False,
    )
    codes = PCA(5).fit_transform(X)
    assert_allclose(classifier.autoencoder_.transform(X), codes, atol=1e-5)
    assert classifier.autoencoder_.best_epoch_ == 0


def test_without_pretraining_no_layer_of_a_stack_is_pretrained(digits):
    stack = StackedAutoencoder(4, hidden_layer_sizes=(8,))
    classifier = fitted(*digits, autoencoder=stack, pretraining=False)
    assert getattr(classifier.autoencoder_, "pretraining_loss_curves_", None) is None


# ----- a fitted autoencoder ------------------------------------------------


def test_a_frozen_autoencoder_is_copied(digits):
    X, y = digits
    autoencoder = clone(DENSE).set_params(random_state=3).fit(X)
    before = copy.deepcopy(autoencoder.network_.state_dict())
    frozen = FrozenEstimator(autoencoder)
    classifier = clone(AutoencoderClassifier(frozen, **QUICK)).fit(X[:100], y[:100])
    assert classifier.autoencoder_ is autoencoder
    for name, value in autoencoder.network_.state_dict().items():
        assert_array_equal(value, before[name])
    assert np.abs(classifier.transform(X) - own_codes(autoencoder, X)).max() > 0
    scores = cross_val_score(AutoencoderClassifier(frozen, **QUICK), X, y, cv=3)
    assert len(scores) == 3


def test_a_frozen_conditional_autoencoder_need_not_be_told(digits):
    X, y = digits
    autoencoder = ConditionalVAE(2, hidden_layer_sizes=(8,), max_iter=2).fit(X, y)
    classifier = fitted(X, y, autoencoder=FrozenEstimator(autoencoder))
    assert classifier.transform(X).shape == (300, 2)


def test_a_frozen_autoencoder_of_other_columns(digits):
    X, y = digits
    frozen = FrozenEstimator(clone(DENSE).fit(X[:, :10]))
    with pytest.raises(ValueError, match="X has 64 features, but the .* to 10"):
        fitted(X, y, autoencoder=frozen)


# ----- parameters of the autoencoder ---------------------------------------


def test_search_over_parameters_of_the_autoencoder(digits):
    classifier = AutoencoderClassifier(DENSE, max_iter=10, random_state=0)
    grid = {"autoencoder__n_components": [1, 12], "dropout": [0.0, 0.2]}
    search = GridSearchCV(classifier, grid, cv=2, n_jobs=2).fit(*digits)
    assert search.best_params_["autoencoder__n_components"] == 12
    assert search.best_estimator_.autoencoder_.n_components_ == 12


def test_the_autoencoder_and_its_parameters_are_set_at_once():
    classifier = AutoencoderClassifier()
    classifier.set_params(autoencoder=clone(DENSE), autoencoder__n_components=3)
    assert classifier.autoencoder.n_components == 3


def test_the_parameter_is_not_fitted_itself(digits):
    autoencoder = clone(DENSE)
    fitted(*digits, autoencoder=autoencoder)
    assert not hasattr(autoencoder, "network_")
    assert autoencoder.random_state is None


def test_random_states(digits):
    X, y = digits
    first, second, other = (fitted(X, y, random_state=s) for s in (0, 0, 1))
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    codes = [c.autoencoder_.transform(X) for c in (first, other)]
    assert np.abs(codes[0] - codes[1]).max() > 0
    # One of its own is kept.
    own = clone(DENSE).set_params(random_state=7)
    autoencoders = [
        fitted(X, y, autoencoder=own, random_state=s, early_stopping=False).autoencoder_
        for s in (0, 1)
    ]
    assert autoencoders[0].random_state == 7
    assert_array_equal(*(a.transform(X) for a in autoencoders))


@pytest.mark.parametrize(
    "autoencoder",
    [
        make_pipeline(StandardScaler(), AutoencoderTransformer()),
        PCA(2),
        AutoencoderTransformer,
        AutoencoderClassifier(),
        FrozenEstimator(PCA(2)),
    ],
    ids=lambda autoencoder: type(autoencoder).__name__,
)
def test_what_is_no_autoencoder(autoencoder, digits):
    with pytest.raises(ValueError) as error:
        fitted(*digits, autoencoder=autoencoder)
    message = str(error.value)
    assert "The 'autoencoder' parameter of AutoencoderClassifier must be" in message
    assert "Got " in message
    assert "make_pipeline(StandardScaler(), AutoencoderClassifier(" in message


@pytest.mark.parametrize("autoencoder", ["dense", 3], ids=str)
def test_what_is_no_estimator(autoencoder, digits):
    message = "'autoencoder' parameter of AutoencoderClassifier must be .* or None. Got"
    with pytest.raises(ValueError, match=message):
        fitted(*digits, autoencoder=autoencoder)


def test_a_frozen_one_that_is_not_fitted(digits):
    with pytest.raises(NotFittedError, match="Fit it before, or pass it without"):
        fitted(*digits, autoencoder=FrozenEstimator(clone(DENSE)))


def test_a_frozen_one_cannot_be_taken_at_its_start(digits):
    frozen = FrozenEstimator(clone(DENSE).fit(digits[0]))
    with pytest.raises(ValueError, match="'pretraining' parameter .* pretraining=True"):
        fitted(*digits, autoencoder=frozen, pretraining=False)


def test_one_that_is_to_be_told_y(digits):
    with pytest.raises(ValueError, match="ConditionalVAE, which requires y in fit"):
        fitted(*digits, autoencoder=ConditionalVAE())


def test_wrong_parameters_of_the_autoencoder(digits):
    autoencoder = clone(DENSE).set_params(max_iter=0)
    with pytest.raises(ValueError, match="The 'max_iter' parameter of Denoising"):
        fitted(*digits, autoencoder=autoencoder)


# ----- rows ----------------------------------------------------------------


def test_images_and_sequences_that_are_not_flat(digits):
    X, y = digits
    images = X.reshape(-1, 8, 8)
    for autoencoder, shape in [
        (ConvolutionalAutoencoder(), "image_shape"),
        (RecurrentAutoencoder(), "sequence_shape"),
    ]:
        with pytest.raises(ValueError, match=rf"(?s)reshape.*{shape}"):
            fitted(images, y, autoencoder=autoencoder)
    classifier = fitted(X, y)
    with pytest.raises(ValueError):
        classifier.predict(images)


@pytest.mark.parametrize("padding_value", [np.nan, -1.0])
def test_padded_sequences(padding_value):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 12))
    y = (X[:, 0] > 0).astype(int)
    ends = rng.randint(4, 13, size=60)
    padded = np.where(np.arange(12) < ends[:, np.newaxis], X, padding_value)
    autoencoder = RecurrentAutoencoder(
        3, hidden_size=6, max_iter=2, padding_value=padding_value
    )
    classifier = fitted(padded, y, autoencoder=autoencoder)
    assert get_tags(classifier).input_tags.allow_nan == np.isnan(padding_value)
    assert np.all(np.isfinite(classifier.predict_proba(padded)))
    # Steps after the end of all rows change nothing.
    longer = np.column_stack([padded[ends < 12], np.full((ends < 12).sum(), 0.0)])
    assert classifier.predict_proba(longer[:, :12]).shape == (len(longer), 2)


def test_the_domain_of_the_autoencoder(digits):
    X, y = digits
    autoencoder = AutoencoderTransformer(4, loss="log_loss", max_iter=2)
    classifier = AutoencoderClassifier(autoencoder, **QUICK)
    assert get_tags(classifier).input_tags.positive_only
    with pytest.raises(ValueError, match="Negative values in data"):
        classifier.fit(X - 1, y)
    assert classifier.fit(X, y).predict(X).shape == y.shape


def test_a_sparse_output_is_made_dense(digits):
    X, y = digits
    autoencoder = SparseAutoencoder(20, sparse_output=True, max_iter=2)
    codes = fitted(X, y, autoencoder=autoencoder).transform(X)
    assert isinstance(codes, np.ndarray)


# ----- going on ------------------------------------------------------------


def test_warm_start_does_not_fit_the_autoencoder_again(digits):
    classifier = fitted(*digits, warm_start=True)
    autoencoder, n_iter = classifier.autoencoder_, classifier.n_iter_
    classifier.fit(*digits)
    assert classifier.autoencoder_ is autoencoder
    assert classifier.n_iter_ == n_iter + 3


def test_first_the_head_alone_then_everything(digits):
    X, y = digits
    classifier = fitted(
        X, y, finetuning=False, warm_start=True, precision="float64", dropout=0.0
    )
    codes, outputs = classifier.transform(X), classifier.predict_proba(X)
    loss = classifier.loss_curve_[-1]
    classifier.set_params(finetuning=True, max_iter=4).fit(X, y)
    assert classifier.n_iter_ == 7
    assert classifier.loss_curve_[3] == loss
    assert np.abs(classifier.transform(X) - codes).max() > 1e-3
    assert np.abs(classifier.predict_proba(X) - outputs).max() < 0.5
    # And back: the encoder stays where it is.
    codes = classifier.transform(X)
    classifier.set_params(finetuning=False).fit(X, y)
    best = classifier.transform(X)
    assert_array_equal(best, codes)


def test_an_autoencoder_that_was_changed_meanwhile(digits):
    classifier = fitted(*digits, warm_start=True)
    classifier.set_params(autoencoder__n_components=3)
    with pytest.raises(ValueError, match="'n_components' parameter was changed"):
        classifier.fit(*digits)
    classifier.set_params(autoencoder=SparseAutoencoder())
    with pytest.raises(ValueError, match="changed from Denoising.* to SparseAuto"):
        classifier.fit(*digits)
    frozen = FrozenEstimator(clone(DENSE).set_params(n_components=2).fit(digits[0]))
    classifier.set_params(autoencoder=frozen)
    with pytest.raises(ValueError, match="'n_components' parameter was changed"):
        classifier.fit(*digits)


def test_partial_fit_begins_with_the_autoencoder(digits):
    X, y = digits
    classifier = AutoencoderClassifier(DENSE, random_state=0)
    classifier.partial_fit(X[:150], y[:150], classes=np.arange(10))
    autoencoder = classifier.autoencoder_
    assert autoencoder.n_iter_ == DENSE.max_iter
    classifier.partial_fit(X[150:], y[150:])
    assert classifier.autoencoder_ is autoencoder
    assert classifier.n_iter_ == 2
    assert classifier.n_samples_ == 300


# ----- callbacks and interrupts --------------------------------------------


class Recorder:
    """A callback that keeps the path of each task, and may interrupt at one."""

    max_propagation_depth = None

    def __init__(self, interrupt_at=None):
        self.paths, self.interrupt_at = [], interrupt_at

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        names = []
        while context is not None:
            names.insert(0, context.source_task_name or context.task_name)
            context = context.parent
        self.paths.append("/".join(names))
        if self.paths[-1] == self.interrupt_at:
            raise KeyboardInterrupt

    def teardown(self, estimator, context):
        pass


def test_callbacks_see_the_autoencoder_as_a_part(digits):
    recorder = Recorder()
    classifier = AutoencoderClassifier(DENSE, **QUICK).set_callbacks(recorder)
    classifier.fit(*digits)
    epochs = ["fit/pretraining/epoch"] * 3
    fine_tuning = ["fit/fine-tuning/epoch"] * 3 + ["fit/fine-tuning"]
    assert recorder.paths == [*epochs, "fit/pretraining", *fine_tuning, "fit"]
    assert not hasattr(classifier.autoencoder_, "_skl_callbacks")


def test_without_pretraining_there_is_one_part(digits):
    recorder = Recorder()
    classifier = AutoencoderClassifier(DENSE, pretraining=False, **QUICK)
    classifier.set_callbacks(recorder).fit(*digits)
    assert "fit/pretraining" not in recorder.paths
    assert "fit/fine-tuning" in recorder.paths


def test_progress_bar(digits, capsys):
    classifier = AutoencoderClassifier(DENSE, **QUICK)
    classifier.set_callbacks(ProgressBar()).fit(*digits)
    assert "AutoencoderClassifier" in capsys.readouterr().out


def test_verbose_tells_of_both_parts(digits, capsys):
    classifier = fitted(*digits, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("]")[0] for line in lines] == (
        ["[DenoisingAutoencoder"] * 3 + ["[AutoencoderClassifier"] * 3
    )
    assert classifier.autoencoder_.verbose
    assert not classifier.autoencoder.verbose


def test_an_interrupted_pretraining_can_be_passed_on(digits):
    X, y = digits
    classifier = AutoencoderClassifier(clone(DENSE).set_callbacks(), **QUICK)
    classifier.set_callbacks(Recorder(interrupt_at="fit/pretraining/epoch"))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    kept = FrozenEstimator(classifier.autoencoder_)
    assert fitted(X, y, autoencoder=kept).predict(X).shape == y.shape


def test_an_interrupted_fine_tuning_is_kept(digits):
    X, y = digits
    classifier = AutoencoderClassifier(DENSE, **QUICK)
    classifier.set_callbacks(Recorder(interrupt_at="fit/fine-tuning/epoch"))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    assert classifier.n_iter_ == 1
    assert classifier.predict(X).shape == y.shape


# ----- the benchmark -------------------------------------------------------


@pytest.fixture
def images(monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(1500, 784)).astype(np.float32)
    y = np.arange(1500) % 10
    X[np.arange(1500), y] += 3
    split = Split(X[:1400], X[1400:], y[:1400], y[1400:])
    monkeypatch.setattr(mnist, "load", lambda openml: split)


def test_the_benchmark_prints_its_figures(images, capsys, monkeypatch):
    monkeypatch.setattr(finetuned, "CHANNELS", (2, 2))
    main(["finetuned", "--epochs", "1", "--pretraining-epochs", "1"])
    main(["masci", "--epochs", "1", "--pretraining-epochs", "1", "--rows", "1200"])
    printed = capsys.readouterr().out
    assert "| accuracy on test, 60,000 labels | at least 99.2 |" in printed
    assert "| test error, pretrained | less (paper: 7.23) |" in printed


def test_meta_estimators_of_others_can_use_it(digits):
    class Wrapper(BaseEstimator):
        def __init__(self, estimator):
            self.estimator = estimator

    wrapped = Wrapper(AutoencoderClassifier(DENSE))
    wrapped.set_params(estimator__autoencoder__n_components=3)
    assert wrapped.estimator.autoencoder.n_components == 3


def test_codes_of_padded_sequences_are_standardised():
    X = np.random.RandomState(0).normal(size=(60, 12))
    X[:30, 8:] = -99
    sequences = RecurrentAutoencoder(
        3, padding_value=-99, hidden_size=6, max_iter=2, random_state=0
    )
    model = AutoencoderClassifier(
        sequences, max_iter=1, finetuning=False, random_state=0
    )
    network = model.fit(X, np.arange(60) % 2).network_
    codes = (
        model.transform(X) - network.code_mean.numpy()
    ) / network.code_scale.numpy()
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)


def test_a_frozen_autoencoder_knows_its_columns():
    X = pd.DataFrame(
        np.random.RandomState(0).normal(size=(60, 4)), columns=list("abcd")
    )
    y = np.arange(60) % 2
    frozen = FrozenEstimator(AutoencoderTransformer(2, max_iter=2).fit(X))
    model = AutoencoderClassifier(frozen, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
        own = AutoencoderTransformer(2, max_iter=2)
        AutoencoderClassifier(own, max_iter=1).fit(X, y).autoencoder_.transform(X)
    with pytest.raises(ValueError, match=r"feature names of X should match.*'d'"):
        model.fit(X[list("dcba")], y)
    with pytest.raises(ValueError, match="X has 3 features, but .* 4"):
        model.fit(X[list("abc")], y)


def test_a_fitted_model_reads_rows_as_its_autoencoder_does():
    X = np.random.RandomState(0).normal(size=(60, 12))
    X[:30, 8:] = -99
    sequences = RecurrentAutoencoder(3, padding_value=-99, hidden_size=6, max_iter=2)
    model = AutoencoderClassifier(sequences, max_iter=2, random_state=0)
    before = model.fit(X, np.arange(60) % 2).predict_proba(X)
    model.set_params(autoencoder=None)
    assert_array_equal(model.predict_proba(X), before)
