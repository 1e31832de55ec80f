"""Seconds of fitting until held-out images are reconstructed as well as by others.

MNIST, 60,000 rows, 784-512-256-32 and back, batches of 256; the error is the mean
squared one of a pixel of the official test part. The clock of skae's fits stands still
while an epoch is judged; the others are judged once, after their last epoch.
"""

import csv
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import fresh, mnist, models
from benchmarks.report import markdown
from benchmarks.speed.child import timed
from benchmarks.speed.contestants import CONTESTANTS
from benchmarks.speed.workloads import WORKLOADS

_WORKLOAD = WORKLOADS["W2"]
_OURS = {"skae": "skae, defaults", "textbook": "skae, textbook network"}
_PEERS = ("pca", "mlp", "good", "skorch", "pythae", "keras")
_FIELDS = ["contestant", "rows", "epochs", "epoch", "seconds", "error"]
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "torch",
    "TQDM_DISABLE": "1",
}


class Stopwatch:
    """A callback of scikit-learn's that notes time and error of each epoch.

    Parameters
    ----------
    X : ndarray
        Held-out rows.

    Attributes
    ----------
    points : list of tuple
        Seconds since this object was made, those of judging apart, and the error.
    """

    def __init__(self, X):
        self.X = X
        self.points = []
        self._running_since = time.perf_counter()
        self._seconds = 0.0

    def setup(self, estimator, context):
        """Nothing to set up."""

    def on_fit_task_begin(self, estimator, context):
        """Stop the clock: an epoch is reported once it is over."""
        if context.task_name == "epoch":
            self._seconds += time.perf_counter() - self._running_since

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """Judge the epoch and start the clock again; never stop the fit."""
        if context.task_name == "epoch":
            error = squared_error(fitted_estimator.reconstruct, self.X)
            self.points.append((self._seconds, error))
            self._running_since = time.perf_counter()
        return False

    def teardown(self, estimator, context):
        """Nothing to take down."""


def add_to(commands):
    """Add the sub-command."""
    names = [*_OURS, *_PEERS]
    parser = mnist.add_command(
        commands, "time-to-quality", run, "seconds to the errors of others, MNIST"
    )
    parser.add_argument("--contestants", nargs="+", choices=names, default=names)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=60_000, help="to train on")
    parser.add_argument("--output", help="CSV file; its contestants are not run again")
    parser.add_argument("--picture", help="file of the figure")


def run(options):
    """Measure who is not in the CSV file yet, then print the table."""
    split = mnist.load(options.openml)
    missing = [CONTESTANTS[n].title for n in _PEERS if not CONTESTANTS[n].is_installed]
    if missing:
        print(f"Not installed: {', '.join(missing)}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.output or Path(folder) / "curves.csv")
        data = Path(folder) / "mnist.npz"
        np.savez(data, train=split.X_train[: options.rows], test=split.X_test)
        size = {"rows": options.rows, "epochs": options.epochs}
        for name in options.contestants:
            if CONTESTANTS[name].is_installed and curves(path, name, **size).empty:
                result = fresh.run(
                    measure, environment=_ENVIRONMENT, name=name, data=str(data), **size
                )
                _append(path, name, size, result)
        table = curves(path, **size)
    print(f"\nSeconds to an error below, {options.rows} rows\n")
    print(markdown(seconds_to_reach(table)))
    if options.picture:
        draw(table, options.picture)


def measure(name, data, rows, epochs):
    """Return ``(seconds, error)`` after epochs of one contestant's fit."""
    with np.load(data) as arrays:
        X, X_test = arrays["train"], arrays["test"]
    few = X[: 3 * _WORKLOAD.batch_size]
    if name in _OURS:
        make_model(name, epochs=1).fit(few)
        stopwatch = Stopwatch(X_test)
        make_model(name, epochs).set_callbacks(stopwatch).fit(X)
        return stopwatch.points
    fit = CONTESTANTS[name].load()
    fit(_WORKLOAD._replace(epochs=1), few)
    seconds, fitted = timed(fit, _WORKLOAD._replace(epochs=epochs), X)
    return [(seconds, squared_error(fitted.reconstruct, X_test))]


def make_model(name, epochs):
    """Return the estimator, which runs all the epochs."""
    parameters = models.TEXTBOOK_DENSE if name == "textbook" else {}
    workload = _WORKLOAD._replace(epochs=epochs)
    return models.make(workload, n_iter_no_change=epochs, **parameters)


def squared_error(reconstruct, X):
    """Return the mean squared error of the values."""
    return float(np.square(X - reconstruct(X), dtype=np.float64).mean())


def curves(path, name=None, *, rows, epochs):
    """Return the points in a CSV file of fits of this size, none without a file."""
    if not path.exists():
        return pd.DataFrame(columns=_FIELDS)
    table = pd.read_csv(path)
    table = table[(table["rows"] == rows) & (table["epochs"] == epochs)]
    return table if name is None else table[table["contestant"] == name]


def _append(path, name, size, points):
    is_new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(_FIELDS)
        # Those who are judged once, after the last of their epochs.
        first = size["epochs"] - len(points) + 1
        for epoch, point in enumerate(points, first):
            writer.writerow([name, *size.values(), epoch, *point])
    seconds, error = points[-1]
    print(f"{name}: {error:.5f} after {seconds:.1f} s", file=sys.stderr, flush=True)


def seconds_to_reach(table):
    """Return one line for each peer: its error and when skae's fits were below."""
    last = table.groupby("contestant").last()
    lines = []
    for name in [n for n in [*_PEERS, *_OURS] if n in last.index]:
        seconds, error = last.loc[name, ["seconds", "error"]]
        reached = {
            title: _first_below(table[table["contestant"] == ours], error)
            for ours, title in _OURS.items()
        }
        line = {"error of": CONTESTANTS[name].title, "error": f"{error:.5f}"}
        lines.append(line | {"its own seconds": f"{seconds:.1f}"} | reached)
    return pd.DataFrame(lines)


def _first_below(curve, error):
    below = curve[curve["error"] <= error]
    if below.empty:
        return "-"
    first = below.iloc[0]
    return f"{first['seconds']:.1f} (epoch {first['epoch']:.0f})"


def draw(table, path):
    """Write the figure of held-out error against seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name in [n for n in [*_OURS, *_PEERS] if n in set(table["contestant"])]:
        curve = table[table["contestant"] == name]
        form, label = ".-" if name in _OURS else "o", CONTESTANTS[name].title
        axes.plot(curve["seconds"], curve["error"], form, label=label)
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel="seconds of fitting", ylabel="mean squared error, test part")
    axes.legend()
    figure.savefig(path, dpi=150)
