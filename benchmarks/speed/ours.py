"""The estimators of skae with the network, batches and epochs of a workload."""

from unittest import mock

from benchmarks.models import TEXTBOOK, TEXTBOOK_DENSE, make
from benchmarks.speed.fitted import Fitted
from skae._training import loop


def defaults(workload, X):
    """Fit with the defaults: from PCA, a tenth of the rows judges.

    Patience is as long as the fit, so that all epochs are run.
    """
    return _fitted(_make(workload), X)


def textbook(workload, X):
    """Fit the plain network."""
    dense = workload.kind != "convolutional"
    return _fitted(_make(workload, TEXTBOOK_DENSE if dense else TEXTBOOK), X)


def autograd(workload, X):
    """Fit the plain network by autograd."""
    with mock.patch.object(loop, "_WRITTEN_OUT", False):
        return textbook(workload, X)


def _make(workload, options=()):
    options = {"learning_rate_init": workload.learning_rate, **dict(options)}
    return make(workload, n_iter_no_change=workload.epochs, **options)


def _fitted(model, X):
    model.fit(X)
    return Fitted(model.reconstruct, model.transform)
