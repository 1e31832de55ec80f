"""Sequences: reconstruction and anomalies, against PCA and the dense autoencoder.

Each set is split into normal sequences to train on, normal ones held out, and anomalous
ones: heart beats of other kinds (ECG5000), windows of a disturbed pump (SKAB), and in
the sets that have classes one class, by the seed, that is left out of training. Padding
of ragged sequences counts in no figure; PCA and the dense autoencoder get the mean of
its column.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from benchmarks import datasets
from skae import AutoencoderTransformer, RecurrentAutoencoder

_TEST_SIZE = 0.25
# Of SKAB: steps of a window, and of each run's undisturbed beginning.
_WINDOW, _BEGINNING = 30, 400


class Sequences(NamedTuple):
    """Flat rows, NaN after the end of a sequence, and the shape of one."""

    train: np.ndarray
    normal: np.ndarray
    anomalous: np.ndarray
    shape: tuple


class Figures(NamedTuple):
    """Of one model: share of variance not reconstructed, AUC, processor seconds."""

    unexplained: float
    auc: float
    seconds: float


def add_to(commands):
    """Add the sub-command."""
    parser = commands.add_parser("recurrent", help="sequences, and anomalous ones")
    parser.set_defaults(function=run)
    parser.add_argument("--sets", type=lambda text: text.split(","), default=[*LOADERS])
    parser.add_argument("--components", type=_integers, default=[8, 32])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-iter", type=int, default=100, help="most epochs")


def run(options):
    """Print a line for each fit, then the means over the seeds as a table."""
    results = {}
    for seed in range(options.seeds):
        for name in options.sets:
            sequences = LOADERS[name](name, seed)
            for k in options.components:
                for model, figures in compare(sequences, k, seed, options.max_iter):
                    results.setdefault((name, k, model), []).append(figures)
                    print(f"seed {seed}, {name}, {k}, {model}: {figures}", flush=True)
    print_table(results)


def print_table(results):
    """Print means over the seeds, a row for each set and number of codes."""
    models = list(dict.fromkeys(model for *_, model in results))
    columns = [f"{m}: {f}" for f in ("unexplained", "AUC") for m in models]
    print("\n| set | codes |", " | ".join(columns), "| seconds |")
    print("|" + " --- |" * (len(columns) + 3))
    for name, k in dict.fromkeys(key[:2] for key in results):
        means = [np.mean(results[name, k, model], axis=0) for model in models]
        cells = [f"{mean[i]:.3f}" for i in (0, 1) for mean in means]
        seconds = ", ".join(f"{mean[2]:.0f}" for mean in means)
        print(f"| {name} | {k} |", " | ".join(cells), f"| {seconds} |")


def compare(sequences, k, seed, max_iter):
    """Yield the name and the `Figures` of each model with `k` codes."""
    options = {"max_iter": max_iter, "random_state": seed}
    ragged = np.isnan(sequences.train).any()
    recurrent = RecurrentAutoencoder(
        k,
        sequence_shape=sequences.shape,
        padding_value=np.nan if ragged else None,
        **options,
    )
    yield "recurrent", judge(recurrent, sequences)
    mean = means(sequences.train)
    filled = sequences._replace(
        **{
            name: np.where(np.isnan(rows), mean, rows)
            for name, rows in sequences._asdict().items()
            if name != "shape"
        }
    )
    # Of few or short rows PCA has no more.
    k = min(k, *sequences.train.shape)
    yield "dense", judge(AutoencoderTransformer(k, **options), sequences, filled)
    yield "PCA", judge(PCA(k), sequences, filled)


def judge(model, sequences, given=None):
    """Return the `Figures` of a model, fitted to the rows as they are `given` to it."""
    given = given or sequences
    start = time.process_time()
    model.fit(given.train)
    seconds = time.process_time() - start
    mean = means(sequences.train)
    errors = {}
    for name in ("normal", "anomalous"):
        rows = getattr(sequences, name)
        codes = model.transform(getattr(given, name))
        errors[name] = np.square(model.inverse_transform(codes) - rows)
    total = np.nansum(np.square(sequences.normal - mean))
    # The mean, as an anomalous sequence may be long or short.
    scores = [np.nanmean(errors[name], axis=1) for name in errors]
    labels = np.repeat([0, 1], [len(s) for s in scores])
    auc = roc_auc_score(labels, np.concatenate(scores))
    return Figures(float(np.nansum(errors["normal"]) / total), float(auc), seconds)


def means(rows):
    """Return the columns' means, of a column of padding alone 0."""
    there = ~np.isnan(rows)
    return np.where(there, rows, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)


def _load(name):
    """Return the arrays of a set.

    Raises
    ------
    benchmarks.datasets.Missing
    """
    path = Path(os.environ.get("SKAE_DATA", "")) / f"ts_{name}.npz"
    if not path.exists():
        raise datasets.Missing(f"{name}: no {path.name} in the folder of SKAE_DATA")
    with np.load(path) as arrays:
        return dict(arrays)


def heart_beats(name, seed):
    """ECG5000: normal beats, and those of other kinds."""
    arrays = _load(name)
    X, anomaly = arrays["X"].astype(float), arrays["anomaly"] == 1
    train, normal = train_test_split(
        X[~anomaly], test_size=_TEST_SIZE, random_state=seed
    )
    return Sequences(train, normal, X[anomaly], (X.shape[1], 1))


def pump(name, seed):
    """SKAB: windows, each run in units of its own undisturbed beginning.

    Half of the later windows without a disturbance, by the seed, are held out; windows
    that are disturbed for less than half of their time are left out.
    """
    arrays = _load(name)
    beginnings, quiet, disturbed = [], [], []
    for number in np.unique(arrays["series"]):
        run, labels = (arrays[key][arrays["series"] == number] for key in _OF_A_RUN)
        beginning = run[:_BEGINNING].astype(float)
        run = (run - beginning.mean(axis=0)) / (beginning.std(axis=0) + 1e-3)
        for start in range(0, len(run) - _WINDOW + 1, _WINDOW // 2):
            window = run[start : start + _WINDOW].reshape(-1)
            share = labels[start : start + _WINDOW].mean()
            if share == 0:
                is_first = start + _WINDOW <= _BEGINNING
                (beginnings if is_first else quiet).append(window)
            elif share > 0.5:
                disturbed.append(window)
    normal, _ = train_test_split(quiet, test_size=0.5, random_state=seed)
    shape = (_WINDOW, arrays["X"].shape[1])
    return Sequences(*map(np.array, (beginnings, normal, disturbed)), shape)


_OF_A_RUN = ("X", "anomaly")


def one_class_left_out(name, seed):
    """Sets of classes, of which the one that the seed names is the anomaly."""
    arrays = _load(name)
    X = np.concatenate([arrays["x_train"], arrays["x_test"]]).astype(float)
    y = np.concatenate([arrays["y_train"], arrays["y_test"]])
    # To steps that follow each other, with all their features.
    rows = X.transpose(0, 2, 1).reshape(len(X), -1)
    classes = np.unique(y)
    anomaly = y == classes[seed % len(classes)]
    train, normal = train_test_split(
        rows[~anomaly], test_size=_TEST_SIZE, random_state=seed
    )
    return Sequences(train, normal, rows[anomaly], (X.shape[2], X.shape[1]))


LOADERS = {
    "ecg5000": heart_beats,
    "skab": pump,
    "japanese_vowels": one_class_left_out,
    "basic_motions": one_class_left_out,
    "italy_power": one_class_left_out,
    "osu_leaf": one_class_left_out,
}


def _integers(text):
    return [int(number) for number in text.split(",")]
