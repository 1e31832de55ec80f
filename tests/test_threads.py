import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info

from skae import AutoencoderTransformer, linear
from skae._threads import (
    choose_n_threads,
    flops_per_step,
    limit_threads,
    limit_threads_for,
)
from skae.scaling import Scaling

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


@pytest.mark.parametrize(("n_rows", "n_threads"), [(10, 1), (10**6, 2)])
def test_preparing_few_rows_takes_one_thread(two_threads, n_rows, n_threads):
    with limit_threads_for(None, np.empty((n_rows, 10))):
        assert torch.get_num_threads() == n_threads


def test_a_fit_takes_no_more_threads_than_it_is_given(two_threads, monkeypatch):
    numbers, forward = [], Scaling.forward

    def watched(scaling, x):
        numbers.append(torch.get_num_threads())
        return forward(scaling, x)

    monkeypatch.setattr(Scaling, "forward", watched)
    X = np.random.RandomState(0).randn(50, 4)
    AutoencoderTransformer(2, n_threads=1, max_iter=1).fit(X).transform(X)
    assert set(numbers) == {1}


def test_one_thread_is_one_thread_of_numpy_too(monkeypatch):
    numbers, fit_pca = [], linear._fit_pca

    def watched(pca, X):
        pools = threadpool_info()
        numbers.extend(p["num_threads"] for p in pools if p["user_api"] == "blas")
        return fit_pca(pca, X)

    monkeypatch.setattr(linear, "_fit_pca", watched)
    X = np.random.RandomState(0).randn(50, 4)
    before = threadpool_info()
    AutoencoderTransformer(2, n_threads=1, max_iter=1).fit(X)
    assert set(numbers) == {1}
    assert threadpool_info() == before


def test_a_step_has_a_product_forwards_and_two_backwards():
    # 2 operations for each weight and row in each of the three.
    assert flops_per_step(multiplications=10, batch_size=7) == 3 * 2 * 10 * 7
