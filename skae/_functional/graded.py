"""Singular vectors of matrices whose columns have very different scales."""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from sklearn.decomposition import PCA
from sklearn.utils.extmath import randomized_svd

# Ratio of column norms below which a matrix is called graded. Errors of eigenvectors of
# the covariance are relative to the largest eigenvalue, so that small columns would
# keep too few digits.
GRADED = 1e-3
# The same ratio for singular values of columns with similar norms.
_GRADED_VALUES = 1e-7
# Remainders up to this multiple of the norm of their column are rounding error.
_REMAINDER_ERROR = 10 * np.finfo(np.float64).eps
# Maximum number of multiplications for which all singular vectors are computed.
_FEW_MULTIPLICATIONS = 2**25
_ROWS_IN_CACHE = 256


def right_singular_vectors(X):
    """Return right singular vectors as rows, and singular values, in float64.

    If the columns have similar norms, errors are relative to the largest singular
    value. Otherwise, by the one-sided Jacobi method, they are relative to each singular
    value [1]_.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    vectors : ndarray of shape (min(n_samples, n_features), n_features)
        The largest element of each vector is positive.
    singular_values : ndarray of shape (min(n_samples, n_features),)

    References
    ----------
    .. [1] Z. Drmac and K. Veselic, "New fast and accurate Jacobi SVD algorithm",
       SIAM J. Matrix Anal. Appl. 29, 2008.
    """
    n_rows, n_columns = X.shape
    if n_rows > n_columns:
        X = np.linalg.qr(X, mode="r")
    vectors, singular_values = _jacobi(X) if is_graded(X) else (None, None)
    if vectors is None:
        _, singular_values, vectors = np.linalg.svd(X, full_matrices=False)
    return vectors * largest_signs(vectors), singular_values


def leading_right_singular_vectors(X, n_components):
    """Return the leading `n_components` right singular vectors, and singular values.

    If the columns have similar norms, the vectors come from the Gram matrix, which is
    faster and gives half the digits.
    """
    if not is_graded(X):
        return _leading_vectors(X, n_components)
    if is_small(X):
        vectors, singular_values = right_singular_vectors(X)
        return vectors[:n_components], singular_values[:n_components]
    return deflate(X, n_components, lambda rows, k, _: _leading_vectors(rows, k))


def _leading_vectors(X, n_components):
    n_rows, n_columns = X.shape
    if n_rows < n_columns:
        vectors, singular_values = right_singular_vectors(X)
        return vectors[:n_components], singular_values[:n_components]
    first = max(n_columns - n_components, 0)
    squares, vectors = linalg.eigh(X.T @ X, subset_by_index=[first, n_columns - 1])
    return vectors[:, ::-1].T, np.sqrt(np.maximum(squares[::-1], 0.0))


def leading_principal_axes(X, n_components, rng):
    """Return the leading `n_components` principal axes, and singular values.

    They are those of PCA unless PCA computes them with too few digits: axes with
    singular values far below the largest are computed by `deflate`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Centered.
    n_components : int
    rng : numpy.random.RandomState
    """

    def solve(rows, count, is_last):
        if not is_last and len(rows) < 10 * rows.shape[1]:
            # Smaller columns follow, so fewer iterations suffice than in PCA.
            _, values, axes = randomized_svd(rows, count, n_iter=3, random_state=rng)
            return axes, values
        pca = PCA(count, random_state=rng).fit(rows)
        return pca.components_, pca.singular_values_

    return deflate(X, n_components, solve)


def deflate(X, n_components, solve):
    """Return the leading right singular vectors and values, group by group.

    A group consists of singular values of similar size. It is projected out before the
    next group is computed, so that each group is as accurate as if there were no larger
    ones. Vectors whose singular values are rounding error are omitted.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_components : int
    solve : callable
        ``solve(rows, count, is_last)`` returns the leading vectors and values of rows.
        `is_last` says whether this may be the last group. Errors may be relative to the
        largest value.
    """
    sizes = norms = _norms(X)
    axes, values = np.empty((0, X.shape[1])), np.empty(0)
    while len(axes) < n_components and np.any(norms > _REMAINDER_ERROR * sizes):
        n_missing = n_components - len(axes)
        count = min(n_missing, np.count_nonzero(norms > GRADED * norms.max()))
        found, lengths = solve(X, count, count == n_missing)
        share = GRADED if _are_graded(norms) else _GRADED_VALUES
        is_group = lengths > share * lengths.max()
        if np.all(is_group) and len(found) == n_components:
            return found, lengths
        left, found, lengths = _refine(X, found[is_group])
        axes, values = np.vstack([axes, found]), np.append(values, lengths)
        X = _project_out(X, left, axes)
        norms = _norms(X)
    return axes, values


def _project_out(X, left, axes):
    """Return X with its last group, with vectors `left`, and all `axes` projected out.

    The projection from the left has rounding errors relative to each column. The one
    from the right then removes errors of large columns, which are along the axes.
    """
    coefficients = left.T @ X
    remainder = np.empty_like(X)
    for start in range(0, len(X), _ROWS_IN_CACHE):
        rows = slice(start, start + _ROWS_IN_CACHE)
        part = X[rows] - left[rows] @ coefficients
        remainder[rows] = part - (part @ axes.T) @ axes
    return remainder


def _refine(X, axes):
    """Return left and right singular vectors, and values, from inaccurate axes.

    Errors of the elements of a right vector are relative to the norms of the columns.
    """
    left = np.linalg.qr(X @ axes.T)[0]
    right = X.T @ left
    values = np.linalg.norm(right, axis=0)
    right /= values
    # Unlike Householder's method, Cholesky factors mix vectors but no columns of X.
    factor = linalg.cholesky(right.T @ right, lower=True)
    right = linalg.solve_triangular(factor, right.T, lower=True)
    signs = largest_signs(right)
    return left * signs.T, right * signs, values


def is_small(X):
    """Whether all singular vectors of X can be computed in little time."""
    return min(X.shape) * X.size <= _FEW_MULTIPLICATIONS


def is_graded(X):
    """Whether the norms of the columns are of very different sizes."""
    return _are_graded(_norms(X))


def _norms(X):
    return np.sqrt(np.einsum("ij,ij->j", X, X))


def _are_graded(norms):
    return norms.min(where=norms > 0, initial=np.inf) < GRADED * norms.max()


def _jacobi(X):
    """Return vectors and values by the Jacobi method, None and None if it fails."""
    if len(X) == X.shape[1]:
        values, _, right, work, _, info = lapack.dgejsv(
            X, joba=0, jobu=3, jobv=0, jobt=0, jobp=0
        )
    else:
        # The transpose has rows of different scales.
        values, right, _, work, _, info = lapack.dgejsv(
            X.T, joba=2, jobu=0, jobv=3, jobt=0, jobp=0
        )
    if info != 0:
        return None, None
    return right.T, values * (work[0] / work[1])


def largest_signs(rows):
    """Return the signs, as a column, that make each row's largest element positive."""
    largest = np.abs(rows).argmax(axis=1)[:, np.newaxis]
    return np.where(np.take_along_axis(rows, largest, axis=1) < 0, -1.0, 1.0)
