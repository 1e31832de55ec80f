"""Threads by the work of a step, set for the time of a call and put back after it."""

import multiprocessing
import os
import threading
import time
from contextlib import contextmanager

import joblib
import torch

from skae._utils.thread_counts import limit_blas, torch_threads
from skae._utils.warnings import warn_caller

# Measured on two cores: a second thread is a loss below 25 MFLOP a step and gains a
# fifth at 40, a third at 100.
_FLOPS_WORTH_THREADS = 100e6

# Of preparing data and of what is computed of them after a fit, roughly.
_FLOPS_PER_NUMBER = 30

# Threads that have just run out of work stay awake for up to 30 ms, and are no load.
_N_READINGS, _SECONDS_BETWEEN_READINGS = 8, 0.006
# Calls in quick succession share one answer.
_SECONDS_VALID = 1.0


class _Blocks(threading.local):
    """What the blocks around the current line have set, in each Python thread.

    Attributes
    ----------
    outside : int or None
        torch's number outside of the outermost block; None outside of all blocks.
    free : int or None
        Processors that were free when a number was first chosen in that block.
    most : int or None
        The smallest `n_threads` of the public methods that have been called.
    """

    outside = free = most = None


class _Process:
    """What is known of the process.

    Attributes
    ----------
    is_forked : bool
        Whether it was forked after the import of skae, in whatever way.
    reading : tuple (float, int)
        When free processors were last counted, and how many there were.
    """

    is_forked = False
    reading = (-float("inf"), 0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: setattr(_Process, "is_forked", True))

_blocks = _Blocks()


def flops_per_step(multiplications, batch_size):
    """Floating-point operations of one training step.

    Two for each multiplication of a row forwards, four backwards.
    """
    return 6.0 * multiplications * batch_size


def choose_n_threads(n_threads, flops):
    """Return `n_threads`, or the number that pays off for steps of `flops`.

    None means one thread for small steps and in worker processes, whose siblings want
    the other cores; otherwise torch's number outside of skae, but no more than there
    are free processors. That is counted once in a public method, so that all its
    stages use the same number. No number exceeds that of an enclosing public method,
    and in a forked process each is 1.
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

    An operation in several threads waits for the slowest, and its threads spin
    meanwhile: one thread too many and it takes ten times as long. Where the system does
    not say how many threads run, all processors that the process may use count as free.
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
    """Return how many threads of all programs run or wait for a processor, now.

    1, this one, where that is unknown.
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
    """Run the block, a public method, in the `n_threads` that its user asked for.

    With None that is one thread, but for the blocks within that choose more by their
    work. So nothing starts OpenMP's threads unasked.
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

    Those of numpy and SciPy, too.
    """
    n_threads = choose_n_threads(n_threads, _FLOPS_PER_NUMBER * X.size)
    with limit_threads(n_threads), limit_blas(n_threads):
        yield
