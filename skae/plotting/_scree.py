"""Display of the share of the variance that each code explains."""

import numpy as np

from skae.plotting._axes import axes_or_new, colors, remove_spines
from skae.plotting._docs import fill_display
from skae.plotting._fitted import (
    by_name,
    explained_variance,
    holder_of,
    reconstruct,
)


@fill_display
class ScreeDisplay:
    """Share of the variance that each component explains, and cumulative shares.

    Bars show the share that each code explains linearly, and lines the cumulative
    shares. The codes of a nonlinear autoencoder reconstruct more than they explain
    linearly: if data are passed, a dashed line shows how much.

    {creation}

    Parameters
    ----------
    explained_variance_ratio : dict of str to array-like of shape (n_components,)
        Share of the variance that each component explains, by name of the
        estimator.
    reconstructed_variance : dict of str to float, default=None
        Share of the variance that the reconstruction of all components explains,
        by name of the estimator.

    Attributes
    ----------
    {axes_attributes}
    bars_ : dict of str to matplotlib BarContainer
        The share of each component.
    lines_ : dict of str to matplotlib Line2D
        The cumulative shares.
    reconstruction_lines_ : dict of str to matplotlib Line2D
        The share of the variance that is reconstructed.

    See Also
    --------
    LatentSpaceDisplay : Scatter of two codes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import ScreeDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> pca = PCA(8).fit(X)
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = ScreeDisplay.from_estimator([pca, autoencoder], X)
    >>> sorted(display.lines_)
    ['AutoencoderTransformer', 'PCA']
    """

    def __init__(self, *, explained_variance_ratio, reconstructed_variance=None):
        self.explained_variance_ratio = explained_variance_ratio
        self.reconstructed_variance = reconstructed_variance

    def plot(self, ax=None, **kwargs):
        """Draw bars and lines.

        Parameters
        ----------
        {ax}
        **kwargs : dict
            Passed to ``ax.bar``.

        Returns
        -------
        display : ScreeDisplay
            The object itself.
        """
        ax = axes_or_new(self, ax, (6, 4))
        ratios = self.explained_variance_ratio
        reconstructed = self.reconstructed_variance or {}
        width = 0.8 / len(ratios)
        self.bars_, self.lines_, self.reconstruction_lines_ = {}, {}, {}
        for position, (name, color) in enumerate(
            zip(ratios, colors(len(ratios)), strict=True)
        ):
            number = np.arange(1, len(ratios[name]) + 1)
            shift = (position - (len(ratios) - 1) / 2) * width
            style = {"width": width, "color": color, "alpha": 0.55, **kwargs}
            self.bars_[name] = ax.bar(number + shift, ratios[name], **style)
            (self.lines_[name],) = ax.plot(
                number, np.cumsum(ratios[name]), color=color, label=name, **_LINE
            )
            if name in reconstructed:
                label = f"{reconstructed[name]:.1%} reconstructed"
                self.reconstruction_lines_[name] = ax.axhline(
                    reconstructed[name], color=color, linestyle="--", label=label
                )
        ax.set(xlabel="Number of components", ylabel="Share of the variance, linear")
        longest = max(len(ratio) for ratio in ratios.values())
        ax.set(xlim=(0.4, longest + 0.6), ylim=(0, 1.02))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        remove_spines(ax, "top", "right")
        handles = [*self.lines_.values(), *self.reconstruction_lines_.values()]
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        ax.legend(handles=handles, frameon=False, ncols=2, **above)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(cls, estimator, X=None, *, ax=None, **kwargs):
        """Draw the shares of fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted estimators with `explained_variance_ratio_`: autoencoders, PCA,
            Pipelines that end in one. A dict gives their names.
        X : array-like of shape (n_samples, n_features), default=None
            Data for the share of the variance that is reconstructed. None omits it.
        {ax}
        **kwargs : dict
            Passed to ``ax.bar``.

        Returns
        -------
        display : ScreeDisplay
            The display after `plot`.

        Raises
        ------
        TypeError
            If an estimator has no `explained_variance_ratio_`.
        """
        estimators = by_name(estimator)
        ratios, reconstructed = {}, {}
        for name, each in estimators.items():
            holder = holder_of(each, "explained_variance_ratio_")
            ratios[name] = holder.explained_variance_ratio_
            if X is not None:
                reconstructed[name] = explained_variance(X, reconstruct(each, X))
        display = cls(
            explained_variance_ratio=ratios,
            reconstructed_variance=reconstructed or None,
        )
        return display.plot(ax, **kwargs)


_LINE = {"marker": "o", "markersize": 4, "linewidth": 1.8}
