"""What a contestant hands back after its fit."""

from collections.abc import Callable
from typing import NamedTuple

# Rows that are encoded at once by those who choose: they stay in a cache.
CHUNK = 1024


class Fitted(NamedTuple):
    """Functions of rows (ndarray in float32), None where there is none.

    Attributes
    ----------
    reconstruct : callable
        Rows of X to their reconstructions.
    encode : callable
        Rows of X to their codes.
    """

    reconstruct: Callable | None = None
    encode: Callable | None = None
