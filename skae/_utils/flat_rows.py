"""Errors for samples that are not flat rows of one length."""


def shape_of(X):
    """Return the shape of an array or, by their first items, of nested lists."""
    if isinstance(X, list | tuple):
        return (len(X), *(shape_of(X[0]) if len(X) else ()))
    shape = getattr(X, "shape", ())
    shape = tuple(shape) if isinstance(shape, tuple) else ()
    if _is_of_objects(X) and len(X):
        return (*shape, *shape_of(next(iter(X))))
    return shape


def array_code(X, name):
    """Return code that converts `X` to an array, if it is not an array already."""
    if isinstance(X, list | tuple):
        return f"np.asarray({name})"
    return f"np.stack({name})" if _is_of_objects(X) else name


def _is_of_objects(X):
    """Whether `X` is a 1-D array or Series of objects, which may be arrays."""
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return kind == "O" and len(X.shape) == 1


def ragged_shapes(X):
    """Return the shapes of the items of `X` if they differ, otherwise None.

    `X` is a list, or a one-dimensional array or Series of objects.
    """
    if not _is_of_objects(X) and not isinstance(X, list | tuple):
        return None
    shapes = [shape_of(item) for item in X]
    return shapes if () not in shapes and len(set(shapes)) > 1 else None


def spread(values):
    """Return "minimum to maximum" of several values, for a message."""
    least, largest = min(values), max(values)
    return f"{least} to {largest}" if least < largest else str(least)


def crop_code(name, shapes, then=""):
    """Return a line of code that crops the items of `name` to one size, as flat rows.

    All `shapes` have the same number of dimensions; `then` is code between the crop
    and the flattening of an item.
    """
    slices = ", ".join(f":{min(lengths)}" for lengths in zip(*shapes, strict=True))
    flat = ".ravel()" if len(shapes[0]) > 1 else ""
    return f"{name} = np.array([np.asarray(x)[{slices}]{then}{flat} for x in {name}])"


def refuse_mixed_shapes(shapes, name, whom):
    """Raise if items are empty or differ in their number of dimensions."""
    empty = [i for i, shape in enumerate(shapes) if 0 in shape]
    if empty:
        raise ValueError(
            f"{name} holds samples of unequal length, and {len(empty)} of "
            f"{len(shapes)} have no value at all, the first is sample {empty[0]}. "
            "Remove them."
        )
    if len(set(map(len, shapes))) > 1:
        first, other = shapes[0], next(s for s in shapes if len(s) != len(shapes[0]))
        raise ValueError(
            f"{name} holds arrays with different numbers of dimensions, such as "
            f"shapes {first} and {other}, but {whom} takes one flat row for each "
            "sample, all of one length. Give all samples one shape, then flatten them."
        )


def check_flat_rows(X, name, whom):
    """Raise unless X has flat rows of one length, and show how to convert it.

    `X` is not validated yet; `whom` is the name of the estimator.
    """
    shapes = ragged_shapes(X)
    if shapes is not None:
        refuse_mixed_shapes(shapes, name, whom)
        is_of_rows = len(shapes[0]) == 1
        kind = "rows of unequal length" if is_of_rows else "arrays of unequal shape"
        unit = " values" if is_of_rows else ""
        sizes = [shape[0] if is_of_rows else shape for shape in shapes]
        raise ValueError(
            f"{name} holds {kind}, {spread(sizes)}{unit}, but {whom} takes one "
            "flat row for each sample, all of one length. Resample or crop them to "
            "one size:\n\n"
            f"    {crop_code(name, shapes)}\n\n"
            "For series of unequal length see "
            "RecurrentAutoencoder(padding_value=np.nan)."
        )
    shape, code = shape_of(X), array_code(X, name)
    if len(shape) > 2:
        raise ValueError(
            f"Found array with dim {len(shape)}, while dim <= 2 is required by {whom}: "
            f"each sample is one flat row. Pass {code}.reshape(len({name}), -1). For "
            "images see also ConvolutionalAutoencoder, for series of several features "
            "RecurrentAutoencoder."
        )
    check_is_one_table(X, name, whom)


def check_is_one_table(X, name, whom):
    """Raise for a one-dimensional array or Series of flat rows."""
    shape, code = shape_of(X), array_code(X, name)
    if len(shape) == 2 and code.startswith("np.stack"):
        raise ValueError(
            f"{name} is a one-dimensional {type(X).__name__} of {len(X)} objects, "
            f"but {whom} takes one array of shape {shape}. Pass {code}."
        )
