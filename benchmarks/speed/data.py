"""The rows of the workloads."""

import numpy as np
from sklearn.datasets import load_digits

from benchmarks import mnist


def load_pixels(openml):
    """Return the digits that scikit-learn bundles, pixels in [0, 1]."""
    return load_digits().data.astype(np.float32) / 16


def load_images(openml):
    """Return the training part of MNIST.

    Raises
    ------
    benchmarks.datasets.Missing
    """
    return mnist.load(openml).X_train


LOADERS = {"digits": load_pixels, "mnist": load_images}
