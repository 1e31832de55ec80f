"""The contestants in turn, each in a fresh process, round after round."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd

from benchmarks.datasets import Missing
from benchmarks.speed.contestants import CONTESTANTS
from benchmarks.speed.data import LOADERS
from benchmarks.speed.workloads import WORKLOADS

KEY = ["round", "workload", "contestant", "n_rows", "n_threads"]
FIELDS = [
    *KEY,
    *("seconds", "epochs_seconds", "error", "one_row_seconds"),
    *("import_seconds", "first_fit_seconds", "peak_mb"),
]
_ROOT = Path(__file__).parents[2]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "torch",
    "TQDM_DISABLE": "1",
}


class Task(NamedTuple):
    """One process. `workload` has its rows and threads as numbers."""

    round: int
    name: str
    contestant: str
    workload: tuple
    twice: bool = False

    @property
    def key(self):
        """Values of the columns `KEY`."""
        workload = self.workload
        return (
            *(self.round, self.name, self.contestant),
            *(workload.n_rows, workload.n_threads),
        )


def tasks(workloads, contestants, n_rounds, done=(), *, twice=False):
    """Yield what is not done: round by round, the contestants of a workload in turn.

    Parameters
    ----------
    workloads : dict of Workload by name
        With rows and threads as numbers.
    contestants : list of str
        Those that are installed.
    n_rounds : int
    done : container of tuple
        Values of the columns `KEY`.
    twice : bool
        Whether to fit with twice the epochs, too.
    """
    for i in range(n_rounds):
        for name, workload in workloads.items():
            for contestant in contestants:
                task = Task(i, name, contestant, workload, twice)
                takes_part = workload.kind in CONTESTANTS[contestant].kinds
                if takes_part and task.key not in done:
                    yield task


def save_data(names, folder, openml=False):
    """Write the data of workloads as .npy; return the shapes by the name of the data.

    What is missing is named and left out.
    """
    shapes = {}
    for data in {WORKLOADS[name].data for name in names}:
        try:
            X = LOADERS[data](openml)
        except Missing as missing:
            print(f"Left out: {missing}", file=sys.stderr)
            continue
        np.save(data_path(folder, data), X)
        shapes[data] = X.shape
    return shapes


def data_path(folder, data):
    """Return the file of a data set."""
    return Path(folder) / f"{data}.npy"


def with_numbers(workload, shape, n_rows=None, n_threads=None):
    """Return the workload with the numbers of rows and threads filled in."""
    limits = [shape[0], workload.n_rows, n_rows]
    if workload.data == "digits":
        limits = limits[:1]
    return workload._replace(
        n_rows=min(limit for limit in limits if limit is not None),
        n_threads=n_threads or workload.n_threads or joblib.cpu_count(),
    )


def run_all(remaining, folder, path):
    """Run the tasks, append each one's row to the CSV file at `path`."""
    is_new = not Path(path).exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if is_new:
            writer.writeheader()
        for task in remaining:
            result = run(task, folder)
            if result is not None:
                writer.writerow(dict(zip(KEY, task.key, strict=True)) | result)
                file.flush()


def run(task, folder):
    """Return what a fresh process measures, None with a message where it fails."""
    request = {
        "contestant": task.contestant,
        "imports": CONTESTANTS[task.contestant].imports,
        "workload": task.workload._asdict(),
        "path": str(data_path(folder, task.workload.data)),
        "twice": task.twice,
    }
    threads = dict.fromkeys(_THREADS, str(task.workload.n_threads))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.child", json.dumps(request)],
        cwd=_ROOT,
        env=os.environ | _ENVIRONMENT | threads,
        capture_output=True,
        text=True,
        check=False,
    )
    label = f"{task.name}, {CONTESTANTS[task.contestant].title}"
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or [done.returncode]
        print(f"Failed: {label}: {reason[0]}", file=sys.stderr)
        return None
    # Libraries may print before it.
    result = json.loads(done.stdout.splitlines()[-1])
    seconds = f"{result['seconds']:.3g} s"
    print(f"round {task.round}, {label}: {seconds}", file=sys.stderr, flush=True)
    return result


def read(path, workloads=None):
    """Return the rows of a CSV file, none where there is no file or nothing in it.

    Only those of `workloads`, where they are given, with their rows and threads.
    """
    path = Path(path)
    has_rows = path.exists() and path.stat().st_size > 0
    rows = pd.read_csv(path) if has_rows else pd.DataFrame(columns=FIELDS)
    if workloads is None:
        return rows
    wanted = {(name, w.n_rows, w.n_threads) for name, w in workloads.items()}
    keys = rows[["workload", "n_rows", "n_threads"]].itertuples(index=False, name=None)
    return rows[[key in wanted for key in keys]]
