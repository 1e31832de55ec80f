r"""Backpropagation written out for dense layers, equal to autograd's and faster.

A tape runs a network forward and keeps what the way back needs; `backward` takes the
gradient of the loss with respect to the output and leaves that of the parameters in
their ``grad``. Layers know nothing of losses: those bring value and gradient side by
side. On small layers most of a step of autograd is not arithmetic.
"""

import functools

import torch

from skae.architectures.dense import DenseAutoencoder
from skae.architectures.layers import ACTIVATION_GRADIENTS, ACTIVATIONS, MLP
from skae.architectures.predictor import StackedPredictor
from skae.architectures.sparse import RectifiedAutoencoder
from skae.architectures.unrolled import UnrolledAutoencoder
from skae.architectures.variational import (
    LARGEST_LOG_VARIANCE,
    VariationalAutoencoder,
)


def written_out(gradient):
    """Decorate an objective, or a penalty, with its gradient.

    That of an objective is called as ``gradient(tape, rows, generator, share)`` and
    with the objective's keywords. It goes forward by the tape, back with the gradient
    of the sum of the rows' losses, each times `share`, and returns what the objective
    does.
    """

    def decorate(function):
        function.gradient = gradient
        return function

    return decorate


def gradient_of(function):
    """Return the gradient of a decorated function, or of a partial of one, or None."""
    gradient = getattr(getattr(function, "func", function), "gradient", None)
    keywords = getattr(function, "keywords", None)
    return (
        functools.partial(gradient, **keywords) if gradient and keywords else gradient
    )


class MLPTape:
    """The way through an `MLP` and back.

    Parameters
    ----------
    mlp : MLP
        Without batch norm.
    adds : bool
        Whether weight gradients are added to what is there already: those of the
        mirror image whose weights are the same.
    """

    def __init__(self, mlp, *, adds=False):
        self._mlp = mlp
        self._layers = [(layer, layer.weight, layer.bias) for layer in mlp.layers]
        self._beta = 1 if adds else 0
        self._activate = ACTIVATIONS[mlp.activation]
        self._back = ACTIVATION_GRADIENTS[mlp.activation]

    def forward(self, h, generator):
        """Map rows as the MLP does in training, drawing the same dropout."""
        self._inputs, self._sums, self._kept = [h], [], []
        rate, last = self._mlp.dropout, len(self._layers) - 1
        for i, (layer, weight, bias) in enumerate(self._layers):
            h = torch.addmm(bias, h, weight if layer.tied else weight.T)
            if i == last:
                break
            self._sums.append(h)
            h = self._activate(h)
            if rate > 0:
                kept = torch.empty_like(h).bernoulli_(1.0 - rate, generator=generator)
                self._kept.append(kept.div_(1.0 - rate))
                h = h * kept
            self._inputs.append(h)
        return h

    def backward(self, gradient, *, to_input):
        """Set the parameters' gradients; return that of the input if wanted."""
        for i in reversed(range(len(self._layers))):
            layer, weight, bias = self._layers[i]
            torch.sum(gradient, dim=0, out=bias.grad)
            outer = [gradient.T, self._inputs[i]]
            if layer.tied:
                outer = [self._inputs[i].T, gradient]
            torch.addmm(weight.grad, *outer, beta=self._beta, out=weight.grad)
            if i == 0 and not to_input:
                return None
            gradient = gradient @ (weight.T if layer.tied else weight)
            if i > 0:
                if self._kept:
                    gradient.mul_(self._kept[i - 1])
                gradient = self._back(gradient, self._sums[i - 1])
        return gradient


def make_tape(network):
    """Return the tape of a network, or None where there is none."""
    kind = TAPES.get(type(network))
    perceptrons = [m for m in network.modules() if isinstance(m, MLP)]
    written = all(m.activation != "maxout" and not m.norms for m in perceptrons)
    return kind(network) if kind is not None and written else None


class BallTape:
    """The way through `within`, which shortens long rows, and back."""

    def __init__(self, radius):
        self._radius = radius

    def forward(self, rows):
        """Return rows, those longer than the radius shortened to it."""
        lengths = rows.norm(dim=1, keepdim=True)
        self._is_inside = lengths.device.type == "cpu" and bool(
            lengths.max() <= self._radius
        )
        if self._is_inside:
            return rows
        self._divisor = (lengths / self._radius).clamp_min(1.0)
        self._shortened = rows / self._divisor
        return self._shortened

    def backward(self, gradient):
        """Return the gradient of the rows: along a shortened one there is none."""
        if self._is_inside:
            return gradient
        gradient = gradient / self._divisor
        outside = self._divisor > 1.0
        direction = self._shortened / self._radius
        along = (gradient * direction).sum(dim=1, keepdim=True) * direction
        return torch.where(outside, gradient - along, gradient)


class DenseTape:
    """The way through a `DenseAutoencoder` and back."""

    def __init__(self, network):
        self._network = network
        tied = any(layer.tied for layer in network.g.layers)
        self._f, self._g = MLPTape(network.f, adds=tied), MLPTape(network.g)
        if network.linear_path:
            self._near_rows = BallTape(network.input_radius)
            self._near_codes = BallTape(network.code_radius)

    def forward(self, u, generator):
        """Reconstruct rows as the network does in training."""
        return self.decode(self.encode(u, generator), generator)

    def encode(self, u, generator):
        """Map rows to codes."""
        network = self._network
        if not network.linear_path:
            self._sums = self._f.forward(u, generator)
            return ACTIVATIONS[network.code_activation](self._sums)
        z = torch.addmm(network.code_offset, u, network.linear_encoder.T, beta=-1)
        correction = self._f.forward(self._near_rows.forward(u), generator)
        return z.addcmul_(correction, network.correction_scale)

    def decode(self, z, generator):
        """Map codes to reconstructions."""
        network = self._network
        if not network.linear_path:
            return self._g.forward(z, generator)
        near = self._near_codes.forward(z / network.code_scale)
        correction = self._g.forward(near, generator)
        output = z @ network.linear_decoder.T
        return output.addcmul_(correction, network.correction_scale)

    def backward(self, gradient, code_gradient=None):
        """Set the parameters' gradients from that of the reconstruction.

        `code_gradient` is added on the way, that of a penalty on the codes.
        """
        network = self._network
        if not network.linear_path:
            back = self._g.backward(gradient, to_input=True)
            if code_gradient is not None:
                back = back + code_gradient
            back = ACTIVATION_GRADIENTS[network.code_activation](back, self._sums)
            self._f.backward(back, to_input=False)
            return
        near = self._g.backward(gradient * network.correction_scale, to_input=True)
        back = self._near_codes.backward(near) / network.code_scale
        back.addmm_(gradient, network.linear_decoder)
        if code_gradient is not None:
            back += code_gradient
        self._f.backward(back.mul_(network.correction_scale), to_input=False)


class UnrolledTape(DenseTape):
    """The way through an `UnrolledAutoencoder` and back."""

    def encode(self, u, generator):
        """Map rows to codes."""
        return super().encode(self._network.without_link(u), generator)


class RectifiedTape(DenseTape):
    """The way through a `RectifiedAutoencoder` and back."""

    def decode(self, z, generator):
        """Map codes to reconstructions."""
        self._codes, self._lengths = z, self._network.lengths()
        return self._g.forward(z / self._lengths, generator)

    def backward(self, gradient, code_gradient=None):
        """Set the parameters' gradients from that of the reconstruction."""
        network, lengths = self._network, self._lengths
        layer = network.g.layers[0]
        weight = layer.weight if layer.tied else layer.weight.T
        back = self._g.backward(gradient, to_input=True) / lengths
        # A code is read by weights of length 1: longer ones change nothing.
        of_lengths = -(back * self._codes).sum(dim=0) / lengths
        of_weight = (of_lengths / lengths).unsqueeze(1) * weight
        layer.weight.grad += of_weight if layer.tied else of_weight.T
        if code_gradient is not None:
            back = back + code_gradient
        back = ACTIVATION_GRADIENTS[network.code_activation](back, self._sums)
        self._f.backward(back, to_input=False)


class VariationalTape:
    """The way through a `VariationalAutoencoder` and back, in two parts each."""

    def __init__(self, network):
        self._network = network
        self._f, self._g = MLPTape(network.f), MLPTape(network.g)
        if network.linear_path:
            self._near_rows = BallTape(network.input_radius)
            self._near_codes = BallTape(network.code_radius)

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
        """Map codes, and what is given, to outputs."""
        network = self._network
        self._n_codes = z.shape[1]
        if not network.linear_path:
            given = z if condition is None else torch.cat([z, condition.to(z)], dim=1)
            return self._g.forward(given, generator)
        correction = self._g.forward(self._near_codes.forward(z), generator)
        output = z @ network.linear_decoder.T
        return output.addcmul_(correction, network.correction_scale)

    def decode_backward(self, gradient):
        """Set the decoder's gradients from that of the output; return the codes'."""
        network = self._network
        if not network.linear_path:
            return self._g.backward(gradient, to_input=True)[:, : self._n_codes]
        near = self._g.backward(gradient * network.correction_scale, to_input=True)
        back = self._near_codes.backward(near)
        return back.addmm(gradient, network.linear_decoder)

    @torch.inference_mode(False)
    def likelihood_gradient(self, likelihood, output, target, share):
        """Return log densities of rows and minus their gradient by the output.

        The gradient of the dispersion is set. What there is no layer in is left to
        autograd.
        """
        network = self._network
        output = output.clone().requires_grad_()
        # Not as `grad_outputs`, for which torch imports a compiler.
        share = torch.as_tensor(share).to(output).reshape(-1).clone()
        with torch.enable_grad():
            log_density = likelihood(output, target, network.dispersion)
            loss = -(log_density * share).sum()
        learnt = [p for p in (network.raw_dispersion,) if p is not None]
        learnt = [p for p in learnt if p.requires_grad]
        gradient, *of_dispersion = torch.autograd.grad(loss, [output, *learnt])
        for parameter, value in zip(learnt, of_dispersion, strict=True):
            parameter.grad.copy_(value)
        return log_density.detach(), gradient


class PredictorTape(MLPTape):
    """The way through a `StackedPredictor` and back."""

    def __init__(self, network):
        super().__init__(network.f)

    def backward(self, gradient):
        """Set the parameters' gradients from that of the outputs."""
        super().backward(gradient, to_input=False)


TAPES = {
    DenseAutoencoder: DenseTape,
    RectifiedAutoencoder: RectifiedTape,
    StackedPredictor: PredictorTape,
    UnrolledAutoencoder: UnrolledTape,
    VariationalAutoencoder: VariationalTape,
}
