"""Number of threads by the work of a step, set during a call and then restored."""

import multiprocessing
import os
import threading
import time
from contextlib import contextmanager

import joblib
import torch

from skae._utils.thread_counts import limit_blas, torch_threads
from skae._utils.warnings import warn_caller

# On two cores a second thread is slower below 25 MFLOP per step, a fifth faster at 40
# and a third faster at 100.
_FLOPS_WORTH_THREADS = 100e6

# Rough cost of the preparation of data and of the statistics after a fit.
_FLOPS_PER_NUMBER = 30

# Idle threads keep spinning for up to 30 ms, which is no load.
_N_READINGS, _SECONDS_BETWEEN_READINGS = 8, 0.006
# Calls in quick succession share one reading.
_SECONDS_VALID = 1.0


class _Blocks(threading.local):
    """State of the enclosing blocks, in each Python thread.

    Attributes
    ----------
    outside : int or None
        Number of torch threads outside the outermost block; None outside all blocks.
    free : int or None
        Number of free processors when a number was first chosen in that block.
    most : int or None
        Minimum of `n_threads` over the enclosing public methods.
    """

    outside = free = most = None


class _Process:
    """State of the process.

    Attributes
    ----------
    is_forked : bool
        Whether it was forked after the import of skae.
    reading : tuple (float, int)
        Time of the last count of free processors, and their number.
    """

    is_forked = False
    reading = (-float("inf"), 0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: setattr(_Process, "is_forked", True))

_blocks = _Blocks()


def flops_per_step(multiplications, batch_size):
    """Floating-point operations of one training step.

    Each multiplication of a sample takes two in the forward pass and four in the
    backward pass.
    """
    return 6.0 * multiplications * batch_size


def choose_n_threads(n_threads, flops):
    """Return `n_threads`, or the number that is worthwhile for steps of `flops`.

    None means one thread for small steps and in worker processes, whose siblings use
    the other cores; otherwise torch's number outside skae, limited to the free
    processors. They are counted once per public method, so that all its stages use the
    same number. The number never exceeds that of an enclosing public method, and is 1
    in a forked process.
    """
    if n_threads is None:
        n_threads = 1 if flops < _FLOPS_WORTH_THREADS else _available_threads()
    return _permitted(n_threads)


def _permitted(n_threads):
    if _Process.is_forked:
        # OpenMP's threads do not survive a fork, and whether the parent process had
        # started them is unknown: with them the first operation would never return.
        return 1
    return n_threads if _blocks.most is None else min(n_threads, _blocks.most)


def _available_threads():
    if _Process.is_forked or multiprocessing.parent_process() is not None:
        return 1
    outside = _blocks.outside or torch.get_num_threads()
    if outside == 1:
        return 1
    free = _blocks.free or free_processors()
    if _blocks.outside is not None:
        _blocks.free = free
    return min(outside, free)


def free_processors():
    """Return how many processors other programs leave free, at least 1.

    An operation in several threads waits for the slowest while the others spin: one
    thread too many makes it ten times slower. If the system does not report the number
    of running threads, all processors available to the process count as free.
    """
    when, free = _Process.reading
    if time.monotonic() - when < _SECONDS_VALID:
        return free
    usable, processors = joblib.cpu_count(), os.cpu_count() or 1
    free = 1
    for _ in range(_N_READINGS):
        others = count_running_threads() - 1
        free = max(free, min(usable, processors - others))
        if free == usable:
            break
        time.sleep(_SECONDS_BETWEEN_READINGS)
    _Process.reading = time.monotonic(), free
    return free


def count_running_threads():
    """Return the number of threads of all programs that run or wait for a processor.

    It is 1, for this thread, if the number is unknown.
    """
    try:
        with open("/proc/loadavg", encoding="ascii") as file:
            # "0.20 0.18 0.12 1/80 11206": three averages, running/all, a process.
            return max(1, int(file.read().split()[3].partition("/")[0]))
    except (OSError, ValueError, IndexError):
        return 1


@contextmanager
def limit_threads(n_threads):
    """Run the block with `n_threads` torch threads, then restore the number."""
    is_outermost = _blocks.outside is None
    if is_outermost:
        _blocks.outside = torch.get_num_threads()
    try:
        with torch_threads(n_threads):
            yield
    finally:
        if is_outermost:
            _blocks.outside = _blocks.free = None


@contextmanager
def public_threads(n_threads):
    """Run the block, a public method, in the `n_threads` that the user requested.

    None means one thread, except in inner blocks that choose more by their work. Other
    code therefore starts no threads of OpenMP.
    """
    enclosing = _blocks.most
    if n_threads is not None:
        if _Process.is_forked and n_threads > 1:
            _warn_of_fork(n_threads)
        n_threads = _blocks.most = _permitted(n_threads)
    try:
        with limit_threads(n_threads or 1):
            yield
    finally:
        _blocks.most = enclosing


def _warn_of_fork(n_threads):
    warn_caller(
        f"n_threads={n_threads}, but one thread is used in this process, which was "
        "forked after the import of skae: OpenMP's threads do not survive a fork. Use "
        "n_threads=1, or start the process by multiprocessing's 'spawn' or joblib's "
        "'loky'.",
        UserWarning,
    )


@contextmanager
def limit_threads_for(n_threads, X):
    """Run the block, a few operations on each number of an array, in few threads.

    The limit includes the threads of numpy and SciPy.
    """
    n_threads = choose_n_threads(n_threads, _FLOPS_PER_NUMBER * X.size)
    with limit_threads(n_threads), limit_blas(n_threads):
        yield
