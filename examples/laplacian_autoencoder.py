"""A custom variant: nearby samples get nearby codes, by a graph Laplacian penalty."""

from dataclasses import dataclass

import torch

from skae.extending import (
    BaseAutoencoder,
    Criterion,
    DefaultParameters,
    Objective,
    reals,
)


@dataclass(frozen=True)
class LaplacianObjective(Objective):
    r"""Reconstruction error, and a penalty on the distance of codes of nearby samples.

    .. math:: \frac1p \sum_j \ell(\hat x_j, x_j) + \lambda
              \frac{\mathrm{tr}(H^T L H)}{\mathrm{tr}(H^T D H)}, \qquad L = D - W,

    where W are the `affinities` of a batch, D their sums and H the centered codes. The
    penalty is a quotient, so that it cannot be reduced by making the codes small.
    """

    criterion: Criterion
    weight: float
    bandwidth: float

    def losses(self, network, rows, generator):
        """Return both terms for each sample."""
        codes = network.encode(rows.x, generator)
        output = network.decode(codes, generator)
        near = affinities(rows.x, self.bandwidth)
        return {
            "reconstruction": self.criterion.losses(output, rows.target).mean(dim=1),
            "roughness": self.weight * roughness(codes, near),
        }


def affinities(x, bandwidth):
    """Return exp(-d^2 / 2) for all pairs, d being the distance in bandwidths."""
    distances = torch.cdist(x, x) / (bandwidth * x.shape[1] ** 0.5)
    return distances.square().div(-2).exp().fill_diagonal_(0)


def roughness(codes, near):
    """Return the contribution of each sample; the quotient is their mean."""
    degrees = near.sum(dim=1)
    centered = codes - degrees @ codes / degrees.sum()
    spread = (degrees @ centered.square()).sum() / len(codes)
    differences = (near * torch.cdist(codes, codes).square()).sum(dim=1) / 2
    return differences / spread.clamp_min(1e-30)


class LaplacianAutoencoder(DefaultParameters, BaseAutoencoder):
    """Autoencoder with nearby codes for nearby samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> def fit(weight):
    ...     return LaplacianAutoencoder(
    ...         8, laplacian_weight=weight, max_iter=30, random_state=0
    ...     ).fit(X[:1400])
    >>> def rough(model):
    ...     codes = torch.from_numpy(model.transform(X[1400:]))
    ...     x = model.encoder_.scaling.to_network(X[1400:], codes.dtype)
    ...     return float(roughness(codes, affinities(x, model.bandwidth)).mean())
    >>> plain, smooth = fit(0), fit(0.3)
    >>> print(f"{rough(plain):.2f} {rough(smooth):.2f}")
    0.12 0.05
    >>> print(f"{plain.score(X[1400:]):.2f} {smooth.score(X[1400:]):.2f}")
    0.83 0.82
    """

    _parameter_constraints: dict = {
        name: BaseAutoencoder._parameter_constraints[name]
        for name in ("n_components", "max_iter", "random_state")
    } | {
        "laplacian_weight": [reals(0, None, "left")],
        "bandwidth": [reals(0, None, "neither")],
    }

    def __init__(
        self,
        n_components=None,
        *,
        laplacian_weight=0.3,
        bandwidth=0.3,
        max_iter=100,
        random_state=None,
    ):
        self.n_components = n_components
        self.laplacian_weight = laplacian_weight
        self.bandwidth = bandwidth
        self.max_iter = max_iter
        self.random_state = random_state

    def _make_objective(self, criterion, corruption):
        return LaplacianObjective(criterion, self.laplacian_weight, self.bandwidth)
