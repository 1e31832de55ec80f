"""The documentation says what the code has: every name, parameter and default."""

import inspect
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from _defaults_table import defaults_table, public_estimators
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import skae
import skae.plotting
from skae._parameters.document import Parameter, document
from skae._parameters.shared import PARAMETERS
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import integers_from, reals

ROOT = Path(__file__).parents[1]
ESTIMATORS = public_estimators(skae)

# Missing or wrong: docstring, summary, parameters and their types and texts, returns.
_ERRORS = {
    *("GL03", "GL05", "GL06", "GL07", "GL08"),
    *("SS01", "SS02", "SS03", "SS04", "SS06"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10"),
    *("RT01", "RT03", "RT04", "RT05"),
}
_ERRORS_OF_CLASSES = {*_ERRORS, "EX01", "SA01", "ES01"}

_STACKED = ("StackedDAEClassifier", "StackedDAERegressor")
_FINETUNED = ("AutoencoderClassifier", "AutoencoderRegressor")
# Defaults that are meant to differ from those of the other estimators.
_OWN_DEFAULTS = {
    "linear_path": {"DenoisingAutoencoder": "denoiser", "VAETransformer": "ppca"},
    "hidden_layer_sizes": {
        "ContractiveAutoencoder": (),
        "SparseAutoencoder": (),
        **dict.fromkeys(_STACKED, (256, 256, 256)),
        **dict.fromkeys(_FINETUNED, ()),
    },
    "alpha": dict.fromkeys(
        ("ContractiveAutoencoder", "RecurrentAutoencoder", "StackedAutoencoder"), 0.0
    ),
    "learning_rate_init": dict.fromkeys(
        ("ConvolutionalAutoencoder", "RecurrentAutoencoder"), 0.01
    ),
    "activation": dict.fromkeys(_STACKED + _FINETUNED, "relu"),
    "dropout": dict.fromkeys(_STACKED + _FINETUNED, 0.3),
    "n_iter_no_change": dict.fromkeys(_STACKED + _FINETUNED, 20),
}


def public_classes():
    for module in (skae, skae.plotting):
        for name in module.__all__:
            yield f"{module.__name__}.{name}", getattr(module, name)


def public_methods():
    """Yield those that are skae's own, not scikit-learn's."""
    for path, cls in public_classes():
        for name, method in inspect.getmembers(cls, inspect.isroutine):
            own = str(getattr(method, "__module__", None)).startswith("skae")
            if own and not name.startswith("_"):
                yield f"{path}.{name}"


def errors_of(path, codes):
    return [error for error in validate(path)["errors"] if error[0] in codes]


@pytest.mark.parametrize("path", [path for path, _ in public_classes()])
def test_docstrings_of_classes(path):
    assert errors_of(path, _ERRORS_OF_CLASSES) == []


@pytest.mark.parametrize("path", list(public_methods()))
def test_docstrings_of_methods(path):
    assert errors_of(path, _ERRORS) == []


@pytest.mark.parametrize("estimator", [cls for _, cls in public_classes()])
def test_docstrings_are_filled(estimator):
    methods = [method for _, method in inspect.getmembers(estimator, callable)]
    for documented in (estimator, *methods):
        assert not re.search(r"^ *\{\w+\}$", inspect.getdoc(documented) or "", re.M)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fitted_attributes_are_documented(estimator):
    X = np.random.RandomState(0).normal(size=(20, 3))
    # The first parameter is a size, of the code or of the hidden layers, or what has
    # one.
    first = 2 if estimator.__name__ not in _FINETUNED else skae.SparseAutoencoder(2)
    fitted = estimator(first).fit(X, np.arange(20) % 2)
    documented = [p.name for p in ClassDoc(estimator)["Attributes"]]
    documented = {name for names in documented for name in names.split(", ")}
    kept = {name for name in vars(fitted) if name.endswith("_") and name[0] != "_"}
    # Only data with names of columns leave names.
    modules = {name for name in ("encoder_", "decoder_") if hasattr(fitted, name)}
    assert documented == kept | modules | {"feature_names_in_"}


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_shared_parameters_have_one_default(name):
    defaults = {
        estimator.__name__: parameters[name].default
        for estimator in ESTIMATORS
        if name in (parameters := inspect.signature(estimator).parameters)
    }
    assert defaults, "no estimator has it: take it out of skae/_parameters/shared.py"
    own = _OWN_DEFAULTS.get(name, {})
    assert {estimator: defaults.pop(estimator) for estimator in own} == own
    assert len(set(defaults.values())) == 1, defaults


_TABLE = {
    "size": Parameter([integers_from(1), reals(0, 1, "left"), None], "Its size."),
    "kind": Parameter([StrOptions({"b", "a", "c"})], "Its kind."),
    "limit": Parameter([reals(0, None, "neither"), StrOptions({"auto"})], "Not here."),
}


def test_document_fills_a_docstring_and_sets_the_constraints():
    @document(
        _TABLE, "own_ : int\n    Mine.", "own_ : int\n    Theirs.", kind="My kind."
    )
    class Documented:
        """Summary.

        {parameters}

        {attributes}
        """

        def __init__(self, kind="c", size=None): ...

    assert inspect.getdoc(Documented).splitlines()[2:] == [
        "kind : {'c', 'a', 'b'}, default='c'",
        "    My kind.",
        "size : int, float in [0, 1) or None, default=None",
        "    Its size.",
        "",
        "own_ : int",
        "    Mine.",
    ]
    constraints = Documented._parameter_constraints
    assert constraints == {n: _TABLE[n].constraint for n in ("kind", "size")}


def test_defaults_table_is_complete():
    lines = defaults_table(ESTIMATORS).splitlines()
    named = {line.removeprefix("   * - ") for line in lines if "   * - " in line}
    wanted = {name for cls in ESTIMATORS for name in inspect.signature(cls).parameters}
    assert named == wanted | {"parameter"}


def test_api_reference_names_everything_public():
    listed = {line.strip() for line in (ROOT / "docs/api.rst").read_text().splitlines()}
    assert listed.issuperset({*skae.__all__, *skae.plotting.__all__})


def test_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == skae.__version__
