"""Display of samples beside their reconstructions."""

import math

import numpy as np
from sklearn.utils import check_array

from skae.plotting._axes import REFERENCE_COLOR, axes_or_new, colors, remove_spines
from skae.plotting._checks import check_count
from skae.plotting._docs import fill_display
from skae.plotting._fitted import (
    by_name,
    explained_variance,
    fitted_image_shape,
    reconstruct,
)
from skae.plotting._grid import draw_grid, height_over_width, resolve_image_shape

_CURVES_A_LINE = 5


@fill_display
class ReconstructionDisplay:
    """Samples and their reconstructions by estimators, as images or as curves.

    Use `from_estimator` or `from_reconstructions` to create a display. All parameters
    are stored as attributes.

    Parameters
    ----------
    rows : dict of str to array-like of shape (n_images, n_features)
        Samples to draw, from top to bottom, by name.
    reference : str
        Name of the samples with which the others are compared; their range is the range
        of the gray values.
    explained_variance : dict of str to float, default=None
        Share of the variance of the reference that is explained, by name.
    {image_shape}

    Attributes
    ----------
    {axes_attributes}
    image_ : matplotlib AxesImage or None
        All images in one.
    lines_ : list of matplotlib Line2D or None
        The curves, one line for each entry of `rows`.

    See Also
    --------
    LatentSpaceDisplay : Scatter plot of two codes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> pca = PCA(8).fit(X)
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator([pca, autoencoder], X)
    >>> list(display.rows)
    ['Original', 'PCA', 'AutoencoderTransformer']
    """

    def __init__(self, *, rows, reference, explained_variance=None, image_shape=None):
        self.rows = rows
        self.reference = reference
        self.explained_variance = explained_variance
        self.image_shape = image_shape

    def plot(self, ax=None, **kwargs):
        """Draw the images or curves.

        Parameters
        ----------
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : ReconstructionDisplay
            The object itself.
        """
        n_images, n_features = np.shape(self.rows[self.reference])
        shape = resolve_image_shape(self.image_shape, n_features)
        self.image_ = self.lines_ = None
        if len(shape) == 1:
            ax = axes_or_new(self, ax, (9, 1 + 1.5 * -(-n_images // _CURVES_A_LINE)))
            self._plot_curves(ax, kwargs)
        else:
            side = 0.8
            height = side * len(self.rows) * height_over_width(shape)
            ax = axes_or_new(self, ax, (1.8 + side * n_images, 0.1 + height))
            self._plot_images(ax, shape, kwargs)
        remove_spines(ax, "top", "right", "bottom", "left")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        y=None,
        X_target=None,
        n_images=10,
        image_shape=None,
        input_name=None,
        target_name="Target",
        ax=None,
        **kwargs,
    ):
        """Draw X and its reconstructions by fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted estimators with `reconstruct`, or with `transform` and
            `inverse_transform`: autoencoders, PCA, Pipelines that end in one. A
            dict gives their names.
        X : array-like of shape (n_samples, n_features)
            Data, for example held-out samples. The first `n_images` samples are drawn;
            the shares of the variance are those of all samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of X, for estimators that reconstruct X given y.
        X_target : array-like of shape (n_samples, n_features), default=None
            Desired reconstruction, for example X without its noise. None means X.
        n_images : int, default=10
            Number of samples to draw.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels) of each image, or
            (n_features,) for curves. None takes that of a fitted
            `ConvolutionalAutoencoder`. Without one, it draws squares if the number of
            features is the square of 5 or more, and otherwise curves.
        input_name : str, default=None
            Name of X. None means "Original", or "Input" if `X_target` is given.
        target_name : str, default="Target"
            Name of `X_target`.
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : ReconstructionDisplay
            The display after `plot`.

        Raises
        ------
        TypeError
            If an estimator cannot reconstruct.
        ValueError
            If the shapes do not match.
        """
        estimators = by_name(estimator)
        reconstructions = {
            name: reconstruct(each, X, y) for name, each in estimators.items()
        }
        if image_shape is None and reconstructions:
            n_features = next(iter(reconstructions.values())).shape[1]
            image_shape = fitted_image_shape(estimators.values(), n_features)
        return cls.from_reconstructions(
            X,
            reconstructions,
            X_target=X_target,
            n_images=n_images,
            image_shape=image_shape,
            input_name=input_name,
            target_name=target_name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_reconstructions(
        cls,
        X,
        reconstructions,
        *,
        X_target=None,
        n_images=10,
        image_shape=None,
        input_name=None,
        target_name="Target",
        ax=None,
        **kwargs,
    ):
        """Draw X and given reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        reconstructions : dict of str to array-like of shape (n_samples, n_features)
            Reconstructions of X by name.
        X_target : array-like of shape (n_samples, n_features), default=None
            Desired reconstruction, as in `from_estimator`.
        n_images : int, default=10
            Number of samples to draw.
        image_shape : tuple of int, default=None
            As in `from_estimator`.
        input_name : str, default=None
            Name of X.
        target_name : str, default="Target"
            Name of `X_target`.
        {ax}
        {grid_kwargs}

        Returns
        -------
        display : ReconstructionDisplay
            The display after `plot`.
        """
        check_count("n_images", n_images)
        if input_name is None:
            input_name = "Original" if X_target is None else "Input"
        rows = {input_name: X, **reconstructions}
        reference = input_name
        if X_target is not None:
            rows[target_name] = X_target
            reference = target_name
        rows = {name: check_array(row, input_name=name) for name, row in rows.items()}
        _check_same_shape(rows)
        display = cls(
            rows={name: row[:n_images] for name, row in rows.items()},
            reference=reference,
            explained_variance={
                name: explained_variance(rows[reference], row)
                for name, row in rows.items()
                if name in reconstructions
            },
            image_shape=image_shape,
        )
        return display.plot(ax, **kwargs)

    def _labels(self, separator):
        """Return the names, with the explained share of the variance."""
        shares = self.explained_variance or {}
        return [
            f"{name}{separator}{shares[name]:.1%} explained"
            if math.isfinite(shares.get(name, math.nan))
            else name
            for name in self.rows
        ]

    def _plot_images(self, ax, shape, kwargs):
        reference = np.asarray(self.rows[self.reference], float)
        low, high = reference.min(), reference.max()
        images = np.stack([np.asarray(row, float) for row in self.rows.values()])
        images = ((images - low) / ((high - low) or 1)).clip(0, 1)
        self.image_, _ = draw_grid(ax, images, shape, (0, 1), kwargs)
        ax.set_yticks(np.arange(len(self.rows)) + 0.5, self._labels("\n"))
        ax.set_xticks([])

    def _plot_curves(self, ax, kwargs):
        n_samples, n_features = np.shape(self.rows[self.reference])
        step = 1.1 * np.ptp(self.rows[self.reference])
        # Side by side on a grid, separated by NaN.
        line, column = np.divmod(np.arange(n_samples), _CURVES_A_LINE)
        x = np.arange(n_features + 1) + 1.1 * n_features * column[:, np.newaxis]
        self.lines_ = []
        for name, label, color in zip(
            self.rows, self._labels(", "), colors(len(self.rows)), strict=True
        ):
            y = np.asarray(self.rows[name], float) - step * line[:, np.newaxis]
            y = np.pad(y, [(0, 0), (0, 1)], constant_values=np.nan)
            style = {"color": color, "linewidth": 1.3, "label": label, **kwargs}
            if name == self.reference:
                style |= {"color": REFERENCE_COLOR, "linewidth": 2.5, "zorder": 1}
            self.lines_ += ax.plot(x.ravel(), y.ravel(), **style)
        ax.set(xticks=[], yticks=[])
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _check_same_shape(rows):
    shapes = {name: row.shape for name, row in rows.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"X, X_target and reconstructions must have the same shape. Got {shapes}."
        )
