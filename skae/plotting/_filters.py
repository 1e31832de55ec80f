"""Display of the filters that an estimator has learned."""

import math

import numpy as np
from sklearn.utils import check_array

from skae.plotting._axes import axes_or_new
from skae.plotting._checks import check_count
from skae.plotting._docs import fill_display
from skae.plotting._grid import draw_grid, height_over_width, resolve_image_shape
from skae.plotting._weights import learned_filters

# Width of the figure and of the largest image, in inches.
_WIDTH = 6.0
_LARGEST_SIDE = 1.1


@fill_display
class FiltersDisplay:
    """Pattern to which each unit of a layer responds, as images or as curves.

    The range of each filter is from minus to plus its largest absolute value, so that
    zero has the same gray value in all of them, the middle one.

    Use `from_estimator` or `from_filters` to create a display. All parameters are
    stored as attributes.

    Parameters
    ----------
    filters : array-like of shape (n_filters, n_features)
        Filters in the order in which they are drawn, row by row.
    indices : array-like of shape (n_filters,), default=None
        Number of each filter in its layer.
    {image_shape}

    Attributes
    ----------
    {grid_attributes}

    See Also
    --------
    LatentTraversalDisplay : Effect of each component on a reconstruction.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import NMF
    >>> from skae.plotting import FiltersDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = FiltersDisplay.from_estimator(NMF(16, tol=1e-2).fit(X))
    >>> display.filters.shape
    (16, 64)
    """

    def __init__(self, *, filters, indices=None, image_shape=None):
        self.filters = filters
        self.indices = indices
        self.image_shape = image_shape

    def plot(self, ax=None, **kwargs):
        """Draw the filters.

        Parameters
        ----------
        {ax}
        **kwargs : dict
            Passed to ``ax.imshow``, or to ``ax.plot`` for curves. ``cmap="RdBu_r"``
            shows the sign as color, ``vmin=-0.5, vmax=0.5`` raises the contrast.

        Returns
        -------
        display : FiltersDisplay
            The object itself.
        """
        filters = np.asarray(self.filters, float)
        shape = resolve_image_shape(self.image_shape, filters.shape[1])
        n_columns = _n_columns(len(filters))
        n_rows = -(-len(filters) // n_columns)
        cells = np.full((n_rows * n_columns, filters.shape[1]), np.nan)
        largest = np.abs(filters).max(axis=1, keepdims=True)
        cells[: len(filters)] = filters / np.where(largest > 0, largest, 1)
        side = min(_LARGEST_SIDE, _WIDTH / n_columns)
        height = side * height_over_width(shape) * n_rows
        ax = axes_or_new(self, ax, (side * n_columns, height))
        cells = cells.reshape(n_rows, n_columns, -1)
        zeros = np.zeros(filters.shape[1])
        self.image_, self.lines_ = draw_grid(
            ax, cells, shape, (-1, 1), kwargs, reference=zeros
        )
        ax.set(xticks=[], yticks=[])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        layer="auto",
        n_filters=64,
        image_shape=None,
        ax=None,
        **kwargs,
    ):
        """Draw the filters of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with `components_`, such as PCA, NMF or dictionary
            learning, or a dense autoencoder, or a Pipeline or a search that contains
            one. The filters are in the units of the input of that step, up to one
            factor for all.
        X : array-like of shape (n_samples, n_features), default=None
            Input of that step. The encoder's weights are multiplied by the standard
            deviations of the features of X. Without X, features that hardly vary may
            have the largest weights. Not used for other layers.
        layer : {"auto", "components", "encoder", "decoder"}, default="auto"
            - "components": the rows of `components_`, in their order;
            - "encoder": the weights of the features in the units of the encoder's
              first layer;
            - "decoder": the weights with which the units before the decoder's last
              layer are added to the features. A decoder of one layer after 'l1' codes
              divides by the length of the weights; for it, the effect of a code that is
              one standard deviation larger;
            - "auto": "components" if there are any, otherwise "encoder".

            An autoencoder that consists of its linear path (``best_epoch_ == 0``) has
            no units: its "encoder" and "decoder" are the two matrices of that path.

            For a `SparseAutoencoder` choose "decoder", which shows the pattern that a
            code represents, or pass `X`.

            Units of a layer have no order and are sorted by decreasing norm.
        n_filters : int, default=64
            Maximum number of filters to draw.
        {image_shape}
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : FiltersDisplay
            The display after `plot`.

        Raises
        ------
        TypeError
            If the estimator does not have such filters.
        ValueError
            If a parameter is out of range.
        """
        check_count("n_filters", n_filters)
        filters, indices = learned_filters(estimator, layer, X)
        return cls.from_filters(
            filters[:n_filters],
            indices=indices[:n_filters],
            image_shape=image_shape,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_filters(
        cls, filters, *, indices=None, image_shape=None, ax=None, **kwargs
    ):
        """Draw given filters.

        Parameters
        ----------
        filters : array-like of shape (n_filters, n_features)
            Filters in the order in which they are drawn.
        indices : array-like of shape (n_filters,), default=None
            Number of each filter in its layer.
        image_shape : tuple of int, default=None
            As in `from_estimator`.
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : FiltersDisplay
            The display after `plot`.
        """
        filters = check_array(filters, input_name="filters")
        display = cls(filters=filters, indices=indices, image_shape=image_shape)
        return display.plot(ax, **kwargs)


def _n_columns(n_filters):
    """Return the width of a grid, at least as wide as high, with few blank cells.

    The narrowest of those with the fewest.
    """
    narrowest = math.isqrt(n_filters - 1) + 1
    return min(range(narrowest, 2 * narrowest + 1), key=lambda n: -n_filters % n)
