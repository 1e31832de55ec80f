"""Numbers of threads of torch and of BLAS: set for a block, then restored."""

import ctypes
import functools
import os
import threading
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def torch_threads(n_threads):
    """Run the block with `n_threads` torch threads in this Python thread.

    `torch.set_num_threads` would also set the initial number of new Python threads: one
    that starts during the block would keep it forever.
    """
    # In a new Python thread, reading the number makes torch set its own, which would
    # otherwise happen within the block.
    before = torch.get_num_threads()
    libraries = _torch_libraries()
    if libraries is None:
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        return
    openmp, set_mkl = libraries
    openmp.set_num_threads(n_threads)
    # A number of MKL itself takes precedence over that of OpenMP.
    mkl_before = set_mkl(n_threads)
    try:
        yield
    finally:
        openmp.set_num_threads(before)
        set_mkl(mkl_before)


@functools.cache
def _torch_libraries():
    """Return torch's OpenMP, and a function that sets MKL's number for a thread.

    None if either is not accessible, as in torch for Windows.
    """
    set_mkl = _no_mkl
    if torch.backends.mkl.is_available():
        # MKL is mostly a part of torch's own library, whose path is not public.
        try:
            library = ctypes.CDLL(torch._C.__file__)
        except (AttributeError, OSError):
            return None
        set_mkl = getattr(library, "MKL_Set_Num_Threads_Local", None)
    loaded = ThreadpoolController().select(user_api="openmp").lib_controllers
    openmp = next(filter(_is_of_torch, loaded), None)
    return None if openmp is None or set_mkl is None else (openmp, set_mkl)


def _no_mkl(n_threads):
    return 0


def _is_of_torch(openmp):
    """Whether torch uses this OpenMP library; scikit-learn may bring another."""
    before = torch.get_num_threads()
    own_before = openmp.num_threads
    openmp.set_num_threads(before + 1)
    is_of_torch = torch.get_num_threads() == before + 1
    openmp.set_num_threads(own_before)
    return is_of_torch


class BlasLimit:
    """The number of threads of BLAS, limited by any number of Python threads at once.

    Most BLAS libraries have one number for the whole process. While several blocks
    limit it, the smallest limit applies, and the last block to end, in any Python
    thread, restores the number. A library over OpenMP has a number for each Python
    thread.

    Parameters
    ----------
    libraries : list of threadpoolctl.LibController
    """

    def __init__(self, libraries):
        self._shared, self._separate = [], []
        for library in libraries:
            is_openmp = getattr(library, "threading_layer", None) == "openmp"
            (self._separate if is_openmp else self._shared).append(library)
        self._lock, self._limits, self._before = threading.Lock(), [], []

    @contextmanager
    def at_most(self, n_threads):
        """Run the block with at most `n_threads` threads of BLAS."""
        own_before = [library.num_threads for library in self._separate]
        for library, number in zip(self._separate, own_before, strict=True):
            library.set_num_threads(min(number, n_threads))
        with self._lock:
            if not self._limits:
                self._before = [library.num_threads for library in self._shared]
            self._change(self._limits.append, n_threads)
        try:
            yield
        finally:
            with self._lock:
                if n_threads in self._limits:  # unless forked within the block
                    self._change(self._limits.remove, n_threads)
            for library, number in zip(self._separate, own_before, strict=True):
                library.set_num_threads(number)

    def _change(self, change, n_threads):
        """Set the numbers after a change of the limits."""
        old = self._numbers()
        change(n_threads)
        for library, is_, wanted in zip(
            self._shared, old, self._numbers(), strict=True
        ):
            # A different number was set by other code in the meantime and is kept.
            if wanted != is_ and library.num_threads == is_:
                _set_for_process(library, wanted)

    def _numbers(self):
        least = min(self._limits, default=None)
        return [n if least is None else min(n, least) for n in self._before]

    def forget(self):
        """End all blocks in a forked process, which has no other Python threads."""
        self._lock = threading.Lock()
        for n_threads in list(self._limits):
            self._change(self._limits.remove, n_threads)


def _set_for_process(library, n_threads):
    # Since version 3.8 threadpoolctl silently ignores a number for OpenBLAS from a
    # Python thread other than the one that set the last number.
    release = getattr(library, "clear_controlling_thread", None)
    if release is None:
        library.set_num_threads(n_threads)
        return
    release(force=True)
    library.set_num_threads(n_threads)
    release()


def limit_blas(n_threads):
    """Return a context with at most `n_threads` threads of numpy's and SciPy's BLAS."""
    return _blas_limit().at_most(n_threads)


@functools.cache
def _blas_limit():
    # Finding the libraries takes some milliseconds.
    limit = BlasLimit(ThreadpoolController().select(user_api="blas").lib_controllers)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=limit.forget)
    return limit
