"""First-order optimizers on one flat tensor of parameters.

They are implemented here because importing `torch.optim` loads a compiler stack, which
takes a second and 70 MB at the first fit. Rules and constants are the usual ones:
(beta_1, beta_2) = (0.9, 0.999) and epsilon 1e-8 for Adam, Nesterov momentum 0.9, and
smoothing 0.99 for RMSprop.
"""

import numpy as np
import torch

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8
_MOMENTUM = 0.9
_SMOOTHING = 0.99


class _Optimizer:
    """Base class: moments are tensors, and numpy arrays in a pickle."""

    def to(self, device):
        """Move the moments to `device`."""
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(self, name, value.to(device))

    def __getstate__(self):
        return {
            name: value.cpu().numpy() if isinstance(value, torch.Tensor) else value
            for name, value in vars(self).items()
        }

    def __setstate__(self, state):
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(np.array(value))
            setattr(self, name, value)


class Adam(_Optimizer):
    """Adam, with decoupled weight decay (AdamW) if `decoupled_decay` is positive.

    Parameters
    ----------
    parameters : FlatParameters
    decoupled_decay : float
        Weight matrices shrink by the learning rate times this number in each step.
    """

    def __init__(self, parameters, *, decoupled_decay=0.0):
        self.decoupled_decay = decoupled_decay
        self.mean = torch.zeros_like(parameters.values)
        self.square = torch.zeros_like(parameters.values)
        self.count = torch.zeros((), dtype=torch.float32, device=self.mean.device)

    def step(self, parameters, learning_rate):
        """Update the parameters in place from their gradient."""
        if self.decoupled_decay > 0:
            parameters.weights.mul_(1 - learning_rate * self.decoupled_decay)
        self.count += 1
        _adam_update(
            parameters.values,
            parameters.gradient,
            self.mean,
            self.square,
            self.count,
            learning_rate,
        )


def _fused_adam(values, gradient, mean, square, count, learning_rate):
    torch._fused_adam_(
        [values],
        [gradient],
        [mean],
        [square],
        [],
        [count],
        lr=learning_rate,
        beta1=_BETA_1,
        beta2=_BETA_2,
        weight_decay=0.0,
        eps=_EPSILON,
        amsgrad=False,
        maximize=False,
    )


def _plain_adam(values, gradient, mean, square, count, learning_rate):
    mean.lerp_(gradient, 1 - _BETA_1)
    square.mul_(_BETA_2).addcmul_(gradient, gradient, value=1 - _BETA_2)
    t = float(count)
    denominator = square.sqrt().div_((1 - _BETA_2**t) ** 0.5).add_(_EPSILON)
    values.addcdiv_(mean, denominator, value=-learning_rate / (1 - _BETA_1**t))


# The fused kernel is private; the fallback is the same rule in five operations.
_adam_update = _fused_adam if hasattr(torch, "_fused_adam_") else _plain_adam


class SGD(_Optimizer):
    """Stochastic gradient descent with Nesterov momentum."""

    def __init__(self, parameters):
        self.velocity = torch.zeros_like(parameters.values)

    def step(self, parameters, learning_rate):
        """Update the parameters in place from their gradient."""
        self.velocity.mul_(_MOMENTUM).sub_(parameters.gradient, alpha=learning_rate)
        parameters.values.add_(self.velocity, alpha=_MOMENTUM)
        parameters.values.sub_(parameters.gradient, alpha=learning_rate)


class RMSprop(_Optimizer):
    """RMSprop: steps divided by a running root mean square of the gradient."""

    def __init__(self, parameters):
        self.square = torch.zeros_like(parameters.values)

    def step(self, parameters, learning_rate):
        """Update the parameters in place from their gradient."""
        gradient = parameters.gradient
        self.square.mul_(_SMOOTHING).addcmul_(gradient, gradient, value=1 - _SMOOTHING)
        denominator = self.square.sqrt().add_(_EPSILON)
        parameters.values.addcdiv_(gradient, denominator, value=-learning_rate)


OPTIMIZERS = {"adam": Adam, "adamw": Adam, "sgd": SGD, "rmsprop": RMSprop}
