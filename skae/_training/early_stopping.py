"""Early stopping: when to stop, and which epoch to keep."""

import math

import torch

# The gain of a single outlier can make a mean of one standard error. With a threshold
# of one, more fits are worse than PCA, and the mean error is hardly lower.
_STANDARD_ERRORS = 2.0
# Each further start is another chance to pass at random. Three starts together have the
# chance of one if each needs 2.43 standard errors (for a normal mean).
_STANDARD_ERRORS_OF_RESTARTS = 2.5
# Relative gain below which an improvement is rounding in float32.
_ROUNDING = 1e-6


def standard_errors_of_start(index):
    """Return the number of standard errors by which an epoch must be better than PCA.

    `index` is the number of the start, counted from 1.
    """
    return _STANDARD_ERRORS if index == 1 else _STANDARD_ERRORS_OF_RESTARTS


class NotFinite(Exception):
    """The loss of an epoch was not finite."""


class DivergedError(ValueError):
    """The loss was not finite before any epoch improved on the start."""


class EarlyStopping:
    """A monitor that keeps the best epoch and stops when the loss stops improving.

    Parameters
    ----------
    measure : callable
        ``measure(state)`` returns the losses of the validation samples (tensor of
        shape (n_rows,)) or, without validation samples, the epoch's mean loss.
    weight : Tensor of shape (n_rows,) or None
        Weights of the validation samples.
    baseline : Tensor of shape (n_rows,) or None
        Losses of the initial network on the validation samples. With a baseline, an
        epoch can only become the best if its mean improvement exceeds
        `standard_errors` standard errors of that mean.
    best_loss : float
        Without validation samples, the loss that the best epoch must be below.
    first_epoch : int
        The first epoch that is evaluated; earlier ones minimize another objective.
    n_iter_no_change : int
        Number of epochs without an improvement of `tol` after which to stop.
    tol : float
        In units of the loss.
    on_plateau : callable
        Called before stopping; it returns True if training should continue, for
        example at a lower learning rate.
    standard_errors : float

    Attributes
    ----------
    best_loss, best_epoch
        Loss and number of the best epoch; epoch 0 is the initial network.
    curve : list of float
        The measured loss after each epoch.
    """

    def __init__(
        self,
        measure,
        *,
        weight,
        baseline,
        n_iter_no_change,
        tol,
        on_plateau,
        best_loss=math.inf,
        first_epoch=1,
        standard_errors=_STANDARD_ERRORS,
    ):
        self.measure = measure
        self.weight = None if weight is None else weight.cpu().double()
        self.baseline = None if baseline is None else baseline.cpu().double()
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.on_plateau = on_plateau
        self.first_epoch = first_epoch
        self.standard_errors = standard_errors
        self.best_loss = best_loss
        if baseline is not None:
            self.best_loss = self._mean(self.baseline)
        self.best_epoch = 0
        self._best = None
        self.curve = []
        self._lowest = self.best_loss
        self._epochs_without_change = 0

    def __call__(self, state):
        """Evaluate the epoch; return whether to stop.

        Raises
        ------
        NotFinite
            If the epoch's loss is not finite.
        """
        losses = self.measure(state)
        if isinstance(losses, float):
            loss = losses
        else:
            # Compared in float64, on the CPU as not every device supports it.
            losses = losses.cpu().double()
            loss = self._mean(losses)
        self.curve.append(loss)
        if not math.isfinite(loss) or not math.isfinite(state.history["loss"][-1]):
            raise NotFinite
        if state.epoch < self.first_epoch:
            return False
        if loss < self.best_loss and self._is_evident(losses):
            self.best_loss = loss
            self.keep(state)
        return self._is_plateau(loss) and not self._go_on()

    @property
    def best_network(self):
        """The network of the best epoch; None if the initial network is the best."""
        return None if self._best is None else self._best()

    def keep(self, state):
        """Keep the epoch as the best so far."""
        self.best_epoch = state.epoch
        self._best = state.keep_result()

    def _mean(self, losses):
        if self.weight is None:
            return float(losses.mean())
        return float((losses * self.weight).sum() / self.weight.sum())

    def _is_evident(self, losses):
        """Whether the mean improvement on the baseline exceeds its uncertainty."""
        if self.baseline is None:
            return True
        gain = self.baseline - losses
        mean = self._mean(gain)
        weight = torch.ones_like(gain) if self.weight is None else self.weight
        share = weight / weight.sum()
        standard_error = float((share * (gain - mean)).square().sum().sqrt())
        rounding = _ROUNDING * abs(self._mean(self.baseline))
        return mean > max(self.standard_errors * standard_error, rounding)

    def _is_plateau(self, loss):
        if loss < self._lowest - self.tol:
            self._lowest = loss
            self._epochs_without_change = 0
        else:
            self._epochs_without_change += 1
        return self._epochs_without_change >= self.n_iter_no_change

    def _go_on(self):
        self._epochs_without_change = 0
        return self.on_plateau()
