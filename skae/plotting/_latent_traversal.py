"""Display of the effect of each component on a reconstruction."""

import numpy as np

from skae.plotting._axes import axes_or_new
from skae.plotting._checks import check_components, check_count
from skae.plotting._docs import fill_display
from skae.plotting._fitted import code_distribution, code_names, data_range, decode
from skae.plotting._grid import (
    draw_grid,
    height_over_width,
    resolve_image_shape,
    value_labels,
    value_limits,
)

_SIDE, _CURVE_SIDE = 0.7, 0.95  # of an image and of a curve, in inches
_DEFAULT_ROWS = 6
# A component varies from the first of these quantiles to the second.
_ENDS = (0.01, 0.99)


@fill_display
class LatentTraversalDisplay:
    """Decoded codes of which one component varies and the others are fixed.

    Each row of images belongs to one component, which increases from its 1st to its
    99th percentile in equal steps.

    {creation}

    Parameters
    ----------
    images : array-like of shape (n_components, n_images, n_features)
        Decoded codes.
    values : array-like of shape (n_components, n_images)
        Values of the component of each row, ascending.
    code_names : sequence of str
        Names of the rows.
    reference : array-like of shape (n_features,), default=None
        Decoded code from which one component at a time varies; drawn in gray behind
        curves.
    {value_range}
    {image_shape}

    Attributes
    ----------
    {grid_attributes}

    See Also
    --------
    LatentManifoldDisplay : Two components at a time.
    ScreeDisplay : Share of the variance that each component explains.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.plotting import LatentTraversalDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = LatentTraversalDisplay.from_estimator(PCA(4).fit(X), X)
    >>> display.images.shape
    (4, 9, 64)
    """

    def __init__(
        self,
        *,
        images,
        values,
        code_names,
        reference=None,
        value_range=None,
        image_shape=None,
    ):
        self.images = images
        self.values = values
        self.code_names = code_names
        self.reference = reference
        self.value_range = value_range
        self.image_shape = image_shape

    def plot(self, ax=None, **kwargs):
        """Draw the rows of images.

        Parameters
        ----------
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : LatentTraversalDisplay
            The object itself.
        """
        images = np.asarray(self.images, float)
        n_rows, n_columns, n_features = images.shape
        shape = resolve_image_shape(self.image_shape, n_features)
        limits = value_limits(images, shape, self.value_range)
        side = _SIDE if len(shape) > 1 else _CURVE_SIDE
        height = side * height_over_width(shape) * n_rows
        ax = axes_or_new(self, ax, (1.4 + side * n_columns, 0.5 + height))
        self.image_, self.lines_ = draw_grid(
            ax, images, shape, limits, kwargs, reference=self.reference
        )
        self._label(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, ax):
        """Label the columns with the values if all rows share them, else the rows."""
        values = np.asarray(self.values, float)
        names = list(self.code_names)
        columns = np.arange(values.shape[1]) + 0.5
        if np.allclose(values, values[0]):
            ax.set_xticks(columns, value_labels(values[0]))
            ax.set_xlabel("Value of the component")
        else:
            ends = [value_labels(row)[[0, -1]] for row in values]
            pairs = zip(names, ends, strict=True)
            names = [f"{name}\n{low} to {high}" for name, (low, high) in pairs]
            ax.set_xticks(columns[[0, -1]], ["low", "high"])
        ax.set_yticks(np.arange(len(names)) + 0.5, names)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        components=None,
        row=None,
        n_images=9,
        y=None,
        image_shape=None,
        ax=None,
        **kwargs,
    ):
        """Decode codes of which one component varies, and draw the images.

        Parameters
        ----------
        {decoder}
        X : array-like of shape (n_samples, n_features), default=None
            Data whose codes determine the percentiles. None, for generators (with
            `sample`) only, takes those of the prior N(0, I).
        components : sequence of int, default=None
            Components to vary, from top to bottom. None takes the first six.
        row : int, default=None
            Index of the sample of `X` at whose code the other components are fixed.
            None fixes them at the mean code of `X`, or at 0 without `X`.
        n_images : int, default=9
            Number of values of each component.
        {given_y}
        {image_shape}
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : LatentTraversalDisplay
            The display after `plot`.

        Raises
        ------
        TypeError
            If the estimator cannot decode, or does not accept `y`.
        ValueError
            If a parameter is out of range, or `X` is missing.
        """
        check_count("n_images", n_images, least=2)
        center, quantiles = code_distribution(estimator, X, row)
        if components is None:
            components = range(min(_DEFAULT_ROWS, len(center)))
        columns = check_components(components, len(center))
        ends = [quantiles(j, np.array(_ENDS)) for j in columns]
        values = np.linspace(*np.transpose(ends), n_images, axis=1)
        codes = np.tile(center, (*values.shape, 1))
        codes[np.arange(len(columns)), :, columns] = values
        codes = np.vstack([center, codes.reshape(values.size, -1)])
        reference, *images = decode(estimator, codes, y)
        display = cls(
            images=np.reshape(images, (*values.shape, -1)),
            reference=reference,
            values=values,
            code_names=code_names(estimator, columns, suffix="\n{} of variance"),
            value_range=None if X is None else data_range(X),
            image_shape=image_shape,
        )
        return display.plot(ax, **kwargs)
