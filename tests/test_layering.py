"""The shape of the package: layers, private imports, sizes. Reads source text only."""

import ast
import graphlib
import io
import re
import tokenize
from pathlib import Path

import pytest

# Lowest layer first: a module imports only from rows before its own. A name stands for
# a folder, inside which any import without a cycle goes, or for the public module.
LAYERS = (
    ("_utils",),
    ("_functional",),
    ("_networks",),
    ("_training", "plotting"),
    ("_engine", "_parameters"),
    ("_estimators.base",),
    (
        "_estimators.dense",
        "_estimators.images",
        "_estimators.sequences",
        "_estimators.variational",
    ),
    ("_estimators.supervised",),
    ("_estimators.stacked",),
    ("extending",),
    ("_estimators", ""),
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
MAX_FUNCTION, MAX_MODULE = 40, 400
SKAE = Path(__file__).parents[1] / "skae"


def place(name):
    """Rank of a module and the row's name that it belongs to, or None."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (unit := ".".join(parts[:end])) in RANKS and (
            end == len(parts) or unit not in ("", "_estimators")
        ):
            return RANKS[unit], unit
    return None


def find_modules(root):
    """Path of each module by its dotted name below the package, whose own is ''."""
    paths = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


def imports(path, root):
    """(line, absolute dotted name) of everything imported, inside functions too."""
    package = (root.name, *path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            # One leading dot is the package itself, each further one a folder up.
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def inner_imports(path, root, modules):
    """(line, module) of the imports from the package itself."""
    for line, name in imports(path, root):
        package, _, target = name.partition(".")
        if package == root.name:
            while target and target not in modules:  # drop the names in the module
                target = target.rpartition(".")[0]
            yield line, target


def layering_faults(root):
    modules = find_modules(root)
    faults, graph = [], {}
    for source, path in modules.items():
        if place(source) is None:
            faults.append(
                f"{path}: no layer. Move it to one of the folders of LAYERS in "
                "tests/test_layering.py."
            )
            continue
        rank, unit = place(source)
        # A set, as one line may take several names from one module.
        for line, target in sorted(set(inner_imports(path, root, modules))):
            if target == source or place(target) is None:
                continue
            graph.setdefault(source, set()).add(target)
            target_rank, target_unit = place(target)
            if target_unit != unit and target_rank >= rank:
                way = "sideways" if target_rank == rank else "upwards"
                faults.append(
                    f"{path}:{line}: imports {way}, from '{target or root.name}'. Move "
                    "what both need to a lower layer."
                )
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        faults.append("import cycle: " + " <- ".join(error.args[1]))
    return faults


def mentions(path, root):
    """Imports, and dotted names written out in the code such as torch.optim.Adam."""
    yield from imports(path, root)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if re.fullmatch(r"[\w.]+", name):
                yield node.lineno, name


def mention_faults(root, pattern, allowed=()):
    return [
        f"{path}:{line}: {name}"
        for module, path in find_modules(root).items()
        if module not in allowed
        for line, name in sorted(set(mentions(path, root)))
        if re.match(pattern, name)
    ]


# A part with a leading underscore, dunders such as sklearn.__version__ apart.
SKLEARN_PRIVATE = r"sklearn(\.\w+)*?\.(?!__)_"
SLOW_TORCH = r"torch\.(optim|_dynamo)\b"


def code_rows(source):
    """Numbers of the rows that are not blank, a comment or part of a docstring."""
    layout = {"COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"}
    rows = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if tokenize.tok_name[token.type] not in layout:
            rows.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            rows.difference_update(range(node.lineno, node.end_lineno + 1))
    return rows


def only_stores(function):
    """Whether all is `self.a = a`, `super().__init__(a=a)` or a docstring."""
    simple = r"self\.(\w+) = \1|super\(\)\.__init__\([\w=, ]*\)"
    return all(
        re.fullmatch(simple, ast.unparse(node))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )


def size_faults(root):
    faults = []
    for path in find_modules(root).values():
        source = path.read_text("utf-8")
        if (length := len(source.splitlines())) > MAX_MODULE:
            faults.append(f"{path}: {length} lines, at most {MAX_MODULE}")
        rows = code_rows(source)
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            # The signature of __init__ is the table of parameters, not code.
            is_init = node.name == "__init__"
            start = node.body[0].lineno if is_init else node.lineno
            length = len(rows.intersection(range(start, node.end_lineno + 1)))
            if length > MAX_FUNCTION and not (is_init and only_stores(node)):
                faults.append(
                    f"{path}:{node.lineno}: {node.name} has {length} lines of code, "
                    f"at most {MAX_FUNCTION}"
                )
    return faults


def check(faults):
    assert not faults, "\n" + "\n".join(faults)


def test_imports_go_strictly_downwards():
    assert "" in find_modules(SKAE)
    check(layering_faults(SKAE))


def test_one_module_uses_private_names_of_scikit_learn():
    allowed = ("_utils.sklearn_compat",)
    check(mention_faults(SKAE, SKLEARN_PRIVATE, allowed=allowed))


def test_slow_parts_of_torch_are_not_used():
    check(mention_faults(SKAE, SLOW_TORCH))


def test_functions_and_modules_are_short():
    check(size_faults(SKAE))


def test_one_module_of_the_tests_reaches_the_engine():
    """In strings, too, by which monkeypatch may find a module."""
    name = ".".join(["skae", "_engine"])
    tests = Path(__file__).parent.glob("*.py")
    assert [path.name for path in tests if name in path.read_text("utf-8")] == [
        "engine.py"
    ]


# The checks above can fail: the same functions on small trees.


@pytest.fixture
def tree(tmp_path):
    """Write {path: source} as a package and give its root."""

    def write(files):
        for name, source in {"__init__.py": "", **files}.items():
            path = tmp_path / "skae" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return tmp_path / "skae"

    return write


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__init__.py", "from skae._estimators.dense.sparse import A"),
        ("_estimators/dense/sparse.py", "from ..base.fitted import A"),
        ("_estimators/stacked/a.py", "from skae._estimators.dense import sparse"),
        ("_estimators/base/fitted.py", "import skae._training.loop"),
        ("_training/loop.py", "from .._networks.dense import Dense"),
        ("_training/loop.py", "from .optimizers import adam"),
        ("_networks/dense.py", "from skae._utils.random import x\nimport numpy.random"),
        ("plotting/_curve.py", "from skae.plotting._style import x"),
    ],
)
def test_downward_imports_are_accepted(tree, path, source):
    stubs = "_utils/random _networks/dense _training/loop _training/optimizers"
    stubs += " _estimators/base/fitted _estimators/dense/sparse plotting/_style"
    files = {f"{name}.py": "" for name in stubs.split()}
    assert layering_faults(tree(files | {path: source})) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("_functional/a.py", "from .._training import loop", "upwards, from"),
        ("_utils/random.py", "from skae import A", "upwards, from 'skae'"),
        ("_estimators/images/a.py", "from ..dense.sparse import A", "sideways"),
        ("_estimators/base/a.py", "from ..dense.sparse import A", "upwards"),
        ("_engine/fit.py", "from .._estimators.base import A", "upwards"),
        ("_engine/fit.py", "def f():\n    import skae._parameters.shared", "sideways"),
        ("_training/loop.py", "from skae._training import stop", "import cycle"),
        ("utils.py", "", "no layer. Move it"),
        ("_estimators/more/a.py", "", "no layer. Move it"),
    ],
)
def test_other_imports_are_refused(tree, path, source, fault):
    files = {
        "_estimators/base/__init__.py": "",
        "_estimators/dense/sparse.py": "",
        "_parameters/shared.py": "",
        "_training/loop.py": "",
        "_training/stop.py": "from .loop import A",
    }
    (found,) = layering_faults(tree(files | {path: source}))
    assert fault in found


@pytest.mark.parametrize(
    ("pattern", "source", "expected"),
    [
        (SKLEARN_PRIVATE, "from sklearn.base import _fit_context", 1),
        (SKLEARN_PRIVATE, "def f():\n    import sklearn.utils._tags", 1),
        (SKLEARN_PRIVATE, "from sklearn.utils._tags import Tags", 1),
        (SKLEARN_PRIVATE, "import sklearn\nsklearn.base._fit_context", 1),
        (SKLEARN_PRIVATE, "from sklearn.base import clone\nfrom ._x import _y", 0),
        (SKLEARN_PRIVATE, "import sklearn\nsklearn.__version__", 0),
        (SLOW_TORCH, "import torch.optim as o", 1),
        (SLOW_TORCH, "from torch import optim", 1),
        (SLOW_TORCH, "from torch._dynamo import disable", 1),
        (SLOW_TORCH, "import torch\ntorch.optim", 1),
        (SLOW_TORCH, "from skae._training.optimizers import adam", 0),
    ],
)
def test_forbidden_names_are_found(tree, pattern, source, expected):
    root = tree({"losses.py": source, "compat.py": "from sklearn import _x"})
    assert len(mention_faults(root, pattern, allowed=("compat",))) == expected


def body(n_rows, statement="    a = {0}\n"):
    return "".join(statement.format(row) for row in range(n_rows))


STORES = body(MAX_FUNCTION + 1, "        self.a{0} = a{0}\n")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n" + body(MAX_FUNCTION), 1),
        ("async def f():\n" + body(MAX_FUNCTION), 1),
        ("def f(\n    x,\n):\n" + body(MAX_FUNCTION - 2), 1),
        ("def f():\n" + body(MAX_FUNCTION - 1), 0),
        ("def f():\n    '''\n\n    '''\n    # Why.\n\n" + body(MAX_FUNCTION - 1), 0),
        ("class A:\n    def __init__(self):\n        'Doc.'\n" + STORES, 0),
        ("class A:\n    def __init__(self):\n" + STORES + "        self.b = 1\n", 1),
        ("class A:\n    def f(self):\n" + STORES, 1),
        ("# Why.\n" * MAX_MODULE, 0),
        ("# Why.\n" * (MAX_MODULE + 1), 1),
    ],
)
def test_long_code_is_found(tree, source, expected):
    assert len(size_faults(tree({"losses.py": source}))) == expected
