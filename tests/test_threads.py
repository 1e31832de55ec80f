import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info

from skae import AutoencoderClassifier, AutoencoderTransformer
from skae._functional import linear_maps as linear
from skae._networks.scaling import Scaling
from skae._utils import thread_counts
from skae._utils import threads as _threads
from skae._utils.thread_counts import BlasLimit
from skae._utils.threads import (
    choose_n_threads,
    count_running_threads,
    flops_per_step,
    free_processors,
    limit_threads,
    limit_threads_for,
    public_threads,
)

MUCH, LITTLE = 1e12, 1e3


@pytest.fixture
def two_threads(monkeypatch):
    """torch has two threads, and two processors are free."""
    monkeypatch.setattr(_threads, "free_processors", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[True, False], ids=["by library", "by torch"])
def library_calls(request, monkeypatch):
    """With torch's libraries in reach, and without, as on Windows."""
    if not request.param:
        monkeypatch.setattr("skae._utils.thread_counts._torch_libraries", lambda: None)


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
def test_the_number_of_threads_is_restored(two_threads, library_calls, n_threads):
    with limit_threads(n_threads):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 2


def test_the_number_of_threads_is_restored_after_an_error(two_threads, library_calls):
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


def in_new_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def blas_threads():
    libraries = threadpool_info()
    return [lib["num_threads"] for lib in libraries if lib["user_api"] == "blas"]


# ----- several Python threads ------------------------------------------------


def test_a_thread_that_begins_during_a_block_has_the_number_from_before(two_threads):
    with limit_threads(1):
        assert in_new_thread(torch.get_num_threads) == 2
        # Whether or not it has blocks of its own.
        assert in_new_thread(lambda: _number_after_a_block(1)) == 2
    assert in_new_thread(torch.get_num_threads) == torch.get_num_threads() == 2


def _number_after_a_block(n_threads):
    with limit_threads(n_threads):
        assert torch.get_num_threads() == n_threads
    return torch.get_num_threads()


def test_fits_in_threads_leave_all_numbers_as_they_were(two_threads):
    X = np.random.RandomState(0).randn(120, 5)
    before = threadpool_info()

    def fit(n_threads):
        AutoencoderTransformer(2, max_iter=1, n_threads=n_threads).fit(X).transform(X)
        return torch.get_num_threads()

    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(fit, [None, 1, 2, 1, None, 2])) == [2] * 6
    assert threadpool_info() == before
    assert in_new_thread(threadpool_info) == before
    assert in_new_thread(torch.get_num_threads) == torch.get_num_threads() == 2


class Library:
    """The calls of a BLAS library: a number of the process, or of each thread."""

    def __init__(self, number, threading_layer="pthreads"):
        self.threading_layer = threading_layer
        is_openmp = threading_layer == "openmp"
        self._place = threading.local() if is_openmp else Place()
        self._initial = number

    @property
    def num_threads(self):
        return getattr(self._place, "number", self._initial)

    def set_num_threads(self, number):
        self._place.number = number


class Place:
    pass


def overlapping(limit, first, second, look):
    """Enter two blocks in two Python threads, leave the first, look, leave the other.

    Return what `look` returned with both, with the second alone and with none.
    """
    seen, inside, leave = [], threading.Event(), threading.Event()

    def enter():
        with limit.at_most(second):
            inside.set()
            assert leave.wait(30)

    other = threading.Thread(target=enter)
    with limit.at_most(first):
        other.start()
        assert inside.wait(30)
        seen.append(look())
    seen.append(look())
    leave.set()
    other.join()
    return [*seen, look()]


@pytest.mark.parametrize(
    ("first", "second", "numbers"),
    [(1, 1, [1, 1, 4]), (1, 3, [1, 3, 4]), (3, 1, [1, 1, 4]), (9, 9, [4, 4, 4])],
)
def test_the_smallest_limit_holds_and_the_last_out_restores(first, second, numbers):
    library = Library(4)
    limit = BlasLimit([library])
    assert overlapping(limit, first, second, lambda: library.num_threads) == numbers


def test_a_library_over_openmp_is_limited_in_each_thread_by_itself():
    library = Library(4, "openmp")
    limit = BlasLimit([library])
    assert overlapping(limit, 1, 3, lambda: library.num_threads) == [1, 4, 4]


def test_a_number_that_someone_else_sets_meanwhile_stays():
    library = Library(4)
    with BlasLimit([library]).at_most(1):
        library.set_num_threads(2)
    assert library.num_threads == 2


def test_numbers_of_blas_are_restored_whichever_thread_is_last():
    before = blas_threads()
    limit = _threads.limit_blas(1)
    with limit:  # in the main thread first, as threadpoolctl knows one thread only
        assert set(blas_threads()) <= {1}

    class Limits:
        at_most = staticmethod(_threads.limit_blas)

    assert overlapping(Limits, 1, 1, blas_threads)[-1] == before
    assert in_new_thread(blas_threads) == before


def test_a_forked_process_forgets_the_blocks_of_other_threads():
    library = Library(4)
    limit = BlasLimit([library])
    block = limit.at_most(1)
    block.__enter__()
    limit.forget()
    assert library.num_threads == 4
    with limit.at_most(2):
        assert library.num_threads == 2
    block.__exit__(None, None, None)
    assert library.num_threads == 4


# ----- no more than asked for ------------------------------------------------


def test_a_public_method_has_one_thread_but_where_the_work_is_worth_more(two_threads):
    with public_threads(None):
        assert torch.get_num_threads() == 1
        assert choose_n_threads(None, LITTLE) == 1
        assert choose_n_threads(None, MUCH) == 2


def test_what_a_public_method_calls_has_no_more_threads(two_threads):
    with public_threads(1):
        assert choose_n_threads(None, MUCH) == choose_n_threads(2, MUCH) == 1
        with public_threads(2):
            assert torch.get_num_threads() == choose_n_threads(2, MUCH) == 1
    with public_threads(2), public_threads(None):
        assert torch.get_num_threads() == 1
        assert choose_n_threads(None, MUCH) == 2


def test_an_inner_estimator_has_no_more_threads_than_the_outer(
    two_threads, monkeypatch
):
    numbers, forward = [], Scaling.forward

    def watched(scaling, x):
        numbers.append(torch.get_num_threads())
        return forward(scaling, x)

    monkeypatch.setattr(Scaling, "forward", watched)
    X, y = np.random.RandomState(0).randn(50, 4), np.arange(50) % 2
    inner = AutoencoderTransformer(2, n_threads=2, max_iter=1)
    AutoencoderClassifier(inner, n_threads=1, max_iter=1).fit(X, y).predict(X)
    assert set(numbers) == {1}


# ----- free processors -------------------------------------------------------


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="torch without MKL")
def test_without_the_path_of_torchs_library_its_public_function_sets_threads(
    monkeypatch,
):
    monkeypatch.delattr(torch._C, "__file__")
    assert thread_counts._torch_libraries.__wrapped__() is None


@pytest.fixture
def machine(monkeypatch):
    """Set what the system reports: how many threads run at each reading."""

    def set_up(readings, n_processors=8, usable=None):
        readings = iter(readings)
        monkeypatch.setattr(_threads, "count_running_threads", lambda: next(readings))
        monkeypatch.setattr(_threads.os, "cpu_count", lambda: n_processors)
        monkeypatch.setattr(
            _threads.joblib, "cpu_count", lambda: usable or n_processors
        )
        monkeypatch.setattr(_threads._Process, "reading", (-float("inf"), 0))
        monkeypatch.setattr(_threads.time, "sleep", lambda seconds: None)

    return set_up


@pytest.mark.parametrize(
    ("n_running", "free"), [(1, 8), (2, 7), (6, 3), (8, 1), (30, 1)]
)
def test_what_other_programs_hold_is_not_free(machine, n_running, free):
    machine([n_running] * 8)
    assert free_processors() == free


def test_what_holds_a_processor_for_a_moment_is_no_load(machine):
    machine([9, 2, 3, 1])
    assert free_processors() == 8


def test_processors_that_the_process_may_not_use_are_not_free(machine):
    machine([20] * 8, n_processors=64, usable=2)
    assert free_processors() == 2


def test_calls_in_quick_succession_share_a_reading(machine):
    machine([1])
    assert free_processors() == free_processors() == 8


@pytest.mark.parametrize(("free", "n_threads"), [(1, 1), (2, 2), (5, 2)])
def test_large_steps_take_free_processors_only(
    two_threads, monkeypatch, free, n_threads
):
    monkeypatch.setattr(_threads, "free_processors", lambda: free)
    assert choose_n_threads(None, MUCH) == n_threads
    assert choose_n_threads(None, LITTLE) == 1
    # A number that was asked for is not the machine's to choose.
    assert choose_n_threads(2, MUCH) == 2


def test_all_stages_of_a_fit_have_the_number_of_its_start(two_threads, monkeypatch):
    answers = iter([2, 1, 1])
    monkeypatch.setattr(_threads, "free_processors", lambda: next(answers))
    with public_threads(None):
        assert [choose_n_threads(None, MUCH) for _ in range(3)] == [2, 2, 2]
    with public_threads(None):
        assert choose_n_threads(None, MUCH) == 1


def test_running_threads_are_counted_where_the_system_tells(monkeypatch):
    assert count_running_threads() >= 1

    def fail(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", fail)
    assert count_running_threads() == 1
