"""The elementwise loss of a network's output."""

from skae._functional.losses import elementwise_loss, elementwise_with_gradient


class Criterion:
    """The elementwise loss of a network's output, link and scaling applied.

    Parameters
    ----------
    loss : str
        A key of `LOSSES`.
    scaling : Scaling
        On the device and in the dtype of training.
    """

    def __init__(self, loss, scaling):
        self.loss = loss
        self.link = scaling.link
        self.residual_scale = 1.0 if self.link == "identity" else scaling.residual_scale
        self.scaling = scaling

    def __call__(self, output, target):
        if self.link != "identity":
            output = self.scaling.outputs(output)
        return elementwise_loss(
            self.loss, self.link, output, target, self.residual_scale
        )

    def with_gradient(self, output, target, factor):
        """Return the loss and its derivative by each element of the output.

        The derivative is multiplied by `factor`, a number or one a row.
        """
        slope = None
        if self.link != "identity":
            slope = self.scaling.outputs_slope(output)
            output = self.scaling.outputs(output)
        loss, gradient = elementwise_with_gradient(
            self.loss, self.link, output, target, self.residual_scale, factor=factor
        )
        return loss, gradient if slope is None else gradient.mul_(slope)
