"""The estimators of skae with the network, batches and epochs of a workload."""

from unittest import mock

from benchmarks.speed.fitted import Fitted
from benchmarks.speed.workloads import SIDE
from skae import AutoencoderTransformer, ConvolutionalAutoencoder, VAETransformer
from skae.training import loop

_TEXTBOOK = {
    "activation": "relu",
    "solver": "adam",
    "alpha": 0.0,
    "average": False,
    "early_stopping": False,
}


def defaults(workload, X):
    """Fit with the defaults: from PCA, a tenth of the rows judges.

    Patience is as long as the fit, so that all epochs are run.
    """
    return _fitted(_make(workload), X)


def textbook(workload, X):
    """Fit the plain network."""
    model = _make(workload).set_params(**_TEXTBOOK)
    if workload.kind != "convolutional":
        model.set_params(linear_path=None)
    return _fitted(model, X)


def autograd(workload, X):
    """Fit the plain network by autograd."""
    with mock.patch.object(loop, "_WRITTEN_OUT", False):
        return textbook(workload, X)


def _make(workload):
    shared = {
        "batch_size": workload.batch_size,
        "max_iter": workload.epochs,
        "n_iter_no_change": workload.epochs,
        "learning_rate_init": workload.learning_rate,
        "random_state": 0,
    }
    if workload.kind == "convolutional":
        return ConvolutionalAutoencoder(
            image_shape=(SIDE, SIDE),
            channels=workload.widths[1:],
            pooling="max",
            upsampling="nearest",
            **shared,
        )
    _, *hidden, n_codes = workload.widths
    if workload.kind == "variational":
        shared["likelihood"] = "bernoulli"
        return VAETransformer(n_codes, hidden_layer_sizes=tuple(hidden), **shared)
    return AutoencoderTransformer(n_codes, hidden_layer_sizes=tuple(hidden), **shared)


def _fitted(model, X):
    model.fit(X)
    return Fitted(model.reconstruct, model.transform)
