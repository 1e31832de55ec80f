r"""The best linear maps in closed form, from which the networks start.

All functions take centered numpy arrays and return a `LinearMap` in float64. Axes of
float32 data are computed in float32, as `sklearn.decomposition.PCA` does.

Columns may have very different scales. The threshold for rounding errors is therefore
relative to the columns of X that an axis v reads,

.. math:: \rho(v)^2 = \sum_j v_j^2 \|x_j\|^2,

and not to the largest column: the error of the length of X v is relative to rho(v).
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from skae._functional.graded import (
    GRADED,
    is_graded,
    is_small,
    leading_principal_axes,
    leading_right_singular_vectors,
    right_singular_vectors,
)

# Codes below this share of rho(v) (see above) are rounding errors: the first of
# regressions, which have a ridge, the second of float32 data.
_RANK_TOLERANCE, _FLOAT32_ERROR = 1e-7, 1e-6
# Codes below this multiple of the rounding error of the data count as zero. It is about
# forty times the expected error, to allow for errors of earlier computations.
_DATA_ERRORS = 4
_ROWS_IN_CACHE = 1024
# Ridge, as a share of the variance of each column.
_RIDGE = 1e-6


class LinearMap(NamedTuple):
    """Codes ``(x - offset) @ encoder.T`` and reconstructions ``z @ decoder.T``.

    `encoder` has shape (n_components, n_features), `decoder` (n_features,
    n_components), `offset` (n_features,); for principal axes the decoder is the
    encoder's transpose and the offset 0. `noise_variance` is the variance of a
    probabilistic model around its reconstructions.
    """

    encoder: np.ndarray
    decoder: np.ndarray
    offset: np.ndarray
    noise_variance: float = 0.0


def resolve_n_components(X, n_components, random_state, sample_weight=None):
    """Return the number of components of PCA for a share of the variance or "mle".

    Sample weights affect a share of the variance, but not "mle".
    """
    if n_components != "mle":
        n_components = float(n_components)
        if sample_weight is not None:
            X = _weigh(X - np.average(X, axis=0, weights=sample_weight), sample_weight)
    return int(_fit_pca(PCA(n_components, random_state=random_state), X).n_components_)


def _fit_pca(pca, X):
    # For constant data the share of variance is 0 / 0; the user need not be warned.
    with np.errstate(invalid="ignore"):
        return pca.fit(X)


def principal_axes(X, n_components, rng, sample_weight=None, *, rounding=None):
    """Return the `LinearMap` of PCA on centered data, completed beyond the rank.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Centered (with `sample_weight`, if there is one).
    n_components : int
        It may exceed the rank. Further rows of the encoder are then random unit
        vectors, orthogonal to the span where possible, and further columns of the
        decoder are zero.
    rng : numpy.random.RandomState
    sample_weight : ndarray of shape (n_samples,) or None
    rounding : ndarray of shape (n_features,), default=None
        Rounding error of the values of each column. The default is that of the largest
        centered value in the dtype of X.
    """
    axes, singular_values = _weighted_pca(X, n_components, rng, sample_weight)
    if rounding is None:
        rounding = np.finfo(X.dtype).eps * np.abs(X).max(axis=0, initial=0.0)
    count = len(X) if sample_weight is None else 2.0  # as returned by `_weigh`
    negligible = _DATA_ERRORS * read_size(axes, rounding) * np.sqrt(count)
    axes = axes[singular_values > negligible]
    return _complete_map(axes, axes.T, np.zeros(X.shape[1]), n_components, rng)


def read_size(axes, sizes):
    r"""Return :math:`\sqrt{\sum_j v_j^2 s_j^2}` of each axis v, a row of `axes`.

    `sizes` of shape (n_features,) holds the size s of each column.
    """
    return np.linalg.norm(axes * sizes, axis=1)


def probabilistic_pca(
    X, n_components, rng, sample_weight=None, *, noise_variance=None, floor=0.0
):
    r"""Return probabilistic PCA on centered data as a `LinearMap` [1]_.

    With x = W z + e, z ~ N(0, I) and e ~ N(0, s^2 I) the likelihood is largest for
    :math:`W = V (\Lambda - s^2 I)^{1/2}`, where V are the principal axes and
    :math:`\Lambda` the variances along them, and s^2 is the mean variance of the
    remaining dimensions. The encoder is the mean of the posterior,
    :math:`E[z | x] = \Lambda^{-1} W^T x`; its covariance is
    :math:`s^2 \Lambda^{-1}`, diagonal.

    Parameters
    ----------
    X, n_components, rng, sample_weight
        As in `principal_axes`. Components beyond the rank are unused: their rows of
        the encoder and columns of the decoder are zero.
    noise_variance : float, default=None
        A given s^2. Axes with a smaller variance are unused.
    floor : float
        Minimum s^2.

    References
    ----------
    .. [1] M. E. Tipping and C. M. Bishop, "Probabilistic principal component
       analysis", JRSS B 61, 1999.
    """
    # In float64, since the noise is a small difference of sums.
    X = X.astype(np.float64, copy=False)
    n_features = X.shape[1]
    axes, singular_values = _weighted_pca(X, n_components, rng, sample_weight)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    # `_weigh` returns each row twice, with weights of sum one.
    count = len(X) if sample_weight is None else 2.0
    variances = np.square(singular_values) / count
    if noise_variance is None:
        squares = np.einsum("ij,ij->i", X, X)
        total = weight @ squares / weight.sum()
        left_out = max(n_features - len(variances), 1)
        noise_variance = max(total - variances.sum(), 0.0) / left_out
    noise_variance = max(float(noise_variance), floor)
    kept = variances > noise_variance
    axes, variances = axes[kept], variances[kept]
    decoder = np.zeros((n_features, n_components))
    encoder = np.zeros((n_components, n_features))
    decoder[:, : len(axes)] = axes.T * np.sqrt(variances - noise_variance)
    encoder[: len(axes)] = decoder[:, : len(axes)].T / variances[:, np.newaxis]
    return LinearMap(encoder, decoder, np.zeros(n_features), noise_variance)


def _weighted_pca(X, n_components, rng, sample_weight):
    """Return axes and singular values of (weighted) PCA, none for constant data."""
    if sample_weight is not None:
        X = _weigh(X, sample_weight)
    if not np.any(X) or len(X) == 1:
        return np.empty((0, X.shape[1])), np.empty(0)
    n_components = min(n_components, *X.shape)
    if not is_small(X) and (X.dtype == np.float64 or is_graded(X)):
        rows = X if X.dtype == np.float64 else _centered(X)
        axes, singular_values = leading_principal_axes(rows, n_components, rng)
    else:
        axes, singular_values = _pca_of_rows(X, n_components, rng)
    if X.dtype != np.float64:
        sizes = np.sqrt(np.einsum("ij,ij->j", X, X))
        negligible = singular_values < _FLOAT32_ERROR * read_size(axes, sizes)
        singular_values = np.where(negligible, 0.0, singular_values)
    return axes, singular_values


def _pca_of_rows(X, n_components, rng):
    """Return axes and singular values of small data, or of float32 data."""
    pca = _fit_pca(PCA(n_components, random_state=rng), X)
    axes, singular_values = pca.components_, pca.singular_values_
    has_digits = singular_values.min() >= GRADED * singular_values.max()
    if is_small(X) and not has_digits:
        # A covariance has the squares, with errors relative to the largest.
        axes, singular_values = right_singular_vectors(_centered(X))
        return axes[:n_components], singular_values[:n_components]
    return (axes, singular_values) if X.dtype == np.float64 else _in_float64(X, axes)


def _centered(X):
    X = X.astype(np.float64, copy=False)
    return X - X.mean(axis=0)


def _in_float64(X, rounded):
    """Return orthonormal axes and singular values from the axes in float32."""
    basis, triangle = np.linalg.qr(rounded.astype(np.float64).T)
    # The values from PCA's covariance are accurate to the root of the rounding error.
    singular_values = np.linalg.norm((X @ rounded.T).astype(np.float64), axis=0)
    singular_values[singular_values < _FLOAT32_ERROR * singular_values.max()] = 0.0
    return (basis * np.sign(np.diag(triangle))).T, singular_values


def _weigh(X, sample_weight):
    """Return rows with mean zero and the covariance of the weighted rows.

    PCA centers its input, so these are the scaled rows and their negatives.
    """
    shares = np.sqrt(sample_weight / sample_weight.sum()).astype(X.dtype)
    scaled = X * shares[:, np.newaxis]
    return np.vstack([scaled, -scaled])


def linear_denoiser(X, n_components, moments, rng, sample_weight=None):
    r"""Return the best denoiser of rank n_components under a known corruption.

    With P = E[x (x~ - b)^T] = a C and Q = Cov(x~) = a^2 C + D the minimum of
    E ||x - W (x~ - b)||^2 over W of rank k is W = U U^T P Q^{-1}, where U holds
    the leading k eigenvectors of P Q^{-1} P^T: reduced-rank regression on the
    corruption's expectation [1]_.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Clean, centered data.
    n_components : int
    moments : CorruptionMoments
    rng : numpy.random.RandomState
    sample_weight : ndarray of shape (n_samples,) or None

    References
    ----------
    .. [1] M. Chen, Z. Xu, K. Weinberger and F. Sha, "Marginalized denoising
       autoencoders for domain adaptation", ICML 2012.
    """
    X = X.astype(np.float64, copy=False)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    rows = X * np.sqrt(weight / weight.sum())[:, np.newaxis]
    # In units of each column, so that large columns do not hide small ones.
    sizes = _column_units(X, sample_weight)
    diagonal = np.maximum(moments.diagonal, 0.0) / sizes**2 + _RIDGE
    solve = _denoise_few_rows if len(rows) < rows.shape[1] else _denoise_few_columns
    half, encode = solve(rows / sizes, moments.gain, diagonal)
    axes, singular_values = leading_right_singular_vectors(half * sizes, n_components)
    axes = axes[singular_values > _RANK_TOLERANCE * read_size(axes, sizes)]
    encoder = encode(axes * sizes) / sizes
    return _complete_map(encoder, axes.T, moments.offset, n_components, rng)


def _denoise_few_columns(rows, gain, diagonal):
    """Return H with H^T H = P Q^{-1} P^T, and the function U -> U^T P Q^{-1}.

    The function takes U transposed. All matrices are n_features x n_features.
    """
    covariance = gain * (rows.T @ rows)
    noisy = gain * covariance
    noisy[np.diag_indices_from(noisy)] += diagonal
    root = linalg.cholesky(noisy, lower=True)
    half = linalg.solve_triangular(root, covariance, lower=True)
    return half, lambda axes: axes @ linalg.solve_triangular(root.T, half).T


def _denoise_few_rows(rows, gain, diagonal):
    """Return the same, with matrices of n_samples x n_samples."""
    # Woodbury: R (a^2 R^T R + D)^{-1} = (I + a^2 R D^{-1} R^T)^{-1} R D^{-1}.
    weighted = rows / diagonal
    system = gain**2 * weighted @ rows.T
    system[np.diag_indices_from(system)] += 1.0
    denoiser = gain * linalg.solve(system, weighted)
    # P Q^{-1} P^T = R^T G R.
    gram = gain * denoiser @ rows.T
    values, vectors = linalg.eigh((gram + gram.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return root.T @ rows, lambda axes: (axes @ rows.T) @ denoiser


def paired_denoiser(X_noisy, X_clean, n_components, rng, sample_weight=None):
    """Return the best map of rank n_components from noisy to clean rows.

    It consists of a ridge regression and the principal axes of its predictions, and
    suits noise that is known by examples only.
    """
    X_noisy, X_clean = (X.astype(np.float64, copy=False) for X in (X_noisy, X_clean))
    offset = np.average(X_noisy, axis=0, weights=sample_weight)
    noisy = X_noisy - offset
    count = len(noisy) if sample_weight is None else sample_weight.sum()
    sizes = _column_units(noisy, sample_weight)
    # In units of each column, so that large columns do not hide small ones.
    ridge = Ridge(alpha=_RIDGE * count * noisy.shape[1], fit_intercept=False)
    coef = ridge.fit(noisy / sizes, X_clean, sample_weight=sample_weight).coef_
    coef = coef.reshape(X_clean.shape[1], -1) / sizes
    predicted = noisy @ coef.T
    axes, singular_values = _weighted_pca(predicted, n_components, rng, sample_weight)
    count = len(noisy) if sample_weight is None else 2.0  # as in `principal_axes`
    read = read_size(axes, column_sizes(predicted, sample_weight)) * np.sqrt(count)
    axes = axes[singular_values > _RANK_TOLERANCE * read]
    return _complete_map(axes @ coef, axes.T, offset, n_components, rng)


def column_sizes(X, sample_weight):
    """Return the root mean square of each column."""
    share = np.ones(len(X)) if sample_weight is None else sample_weight
    share, squares = share / share.sum(), 0.0
    for start in range(0, len(X), _ROWS_IN_CACHE):
        part = slice(start, start + _ROWS_IN_CACHE)
        squares = squares + share[part] @ np.square(X[part])
    return np.sqrt(squares)


def _column_units(X, sample_weight):
    """Return the `column_sizes`, with 1 for columns of zeros."""
    sizes = column_sizes(X, sample_weight)
    return np.where(sizes > 0, sizes, 1.0)


def _complete_map(encoder, decoder, offset, n_components, rng):
    """Return a `LinearMap` of n_components; codes beyond the rank are not decoded."""
    rank, n_features = encoder.shape
    basis = np.linalg.qr(encoder.T)[0].T if rank else encoder
    drawn = _random_complement(basis, n_components - rank, rng)
    missing = np.zeros((n_features, n_components - rank))
    return LinearMap(np.vstack([encoder, drawn]), np.hstack([decoder, missing]), offset)


def _random_complement(basis, n_rows, rng):
    """Return random unit rows, orthogonal to orthonormal `basis` where possible."""
    rank, n_features = basis.shape
    drawn = rng.standard_normal((n_rows, n_features))
    room = min(n_rows, n_features - rank)
    if room > 0:
        outside = drawn[:room] - (drawn[:room] @ basis.T) @ basis
        drawn[:room] = np.linalg.qr(outside.T)[0].T
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
