"""Data on curves and surfaces, which the panel makes itself, and kernel PCA for them.

A set is made anew for each seed. Its number of components is the dimension of the
curve or surface.
"""

import numpy as np
from sklearn.datasets import make_s_curve, make_swiss_roll
from sklearn.decomposition import KernelPCA
from sklearn.model_selection import train_test_split

_N_SAMPLES, _FEW = 3000, 500
# Widths of the kernel in units of the median distance to the mean.
_GAMMAS = (0.1, 0.5, 2.0, 10.0)


def s_curve(seed):
    """Return a sheet bent to an S in three dimensions."""
    return make_s_curve(_N_SAMPLES, random_state=seed)[0]


def noisy_s_curve(seed):
    """Return few noisy samples of the sheet."""
    return make_s_curve(_FEW, noise=0.05, random_state=seed)[0]


def swiss_roll(seed):
    """Return a sheet that is rolled up."""
    return make_swiss_roll(_N_SAMPLES, random_state=seed)[0]


def sine(seed):
    """Return two periods of a sine wave in a plane of ten dimensions."""
    rng = np.random.RandomState(seed)
    t = rng.uniform(-np.pi, np.pi, _N_SAMPLES)
    plane = np.linalg.qr(rng.standard_normal((10, 2)))[0]
    return np.c_[t, np.sin(2 * t)] @ plane.T


def circle(seed):
    """Return a noisy circle."""
    rng = np.random.RandomState(seed)
    angle = rng.uniform(0, 2 * np.pi, _N_SAMPLES)
    X = np.c_[np.cos(angle), np.sin(angle)]
    return X + 0.05 * rng.standard_normal(X.shape)


def sphere(seed):
    """Return the surface of a ball."""
    X = np.random.RandomState(seed).standard_normal((_N_SAMPLES, 3))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def torus(seed):
    """Return the surface of a ring of radius 2 whose tube has radius 1."""
    u, v = np.random.RandomState(seed).uniform(0, 2 * np.pi, (2, _N_SAMPLES))
    around = 2 + np.cos(v)
    return np.c_[around * np.cos(u), around * np.sin(u), np.sin(v)]


def tanh(seed):
    """Return 4000 rows of 30 saturated mixtures of four latent variables."""
    rng = np.random.RandomState(seed)
    latent = rng.standard_normal((4000, 4))
    return np.tanh(latent @ rng.standard_normal((4, 30)))


class TunedKernelPCA:
    """Kernel PCA with its inverse, the kernel's width chosen on a tenth of the samples.

    Parameters
    ----------
    n_components : int
    random_state : int
    """

    best_epoch_ = n_iter_ = 0

    def __init__(self, n_components, random_state):
        self.n_components, self.random_state = n_components, random_state

    def fit(self, X):
        """Fit each width, and the best one again to all samples."""
        train, held_out = train_test_split(
            X, test_size=0.1, random_state=self.random_state
        )
        unit = 1 / np.median(np.square(X - X.mean(axis=0)).sum(axis=1))
        losses = []
        for gamma in _GAMMAS:
            model = self._make(gamma * unit).fit(train)
            residual = held_out - model.inverse_transform(model.transform(held_out))
            losses.append(np.square(residual).sum())
        self._model = self._make(_GAMMAS[int(np.argmin(losses))] * unit).fit(X)
        return self

    def _make(self, gamma):
        return KernelPCA(
            self.n_components,
            kernel="rbf",
            gamma=gamma,
            fit_inverse_transform=True,
            alpha=1e-3,
            eigen_solver="arpack",
            random_state=self.random_state,
        )

    def transform(self, X):
        """Return codes."""
        return self._model.transform(X)

    def inverse_transform(self, Z):
        """Return reconstructions."""
        return self._model.inverse_transform(Z)


# By name: what makes the set, and the dimension of the curve or surface.
CURVED = {
    "s_curve": (s_curve, 2),
    "s_curve_noisy": (noisy_s_curve, 2),
    "swiss_roll": (swiss_roll, 2),
    "sine": (sine, 1),
    "circle": (circle, 1),
    "sphere": (sphere, 2),
    "torus": (torus, 2),
    "tanh": (tanh, 4),
}
