"""Grid of small images or curves inside one Axes.

The cell of row i and column j is the unit square with its center at
(j + 0.5, i + 0.5), row 0 at the top.
"""

import math

import numpy as np

from skae.plotting._axes import REFERENCE_COLOR, colors, remove_spines
from skae.plotting._checks import is_integer

# A square with a smaller side is hardly an image.
_SMALLEST_SIDE = 5
# Share of the shorter side of an image.
_GAP = 0.06
_CURVE_MARGIN = 0.08


def resolve_image_shape(image_shape, n_features):
    """Return the shape of a sample as a tuple: 1 long for curves, else 2 or 3."""
    if image_shape is None:
        side = math.isqrt(n_features)
        is_square = side >= _SMALLEST_SIDE and side**2 == n_features
        return (side, side) if is_square else (n_features,)
    shape = tuple(image_shape) if np.iterable(image_shape) else ()
    are_sides = all(is_integer(side) and side > 0 for side in shape)
    channels_fit = 1 <= len(shape) <= 3 and (len(shape) < 3 or shape[2] in (1, 3, 4))
    if not (are_sides and channels_fit and math.prod(shape) == n_features):
        raise ValueError(
            "The 'image_shape' parameter must be (height, width), (height, width, "
            "channels) with 1, 3 or 4 channels, or (n_features,) for curves, and its "
            f"product the number of features, {n_features}. Got {image_shape!r} "
            "instead."
        )
    return shape


def height_over_width(shape, curve=0.75):
    """Return the aspect ratio of a cell, `curve` if it contains no image."""
    return shape[0] / shape[1] if len(shape) > 1 else curve


def draw_grid(ax, cells, shape, limits, kwargs, *, gap=np.nan, reference=None):
    """Draw cells as images or as curves.

    Parameters
    ----------
    ax : matplotlib Axes
    cells : array-like of shape (n_rows, n_columns, n_features)
        A cell of NaN stays blank.
    shape : tuple of int
        Shape of each cell, from `resolve_image_shape`.
    limits : pair of float
        Values that are drawn black and white, or at the lower and upper end of the
        cell of a curve.
    kwargs : dict
        Passed to ``ax.imshow`` or ``ax.plot``.
    gap : float, default=nan
        Value of the pixels between images; NaN leaves them blank.
    reference : array-like of shape (n_features,), default=None
        A curve to draw in gray behind each of the curves.

    Returns
    -------
    image : matplotlib AxesImage or None
    lines : list of matplotlib Line2D or None
    """
    cells = np.asarray(cells, float)
    ax.tick_params(length=0)
    remove_spines(ax, "top", "right", "bottom", "left")
    if len(shape) == 1:
        style = {"color": colors(1)[0], "linewidth": 1.2, **kwargs}
        lines = _draw_curves(ax, cells, limits, style)
        if reference is not None:
            gray = {"color": REFERENCE_COLOR, "linewidth": 0.8, "alpha": 0.7}
            behind = np.where(np.isfinite(cells), reference, np.nan)
            _draw_curves(ax, behind, limits, {**gray, "zorder": 1})
        return None, lines
    return _draw_images(ax, cells, shape, limits, kwargs, gap), None


def _draw_images(ax, cells, shape, limits, kwargs, gap):
    low, high = limits
    shape = shape[:2] if shape[2:] == (1,) else shape
    if len(shape) == 3:
        # Colors are shares of full brightness; NaN would not be transparent.
        cells, gap = (
            np.nan_to_num((values - low) / ((high - low) or 1), nan=1.0).clip(0, 1)
            for values in (cells, gap)
        )
    gap_width = math.ceil(_GAP * min(shape[:2]))
    height, width = shape[0] + gap_width, shape[1] + gap_width
    n_rows, n_columns = cells.shape[:2]
    y, x = gap_width / height / 2, gap_width / width / 2
    style = {
        "cmap": "gray",
        "vmin": low,
        "vmax": high,
        "interpolation": "nearest",
        "extent": (x, n_columns - x, n_rows - y, y),
        "aspect": height / width,
    }
    mosaic = _mosaic(cells.reshape(n_rows, n_columns, *shape), gap_width, gap)
    return ax.imshow(mosaic, **{**style, **kwargs})


def _draw_curves(ax, cells, limits, style):
    low, high = limits
    n_rows, n_columns, n_features = cells.shape
    x = np.linspace(_CURVE_MARGIN, 1 - _CURVE_MARGIN, n_features)
    y = (high - cells) / ((high - low) or 1)
    y = _CURVE_MARGIN + (1 - 2 * _CURVE_MARGIN) * y
    x = np.broadcast_to(x + np.arange(n_columns)[:, np.newaxis], y.shape)
    y = y + np.arange(n_rows)[:, np.newaxis, np.newaxis]
    # NaN separates two curves.
    x, y = (np.pad(v, [(0, 0), (0, 0), (0, 1)], constant_values=np.nan) for v in (x, y))
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0))
    return ax.plot(x.ravel(), y.ravel(), **style)


def _mosaic(images, gap_width, gap):
    """Return one image of (n_rows, n_columns) images with `gap` between them."""
    n_rows, n_columns, height, width, *channels = images.shape
    padding = [(0, 0), (0, 0), (0, gap_width), (0, gap_width)]
    padding += [(0, 0)] * len(channels)
    padded = np.pad(images, padding, constant_values=gap)
    size = n_rows * (height + gap_width), n_columns * (width + gap_width)
    mosaic = padded.swapaxes(1, 2).reshape(*size, *channels)
    return mosaic[:-gap_width, :-gap_width]


def value_limits(images, shape, value_range):
    """Return the limits for `draw_grid`; curves need their whole range."""
    if value_range is None or len(shape) == 1:
        return images.min(), images.max()
    return value_range


def value_labels(values):
    """Return ascending values as an array of str, to a twentieth of their range."""
    values = np.asarray(values, float)
    span = float(np.ptp(values)) or 1.0
    exponent = math.floor(math.log10(span / 2))
    decimals = max(0, 1 - exponent)
    form = f".{decimals}f" if abs(exponent) < 5 else ".1e"
    # Adding zero removes the sign of -0.0; the minus sign is as wide as a plus.
    labels = [format(v + 0.0, form) for v in np.round(values, decimals)]
    return np.array([label.replace("-", "\N{MINUS SIGN}") for label in labels])
