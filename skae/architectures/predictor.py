"""Networks whose last hidden layer is the code, with a prediction on top of it."""

import torch
from torch import Tensor

from skae.architectures.array_state import ArrayStateModule
from skae.architectures.layers import MLP


class StackedPredictor(ArrayStateModule):
    """Hidden layers, which encode, and an affine layer on them, which predicts.

    Parameters
    ----------
    n_features, n_outputs : int
    hidden_layer_sizes : sequence of int
        Widths from the input on; the last is the number of codes.
    activation : str
    dropout : float
        Rate after each hidden layer, in training only.
    """

    linear_path = False

    def __init__(
        self, n_features, n_outputs, hidden_layer_sizes, activation, *, dropout=0.0
    ):
        super().__init__()
        self._remember(
            n_features=n_features,
            n_outputs=n_outputs,
            hidden_layer_sizes=tuple(hidden_layer_sizes),
            activation=activation,
            dropout=dropout,
        )
        self.activation = activation
        sizes = (n_features, *hidden_layer_sizes, n_outputs)
        self.f = MLP(sizes, activation, dropout=dropout, batch_norm=False)

    @property
    def n_codes(self):
        """Width of the last hidden layer."""
        return self.arguments["hidden_layer_sizes"][-1]

    @property
    def hidden_layers(self):
        """The layers before the last, from the input on."""
        return self.f.layers[:-1]

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_features) to the values of the last hidden layer."""
        return self.f.hidden(u, generator)

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows to outputs (n_rows, n_outputs)."""
        return self.f(u, generator)

    def initialize(self, init, generator):
        """Draw the hidden layers' weights; all outputs start at zero."""
        self.f.initialize(init, generator, zero_last=True)
