"""What a row costs a network, in time and in memory."""

from skae._networks.linear_path import is_linear_path

# Numbers in one layer of all rows that are computed at once: beyond a few megabytes
# no cache holds them (measured on convolutions: half the time of ten times as many).
_NUMBERS_AT_ONCE = 2**21


def multiplications(network):
    """Return how many a row takes.

    A weight is used once, unless the network itself knows better. Beside a correction
    of a linear map the map itself is little.
    """
    if hasattr(network, "multiplications"):
        return network.multiplications
    if is_linear_path(network):
        return sum(buffer.numel() for buffer in network.buffers())
    return sum(parameter.numel() for parameter in network.parameters())


def rows_at_once(network, most):
    """Return how many rows to compute at once, of wide layers fewer than `most`."""
    if not hasattr(network, "widest"):
        return most
    return max(1, min(most, _NUMBERS_AT_ONCE // network.widest))
