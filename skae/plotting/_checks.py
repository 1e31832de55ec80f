"""Validation of the arguments of displays."""

from numbers import Integral

import numpy as np


def check_count(name, value, least=1):
    """Raise unless `value` is an integer of at least `least`."""
    if not is_integer(value) or value < least:
        raise ValueError(
            f"The {name!r} parameter must be an integer of at least {least}. Got "
            f"{value!r} instead."
        )


def check_row(row, n_rows):
    """Raise unless `row` is the index of a row of X."""
    if not is_integer(row) or not -n_rows <= row < n_rows:
        raise ValueError(
            f"The 'row' parameter must be a row of X, from 0 to {n_rows - 1}, or from "
            f"-1 to {-n_rows} counted from the end. Got {row!r} instead."
        )


def check_components(components, n_codes, n_wanted=None):
    """Return columns of the codes as non-negative integers.

    Raises
    ------
    ValueError
        Unless `components` are different columns, and `n_wanted` of them if that is
        given.
    """
    if n_wanted is not None and n_codes < n_wanted:
        raise ValueError(
            f"This display shows {n_wanted} components, and the model has {n_codes}. "
            f"Fit it with n_components={n_wanted} or more."
        )
    given = list(components) if np.iterable(components) else []
    known = all(is_integer(j) and -n_codes <= j < n_codes for j in given)
    columns = [int(j) % n_codes for j in given] if known else []
    is_count_right = len(columns) == (n_wanted or len(columns)) > 0
    if not is_count_right or len(set(columns)) < len(columns):
        columns_there = f"each from 0 to {n_codes - 1}" if n_codes > 1 else "only [0]"
        count = "a sequence of" if n_wanted is None else f"a sequence of {n_wanted}"
        raise ValueError(
            f"The 'components' parameter must be {count} different columns of the "
            f"codes, {columns_there}. Got {components!r} instead."
        )
    return columns


def check_quantiles(values, component):
    """Raise if all quantiles of a component are equal."""
    if len(values) > 1 and values[0] == values[-1]:
        raise ValueError(
            "The 'components' parameter must be codes that differ between samples. All "
            f"{len(values)} quantiles of code {component} are {values[0]:.6g}. Choose "
            "another code or, for codes that are zero in most samples, "
            "LatentTraversalDisplay."
        )


def is_integer(value):
    """Whether `value` is an integer of Python or numpy, and not a bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)
