"""Public methods start no threads unasked, and return in forked processes.

Each test runs one of the functions below in a process of its own, with a time limit:
in a forked process an operation in several threads would never return.
"""

import faulthandler
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from public_methods import calls, make_data, make_estimators
from threadpoolctl import threadpool_info

from skae import AutoencoderTransformer
from skae._utils import threads

# Of one process; they take about ten.
_SECONDS = 200

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(),
    reason="looks at processes as Linux shows them",
)


def run_apart(function):
    """Run a function of this module in a new process, and give what it prints."""
    # Two threads also where there is one processor.
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    here = Path(__file__).parent
    environment["PYTHONPATH"] = os.pathsep.join([str(here.parent), *sys.path])
    finished = subprocess.run(
        [sys.executable, "-c", f"import test_forks; test_forks.{function.__name__}()"],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * _SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
    return finished.stdout.splitlines()


# ----- in a process of their own ---------------------------------------------


def print_calls_that_use_other_threads():
    """Run all with one thread; print the calls in which another one did anything."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    X, y = make_data()
    # The system may count the time of a running thread only at its next tick.
    assert any(
        other_threads_work(lambda: torch.ones(2**22).exp().sum()) for _ in range(20)
    )
    time.sleep(0.2)  # they stay awake for some milliseconds
    for estimator in make_estimators(n_threads=1):
        for name, call in calls(estimator, X, y):
            if other_threads_work(call):
                print(name)


def other_threads_work(call):
    """Whether threads of this process but the caller's take time while it runs."""
    before = times_of_other_threads()
    call()
    after = times_of_other_threads()
    return any(after[thread] > before.get(thread, 0) for thread in after)


def times_of_other_threads():
    """Return the nanoseconds that each has had a processor."""
    return {
        task.name: int((task / "schedstat").read_text().split()[0])
        for task in Path("/proc/self/task").iterdir()
        if int(task.name) != threading.get_native_id()
    }


def run_all_in_a_forked_process():
    """Start the threads of torch and BLAS, fork, and run all in the forked process."""
    warnings.simplefilter("ignore")
    X, y = make_data()
    torch.set_num_threads(2)
    torch.ones(2**20).exp() @ torch.ones(2**20)
    np.ones((500, 500)) @ np.ones((500, 500))
    wanted = small_fit(1).transform(X)
    large_fit(2)
    process = os.fork()
    if process == 0:
        faulthandler.dump_traceback_later(_SECONDS, exit=True)
        code = 1
        try:
            for estimator in make_estimators(n_threads=2):
                for name, call in calls(estimator, X, y):
                    print(name, flush=True)  # the last one is where it hangs
                    call()
            print("what chooses its number", flush=True)
            large_fit(None)
            np.testing.assert_array_equal(small_fit(None).transform(X), wanted)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def small_fit(n_threads):
    return AutoencoderTransformer(
        2, max_iter=2, n_threads=n_threads, linear_path=None, random_state=0
    ).fit(make_data()[0])


def large_fit(n_threads):
    """Take steps that are worth several threads."""
    X = np.random.RandomState(0).rand(2000, 64)
    large = AutoencoderTransformer(
        2, max_iter=1, batch_size=1000, n_threads=n_threads, linear_path=None
    )
    large.fit(X).transform(X)


def print_warnings_in_a_forked_process():
    if os.fork() == 0:
        try:
            for n_threads in (1, None, 2):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    small_fit(n_threads)
                told = [f"{w.message} {Path(w.filename).name}" for w in caught]
                print(n_threads, *told, flush=True)
        finally:
            os._exit(0)
    os.wait()


def fork_during_a_fit():
    """Fork while another thread prepares a fit, and one of numpy is the limit."""
    inside, leave = threading.Event(), threading.Event()

    def prepare():
        with threads.limit_threads_for(1, np.zeros(1)):
            inside.set()
            leave.wait()

    limit, before = threads.limit_blas, blas_threads()
    other = threading.Thread(target=prepare)
    other.start()
    inside.wait()
    process = os.fork()
    if process == 0:
        faulthandler.dump_traceback_later(_SECONDS, exit=True)
        code = 1
        try:
            assert blas_threads() == before
            with limit(1):
                assert set(blas_threads()) == {1}
            assert blas_threads() == before
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    leave.set()
    other.join()
    assert blas_threads() == before
    sys.exit(os.waitstatus_to_exitcode(status))


def blas_threads():
    libraries = threadpool_info()
    return [lib["num_threads"] for lib in libraries if lib["user_api"] == "blas"]


# ----- tests -----------------------------------------------------------------


def test_no_public_method_uses_more_than_the_one_thread_that_it_was_given():
    assert run_apart(print_calls_that_use_other_threads) == []


def test_every_public_method_returns_in_a_forked_process():
    printed = run_apart(run_all_in_a_forked_process)
    assert len(printed) > 200


def test_a_forked_process_that_is_asked_for_threads_says_that_it_has_one():
    one, none, two = run_apart(print_warnings_in_a_forked_process)
    assert "forked" not in one + none
    assert two.count("n_threads=2, but one thread is used in this process") == 1
    assert two.endswith("test_forks.py")


def test_a_fork_during_a_fit_in_another_thread_leaves_no_limit_behind():
    run_apart(fork_during_a_fit)
