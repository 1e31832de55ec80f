"""Forward and backward passes of dense autoencoders."""

import math

import torch

from skae._networks.activations import ACTIVATION_GRADIENTS, activate
from skae._training.backward.layers import MLPTape, ResidualTape, Tape, factor_of


class BallTape:
    """Forward and backward pass of `within`, which shortens long rows."""

    def __init__(self, radius):
        self._radius = float(radius)

    def forward(self, rows):
        """Return rows; those longer than the radius are shortened to it."""
        lengths = self._lengths(rows)
        self._is_inside = self._are_within(lengths)
        if self._is_inside:
            return rows
        self._divisor = (lengths / self._radius).clamp_min_(1.0)
        self._shortened = rows / self._divisor
        return self._shortened

    def holds(self, rows):
        """Whether no row is known to be longer than the radius."""
        return self._are_within(self._lengths(rows))

    def _lengths(self, rows):
        return torch.linalg.vector_norm(rows, dim=1, keepdim=True)

    def _are_within(self, lengths):
        if self._radius == math.inf:
            return True
        # On a GPU the comparison would synchronize, so all rows are divided.
        return lengths.device.type == "cpu" and lengths.max().item() <= self._radius

    def backward(self, gradient):
        """Return the gradient of the rows, zero along those that were shortened."""
        if self._is_inside:
            return gradient
        gradient = gradient / self._divisor
        outside = self._divisor > 1.0
        direction = self._shortened / self._radius
        along = (gradient * direction).sum(dim=1, keepdim=True) * direction
        return torch.where(outside, gradient - along, gradient)


class DenseTape(Tape):
    """Forward and backward pass of a `DenseAutoencoder` without linear path."""

    def __init__(self, network):
        self._network = network
        self._g = MLPTape(network.g)
        self._f = MLPTape(network.f, written=self._g.weights)

    def forward(self, u, generator, linear_codes=None):
        """Reconstruct rows as the network does in training."""
        return self.decode(self.encode(u, generator), generator)

    def encode(self, u, generator):
        """Map rows to codes."""
        sums = self._f.forward(u, generator)
        codes, self._activated = activate(self._network.code_activation, sums)
        return codes

    def decode(self, z, generator):
        """Map codes to reconstructions."""
        return self._g.forward(z, generator)

    def backward(self, gradient, code_gradient=None):
        """Set the parameters' gradients from that of the reconstruction.

        `code_gradient`, that of a penalty on the codes, is added to that of the codes.
        """
        self._encoder_backward(self._g.backward(gradient, to_input=True), code_gradient)

    def _encoder_backward(self, of_codes, code_gradient):
        if code_gradient is not None:
            of_codes = of_codes.add_(code_gradient)
        back = ACTIVATION_GRADIENTS[self._network.code_activation]
        self._f.backward(back(of_codes, self._activated), to_input=False)


class LinearPathTape(Tape):
    """Forward and backward pass of a `DenseAutoencoder` with a linear path."""

    def __init__(self, network):
        scale = network.correction_scale
        self._scale = factor_of(scale, network.code_share)
        of_features = factor_of(scale, network.feature_share)
        self._g = ResidualTape(network.g, network.linear_decoder, of_features)
        self._f = MLPTape(network.f, written=self._g.weights)
        self._encoder = network.linear_encoder.T
        self._offset = network.code_offset
        self._code_scale = network.code_scale
        self._near_rows = BallTape(network.input_radius)
        self._near_codes = BallTape(network.code_radius)

    def prepare(self, rows):
        """Return the rows with their codes on the linear path, which stay constant."""
        self._all_are_near = self._near_rows.holds(rows.x)
        return rows.with_codes(self._linear_codes(rows.x))

    def forward(self, u, generator, linear_codes=None):
        """Reconstruct rows as the network does in training.

        `linear_codes` come from `prepare`; None computes them.
        """
        return self.decode(self.encode(u, generator, linear_codes), generator)

    def encode(self, u, generator, linear_codes=None):
        """Map rows to codes."""
        near = u
        if linear_codes is None:
            linear_codes = self._linear_codes(u)
            near = self._near_rows.forward(u)
        elif not self._all_are_near:
            near = self._near_rows.forward(u)
        correction = self._f.forward(near, generator)
        if isinstance(self._scale, float):
            return torch.add(linear_codes, correction, alpha=self._scale)
        return torch.addcmul(linear_codes, correction, self._scale)

    def decode(self, z, generator):
        """Map codes to reconstructions."""
        near = self._near_codes.forward(z / self._code_scale)
        return self._g.forward(near, z, generator)

    def backward(self, gradient):
        """Set the parameters' gradients from that of the reconstruction."""
        of_near, of_codes = self._g.backward(gradient)
        near = self._near_codes.backward(of_near)
        of_codes = of_codes.addcdiv(near, self._code_scale)
        self._f.backward(of_codes.mul_(self._scale), to_input=False)

    def _linear_codes(self, u):
        return torch.addmm(self._offset, u, self._encoder, beta=-1)


class UnrolledTape(DenseTape):
    """Forward and backward pass of an `UnrolledAutoencoder`."""

    def encode(self, u, generator):
        """Map rows to codes."""
        return super().encode(self._network.without_link(u), generator)


class RectifiedTape(DenseTape):
    """Forward and backward pass of a `RectifiedAutoencoder`."""

    def decode(self, z, generator):
        """Map codes to reconstructions."""
        self._codes, self._lengths = z, self._network.lengths()
        return super().decode(z / self._lengths, generator)

    def backward(self, gradient, code_gradient=None):
        """Set the parameters' gradients from that of the reconstruction."""
        layer, lengths = self._network.g.layers[0], self._lengths
        weight = layer.weight if layer.tied else layer.weight.T
        back = self._g.backward(gradient, to_input=True).div_(lengths)
        # The decoder normalizes its weights, so their lengths have no effect.
        of_lengths = -(back * self._codes).sum(dim=0) / lengths
        of_weight = (of_lengths / lengths).unsqueeze(1) * weight
        layer.weight.grad += of_weight if layer.tied else of_weight.T
        self._encoder_backward(back, code_gradient)
