"""Networks that predict from the last hidden layer or from the code of an encoder."""

import torch
from torch import Tensor

from skae._networks.array_state import ArrayStateModule
from skae._networks.cost import multiplications
from skae._networks.layers import MLP, dropout


class StackedPredictor(ArrayStateModule):
    """Hidden layers that encode, and an affine layer that predicts.

    Parameters
    ----------
    n_features, n_outputs : int
    hidden_layer_sizes : sequence of int
        Widths from the input on; the last is the number of codes.
    activation : str
    dropout : float
        Dropout rate after each hidden layer, in training only.
    """

    linear_path = False

    def __init__(
        self, n_features, n_outputs, hidden_layer_sizes, activation, *, dropout=0.0
    ):
        super().__init__()
        self.remember_arguments(
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


class EncoderPredictor(ArrayStateModule):
    """The encoder of an autoencoder, and a perceptron on its codes that predicts.

    The parts of the autoencoder that only decode, named in its `decoder_parts`, are
    omitted.

    Parameters
    ----------
    kind : type
        Class of the autoencoder's network, an `ArrayStateModule`.
    options : dict
        Arguments of its constructor.
    n_codes, n_outputs : int
    hidden_layer_sizes : sequence of int
        Widths of the perceptron's hidden layers, from the codes on.
    activation : str
        Activation of these layers.
    dropout : float
        Dropout rate of the codes and after each of these layers, in training only.
    finetuning : bool
        False fixes the encoder: its weights have no gradients.

    Attributes
    ----------
    code_mean, code_scale : Tensor of shape (n_codes,)
        Mean and standard deviation by which the codes are standardized.
    """

    linear_path = False

    def __init__(
        self,
        kind,
        options,
        n_codes,
        n_outputs,
        hidden_layer_sizes,
        activation,
        *,
        dropout=0.0,
        finetuning=True,
    ):
        super().__init__()
        self.remember_arguments(
            kind=kind,
            options=options,
            n_codes=n_codes,
            n_outputs=n_outputs,
            hidden_layer_sizes=tuple(hidden_layer_sizes),
            activation=activation,
            dropout=dropout,
            finetuning=finetuning,
        )
        self.n_codes = n_codes
        self.dropout = dropout
        self.finetuning = finetuning
        self.encoder = kind(**options)
        for name in getattr(kind, "decoder_parts", ()):
            if hasattr(self.encoder, name):
                delattr(self.encoder, name)
        self.encoder.requires_grad_(finetuning)
        sizes = (n_codes, *hidden_layer_sizes, n_outputs)
        self.f = MLP(sizes, activation, dropout=dropout, batch_norm=False)
        for name, value in [("code_mean", 0.0), ("code_scale", 1.0)]:
            buffer = torch.full((n_codes,), value, dtype=torch.float32)
            self.register_buffer(name, buffer)

    @property
    def multiplications(self):
        """Number of multiplications per row."""
        head = sum(parameter.numel() for parameter in self.f.parameters())
        return multiplications(self.encoder) + head

    @property
    def widest(self):
        """Number of values per row in the widest layer, if the encoder has that."""
        return self.encoder.widest

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_features) to the encoder's codes."""
        return self.encoder.encode(u, generator)

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows to outputs (n_rows, n_outputs)."""
        h = (self.encode(u, generator) - self.code_mean) / self.code_scale
        if self.training and self.dropout > 0:
            h = dropout(h, self.dropout, generator)
        return self.f(h, generator)

    def train(self, mode=True):
        """Set the mode; a fixed encoder stays in evaluation mode."""
        super().train(mode)
        if not self.finetuning:
            self.encoder.eval()
        return self

    def initialize(self, init, generator):
        """Draw the hidden layers of the perceptron; all outputs start at zero."""
        self.f.initialize(init, generator, zero_last=True)

    def take_encoder(self, network):
        """Copy the weights of the network of an autoencoder."""
        theirs = network.state_dict()
        own = self.encoder.state_dict()
        self.encoder.load_state_dict({name: theirs[name] for name in own})

    @torch.no_grad()
    def standardize(self, mean, scale):
        """Set mean and deviation of the codes, arrays of shape (n_codes,)."""
        self.code_mean.copy_(torch.as_tensor(mean))
        self.code_scale.copy_(torch.as_tensor(scale))
