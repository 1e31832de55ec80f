"""What is imported is declared, and what importing and fitting loads."""

import ast
import pickle
import pickletools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import skae.extending
import skae.plotting

ROOT = Path(__file__).parents[1]
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}

_FIT = """
import sys
import numpy as np
import skae
X = np.random.RandomState(0).normal(size=(120, 5))
small = skae.DenoisingAutoencoder(2, max_iter=2, early_stopping=False)
for name in skae.__all__:
    first = small if name in ("AutoencoderClassifier", "AutoencoderRegressor") else 2
    model = getattr(skae, name)(first, max_iter=2, early_stopping=False)
    model.fit(X, X[:, 0] > 0).transform(X)
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


def top_level_imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def imported_distributions():
    found = {
        name for path in ROOT.glob("skae/**/*.py") for name in top_level_imports(path)
    }
    return {
        _DISTRIBUTIONS.get(name, name)
        for name in found - sys.stdlib_module_names - {"skae"}
    }


def declared_distributions():
    """Return those that skae requires, and the one of its displays."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["plot"]
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def test_what_is_imported_is_declared_and_the_other_way_round():
    assert imported_distributions() == declared_distributions()


# Each has a fallback, and a test without the private names.
_HAVE_FALLBACKS = {
    "_networks/activations.py": "torch.ops",
    "_training/optimizers.py": "torch._fused_adam_",
    "_utils/thread_counts.py": "torch._C",
}


def test_private_names_of_torch_have_fallbacks():
    found = {
        path.relative_to(ROOT / "skae").as_posix(): name
        for path in ROOT.glob("skae/**/*.py")
        for name in re.findall(
            r"\btorch\.(?:\w+\.)*?(?:_\w+|ops)\b", path.read_text("utf-8")
        )
    }
    assert found == _HAVE_FALLBACKS


def test_the_worked_variants_need_the_public_names_alone():
    example = (ROOT / "examples/laplacian_autoencoder.py").read_text()
    guide = (ROOT / "docs/add_a_variant.rst").read_text()
    for text in (example, guide):
        modules = re.findall(r"(?:from|import) (skae[\w.]*)", text)
        assert set(modules) == {"skae.extending"}


def test_the_worked_variant_is_as_long_as_the_guide_promises():
    path = ROOT / "examples/laplacian_autoencoder.py"
    tree = ast.parse(path.read_text())
    rows = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            rows.update(range(node.lineno, node.end_lineno + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            rows -= set(range(node.lineno, node.end_lineno + 1))
    lines = path.read_text().splitlines()
    assert 45 <= sum(bool(lines[row - 1].strip()) for row in rows) <= 60


def test_a_user_sees_no_private_module():
    names = {name for name in vars(skae) if not name.startswith("_")}
    assert names - {"plotting", "extending"} == set(skae.__all__)


@pytest.mark.parametrize("module", [skae, skae.plotting], ids=lambda m: m.__name__)
def test_public_classes_name_the_public_module(module):
    for name in module.__all__:
        assert getattr(module, name).__module__ == module.__name__
        reference = pickletools.genops(pickle.dumps(getattr(module, name)))
        assert module.__name__ in [argument for _, argument, _ in reference]
