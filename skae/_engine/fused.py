r"""Inference of dense autoencoders in a minimal number of operations.

Affine maps before and after the layers are folded into the weights. Let u be a centered
and scaled row, h its last hidden layer, E and o the matrix and the offset of the linear
path, r the residual scale, and :math:`c = k R (z - m)` the codes after the head. Then

.. math:: c = k R (E u - o + r (W h + b) - m) = (k R E) u + (k R r W) h + b',

which takes two matrix products. The decoder is folded in the same way, including the
map to the units of X. Folding is done in float64, and the result is rounded once. For a
single row most of the time is overhead per operation, and for many rows each
elementwise operation reads and writes all of them once more.
"""

import functools

import torch
import torch.nn.functional as F

from skae._networks.activations import ACTIVATIONS, IN_PLACE
from skae._networks.dense import DenseAutoencoder
from skae._networks.layers import within

_IN_PLACE = ACTIVATIONS | IN_PLACE | {"silu": functools.partial(F.silu, inplace=True)}

# The inverse of larger scales, and products with it, are finite in float64.
_LEAST_INVERTIBLE_SCALE = 1e-290


def fold(scaling, network, head, device, dtype):
    """Return functions equivalent to `Encoder` and `Decoder`, or None.

    Only dense networks with an elementwise activation between the layers are supported,
    and only data whose scale has a finite inverse. The arguments are modules in
    float64; the functions take rows of `dtype` on `device`.
    """
    if type(network) is not DenseAutoencoder or scaling.link != "identity":
        return None
    if scaling.scale < _LEAST_INVERTIBLE_SCALE:
        return None
    if network.code_activation != "identity":
        return None
    if network.correction and (network.f.activation == "maxout" or network.f.norms):
        return None
    parts = FoldedEncoder(scaling, network, head), FoldedDecoder(scaling, network, head)
    return tuple(part.to(device, dtype) for part in parts)


class _Folded:
    """A perceptron with adjacent affine maps folded into its first and last layers.

    `mlp` is None if the perceptron is zero, so that only the linear path remains. This
    is not a module, as attribute access of a module takes longer than adding two rows.
    """

    def __init__(self, mlp):
        self._radius = self._linear = self._offset = None
        self._layers = []
        if mlp is not None:
            self._activate = _IN_PLACE[mlp.activation]
            self._layers = [
                (layer.weight if layer.tied else layer.weight.T, layer.bias)
                for layer in mlp.layers
            ]

    def _begin_with(self, matrix, offset):
        """Fold the map ``rows @ matrix + offset`` into the first layer."""
        weight, bias = self._layers[0]
        self._layers[0] = matrix @ weight, bias + offset @ weight

    def _end_with(self, factor, offset, matrix=None):
        """Fold the map ``(factor * output) @ matrix + offset`` into the last layer.

        The factor is a scalar or has one entry per column.
        """
        if not self._layers:
            self._offset = offset
            return
        weight, bias = (factor * tensor for tensor in self._layers[-1])
        if matrix is not None:
            weight, bias = weight @ matrix, bias @ matrix
        self._layers[-1] = weight, bias + offset

    def to(self, device, dtype):
        """Move all tensors; return itself."""
        self._layers = [
            tuple(tensor.to(device, dtype) for tensor in layer)
            for layer in self._layers
        ]
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(self, name, value.to(device, dtype))
        return self

    def _run(self, h):
        """Return the output of the perceptron."""
        if self._radius is not None:
            h = _near(h, self._radius)
        *hidden, (last_weight, last_bias) = self._layers
        for weight, bias in hidden:
            h = self._activate(torch.addmm(bias, h, weight))
        return torch.addmm(last_bias, h, last_weight)


class FoldedEncoder(_Folded):
    """Maps rows in units of X to codes."""

    def __init__(self, scaling, network, head):
        super().__init__(network.f)
        self._center, self._rest = scaling.center, scaling.center_rest
        self._scale = scaling.scale
        turn = head.rotate(torch.eye(len(head.mean)).to(head.mean)) * head.scale
        if network.linear_path:
            self._radius = float(network.input_radius)
            self._linear = network.linear_encoder.T @ turn
            offset = -(network.code_offset + head.mean) @ turn
            factor = network.correction_scale * network.code_share
            self._end_with(factor, offset, turn)
        else:
            self._end_with(1.0, -head.mean @ turn, turn)

    def __call__(self, x):
        """Map (n_rows, n_features) to (n_rows, n_components)."""
        u = (x - self._center).sub_(self._rest).div_(self._scale)
        if not self._layers:
            return torch.addmm(self._offset, u, self._linear)
        z = self._run(u)
        return z if self._linear is None else z.addmm_(u, self._linear)


class FoldedDecoder(_Folded):
    """Maps codes to rows in units of X."""

    def __init__(self, scaling, network, head):
        super().__init__(network.g)
        turn = head.rotate(torch.eye(len(head.mean)).to(head.mean)).T
        turn = turn / head.divisor.unsqueeze(1)
        center = scaling.center + scaling.center_rest
        if network.linear_path:
            self._radius = float(network.code_radius)
            self._inwards = turn / network.code_scale
            self._mean = head.mean / network.code_scale
            outwards = network.linear_decoder.T * scaling.scale
            self._linear = turn @ outwards
            factor = network.correction_scale * network.feature_share * scaling.scale
            self._end_with(factor, head.mean @ outwards + center)
        else:
            self._begin_with(turn, head.mean)
            self._end_with(scaling.scale, center)

    def __call__(self, c):
        """Map (n_rows, n_components) to (n_rows, n_features)."""
        if self._linear is None:
            return self._run(c)
        if not self._layers:
            return torch.addmm(self._offset, c, self._linear)
        near = torch.addmm(self._mean, c, self._inwards)
        return self._run(near).addmm_(c, self._linear)


def _near(rows, radius):
    """Return ``within(rows, radius)``, without a copy if no row is outside."""
    if rows.device.type == "cpu":
        lengths = torch.linalg.vector_norm(rows, dim=1)
        if lengths.max().item() <= radius:
            return rows
    return within(rows, radius)
