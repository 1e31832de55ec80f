"""The filters that an estimator has learnt."""

import math

import numpy as np
from sklearn.utils import check_array

from skae.plotting._axes import axes_or_new
from skae.plotting._checks import check_count
from skae.plotting._grid import draw_grid, height_over_width, resolve_image_shape
from skae.plotting._weights import learnt_filters

# In inches: of the picture, as far as no image has to be larger.
_WIDTH = 6.0
_LARGEST_SIDE = 1.1


class FiltersDisplay:
    """What each unit of a layer responds to, as images or as curves.

    Each filter is drawn on its own scale from minus to plus its largest absolute
    value, so that zero has the same neutral tone in all of them: the middle of
    the gray values.

    It is recommended to use `from_estimator` or `from_filters` to create a
    display. All parameters are stored as attributes.

    Parameters
    ----------
    filters : array-like of shape (n_filters, n_features)
        What to draw, row by row of the grid.
    indices : array-like of shape (n_filters,), default=None
        Number of each filter in its layer.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of each filter, or
        (n_features,) for curves. None draws a square of at least 5 x 5 if the
        number of features is one, otherwise curves.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the filters.
    figure_ : matplotlib Figure
        Figure containing the axes.
    image_ : matplotlib AxesImage or None
        All images in one.
    lines_ : list of matplotlib Line2D or None
        The curves, in one line.

    See Also
    --------
    LatentTraversalDisplay : What each component does to a reconstruction.

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
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is made.
        **kwargs : dict
            Passed to ``ax.imshow``, or to ``ax.plot`` for curves. ``cmap="RdBu_r"``
            tells signs by color, ``vmin=-0.5, vmax=0.5`` raises the contrast.

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
            Fitted: one with `components_`, such as PCA, NMF or dictionary
            learning, a dense autoencoder, or a Pipeline or search with one. The
            filters are in the space of that step, up to one factor for all.
        X : array-like of shape (n_samples, n_features), default=None
            Data as that step gets them. The encoder's weights are multiplied by the
            standard deviations of the features: what a unit responds to in X. As
            they are, features that hardly vary may have the largest weights, since
            these change little. Other layers do not need it.
        layer : {"auto", "components", "encoder", "decoder"}, default="auto"
            - "components": the rows of `components_`, in their order;
            - "encoder": what the units of the encoder's first layer weigh the
              features by;
            - "decoder": what the units before the decoder's last layer add to the
              features; of one layer after 'l1' codes, whose decoder divides by the
              length of the weights, what a code one standard deviation larger adds;
            - "auto": "components" where there are any, otherwise "encoder".

            An autoencoder that is its linear path alone (``best_epoch_ == 0``) has no
            units: its "encoder" and "decoder" are the two matrices of that path.

            Of a `SparseAutoencoder` choose "decoder", the part that a code stands for,
            or pass `X`.

            Units of a layer have no order: those with the largest norm come first.
        n_filters : int, default=64
            Largest number of filters to draw.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels) of each filter, or
            (n_features,) for curves. None draws a square of at least 5 x 5 if the
            number of features is one, otherwise curves.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is made.
        **kwargs : dict
            Passed to ``ax.imshow``, or to ``ax.plot`` for curves.

        Returns
        -------
        display : FiltersDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no such filters.
        ValueError
            If a parameter is out of its range.
        """
        check_count("n_filters", n_filters)
        filters, indices = learnt_filters(estimator, layer, X)
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
            Filters in the order to draw them in.
        indices : array-like of shape (n_filters,), default=None
            Number of each filter in its layer.
        image_shape : tuple of int, default=None
            As in `from_estimator`.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is made.
        **kwargs : dict
            Passed to ``ax.imshow``, or to ``ax.plot`` for curves.

        Returns
        -------
        display : FiltersDisplay
            The display, drawn.
        """
        filters = check_array(filters, input_name="filters")
        display = cls(filters=filters, indices=indices, image_shape=image_shape)
        return display.plot(ax, **kwargs)


def _n_columns(n_filters):
    """Return a width that leaves few cells blank, for a grid at least as wide as high.

    The narrowest of those that leave the fewest.
    """
    narrowest = math.isqrt(n_filters - 1) + 1
    return min(range(narrowest, 2 * narrowest + 1), key=lambda n: -n_filters % n)
