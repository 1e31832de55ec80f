r"""The variational autoencoder's network, plain or around probabilistic PCA.

The encoder gives the mean and the log variance of a normal posterior, the decoder the
output that the likelihood turns into a distribution. With a linear path E, W (see
`skae._functional.linear_maps.probabilistic_pca`)

.. math:: \mu = E u + s f_1(\bar u), \quad \log \sigma^2 = \log s^2 + f_2(\bar u),
          \qquad u' = W z + d + r c g(\bar z),

where s^2 is the variance of the linear model's posterior, r the root mean square of
its residual and d a constant that matches the rates of counts to their means, zero for
other likelihoods; f and g start at zero, so that at the start posterior and likelihood
*are* those of probabilistic PCA. The bar, and the shares c of the columns, are those
of `skae._networks.dense`.

In a conditional model the conditions are appended to u and to z; for an encoder that
does not receive them, zeros and an indicator of missing values.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from skae._functional.likelihoods import LIKELIHOODS
from skae._networks.layers import MLP, apply_linear, within
from skae._networks.linear_path import LinearPathModule

# In units of the variance of the data. Without it, the likelihood of a row that is
# reconstructed without error would grow without bound.
LEAST_NOISE = 1e-6
_LOG_LEAST_NOISE = math.log(LEAST_NOISE)
# Learning-rate factor of per-feature log dispersions, found by experiment.
_RATE_OF_FEATURES = 3.0
# Distance kept from the upper bound, where the gradient vanishes.
_MARGIN = 1.0
# Bound of the absolute log variance of the posterior, whose standard deviation is then
# between 5e-5 and 2e4 of the prior's. A single bad step may exceed it, and its
# exponential would be infinite or zero. A decoder in float32 cannot resolve more.
LARGEST_LOG_VARIANCE = 20.0


class VariationalAutoencoder(LinearPathModule):
    """Encoder to a normal posterior and decoder, in the network's own space.

    Parameters
    ----------
    n_features, n_components : int
    hidden_layer_sizes : sequence of int
        From the input to the code; the decoder mirrors them.
    activation : str
    linear_path : bool
    likelihood : str
        A key of `LIKELIHOODS`.
    noise_variance : str or float
        Variance of the Gaussian likelihood: "shared" by all features and "per_feature"
        are learned; a number is fixed by `set_dispersion`, in the network's space.
    n_conditions : int
    dropout, batch_norm
        As in the estimators.
    correction : bool
        False omits the perceptrons: the network is probabilistic PCA.
    """

    decoder_parts = (
        "g",
        "raw_dispersion",
        "least_dispersion",
        "linear_decoder",
        "output_offset",
        "code_radius",
        "feature_share",
    )

    def __init__(
        self,
        n_features,
        n_components,
        hidden_layer_sizes,
        activation,
        *,
        linear_path,
        likelihood="bernoulli",
        noise_variance="shared",
        n_conditions=0,
        dropout=0.0,
        batch_norm=False,
        correction=True,
    ):
        super().__init__()
        self.remember_arguments(
            n_features=n_features,
            n_components=n_components,
            hidden_layer_sizes=tuple(hidden_layer_sizes),
            activation=activation,
            linear_path=linear_path,
            likelihood=likelihood,
            noise_variance=noise_variance,
            n_conditions=n_conditions,
            dropout=dropout,
            batch_norm=batch_norm,
            correction=correction,
        )
        self._set_correction(correction, linear_path)
        self.likelihood = likelihood
        self.learn_dispersion = (
            isinstance(noise_variance, str) or likelihood != "gaussian"
        )
        self.n_conditions = n_conditions
        if correction:
            # The encoder also receives whether the conditions are missing.
            n_given = n_conditions + 1 if n_conditions else 0
            hidden, options = tuple(hidden_layer_sizes), (dropout, batch_norm)
            sizes = (n_features + n_given, *hidden, 2 * n_components)
            self.f = _mlp(sizes, activation, options)
            sizes = (n_components + n_conditions, *hidden[::-1], n_features)
            self.g = _mlp(sizes, activation, options)
        self._register_dispersion(noise_variance)
        if linear_path:
            self._register_linear_path(n_features, n_components)

    def _register_dispersion(self, noise_variance):
        value = None
        if LIKELIHOODS[self.likelihood].has_dispersion:
            is_shared = (
                self.likelihood == "gaussian" and noise_variance != "per_feature"
            )
            n_dispersions = 1 if is_shared else self.arguments["n_features"]
            self._dispersion_rate = 1.0 if is_shared else _RATE_OF_FEATURES
            value = torch.zeros(n_dispersions, dtype=torch.float32)
        if value is not None and self.learn_dispersion:
            self.register_parameter("raw_dispersion", nn.Parameter(value))
            floor = torch.full_like(value, _LOG_LEAST_NOISE)
            self.register_buffer("least_dispersion", floor)
        else:
            self.register_buffer("raw_dispersion", value)

    def _register_linear_path(self, n_features, n_components):
        for name, shape in [
            ("linear_encoder", (n_components, n_features)),
            ("linear_decoder", (n_features, n_components)),
            ("posterior_scale", (n_components,)),
            ("correction_scale", ()),
        ]:
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float32))
        for name in ("input_radius", "code_radius"):
            self.register_buffer(name, torch.tensor(torch.inf, dtype=torch.float32))
        share = torch.ones(n_features, dtype=torch.float32)
        self.register_buffer("feature_share", share)
        offset = None
        if LIKELIHOODS[self.likelihood].link == "exp":
            offset = torch.zeros(n_features, dtype=torch.float32)
        self.register_buffer("output_offset", offset)

    @property
    def dispersion(self):
        """Logarithm of the likelihood's dispersion, shape (n_dispersions,), or None."""
        if not self.learn_dispersion or self.raw_dispersion is None:
            return self.raw_dispersion
        # Both bounds are soft, so that the gradient is never zero.
        dispersion = torch.logaddexp(self._log_dispersion(), self.least_dispersion)
        return -torch.logaddexp(-dispersion, -self._largest_dispersion())

    @property
    def dispersion_slope(self):
        """Derivative of `dispersion` with respect to `raw_dispersion`."""
        log_dispersion, floor = self._log_dispersion(), self.least_dispersion
        dispersion = torch.logaddexp(log_dispersion, floor)
        above_floor = torch.sigmoid(log_dispersion - floor)
        below_ceiling = torch.sigmoid(self._largest_dispersion() - dispersion)
        return self._dispersion_rate * above_floor * below_ceiling

    def _log_dispersion(self):
        """Return the logarithm of the learned dispersion, without its bounds."""
        return self._dispersion_rate * self.raw_dispersion

    def _largest_dispersion(self):
        largest = LIKELIHOODS[self.likelihood].largest_log_dispersion
        return torch.full_like(self.raw_dispersion, largest)

    def posterior(self, u: Tensor, generator=None, condition=None):
        """Return mean and log variance of the codes, each (n_rows, n_components).

        Rows of NaN in `condition`, of shape (n_rows, n_conditions), are missing
        conditions; with None they are missing in all rows.
        """
        mean = log_variance = 0.0
        if self.correction:
            near = within(u, self.input_radius) if self.linear_path else u
            h = self.f(self.with_given(near, condition), generator)
            mean, log_variance = h.chunk(2, dim=1)
        if self.linear_path:
            mean = apply_linear(u, self.linear_encoder) + self.posterior_scale * mean
            log_variance = log_variance + 2 * torch.log(self.posterior_scale)
        bound = LARGEST_LOG_VARIANCE
        return mean, log_variance.clamp(-bound, bound).expand_as(mean)

    def encode(self, u: Tensor, generator=None, condition=None) -> Tensor:
        """Map rows (n_rows, n_features) to the posterior's means."""
        return self.posterior(u, generator, condition)[0]

    def decode(self, z: Tensor, generator=None, condition=None) -> Tensor:
        """Map codes and conditions to outputs in the network's space."""
        if not self.linear_path:
            given = z if condition is None else torch.cat([z, condition.to(z)], dim=1)
            return self.g(given, generator)
        linear = apply_linear(z, self.linear_decoder)
        if self.output_offset is not None:
            linear = linear + self.output_offset
        if not self.correction:
            return linear
        near = within(z, self.code_radius)
        scale = self.correction_scale * self.feature_share
        return linear + scale * self.g(near, generator)

    def forward(self, u: Tensor, generator=None, condition=None) -> Tensor:
        """Reconstruct rows from the means of their codes."""
        return self.decode(self.encode(u, generator, condition), generator, condition)

    def initialize(self, init, generator):
        """Draw the weights; with a linear path the last layers are zero."""
        if not self.correction:
            return
        self.f.initialize(init, generator, zero_last=self.linear_path)
        self.g.initialize(init, generator, zero_last=self.linear_path)

    @torch.no_grad()
    def set_dispersion(self, log_value, log_floor=_LOG_LEAST_NOISE):
        """Set the logarithms of the dispersion and its floor, shared or per feature.

        A fixed dispersion has no floor.
        """
        log_value = torch.as_tensor(log_value, dtype=torch.float64)
        if not self.learn_dispersion:
            self.raw_dispersion.copy_(log_value)
            return
        log_floor = torch.as_tensor(log_floor, dtype=torch.float64)
        self.least_dispersion.copy_(log_floor)
        largest = LIKELIHOODS[self.likelihood].largest_log_dispersion
        log_value = log_value.clamp(max=largest - _MARGIN)
        # Invert the bounds; the upper one may be infinite.
        log_value = log_value - torch.log1p(-torch.exp(log_value - largest))
        share = (-torch.expm1(log_floor - log_value)).clamp_min(1e-3)
        log_value = torch.maximum(log_value, log_floor) + share.log()
        self.raw_dispersion.copy_(log_value / self._dispersion_rate)

    def set_output_offset(self, offset):
        """Set the constant of the outputs of counts, one number per feature.

        It does not belong to the correction, and stays if that is omitted or redrawn.
        """
        self._set_exactly("output_offset", offset)

    @torch.no_grad()
    def set_linear_path(
        self,
        linear_map,
        code_scale,
        correction_scale,
        input_radius=torch.inf,
        code_radius=torch.inf,
        code_share=1.0,
        feature_share=1.0,
    ):
        """Start from probabilistic PCA or factor analysis.

        Their codes have the scale of the prior: `code_scale` and `code_share` are not
        used.
        """
        noise = np.maximum(linear_map.noise_variance, 1e-300)
        if noise.ndim == 0:
            signal = (linear_map.decoder**2).sum(axis=0) / noise
        else:
            signal = (linear_map.decoder**2 / noise[:, np.newaxis]).sum(axis=0)
        self._set_exactly("linear_encoder", linear_map.encoder)
        self._set_exactly("linear_decoder", linear_map.decoder)
        for name, value in [
            ("posterior_scale", (1 + signal) ** -0.5),
            ("correction_scale", correction_scale),
            ("input_radius", input_radius),
            ("code_radius", code_radius),
            ("feature_share", feature_share),
        ]:
            getattr(self, name).copy_(torch.as_tensor(value))

    def with_given(self, u, condition):
        """Return rows with the conditions and their missing indicator appended."""
        if not self.n_conditions:
            return u
        if condition is None:
            condition = u.new_full((len(u), self.n_conditions), torch.nan)
        missing = condition[:, :1].isnan()
        given = condition.to(u).nan_to_num(0.0)
        return torch.cat([u, given, missing.to(u)], dim=1)


def _mlp(sizes, activation, options):
    dropout, batch_norm = options
    return MLP(sizes, activation, dropout=dropout, batch_norm=batch_norm)
