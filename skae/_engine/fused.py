r"""Dense autoencoders at work, in as few operations as they can be written with.

What is affine around the layers is folded into the weights. With a centred and scaled
row u, its last hidden layer h, a linear path E, o, the residual scale r, and codes
:math:`c = k R (z - m)` in the form of the head,

.. math:: c = k R (E u - o + r (W h + b) - m) = (k R E) u + (k R r W) h + b',

which takes two products; the decoder likewise, with the way back to X's units. Folded
in float64 and rounded once. Most of the time of one row is not arithmetic, and for many
rows each operation that is no product reads and writes all of them once more.
"""

import functools

import torch
import torch.nn.functional as F

from skae._networks.activations import ACTIVATIONS, IN_PLACE
from skae._networks.dense import DenseAutoencoder
from skae._networks.layers import within

_IN_PLACE = ACTIVATIONS | IN_PLACE | {"silu": functools.partial(F.silu, inplace=True)}

# Where the inverse, and a product of it, is a finite number of float64.
_LEAST_INVERTIBLE_SCALE = 1e-290


def fold(scaling, network, head, device, dtype):
    """Return functions that do what `Encoder` and `Decoder` do, or None.

    There are some for dense networks where nothing but an elementwise activation stands
    between the layers, and data that are not so small that what they are divided by has
    no inverse. The modules are in float64; the functions are for rows of
    `dtype` on `device`.
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
    """A perceptron whose first and last layer take in what is affine around it.

    None means that it is zero: the linear path is then all there is. Not a
    module: to look up a module's tensors takes longer than to add two rows.
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
        """Let the perceptron take rows ``@ matrix + offset`` for its rows."""
        weight, bias = self._layers[0]
        self._layers[0] = matrix @ weight, bias + offset @ weight

    def _end_with(self, factor, offset, matrix=None):
        """Let it return what it did times a factor, ``@ matrix + offset``.

        The factor is a number or one a column.
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
        """Return what comes out of the perceptron."""
        if self._radius is not None:
            h = _near(h, self._radius)
        *hidden, (last_weight, last_bias) = self._layers
        for weight, bias in hidden:
            h = self._activate(torch.addmm(bias, h, weight))
        return torch.addmm(last_bias, h, last_weight)


class FoldedEncoder(_Folded):
    """Rows in X's units to codes."""

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
    """Codes to rows in X's units."""

    def __init__(self, scaling, network, head):
        super().__init__(network.g)
        turn = head.rotate(torch.eye(len(head.mean)).to(head.mean)).T
        turn = turn / head.scale.unsqueeze(1)
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
    """Return `within`, without a copy of rows that all are."""
    if rows.device.type == "cpu":
        lengths = torch.linalg.vector_norm(rows, dim=1)
        if lengths.max().item() <= radius:
            return rows
    return within(rows, radius)
