"""Validation of images as flat rows, and of their shape."""

import math

import numpy as np

from skae._functional.corruption import ColumnRange
from skae._utils.flat_rows import (
    array_code,
    check_is_one_table,
    crop_code,
    ragged_shapes,
    refuse_mixed_shapes,
    shape_of,
    spread,
)
from skae._utils.validation import is_count


def resolve_image_shape(image_shape, n_features):
    """Return (height, width, channels) of images of `n_features` values.

    None means a square if `n_features` is a square number, otherwise a row of pixels.

    Raises
    ------
    ValueError
        If the parameter is not a shape, or one with another number of values.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        return (side, side, 1) if side * side == n_features else (1, n_features, 1)
    shape = _flat(image_shape)
    if len(shape) not in (2, 3) or not all(map(is_count, shape)):
        raise ValueError(
            "The 'image_shape' parameter must be (height, width) or (height, width, "
            f"channels), whole numbers of at least 1. Got {image_shape!r} instead."
        )
    shape = tuple(int(length) for length in shape)
    if math.prod(shape) != n_features:
        raise ValueError(
            f"The 'image_shape' parameter is {image_shape!r}, {math.prod(shape)} "
            f"values an image, but X has {n_features} features. Pass the shape of one "
            "image, (height, width) or (height, width, channels)."
        )
    return shape if len(shape) == 3 else (*shape, 1)


def check_flat_images(X, name, whom):
    """Raise an error for images that are not flat rows, with code to flatten them.

    `X` is not validated yet; `whom` is the name of the estimator.
    """
    shapes = ragged_shapes(X)
    if shapes is not None:
        _refuse_ragged(shapes, name, whom)
    check_is_one_table(X, name, whom)
    shape = shape_of(X)
    if len(shape) not in (3, 4):
        return
    flat, image_shape = array_code(X, name), shape[1:]
    if _is_channels_first(image_shape):
        flat += ".transpose(0, 2, 3, 1)"
        image_shape = (*image_shape[1:], image_shape[0])
    raise ValueError(
        f"Found array with dim {len(shape)}, while dim <= 2 is required by {whom}: "
        f"each image is one flat row. Pass {flat}.reshape(len({name}), -1) and "
        f"image_shape={image_shape}."
    )


def _is_channels_first(shape):
    """Whether the channels come first, as in torch."""
    return len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] > 4


def _refuse_ragged(shapes, name, whom):
    """Raise an error for images of different sizes, with code to crop them."""
    refuse_mixed_shapes(shapes, name, whom)
    least = tuple(map(min, zip(*shapes, strict=True)))
    then, image_shape = "", least
    if all(map(_is_channels_first, shapes)):
        then, image_shape = ".transpose(1, 2, 0)", (*least[1:], least[0])
    parameter = f" and pass image_shape={image_shape}" if len(least) > 1 else ""
    sizes = " x ".join(map(spread, zip(*shapes, strict=True)))
    raise ValueError(
        f"{name} holds images of different sizes, {sizes} values, while {whom} takes "
        "one flat row for each image, all of one size. Resize them, for example with "
        f"Pillow or scikit-image, or crop them{parameter}:\n\n"
        f"    {crop_code(name, shapes, then)}\n\n"
        "All data of one model need the same size."
    )


def resolve_channels(channels):
    """Return the channels of the stages as a tuple.

    Raises
    ------
    ValueError
        If there is no stage, or a value is not a positive integer.
    """
    counts = (channels,) if is_count(channels) else _flat(channels)
    if not counts or not all(map(is_count, counts)):
        raise ValueError(
            "The 'channels' parameter must contain the number of channels of each "
            f"stage, at least 1, from the image to the code. Got {channels!r} instead."
        )
    return counts


def resolve_kernel_size(kernel_size):
    """Return height and width of the kernels.

    Raises
    ------
    ValueError
        If the parameter is not one or two positive integers.
    """
    if is_count(kernel_size):
        return int(kernel_size), int(kernel_size)
    sides = _flat(kernel_size)
    if len(sides) != 2 or not all(map(is_count, sides)):
        raise ValueError(
            "The 'kernel_size' parameter must be a number of pixels, or two for height "
            f"and width, at least 1. Got {kernel_size!r} instead."
        )
    return sides


def _flat(values):
    """Return values as a tuple, in which a bool does not become an integer."""
    return tuple(np.ravel(np.asarray(values, dtype=object)).tolist())


def channel_range(rows, n_channels):
    """Return the `ColumnRange` of images, with one range for each channel.

    All pixels share black and white, whatever the range of a single pixel.
    """
    X = rows.scaling.restore(rows.x)
    values = X.reshape(-1, n_channels)
    n_pixels = X.shape[1] // n_channels
    return ColumnRange(
        *(
            rows.scaling(extreme.repeat(1, n_pixels))[0]
            for extreme in (values.amin(dim=0), values.amax(dim=0))
        )
    )
