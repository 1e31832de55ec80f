"""Display of the loss over the epochs of a fit."""

import numpy as np
from sklearn.base import is_classifier

from skae.plotting._axes import REFERENCE_COLOR, axes_or_new, colors, remove_spines
from skae.plotting._docs import fill_display
from skae.plotting._fitted import class_name, holder_of

# A logarithmic axis over less than a decade has hardly any labeled ticks.
_DECADE = 10


@fill_display
class LossCurveDisplay:
    """Training and validation loss after each epoch.

    {creation}

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs + 1,)
        Training loss before the first epoch (entry 0) and after each.
    validation_loss_curve : array-like of shape (n_epochs + 1,), default=None
        Validation loss. A curve with fewer entries than the training loss belongs to
        the last epochs.
    best_epoch : int, default=None
        Epoch whose weights are kept; 0 is the start.
    start_name : str, default=None
        Name of the start, whose loss is drawn as a horizontal line. None draws no line.
    loss_name : str, default="Loss"
        Name of the vertical axis.
    estimator_name : str, default=None
        Title of the axes. None sets no title.

    Attributes
    ----------
    {axes_attributes}
    lines_ : list of matplotlib Line2D
        The training curve and, if there is one, the validation curve.
    start_line_ : matplotlib Line2D or None
        Loss of the start.
    best_marker_ : matplotlib Line2D or None
        Epoch whose weights are kept.

    See Also
    --------
    ScreeDisplay : Share of the variance that each code explains.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LossCurveDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = LossCurveDisplay.from_estimator(autoencoder)
    >>> display.ax_.get_xlabel()
    'Epoch'
    """

    def __init__(
        self,
        *,
        loss_curve,
        validation_loss_curve=None,
        best_epoch=None,
        start_name=None,
        loss_name="Loss",
        estimator_name=None,
    ):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.best_epoch = best_epoch
        self.start_name = start_name
        self.loss_name = loss_name
        self.estimator_name = estimator_name

    def plot(self, ax=None, *, yscale="auto", **kwargs):
        """Draw the curves.

        Parameters
        ----------
        {ax}
        yscale : {"auto", "linear", "log"}, default="auto"
            Scale of the vertical axis. "auto" is logarithmic if the losses are
            positive and span more than a decade.
        **kwargs : dict
            Passed to ``ax.plot`` for the curves.

        Returns
        -------
        display : LossCurveDisplay
            The object itself.
        """
        ax = axes_or_new(self, ax, (6, 4))
        self.lines_ = []
        for label, curve, color in zip(
            ["Training", "Validation"], self._curves(), colors(2), strict=False
        ):
            style = {"color": color, "linewidth": 1.8, "label": label, **kwargs}
            self.lines_ += ax.plot(self._epochs(curve), curve, **style)
        self.start_line_ = self._plot_start(ax)
        self.best_marker_ = self._plot_best(ax)
        ax.set(xlabel="Epoch", ylabel=self.loss_name, yscale=self._yscale(yscale))
        ax.xaxis.get_major_locator().set_params(integer=True)
        if self.estimator_name is not None:
            ax.set_title(self.estimator_name)
        remove_spines(ax, "top", "right")
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, yscale="auto", **kwargs):
        """Draw the curves of a fitted autoencoder.

        Parameters
        ----------
        estimator : estimator
            Fitted autoencoder of skae, or a Pipeline or a search that contains one.
        {ax}
        yscale : {"auto", "linear", "log"}, default="auto"
            Scale of the vertical axis; see `plot`.
        **kwargs : dict
            Passed to ``ax.plot`` for the curves.

        Returns
        -------
        display : LossCurveDisplay
            The display after `plot`.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder with a `loss_curve_`.
        """
        autoencoder = holder_of(estimator, "validation_loss_curve_")
        display = cls(
            loss_curve=autoencoder.loss_curve_,
            validation_loss_curve=autoencoder.validation_loss_curve_,
            best_epoch=autoencoder.best_epoch_,
            start_name=_start_name(getattr(autoencoder, "linear_path", None)),
            loss_name=_loss_name(autoencoder),
            estimator_name=class_name(autoencoder),
        )
        return display.plot(ax, yscale=yscale, **kwargs)

    def _curves(self):
        curves = [self.loss_curve, self.validation_loss_curve]
        return [np.asarray(curve, float) for curve in curves if curve is not None]

    def _epochs(self, curve):
        """Return the epochs of a curve: all curves end at the last one."""
        n_epochs = len(self.loss_curve)
        return np.arange(n_epochs - len(curve), n_epochs)

    def _yscale(self, yscale):
        if yscale != "auto":
            return yscale
        losses = np.concatenate(self._curves())
        lowest, highest = np.nanmin(losses), np.nanmax(losses)
        return "log" if 0 < _DECADE * lowest < highest else "linear"

    def _plot_start(self, ax):
        """Draw the loss that training has to improve on."""
        if self.start_name is None:
            return None
        return ax.axhline(
            self._curves()[-1][0],
            color=REFERENCE_COLOR,
            linestyle="--",
            linewidth=1.2,
            label=self.start_name,
            zorder=1,
        )

    def _plot_best(self, ax):
        """Mark the epoch whose weights are kept, on the curve that chose it."""
        line, curve = self.lines_[-1], self._curves()[-1]
        is_best = self._epochs(curve) == self.best_epoch
        if not is_best.any():
            return None
        (marker,) = ax.plot(
            self.best_epoch,
            curve[is_best],
            marker="o",
            markersize=8,
            markeredgecolor="white",
            color=line.get_color(),
            linestyle="none",
            label=f"Kept: epoch {self.best_epoch}",
        )
        return marker


def _start_name(linear_path):
    """Return the name of the start, or None if the network starts at random."""
    if linear_path is None:
        return None
    return "Start: PCA" if linear_path == "pca" else "Start: linear"


def _loss_name(autoencoder):
    # The loss of classifiers is minus the log probability of the label.
    if hasattr(autoencoder, "likelihood") or is_classifier(autoencoder):
        return "Loss (nats)"
    if autoencoder.loss == "squared_error":
        return "Unexplained share of the variance"
    return f"Loss ({autoencoder.loss.replace('_', ' ')})"
