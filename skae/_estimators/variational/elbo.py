"""Bounds on the log likelihood of rows: what is trained, and what is reported."""

import math
from dataclasses import dataclass, replace

import torch

from skae._functional.likelihoods import RowLikelihood
from skae._functional.losses import LINKS
from skae._functional.penalties import (
    kl_to_standard_normal,
    kl_to_standard_normal_gradient,
)
from skae._training.data import weighted_mean
from skae._training.objective import Objective


@dataclass(frozen=True)
class _VariationalObjective(Objective):
    """A bound with a weight of the divergence that may rise during the first epochs.

    Parameters
    ----------
    likelihood : RowLikelihood
    beta : float
        Weight of the divergence.
    missing_share : float
        Share of the rows whose condition y is hidden from the encoder.
    warmup : int
        Number of epochs in which beta rises from 0 to its value.
    """

    likelihood: RowLikelihood
    beta: float
    missing_share: float = 0.0
    warmup: int = 0

    @property
    def first_full_epoch(self):
        """The first epoch with the full beta, counted from 1."""
        return self.warmup + 1

    def in_epoch(self, epoch):
        """Return the objective with the beta of an epoch, counted from 0."""
        if epoch >= self.warmup:
            return self
        return replace(self, beta=self.beta * epoch / self.warmup, warmup=0)


class NegativeELBO(_VariationalObjective):
    r"""The two terms of the negative evidence lower bound of each row.

    .. math:: -E_{q(z|x)}[\log p(x | z)] + \beta \, KL(q(z|x) \| N(0, I)),

    the expectation by one draw, the divergence in closed form, both in nats and
    summed over the features and the components. In a conditional model every density
    is given y, which is hidden from the encoder for a share of the rows.
    """

    has_gradient = True

    def losses(self, network, rows, generator):
        """Return both terms of each row."""
        mean, log_variance = _posterior(network, rows, generator, self.missing_share)
        z = mean + torch.exp(0.5 * log_variance) * _normal(mean.shape, mean, generator)
        output = network.decode(z, generator, rows.y)
        log_density = self.likelihood(output, rows.target, network.dispersion)
        divergence = kl_to_standard_normal(mean, log_variance).sum(dim=1)
        return {"reconstruction": -log_density, "kl": self.beta * divergence}

    def gradient(self, tape, rows, generator, share):
        """Set the gradient of the sum of ``share * loss``; return the mean terms."""
        condition = _hidden_in_part(rows.y, generator, self.missing_share)
        mean, log_variance = tape.posterior(rows.x, generator, condition)
        noise = _normal(mean.shape, mean, generator)
        deviation = torch.exp(0.5 * log_variance)
        output = tape.decode(mean + deviation * noise, generator, rows.y)
        log_density, gradient, of_dispersion = self.likelihood.with_gradient(
            output, rows.target, tape.dispersion, -share
        )
        of_codes = tape.decode_backward(gradient, of_dispersion)
        of_mean, of_log_variance = kl_to_standard_normal_gradient(mean, log_variance)
        weight = self.beta * share
        tape.posterior_backward(
            of_codes + weight * of_mean,
            0.5 * of_codes * noise * deviation + weight * of_log_variance,
        )
        divergence = kl_to_standard_normal(mean, log_variance).sum(dim=1)
        return {
            "reconstruction": -weighted_mean(log_density, rows.weight),
            "kl": self.beta * weighted_mean(divergence, rows.weight),
        }


@dataclass(frozen=True)
class NegativeImportanceWeightedBound(_VariationalObjective):
    r"""The negative importance-weighted bound of each row, in nats.

    .. math:: -\log \frac{1}{S} \sum_{s=1}^S p(x | z_s)
              \Big(\frac{p(z_s)}{q(z_s | x)}\Big)^\beta, \quad z_s \sim q(z | x):

    with beta = 1, equation 8 of Burda, Grosse and Salakhutdinov (2015).

    Parameters
    ----------
    n_samples : int
        S.
    """

    n_samples: int = 1

    def losses(self, network, rows, generator):
        """Return the bound of each row."""
        n_samples = self.n_samples
        mean, log_variance = _posterior(network, rows, generator, self.missing_share)
        noise = _normal((n_samples, *mean.shape), mean, generator)
        z = mean + torch.exp(0.5 * log_variance) * noise
        condition, target = _repeat(n_samples, rows.y), _repeat(n_samples, rows.target)
        output = network.decode(z.flatten(0, 1), generator, condition)
        log_density = self.likelihood(output, target, network.dispersion)
        log_weights = log_density.view(n_samples, -1)
        log_weights = log_weights + self.beta * _log_ratio(z, noise, log_variance)
        return {"bound": math.log(n_samples) - torch.logsumexp(log_weights, dim=0)}


def importance_weighted_bound(likelihood, draws):
    """Return the bound with fixed draws as a function for `Codec.map`.

    Parameters
    ----------
    likelihood : str
        A key of `LIKELIHOODS`.
    draws : Tensor of shape (n_draws, n_components)
        Standard normal, the same for all rows.
    """

    def bound(encoder, decoder, x, condition=None):
        scaling, network = encoder.scaling, encoder.network
        u = scaling(x)
        log_density = RowLikelihood(likelihood, scaling)
        # Outside its domain a likelihood's formula would grow beyond any bound.
        in_domain = x.clamp(*LINKS[scaling.link].domain)
        target = u if scaling.link == "identity" else in_domain
        mean, log_variance = network.posterior(u, condition=condition)
        total = torch.full_like(u[:, 0], -torch.inf)
        for noise in draws.to(u):
            z = mean + torch.exp(0.5 * log_variance) * noise
            output = network.decode(z, condition=condition)
            log_weight = log_density(output, target, network.dispersion)
            log_weight = log_weight + _log_ratio(z, noise, log_variance)
            total = torch.logaddexp(total, log_weight)
        return (total - math.log(len(draws)))[:, None]

    return bound


def _posterior(network, rows, generator, missing_share):
    """Return the posteriors' means and log variances in the dtype of the rows."""
    condition = _hidden_in_part(rows.y, generator, missing_share)
    moments = network.posterior(rows.x, generator, condition)
    return [moment.to(rows.x.dtype) for moment in moments]


def _hidden_in_part(condition, generator, missing_share):
    """Return the condition, hidden from the encoder for a share of the rows."""
    if condition is None or missing_share == 0:
        return condition
    chance = torch.full_like(condition[:, :1], missing_share)
    hidden = torch.bernoulli(chance, generator=generator).bool()
    return condition.masked_fill(hidden, torch.nan)


def _normal(shape, like, generator):
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def _repeat(n_samples, rows):
    return None if rows is None else rows.repeat(n_samples, 1)


def _log_ratio(z, noise, log_variance):
    """Return log p(z) - log q(z | x), summed over the components (the last axis)."""
    return 0.5 * (noise.square() - z.square() + log_variance).sum(dim=-1)
