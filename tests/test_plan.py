from types import SimpleNamespace

import engine
import pytest
import torch
from torch import nn

from skae import AutoencoderTransformer, ConvolutionalAutoencoder, VAETransformer
from skae._training.full_batch import METHODS
from skae._training.optimizers import OPTIMIZERS, Adam
from skae._training.schedules import SCHEDULES
from skae._training.state import FlatParameters


def make_estimator(cls=AutoencoderTransformer, **parameters):
    defaults = {"solver": "adam", "learning_rate_init": 0.01, "max_iter": 7}
    return cls(**{**defaults, **parameters})


def plan_of(count=50.0, first_epoch=3, **parameters):
    return engine.plan_of(make_estimator(**parameters), count, first_epoch)


def network_of(unexplained):
    """A network whose linear path, if any, leaves a share of the variance."""
    if unexplained is None:
        return SimpleNamespace(linear_path=False, contains_linear_path=True)
    scale = torch.tensor(unexplained).sqrt()
    return SimpleNamespace(
        linear_path=True, contains_linear_path=True, correction_scale=scale
    )


def optimizer_of(unexplained=None, count=50.0, *, rough=False, **parameters):
    estimator = make_estimator(**parameters)
    network = network_of(unexplained)
    make = engine.optimizer_of(estimator, network, count, rough=rough)
    return None if make is None else make(FlatParameters(nn.Linear(2, 2)))


def decay_of(unexplained=None, count=50.0, **parameters):
    return optimizer_of(
        unexplained, count, solver="adamw", **parameters
    ).decoupled_decay


@pytest.mark.parametrize("n_samples", [1, 5, 10_000])
@pytest.mark.parametrize("batch_size", ["auto", 1, 64, 10**6])
def test_a_batch_has_at_least_one_row_and_no_more_than_there_are(batch_size, n_samples):
    size = engine.batch_size_of(make_estimator(batch_size=batch_size), n_samples)
    assert 1 <= size <= n_samples
    if batch_size != "auto":
        assert size == min(batch_size, n_samples)


@pytest.mark.parametrize("solver", sorted({*OPTIMIZERS, *METHODS} - {"adamw"}))
def test_alpha_is_divided_by_the_sum_of_the_weights(solver):
    plan = plan_of(solver=solver, alpha=3.0, l1_ratio=0.25, count=60.0)
    assert (plan.alpha, plan.l1_ratio) == (pytest.approx(0.05), 0.25)


@pytest.mark.parametrize("solver", sorted({*OPTIMIZERS, *METHODS} - {"adamw"}))
def test_there_is_no_penalty_by_default_where_no_decay_is_decoupled(solver):
    assert plan_of(solver=solver).alpha == 0


@pytest.mark.parametrize("l1_ratio", [0.0, 0.25, 1.0])
def test_adamw_decays_by_the_squared_part_and_keeps_the_other_in_the_loss(l1_ratio):
    given = {"alpha": 3.0, "l1_ratio": l1_ratio, "count": 60.0}
    plan = plan_of(solver="adamw", **given)
    assert plan.alpha * plan.l1_ratio == pytest.approx(0.05 * l1_ratio)
    assert plan.alpha * (1 - plan.l1_ratio) == 0
    assert decay_of(**given) == pytest.approx(0.05 * (1 - l1_ratio))


def test_decay_by_default_falls_with_the_number_of_samples_and_is_bounded():
    decays = [decay_of(count=count) for count in (1, 100, 1e4, 1e6)]
    assert decays == sorted(decays, reverse=True)
    assert 0 < decays[-1] < decays[0] <= 1


def test_decay_by_default_grows_with_what_the_linear_path_explains():
    decays = [decay_of(unexplained) for unexplained in (1.0, 0.5, 0.1, 0.0)]
    assert decays == sorted(decays)
    assert 0 <= decays[0] < decays[-1] <= 1


@pytest.mark.parametrize("cls", [VAETransformer, ConvolutionalAutoencoder])
def test_some_estimators_have_no_decay_without_a_linear_path(cls):
    assert decay_of(cls=cls) == 0 < decay_of()


def test_a_linear_path_has_the_same_decay_in_every_estimator():
    assert decay_of(0.1, cls=VAETransformer) == decay_of(0.1) > 0


@pytest.mark.parametrize("unexplained", [None, 0.1, 0.9])
def test_decay_that_was_given_does_not_depend_on_the_linear_path(unexplained):
    assert decay_of(unexplained, alpha=3.0, count=60.0) == pytest.approx(0.05)


@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
def test_a_mini_batch_solver_is_its_optimizer(solver):
    assert isinstance(optimizer_of(solver=solver), OPTIMIZERS[solver])


def test_adam_does_not_decay():
    optimizer = optimizer_of(alpha=5.0)
    assert isinstance(optimizer, Adam) and optimizer.decoupled_decay == 0


@pytest.mark.parametrize("solver", sorted(METHODS))
def test_full_batch_solvers_have_no_optimizer(solver):
    assert optimizer_of(solver=solver) is None


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_the_schedule_begins_with_the_epochs_done_before(name):
    schedule = plan_of(learning_rate=name, first_epoch=3).schedule
    assert type(schedule) is SCHEDULES[name]
    assert (schedule.first_epoch, schedule.max_iter) == (3, 7)
    assert schedule.rate(3) == pytest.approx(0.01)


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_only_bfloat16_is_mixed_precision(precision):
    plan = plan_of(precision=precision)
    with plan.autocast(torch.device("cpu")):
        assert torch.is_autocast_enabled("cpu") == (precision == "bfloat16")


@pytest.mark.parametrize(("alpha", "decays"), [("auto", False), (1.0, True)])
def test_a_rough_start_has_no_decay_by_default(alpha, decays):
    given = {"solver": "adamw", "alpha": alpha}
    assert (optimizer_of(0.1, rough=True, **given).decoupled_decay > 0) == decays
    assert optimizer_of(0.1, **given).decoupled_decay > 0
