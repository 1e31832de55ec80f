"""Threads by the work of a step, set for the time of a fit and put back after it."""

import functools
import multiprocessing
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController

# Measured on two cores: a second thread is a loss below 25 MFLOP a step and gains a
# fifth at 40, a third at 100. Where other work holds a core it costs ten times the
# time at any size, for threads spin until the last is done: not worth a fifth.
_FLOPS_WORTH_THREADS = 100e6


# Of preparing data and of what is computed of them after a fit, roughly.
_FLOPS_PER_NUMBER = 30


def flops_per_step(multiplications, batch_size):
    """Floating-point operations of one training step.

    Two for each multiplication of a row forwards, four backwards.
    """
    return 6.0 * multiplications * batch_size


def choose_n_threads(n_threads, flops):
    """Return `n_threads`, or the number that pays off for steps of `flops`.

    None means one thread for small steps and in worker processes, whose
    siblings want the other cores; otherwise as many as torch has now.
    """
    if n_threads is not None:
        return n_threads
    if flops < _FLOPS_WORTH_THREADS or multiprocessing.parent_process() is not None:
        return 1
    return torch.get_num_threads()


@contextmanager
def limit_threads(n_threads):
    """Run the block with `n_threads` torch threads, then restore the number."""
    before = torch.get_num_threads()
    if n_threads != before:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        if n_threads != before:
            torch.set_num_threads(before)


@contextmanager
def limit_threads_for(n_threads, X):
    """Run the block, a few operations on each number of an array, in few threads.

    Those of numpy and SciPy, too, where one is enough.
    """
    n_threads = choose_n_threads(n_threads, _FLOPS_PER_NUMBER * X.size)
    with limit_threads(n_threads):
        if n_threads > 1:
            yield
        else:
            with _linear_algebra().limit(limits=1):
                yield


@functools.cache
def _linear_algebra():
    # To look for the libraries takes some milliseconds.
    return ThreadpoolController().select(user_api="blas")
