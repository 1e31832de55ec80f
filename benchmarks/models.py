"""Estimators of skae with the network of a workload, all else as asked for."""

from benchmarks.speed.workloads import SIDE

# The plain network; a convolutional one has no linear path.
TEXTBOOK = {
    "activation": "relu",
    "solver": "adam",
    "learning_rate_init": 1e-3,
    "alpha": 0.0,
    "average": False,
    "early_stopping": False,
}
TEXTBOOK_DENSE = {**TEXTBOOK, "linear_path": None}


def make(workload, **parameters):
    """Return an estimator with a workload's network, batches and epochs.

    Parameters
    ----------
    workload : benchmarks.speed.workloads.Workload
    **parameters
        Of the estimator, in place of its defaults.
    """
    # Inside, as what is measured may be the start of a process.
    from skae import AutoencoderTransformer, ConvolutionalAutoencoder, VAETransformer

    parameters = {
        "batch_size": workload.batch_size,
        "max_iter": workload.epochs,
        "random_state": 0,
    } | parameters
    if workload.kind == "convolutional":
        return ConvolutionalAutoencoder(
            image_shape=(SIDE, SIDE),
            channels=workload.widths[1:],
            pooling="max",
            upsampling="nearest",
            **parameters,
        )
    _, *hidden, n_codes = workload.widths
    cls = AutoencoderTransformer
    if workload.kind == "variational":
        cls, parameters = VAETransformer, {"likelihood": "bernoulli"} | parameters
    # Further starts would be timed, too.
    parameters = {"n_init": 1} | parameters
    return cls(n_codes, hidden_layer_sizes=tuple(hidden), **parameters)
