"""The description of an autoencoder that the engine trains."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """The functions and properties that define one kind of autoencoder.

    Attributes
    ----------
    build : callable
        ``build(shape, n_components, **correction)`` returns the uninitialized network
        for data of `shape`. With a linear path, ``correction=False`` builds a network
        that consists of the linear path only.
    link : str
        Link between the decoder's output and X, a key of `LINKS`.
    objective : callable
        ``objective(scaling, corruption)`` returns the `Objective` to minimize.
    corruption : callable
        ``corruption(rows)`` returns the function of (rows, generator) that adds noise
        to the input, or None. Its argument is the training samples, `ScaledRows`.
    linear_map : callable or None
        ``linear_map(rows, n_components, corruption, rng)`` returns the `LinearMap` of
        the linear path; None for a network without one.
    finish : callable
        ``finish(network, rows, linear_map)`` initializes the remaining state of the
        network.
    pretrain : callable or None
        ``pretrain(config, initial, samples, progress)`` trains parts of the network of
        an `InitialModel` and returns the `Pretraining`.
    uses_any_unit : bool
        Whether the minimum of the loss does not depend on the unit of X.
    linear_path_is_optimal : bool
        Whether the linear path has the lowest possible loss.
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
        """Return a network; `correction` is ignored without a linear path."""
        if correction or self.linear_map is None:
            return self.build(shape, n_components)
        return self.build(shape, n_components, correction=False)
