"""What images and sequences share that come as flat rows: counts, and shapes."""

import numbers


def is_count(value):
    """Whether a value is a whole number of at least 1, and no bool."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_integer and value >= 1


def shape_of(X):
    """Return the shape of an array, and of nested lists by the first of each."""
    if isinstance(X, list | tuple) and len(X) > 0:
        return (len(X), *shape_of(X[0]))
    shape = getattr(X, "shape", ())
    return tuple(shape) if isinstance(shape, tuple) else ()
