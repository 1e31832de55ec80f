import gc
import warnings
import weakref

import engine
import numpy as np
import pytest
import torch
from instances import make_instances, make_predictors
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer, ConditionalVAE, VAETransformer
from skae._training.data import Batches

X = np.random.RandomState(0).randn(120, 5)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_callers_autocast_changes_nothing(cls, dtype):
    def coded():
        estimator = cls(2, max_iter=3, random_state=0).fit(X.astype(dtype))
        return estimator.transform(X.astype(dtype)), estimator.loss_curve_

    expected = coded()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = coded()
        assert torch.is_autocast_enabled("cpu")
    for ours, theirs in zip(inside, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.filterwarnings("ignore:solver:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_callers_grad_mode_changes_nothing(method, mode):
    def fitted():
        estimator = AutoencoderTransformer(2, max_iter=3, random_state=0)
        return getattr(estimator, method)(X)

    with mode():
        inside = fitted()
        codes = inside.transform(X)
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
    np.testing.assert_array_equal(codes, fitted().transform(X))
    # What was made inside can be trained outside.
    inside.partial_fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_warning_about_many_components_points_to_the_caller(method):
    estimator = AutoencoderTransformer(9, max_iter=1)
    with pytest.warns(UserWarning, match="n_components=9 is more") as warned:
        getattr(estimator, method)(X)
    assert warned[0].filename == __file__


def test_a_warning_made_an_error_leaves_a_whole_estimator():
    X = np.random.RandomState(0).normal(size=(60, 6))
    vae = ConditionalVAE(2, beta=1e6, max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning, match="Posterior collapse"):
            vae.fit(X, np.arange(60) % 3)
    assert vae.sample(y=[0, 1, 2]).shape == (3, 6)
    assert vae.transform(X).shape == (60, 2)


def test_an_interrupt_before_training_leaves_the_fit_before(monkeypatch):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(60, 6)), np.arange(60) % 3
    vae = ConditionalVAE(2, max_iter=1, random_state=0).fit(X, y)
    codes = vae.transform(X)

    engine.interrupt_at(monkeypatch, "set-up")
    with pytest.raises(KeyboardInterrupt):
        vae.fit(X[:, :4], np.arange(60) % 5)
    np.testing.assert_array_equal(vae.transform(X), codes)
    assert vae.sample(y=[0, 1, 2]).shape == (3, 6)


@pytest.mark.parametrize(
    ("cls", "before", "after", "message"),
    [
        (
            VAETransformer,
            {"likelihood": "poisson"},
            {"likelihood": "bernoulli"},
            "link",
        ),
        (
            VAETransformer,
            {"likelihood": "poisson"},
            {"likelihood": "negative_binomial"},
            "'likelihood' parameter .* 'poisson' to 'negative_binomial'",
        ),
        (
            VAETransformer,
            {"noise_variance": 1.0},
            {"noise_variance": 9.0},
            "'noise_variance' parameter .* 1.0 to 9.0",
        ),
        (AutoencoderTransformer, {}, {"loss": "log_loss"}, "link 'logistic'"),
    ],
)
def test_a_warm_start_refuses_another_likelihood(cls, before, after, message):
    X = np.random.RandomState(0).uniform(size=(60, 6))
    estimator = cls(2, max_iter=1, warm_start=True, **before).fit(X)
    score = estimator.score(X)
    estimator.set_params(**after)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)
    # What is fitted stays what it is.
    assert estimator.score(X) == score


@pytest.mark.parametrize("linear_path", [None, "pca"])
def test_a_fit_that_goes_on_without_its_moments_has_their_scale(linear_path):
    t = np.random.RandomState(0).uniform(-1, 1, size=(200, 1))
    rows = np.hstack([t, t**2, t**3])
    estimator = AutoencoderTransformer(
        1,
        linear_path=linear_path,
        solver="sgd",
        learning_rate_init=0.1,
        max_iter=50,
        early_stopping=False,
        random_state=0,
    ).fit(rows)
    scale = estimator._loss_scale
    assert (scale == 1.0) == (linear_path is None)
    assert estimator._training_state is None
    loss = estimator.loss_curve_[-1]
    estimator.set_params(warm_start=True, max_iter=5).fit(rows)
    assert estimator._training_state.loss_scale == scale
    assert max(estimator.loss_curve_[-5:]) < 2 * loss
    estimator.set_params(warm_start=False).fit(rows).partial_fit(rows)
    assert estimator._training_state.loss_scale == scale


def test_no_network_outlives_its_successor():
    # What only the garbage collector frees is memory anew for each call.
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(8,), random_state=0)
    X = np.random.RandomState(0).randn(40, 5)
    estimator.partial_fit(X).partial_fit(X)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        network = weakref.ref(estimator._training_state.network)
        estimator.partial_fit(X)
        assert network() is None
    finally:
        if was_enabled:
            gc.enable()


def test_the_best_loss_is_that_of_an_epoch_where_one_is_kept():
    # Without dropout, the loss of the start may be less than that of any epoch.
    estimator = AutoencoderTransformer(
        2, dropout=0.8, early_stopping=False, max_iter=3, random_state=0
    ).fit(X)
    assert estimator.best_epoch_ > 0
    assert estimator.loss_curve_[0] < min(estimator.loss_curve_[1:])
    assert estimator.best_loss_ == min(estimator.loss_curve_[1:])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("estimator", make_instances() + make_predictors(), ids=repr)
def test_no_batch_is_looked_at_once_its_step_is_done(estimator, monkeypatch):
    rng = np.random.RandomState(0)
    X, y = rng.uniform(0.1, 0.9, (150, 16)), rng.randint(2, size=150)
    curves, of_epoch = [], Batches.of_epoch

    def overwritten(batches, generator):
        for batch in of_epoch(batches, generator):
            yield batch
            for field in (batch.x, batch.target, batch.weight, batch.y, batch.codes):
                if field is not None:
                    field.fill_(torch.nan)

    estimator.set_params(max_iter=3)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            curves.append(clone(estimator).fit(X, y).loss_curve_)
        monkeypatch.setattr(Batches, "of_epoch", overwritten)
    np.testing.assert_array_equal(*curves)


@pytest.mark.filterwarnings("ignore:solver:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("solver", ["adamw", "sgd", "lbfgs", "cg"])
def test_a_fit_works_in_any_mode_of_torch_and_leaves_it(solver, mode):
    X = np.random.RandomState(0).randn(60, 4)
    plain, inside = (
        AutoencoderTransformer(
            2, solver=solver, linear_path=None, max_iter=3, random_state=0
        )
        for _ in range(2)
    )
    plain.fit(X)
    with mode():
        inside.fit(X)
        assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
    assert len(set(inside.loss_curve_)) > 1
    assert_array_equal(inside.transform(X), plain.transform(X))
    assert all(p.requires_grad for p in inside.network_.parameters())
