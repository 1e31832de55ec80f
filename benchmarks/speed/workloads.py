"""The workloads: data, network, batches and epochs."""

from typing import NamedTuple

# Side of an image of MNIST.
SIDE = 28


class Workload(NamedTuple):
    """What every contestant does.

    Attributes
    ----------
    title : str
    kind : str
        "dense", "variational" or "convolutional" for a fit; "encoder" for the
        transform of a dense one.
    data : str
        A key of `benchmarks.speed.data.LOADERS`.
    widths : tuple of int
        From the input to the code, which the decoder mirrors; channels where it is
        convolutional.
    batch_size, epochs : int
    n_threads : int or None
        None: all cores.
    n_rows : int or None
        None: all rows.
    learning_rate : float
        Of Adam.
    """

    title: str
    kind: str
    data: str
    widths: tuple[int, ...]
    batch_size: int
    epochs: int
    n_threads: int | None = None
    n_rows: int | None = None
    learning_rate: float = 1e-3


WORKLOADS = {
    "W1": Workload("digits", "dense", "digits", (64, 32, 8), 200, 100, n_threads=1),
    "W2": Workload("MNIST, wide", "dense", "mnist", (784, 512, 256, 32), 256, 2),
    "W3": Workload("MNIST, 784-2", "dense", "mnist", (784, 2), 256, 3),
    "W4": Workload("MNIST, VAE", "variational", "mnist", (784, 512, 2), 128, 2),
    "W5": Workload("transform", "encoder", "mnist", (784, 512, 256, 32), 256, 1),
    "W7": Workload(
        "convolutions", "convolutional", "mnist", (1, 16, 8), 128, 1, n_rows=150 * 128
    ),
}
# Start of the process and memory, which the fits of W1 tell.
START = "W6"
