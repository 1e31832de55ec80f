"""Generation of a chosen class, codes with and without y, and the bounds."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skae import ConditionalVAE
from skae._estimators.variational import elbo as _elbo
from skae._training.data import Rows

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
DIGITS = np.arange(10)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def vae(digits):
    X, _, y, _ = digits
    return ConditionalVAE(max_iter=40, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def small(digits):
    X, _, y, _ = digits
    return ConditionalVAE(4, **QUICK).fit(X[:200], y[:200])


# ----- what it is for ------------------------------------------------------


def classifier():
    return SVC(gamma=0.001, C=10)


def test_a_classifier_recognises_the_digits_asked_for(vae, digits):
    X, _, y, _ = digits
    wanted = DIGITS.repeat(100)
    judge = classifier().fit(X, y)
    for noise in (False, True):
        generated = vae.sample(y=wanted, random_state=0, noise=noise)
        assert judge.score(generated, wanted) >= 0.97


def test_generated_digits_alone_train_a_classifier(vae, digits):
    _, X_test, _, y_test = digits
    wanted = DIGITS.repeat(100)
    generated = vae.sample(y=wanted, random_state=0)
    assert classifier().fit(generated, wanted).score(X_test, y_test) >= 0.9


def test_the_style_is_kept_where_the_class_is_changed(vae, digits):
    # Of the rows' own class the codes give the rows back, of another one its digits.
    X, X_test, y, y_test = digits
    judge = classifier().fit(X, y)
    codes = vae.transform(X_test, y_test)
    for digit in DIGITS:
        changed = vae.inverse_transform(codes, y=digit)
        assert (judge.predict(changed) == digit).mean() > 0.9
    own = vae.inverse_transform(codes, y=y_test)
    assert np.square(own - X_test).sum() < np.square(changed - X_test).sum() / 2


# ----- codes and bounds ----------------------------------------------------


def linear_gaussian(n, rng, W, B, std):
    """Draw rows W z + y B + noise, with y and z standard normal."""
    y = rng.normal(size=n)
    noise = std * rng.normal(size=(n, len(W)))
    return rng.normal(size=(n, W.shape[1])) @ W.T + np.outer(y, B) + noise, y


def test_bounds_reach_the_likelihoods_of_a_linear_gaussian_model():
    rng = np.random.RandomState(0)
    W, B, std = rng.normal(size=(6, 2)), 2 * rng.normal(size=6), 0.5
    X, y = linear_gaussian(3000, rng, W, B, std)
    X_test, y_test = linear_gaussian(1000, rng, W, B, std)
    covariance = W @ W.T + std**2 * np.eye(6)
    given_y = multivariate_normal(np.zeros(6), covariance)
    alone = multivariate_normal(np.zeros(6), covariance + np.outer(B, B))
    vae = ConditionalVAE(
        2, hidden_layer_sizes=(32,), alpha=0.0, max_iter=30, random_state=0
    ).fit(X, y)
    exact = given_y.logpdf(X_test - np.outer(y_test, B)).mean()
    # Nats a feature: 3000 rows settle the model to less than a hundredth.
    assert (vae.score(X_test, y_test) - exact) / 6 == pytest.approx(-0.01, abs=0.01)
    exact = alone.logpdf(X_test).mean()
    assert (vae.score(X_test) - exact) / 6 == pytest.approx(-0.01, abs=0.015)


def test_knowing_y_tightens_the_bound(vae, digits):
    _, X_test, _, y_test = digits
    # Without y the bound pays for the class: up to log(10) nats.
    lost = vae.score(X_test, y_test) - vae.score(X_test)
    assert 1 < lost < np.log(10) + 0.1


def test_the_bound_without_y_is_that_of_the_mixture(small, digits):
    _, X_test, _, _ = digits
    y = digits[2][:200]
    shares = np.bincount(y) / len(y)
    bounds = [small.score_samples(X_test, y=digit, n_draws=3) for digit in DIGITS]
    mixture = logsumexp(bounds, axis=0, b=shares[:, None])
    assert_allclose(small.score_samples(X_test, n_draws=3), mixture)
    assert small.score(X_test) == pytest.approx(small.score_samples(X_test).mean())


def test_the_bound_grows_with_the_number_of_draws(vae, digits):
    _, X_test, _, y_test = digits
    # By some 3 and 0.7 nats, where the errors of the last two are 0.3 and 0.1.
    bounds = [
        vae.score_samples(X_test, y=y_test, n_draws=n).mean() for n in (1, 16, 256)
    ]
    assert np.all(np.diff(bounds) > 0)


def test_codes_do_without_y_but_use_it(vae, digits):
    _, X_test, _, y_test = digits
    alone, told = vae.transform(X_test), vae.transform(X_test, y_test)
    assert not np.allclose(alone, told)
    assert_array_equal(told, vae.transform(X_test, y=y_test))
    # The encoder has learnt to do without: it guesses what it would be told.
    active = slice(0, vae.active_units_)
    correlation = np.corrcoef(alone[:, 0], told[:, 0])[0, 1]
    assert correlation > 0.8
    other = vae.transform(X_test, (y_test + 1) % 10)
    error, other = (np.square(c - told)[:, active].mean() for c in (alone, other))
    assert error < other


def test_posterior_has_the_codes_and_is_narrower_than_the_prior(vae, digits):
    _, X_test, _, y_test = digits
    for target in (None, y_test):
        mean, std = vae.posterior(X_test, target)
        assert_allclose(mean, vae.transform(X_test, target), rtol=1e-6, atol=1e-9)
        assert np.all(std[:, 0] < 1)
    known, unknown = (vae.posterior(X_test, t)[1][:, 0] for t in (y_test, None))
    assert known.mean() < unknown.mean()


def test_a_tenth_of_the_rows_is_encoded_without_y():
    class Network:
        def posterior(self, u, generator, condition):
            self.seen = condition
            return u, u

    network, condition = Network(), torch.ones(20_000, 3)
    rows = Rows(torch.zeros(20_000, 2), None, y=condition)
    generator = torch.Generator().manual_seed(0)
    _elbo._posterior(network, rows, generator, ConditionalVAE._missing_share)
    hidden = network.seen.isnan()
    assert_array_equal(hidden.any(dim=1), hidden.all(dim=1))
    assert hidden.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert_array_equal(condition, 1)


def test_the_decoder_is_told_y_in_columns(small, digits):
    _, X_test, _, y_test = digits
    codes = small.transform(X_test, y_test)
    columns = torch.eye(10)[torch.from_numpy(y_test)]
    rows = torch.from_numpy(X_test).float()
    with torch.no_grad():
        encoded = small.encoder_(rows, condition=columns)
        decoded = small.decoder_(encoded, condition=columns)
    assert_allclose(encoded, codes, rtol=1e-3, atol=1e-4)
    expected = small.inverse_transform(codes, y_test)
    assert_allclose(decoded, expected, rtol=1e-3, atol=1e-3)


def test_fit_transform_gives_the_codes_of_X_alone(digits):
    X, _, y, _ = digits
    fitted = ConditionalVAE(2, **QUICK)
    assert_array_equal(fitted.fit_transform(X, y), fitted.transform(X))


# ----- targets -------------------------------------------------------------

TARGETS = {
    "int": lambda y: y,
    "str": lambda y: y.astype(str),
    "bool": lambda y: y > 4,
    "whole numbers": lambda y: y.astype(float),
    "categorical": lambda y: pd.Series(y, dtype="category"),
    "one column": lambda y: y[:, None],
    "columns of labels": lambda y: np.column_stack([y, y % 3]),
    "indicator": lambda y: np.column_stack([y % 2, y > 4]).astype(int),
    "numbers": lambda y: y + 0.5,
    "columns of numbers": lambda y: np.column_stack([y + 0.5, y / 2]),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_of_every_kind(name, digits):
    X, _, labels, _ = digits
    X, y = X[:120], TARGETS[name](labels[:120])
    fitted = ConditionalVAE(2, **QUICK).fit(X, y)
    codes = fitted.transform(X, y)
    assert fitted.inverse_transform(codes, y).shape == X.shape
    assert fitted.reconstruct(X, y).shape == X.shape
    assert np.isfinite(fitted.score(X, y)) and np.isfinite(fitted.score(X))
    assert_array_equal(
        fitted.sample(y=y, random_state=0), fitted.sample(120, y=y, random_state=0)
    )
    one = y.iloc[0] if hasattr(y, "iloc") else y[0]
    assert fitted.sample(5, y=one).shape == (5, 64)


def test_without_a_number_there_is_a_row_for_each_target(digits):
    X, _, y, _ = digits
    fitted = ConditionalVAE(2, **QUICK).fit(X, np.column_stack([y, y % 3]))
    assert fitted.sample(y=[1, 2]).shape == (1, 64)
    assert fitted.sample(y=[[1, 2], [3, 0]]).shape == (2, 64)
    fitted.fit(X, y)
    assert fitted.sample(y=[1, 2]).shape == (2, 64)
    assert fitted.sample(y=1).shape == (1, 64)


def test_rows_of_weight_zero_have_no_classes(digits):
    X, _, y, _ = digits
    weight = (y != 3).astype(float)
    weighted = ConditionalVAE(2, **QUICK).fit(X, y, sample_weight=weight)
    fewer = ConditionalVAE(2, **QUICK).fit(
        X[y != 3], y[y != 3], sample_weight=weight[y != 3]
    )
    assert_array_equal(weighted.classes_, fewer.classes_)
    assert_array_equal(weighted.transform(X), fewer.transform(X))
    # Nor do labels of theirs matter later.
    weighted.partial_fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match="labels that y had not in fit: 3"):
        weighted.partial_fit(X, y)


def test_classes_are_kept_as_they_came(digits):
    X, _, y, _ = digits
    fitted = ConditionalVAE(2, **QUICK).fit(X, y.astype(str))
    assert_array_equal(fitted.classes_, DIGITS.astype(str))
    both = fitted.fit(X, np.column_stack([y, y % 3])).classes_
    assert_array_equal(both[1], [0, 1, 2])
    assert fitted.fit(X, y + 0.5).classes_ is None


def test_numbers_move_what_is_generated():
    # The mean of the patients at each end of the disease's progression.
    X, y = load_diabetes(return_X_y=True)
    y = y + 0.5
    X = StandardScaler().fit_transform(X)
    vae = ConditionalVAE(2, hidden_layer_sizes=(16,), random_state=0).fit(X, y)
    low, high = (
        vae.sample(2000, y=value, random_state=0, noise=False).mean(axis=0)
        for value in np.quantile(y, [0.1, 0.9])
    )
    correlation = X.T @ (y - y.mean()) / len(y) / y.std()
    assert np.corrcoef(high - low, correlation)[0, 1] > 0.9


# ----- errors --------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit"])
def test_fit_says_that_it_needs_y(method, digits):
    message = (
        "This ConditionalVAE estimator requires y to be passed, but the target y is "
        "None."
    )
    with pytest.raises(ValueError) as error:
        getattr(ConditionalVAE(), method)(digits[0], None)
    assert str(error.value) == message
    with pytest.raises(ValueError, match="requires y to be passed"):
        make_pipeline(StandardScaler(), ConditionalVAE()).fit(digits[0])


def test_methods_that_need_y_say_so(small, digits):
    X, codes = digits[0][:3], np.zeros((3, 4))
    for name, call in [
        ("inverse_transform", lambda: small.inverse_transform(codes)),
        ("reconstruct", lambda: small.reconstruct(X)),
        ("sample", lambda: small.sample(3)),
        ("sample", lambda: small.sample()),
    ]:
        with pytest.raises(ValueError, match=rf"{name} needs to know.*{name}\(..., y="):
            call()


def test_before_fit(digits):
    X, y = digits[0][:3], digits[2][:3]
    for call in (
        lambda: ConditionalVAE().sample(3, y=1),
        lambda: ConditionalVAE().posterior(X, y),
        lambda: ConditionalVAE().score_samples(X, y=y),
        lambda: ConditionalVAE().inverse_transform(np.zeros((3, 8)), y),
    ):
        with pytest.raises(NotFittedError):
            call()


def test_targets_that_do_not_fit(small, digits):
    X, _, y, _ = digits
    for call in (small.transform, small.reconstruct, small.score, small.posterior):
        with pytest.raises(ValueError, match="labels that y had not in fit: 11"):
            call(X, np.full(len(X), 11))
        with pytest.raises(ValueError, match="one target for all or one for each"):
            call(X, y[:-1])
    with pytest.raises(ValueError, match="each of 3 rows.*Got shape"):
        small.sample(3, y=[1, 2])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        ConditionalVAE().fit(X, np.where(y == 1, np.nan, y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ConditionalVAE().fit(X, y[:-1])


def test_one_target_does_not_go_for_all_training_rows(digits):
    X, _, y, _ = digits
    warm = ConditionalVAE(2, **QUICK, warm_start=True).fit(X, y)
    further = ConditionalVAE(2, **QUICK).partial_fit(X, y)
    for fit in (warm.fit, further.partial_fit):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            fit(X, [3])
    both = np.column_stack([y, y])
    two = ConditionalVAE(2, **QUICK).partial_fit(X, both)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        two.partial_fit(X[:2], both[0])


def test_validation_rows_need_their_targets(digits):
    X, X_val, y, y_val = digits
    estimator = ConditionalVAE(2, **QUICK)
    with pytest.raises(ValueError, match="requires y_val to be passed.*y_val is None"):
        estimator.fit(X, y, X_val=X_val)
    with pytest.raises(ValueError, match="y_val has labels .* not in fit: 11"):
        estimator.fit(X, y, X_val=X_val, y_val=np.full(len(X_val), 11))
    for too_few in (y_val[:5], y_val[:1]):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            estimator.fit(X, y, X_val=X_val, y_val=too_few)
    with pytest.raises(ValueError, match="y_val is the target of X_val, which is None"):
        estimator.fit(X, y, y_val=y_val)


def test_validation_targets_judge_the_epochs(digits):
    X, X_val, y, y_val = digits
    right, wrong = (
        ConditionalVAE(2, **QUICK).fit(X, y, X_val=X_val, y_val=target)
        for target in (y_val, (y_val + 1) % 10)
    )
    # Equal training, but for the choice of the epoch.
    assert right.loss_curve_ == wrong.loss_curve_
    assert right.best_loss_ < wrong.best_loss_


def test_a_refused_fit_keeps_the_classes(small, digits):
    X, _, y, _ = digits
    fitted = pickle.loads(pickle.dumps(small))
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.fit(X * np.nan, y.astype(str))
    with pytest.raises(ValueError, match="beta"):
        fitted.set_params(beta=-1).fit(X, y.astype(str))
    assert_array_equal(
        fitted.sample(y=DIGITS, random_state=0), small.sample(y=DIGITS, random_state=0)
    )


# ----- scikit-learn --------------------------------------------------------


def test_draws_repeat_with_a_random_state(small):
    first = small.sample(10, y=3, random_state=0)
    assert_array_equal(first, small.sample(10, y=3, random_state=0))
    assert not np.array_equal(first, small.sample(10, y=3, random_state=1))
    assert not np.array_equal(small.sample(10, y=3), small.sample(10, y=3))
    # The same codes, without the noise.
    means = small.sample(10, y=3, random_state=0, noise=False)
    assert_allclose(np.std(first - means), np.sqrt(small.noise_variance_), rtol=0.1)


def test_partial_fit_knows_all_classes_from_the_first_call(digits):
    X, _, y, _ = digits
    low, high = y < 5, y >= 5
    estimator = ConditionalVAE(4, hidden_layer_sizes=(64,), random_state=0)
    estimator.partial_fit(X[low], y[low], classes=DIGITS)
    estimator.partial_fit(X[high], y[high]).partial_fit(X, y, classes=DIGITS)
    assert_array_equal(estimator.classes_, DIGITS)
    assert estimator.n_iter_ == 3
    with pytest.raises(ValueError, match="not those of the first call"):
        estimator.partial_fit(X, y, classes=[1, 2])
    with pytest.raises(ValueError, match="labels that y had not in fit: 5"):
        clone = ConditionalVAE(4, random_state=0).partial_fit(X[low], y[low])
        clone.partial_fit(X[high][y[high] == 5], y[high][y[high] == 5])


def test_warm_start_goes_on(digits):
    X, _, y, _ = digits
    estimator = ConditionalVAE(2, **QUICK, warm_start=True).fit(X, y)
    before = estimator.score(X, y)
    estimator.set_params(max_iter=10).fit(X, y)
    assert estimator.n_iter_ == 13
    assert estimator.score(X, y) > before
    with pytest.raises(ValueError, match="labels that y had not in fit"):
        estimator.fit(X, y + 10)


def test_pickle_gives_the_same_draws(small, digits):
    X, _, y, _ = digits
    copied = pickle.loads(pickle.dumps(small))
    assert_array_equal(copied.transform(X, y), small.transform(X, y))
    assert_array_equal(
        copied.sample(y=DIGITS, random_state=0), small.sample(y=DIGITS, random_state=0)
    )


def test_grid_search_scores_given_y(digits):
    X, _, y, _ = digits
    search = GridSearchCV(
        ConditionalVAE(2, **QUICK), {"max_iter": [1, 6]}, cv=2, error_score="raise"
    ).fit(X, y)
    assert search.best_params_ == {"max_iter": 6}


def test_pipeline_with_a_classifier(digits):
    X, X_test, y, y_test = digits
    pipeline = make_pipeline(
        StandardScaler(),
        ConditionalVAE(2, **QUICK),
        LogisticRegression(),
    ).fit(X, y)
    assert pipeline.predict(X_test).shape == y_test.shape
    assert pipeline[:-1].transform(X_test).shape == (len(X_test), 2)


def test_frames(digits):
    X, _, y, _ = digits
    frame = pd.DataFrame(X, index=np.arange(len(X)) * 2).add_prefix("pixel")
    target = pd.Series(y, index=frame.index, name="digit")
    fitted = ConditionalVAE(2, **QUICK).set_output(transform="pandas")
    codes = fitted.fit_transform(frame, target)
    assert list(codes.columns) == ["conditionalvae0", "conditionalvae1"]
    assert_array_equal(codes.index, frame.index)
    assert_array_equal(fitted.transform(frame, target).index, frame.index)


def test_weights_change_the_fit_and_the_shares(digits):
    X, _, y, _ = digits
    weight = np.where(y == 0, 5.0, 1.0)
    weighted = ConditionalVAE(2, **QUICK).fit(X, y, sample_weight=weight)
    plain = ConditionalVAE(2, **QUICK).fit(X, y)
    shares = np.bincount(y, weight) / weight.sum()
    bounds = [weighted.score_samples(X[:5], y=digit) for digit in DIGITS]
    assert_allclose(
        weighted.score_samples(X[:5]), logsumexp(bounds, axis=0, b=shares[:, None])
    )
    assert not np.allclose(weighted.transform(X), plain.transform(X))


def test_importance_weighted_training_tightens_the_bound(digits):
    X, X_test, y, y_test = digits
    bounds = [
        ConditionalVAE(
            4,
            hidden_layer_sizes=(64,),
            n_importance_samples=n,
            max_iter=20,
            early_stopping=False,
            random_state=0,
        )
        .fit(X, y)
        .score_samples(X_test, y=y_test, n_draws=64)
        .mean()
        for n in (1, 5)
    ]
    assert bounds[1] > bounds[0]
