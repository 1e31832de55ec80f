r"""The dense autoencoder, plain or as a correction of a linear map.

With a linear path E, D (principal axes: E = V^T, D = V)

.. math:: z = E (u - b) + r a f(\bar u), \qquad u' = D z + r c g(\overline{z / s}),

where f and g are multilayer perceptrons whose last layers start at zero, s the
standard deviations of the codes and r the root mean square of the residual of the
linear map. At the start the network *is* the linear map; r makes the first steps of an
adaptive optimizer small relative to the residual instead of the data. The shares a of
the codes and c of the columns are 1, except for those whose variation is far smaller
than r and would be lost in the noise of such steps.

The bar clips the length of a row to a radius: far from the training data the
corrections are constant along a ray, and only the linear map extrapolates. The error of
a perceptron that extrapolates to an outlier is unbounded.

Without a linear path z = phi(f(u)) and u' = g(z), with an activation phi of the code.
"""

import numpy as np
import torch
from torch import Tensor

from skae._networks.activations import ACTIVATIONS
from skae._networks.layers import MLP, apply_linear, within
from skae._networks.linear_path import LinearPathModule


class DenseAutoencoder(LinearPathModule):
    """Encoder and decoder of dense layers in the network's own space.

    Parameters
    ----------
    n_features, n_components : int
    hidden_layer_sizes : sequence of int
        From the input to the code; the decoder mirrors them.
    activation : str
    linear_path : bool
        Whether there is a linear map in addition to the perceptrons, with the values
        set by `set_linear_path`.
    tied_weights, dropout, batch_norm
        As in the estimators.
    code_activation : str
        Activation of the code, "identity" with a linear path.
    correction : bool
        False omits the perceptrons: the network is the linear map.
    """

    decoder_parts = (
        "g",
        "linear_decoder",
        "code_scale",
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
        tied_weights=False,
        dropout=0.0,
        batch_norm=False,
        code_activation="identity",
        correction=True,
    ):
        super().__init__()
        self.remember_arguments(
            n_features=n_features,
            n_components=n_components,
            hidden_layer_sizes=tuple(hidden_layer_sizes),
            activation=activation,
            linear_path=linear_path,
            tied_weights=tied_weights,
            dropout=dropout,
            batch_norm=batch_norm,
            code_activation=code_activation,
            correction=correction,
        )
        self._set_correction(correction, linear_path)
        self.code_activation = code_activation
        sizes = (n_features, *hidden_layer_sizes, n_components)
        options = {"dropout": dropout, "batch_norm": batch_norm}
        if correction:
            self.f = MLP(sizes, activation, **options)
            tied_to = self.f if tied_weights else None
            self.g = MLP(sizes[::-1], activation, tied_to=tied_to, **options)
        if linear_path:
            self._register_linear_path(n_features, n_components)

    def _register_linear_path(self, n_features, n_components):
        for name, shape in [
            ("linear_encoder", (n_components, n_features)),
            ("linear_decoder", (n_features, n_components)),
            ("code_offset", (n_components,)),
            ("code_scale", (n_components,)),
            ("correction_scale", ()),
        ]:
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float32))
        for name in ("input_radius", "code_radius"):
            self.register_buffer(name, torch.tensor(torch.inf, dtype=torch.float32))
        for name, n in (("code_share", n_components), ("feature_share", n_features)):
            self.register_buffer(name, torch.ones(n, dtype=torch.float32))

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_features) to codes (n_rows, n_components)."""
        if not self.linear_path:
            return ACTIVATIONS[self.code_activation](self.f(u, generator))
        linear = apply_linear(u, self.linear_encoder) - self.code_offset
        if not self.correction:
            return linear
        near = within(u, self.input_radius)
        scale = self.correction_scale * self.code_share
        return linear + scale * self.f(near, generator)

    def decode(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map codes to reconstructions in the network's space."""
        if not self.linear_path:
            return self.g(z, generator)
        if not self.correction:
            return apply_linear(z, self.linear_decoder)
        near = within(z / self.code_scale, self.code_radius)
        linear = apply_linear(z, self.linear_decoder)
        scale = self.correction_scale * self.feature_share
        return linear + scale * self.g(near, generator)

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Reconstruct rows."""
        return self.decode(self.encode(u, generator), generator)

    def initialize(self, init, generator):
        """Draw the weights; with a linear path the last layers are zero."""
        if not self.correction:
            return
        self.f.initialize(init, generator, zero_last=self.linear_path)
        self.g.initialize(init, generator, zero_last=self.linear_path)

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
        """Start from a `LinearMap` exactly, whatever the activation.

        `code_scale` of shape (n_components,) has the standard deviations of the codes,
        all positive, and `correction_scale` is the root mean square of the residual.
        The radii bound the inputs of f and, in units of `code_scale`, of g; the shares,
        (n_components,) and (n_features,), are those of the module's equation.
        """
        offset = linear_map.encoder @ linear_map.offset
        self._set_exactly("linear_encoder", linear_map.encoder)
        self._set_exactly("linear_decoder", linear_map.decoder)
        self._set_exactly("code_offset", offset)
        # A scale below the range of float32 would be 0.
        code_scale = np.maximum(code_scale, torch.finfo(torch.float32).tiny)
        for name, value in [
            ("code_scale", code_scale),
            ("correction_scale", correction_scale),
            ("input_radius", input_radius),
            ("code_radius", code_radius),
            ("code_share", code_share),
            ("feature_share", feature_share),
        ]:
            getattr(self, name).copy_(torch.as_tensor(value))
        if self.correction:
            self._cancel_constants()

    @torch.no_grad()
    def _cancel_constants(self):
        """Subtract the constants of f and g that their last weight matrices leave.

        With tied weights the last matrix of g is the first of f, which is not zero. The
        first of g is the last of f, which is zero: g is a constant that depends on
        phi(0).
        """
        was_training = self.training
        self.eval()
        zeros = torch.zeros(1, self.linear_decoder.shape[1]).to(self.linear_decoder)
        self.g.layers[-1].bias.sub_(self.g(zeros)[0])
        self.train(was_training)
