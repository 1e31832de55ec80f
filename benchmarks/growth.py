"""Time and memory of ten times the rows, columns or components; two fits at once.

Rows of low rank with noise. Each line is measured in processes of its own: peak memory
is what a process held at most, beyond what it held once the rows were there.
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_digits

from benchmarks import fresh, models
from benchmarks.report import markdown
from benchmarks.speed.child import median, peak_memory, timed
from benchmarks.speed.workloads import WORKLOADS
from skae import AutoencoderTransformer

_RANK = 50
# Rows that are drawn at once, and rows of a first fit, which warms up.
_FEW = 1000
_EPOCHS = 3
_FITS = 3


class Size(NamedTuple):
    """Of the rows and of the code."""

    rows: int
    columns: int
    components: int


BASE = Size(5_000, 50, 4)


def add_to(commands):
    """Add the sub-command."""
    parser = commands.add_parser("growth", help="time and memory by size; two at once")
    parser.set_defaults(function=run)
    parser.add_argument("--rows", type=int, default=BASE.rows, help="of the first line")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["sizes", "together"])


def run(options):
    """Print the tables."""
    if options.only != "together":
        base = BASE._replace(rows=options.rows)
        print("\nA fit of three epochs, and a transform, of rows in float32\n")
        print(markdown(growth_table(base, options.rounds)))
    if options.only != "sizes":
        print("\nSeconds of a fit, and two at once\n")
        print(markdown(together_table(options.rounds)))


def growth_table(base, rounds):
    """Return medians for a size and for ten times each of its parts."""
    lines = []
    for factor in [None, *Size._fields]:
        size = base
        if factor is not None:
            size = base._replace(**{factor: 10 * getattr(base, factor)})
        results = [
            fresh.run(measure_fit, **size._asdict())
            | fresh.run(measure_transform, **size._asdict())
            for _ in range(rounds)
        ]
        medians = {key: median([r[key] for r in results]) for key in results[0]}
        lines.append(
            {
                **size._asdict(),
                "fit, s": f"{medians['fit']:.2f}",
                "its memory, MB": f"{medians['fit_memory']:.0f}",
                "transform, s": f"{medians['transform']:.3f}",
                "beside the codes, MB": f"{medians['transform_memory']:.0f}",
                "rows, MB": f"{medians['rows_memory']:.0f}",
            }
        )
    return pd.DataFrame(lines)


def measure_fit(rows, columns, components):
    """Return seconds and memory of a fit, and the memory of the rows."""
    make_model(components).fit(draw(_FEW, columns))
    X = draw(rows, columns)
    before = forget_peak()
    seconds, _ = timed(make_model(components).fit, X)
    memory = peak_memory() - before
    return {"fit": seconds, "fit_memory": memory, "rows_memory": _megabytes(X)}


def measure_transform(rows, columns, components):
    """Return seconds and memory of a transform, its result apart."""
    model = make_model(components).fit(draw(_FEW, columns))
    X = draw(rows, columns)
    before = forget_peak()
    seconds, codes = timed(model.transform, X)
    memory = peak_memory() - before - _megabytes(codes)
    return {"transform": seconds, "transform_memory": memory}


def make_model(components):
    """Return the estimator with its defaults, for a few epochs."""
    return AutoencoderTransformer(
        components, n_init=1, max_iter=_EPOCHS, random_state=0
    )


def draw(rows, columns):
    """Return rows of low rank with noise, without a second copy of them."""
    rng = np.random.default_rng(0)
    axes = rng.standard_normal((_RANK, columns), dtype=np.float32)
    X = np.empty((rows, columns), dtype=np.float32)
    for part in np.array_split(X, -(-rows // _FEW)):
        rng.standard_normal(dtype=np.float32, out=part)
        part += rng.standard_normal((len(part), _RANK), dtype=np.float32) @ axes
    return X


def forget_peak():
    """Return the memory held now, from which on the peak is new; Linux only.

    Elsewhere it stays the highest so far, that of the warm-up perhaps.
    """
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")
    return peak_memory()


def _megabytes(array):
    return array.nbytes / 2**20


# Two at once. Steps of the last are worth several threads to a process that is alone.


def fit_digits(parameters):
    """Fit a network to the digits."""
    X = load_digits().data.astype(np.float32)
    AutoencoderTransformer(8, random_state=0, **parameters).fit(X)


def fit_wide(parameters):
    """Fit a network to 784 columns."""
    AutoencoderTransformer(32, random_state=0, **parameters).fit(draw(3000, 784))


_SMALL = models.TEXTBOOK_DENSE | {
    "hidden_layer_sizes": [32],
    "batch_size": WORKLOADS["W1"].batch_size,
    "max_iter": WORKLOADS["W1"].epochs,
}
_WIDE = {"hidden_layer_sizes": [512, 256], "batch_size": 256, "max_iter": 4}
FITS = {
    "digits, 64-32-8": (fit_digits, _SMALL),
    "digits, defaults": (fit_digits, {"max_iter": 30}),
    "3000 x 784, 784-512-256-32": (fit_wide, _WIDE),
}


def together_table(rounds):
    """Return seconds of one fit with one thread, of one alone and of two at once."""
    lines = []
    for name in FITS:
        seconds = {"one thread": [], "alone": [], "two processes": [], "joblib": []}
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        for _ in range(rounds):
            one = fresh.run(time_fits, environment=one_thread, name=name)
            seconds["one thread"].append(one)
            seconds["alone"].append(fresh.run(time_fits, name=name))
            seconds["two processes"] += fresh.run_together(time_fits, 2, name=name)
            seconds["joblib"] += fresh.run(time_in_workers, name=name)
        medians = {way: median(values) for way, values in seconds.items()}
        print(f"{name}: {medians}", file=sys.stderr, flush=True)
        one = medians["one thread"]
        ratios = {
            way: f"{medians[way]:.2f} ({medians[way] / one:.2f})"
            for way in list(seconds)[1:]
        }
        lines.append({"fit": name, "one thread": f"{one:.2f}"} | ratios)
    return pd.DataFrame(lines)


def time_fits(name):
    """Return the median seconds of a few fits, after one that warms up."""
    fit, parameters = FITS[name]
    fit(parameters | {"max_iter": 2})
    return median([timed(fit, parameters)[0] for _ in range(_FITS)])


def time_in_workers(name):
    """Return what two workers of joblib measure at the same time."""
    with Parallel(n_jobs=2) as parallel:
        # Their start and imports are not measured.
        parallel(delayed(_import_slowly)() for _ in range(2))
        return parallel(delayed(time_fits)(name) for _ in range(2))


def _import_slowly():
    """Take long enough for each worker to import this module once."""
    time.sleep(1)
