import pytest
import torch
from joblib import Parallel, delayed

from skae._threads import choose_n_threads, flops_per_step, limit_threads

MUCH, LITTLE = 1e12, 1e3


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_number_that_was_given_is_taken():
    assert choose_n_threads(3, LITTLE) == choose_n_threads(3, MUCH) == 3


def test_small_steps_take_one_thread_and_large_ones_all(two_threads):
    assert choose_n_threads(None, LITTLE) == 1
    assert choose_n_threads(None, MUCH) == 2


@pytest.mark.slow
def test_a_worker_process_takes_one_thread():
    answers = Parallel(n_jobs=2)(delayed(choose_n_threads)(None, MUCH) for _ in "ab")
    assert answers == [1, 1]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_number_of_threads_is_restored(two_threads, n_threads):
    with limit_threads(n_threads):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 2


def test_the_number_of_threads_is_restored_after_an_error(two_threads):
    with pytest.raises(KeyboardInterrupt), limit_threads(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


def test_a_step_has_a_product_forwards_and_two_backwards():
    # 2 operations for each weight and row in each of the three.
    assert flops_per_step(multiplications=10, batch_size=7) == 3 * 2 * 10 * 7
