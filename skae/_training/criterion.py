"""Elementwise losses of a network's output."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from skae._functional.losses import elementwise_loss, elementwise_with_gradient
from skae._networks.scaling import Scaling


class Criterion(ABC):
    """The loss of each element of a network's output.

    A subclass has to define `losses` only; autograd then gives the gradient.

    Attributes
    ----------
    has_gradient : bool
        Whether `with_gradient` can be called, False by default.
    """

    has_gradient = False

    @abstractmethod
    def losses(self, output, target):
        """Return the loss of each element.

        Parameters
        ----------
        output : Tensor of shape (n_rows, n_features)
            The network's output, before link and scaling.
        target : Tensor of shape (n_rows, n_features)
            As `Rows` holds it.

        Returns
        -------
        losses : Tensor of shape (n_rows, n_features)
        """

    def with_gradient(self, output, target, factor):
        """Return `losses` and its derivative by each element of the output.

        The derivative is multiplied by `factor`, a float or a Tensor of shape
        (n_rows, 1). Both tensors are new memory, which the caller may overwrite.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no gradient; its has_gradient must be False."
        )


@dataclass(frozen=True)
class ScaledLoss(Criterion):
    """A loss in the space of X, to which link and scaling map the output.

    Parameters
    ----------
    loss : str
        A key of `LOSSES`.
    scaling : Scaling
        On the device and in the dtype of training.
    """

    loss: str
    scaling: Scaling
    has_gradient = True

    @property
    def link(self):
        """Name of the link between the output and X."""
        return self.scaling.link

    @property
    def _residual_scale(self):
        # Without a link the target is in the network's space, and so divided already.
        return 1.0 if self.link == "identity" else self.scaling.residual_scale

    def losses(self, output, target):
        """Return the loss of each element."""
        if self.link != "identity":
            output = self.scaling.outputs(output)
        return elementwise_loss(
            self.loss, self.link, output, target, self._residual_scale
        )

    def with_gradient(self, output, target, factor):
        """Return the loss and its derivative by each output times `factor`."""
        slope = None
        if self.link != "identity":
            slope = self.scaling.outputs_slope(output)
            output = self.scaling.outputs(output)
        loss, gradient = elementwise_with_gradient(
            self.loss, self.link, output, target, self._residual_scale, factor=factor
        )
        return loss, gradient if slope is None else gradient.mul_(slope)


@dataclass(frozen=True)
class SquaredError(Criterion):
    """Squared residuals, each residual divided by `scale`."""

    scale: float = 1.0
    has_gradient = True

    def losses(self, output, target):
        """Return the squared error of each element."""
        return elementwise_loss("squared_error", "identity", output, target, self.scale)

    def with_gradient(self, output, target, factor):
        """Return the error and its derivative by each output times `factor`."""
        return elementwise_with_gradient(
            "squared_error", "identity", output, target, self.scale, factor=factor
        )
