"""Who takes part, in the order of the table."""

import importlib
import importlib.util
from typing import NamedTuple


class Contestant(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    title : str
    function : str
        In a module beside this one, "module.function": ``fit(workload, X)`` that
        returns a `benchmarks.speed.fitted.Fitted`. A name, so that a process imports
        nothing of the others.
    kinds : tuple of str
        Of the workloads it takes part in.
    imports : str
        The module that its users import.
    """

    title: str
    function: str
    kinds: tuple[str, ...]
    imports: str = "torch"

    def load(self):
        """Return the function."""
        module, function = self.function.split(".")
        return getattr(importlib.import_module(f"benchmarks.speed.{module}"), function)

    @property
    def is_installed(self):
        """Whether what it imports is there."""
        return importlib.util.find_spec(self.imports.split(".")[0]) is not None


FLOOR = "floor"
_DENSE = ("dense",)
_CODES = ("dense", "encoder")
_ALL = ("dense", "encoder", "variational", "convolutional")

CONTESTANTS = {
    FLOOR: Contestant("bare products", "floor.fit", _ALL),
    "skae": Contestant("skae, defaults", "ours.defaults", _ALL, "skae"),
    "textbook": Contestant("skae, textbook network", "ours.textbook", _ALL, "skae"),
    "autograd": Contestant(
        "skae, textbook, autograd", "ours.autograd", ("dense", "variational"), "skae"
    ),
    "pca": Contestant("PCA", "scikit_learn.pca", _CODES, "sklearn.decomposition"),
    "mlp": Contestant(
        "MLPRegressor", "scikit_learn.mlp_regressor", _CODES, "sklearn.neural_network"
    ),
    "naive": Contestant("torch, DataLoader", "loops.naive", _ALL),
    "good": Contestant("torch, slices, fused Adam", "loops.good", _ALL),
    "skorch": Contestant("skorch", "peers.skorch", _DENSE, "skorch"),
    "pythae": Contestant(
        "pythae", "peers.pythae", ("dense", "variational"), "pythae.pipelines"
    ),
    "pyod": Contestant(
        "pyod AutoEncoder", "peers.pyod", _DENSE, "pyod.models.auto_encoder"
    ),
    "keras": Contestant(
        "Keras on torch",
        "peers.keras",
        ("dense", "encoder", "variational"),
        "keras",
    ),
}
