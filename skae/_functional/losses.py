r"""Elementwise losses, their gradients and their links.

A loss compares a network's **output** o with a **target** t, element by element.
Residual losses are functions of r = (link(o) - t) / scale, where scale is the root mean
square of the centered data. The squared error of predicting the mean is then 1,
whatever the unit of X. Likelihood losses are in nats, and functions of logits or
log-rates for numerical stability. Rates are in units of the mean of the data (see
`skae._networks.scaling`), so that their losses do not depend on the unit of X either:

=================  =========================================  ==========
loss               value                                      link
=================  =========================================  ==========
squared_error      r^2                                        identity
absolute_error     \|r\|                                      identity
huber              r^2 / 2 if \|r\| <= 1 else \|r\| - 1/2     identity
log_loss           softplus(o) - t o                          logistic
poisson            exp(o) - t o                               exp
kullback_leibler   exp(o) - t o + t log(t) - t                exp
=================  =========================================  ==========

`link` maps outputs to X's own units and is applied by ``inverse_transform``.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# How far data are moved into the interior before a link is inverted, since the logit
# and the logarithm of 0 are infinite.
_SHRINKAGE = 0.02


class Link(NamedTuple):
    """A map from outputs to X's units, and its inverse on the interior of `domain`.

    Before the inverse is applied, data are moved towards `anchor`, a function of the
    means of the columns. It is None if the inverse is finite everywhere. `slope` is the
    derivative of `apply` as a function of the value of `apply`.
    """

    apply: Callable[[Tensor], Tensor]
    invert: Callable[[Tensor], Tensor]
    anchor: Callable[[Tensor], Tensor] | None
    domain: tuple[float, float]
    slope: Callable[[Tensor], Tensor]

    def invert_shrunk(self, x: Tensor, mean: Tensor) -> Tensor:
        """Map data to outputs; values outside the domain are clipped to it."""
        if self.anchor is None:
            return self.invert(x)
        inside = x.clamp(*self.domain)
        return self.invert(torch.lerp(inside, self.anchor(mean), _SHRINKAGE))

    def restore(self, output: Tensor, mean: Tensor) -> Tensor:
        """Return the data from the result of `invert_shrunk`, clipped to the domain."""
        if self.anchor is None:
            return self.apply(output)
        shrunk = self.apply(output) - _SHRINKAGE * self.anchor(mean)
        return (shrunk / (1 - _SHRINKAGE)).clamp(*self.domain)


class Loss(NamedTuple):
    """An elementwise loss and its canonical link.

    `from_residual` is a function of the scaled residual, `from_output` one of
    (output, target); exactly one of them is set. `gradient` takes the same arguments
    and a factor, a number or one per row. It returns the factor times the derivative
    with respect to the residual or the output, and may overwrite a residual.
    """

    link: str
    gradient: Callable
    from_residual: Callable[[Tensor], Tensor] | None = None
    from_output: Callable[[Tensor, Tensor], Tensor] | None = None


def _identity(x):
    return x


def _positive(mean):
    # Positive, so that the logarithm of a column of zeros is finite.
    return torch.where(mean > 0, mean, 1e-6)


LINKS = {
    "identity": Link(
        _identity, _identity, None, (-math.inf, math.inf), torch.ones_like
    ),
    "logistic": Link(
        torch.sigmoid,
        torch.logit,
        lambda m: torch.full_like(m, 0.5),
        (0.0, 1.0),
        lambda p: p * (1 - p),
    ),
    "tanh": Link(
        torch.tanh, torch.arctanh, torch.zeros_like, (-1.0, 1.0), lambda t: 1 - t * t
    ),
    "exp": Link(torch.exp, torch.log, _positive, (0.0, math.inf), _identity),
}


def _huber(residual):
    return F.huber_loss(residual, torch.zeros_like(residual), reduction="none")


def _log_loss(output, target):
    return F.softplus(output) - target * output


def _poisson(output, target):
    return torch.exp(output) - target * output


def _kullback_leibler(output, target):
    return _poisson(output, target) + torch.xlogy(target, target) - target


def _squared_error_gradient(residual, factor):
    return residual.mul_(2 * factor)


def _absolute_error_gradient(residual, factor):
    return residual.sign_().mul_(factor)


def _huber_gradient(residual, factor):
    return residual.clamp_(-1, 1).mul_(factor)


def _log_loss_gradient(output, target, factor):
    return torch.sigmoid(output).sub_(target).mul_(factor)


def _poisson_gradient(output, target, factor):
    return torch.exp(output).sub_(target).mul_(factor)


LOSSES = {
    "squared_error": Loss(
        "identity", _squared_error_gradient, from_residual=torch.square
    ),
    "absolute_error": Loss(
        "identity", _absolute_error_gradient, from_residual=torch.abs
    ),
    "huber": Loss("identity", _huber_gradient, from_residual=_huber),
    "log_loss": Loss("logistic", _log_loss_gradient, from_output=_log_loss),
    "poisson": Loss("exp", _poisson_gradient, from_output=_poisson),
    "kullback_leibler": Loss("exp", _poisson_gradient, from_output=_kullback_leibler),
}

OUT_ACTIVATIONS = ("auto", "identity", "logistic", "tanh")


def resolve_link(loss, out_activation):
    """Return the name of the link for a loss and an `out_activation`.

    Raises
    ------
    ValueError
        If a likelihood loss is combined with a link other than its canonical one.
    """
    own = LOSSES[loss].link
    if out_activation in ("auto", own):
        return own
    if LOSSES[loss].from_residual is None:
        raise ValueError(
            f"The 'out_activation' parameter must be 'auto' with loss={loss!r}, whose "
            f"link is {own!r}. Got {out_activation!r} instead."
        )
    return out_activation


def elementwise_loss(loss, link, output, target, residual_scale=1.0):
    """Return the loss of each element, same shape as `target`.

    Parameters
    ----------
    loss, link : str
        Keys of `LOSSES` and `LINKS`.
    output, target : Tensor of shape (n_rows, n_features)
        The network's output before the link, and the data in the range of the link.
    residual_scale : float
        Divisor of the residuals; 1 if target and output are in scaled units already.
    """
    if LOSSES[loss].from_output is not None:
        return LOSSES[loss].from_output(output, target)
    residual = LINKS[link].apply(output) - target
    if residual_scale != 1.0:
        residual = residual / residual_scale
    return LOSSES[loss].from_residual(residual)


def elementwise_with_gradient(
    loss, link, output, target, residual_scale=1.0, *, factor=1.0
):
    """Return `elementwise_loss`, and `factor` times its derivative by the output.

    `factor` is a number, or a Tensor of shape (n_rows, 1).
    """
    kind = LOSSES[loss]
    if kind.from_output is not None:
        value = kind.from_output(output, target)
        return value, kind.gradient(output, target, factor)
    linked = LINKS[link].apply(output)
    residual = linked - target
    if residual_scale != 1.0:
        residual, factor = residual.div_(residual_scale), factor / residual_scale
    value = kind.from_residual(residual)
    gradient = kind.gradient(residual, factor)
    if link != "identity":
        gradient.mul_(LINKS[link].slope(linked))
    return value, gradient


def softmax_log_loss(output, y):
    r"""Return minus the log probability of each row's class, in nats.

    .. math:: -\sum_c y_c \log \frac{e^{o_c}}{\sum_k e^{o_k}}

    Parameters
    ----------
    output, y : Tensor of shape (n_rows, n_classes)
        Logits, and the class of each row in one-hot encoding.

    Returns
    -------
    loss : Tensor of shape (n_rows,)
    """
    return -(y * F.log_softmax(output, dim=1)).sum(dim=1)


def softmax_log_loss_with_gradient(output, y, factor=1.0):
    """Return `softmax_log_loss`, and `factor` times its gradient by the logits."""
    log_probabilities = F.log_softmax(output, dim=1)
    value = -(y * log_probabilities).sum(dim=1)
    return value, log_probabilities.exp_().sub_(y).mul_(factor)
