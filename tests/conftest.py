"""What all tests share."""

import pytest
import torch
from hypothesis import settings

# The tests run in several processes: threads of each would wait for the others'.
torch.set_num_threads(1)

# A test's first call imports and compiles, and other programs may hold the cores.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Modules whose tests each take seconds, or are many: `make test-fast` leaves them out.
_SLOW_MODULES = {
    "test_benchmarks",
    "test_benchmarks_speed",
    "test_contract",
    "test_finite",
    "test_forks",
    "test_graded",
    "test_partial_fit_scales",
    "test_predictor_scales",
    "test_restarts",
    "test_silent_traps",
    "test_sklearn_callbacks",
    "test_sklearn_checks",
    "test_units",
    "test_vae_noise",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in _SLOW_MODULES:
            item.add_marker(pytest.mark.slow)
