"""Singular vectors of rows whose columns have very different scales."""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

# Ratio of sizes from which on they are called graded: the covariance of the columns,
# whose eigenvectors are computed to a share of the largest, has too few digits left.
GRADED = 1e-3


def right_singular_vectors(X):
    """Return right singular vectors as rows, and singular values, in float64.

    Computed to a share of the largest singular value, as usual, where the columns have
    like sizes. Of columns of different scales each singular value is computed to a
    share of itself, and each vector element by element: the one-sided Jacobi method
    has no need to compare columns of different sizes [1]_.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    vectors : ndarray of shape (min(n_samples, n_features), n_features)
        With signs that make the largest element of each positive.
    singular_values : ndarray of shape (min(n_samples, n_features),)

    References
    ----------
    .. [1] Z. Drmac and K. Veselic, "New fast and accurate Jacobi SVD algorithm",
       SIAM J. Matrix Anal. Appl. 29, 2008.
    """
    n_rows, n_columns = X.shape
    if n_rows > n_columns:
        X = np.linalg.qr(X, mode="r")
    vectors, singular_values = _jacobi(X) if _is_graded(X) else (None, None)
    if vectors is None:
        _, singular_values, vectors = np.linalg.svd(X, full_matrices=False)
    return vectors * largest_signs(vectors), singular_values


def leading_right_singular_vectors(X, n_components):
    """Return the first of them; those of like columns to half of the digits only.

    Of a square matrix of like columns they are the eigenvectors of its Gram matrix,
    which take a fraction of the time.
    """
    n_rows, n_columns = X.shape
    if n_rows < n_columns or _is_graded(X):
        vectors, singular_values = right_singular_vectors(X)
        return vectors[:n_components], singular_values[:n_components]
    first = max(n_columns - n_components, 0)
    squares, vectors = linalg.eigh(X.T @ X, subset_by_index=[first, n_columns - 1])
    return vectors[:, ::-1].T, np.sqrt(np.maximum(squares[::-1], 0.0))


def _is_graded(X):
    sizes = np.linalg.norm(X, axis=0)
    return sizes.min(where=sizes > 0, initial=np.inf) < GRADED * sizes.max()


def _jacobi(X):
    """Return the same by the Jacobi method, None where it fails."""
    if len(X) == X.shape[1]:
        values, _, right, work, _, info = lapack.dgejsv(
            X, joba=0, jobu=3, jobv=0, jobt=0, jobp=0
        )
    else:
        # Of rows of different scales, those of the transpose.
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
