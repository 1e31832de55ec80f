"""Errors that name the parameter, what it may be and what it was."""

from numbers import Integral


def check_count(name, value):
    """Raise unless `value` is a positive integer."""
    if not _is_integer(value) or value < 1:
        raise ValueError(
            f"The {name!r} parameter must be a positive integer. Got {value!r} instead."
        )


def check_row(row, n_rows):
    """Raise unless `row` is the number of a row of X."""
    if not _is_integer(row) or not -n_rows <= row < n_rows:
        raise ValueError(
            f"The 'row' parameter must be a row of X, from 0 to {n_rows - 1}. Got "
            f"{row!r} instead."
        )


def check_components(components, n_codes, n_wanted=None):
    """Return columns of the codes as non-negative integers.

    Raises
    ------
    ValueError
        Unless `components` are different columns, `n_wanted` of them if given.
    """
    is_sequence = hasattr(components, "__len__") and not isinstance(components, str)
    given = list(components) if is_sequence else []
    known = all(_is_integer(j) and -n_codes <= j < n_codes for j in given)
    columns = [int(j) % n_codes for j in given] if known else []
    is_count_right = len(columns) == (n_wanted or len(columns)) > 0
    if not is_count_right or len(set(columns)) < len(columns):
        count = "a sequence of" if n_wanted is None else f"a sequence of {n_wanted}"
        raise ValueError(
            f"The 'components' parameter must be {count} different columns of the "
            f"codes, each from 0 to {n_codes - 1}. Got {components!r} instead."
        )
    return columns


def _is_integer(value):
    return isinstance(value, Integral) and not isinstance(value, bool)
