"""The data sets of the panel and how each is split.

A set is read from the folder that the environment variable SKAE_DATA names, or
from what scikit-learn bundles, or (with ``openml=True``) from OpenML. One that
none of them has is missing, and the panel says so.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn import datasets as bundled
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.curved import CURVED

TEST_SIZE = 0.2
# Of the large sets: rows to train on, and their official test part, at the end.
_LARGE_TRAIN, _LARGE_TEST = 10_000, 10_000


class Missing(LookupError):
    """The data set is not on this machine."""


class Source(NamedTuple):
    """Where a data set comes from.

    Attributes
    ----------
    group : str
        A key of `benchmarks.report.TARGETS`.
    bundled : callable or None
        Loader of scikit-learn that needs no download.
    openml : str or None
        Name of the same set on OpenML.
    label : str
        Key of the labels in the .npz file.
    large : bool
        Trained on 10,000 random rows of the official training part, judged on the
        official test part, and run with fewer seeds.
    make : callable or None
        ``make(seed)`` returns the samples of a set that is made anew for each seed.
    n_components : int or None
        The one number of components that the set is run with.
    """

    group: str
    bundled: Callable | None = None
    openml: str | None = None
    label: str = "y"
    large: bool = False
    make: Callable | None = None
    n_components: int | None = None


class Split(NamedTuple):
    """Training and held-out rows; the labels are None where there are none."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray | None


def _diabetes(return_X_y):
    X, _ = bundled.load_diabetes(return_X_y=return_X_y, scaled=False)
    return X, None  # its target is not a class


SOURCES = {
    "digits": Source("images", bundled=bundled.load_digits),
    "usps": Source("images", openml="USPS"),
    "mnist": Source("images", openml="mnist_784", large=True),
    "fashion_mnist": Source("images", openml="Fashion-MNIST", large=True),
    "frey_faces": Source("images"),
    "coil20": Source("images"),
    "isolet": Source("images"),
    "letter": Source("images", openml="letter"),
    "ts_ecg5000": Source("images", label="anomaly"),
    "iris": Source("tables", bundled=bundled.load_iris),
    "wine": Source("tables", bundled=bundled.load_wine),
    "breast_cancer": Source("tables", bundled=bundled.load_breast_cancer),
    "diabetes": Source("tables", bundled=_diabetes),
    "madelon": Source("tables", openml="madelon"),
    "spam_gain": Source("tables"),
    "olivetti": Source("wide"),
    "gene_golub": Source("wide"),
    "gene_tox171": Source("wide"),
    "text_basehock": Source("wide"),
    **{
        name: Source("curved", make=make, n_components=n_components)
        for name, (make, n_components) in CURVED.items()
    },
}

# Small tables are run as they are and standardized.
_STANDARDISED = "-std"
VARIANTS = [
    variant
    for name, source in SOURCES.items()
    for variant in (
        [name, name + _STANDARDISED] if source.group == "tables" else [name]
    )
]


def name_of(variant):
    """Return "wine" for "wine" and for "wine-std"."""
    return variant.removesuffix(_STANDARDISED)


def source(variant):
    """Return the `Source` of a variant."""
    return SOURCES[name_of(variant)]


@lru_cache(maxsize=4)
def load(name, openml=False):
    """Return X (n_samples, n_features) and y or None.

    Raises
    ------
    Missing
    """
    if SOURCES[name].make is not None:
        return SOURCES[name].make(0), None
    path = Path(os.environ.get("SKAE_DATA", "")) / f"{name}.npz"
    if SOURCES[name].bundled is not None:
        return SOURCES[name].bundled(return_X_y=True)
    if "SKAE_DATA" in os.environ and path.exists():
        with np.load(path) as arrays:
            return _from_arrays(arrays, SOURCES[name].label)
    if openml and SOURCES[name].openml is not None:
        return bundled.fetch_openml(
            SOURCES[name].openml, version=1, as_frame=False, return_X_y=True
        )
    raise Missing(f"{name}: no {name}.npz in the folder of SKAE_DATA")


def split(variant, seed, openml=False):
    """Return the `Split` that belongs to a seed."""
    if source(variant).make is not None:
        X, y = source(variant).make(seed), None
    else:
        X, y = load(name_of(variant), openml)
    train, test = _indices(len(X), seed, source(variant).large)
    X_train, X_test = X[train], X[test]
    if variant.endswith(_STANDARDISED):
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    if y is None:
        return Split(X_train, X_test, None, None)
    return Split(X_train, X_test, y[train], y[test])


def _indices(n_samples, seed, large):
    """Return the training and the held-out rows."""
    if large:
        n_train = n_samples - _LARGE_TEST
        train = np.random.RandomState(seed).permutation(n_train)[:_LARGE_TRAIN]
        return train, np.arange(n_train, n_samples)
    return train_test_split(
        np.arange(n_samples), test_size=TEST_SIZE, random_state=seed
    )


def _from_arrays(arrays, label):
    """Return X in floats, one row a sample, and y or None."""
    if "indptr" in arrays:
        X = _dense(arrays)
    elif "x_train" in arrays:
        X = np.concatenate([arrays["x_train"], arrays["x_test"]])
    else:
        X = arrays["X"]
    X = X.reshape(len(X), -1)
    if not np.issubdtype(X.dtype, np.floating):
        X = X.astype(np.float32)
    if "y_train" in arrays:
        return X, np.concatenate([arrays["y_train"], arrays["y_test"]])
    return X, arrays[label] if label in arrays else None


def _dense(arrays):
    """Return counts stored as a CSR matrix as a dense one."""
    matrix = sparse.csr_matrix(
        (
            arrays["data"].astype(np.float32),
            arrays["indices"].astype(int),
            arrays["indptr"],
        ),
        shape=tuple(arrays["shape"]),
    )
    return matrix.toarray()
