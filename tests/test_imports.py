"""What importing and fitting loads, in a fresh process."""

import subprocess
import sys

_FIT = """
import sys
import numpy as np
import skae
X = np.random.RandomState(0).normal(size=(120, 5))
small = skae.DenoisingAutoencoder(2, max_iter=2)
for name in skae.__all__:
    first = small if name in ("AutoencoderClassifier", "AutoencoderRegressor") else 2
    getattr(skae, name)(first, max_iter=2).fit(X, X[:, 0] > 0).transform(X)
print(*[name for name in sys.modules if name.startswith({prefixes})])
"""


def loaded_by_a_fit(*prefixes):
    program = _FIT.format(prefixes=prefixes)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return result.stdout.split()


def test_a_fit_loads_no_compiler_and_no_plotting():
    assert not loaded_by_a_fit("torch._dynamo", "torch._inductor", "sympy")
    assert not loaded_by_a_fit("matplotlib")
