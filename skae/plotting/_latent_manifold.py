"""Display of decoded points of a plane in the latent space."""

import numpy as np

from skae.plotting._axes import axes_or_new
from skae.plotting._checks import check_components, check_count, check_quantiles
from skae.plotting._docs import fill_display
from skae.plotting._fitted import code_distribution, code_names, data_range, decode
from skae.plotting._grid import (
    draw_grid,
    height_over_width,
    resolve_image_shape,
    value_labels,
    value_limits,
)

_SIZE = 6.0  # of the picture, in inches
_MOST_TICKS = 9


@fill_display
class LatentManifoldDisplay:
    """Decoded points of a grid over two components.

    Neighbors show how one image turns into another, as in Figure 4 of [1]_. Columns and
    rows are at quantiles of their component, so that all have the same probability.
    Behind each curve, the curve of the center is drawn in gray.

    {creation}

    Parameters
    ----------
    images : array-like of shape (n_rows, n_columns, n_features)
        The decoded grid, the lowest row first.
    x_values, y_values : array-like of shape (n_columns,) and (n_rows,)
        Values of the two components, ascending.
    {value_range}
    code_names : pair of str, default=("Component 0", "Component 1")
        Names of the axes.
    {image_shape}

    Attributes
    ----------
    {grid_attributes}

    See Also
    --------
    LatentSpaceDisplay : Scatter plot of two codes.
    LatentTraversalDisplay : Any number of components, one at a time.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.plotting import LatentManifoldDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = LatentManifoldDisplay.from_estimator(PCA(2).fit(X), X, n_images=9)
    >>> display.images.shape
    (9, 9, 64)
    """

    def __init__(
        self,
        *,
        images,
        x_values,
        y_values,
        value_range=None,
        code_names=("Component 0", "Component 1"),
        image_shape=None,
    ):
        self.images = images
        self.x_values = x_values
        self.y_values = y_values
        self.value_range = value_range
        self.code_names = code_names
        self.image_shape = image_shape

    def plot(self, ax=None, **kwargs):
        """Draw the grid.

        Parameters
        ----------
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : LatentManifoldDisplay
            The object itself.
        """
        images = np.asarray(self.images, float)
        n_rows, n_columns, n_features = images.shape
        shape = resolve_image_shape(self.image_shape, n_features)
        limits = value_limits(images, shape, self.value_range)
        height = _SIZE * height_over_width(shape) * n_rows / n_columns
        ax = axes_or_new(self, ax, (_SIZE + 0.6, height + 0.5))
        # The lowest value at the bottom, as on any axis.
        self.image_, self.lines_ = draw_grid(
            ax,
            images[::-1],
            shape,
            limits,
            kwargs,
            gap=limits[0],  # a blank gap would interrupt smooth transitions
            reference=images[n_rows // 2, n_columns // 2],
        )
        x, y = _ticks(n_columns), _ticks(n_rows)
        ax.set_xticks(x + 0.5, value_labels(self.x_values)[x])
        ax.set_yticks(n_rows - y - 0.5, value_labels(self.y_values)[y])
        ax.set(xlabel=self.code_names[0], ylabel=self.code_names[1])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        components=(0, 1),
        n_images=15,
        y=None,
        image_shape=None,
        ax=None,
        **kwargs,
    ):
        """Decode a grid of codes and draw it.

        Parameters
        ----------
        {decoder}
        X : array-like of shape (n_samples, n_features), default=None
            Data whose codes determine the quantiles. The other components are fixed at
            their means. None, for generators (with `sample`) only, takes the quantiles
            of the prior N(0, I), and 0 for the other components.
        components : pair of int, default=(0, 1)
            Components along the horizontal and the vertical axis.
        n_images : int, default=15
            Number of values of each component. With an odd number the median, or the
            center of the prior, is in the middle.
        {given_y}
        {image_shape}
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : LatentManifoldDisplay
            The display after `plot`.

        Raises
        ------
        TypeError
            If the estimator cannot decode, or does not accept `y`.
        ValueError
            If a parameter is out of range, `X` is missing, or all quantiles of a
            component are equal.
        """
        check_count("n_images", n_images)
        center, quantiles = code_distribution(estimator, X)
        horizontal, vertical = check_components(components, len(center), 2)
        shares = (np.arange(n_images) + 0.5) / n_images
        x_values, y_values = (quantiles(j, shares) for j in (horizontal, vertical))
        check_quantiles(x_values, horizontal)
        check_quantiles(y_values, vertical)
        codes = np.tile(center, (n_images, n_images, 1))
        codes[..., horizontal] = x_values
        codes[..., vertical] = y_values[:, np.newaxis]
        images = decode(estimator, codes.reshape(n_images**2, -1), y)
        display = cls(
            images=images.reshape(n_images, n_images, -1),
            x_values=x_values,
            y_values=y_values,
            value_range=None if X is None else data_range(X),
            code_names=tuple(code_names(estimator, (horizontal, vertical))),
            image_shape=image_shape,
        )
        return display.plot(ax, **kwargs)


def _ticks(n):
    """Return every k-th of n numbers, around the middle, with k so that few remain."""
    step = -(-n // _MOST_TICKS)
    return np.arange((n - 1) // 2 % step, n, step)
