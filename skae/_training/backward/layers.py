r"""Backpropagation through dense layers without autograd.

A tape runs the forward pass and keeps the values that the backward pass needs.
`backward` takes the gradient of the loss with respect to the output and writes that of
the parameters to their ``grad``. Objectives give the gradient of the loss. The result
equals that of autograd, and small layers train faster, since most of a step of autograd
is overhead there.

A tape owns the memory of the products. Its next run overwrites the tensors it returned,
and a caller may overwrite them before.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from skae._networks.activations import ACTIVATION_GRADIENTS, activate
from skae._networks.layers import MLP


class _Layer(NamedTuple):
    """Views of parameters and gradients; `weight` has shape (n_outputs, n_inputs)."""

    weight: Tensor
    transposed: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor
    adds: bool


class _Memory(NamedTuple):
    """Memory for the products of the layers, for one number of rows."""

    outputs: list
    input_gradients: list


def _products(views, n_rows):
    """Return memory for outputs of the layers and gradients of their inputs."""
    return _Memory(
        [layer.bias.new_empty(n_rows, layer.weight.shape[0]) for layer in views],
        [layer.bias.new_empty(n_rows, layer.weight.shape[1]) for layer in views],
    )


class Tape:
    """Forward and backward pass of a network."""

    def prepare(self, rows):
        """Return the rows of a fit with values that are the same in all epochs."""
        return rows


class LayersTape(Tape):
    """Forward and backward pass of dense layers with an activation between them.

    Parameters
    ----------
    layers : sequence of Dense
    activation : str
    dropout : float
    written : sequence of Parameter
        Weights whose gradients another tape writes first; this one adds to them.

    Attributes
    ----------
    weights : list of Parameter
    """

    def __init__(self, layers, activation, dropout=0.0, written=()):
        self.weights = [layer.weight for layer in layers]
        self._activation = activation
        self._dropout = dropout
        self._memories = {}
        self._layers = []
        for layer in reversed(layers):
            adds = any(layer.weight is weight for weight in written)
            self._layers.insert(0, _views(layer, adds))
            written = [*written, layer.weight]

    def forward(self, h, generator):
        """Map rows as the layers do in training, with the same draws of dropout."""
        h, last = self.hidden(h, generator), self._layers[-1]
        output = self._memory.outputs[-1]
        return torch.addmm(last.bias, h, last.transposed, out=output)

    def hidden(self, h, generator):
        """Map rows to the values of the last hidden layer."""
        self._memory = self._memory_for(h.shape[0])
        self._inputs, self._kept, self._activated = [h], [], []
        outputs = self._memory.outputs
        for layer, output in zip(self._layers[:-1], outputs, strict=False):
            h = torch.addmm(layer.bias, h, layer.transposed, out=output)
            h, of_gradient = activate(self._activation, h)
            self._activated.append(of_gradient)
            if self._dropout > 0:
                h = self._drop(h, generator)
            self._inputs.append(h)
        return h

    def backward(self, gradient, *, to_input):
        """Set the parameters' gradients; return that of the input if `to_input`."""
        last = len(self._layers) - 1
        gradient = self._layer_backward(last, gradient, to_input=to_input)
        return self.hidden_backward(gradient, to_input=to_input)

    def hidden_backward(self, gradient, *, to_input):
        """Start the backward pass from the values of the last hidden layer."""
        back = ACTIVATION_GRADIENTS[self._activation]
        for i in reversed(range(len(self._layers) - 1)):
            if self._kept:
                gradient.mul_(self._kept[i])
            gradient = back(gradient, self._activated[i])
            gradient = self._layer_backward(i, gradient, to_input=to_input)
        return gradient

    def _layer_backward(self, i, gradient, *, to_input):
        layer = self._layers[i]
        torch.sum(gradient, dim=0, out=layer.bias_gradient)
        outer = (gradient.T, self._inputs[i])
        if layer.adds:
            layer.weight_gradient.addmm_(*outer)
        else:
            torch.mm(*outer, out=layer.weight_gradient)
        if i == 0 and not to_input:
            return None
        return torch.mm(gradient, layer.weight, out=self._memory.input_gradients[i])

    def _drop(self, h, generator):
        kept = torch.empty_like(h).bernoulli_(1.0 - self._dropout, generator=generator)
        self._kept.append(kept.div_(1.0 - self._dropout))
        return h * kept

    def _memory_for(self, n_rows):
        """Return the memory for `n_rows`, of which an epoch has at most two values."""
        if n_rows not in self._memories:
            self._memories[n_rows] = _products(self._layers, n_rows)
        return self._memories[n_rows]


class MLPTape(LayersTape):
    """Forward and backward pass of an `MLP` without batch normalization."""

    def __init__(self, mlp: MLP, written=()):
        super().__init__(mlp.layers, mlp.activation, mlp.dropout, written)


def factor_of(scale, shares):
    """Return ``scale * shares``, as a number if all shares are 1."""
    return float(scale) if bool((shares == 1).all()) else scale * shares


class ResidualTape(MLPTape):
    r"""Forward and backward pass of an `MLP` added to a linear map of other rows.

    .. math:: o = D z + d + r \, g(x) = [D \;\; r W] \, [z; h] + r b + d,

    where h are the values of the last hidden layer of g, and W and b are the parameters
    of its last layer. This takes one product instead of two.

    Parameters
    ----------
    mlp : MLP
    linear_map : Tensor of shape (n_outputs, n_codes)
        D.
    scale : float or Tensor of shape (n_outputs,)
        r, from `factor_of`.
    offset : Tensor of shape (n_outputs,) or None
        d, None for zero.
    """

    def __init__(self, mlp, linear_map, scale, offset=None):
        super().__init__(mlp)
        self._offset = offset
        last, self._scale = self._layers[-1], scale
        self._n_codes = n_codes = linear_map.shape[1]
        self._map = linear_map.new_empty(
            len(linear_map), n_codes + last.weight.shape[1]
        )
        self._map[:, :n_codes] = linear_map
        self._of_hidden = self._map[:, n_codes:]
        is_number = isinstance(scale, float)
        self._of_rows = scale if is_number else scale.unsqueeze(1)

    def forward(self, x, z, generator):
        """Map rows x by the MLP and z by the linear map; return the sum."""
        h, last = self.hidden(x, generator), self._layers[-1]
        torch.mul(last.weight, self._of_rows, out=self._of_hidden)
        output = self._memory.outputs[-1]
        beside = torch.cat([z, h], dim=1)
        bias, beta = last.bias, self._scale
        if not isinstance(self._scale, float) or self._offset is not None:
            bias, beta = bias * self._scale, 1.0
        if self._offset is not None:
            bias = bias + self._offset
        return torch.addmm(bias, beside, self._map.T, beta=beta, out=output)

    def backward(self, gradient):
        """Set the parameters' gradients; return those of x and z."""
        last = self._layers[-1]
        torch.sum(gradient, dim=0, out=last.bias_gradient).mul_(self._scale)
        is_number = isinstance(self._scale, float)
        torch.addmm(
            last.weight_gradient,
            gradient.T,
            self._inputs[-1],
            beta=0,
            alpha=self._scale if is_number else 1.0,
            out=last.weight_gradient,
        )
        if not is_number:
            last.weight_gradient.mul_(self._of_rows)
        of_z, of_h = (gradient @ self._map).tensor_split([self._n_codes], dim=1)
        return self.hidden_backward(of_h, to_input=True), of_z


def _views(layer, adds):
    weight, gradient = layer.weight, layer.weight.grad
    if layer.tied:
        weight, gradient = weight.T, gradient.T
    return _Layer(weight, weight.T, layer.bias, gradient, layer.bias.grad, adds)
