import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer
from skae._engine import trainer as _trainer
from skae._engine.fit_result import Progress
from skae._engine.initialization import Samples, Setup, make_rows, make_start
from skae._engine.model_selection import fit_from_start, fit_further, fit_one_epoch
from skae._engine.trainer import Trainer
from skae._networks.array_state import sample_tensor

SETUP = Setup("identity", 2, seed=0)


def curved(n=300, seed=0):
    """Rows on a curved surface: what PCA(2) misses can be learnt."""
    rng = np.random.RandomState(seed)
    t = rng.uniform(-2, 2, size=(n, 2))
    X = np.column_stack([t, t[:, :1] ** 2, t[:, :1] * t[:, 1:], np.sin(2 * t)])
    return X + 0.01 * rng.randn(*X.shape)


def samples_of(X, weight=None):
    return Samples(X, X, weight)


def make_estimator(**parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
    return AutoencoderTransformer(2, **{**defaults, **parameters})


def no_monitors(trainer):
    return []


def fit(estimator, X, X_val=None, report=no_monitors):
    validation = None if X_val is None else samples_of(X_val)
    return fit_from_start(estimator, samples_of(X), validation, SETUP, report)


def reconstruct(result, X):
    u = result.scaling.to_network(X, sample_tensor(result.network).dtype)
    with torch.no_grad():
        return result.scaling.to_data(result.network(u).double()).numpy()


def pca_of(X, X_fit):
    pca = PCA(2).fit(X_fit)
    return pca.inverse_transform(pca.transform(X))


def make_trainer(estimator, X, X_val=None, previous=None):
    samples = samples_of(X)
    start = make_start(estimator, samples, SETUP)
    validation = None if X_val is None else samples_of(X_val)
    more = () if previous is None else (previous,)
    return Trainer(estimator, start, samples, validation, 0, *more)


# ----- a fit -------------------------------------------------------------------


def test_the_start_loss_is_the_share_that_pca_does_not_explain():
    X = curved()
    trainer = make_trainer(make_estimator(), X)
    residual = np.square(X - pca_of(X, X)).sum()
    expected = residual / np.square(X - X.mean(axis=0)).sum()
    assert trainer.start_loss == pytest.approx(expected, rel=1e-5)


def test_the_unit_of_the_loss_is_that_of_the_linear_path():
    X = curved()
    assert make_trainer(make_estimator(linear_path=None), X).state.loss_scale == 1.0
    trainer = make_trainer(make_estimator(), X)
    assert trainer.state.loss_scale == trainer.start_loss < 1


def test_training_on_given_validation_rows_lowers_their_loss():
    result = fit(make_estimator(max_iter=30), curved(), curved(seed=1))
    curve = result.validation_loss_curve
    assert result.best_epoch > 0
    assert curve[result.best_epoch] < 0.9 * curve[0]
    assert len(curve) == len(result.loss_curve) == result.n_epochs + 1


def test_the_network_of_the_best_epoch_is_the_result():
    X_val = curved(seed=1)
    result = fit(make_estimator(max_iter=30), curved(), X_val)
    residual = (X_val - reconstruct(result, X_val)) / result.scaling.residual_scale
    best = result.validation_loss_curve[result.best_epoch]
    assert np.square(residual).mean() == pytest.approx(best, rel=1e-4)


def test_the_start_is_of_the_training_part_where_it_is_judged():
    # Given validation rows are no part of the start, whatever they are.
    X, X_val = curved(), 1e3 + curved(seed=1)
    result = fit(make_estimator(max_iter=1), X, X_val)
    np.testing.assert_allclose(result.scaling.mean, X.mean(axis=0))


def test_where_no_epoch_is_better_the_result_is_the_pca_of_all_rows():
    X = np.random.RandomState(0).randn(120, 6)  # nothing to learn
    result = fit(make_estimator(learning_rate_init=1.0, early_stopping=True), X)
    assert result.best_epoch == 0
    np.testing.assert_allclose(reconstruct(result, X), pca_of(X, X), atol=1e-5)


def test_a_linear_network_with_the_linear_path_needs_no_training():
    X = curved()
    result = fit(make_estimator(hidden_layer_sizes=()), X)
    assert result.best_epoch == result.n_epochs == 0
    np.testing.assert_allclose(reconstruct(result, X), pca_of(X, X), atol=1e-5)


def test_data_that_pca_explains_need_no_training():
    X = np.random.RandomState(0).randn(200, 2) @ np.ones((2, 5))
    result = fit(make_estimator(early_stopping=False), X)
    assert result.n_epochs == 0
    np.testing.assert_allclose(reconstruct(result, X), X, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_rows_stay_at_the_start_unless_told_otherwise(n):
    X = curved(n)
    assert fit(make_estimator(), X).best_epoch == 0
    assert fit(make_estimator(linear_path=None), X).n_epochs == 5


def test_a_split_that_leaves_no_row_to_train_on_is_refused():
    estimator = make_estimator(early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError, match="validation_fraction=0.9.*n_samples=1"):
        fit(estimator, curved(1))


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_validation_rows_are_a_fraction_of_the_rows_and_not_trained_on(
    fraction, monkeypatch
):
    seen = []

    def spy(scaling, samples, dtype, device):
        seen.append(samples.X)
        return make_rows(scaling, samples, dtype, device)

    monkeypatch.setattr(_trainer, "make_rows", spy)
    X = curved()
    fit(make_estimator(early_stopping=True, validation_fraction=fraction), X)
    trained_on, held_out = seen
    assert len(held_out) == len(X) * fraction
    both = np.vstack([trained_on, held_out])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(X, axis=0))


# ----- further training --------------------------------------------------------


def test_a_warm_start_goes_on_counting_and_has_the_start_to_beat():
    X, X_val = curved(), curved(seed=1)
    estimator = make_estimator()
    first = fit(estimator, X, X_val)
    start = make_start(estimator, samples_of(X), SETUP)._replace(network=first.network)
    previous = Progress(first.n_epochs, first.best_epoch, first.state)
    more = fit_further(
        estimator, start, samples_of(X), samples_of(X_val), 0, previous, no_monitors
    )
    assert more.n_epochs == first.n_epochs + 5
    assert len(more.loss_curve) == 6
    assert min(more.validation_loss_curve) <= more.validation_loss_curve[0]
    assert more.validation_loss_curve[0] == pytest.approx(
        min(first.validation_loss_curve), rel=1e-6
    )


def test_one_epoch_is_kept_whatever_its_loss():
    X = curved()
    estimator = make_estimator(learning_rate_init=0.5)
    start = make_start(estimator, samples_of(X), SETUP)
    result = fit_one_epoch(estimator, start, samples_of(X), 0, Progress())
    assert result.n_epochs == result.best_epoch == 1
    assert not np.allclose(reconstruct(result, X), pca_of(X, X))
    assert result.state.epoch == 1


# ----- what may go wrong -------------------------------------------------------


def test_a_diverging_random_start_is_an_error_that_names_the_remedy():
    estimator = make_estimator(
        linear_path=None, learning_rate_init=1e30, solver="sgd", activation="relu"
    )
    with pytest.raises(ValueError, match=r"epoch \d.*learning_rate_init=1e\+30.*Lower"):
        fit(estimator, curved())


def test_a_diverging_fit_from_pca_warns_and_gives_pca():
    X = curved()
    estimator = make_estimator(learning_rate_init=1e30, solver="sgd")
    with pytest.warns(ConvergenceWarning, match="not finite"):
        result = fit(estimator, X)
    np.testing.assert_allclose(reconstruct(result, X), pca_of(X, X), atol=1e-5)


def interrupt_at(epoch):
    def monitor(state):
        if state.epoch == epoch:
            raise KeyboardInterrupt
        return False

    return lambda trainer: [monitor]


@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_fit_has_the_best_network_so_far(linear_path, epoch):
    X, X_val = curved(), curved(seed=1)
    estimator = make_estimator(linear_path=linear_path)
    result = fit(estimator, X, X_val, report=interrupt_at(epoch))
    assert isinstance(result.interrupted, KeyboardInterrupt)
    assert len(result.loss_curve) == epoch + 1
    residual = (X_val - reconstruct(result, X_val)) / result.scaling.residual_scale
    best = result.validation_loss_curve[result.best_epoch]
    if result.best_epoch > 0:
        assert np.square(residual).mean() == pytest.approx(best, rel=1e-4)
    assert math.isfinite(best)


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_a_full_batch_solver_warns_at_max_iter(solver):
    estimator = make_estimator(linear_path=None, solver=solver, max_iter=2)
    with pytest.warns(ConvergenceWarning, match="max_iter=2.*Increase max_iter"):
        fit(estimator, curved())


def test_threads_and_random_states_are_as_before():
    before = torch.get_num_threads(), torch.random.get_rng_state()
    estimator = make_estimator(n_threads=2, dropout=0.3, early_stopping=False)
    fit(estimator, curved(40))
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_a_monitor_from_outside_ends_the_fit():
    def report(trainer):
        return [lambda state: state.epoch == 2]

    assert fit(make_estimator(), curved(), curved(seed=1), report).n_epochs == 2
