"""Hinton and Salakhutdinov (2006): MNIST by 30 numbers, 784-1000-500-250-30.

The figure is the squared error of an image, summed over its pixels in [0, 1], on the
10,000 test images. Cross-entropy is trained, as in the paper, without rows set apart.
"""

import time

from sklearn.decomposition import PCA

from benchmarks import mnist
from skae import StackedAutoencoder

_WIDTHS, _CODES = (1000, 500, 250), 30
_PAPER, _PAPER_PCA, _TARGET = 3.00, 13.87, "at most 3.0"
# The kinds of pretraining, with the activation that goes with each.
MODELS = {
    "denoising": {"pretraining": "denoising", "activation": "silu"},
    "rbm": {
        "pretraining": "rbm",
        "activation": "logistic",
        # At the default of 0.01 so wide a second layer saturates.
        "pretraining_learning_rate_init": 0.003,
    },
    "none": {"pretraining": None, "activation": "silu"},
    "none-logistic": {"pretraining": None, "activation": "logistic"},
}


def add_to(commands):
    """Add the sub-command."""
    parser = mnist.add_command(
        commands, "deep", run, "deep autoencoder of MNIST, squared error an image"
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--max-iter", type=int, default=200, help="epochs together")
    parser.add_argument(
        "--pretraining-max-iter",
        type=int,
        default=20,
        help="epochs of each layer before",
    )
    parser.add_argument("--rows", type=int, default=60_000, help="training images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="a line an epoch")


def run(options):
    """Print the error of each kind of pretraining beside PCA's."""
    split = mnist.load(options.openml)
    X_train, X_test = split.X_train[: options.rows], split.X_test
    pca = PCA(_CODES, random_state=0).fit(X_train)
    error = squared_error(pca.inverse_transform(pca.transform(X_test)), X_test)
    rows = [("PCA", f"{_PAPER_PCA} in the paper", f"{error:.2f}")]
    for name in options.models:
        start = time.process_time()
        model = make_model(options, name).fit(X_train)
        seconds = time.process_time() - start
        error = squared_error(model.reconstruct(X_test), X_test)
        target = f"{_TARGET} (paper: {_PAPER:.2f})"
        rows.append((f"pretraining: {name}", target, f"{error:.2f} ({seconds:.0f} s)"))
    mnist.print_figures(f"Squared error an image, {_CODES} codes", rows)


def make_model(options, name):
    """Return the autoencoder of one kind, not yet fitted."""
    return StackedAutoencoder(
        _CODES,
        hidden_layer_sizes=_WIDTHS,
        loss="log_loss",
        corruption_level=0.1,
        pretraining_max_iter=options.pretraining_max_iter,
        solver="adam",
        learning_rate="cosine",
        learning_rate_init=0.002,
        batch_size=128,
        max_iter=options.max_iter,
        early_stopping=False,
        verbose=options.verbose,
        random_state=options.seed,
        **MODELS[name],
    )


def squared_error(reconstructed, X):
    """Return the squared error of a row, summed over its features, on average."""
    return float(((reconstructed - X) ** 2).sum(axis=1).mean())
