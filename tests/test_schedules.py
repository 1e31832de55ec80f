import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skae._training.schedules import SCHEDULES, Adaptive, Constant, Cosine

INITIAL, MAX_ITER = 0.1, 20


@given(st.floats(0, 100))
def test_constant_is_constant(progress):
    schedule = Constant(INITIAL, MAX_ITER)
    assert schedule.rate(progress) == INITIAL
    assert not schedule.reduce()
    assert schedule.rate(progress) == INITIAL


def test_cosine_is_torchs_cosine_annealing():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=INITIAL)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=MAX_ITER)
    schedule = Cosine(INITIAL, MAX_ITER)
    for epoch in range(MAX_ITER + 1):
        expected = oracle.get_last_lr()[0]
        assert schedule.rate(epoch) == pytest.approx(expected, abs=1e-12)
        optimizer.step()
        oracle.step()


@given(st.floats(0, MAX_ITER), st.floats(0, MAX_ITER))
def test_cosine_never_rises(one, other):
    schedule = Cosine(INITIAL, MAX_ITER)
    assert schedule.rate(max(one, other)) <= schedule.rate(min(one, other))
    assert 0 <= schedule.rate(one) <= INITIAL


def test_cosine_stays_at_its_end():
    assert Cosine(INITIAL, MAX_ITER).rate(MAX_ITER + 5) == pytest.approx(0)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_further_fit_begins_at_the_initial_rate(name):
    schedule = SCHEDULES[name](INITIAL, MAX_ITER, first_epoch=7)
    assert schedule.rate(7) == pytest.approx(INITIAL)


def test_adaptive_is_divided_by_five_at_each_plateau():
    schedule = Adaptive(INITIAL, MAX_ITER)
    for i in range(1, 6):
        assert schedule.reduce()
        assert schedule.rate(3 * i) == pytest.approx(INITIAL / 5**i)


def test_adaptive_ends_where_the_rate_is_too_small_to_matter():
    schedule = Adaptive(INITIAL, MAX_ITER)
    answers = [schedule.reduce() for _ in range(12)]
    # The last answer of "go on" leaves a rate above 1e-6 (scikit-learn's rule).
    assert answers == [INITIAL / 5**i > 1e-6 for i in range(1, 13)]


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_asking_for_the_rate_changes_nothing(name):
    schedule = SCHEDULES[name](INITIAL, MAX_ITER)
    assert schedule.rate(3.5) == schedule.rate(3.5)
