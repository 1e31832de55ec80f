"""The one context that makes skae independent of a caller's torch modes."""

from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def own_modes():
    """Run a block, or a decorated function, in torch's default modes.

    Every public method and unpickling enters it: gradients are recorded, and neither a
    caller's ``no_grad`` or ``inference_mode`` nor autocast nor a default device other
    than the CPU has an effect.
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
        yield
