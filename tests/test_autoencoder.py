"""AutoencoderTransformer against PCA and closed forms."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae._networks.activations import ACTIVATIONS


@pytest.fixture(scope="module")
def digits():
    X, _ = load_digits(return_X_y=True)
    return train_test_split(X, test_size=0.2, random_state=0)


def unexplained(model, X, mean):
    residual = X - model.inverse_transform(model.transform(X))
    return np.square(residual).sum() / np.square(X - mean).sum()


@pytest.mark.parametrize("n_components", [2, 8, 32])
def test_better_than_pca_on_held_out_digits(n_components, digits):
    train, test = digits
    pca = PCA(n_components).fit(train)
    autoencoder = AutoencoderTransformer(n_components, random_state=0).fit(train)
    ratio = unexplained(autoencoder, test, pca.mean_) / unexplained(
        pca, test, pca.mean_
    )
    assert ratio < {2: 0.65, 8: 0.45, 32: 0.55}[n_components]


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("seed", range(3))
def test_never_worse_than_pca_on_small_tables(load, seed):
    X, _ = load(return_X_y=True)
    train, test = train_test_split(X, test_size=0.2, random_state=seed)
    pca = PCA(2).fit(train)
    autoencoder = AutoencoderTransformer(2, random_state=seed).fit(train)
    worst = 1.02 * unexplained(pca, test, pca.mean_)
    assert unexplained(autoencoder, test, pca.mean_) <= worst


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_norm": True}, {"dropout": 0.5}, {"batch_norm": True, "dropout": 0.5}],
)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_epoch_zero_is_pca(activation, tied, options, digits):
    if tied and activation == "maxout":
        pytest.skip("cannot be tied")
    train, test = digits
    # At a learning rate that only does harm the start is what is kept.
    estimator = AutoencoderTransformer(
        8,
        activation=activation,
        tied_weights=tied,
        max_iter=1,
        learning_rate_init=1e3,
        random_state=0,
        **options,
    ).fit(train, X_val=test)
    assert estimator.best_epoch_ == 0
    pca = PCA(8).fit(train)
    expected = pca.inverse_transform(pca.transform(test))
    scale = np.sqrt(np.square(test - pca.mean_).mean())
    assert_allclose(estimator.reconstruct(test), expected, atol=1e-6 * scale)
    start_loss = unexplained(pca, train, pca.mean_)
    assert_allclose(estimator.loss_curve_[0], start_loss, rtol=1e-5)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_linear_autoencoder_gives_the_scores_of_pca(whiten, dtype, digits):
    train, test = (X.astype(dtype) for X in digits)
    pca = PCA(8, whiten=whiten).fit(train)
    linear = AutoencoderTransformer(
        8, hidden_layer_sizes=(), whiten=whiten, random_state=0
    ).fit(train)
    expected = pca.transform(test)
    signs = np.sign((expected * linear.transform(test)).sum(axis=0))
    atol = 1e-5 * np.abs(expected).max()
    assert_allclose(linear.transform(test), expected * signs, atol=atol)
    assert_allclose(linear.components_, pca.components_ * signs[:, None], atol=1e-5)
    for name in ("explained_variance_", "explained_variance_ratio_", "mean_"):
        assert_allclose(getattr(linear, name), getattr(pca, name), rtol=1e-4)
    assert_allclose(linear.noise_variance_, pca.noise_variance_, rtol=1e-4)
    assert linear.n_samples_ == pca.n_samples_


def test_lbfgs_converges_to_the_subspace_of_pca(digits):
    train = digits[0][:, 10:30] / 16
    linear = AutoencoderTransformer(
        3,
        hidden_layer_sizes=(),
        linear_path=None,
        solver="lbfgs",
        max_iter=2000,
        tol=1e-7,
        early_stopping=False,
        precision="float64",
        random_state=0,
    ).fit(train)
    pca = PCA(3).fit(train)
    decoder = linear.inverse_transform(np.eye(3)) - linear.inverse_transform(
        np.zeros((3, 3))
    )
    inside = decoder @ pca.components_.T @ pca.components_
    assert_allclose(inside, decoder, atol=1e-3 * np.abs(decoder).max())
    expected = pca.explained_variance_ratio_.sum()
    assert linear.score(train) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_components", [0.9, "mle", None])
def test_n_components_is_resolved_as_in_pca(n_components, digits):
    train, _ = digits
    # pixels that are always empty have no variance for "mle" to model
    train = train[:, train.std(axis=0) > 0]
    linear = AutoencoderTransformer(n_components, hidden_layer_sizes=()).fit(train)
    expected = (
        32 if n_components is None else PCA(n_components).fit(train).n_components_
    )
    assert linear.n_components_ == expected


@pytest.mark.parametrize(
    "X",
    [
        np.ones((1, 1)),
        np.arange(3.0)[:, None],
        np.ones((5, 3)),
        np.random.RandomState(0).normal(size=(4, 50)),
        np.repeat(np.random.RandomState(0).normal(size=(30, 1)), 4, axis=1),
        np.random.RandomState(0).normal(size=(30, 4)) * 1e150,
        np.random.RandomState(0).normal(size=(30, 4)) * 1e-150,
        np.random.RandomState(0).normal(size=(120, 4)) + 1e8,
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:n_components")
def test_degenerate_tables(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        estimator = AutoencoderTransformer(3, random_state=0).fit(X)
        codes = estimator.transform(X)
    assert np.all(np.isfinite(codes))
    if np.ptp(X) == 0:
        assert estimator.score(X) == 1.0
    else:
        # Centered and scaled first: on rows near 1e8 or 1e150 PCA itself is lost.
        centered = (X - X.mean(axis=0)) / np.ptp(X)
        pca = PCA(min(3, *X.shape)).fit(centered)
        assert estimator.score(X) >= pca.explained_variance_ratio_.sum() - 0.01


def test_score_is_the_share_of_variance_explained(digits):
    train, test = digits
    estimator = AutoencoderTransformer(8, max_iter=2, random_state=0).fit(train)
    expected = 1 - unexplained(estimator, test, train.mean(axis=0))
    assert estimator.score(test) == pytest.approx(expected)
    squares = np.square(test - estimator.reconstruct(test)).sum(axis=1)
    assert_allclose(estimator.score_samples(test), -squares)


def test_linear_shares_add_up_to_at_most_the_score(digits):
    train, _ = digits
    estimator = AutoencoderTransformer(8, random_state=0).fit(train)
    assert estimator.explained_variance_ratio_.sum() < estimator.score(train)
    centered = train - train.mean(axis=0)
    codes = estimator.transform(train)
    codes = codes - codes.mean(axis=0)
    fit = np.linalg.lstsq(codes, centered, rcond=None)[0]
    linear = 1 - np.square(centered - codes @ fit).sum() / np.square(centered).sum()
    assert estimator.explained_variance_ratio_.sum() == pytest.approx(linear, abs=1e-6)


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_weights_are_repetitions_in_full_batch(solver):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40, 6))
    weight = rng.randint(1, 4, size=40)
    parameters = {
        "n_components": 2,
        "hidden_layer_sizes": (5,),
        "solver": solver,
        "precision": "float64",
        "early_stopping": False,
        "max_iter": 15,
        "tol": 0.0,
        "random_state": 0,
    }
    with pytest.warns(ConvergenceWarning):
        weighted = AutoencoderTransformer(**parameters).fit(X, sample_weight=weight)
        repeated = AutoencoderTransformer(**parameters).fit(
            np.repeat(X, weight, axis=0)
        )
    assert weighted.best_epoch_ > 0
    assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-5, atol=1e-6)


def test_warm_start_goes_on(digits):
    train, _ = digits
    estimator = AutoencoderTransformer(
        8, max_iter=5, early_stopping=False, warm_start=True, random_state=0
    ).fit(train)
    first = list(estimator.loss_curve_)
    estimator.fit(train)
    assert estimator.n_iter_ == 10
    assert estimator.loss_curve_[:6] == first
    assert estimator.loss_curve_[10] < estimator.loss_curve_[5]
    fresh = AutoencoderTransformer(
        8, max_iter=10, early_stopping=False, random_state=0
    ).fit(train)
    # Weights and moments are kept: the second half is as good as that of one fit.
    assert estimator.loss_curve_[10] == pytest.approx(fresh.loss_curve_[10], rel=0.05)


def test_warm_start_never_loses_the_current_state(digits):
    train, _ = digits
    estimator = AutoencoderTransformer(
        8, max_iter=20, warm_start=True, random_state=0
    ).fit(train)
    before = estimator.score(train)
    estimator.set_params(learning_rate_init=1e3, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(train)
    assert estimator.score(train) == pytest.approx(before)


def test_warm_start_keeps_the_model_where_nothing_can_judge():
    X = np.random.RandomState(0).normal(size=(160, 10))
    estimator = AutoencoderTransformer(2, warm_start=True, random_state=0).fit(X[:60])
    score = estimator.score(X[60:])
    estimator.fit(X[:60])
    assert estimator.score(X[60:]) == score
    estimator.set_params(early_stopping=False, max_iter=2).fit(X[:60])
    assert estimator.score(X[60:]) != score


def test_partial_fit_learns_and_keeps_the_form_of_the_codes(digits):
    train, test = digits
    estimator = AutoencoderTransformer(8, random_state=0)
    for part in np.array_split(train, 3):
        estimator.partial_fit(part)
    codes = estimator.transform(test)
    for _ in range(5):
        for part in np.array_split(train, 3):
            estimator.partial_fit(part)
    assert estimator.n_iter_ == 18
    assert estimator.n_samples_ == 6 * len(train)
    pca = PCA(8).fit(train)
    assert unexplained(estimator, test, pca.mean_) < unexplained(pca, test, pca.mean_)
    # The same axes with the same signs: codes move, but do not jump.
    correlation = [
        np.corrcoef(a, b)[0, 1]
        for a, b in zip(codes.T, estimator.transform(test).T, strict=True)
    ]
    assert min(correlation) > 0.5


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_a_partial_fit_that_diverges_changes_nothing(linear_path, digits):
    train, test = digits
    estimator = AutoencoderTransformer(
        8, solver="sgd", linear_path=linear_path, random_state=0
    ).partial_fit(train)
    twin = AutoencoderTransformer(
        8, solver="sgd", linear_path=linear_path, random_state=0
    ).partial_fit(train)
    codes = estimator.transform(test)
    estimator.set_params(learning_rate_init=1e6)
    with pytest.raises(ValueError, match="not finite in epoch 2"):
        estimator.partial_fit(train)
    assert_array_equal(estimator.transform(test), codes)
    estimator.set_params(learning_rate_init=twin.learning_rate_init).partial_fit(train)
    assert_array_equal(
        estimator.transform(test), twin.partial_fit(train).transform(test)
    )


def test_training_from_fit_goes_on_with_partial_fit(digits):
    train, _ = digits
    estimator = AutoencoderTransformer(8, max_iter=3, random_state=0).fit(train)
    estimator.partial_fit(train)
    assert estimator.n_iter_ == 4


def test_an_interrupted_fit_keeps_the_best_so_far(digits):
    class Interrupt:
        def __init__(self):
            self.epochs = 0

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            self.epochs += 1
            if self.epochs == 3:
                raise KeyboardInterrupt

    train, test = digits
    estimator = AutoencoderTransformer(8, random_state=0).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(train)
    assert estimator.n_iter_ == 3
    pca = PCA(8).fit(train)
    assert unexplained(estimator, test, pca.mean_) < unexplained(pca, test, pca.mean_)


def test_a_diverging_fit_keeps_the_linear_path(digits):
    train, test = digits
    estimator = AutoencoderTransformer(
        8, solver="sgd", learning_rate_init=1e6, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1"):
        estimator.fit(train)
    pca = PCA(8).fit(train)
    assert estimator.score(test) == pytest.approx(
        1 - unexplained(pca, test, pca.mean_), abs=1e-5
    )


def test_a_diverging_fit_without_linear_path_says_what_to_do(digits):
    estimator = AutoencoderTransformer(
        8, solver="sgd", learning_rate_init=1e6, linear_path=None, random_state=0
    )
    message = "epoch 1 with learning_rate_init=1000000.0. Lower learning_rate_init"
    with pytest.raises(ValueError, match=message):
        estimator.fit(digits[0])


def test_encoder_and_decoder_are_modules_in_the_units_of_X(digits):
    train, test = digits
    estimator = AutoencoderTransformer(8, max_iter=2, random_state=0).fit(train)
    rows = torch.from_numpy(test.astype(np.float32))
    with torch.inference_mode():
        codes = estimator.encoder_(rows)
        restored = estimator.decoder_(codes)
    transformed = estimator.transform(test.astype(np.float32))
    assert_allclose(codes, transformed, atol=1e-4)
    assert_allclose(restored, estimator.reconstruct(test), atol=1e-3)


def test_summary_names_the_layers(digits):
    estimator = AutoencoderTransformer(8, hidden_layer_sizes=(20,), max_iter=1)
    summary = estimator.fit(digits[0]).summary()
    assert "AutoencoderTransformer" in summary
    assert "20 x 64" in summary and "1,280" in summary


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_precisions_agree(precision, digits):
    train, test = digits
    score = {
        p: AutoencoderTransformer(8, max_iter=10, precision=p, random_state=0)
        .fit(train)
        .score(test)
        for p in ("float64", precision)
    }
    assert score[precision] == pytest.approx(score["float64"], abs=0.01)


@pytest.mark.parametrize("loss", ["log_loss", "poisson", "kullback_leibler"])
@pytest.mark.parametrize("scale", [1 / 16, 1.0])
def test_likelihoods_leave_the_linear_path(loss, scale, digits):
    if loss == "log_loss" and scale == 1.0:
        pytest.skip("X must lie in [0, 1]")
    # With counts well above one the poisson loss is negative: there is much to learn.
    train = digits[0] * scale
    estimator = AutoencoderTransformer(8, loss=loss, max_iter=5, random_state=0)
    estimator.fit(train)
    assert estimator.best_epoch_ > 0
    assert estimator.best_loss_ < estimator.validation_loss_curve_[0]


@pytest.mark.parametrize("loss", ["squared_error", "kullback_leibler"])
def test_rounding_is_no_loss_to_divide_by(loss):
    # Constant rows: what is left at the start is rounding, and nothing may blow up.
    estimator = AutoencoderTransformer(
        2, loss=loss, solver="sgd", linear_path=None, max_iter=5, random_state=0
    ).fit(np.full((20, 3), 2.0))
    assert np.all(np.isfinite(estimator.loss_curve_))
    assert max(estimator.loss_curve_) < 1e3


@pytest.mark.parametrize("factor", [1 / 300, 1.0, 3.0])
def test_weights_that_sum_to_one_give_variances(factor, digits):
    X = digits[0][:300]
    weight = np.random.RandomState(3).uniform(0.5, 1.5, size=300)
    weight *= 300 * factor / weight.sum()
    parameters = {"hidden_layer_sizes": (), "whiten": True}
    weighted = AutoencoderTransformer(4, **parameters).fit(X, sample_weight=weight)
    plain = AutoencoderTransformer(4, **parameters).fit(X)
    assert_allclose(weighted.explained_variance_, plain.explained_variance_, rtol=0.2)
    assert_allclose(weighted.transform(X).std(axis=0), 1, rtol=0.1)


def test_without_validation_the_start_is_what_to_beat(digits):
    train, _ = digits
    pca = PCA(8).fit(train)
    estimator = AutoencoderTransformer(
        8, early_stopping=False, learning_rate_init=3.0, max_iter=3, random_state=0
    ).fit(train)
    assert estimator.best_epoch_ == 0
    assert estimator.best_loss_ == estimator.loss_curve_[0]
    expected = pca.explained_variance_ratio_.sum()
    assert estimator.score(train) == pytest.approx(expected, abs=1e-5)


def test_the_start_of_the_curve_has_the_penalty(digits):
    estimator = AutoencoderTransformer(
        4, alpha=500.0, solver="adam", linear_path=None, max_iter=2, random_state=0
    ).fit(digits[0])
    assert estimator.loss_curve_[1] < estimator.loss_curve_[0]


def test_a_linear_network_with_a_link_is_trained(digits):
    X = digits[0][:600] / 16
    parameters = {"hidden_layer_sizes": (), "out_activation": "logistic"}
    estimator = AutoencoderTransformer(4, **parameters, max_iter=20, random_state=0)
    assert estimator.fit(X).best_epoch_ > 0


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "change", [{"solver": "rmsprop"}, {"solver": "sgd"}, {"precision": "float64"}]
)
def test_solver_and_precision_may_change_between_fits(method, change, digits):
    train, _ = digits
    estimator = AutoencoderTransformer(
        4, warm_start=True, early_stopping=False, max_iter=2, random_state=0
    ).fit(train)
    estimator.set_params(**change, learning_rate_init=1e-4)
    getattr(estimator, method)(train)
    assert estimator.n_iter_ == (4 if method == "fit" else 3)


def test_from_full_batch_to_mini_batches(digits):
    train, _ = digits
    estimator = AutoencoderTransformer(
        4, solver="lbfgs", warm_start=True, max_iter=2, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        estimator.fit(train)
    estimator.set_params(solver="adam").fit(train)
    estimator.partial_fit(train)
    assert estimator.n_iter_ == 5


def test_a_failed_fit_leaves_the_one_before(digits):
    train, test = digits
    new = AutoencoderTransformer(4, n_threads=1, activation="maxout", tied_weights=True)
    with pytest.raises(ValueError, match="maxout"):
        new.fit(train)
    with pytest.raises(NotFittedError):
        new.transform(test)
    estimator = AutoencoderTransformer(4, max_iter=1, random_state=0).fit(train)
    codes = estimator.transform(test)
    estimator.set_params(activation="maxout", tied_weights=True)
    with pytest.raises(ValueError, match="maxout"):
        estimator.fit(train[:, :10])
    assert_array_equal(estimator.transform(test), codes)


def test_variances_after_partial_fit_are_of_the_codes_returned(digits):
    train, _ = digits
    estimator = AutoencoderTransformer(4, random_state=0)
    for part in np.array_split(train, 3):
        estimator.partial_fit(part)
    variances = estimator.transform(part).var(axis=0, ddof=1)
    assert_allclose(estimator.explained_variance_, variances, rtol=1e-4)


def test_partial_fit_keeps_the_initial_rate(digits):
    train, test = digits
    codes = [
        AutoencoderTransformer(4, learning_rate=schedule, max_iter=1, random_state=0)
        .partial_fit(train)
        .transform(test)
        for schedule in ("constant", "cosine")
    ]
    assert_array_equal(*codes)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_components", 5), ("hidden_layer_sizes", (16,)), ("activation", "relu")],
)
def test_the_network_may_not_change_between_fits(name, value, digits):
    X = digits[0][:200]
    estimator = AutoencoderTransformer(3, warm_start=True, max_iter=1, random_state=0)
    estimator.fit(X).set_params(**{name: value})
    for method in (estimator.fit, estimator.partial_fit):
        with pytest.raises(ValueError, match=f"'{name}' parameter was changed from"):
            method(X)


def test_codes_beyond_the_rank_explain_nothing():
    X = np.random.RandomState(0).normal(size=(300, 1))
    with pytest.warns(UserWarning, match="n_components=4 is more than"):
        estimator = AutoencoderTransformer(4, random_state=0).fit(X)
    assert_allclose(estimator.explained_variance_ratio_, [1, 0, 0, 0], atol=1e-6)


def test_read_only_weights_are_taken(digits):
    weight = np.ones(200)
    weight.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoencoderTransformer(3, max_iter=1, random_state=0).fit(
            digits[0][:200], sample_weight=weight
        )


def test_an_average_takes_part_in_a_warm_start_that_nothing_judges(digits):
    estimator = AutoencoderTransformer(
        8,
        linear_path=None,
        max_iter=40,
        early_stopping=False,
        warm_start=True,
        random_state=0,
    ).fit(digits[0][:600])
    score = estimator.score(digits[0][:600])
    estimator.set_params(max_iter=5).fit(digits[0][:600])
    # Epochs' own losses are of weights that are not averaged, so larger.
    assert estimator.best_epoch_ > 40
    assert estimator.score(digits[0][:600]) > score


def test_an_average_is_not_lost_in_a_warm_start_that_nothing_judges(digits):
    estimator = AutoencoderTransformer(
        8, max_iter=10, early_stopping=False, warm_start=True, random_state=0
    ).fit(digits[0][:600])
    score = estimator.score(digits[0][:600])
    estimator.set_params(max_iter=2, learning_rate_init=0.5).fit(digits[0][:600])
    assert estimator.score(digits[0][:600]) >= score - 1e-6
