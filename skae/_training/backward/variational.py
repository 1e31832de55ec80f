"""Forward and backward pass of variational autoencoders."""

import torch

from skae._networks.variational import LARGEST_LOG_VARIANCE
from skae._training.backward.dense import BallTape
from skae._training.backward.layers import MLPTape, ResidualTape, Tape, factor_of


class VariationalTape(Tape):
    """Forward and backward pass of a `VariationalAutoencoder`, in two parts each."""

    def __init__(self, network):
        self._network = network
        self._f = MLPTape(network.f)
        if network.linear_path:
            scale = factor_of(network.correction_scale, network.feature_share)
            self._g = ResidualTape(
                network.g, network.linear_decoder, scale, network.output_offset
            )
            self._near_rows = BallTape(network.input_radius)
            self._near_codes = BallTape(network.code_radius)
        else:
            self._g = MLPTape(network.g)

    @property
    def dispersion(self):
        """The dispersion parameter of the network."""
        return self._network.dispersion

    def posterior(self, u, generator, condition):
        """Return mean and log variance of the codes."""
        network = self._network
        near = self._near_rows.forward(u) if network.linear_path else u
        h = self._f.forward(network.with_given(near, condition), generator)
        mean, log_variance = h.chunk(2, dim=1)
        if network.linear_path:
            mean = u @ network.linear_encoder.T + network.posterior_scale * mean
            log_variance = log_variance + 2 * torch.log(network.posterior_scale)
        self._inside = log_variance.abs() <= LARGEST_LOG_VARIANCE
        bound = LARGEST_LOG_VARIANCE
        return mean, log_variance.clamp(-bound, bound)

    def posterior_backward(self, of_mean, of_log_variance):
        """Set the encoder's gradients from those of mean and log variance."""
        if self._network.linear_path:
            of_mean = of_mean * self._network.posterior_scale
        of_log_variance = of_log_variance * self._inside
        gradient = torch.cat([of_mean, of_log_variance], dim=1)
        self._f.backward(gradient, to_input=False)

    def decode(self, z, generator, condition):
        """Map codes, and the condition if there is one, to outputs."""
        self._n_codes = z.shape[1]
        if self._network.linear_path:
            return self._g.forward(self._near_codes.forward(z), z, generator)
        given = z if condition is None else torch.cat([z, condition.to(z)], dim=1)
        return self._g.forward(given, generator)

    def decode_backward(self, gradient, of_dispersion):
        """Set the decoder's gradients from those of output and dispersion.

        Returns the gradient of the codes.
        """
        network = self._network
        if network.learn_dispersion and network.raw_dispersion is not None:
            torch.mul(
                of_dispersion, network.dispersion_slope, out=network.raw_dispersion.grad
            )
        if not network.linear_path:
            return self._g.backward(gradient, to_input=True)[:, : self._n_codes]
        of_near, of_codes = self._g.backward(gradient)
        return self._near_codes.backward(of_near) + of_codes
