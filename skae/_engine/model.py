"""What the engine needs to know of a kind of autoencoder."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """The functions and facts that tell one kind of autoencoder from another.

    Attributes
    ----------
    build : callable
        ``build(shape, n_components, **correction)`` returns the uninitialized network
        for data of `shape`. With a linear path ``correction=False`` asks for that path
        alone.
    link : str
        Link between the decoder's output and X, a key of `LINKS`.
    objective : callable
        ``objective(scaling, corruption)`` returns the `Objective` to minimize.
    corruption : callable
        ``corruption(rows)`` returns the noise on the input, a function of (rows,
        generator), or None. It receives the training samples, `ScaledRows`.
    linear_map : callable or None
        ``linear_map(rows, n_components, corruption, rng)`` returns the `LinearMap` of
        the linear path; None for a network without one.
    finish : callable
        ``finish(network, rows, linear_map)`` sets what else the network starts with.
    pretrain : callable or None
        ``pretrain(config, initial, samples, progress)`` trains parts of the network of
        an `InitialModel` and returns their `Pretraining`.
    uses_any_unit : bool
        Whether the loss has the same minimum in whatever unit X is.
    linear_path_is_optimal : bool
        Whether no training can improve on the linear path.
    """

    build: Callable
    link: str
    objective: Callable
    corruption: Callable
    linear_map: Callable | None
    finish: Callable
    pretrain: Callable | None = None
    uses_any_unit: bool = True
    linear_path_is_optimal: bool = False

    def network(self, shape, n_components, *, correction=True):
        """Return a network; without a linear path it always has its correction."""
        if correction or self.linear_map is None:
            return self.build(shape, n_components)
        return self.build(shape, n_components, correction=False)
