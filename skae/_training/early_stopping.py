"""When to stop, and which epoch to keep."""

import math

import torch

# One row's gain alone makes a mean of about one standard error, so one would let
# an outlier decide (measured: more fits worse than PCA, hardly a smaller error).
_STANDARD_ERRORS = 2.0
# Each further start is another chance to pass by luck: for three together to have the
# chance of one, each needs 2.43 standard errors if the mean is normal.
_STANDARD_ERRORS_OF_RESTARTS = 2.5
# Share of the loss that is rounding in float32, not a gain.
_ROUNDING = 1e-6


def standard_errors_of_start(index):
    """Return the number of standard errors by which an epoch must beat PCA.

    `index` is the number of its start, counted from 1.
    """
    return _STANDARD_ERRORS if index == 1 else _STANDARD_ERRORS_OF_RESTARTS


class NotFinite(Exception):
    """The loss of an epoch was not finite."""


class DivergedError(ValueError):
    """The loss was not finite before anything good was reached."""


class EarlyStopping:
    """A monitor that keeps the best epoch and stops when none gets better.

    Parameters
    ----------
    measure : callable
        ``measure(state)`` returns the losses of the validation rows (tensor of
        shape (n_rows,)) or, without validation rows, the epoch's mean loss.
    weight : Tensor of shape (n_rows,) or None
        Weights of the validation rows.
    baseline : Tensor of shape (n_rows,) or None
        Losses of the start on the validation rows. With it, an epoch can only
        become the best if its mean improvement on the start exceeds
        `standard_errors` standard errors of that mean.
    best_loss : float
        Without validation rows, the loss that an epoch must be below.
    first_epoch : int
        The first that is judged; those before minimise something else.
    n_iter_no_change : int
        Epochs without an improvement of `tol` after which to stop.
    tol : float
        In units of the loss.
    on_plateau : callable
        Asked before stopping; True means that something changed and training
        goes on.
    standard_errors : float

    Attributes
    ----------
    best_loss, best_epoch
        Of the best epoch; 0 means that the start is the best.
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
        """Judge the epoch; return whether to stop.

        Raises
        ------
        NotFinite
            If the epoch's loss is not finite.
        """
        losses = self.measure(state)
        if isinstance(losses, float):
            loss = losses
        else:
            # Compared in float64, which not every device has.
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
        """The network of the best epoch; None means that the start is the best."""
        return None if self._best is None else self._best()

    def keep(self, state):
        """Take the epoch for the best so far."""
        self.best_epoch = state.epoch
        self._best = state.keep_result()

    def _mean(self, losses):
        if self.weight is None:
            return float(losses.mean())
        return float((losses * self.weight).sum() / self.weight.sum())

    def _is_evident(self, losses):
        """Whether the mean improvement on the start is beyond its uncertainty."""
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
