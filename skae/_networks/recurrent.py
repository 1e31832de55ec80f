"""Recurrent networks for sequences in flat rows.

A row contains the steps of a sequence one after the other, each with all its features.
NaN marks the steps after the end of a shorter sequence.
"""

from math import nan

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from skae._networks.array_state import ArrayStateModule
from skae._networks.layers import INITIALIZERS, Dense, dropout

# Number of gates of each cell, and torch's kernel for all steps.
CELLS = {"gru": (3, torch.gru), "lstm": (4, torch.lstm)}
# The decoder's clock has wavelengths of 4, 8, 16 and so on up to 1024 frames.
_N_OCTAVES = 9


class RecurrentLayer(nn.Module):
    """A GRU or LSTM layer with torch's kernels; `initialize` draws its weights.

    Parameters
    ----------
    cell : {"gru", "lstm"}
    n_inputs, hidden_size : int
    bidirectional : bool
        Whether a second set of cells reads the steps from the last to the first.
    """

    def __init__(self, cell, n_inputs, hidden_size, *, bidirectional=False):
        super().__init__()
        self.n_gates, self.kernel = CELLS[cell]
        self.has_memory = cell == "lstm"
        self.hidden_size = hidden_size
        self.n_directions = 2 if bidirectional else 1
        height = self.n_gates * hidden_size
        # In the order expected by the kernels.
        for suffix in ("", "_reverse")[: self.n_directions]:
            for name, shape in [
                ("weight_ih", (height, n_inputs)),
                ("weight_hh", (height, hidden_size)),
                ("bias_ih", (height,)),
                ("bias_hh", (height,)),
            ]:
                weight = nn.Parameter(torch.zeros(shape, dtype=torch.float32))
                self.register_parameter(name + suffix, weight)

    def forward(self, steps, state: Tensor | None = None):
        """Return the outputs of all steps, and the states after the last.

        Parameters
        ----------
        steps : Tensor of shape (n_steps, n_rows, n_inputs) or PackedSequence
        state : Tensor of shape (n_directions, n_rows, hidden_size) or None
            State before the first step, if `steps` are not packed; None means 0.

        Returns
        -------
        outputs : as `steps`, with n_directions * hidden_size columns
        state : Tensor of shape (n_rows, n_directions * hidden_size)
            State after the last step of each row.
        """
        packed = isinstance(steps, PackedSequence)
        values = steps.data if packed else steps
        if state is None:
            n_rows = int(steps.batch_sizes[0]) if packed else steps.shape[1]
            state = values.new_zeros(self.n_directions, n_rows, self.hidden_size)
        before = (state, torch.zeros_like(state)) if self.has_memory else state
        shared = list(self.parameters()), True, 1, 0.0, self.training
        bidirectional = self.n_directions == 2
        if not packed:
            outputs, state, *_ = self.kernel(
                steps, before, *shared, bidirectional, False
            )
        else:
            values, state, *_ = self.kernel(
                steps.data, steps.batch_sizes, before, *shared, bidirectional
            )
            outputs = steps._replace(data=values)
            state = state.index_select(1, steps.unsorted_indices)
        return outputs, state.transpose(0, 1).flatten(1)

    @torch.no_grad()
    def initialize(self, init, generator):
        """Draw the weights gate by gate; those between steps are orthogonal."""
        for name, parameter in self.named_parameters():
            if name.startswith("weight"):
                scheme = "orthogonal" if name.startswith("weight_hh") else init
                for gate in parameter.data.chunk(self.n_gates):
                    INITIALIZERS[scheme](gate, generator)
            elif self.has_memory and name.startswith("bias_ih"):
                # The forget gate, the second, is open at first to retain memory.
                parameter.data.chunk(self.n_gates)[1].fill_(1.0)


class SequenceEncoder(nn.Module):
    """Map rows (n_rows, n_timesteps * n_features) to codes.

    A recurrent network reads frames of `frame_length` steps. An affine map gives the
    code from the state of the last layer after the last frame of each direction. Steps
    that are NaN have no influence.
    """

    def __init__(self, layout, n_components, layers, dropout):
        super().__init__()
        self.layout = layout
        self.dropout = dropout
        self.layers = nn.ModuleList(layers)
        last = layers[-1]
        self.code = Dense(last.n_directions * last.hidden_size, n_components)

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        frames = self.layout.frames(u)
        steps = frames.nan_to_num(0.0).transpose(0, 1)
        lengths = (~frames.isnan()).any(dim=2).sum(dim=1).cpu()
        if lengths.min() < len(steps):
            steps = pack_padded_sequence(steps, lengths, enforce_sorted=False)
        state = None
        for i, layer in enumerate(self.layers):
            if i > 0:
                steps = self._drop(steps, generator)
            steps, state = layer(steps)
        return self.code(state)

    def _drop(self, steps, generator):
        if not self.training or self.dropout == 0:
            return steps
        if isinstance(steps, PackedSequence):
            return steps._replace(data=dropout(steps.data, self.dropout, generator))
        return dropout(steps, self.dropout, generator)


class SequenceDecoder(nn.Module):
    """Map codes to rows (n_rows, n_timesteps * n_features), with all steps.

    A recurrent network receives the code and a clock at each frame; its initial state
    depends on the code. It does not read its own output, so that one call of the kernel
    computes all frames.
    """

    def __init__(self, layout, n_components, layers, dropout):
        super().__init__()
        self.layout = layout
        self.dropout = dropout
        self.layers = nn.ModuleList(layers)
        width = layers[0].hidden_size
        self.states = nn.ModuleList(Dense(n_components, width) for _ in layers)
        self.output = Dense(width, layout.frame_length * layout.n_features)
        self.register_buffer("clock", clock(layout.n_frames), persistent=False)

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        codes = z.expand(len(self.clock), *z.shape)
        times = self.clock.unsqueeze(1).expand(-1, len(z), -1)
        steps = torch.cat([codes, times.to(z)], dim=2)
        for i, (layer, state) in enumerate(zip(self.layers, self.states, strict=True)):
            if i > 0 and self.training and self.dropout > 0:
                steps = dropout(steps, self.dropout, generator)
            steps, _ = layer(steps, torch.tanh(state(z)).unsqueeze(0))
        return self.layout.rows(self.output(steps).transpose(0, 1))


class SequenceLayout:
    """Layout of a sequence in a flat row, and in frames of several steps.

    Parameters
    ----------
    sequence_shape : tuple of two ints
        Number of steps and number of features.
    frame_length : int
        Number of steps per frame; the last one may be shorter.
    """

    def __init__(self, sequence_shape, frame_length):
        self.n_timesteps, self.n_features = sequence_shape
        self.frame_length = frame_length
        self.n_frames = -(-self.n_timesteps // frame_length)

    def frames(self, rows):
        """Return (n_rows, n_frames, frame_length * n_features), padded with NaN."""
        missing = self.n_frames * self.frame_length - self.n_timesteps
        if missing > 0:
            rows = nn.functional.pad(rows, (0, missing * self.n_features), value=nan)
        return rows.unflatten(1, (self.n_frames, -1))

    def rows(self, frames):
        """Return frames as rows (n_rows, n_timesteps * n_features)."""
        return frames.flatten(1)[:, : self.n_timesteps * self.n_features]


class SequenceAutoencoder(ArrayStateModule):
    """Recurrent encoder and decoder in the network's own space.

    Parameters
    ----------
    sequence_shape : tuple of two ints
        Number of steps and number of features.
    n_components : int
    cell : {"gru", "lstm"}
    hidden_size, n_layers : int
        Units per layer and number of layers, of both encoder and decoder.
    bidirectional : bool
        Whether the encoder reads in both directions.
    frame_length : int
        Number of steps that are read and written at once.
    dropout : float
        Dropout rate between the layers, in training only.
    """

    linear_path = False
    decoder_parts = ("g",)

    def __init__(
        self,
        sequence_shape,
        n_components,
        *,
        cell,
        hidden_size,
        n_layers=1,
        bidirectional=False,
        frame_length=1,
        dropout=0.0,
    ):
        super().__init__()
        self.remember_arguments(
            sequence_shape=sequence_shape,
            n_components=n_components,
            cell=cell,
            hidden_size=hidden_size,
            n_layers=n_layers,
            bidirectional=bidirectional,
            frame_length=frame_length,
            dropout=dropout,
        )
        layout = SequenceLayout(sequence_shape, frame_length)
        n_values = layout.frame_length * layout.n_features
        n_outputs = hidden_size * (2 if bidirectional else 1)
        readers = [
            RecurrentLayer(cell, n_inputs, hidden_size, bidirectional=bidirectional)
            for n_inputs in [n_values] + (n_layers - 1) * [n_outputs]
        ]
        writers = [
            RecurrentLayer(cell, n_inputs, hidden_size)
            for n_inputs in [n_components + 2 * _N_OCTAVES]
            + (n_layers - 1) * [hidden_size]
        ]
        self.f = SequenceEncoder(layout, n_components, readers, dropout)
        self.g = SequenceDecoder(layout, n_components, writers, dropout)
        # Numbers in a layer per row: the gates of all frames.
        gates = readers[0].n_gates * hidden_size * readers[0].n_directions
        self.widest = layout.n_frames * gates

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_timesteps * n_features) to codes (n_rows, n_components).

        Steps that are NaN, at the end of a row, have no influence.
        """
        return self.f(u, generator)

    def decode(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map codes to reconstructions of all steps, in the network's space."""
        return self.g(z, generator)

    def forward(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Reconstruct rows."""
        return self.decode(self.encode(u, generator), generator)

    def initialize(self, init, generator):
        """Draw the weights; those from step to step are orthogonal."""
        for module in self.modules():
            if isinstance(module, RecurrentLayer):
                module.initialize(init, generator)
            elif isinstance(module, Dense):
                INITIALIZERS[init](module.weight.data, generator)


def clock(n_frames):
    """Return sines and cosines of the time, (n_frames, 2 * number of wavelengths).

    The wavelengths in frames are powers of two, whatever the number of frames: a frame
    has the same time in a longer row.
    """
    times = torch.arange(n_frames, dtype=torch.float64).unsqueeze(1)
    phases = 2 * torch.pi * times / 2.0 ** torch.arange(2, 2 + _N_OCTAVES)
    return torch.cat([phases.cos(), phases.sin()], dim=1).to(torch.float32)
