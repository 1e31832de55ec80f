"""Reconstruction of held-out rows against PCA, over many data sets.

One task is a data set, a number of components and a seed, which is the seed of
the split too. Each fit gives one row of the CSV file, written as it ends; rows
that the file has already are not run again. Seconds are of the processor, summed
over threads: other work on the machine does not lengthen them.
"""

import csv
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.curved import TunedKernelPCA
from skae import AutoencoderTransformer

MODELS = {
    "skae": AutoencoderTransformer,
    "textbook": lambda *args, **kwargs: AutoencoderTransformer(
        *args, linear_path=None, **kwargs
    ),
    "kernel_pca": TunedKernelPCA,
}
FIELDS = [
    *("set", "n_components", "seed", "model"),
    *("n_train", "n_features", "ratio", "accuracy", "accuracy_pca"),
    *("seconds", "best_epoch", "n_epochs"),
]


class Task(NamedTuple):
    """Fits of `models` to one split of one data set."""

    set: str
    n_components: int
    seed: int
    models: tuple


def tasks(sets, components, n_seeds, n_seeds_large, models, done):
    """Yield the tasks that are not `done`, first seeds first.

    `done` holds tuples (set, n_components, seed, model).
    """
    for seed in range(max(n_seeds, n_seeds_large)):
        for name in sets:
            if seed >= (n_seeds_large if datasets.source(name).large else n_seeds):
                continue
            source = datasets.source(name)
            for k in [source.n_components] if source.n_components else components:
                wanted = tuple(
                    m
                    for m in models
                    if (name, k, seed, m) not in done
                    # The inverse of kernel PCA takes all pairs of samples.
                    and (m != "kernel_pca" or source.group == "curved")
                )
                if wanted:
                    yield Task(name, k, seed, wanted)


def run(task, openml=False):
    """Return the rows of a task, none where k < min(n_train, p) fails."""
    split = datasets.split(task.set, task.seed, openml)
    if task.n_components >= min(split.X_train.shape):
        return []
    pca = PCA(task.n_components, random_state=task.seed).fit(split.X_train)
    reference = {
        "unexplained": unexplained(pca, split),
        "accuracy": accuracy(pca, split),
    }
    return [fit(task, model, split, reference) for model in task.models]


def fit(task, model, split, reference):
    """Fit one model with its defaults and return its row."""
    estimator = MODELS[model](task.n_components, random_state=task.seed)
    start = time.process_time()
    estimator.fit(split.X_train)
    seconds = time.process_time() - start
    return {
        "set": task.set,
        "n_components": task.n_components,
        "seed": task.seed,
        "model": model,
        "n_train": split.X_train.shape[0],
        "n_features": split.X_train.shape[1],
        "ratio": round(unexplained(estimator, split) / reference["unexplained"], 5),
        # Codes of the textbook network are not part of the comparison.
        "accuracy": accuracy(estimator, split) if model == "skae" else "",
        "accuracy_pca": reference["accuracy"],
        "seconds": round(seconds, 3),
        "best_epoch": estimator.best_epoch_,
        "n_epochs": estimator.n_iter_,
    }


def unexplained(model, split):
    """Return the squared residual of the held-out rows, summed."""
    X = split.X_test.astype(np.float64)
    residual = X - model.inverse_transform(model.transform(X))
    return np.square(residual).sum()


def accuracy(model, split):
    """Return the held-out accuracy of logistic regression on standardized codes."""
    if split.y_train is None:
        return ""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(model.transform(split.X_train), split.y_train)
    return round(classifier.score(model.transform(split.X_test), split.y_test), 5)


def read_done(path):
    """Return the keys (set, n_components, seed, model) of the rows in a CSV file."""
    if not Path(path).exists():
        return set()
    with open(path, newline="") as file:
        return {
            (row["set"], int(row["n_components"]), int(row["seed"]), row["model"])
            for row in csv.DictReader(file)
        }


def run_all(remaining, path, n_jobs, openml=False):
    """Run tasks in `n_jobs` processes of one thread each; append rows to `path`."""
    new = not Path(path).exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
            delayed(run)(task, openml) for task in remaining
        )
        for rows in results:
            writer.writerows(rows)
            file.flush()
