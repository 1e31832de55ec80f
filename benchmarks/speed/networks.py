"""The networks of the workloads as one writes them in torch: encode, forward, loss."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.speed.workloads import SIDE


def build(workload):
    """Return the network of a workload, drawn by torch's defaults."""
    kinds = {"variational": Variational, "convolutional": Convolutional}
    return kinds.get(workload.kind, Dense)(workload.widths)


def perceptron(widths):
    """Return linear layers with rectifiers in between."""
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Dense(nn.Module):
    """Perceptrons to the code and back."""

    def __init__(self, widths):
        super().__init__()
        self.encode = perceptron(widths)
        self.decode = perceptron(widths[::-1])

    def forward(self, x):
        return self.decode(self.encode(x))

    def loss(self, x):
        return F.mse_loss(self(x), x)


class Variational(nn.Module):
    """A normal posterior, and pixels that are one with a probability."""

    def __init__(self, widths):
        super().__init__()
        *hidden, n_codes = widths
        self.posterior = perceptron([*hidden, 2 * n_codes])
        self.decode = perceptron(widths[::-1])

    def encode(self, x):
        return self.posterior(x).chunk(2, dim=1)[0]

    def forward(self, x):
        return torch.sigmoid(self.decode(self.encode(x)))

    def loss(self, x):
        mean, log_variance = self.posterior(x).chunk(2, dim=1)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        misfit = F.binary_cross_entropy_with_logits(self.decode(z), x, reduction="sum")
        divergence = mean.square() + log_variance.exp() - 1 - log_variance
        return (misfit + divergence.sum() / 2) / len(x)


class Convolutional(nn.Module):
    """Convolutions and poolings to the code, upsampling and convolutions back."""

    def __init__(self, channels):
        super().__init__()
        down, up = [], []
        for n_in, n_out in pairwise(channels):
            down += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        for n_in, n_out in pairwise(channels[::-1]):
            convolution = nn.Conv2d(n_in, n_out, 3, padding=1)
            up += [nn.Upsample(scale_factor=2), convolution, nn.ReLU()]
        self.down, self.up = nn.Sequential(*down), nn.Sequential(*up[:-1])
        self.shape = channels[0], SIDE, SIDE
        self.n_features = math.prod(self.shape)

    def encode(self, x):
        return self.down(x.unflatten(1, self.shape)).flatten(1)

    def forward(self, x):
        maps = self.down(x.unflatten(1, self.shape))
        return self.up(maps).reshape(-1, self.n_features)

    def loss(self, x):
        return F.mse_loss(self(x), x)
