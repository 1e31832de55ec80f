r"""Likelihoods of a row given its code: log density, mean and draws.

The output o of a decoder, one number per feature, and a dispersion d, shared by all
rows, determine the distribution of a value x:

==================  ========================================  =================
likelihood          distribution                              mean
==================  ========================================  =================
gaussian            N(o, exp(d))                              o
bernoulli           1 with probability logistic(o)            logistic(o)
poisson             Poisson of rate exp(o)                    exp(o)
negative_binomial   Gamma-Poisson of mean m = exp(o) and
                    variance m + m^2 / exp(d)                 exp(o)
==================  ========================================  =================

The log probability of the Bernoulli, x o - softplus(o), is also used for x between 0
and 1, as is usual for gray pixels; counts may be any numbers >= 0.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Largest log size of a negative binomial. With means below 100 its variance is then
# within a few percent of Poisson's. For larger sizes, rounding errors of the gamma
# functions reach nats in float32.
_LARGEST_LOG_SIZE = 8.0


class Likelihood(NamedTuple):
    """A distribution of the features given the decoder's output.

    ``log_density(output, target, dispersion)`` is elementwise.
    ``gradient(output, target, dispersion)`` returns its elementwise derivatives with
    respect to output and dispersion. ``draw(rng, mean, dispersion)`` works on arrays in
    X's units. `dispersion` is the logarithm of the parameter, at most
    `largest_log_dispersion`; it is None, as is its derivative, for a likelihood without
    such a parameter.
    """

    link: str
    log_density: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    gradient: Callable
    draw: Callable
    has_dispersion: bool = False
    largest_log_dispersion: float = math.inf


def _gaussian(output, target, log_variance):
    squares = (target - output).square() * torch.exp(-log_variance)
    return -0.5 * (squares + log_variance + math.log(2 * math.pi))


def _gaussian_gradient(output, target, log_variance):
    residual, precision = target - output, torch.exp(-log_variance)
    gradient = residual * precision
    return gradient, residual.mul_(gradient).sub_(1).mul_(0.5)


def _bernoulli(output, target, dispersion):
    return target * output - F.softplus(output)


def _bernoulli_gradient(output, target, dispersion):
    return target - torch.sigmoid(output), None


def _poisson(output, target, dispersion):
    return target * output - torch.exp(output) - torch.lgamma(target + 1)


def _poisson_gradient(output, target, dispersion):
    return target - torch.exp(output), None


def _negative_binomial(output, target, log_size):
    size = torch.exp(log_size)
    # Not size * (log_size - log(mean + size)), which for large sizes cancels.
    return (
        torch.lgamma(target + size)
        - torch.lgamma(size)
        - torch.lgamma(target + 1)
        - size * F.softplus(output - log_size)
        - target * F.softplus(log_size - output)
    )


def _negative_binomial_gradient(output, target, log_size):
    size, log_ratio = torch.exp(log_size), output - log_size
    gradient = target * torch.sigmoid(-log_ratio) - size * torch.sigmoid(log_ratio)
    of_size = torch.digamma(target + size) - torch.digamma(size)
    return gradient, size * (of_size - F.softplus(log_ratio)) - gradient


def _draw_negative_binomial(rng, mean, log_size):
    size = np.exp(log_size)
    return rng.poisson(rng.gamma(size, mean / size))


LIKELIHOODS = {
    "gaussian": Likelihood(
        "identity",
        _gaussian,
        _gaussian_gradient,
        lambda rng, mean, log_variance: rng.normal(mean, np.exp(0.5 * log_variance)),
        has_dispersion=True,
    ),
    "bernoulli": Likelihood(
        "logistic",
        _bernoulli,
        _bernoulli_gradient,
        lambda rng, mean, _: rng.binomial(1, mean),
    ),
    "poisson": Likelihood(
        "exp", _poisson, _poisson_gradient, lambda rng, mean, _: rng.poisson(mean)
    ),
    "negative_binomial": Likelihood(
        "exp",
        _negative_binomial,
        _negative_binomial_gradient,
        _draw_negative_binomial,
        has_dispersion=True,
        largest_log_dispersion=_LARGEST_LOG_SIZE,
    ),
}


class RowLikelihood:
    """Log density of rows in nats, with respect to X's own units.

    Parameters
    ----------
    name : str
        A key of `LIKELIHOODS`.
    scaling : Scaling
    """

    def __init__(self, name, scaling):
        self.likelihood = LIKELIHOODS[name]
        self.scaling = scaling
        # From the exact scale: the buffer may be 0 or infinite in float32.
        self._log_scale = math.log(scaling.arguments["scale"])
        self._n_features = len(scaling.mean)

    def __call__(self, output, target, dispersion):
        """Return the sum over the features, shape (n_rows,).

        `output` is that of the network. `target` is that of `Rows`: in the space of the
        network for the Gaussian, otherwise in X's.
        """
        output = output.to(target.dtype)
        if self.likelihood.link != "identity":
            output = self.scaling.outputs(output)
        density = self.likelihood.log_density(output, target, dispersion)
        return self._of_rows(density)

    def with_gradient(self, output, target, dispersion, factor):
        """Return the sum over the features, and its gradients times `factor`.

        Parameters
        ----------
        factor : float or Tensor of shape (n_rows, 1)

        Returns
        -------
        log_density : Tensor of shape (n_rows,)
        of_output : Tensor of shape (n_rows, n_features)
        of_dispersion : Tensor, of the shape of `dispersion`, or None
            Summed over the rows.
        """
        slope = None
        if self.likelihood.link != "identity":
            slope = self.scaling.outputs_slope(output)
            output = self.scaling.outputs(output)
        density = self.likelihood.log_density(output, target, dispersion)
        of_output, of_dispersion = self.likelihood.gradient(output, target, dispersion)
        of_output.mul_(factor)
        if slope is not None:
            of_output.mul_(slope)
        if of_dispersion is not None:
            of_dispersion = of_dispersion.mul_(factor).sum_to_size(dispersion.shape)
        return self._of_rows(density), of_output, of_dispersion

    def _of_rows(self, density):
        density = density.sum(dim=1)
        if self.likelihood.link == "identity":
            # From the density of u = (x - center) / scale to that of x.
            density = density - self._n_features * self._log_scale
        return density
