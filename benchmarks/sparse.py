"""Makhzani and Frey (2013): logistic regression on frozen k-sparse codes of MNIST.

1000 codes, k = 25. The autoencoder sees all 60,000 training rows without their labels.
The strength of the regression's penalty, and the number of codes that are kept for it,
are those that do best on the last 10,000 of them; the regression is then fitted to all.
"""

import time
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks import mnist
from skae import SparseAutoencoder

# Test errors in per cent: the paper's, and the targets.
_PAPER, _TARGET, _PIXELS = 1.35, "at most 1.5", "7.2 to 7.5"
_N_VALIDATION = 10_000
_STRENGTHS = (3.0, 10.0)
_MULTIPLES = (1, 2, 4)


class Errors(NamedTuple):
    """Of a regression, in per cent, and its penalty's inverse strength."""

    validation: float
    test: float
    C: float


def add_to(commands):
    """Add the sub-command."""
    parser = mnist.add_command(
        commands, "sparse", run, "regression on k-sparse codes of MNIST"
    )
    parser.add_argument("--max-iter", type=int, default=100, help="most epochs")
    parser.add_argument("--units", type=int, default=1000, help="codes")
    parser.add_argument("-k", type=int, default=25, help="codes of a row")
    parser.add_argument("--seed", type=int, default=0)


def run(options):
    """Print the errors on codes beside that on pixels."""
    split = mnist.load(options.openml)
    coder, start = make_coder(options), time.perf_counter()
    coder.fit(split.X_train)
    print(
        f"{coder.n_iter_} epochs in {time.perf_counter() - start:.0f} s, "
        f"{coder.score(split.X_test):.3f} of the test rows' variance reconstructed, "
        f"{coder.dead_fraction_:.1%} of the codes dead"
    )
    report(coder, split)


def make_coder(options):
    """Return the autoencoder, not yet fitted."""
    return SparseAutoencoder(
        options.units,
        n_nonzero_coefs=options.k,
        sparse_output=True,
        tied_weights=True,
        learning_rate_init=0.001,
        batch_size=128,
        max_iter=options.max_iter,
        random_state=options.seed,
    )


def report(coder, split):
    """Print the errors of regressions on pixels and on codes of a fitted coder."""
    pixels = regress(split.X_train, split.X_test, split)
    rows = [("raw pixels", _PIXELS, _describe(pixels))]
    found = {}
    for multiple in _MULTIPLES:
        kept = multiple * coder.n_nonzero_coefs
        coder.set_params(transform_n_nonzero_coefs=kept)
        codes = coder.transform(split.X_train), coder.transform(split.X_test)
        found[kept] = regress(*codes, split)
        rows.append((f"{kept} codes a row", "", _describe(found[kept])))
    best = min(found, key=lambda kept: found[kept].validation)
    target = f"{_TARGET} (paper: {_PAPER})"
    rows.append(("number chosen by validation", target, f"{found[best].test:.2f}"))
    mnist.print_figures(f"Test error in per cent, k = {coder.n_nonzero_coefs}", rows)


def regress(Z_train, Z_test, split):
    """Return the `Errors` of the regression with the best of the strengths."""
    # In units of a row's length, so that one set of strengths does for all.
    length = np.sqrt(np.mean(_squares(Z_train)))
    Z_train, Z_test = Z_train / length, Z_test / length
    y, n = split.y_train, Z_train.shape[0] - _N_VALIDATION
    errors = {}
    for C in _STRENGTHS:
        regression = _fit(C, Z_train[:n], y[:n])
        errors[C] = 100 - 100 * regression.score(Z_train[n:], y[n:])
    best = min(errors, key=errors.get)
    test = 100 - 100 * _fit(best, Z_train, y).score(Z_test, split.y_test)
    return Errors(errors[best], test, best)


def _fit(C, Z, y):
    return LogisticRegression(C=C, max_iter=1000, tol=2e-5).fit(Z, y)


def _squares(Z):
    """Return each row's sum of squares, of an array or a sparse matrix."""
    return np.asarray((Z.multiply(Z) if hasattr(Z, "multiply") else Z * Z).sum(axis=1))


def _describe(errors):
    return f"{errors.test:.2f} (validation {errors.validation:.2f}, C={errors.C:g})"
