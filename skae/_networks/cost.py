"""Cost of a row in a network, in time and in memory."""

from skae._networks.linear_path import is_linear_path

# Numbers in one layer of all rows that are computed at once. More than a few megabytes
# do not fit into the cache: with ten times as many, convolutions take twice as long.
_NUMBERS_AT_ONCE = 2**21


def multiplications(network):
    """Return the number of multiplications per row.

    Each weight is used once unless the network has a count of its own. A linear map is
    negligible compared with its correction.
    """
    if hasattr(network, "multiplications"):
        return network.multiplications
    if is_linear_path(network):
        return sum(buffer.numel() for buffer in network.buffers())
    return sum(parameter.numel() for parameter in network.parameters())


def rows_at_once(network, most):
    """Return the number of rows to compute at once, at most `most`."""
    if not hasattr(network, "widest"):
        return most
    return max(1, min(most, _NUMBERS_AT_ONCE // network.widest))
