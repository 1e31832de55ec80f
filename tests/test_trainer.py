"""Which network a fit keeps, of the start's, each epoch's and what interrupts leave."""

import math

import engine
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer


def curved(n=300, seed=0):
    """Rows on a curved surface: what PCA(2) misses can be learnt."""
    rng = np.random.RandomState(seed)
    t = rng.uniform(-2, 2, size=(n, 2))
    X = np.column_stack([t, t[:, :1] ** 2, t[:, :1] * t[:, 1:], np.sin(2 * t)])
    return X + 0.01 * rng.randn(*X.shape)


def make_estimator(**parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
    return AutoencoderTransformer(2, **{**defaults, **parameters})


def pca_of(X, X_fit):
    pca = PCA(2).fit(X_fit)
    return pca.inverse_transform(pca.transform(X))


def scaled_error(estimator, X):
    """Squared error in the unit of the losses."""
    residual = X - estimator.reconstruct(X)
    return np.square(residual / estimator._scaling.residual_scale).mean()


# ----- a fit -------------------------------------------------------------------


def test_the_start_loss_is_the_share_that_pca_does_not_explain():
    X = curved()
    estimator = make_estimator(early_stopping=False).fit(X)
    residual = np.square(X - pca_of(X, X)).sum()
    expected = residual / np.square(X - X.mean(axis=0)).sum()
    assert estimator.loss_curve_[0] == pytest.approx(expected, rel=1e-5)


def test_the_unit_of_the_loss_is_that_of_the_linear_path():
    X = curved()
    without = make_estimator(linear_path=None).partial_fit(X)
    assert without._training_state.loss_scale == 1.0
    estimator = make_estimator().partial_fit(X)
    assert estimator._training_state.loss_scale == estimator.loss_curve_[0] < 1


def test_training_on_given_validation_rows_lowers_their_loss():
    estimator = make_estimator(max_iter=30).fit(curved(), X_val=curved(seed=1))
    curve = estimator.validation_loss_curve_
    assert estimator.best_epoch_ > 0
    assert curve[estimator.best_epoch_] < 0.9 * curve[0]
    assert len(curve) == len(estimator.loss_curve_) == estimator.n_iter_ + 1


def test_the_network_of_the_best_epoch_is_the_result():
    X_val = curved(seed=1)
    estimator = make_estimator(max_iter=30).fit(curved(), X_val=X_val)
    best = estimator.validation_loss_curve_[estimator.best_epoch_]
    assert scaled_error(estimator, X_val) == pytest.approx(best, rel=1e-4)


def test_the_start_is_of_the_training_part_where_it_is_judged():
    # Given validation rows are no part of the start, whatever they are.
    X, X_val = curved(), 1e3 + curved(seed=1)
    estimator = make_estimator(max_iter=1).fit(X, X_val=X_val)
    np.testing.assert_allclose(estimator._scaling.mean, X.mean(axis=0))


def test_where_no_epoch_is_better_the_result_is_the_pca_of_all_rows():
    X = np.random.RandomState(0).randn(120, 6)  # nothing to learn
    estimator = make_estimator(learning_rate_init=1.0, early_stopping=True).fit(X)
    assert estimator.best_epoch_ == 0 < len(estimator.loss_curve_) - 1
    np.testing.assert_allclose(estimator.reconstruct(X), pca_of(X, X), atol=1e-5)


def test_a_linear_network_with_the_linear_path_needs_no_training():
    X = curved()
    estimator = make_estimator(hidden_layer_sizes=()).fit(X)
    assert estimator.best_epoch_ == len(estimator.loss_curve_) - 1 == 0
    np.testing.assert_allclose(estimator.reconstruct(X), pca_of(X, X), atol=1e-5)


def test_data_that_pca_explains_take_one_epoch():
    X = np.random.RandomState(0).randn(200, 2) @ np.ones((2, 5))
    estimator = make_estimator(early_stopping=False).fit(X)
    assert (estimator.n_iter_, estimator.best_epoch_) == (1, 0)
    np.testing.assert_allclose(estimator.reconstruct(X), X, atol=1e-5)


@pytest.mark.filterwarnings("ignore:n_components=2 is more")
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_rows_stay_at_the_start_unless_told_otherwise(n):
    X = curved(n)
    assert make_estimator().fit(X).best_epoch_ == 0
    assert len(make_estimator(linear_path=None).fit(X).loss_curve_) == 6


@pytest.mark.filterwarnings("ignore:n_components=2 is more")
def test_a_split_that_leaves_no_row_to_train_on_is_refused():
    estimator = make_estimator(early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError, match="validation_fraction=0.9.*n_samples=1"):
        estimator.fit(curved(1))


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_validation_rows_are_a_fraction_of_the_rows_and_not_trained_on(
    fraction, monkeypatch
):
    seen, X = engine.watch_rows(monkeypatch), curved()
    make_estimator(early_stopping=True, validation_fraction=fraction, n_init=1).fit(X)
    trained_on, held_out = seen
    assert len(held_out) == len(X) * fraction
    both = np.vstack([trained_on, held_out])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(X, axis=0))


# ----- further training --------------------------------------------------------


def test_a_warm_start_goes_on_counting_and_has_the_start_to_beat():
    X, X_val = curved(), curved(seed=1)
    estimator = make_estimator(warm_start=True, n_init=1).fit(X, X_val=X_val)
    before = estimator.validation_loss_curve_
    error = scaled_error(estimator, X_val)
    estimator.fit(X, X_val=X_val)
    assert estimator.n_iter_ == len(before) - 1 + 5
    assert len(estimator.loss_curve_) == len(before) + 5
    assert estimator.validation_loss_curve_[: len(before)] == before
    assert estimator.best_loss_ <= min(before)
    assert scaled_error(estimator, X_val) <= error * (1 + 1e-6)


def test_one_epoch_is_kept_whatever_its_loss():
    X = curved()
    estimator = make_estimator(learning_rate_init=0.5).partial_fit(X)
    assert estimator.n_iter_ == estimator.best_epoch_ == 1
    assert not np.allclose(estimator.reconstruct(X), pca_of(X, X))
    assert estimator._training_state.epoch == 1


# ----- what may go wrong -------------------------------------------------------


def test_a_diverging_random_start_is_an_error_that_names_the_remedy():
    estimator = make_estimator(
        linear_path=None, learning_rate_init=1e30, solver="sgd", activation="relu"
    )
    with pytest.raises(ValueError, match=r"epoch \d.*learning_rate_init=1e\+30.*Lower"):
        estimator.fit(curved())


def test_a_diverging_fit_from_pca_warns_and_gives_pca():
    X = curved()
    estimator = make_estimator(learning_rate_init=1e30, solver="sgd")
    with pytest.warns(ConvergenceWarning, match="not finite"):
        estimator.fit(X)
    np.testing.assert_allclose(estimator.reconstruct(X), pca_of(X, X), atol=1e-5)


class AtEpoch:
    """A callback that interrupts, or asks to stop, at the end of an epoch."""

    def __init__(self, epoch, *, interrupts):
        self.epoch, self.interrupts = epoch, interrupts

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.epoch -= context.task_name == "epoch"
        if self.epoch == 0 and self.interrupts:
            raise KeyboardInterrupt
        return self.epoch == 0

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_fit_has_the_best_network_so_far(linear_path, epoch):
    X, X_val = curved(), curved(seed=1)
    estimator = make_estimator(linear_path=linear_path)
    estimator.set_callbacks(AtEpoch(epoch, interrupts=True))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, X_val=X_val)
    assert len(estimator.loss_curve_) == epoch + 1
    best = estimator.validation_loss_curve_[estimator.best_epoch_]
    if estimator.best_epoch_ > 0 or linear_path is not None:
        assert scaled_error(estimator, X_val) == pytest.approx(best, rel=1e-4)
    assert math.isfinite(best)


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_a_full_batch_solver_warns_at_max_iter(solver):
    estimator = make_estimator(linear_path=None, solver=solver, max_iter=2)
    with pytest.warns(ConvergenceWarning, match="max_iter=2.*Increase max_iter"):
        estimator.fit(curved())


def test_threads_and_random_states_are_as_before():
    before = torch.get_num_threads(), torch.random.get_rng_state()
    make_estimator(n_threads=2, dropout=0.3, early_stopping=False).fit(curved(40))
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_a_callback_ends_the_fit():
    estimator = make_estimator().set_callbacks(AtEpoch(2, interrupts=False))
    assert estimator.fit(curved(), X_val=curved(seed=1)).n_iter_ == 2
