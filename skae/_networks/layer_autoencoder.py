"""Autoencoder in which a layer of a stack is pretrained."""

import torch
from torch import Tensor, nn

from skae._networks.activations import (
    ACTIVATIONS,
    MAXOUT_PIECES,
)
from skae._networks.layers import (
    INITIALIZERS,
    Dense,
)


class LayerAutoencoder(nn.Module):
    """One hidden layer, with the activation of the layer below on the output.

    The weights are tied, except with 'maxout', whose layers have several matrices.

    Parameters
    ----------
    n_inputs, width : int
    activation, activation_below : str
    """

    def __init__(self, n_inputs, width, activation, activation_below):
        super().__init__()
        self.activation = activation
        self.activation_below = activation_below
        pieces, pieces_below = (
            MAXOUT_PIECES if name == "maxout" else 1
            for name in (activation, activation_below)
        )
        self.encoder = Dense(n_inputs, pieces * width)
        tied = pieces == pieces_below == 1
        self.decoder = Dense(
            width, pieces_below * n_inputs, tied_to=self.encoder if tied else None
        )

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Reconstruct rows; `generator` is not used, there is no dropout."""
        h = ACTIVATIONS[self.activation](self.encoder(x))
        return ACTIVATIONS[self.activation_below](self.decoder(h))

    def initialize(self, init, generator):
        """Draw the weights that are not tied; biases start at zero."""
        for layer in (self.encoder, self.decoder):
            if not layer.tied:
                INITIALIZERS[init](layer.weight.data, generator)
