"""Display of two codes as a scatter plot."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from skae.plotting._axes import N_COLORS, axes_or_new, colors, remove_spines
from skae.plotting._checks import check_components
from skae.plotting._docs import fill_display
from skae.plotting._fitted import code_names, encode

# More different integers than this are treated as quantities, not as classes.
_MANY_CLASSES = 2 * N_COLORS
# A legend of more classes than this is unreadable.
_MOST_CLASSES = 3 * _MANY_CLASSES


@fill_display
class LatentSpaceDisplay:
    """Scatter plot of two codes of each sample, colored by a target.

    {creation}

    Parameters
    ----------
    codes : array-like of shape (n_samples, 2)
        Coordinates along the horizontal and the vertical axis.
    y : array-like of shape (n_samples,), default=None
        Target: classes get a legend, quantities a color bar.
    code_names : pair of str, default=("Component 0", "Component 1")
        Names of the axes.

    Attributes
    ----------
    {axes_attributes}
    scatter_ : matplotlib PathCollection
        The points.
    legend_ : matplotlib Legend or None
        Legend of the classes.
    colorbar_ : matplotlib Colorbar or None
        Color bar of the quantities.

    See Also
    --------
    LatentManifoldDisplay : What the points of such a plane decode to.
    ScreeDisplay : Share of the variance that each code explains.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.plotting import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = LatentSpaceDisplay.from_estimator(PCA(2).fit(X), X, y)
    >>> display.codes.shape
    (1797, 2)
    """

    def __init__(self, *, codes, y=None, code_names=("Component 0", "Component 1")):
        self.codes = codes
        self.y = y
        self.code_names = code_names

    def plot(self, ax=None, *, target_name=None, **kwargs):
        """Draw the scatter.

        Parameters
        ----------
        {ax}
        target_name : str, default=None
            Title of the legend or of the color bar.
        **kwargs : dict
            Passed to ``ax.scatter``.

        Returns
        -------
        display : LatentSpaceDisplay
            The object itself.
        """
        codes = np.asarray(self.codes)
        ax = axes_or_new(self, ax, (6, 5))
        style = {"s": _marker_area(len(codes)), "alpha": 0.75, "linewidths": 0}
        self.legend_ = self.colorbar_ = None
        if self.y is None:
            style["color"] = colors(1)[0]
            self.scatter_ = ax.scatter(*codes.T, **{**style, **kwargs})
        elif _is_measured(self.y):
            style |= {"c": np.asarray(self.y, float), "cmap": "viridis"}
            self.scatter_ = ax.scatter(*codes.T, **{**style, **kwargs})
            self.colorbar_ = ax.figure.colorbar(self.scatter_, ax=ax, label=target_name)
            self.colorbar_.solids.set_alpha(1)
        else:
            self._plot_classes(ax, codes, target_name, {**style, **kwargs})
        ax.set(xlabel=self.code_names[0], ylabel=self.code_names[1])
        remove_spines(ax, "top", "right")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        components=(0, 1),
        ax=None,
        target_name=None,
        **kwargs,
    ):
        """Draw two codes of X.

        Parameters
        ----------
        estimator : estimator
            Fitted transformer: an autoencoder, PCA, a Pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,), default=None
            Target: classes get a legend if there are at most 60, quantities (floats
            that are not integers, or more than 20 different integers) a color bar.
        components : pair of int, default=(0, 1)
            Columns of the codes to draw.
        {ax}
        target_name : str, default=None
            Title of the legend or of the color bar. None takes the name of a
            pandas or polars Series.
        **kwargs : dict
            Passed to ``ax.scatter``.

        Returns
        -------
        display : LatentSpaceDisplay
            The display after `plot`.

        Raises
        ------
        ValueError
            If the codes do not have these `components`, or if `X` and `y` differ in
            length.
        """
        codes = encode(estimator, X)
        columns = check_components(components, codes.shape[1], 2)
        check_consistent_length(codes, y)
        display = cls(
            codes=codes[:, columns],
            y=None if y is None else np.asarray(y),
            code_names=tuple(code_names(estimator, columns)),
        )
        if target_name is None:
            target_name = getattr(y, "name", None)
        return display.plot(ax, target_name=target_name, **kwargs)

    def _plot_classes(self, ax, codes, target_name, style):
        from matplotlib.colors import ListedColormap

        classes, numbers = np.unique(np.asarray(self.y), return_inverse=True)
        cmap = ListedColormap(colors(len(classes)))
        style = {"c": numbers, "cmap": cmap, "vmin": -0.5, **style}
        style.setdefault("vmax", len(classes) - 0.5)
        self.scatter_ = ax.scatter(*codes.T, **style)
        if len(classes) > _MOST_CLASSES:
            return
        handles = [
            ax.scatter([], [], color=self.scatter_.to_rgba(number), s=36, linewidths=0)
            for number in range(len(classes))
        ]
        self.legend_ = ax.legend(
            handles,
            [str(label) for label in classes],
            title=target_name,
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(1, 1),
            borderaxespad=0,
            handletextpad=0.2,
            ncols=-(-len(classes) // _MANY_CLASSES),
        )


def _is_measured(y):
    """Whether a target is a quantity rather than a class."""
    if type_of_target(y) == "continuous":
        return True
    is_number = np.issubdtype(np.asarray(y).dtype, np.number)
    return is_number and len(np.unique(y)) > _MANY_CLASSES


def _marker_area(n_samples):
    """Return an area, in points squared, at which many markers do not merge."""
    return float(np.clip(20_000 / n_samples, 4, 30))
