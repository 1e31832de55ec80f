"""Validation of sequences as flat rows, of their shape and of their padding."""

import math
import numbers

import numpy as np

from skae._utils.flat_rows import (
    array_code,
    check_is_one_table,
    ragged_shapes,
    refuse_mixed_shapes,
    shape_of,
    spread,
)
from skae._utils.validation import is_count

# For ``frame_length="auto"``: more frames are slower, and not better.
_MOST_FRAMES = 32


def resolve_sequence_shape(sequence_shape, n_features):
    """Return (n_timesteps, n_features) of sequences of `n_features` values.

    None means one feature at each step.

    Raises
    ------
    ValueError
        If the parameter is not a shape, or one with another number of values.
    """
    if sequence_shape is None:
        return n_features, 1
    shape = tuple(np.ravel(np.asarray(sequence_shape, dtype=object)))
    if len(shape) != 2 or not all(map(is_count, shape)):
        raise ValueError(
            "The 'sequence_shape' parameter must be (n_timesteps, n_features), whole "
            f"numbers of at least 1. Got {sequence_shape!r} instead."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"The 'sequence_shape' parameter is {sequence_shape!r}, {math.prod(shape)} "
            f"values a sequence, but X has {n_features} features. Pass (n_timesteps, "
            "n_features) of one sequence, whose product is that number."
        )
    return int(shape[0]), int(shape[1])


def resolve_frame_length(frame_length, n_timesteps):
    """Return the number of steps of a frame; at most all of them."""
    if frame_length == "auto":
        frame_length = -(-n_timesteps // _MOST_FRAMES)
    return min(frame_length, n_timesteps)


def check_flat_sequences(X, name, whom, padding_value=None):
    """Raise an error for sequences that are not flat rows, with code to flatten them.

    `X` is not validated yet; `whom` is the name of the estimator, and `padding_value`
    its parameter.
    """
    shapes = ragged_shapes(X)
    if shapes is not None:
        _refuse_ragged(shapes, name, whom, padding_value)
    check_is_one_table(X, name, whom)
    shape, flat = shape_of(X), array_code(X, name)
    if len(shape) < 3:
        return
    if len(shape) > 3:
        raise ValueError(
            f"Found array with dim {len(shape)}, while dim <= 2 is required by {whom}: "
            f"each sequence is one flat row. Pass {flat}.reshape(len({name}), -1) and "
            f"sequence_shape=({shape[1]}, {math.prod(shape[2:])}), a step's values as "
            "its features."
        )
    raise ValueError(
        f"Found array with dim 3, while dim <= 2 is required by {whom}: each sequence "
        f"is one flat row. Pass {flat}.reshape(len({name}), -1) and "
        f"sequence_shape={tuple(shape[1:])} for sequences of {shape[1]} steps of "
        f"{shape[2]} features."
    )


def _refuse_ragged(shapes, name, whom, padding_value):
    """Refuse sequences of unequal length, and show how to pad them."""
    refuse_mixed_shapes(shapes, name, whom)
    lengths, features = [shape[0] for shape in shapes], [shape[1:] for shape in shapes]
    if len(shapes[0]) > 2 or len(set(features)) > 1:
        raise ValueError(
            f"{name} holds sequences of unequal shape, {shapes[0]} and "
            f"{next(s for s in shapes if s != shapes[0])} say. A sequence has the "
            "shape (n_timesteps, n_features), and all have the same features. "
            "Transpose or complete them."
        )
    is_nan = not isinstance(padding_value, numbers.Real) or math.isnan(padding_value)
    fill = "np.nan" if is_nan else repr(padding_value)
    widths, flat, parameters = "(0, n_steps - len(s))", "", ""
    if features[0]:
        widths, flat = "((0, n_steps - len(s)), (0, 0))", ".ravel()"
        parameters = f", sequence_shape=({max(lengths)}, {features[0][0]})"
    raise ValueError(
        f"{name} holds sequences of unequal length, {spread(lengths)} steps, while "
        f"{whom} takes one flat row for each, all of one length. Pad the shorter ones "
        "at their end:\n\n"
        f"    n_steps = max(map(len, {name}))\n"
        f"    pad = lambda s: np.pad(np.asarray(s, dtype=float), {widths}, "
        f"constant_values={fill}){flat}\n"
        f"    {name} = np.array([pad(s) for s in {name}])\n\n"
        f"and use {whom}(padding_value={fill}{parameters}). All data of one model need "
        "the same n_steps."
    )


def mark_padding(X, sequence_shape, padding_value, name):
    """Return rows with NaN at the steps after the end of each sequence.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps * n_features)
    sequence_shape : tuple of two ints
    padding_value : float
        Steps of which all features have this value are padding where no other step
        follows. May be NaN, which must not stand elsewhere.
    name : str
        Of `X`, for messages.

    Raises
    ------
    ValueError
        If NaN is anywhere else, or a row is padding alone.
    """
    steps = X.reshape(len(X), *sequence_shape)
    is_nan = np.isnan(padding_value)
    equal = np.isnan(steps) if is_nan else steps == X.dtype.type(padding_value)
    from_the_end = equal.all(axis=2)[:, ::-1]
    padded = np.logical_and.accumulate(from_the_end, axis=1)[:, ::-1]
    if is_nan:
        _refuse_gaps(equal & ~padded[:, :, np.newaxis], name)
    empty = np.flatnonzero(padded.all(axis=1))
    if len(empty) > 0:
        raise ValueError(
            f"Row {empty[0]} of {name} is padding alone, padding_value="
            f"{padding_value}, and a sequence has at least one step. "
            f"{_of_all(empty, X)} Leave them out."
        )
    if is_nan or not padded.any():
        return X
    return np.where(padded[:, :, np.newaxis], np.nan, steps).reshape(X.shape)


def _refuse_gaps(gaps, name):
    rows = np.flatnonzero(gaps.any(axis=(1, 2)))
    if len(rows) > 0:
        step, feature = np.argwhere(gaps[rows[0]])[0]
        raise ValueError(
            f"Row {rows[0]} of {name} has NaN at step {step}, feature {feature} (from "
            "0), where its sequence goes on: with padding_value=nan only whole steps "
            f"at the end of a row may be NaN. {_of_all(rows, gaps)} Fill such gaps, by "
            "interpolation say."
        )


def _of_all(rows, X):
    return f"So it is in {len(rows)} of {len(X)} rows."
