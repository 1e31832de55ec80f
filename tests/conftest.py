"""What all tests share."""

import torch
from hypothesis import settings

# The tests run in several processes: threads of each would wait for the others'.
torch.set_num_threads(1)

# A test's first call imports and compiles, and other programs may hold the cores.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
