"""Autoencoder that is unrolled from a stack of pretrained layers."""

import torch
from torch import Tensor

from skae._functional.losses import LINKS
from skae._networks.dense import DenseAutoencoder


class UnrolledAutoencoder(DenseAutoencoder):
    """Dense autoencoder, without linear path, with initial weights from a stack.

    The layers were pretrained on X, centered and divided by one number. If the input
    space has a link, the network inverts it first, so that a machine whose visible
    units are X itself can become its first layer.

    Parameters
    ----------
    n_features, n_components, hidden_layer_sizes, activation
        As in `DenseAutoencoder`.
    link : str
        A key of `LINKS`, the link of the input space.
    **options
        Options of `DenseAutoencoder`: tied_weights, dropout.
    """

    def __init__(
        self,
        n_features,
        n_components,
        hidden_layer_sizes,
        activation,
        *,
        link="identity",
        **options,
    ):
        super().__init__(
            n_features,
            n_components,
            hidden_layer_sizes,
            activation,
            linear_path=False,
            **options,
        )
        del self.arguments["linear_path"]
        self.arguments["link"] = self.link = link
        if link != "identity":
            for name in ("link_center", "link_mean"):
                zeros = torch.zeros(n_features, dtype=torch.float32)
                self.register_buffer(name, zeros)
            for name in ("link_scale", "input_scale"):
                self.register_buffer(name, torch.ones((), dtype=torch.float32))

    @torch.no_grad()
    def set_scaling(self, scaling):
        """Set the map from rows back to X, from the `Scaling` of the rows."""
        if self.link != "identity":
            self.link_center.copy_(scaling.center + scaling.center_rest)
            self.link_scale.copy_(scaling.scale)
            self.link_mean.copy_(scaling.link_mean)
            self.input_scale.fill_(scaling.residual_scale / scaling.unit)

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_features) to codes (n_rows, n_components)."""
        return super().encode(self.without_link(u), generator)

    def without_link(self, u: Tensor) -> Tensor:
        """Return X, centered and divided by one number, from input rows."""
        if self.link == "identity":
            return u
        linked = u * self.link_scale + self.link_center
        # In units of `Scaling.unit`.
        X = LINKS[self.link].restore(linked, self.link_mean)
        return (X - self.link_mean) / self.input_scale

    @torch.no_grad()
    def unroll(self, layers):
        """Copy the layers of a stack to the encoder and, in reverse, to the decoder.

        Each has the attributes of a `LearntLayer`. Further layers keep their weights.
        """
        encoders, decoders = self.f.layers, self.g.layers[::-1]
        for layer, encoder, decoder in zip(layers, encoders, decoders, strict=False):
            encoder.weight.copy_(layer.weight)
            encoder.bias.copy_(layer.bias)
            if not decoder.tied:
                decoder.weight.copy_(layer.decoder_weight)
            decoder.bias.copy_(layer.decoder_bias)
