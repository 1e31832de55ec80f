"""The one context of the public methods: torch's modes and threads are skae's own."""

from contextlib import ExitStack, contextmanager

import torch

from skae._utils.threads import public_threads


@contextmanager
def own_context(n_threads=1):
    """Run a block, or a decorated function, independently of the caller's torch.

    Every public method that computes, and unpickling, enters it: gradients are
    recorded, and neither a caller's ``no_grad`` or ``inference_mode`` nor autocast nor
    a default device other than the CPU has an effect. The number of threads is that of
    `public_threads`.

    Parameters
    ----------
    n_threads : int or None
        The estimator's parameter; None lets the work of each step choose.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(public_threads(n_threads))
        yield
