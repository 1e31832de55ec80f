"""What all tests share."""

import torch

# The tests run in several processes: threads of each would wait for the others'.
torch.set_num_threads(1)
