r"""Maximum-likelihood factor analysis, with one noise variance per feature.

With x = W z + e, z ~ N(0, I) and e ~ N(0, \Psi), \Psi diagonal.
"""

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import eigsh

from skae._functional.linear_maps import LinearMap

_MOST_ITERATIONS, _FEWEST_ITERATIONS = 1000, 20
# Size of a matrix whose eigenvectors take about a millisecond to compute.
_SMALL = 100
# Gain in the log likelihood of all rows, in nats, below which iterations stop, as in
# scikit-learn. With few rows, more iterations fit noise.
_TOLERANCE = 1e-2


def factor_analysis(
    X, n_components, sample_weight=None, *, floor=0.0, only_evident=False
):
    r"""Return the maximum likelihood solution on centered data as a `LinearMap`.

    Given :math:`\Psi`, the likelihood is largest for :math:`W = \Psi^{1/2} V
    (\Lambda - I)^{1/2}`, where V and :math:`\Lambda` are the leading eigenvectors and
    eigenvalues of :math:`\Psi^{-1/2} S \Psi^{-1/2}`. Given W, it is largest for the
    residual variances. Alternating both steps converges [1]_. The encoder is the mean
    of the posterior,
    :math:`E[z | x] = \Lambda^{-1} W^T \Psi^{-1} x`; its covariance is
    :math:`\Lambda^{-1}`, diagonal.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Centered (with `sample_weight`, if there is one).
    n_components : int
        Unused components have an encoder and a decoder of zeros.
    sample_weight : ndarray of shape (n_samples,) or None
    floor : float
        Minimum noise variance, as a share of the variance of the feature. Constant
        features get the mean variance divided by n_samples, since n_samples equal
        values are compatible with a variance of that size.
    only_evident : bool
        Whether to use only components that raise the log likelihood by more than their
        number of loadings (Akaike's criterion).

    Returns
    -------
    linear_map : LinearMap
        Its `noise_variance` has shape (n_features,).

    References
    ----------
    .. [1] D. Barber, "Bayesian reasoning and machine learning", algorithm 21.1.
    """
    X = X.astype(np.float64, copy=False)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    count = weight.sum()
    rows = X * np.sqrt(weight / count)[:, np.newaxis]
    variances = np.square(rows).sum(axis=0)
    varies = np.flatnonzero(variances > 0)
    least = floor * variances
    noise = np.where(variances > 0, variances, (variances.mean() or 1.0) / count)
    decoder = np.zeros((X.shape[1], n_components))
    encoder = np.zeros((n_components, X.shape[1]))
    n_fitted = n_components if len(varies) else 0
    while n_fitted > 0:
        W, eigenvalues, noise[varies] = _iterate(
            rows[:, varies], n_fitted, count, least[varies]
        )
        gains = count / 2 * (eigenvalues - 1 - np.log(eigenvalues))
        n_evident = int((gains > len(varies)).sum()) if only_evident else n_fitted
        if n_evident >= len(eigenvalues):
            break
        n_fitted, noise[varies] = n_evident, variances[varies]
    if n_fitted > 0:
        decoder[varies, : W.shape[1]] = W
        encoder[: W.shape[1], varies] = (W / noise[varies, np.newaxis] / eigenvalues).T
    return LinearMap(encoder, decoder, np.zeros(X.shape[1]), noise)


def _iterate(rows, n_components, count, least):
    """Return loadings, their eigenvalues, and noise variances."""
    variances = np.square(rows).sum(axis=0)
    eigen = _eigen_of_columns(rows) if len(rows) > len(rows.T) else _eigen_of_rows(rows)
    most = _MOST_ITERATIONS * (_SMALL / max(min(rows.shape), _SMALL)) ** 2
    noise, before = variances, -np.inf
    for _ in range(max(int(most), _FEWEST_ITERATIONS)):
        eigenvalues, axes = eigen(1 / np.sqrt(noise), n_components)
        kept = eigenvalues > 1
        eigenvalues, axes = eigenvalues[kept], axes[:, kept]
        left_out = (variances / noise).sum() - eigenvalues.sum()
        explained = (np.log(eigenvalues) + 1).sum()
        likelihood = -0.5 * (np.log(noise).sum() + explained + left_out)
        W = axes * np.sqrt(eigenvalues - 1) * np.sqrt(noise)[:, np.newaxis]
        if likelihood - before < _TOLERANCE / count:
            break
        before, fitted = likelihood, (W, eigenvalues, noise)
        noise = np.maximum(variances - np.square(W).sum(axis=1), least)
    return fitted


def _eigen_of_columns(rows):
    """Return a function that maps scales of the columns to eigenpairs."""
    covariance = rows.T @ rows

    def eigen(scale, n_components):
        scaled = covariance * scale * scale[:, np.newaxis]
        return _leading(scaled, n_components)

    return eigen


def _eigen_of_rows(rows):
    """Return the same function, with matrices of n_samples x n_samples."""

    def eigen(scale, n_components):
        scaled = rows * scale
        eigenvalues, vectors = _leading(scaled @ scaled.T, n_components)
        eigenvalues = eigenvalues.clip(min=1e-300)
        return eigenvalues, scaled.T @ vectors / np.sqrt(eigenvalues)

    return eigen


def _leading(matrix, n_components):
    """Return the largest eigenvalues, in descending order, and their vectors."""
    size = len(matrix)
    if size > max(_SMALL, 10 * n_components):
        # A fixed start makes the result reproducible; the default start is random.
        values, vectors = eigsh(matrix, n_components, v0=matrix.sum(axis=0))
        return values[::-1], vectors[:, ::-1]
    first = max(size - n_components, 0)
    values, vectors = linalg.eigh(matrix, subset_by_index=[first, size - 1])
    return values[::-1], vectors[:, ::-1]
