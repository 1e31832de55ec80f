"""Sequences as flat rows: what shape they have, where they end, what is refused."""

import math

import numpy as np

from skae.estimators._layout import is_count, shape_of

# Of ``frame_length="auto"`` (measured): more are slow, and not better.
_MOST_FRAMES = 32


def resolve_sequence_shape(sequence_shape, n_features):
    """Return (n_timesteps, n_features) of sequences of `n_features` values.

    None is one feature at each step.

    Raises
    ------
    ValueError
        If the parameter is no shape, or one of another number of values.
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


def check_flat_sequences(X, name, whom):
    """Refuse sequences that are not flat rows, and show how to make them such.

    `X` is not validated yet; `whom` is the name of the estimator.
    """
    shape = shape_of(X)
    if len(shape) != 3:
        return
    is_list = isinstance(X, list | tuple)
    if is_list and len({len(sequence) for sequence in X}) > 1:
        raise ValueError(
            f"{name} holds sequences of unequal length, while {whom} takes flat rows "
            "of one length. Fill the shorter ones up at their end, with NaN say, make "
            "one row of each, and pass padding_value=np.nan and sequence_shape="
            f"(n_timesteps, {shape[2]})."
        )
    flat = f"np.asarray({name})" if is_list else name
    raise ValueError(
        f"Found array with dim 3, while dim <= 2 is required by {whom}: each sequence "
        f"is one flat row. Pass {flat}.reshape(len({name}), -1) and "
        f"sequence_shape={tuple(shape[1:])} for sequences of {shape[1]} steps of "
        f"{shape[2]} features."
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
