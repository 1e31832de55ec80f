"""Layers whose randomness comes from a generator that is passed in."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skae._networks.activations import ACTIVATIONS, MAXOUT_PIECES


def _fan_in(weight):
    # Number of inputs of a unit, or of all positions that a kernel reads.
    return 1.0 / math.sqrt(weight[0].numel())


def _uniform(weight, generator):
    bound = _fan_in(weight)
    nn.init.uniform_(weight, -bound, bound, generator=generator)


def _normal(weight, generator):
    nn.init.normal_(weight, std=_fan_in(weight), generator=generator)


def _truncated_normal(weight, generator):
    std = _fan_in(weight)
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=generator)


def _constant(weight, generator):
    nn.init.constant_(weight, 1.0 / weight[0].numel())


def _kaiming(draw):
    return lambda weight, generator: draw(
        weight, nonlinearity="relu", generator=generator
    )


INITIALIZERS = {
    "xavier_uniform": lambda w, g: nn.init.xavier_uniform_(w, generator=g),
    "xavier_normal": lambda w, g: nn.init.xavier_normal_(w, generator=g),
    "kaiming_uniform": _kaiming(nn.init.kaiming_uniform_),
    "kaiming_normal": _kaiming(nn.init.kaiming_normal_),
    "orthogonal": lambda w, g: nn.init.orthogonal_(w, generator=g),
    "truncated_normal": _truncated_normal,
    "uniform": _uniform,
    "normal": _normal,
    "constant": _constant,
    "zeros": lambda w, g: nn.init.zeros_(w),
    "ones": lambda w, g: nn.init.ones_(w),
}
# Glorot initialization reaches a lower loss than He, with rectifiers too
# (benchmarks/README.md).
INITIALIZERS["auto"] = INITIALIZERS["xavier_uniform"]
# Standard deviations of the weights of a rough start, in units of 1 / sqrt(fan_in), and
# the bound of its biases. Glorot's scheme divides by fan_in + fan_out: after two codes
# its preactivations are so small (0.2) that silu is linear (benchmarks/README.md).
_ROUGH_FIRST, _ROUGH_HIDDEN, _ROUGH_BIAS = 2.0, 1.7, 2.0
_RECTIFIERS = ("relu", "leaky_relu", "maxout")


def layerwise_init(init, activation):
    """Return the scheme for layers that should preserve the scale of their input.

    These are the layers of a predictor, and layers that are trained one by one: "auto"
    means He's scheme for rectifiers.
    """
    if init == "auto" and activation in _RECTIFIERS:
        return "kaiming_uniform"
    return init


def dropout(h, rate, generator):
    """Zero each value with probability `rate` and divide the rest by 1 - rate."""
    kept = torch.empty_like(h).bernoulli_(1.0 - rate, generator=generator)
    return h * kept.div_(1.0 - rate)


def within(rows, radius):
    """Return rows, with lengths clipped to `radius`."""
    lengths = rows.norm(dim=1, keepdim=True)
    # In this order of divisions, an infinite radius gives finite gradients.
    return rows / (lengths / radius).clamp_min(1.0)


def apply_linear(rows, matrix):
    """Return ``rows @ matrix.T`` in the dtype of the rows, also within autocast.

    The residual of a linear path can be smaller than the rounding of bfloat16.
    """
    if not torch.is_autocast_enabled(rows.device.type):
        return rows @ matrix.T
    with torch.autocast(rows.device.type, enabled=False):
        return rows @ matrix.T


class Dense(nn.Module):
    """An affine layer, optionally with the transposed weight of another one.

    Unlike in `torch.nn.Linear`, the constructor draws nothing: `initialize` does.
    """

    def __init__(self, n_inputs, n_outputs, *, tied_to=None):
        super().__init__()
        self.tied = tied_to is not None
        self.weight = (
            tied_to.weight
            if self.tied
            else nn.Parameter(torch.zeros(n_outputs, n_inputs, dtype=torch.float32))
        )
        self.bias = nn.Parameter(torch.zeros(n_outputs, dtype=torch.float32))

    def forward(self, h: Tensor) -> Tensor:
        return F.linear(h, self.weight.T if self.tied else self.weight, self.bias)


class _RunningStatisticsForOne:
    """Use the running statistics for a single value, which has no variance."""

    def forward(self, h: Tensor) -> Tensor:
        if self.training and h.numel() == h.shape[1]:
            return F.batch_norm(
                h, self.running_mean, self.running_var, self.weight, self.bias
            )
        return super().forward(h)


class BatchNorm(_RunningStatisticsForOne, nn.BatchNorm1d):
    """Batch normalization of units, also for a single row."""


class MapBatchNorm(_RunningStatisticsForOne, nn.BatchNorm2d):
    """Batch normalization of the channels of maps, also for a single pixel."""


class MLP(nn.Module):
    """Dense layers with an activation between them and none after the last.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, so ``len(sizes) - 1`` layers.
    activation : str
        A key of `ACTIVATIONS`.
    dropout : float
        Rate after each hidden activation, in training only.
    batch_norm : bool
        Normalize before each hidden activation.
    tied_to : MLP or None
        MLP whose transposed weights are used, in reverse order.
    """

    def __init__(self, sizes, activation, *, dropout, batch_norm, tied_to=None):
        super().__init__()
        self.activation = activation
        self.dropout = dropout
        self.layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        pieces = MAXOUT_PIECES if activation == "maxout" else 1
        for i in range(1, len(sizes)):
            hidden = i < len(sizes) - 1
            width = sizes[i] * (pieces if hidden else 1)
            mirror = tied_to.layers[-i] if tied_to is not None else None
            self.layers.append(Dense(sizes[i - 1], width, tied_to=mirror))
            if hidden and batch_norm:
                self.norms.append(BatchNorm(width, dtype=torch.float32))

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.layers[-1](self.hidden(h, generator))

    def hidden(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the values of the last hidden layer."""
        activate = ACTIVATIONS[self.activation]
        # A list, because slicing a ModuleList creates a new module.
        for i, layer in enumerate(list(self.layers)[:-1]):
            h = layer(h)
            if self.norms:
                h = self.norms[i](h)
            h = activate(h)
            if self.training and self.dropout > 0:
                h = dropout(h, self.dropout, generator)
        return h

    def initialize(self, init, generator, *, zero_last=False):
        """Draw the weights that are not tied; biases start at zero."""
        draw = INITIALIZERS[init]
        for layer in self.layers:
            if not layer.tied:
                draw(layer.weight.data, generator)
            nn.init.zeros_(layer.bias)
        if zero_last and not self.layers[-1].tied:
            nn.init.zeros_(self.layers[-1].weight)

    def roughen(self, generator):
        """Redraw the hidden layers with weights so large that the network is nonlinear.

        Weights are uniform with a standard deviation of 2 / sqrt(fan_in) in the first
        layer and 1.7 / sqrt(fan_in) in the other hidden layers; the biases of the
        first layer are uniform between -2 and 2. The last layer is unchanged.
        """
        for i, layer in enumerate(list(self.layers)[:-1]):
            if not layer.tied:
                deviation = (_ROUGH_FIRST if i == 0 else _ROUGH_HIDDEN) * _fan_in(
                    layer.weight
                )
                bound = math.sqrt(3) * deviation
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if i == 0:
                bound = _ROUGH_BIAS
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
