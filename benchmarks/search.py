"""A search among many candidates, and what it takes to start a process.

16 learning rates x 5 folds of the digits by ``GridSearchCV(n_jobs=2)``, network
64-32-8-32-64, batches of 200. Cold: from the start of the process to the end of the
first search, the start of the workers and all imports included. Warm: the same search
again.
"""

import importlib.util
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_regressor
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from benchmarks import fresh, models
from benchmarks.report import markdown
from benchmarks.speed.child import median, timed
from benchmarks.speed.contestants import CONTESTANTS
from benchmarks.speed.workloads import WORKLOADS

_NETWORK = WORKLOADS["W1"]
_N_FOLDS, _N_JOBS = 5, 2
# The other rows judge the best candidate.
_N_TRAIN = 1500

_FIT = "{}.fit(np.random.RandomState(0).normal(size=(600, 64)))"
# What a process may begin with, by what it needs to be installed.
STARTS = {
    "import sklearn.neural_network": "sklearn",
    "import torch": "torch",
    "import torch, sklearn.neural_network": "torch",
    "import skae": "skae",
    "import numpy as np, skae; "
    + _FIT.format("skae.AutoencoderTransformer(8, max_iter=1)"): "skae",
    "import skorch": "skorch",
    "import pythae.pipelines": "pythae",
    "import keras": "keras",
}


class TorchLoop(BaseEstimator):
    """The least that makes an estimator of the usual training loop."""

    def __init__(self, learning_rate_init=1e-3, max_iter=100):
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter

    def fit(self, X, y=None):
        """Fit the network of the workload."""
        workload = _NETWORK._replace(
            learning_rate=self.learning_rate_init, epochs=self.max_iter
        )
        self.reconstruct = CONTESTANTS["naive"].load()(workload, X).reconstruct
        return self

    def score(self, X, y=None):
        """Return the share of the variance that is reconstructed."""
        return 1 - unexplained(X, self.reconstruct(X))


def textbook(epochs):
    """Return the plain network."""
    return models.make(_NETWORK._replace(epochs=epochs), **models.TEXTBOOK_DENSE)


def defaults(epochs):
    """Return the same network with all else as it is by default."""
    return models.make(_NETWORK._replace(epochs=epochs))


def mlp_regressor(epochs):
    """Return scikit-learn's perceptron."""
    from sklearn.neural_network import MLPRegressor

    widths = _NETWORK.widths
    return MLPRegressor(
        hidden_layer_sizes=widths[1:] + widths[-2:0:-1],
        alpha=0.0,
        batch_size=_NETWORK.batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=0,
    )


def skorch_regressor(epochs):
    """Return skorch's regressor."""
    import torch
    from skorch import NeuralNetRegressor

    from benchmarks.speed.networks import Dense

    return NeuralNetRegressor(
        Dense,
        module__widths=_NETWORK.widths,
        optimizer=torch.optim.Adam,
        max_epochs=epochs,
        batch_size=_NETWORK.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def torch_loop(epochs):
    """Return an estimator around a torch loop."""
    return TorchLoop(max_iter=epochs)


class Searched(NamedTuple):
    """Whose candidates are tried: ``make(epochs)``, and the name of its rate."""

    title: str
    make: object
    rate: str = "learning_rate_init"
    imports: str = "skae"

    @property
    def is_installed(self):
        """Whether what it imports is there."""
        return importlib.util.find_spec(self.imports) is not None


SEARCHED = {
    "textbook": Searched("skae, textbook network", textbook),
    "skae": Searched("skae, defaults", defaults),
    "mlp": Searched("MLPRegressor", mlp_regressor, imports="sklearn"),
    "skorch": Searched("skorch", skorch_regressor, "lr", "skorch"),
    "loop": Searched("torch, DataLoader", torch_loop, imports="torch"),
}


def add_to(commands):
    """Add the sub-command."""
    parser = commands.add_parser("search", help="many candidates; start of a process")
    parser.set_defaults(function=run)
    parser.add_argument("--searched", nargs="+", choices=SEARCHED, default=SEARCHED)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=["searches", "starts"])


def run(options):
    """Print the table of searches and that of starts."""
    if options.only != "starts":
        run_searches(options)
    if options.only != "searches":
        print("\nFrom the start of a process to its end, in seconds\n")
        print(markdown(starts_table(max(5, options.rounds))))


def run_searches(options):
    """Print the table of searches."""
    missing = [s.title for s in SEARCHED.values() if not s.is_installed]
    if missing:
        print(f"Not installed: {', '.join(missing)}.")
    names = [name for name in options.searched if SEARCHED[name].is_installed]
    results = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            result = fresh.run(
                search_twice,
                # scikit-learn's of fits that stop at their last epoch.
                environment={"PYTHONWARNINGS": "ignore"},
                name=name,
                started=time.time(),
                epochs=options.epochs,
                n_candidates=options.candidates,
            )
            print(f"{name}: {result}", file=sys.stderr, flush=True)
            results[name].append(result)
    print(
        f"\nSearch, {options.candidates} candidates x {_N_FOLDS} folds of the digits\n"
    )
    print(markdown(search_table(results)))


def search_twice(name, started, epochs, n_candidates):
    """Return seconds of a search since `started` and of the same again, and the error.

    `started` is a `time.time()`, from before the process began.
    """
    X = load_digits().data.astype(np.float32) / 16
    search = make_search(name, epochs, n_candidates)
    train, held_out = X[:_N_TRAIN], X[_N_TRAIN:]
    y = train if is_regressor(search.estimator) else None
    search.fit(train, y)
    cold = time.time() - started
    warm, _ = timed(search.fit, train, y)
    best = search.best_estimator_
    reconstruct = best.predict if is_regressor(best) else best.reconstruct
    error = unexplained(held_out, reconstruct(held_out))
    return {"cold": cold, "warm": warm, "error": error}


def make_search(name, epochs, n_candidates):
    """Return the `GridSearchCV`, with the estimators' own scores."""
    searched = SEARCHED[name]
    rates = [float(rate) for rate in np.geomspace(3e-4, 3e-2, n_candidates)]
    return GridSearchCV(
        searched.make(epochs), {searched.rate: rates}, cv=_N_FOLDS, n_jobs=_N_JOBS
    )


def unexplained(X, reconstruction):
    """Return the share of the variance of X that is not reconstructed."""
    total = np.square(X - X.mean(axis=0), dtype=np.float64).sum()
    return float(np.square(X - reconstruction, dtype=np.float64).sum() / total)


def search_table(results):
    """Return medians, and the time of each as a multiple of the first one's."""
    medians = {
        name: {field: median([row[field] for row in rows]) for field in rows[0]}
        for name, rows in results.items()
    }
    first = next(iter(medians.values()))
    lines = [
        {
            "estimator": SEARCHED[name].title,
            "warm, s": f"{row['warm']:.1f}",
            "times the first": f"{row['warm'] / first['warm']:.1f}",
            "cold, s": f"{row['cold']:.1f}",
            "times the first, cold": f"{row['cold'] / first['cold']:.1f}",
            "unexplained, held out": f"{row['error']:.3f}",
        }
        for name, row in medians.items()
    ]
    return pd.DataFrame(lines)


def starts_table(rounds):
    """Return the seconds of processes that do what `STARTS` says, in alternation."""
    codes = [c for c, needs in STARTS.items() if importlib.util.find_spec(needs)]
    seconds = {code: [] for code in codes}
    for _ in range(rounds):
        for code in codes:
            seconds[code].append(timed(_run_code, code)[0])
    return pd.DataFrame(
        {"process": f"`{code}`", "median, s": f"{median(seconds[code]):.2f}"}
        for code in codes
    )


def _run_code(code):
    environment = fresh.environment_of_child(KERAS_BACKEND="torch")
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
