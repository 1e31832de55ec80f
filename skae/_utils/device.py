"""Choice of the device of a fit."""

import torch

# Below this, the transfer and the launches of kernels cost more than the fit.
_FLOPS_WORTH_A_GPU = 1e12


def resolve_device(device, flops=0.0):
    """Return the `torch.device` for `device`: one itself, a name or "auto".

    "auto" means a GPU if one is available and the work of the whole fit, `flops`, is
    worth the transfer; otherwise the CPU.

    Raises
    ------
    ValueError
        If the device is invalid or not available.
    """
    if isinstance(device, str) and device == "auto":
        worth_it = flops >= _FLOPS_WORTH_A_GPU and torch.cuda.is_available()
        return torch.device("cuda" if worth_it else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            "The 'device' parameter must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'. "
            f"Got {device!r} instead."
        ) from error
    available = {
        "cpu": lambda: True,
        "cuda": lambda: (resolved.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available,
    }
    if not available.get(resolved.type, lambda: False)():
        raise ValueError(
            f"The 'device' parameter is {device!r}, which is not available here. "
            "Use device='auto' to fall back to the CPU."
        )
    return resolved


def inference_device(device, dtype):
    """Return `device`, or the CPU if `device` lacks float64."""
    if device.type == "mps" and dtype == torch.float64:
        return torch.device("cpu")
    return device
