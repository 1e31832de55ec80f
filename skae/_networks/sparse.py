"""Autoencoders with sparse codes: rectified codes, and the k largest of each row."""

import torch
from torch import Tensor

from skae._networks.dense import DenseAutoencoder

# A unit is idle if it was not chosen in this many times the number of rows in which
# chance alone would have chosen it once.
_PATIENCE = 20


class RectifiedAutoencoder(DenseAutoencoder):
    """Dense autoencoder, without linear path, with codes of at least 0.

    The weights by which the decoder reads a code have length 1. Otherwise a penalty on
    the codes would only make the codes small and the weights large; further layers of
    the decoder could still do so.

    Parameters
    ----------
    n_features, n_components, hidden_layer_sizes, activation, **options
        As in `DenseAutoencoder`.
    """

    def __init__(
        self, n_features, n_components, hidden_layer_sizes, activation, **options
    ):
        super().__init__(
            n_features,
            n_components,
            hidden_layer_sizes,
            activation,
            linear_path=False,
            code_activation="relu",
            **options,
        )
        del self.arguments["linear_path"], self.arguments["code_activation"]

    def decode(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map codes to reconstructions in the network's space."""
        return self.g(z / self.lengths(), generator)

    def lengths(self) -> Tensor:
        """Return the divisor of each code, the norm of the decoder's weights for it.

        It is positive even if all weights are 0.
        """
        layer = self.g.layers[0]
        lengths = layer.weight.norm(dim=1 if layer.tied else 0)
        return lengths.clamp_min(torch.finfo(lengths.dtype).tiny)


class TopKAutoencoder(DenseAutoencoder):
    """Dense autoencoder, without linear path, that keeps k codes of each row.

    Parameters
    ----------
    n_features, n_components, hidden_layer_sizes, activation
        As in `DenseAutoencoder`.
    n_nonzero_coefs : int
        Number of codes that are kept in each row.
    **options
        Options of `DenseAutoencoder`: tied_weights, dropout, batch_norm.

    Attributes
    ----------
    rows_since_active : Tensor of shape (n_components,)
        Number of training rows since each unit was last among the k largest.
    """

    decoder_parts = (*DenseAutoencoder.decoder_parts, "rows_since_active")

    def __init__(
        self,
        n_features,
        n_components,
        hidden_layer_sizes,
        activation,
        *,
        n_nonzero_coefs,
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
        del self.arguments["linear_path"], self.arguments["code_activation"]
        self.arguments["n_nonzero_coefs"] = n_nonzero_coefs
        self.n_nonzero_coefs = n_nonzero_coefs
        idle = torch.zeros(n_components, dtype=torch.float32)
        self.register_buffer("rows_since_active", idle)

    def encode(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map rows (n_rows, n_features) to codes, the largest of which are kept."""
        return keep_largest(self.f(u, generator), self.n_nonzero_coefs)

    def keeping(self, n_nonzero_coefs):
        """Return a copy that keeps another number of codes."""
        arguments = {**self.arguments, "n_nonzero_coefs": n_nonzero_coefs}
        other = type(self)(**arguments).to(self.rows_since_active)
        other.to(next(self.parameters()).dtype).load_state_dict(self.state_dict())
        return other.eval()

    def initialize(self, init, generator):
        """Draw the encoder's weights; the decoder starts as its transpose."""
        super().initialize(init, generator)
        if self.g.layers[0].tied:
            return
        mirrored = zip(self.g.layers, reversed(self.f.layers), strict=True)
        for ours, theirs in mirrored:
            if ours.weight.shape == theirs.weight.T.shape:
                ours.weight.data.copy_(theirs.weight.T)

    def shortfall(self, scores):
        """Return how far idle units are from being kept, their sum in each row."""
        rows_for_one = len(self.rows_since_active) / self.n_nonzero_coefs
        idle = self.rows_since_active >= _PATIENCE * rows_for_one
        least = scores.detach().topk(self.n_nonzero_coefs, dim=1).values[:, -1:]
        return ((least - scores).relu() * idle).sum(dim=1)

    @torch.no_grad()
    def note_active(self, codes):
        """Count a batch of codes."""
        self.rows_since_active += len(codes)
        self.rows_since_active.masked_fill_((codes != 0).any(dim=0), 0)


def keep_largest(scores, k):
    """Return `scores` with all but the k largest of each row set to zero.

    Of equal scores enough are kept to make k. A score of zero that is kept becomes
    the smallest positive number, so that there are k that are not zero.
    """
    values, units = scores.topk(k, dim=1)
    tiny = torch.finfo(values.dtype).tiny
    values = torch.where(values == 0, values + tiny, values)
    return torch.zeros_like(scores).scatter(1, units, values)
