"""Axes and colors of the displays; matplotlib is imported on demand."""

from itertools import cycle, islice

# Paul Tol's "muted" scheme, distinguishable for color-blind readers, in an order with
# large differences between neighbors, and with a dark gray as the tenth.
_COLORS = (
    "#332288",
    "#cc6677",
    "#44aa99",
    "#ddcc77",
    "#aa4499",
    "#88ccee",
    "#117733",
    "#882255",
    "#999933",
    "#555555",
)
N_COLORS = len(_COLORS)
REFERENCE_COLOR = "#777777"


def import_pyplot(display):
    """Return ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed, with the extra that installs it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib, which is not installed. "
            "Install it with: pip install skae[plot]"
        ) from error
    return plt


def axes_or_new(display, ax, figsize):
    """Return `ax`, or the axes of a new figure of `figsize` inches if it is None.

    Raises
    ------
    TypeError
        If `ax` is not Axes, but an array of several, for example.
    """
    if ax is not None:
        if not hasattr(ax, "set_xlabel"):
            raise TypeError(
                "The 'ax' parameter must be matplotlib Axes or None. Got "
                f"{type(ax).__name__}: {ax!r}."
            )
        return ax
    plt = import_pyplot(display)
    # "compressed" is the constrained layout that knows the fixed aspect of images.
    return plt.subplots(figsize=figsize, layout="compressed")[1]


def colors(n):
    """Return `n` colors; they repeat after `N_COLORS`."""
    return list(islice(cycle(_COLORS), n))


def remove_spines(ax, *sides):
    """Hide the frame of `ax` at `sides`."""
    ax.spines[list(sides)].set_visible(False)
