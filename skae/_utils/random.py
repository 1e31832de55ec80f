"""Random numbers of a fit, from its own generator and never the global one."""

import numpy as np
import torch
from sklearn.utils import check_random_state

_LARGEST_SEED = np.iinfo(np.int32).max


def draw_seed(random_state):
    """Draw one seed from `random_state` (int, RandomState or None).

    An int gives the same seed each time; None reads numpy's global state, as everywhere
    in scikit-learn.
    """
    return int(check_random_state(random_state).randint(_LARGEST_SEED))


def make_generator(seed, device="cpu"):
    """Return a `torch.Generator` on `device` that starts at `seed`."""
    return torch.Generator(device=device).manual_seed(seed)
