"""Encoding and decoding with a fitted model, in chunks and in the dtype of X."""

import copy

import numpy as np
import torch
from scipy.sparse import csr_array, vstack

from skae._engine.fused import fold
from skae._networks.array_state import in_float64
from skae._networks.cost import multiplications, rows_at_once
from skae._networks.head import Decoder, Encoder
from skae._networks.scaling import as_tensor
from skae._utils.context import own_context
from skae._utils.device import inference_device
from skae._utils.threads import choose_n_threads, limit_threads

_CHUNK = 1024
# Rows whose sparse codes are computed as one dense array.
_SPARSE_CHUNK = 8 * _CHUNK
# Data of a smaller scale, or of one above the inverse, can leave the range of float32.
_LEAST_FLOAT32_SCALE = 1e-25


class Codec:
    """Encoder and decoder in float32 and float64.

    Results for float32 data are computed in float32, and all others in float64, which
    is precise enough for results not to depend on the batching.

    Parameters
    ----------
    scaling, network, head : nn.Module
    device : torch.device
    n_threads : int or None
        None means that it depends on the amount of work.
    """

    def __init__(self, scaling, network, head, device, n_threads):
        self.n_threads = n_threads
        self.flops_per_row = 2.0 * multiplications(network)
        self._chunk = rows_at_once(network, _CHUNK)
        # Copies are made lazily for each dtype: most fits of a search use at most one.
        self._parts = [copy.deepcopy(part) for part in (scaling, network, head)]
        self._device = device
        self._modules, self._functions = {}, {}
        self.n_features = len(scaling.mean)
        self.n_components = len(head.scale)

    @own_context()
    def modules(self, dtype=torch.float32):
        """Return the encoder and the decoder of a dtype."""
        if dtype not in self._modules:
            parts = self._copies(inference_device(self._device, dtype), dtype)
            self._modules[dtype] = Encoder(*parts), Decoder(*parts)
        return self._modules[dtype]

    def _fastest(self, dtype):
        """Return the folded encoder and decoder, or the modules if there are none."""
        if dtype not in self._functions:
            exact = inference_device(self._device, torch.float64)
            device = inference_device(self._device, dtype)
            folded = fold(*self._copies(exact, torch.float64), device, dtype)
            self._functions[dtype] = folded or self.modules(dtype)
        return self._functions[dtype]

    def _copies(self, device, dtype):
        if dtype == torch.float64:
            return [in_float64(part, device) for part in self._parts]
        copies = [copy.deepcopy(part) for part in self._parts]
        return [m.eval().requires_grad_(False).to(device, dtype) for m in copies]

    def encode(self, X, **given):
        """Return codes of the rows of an array, in its dtype."""

        def encode(encoder, decoder, x, **given):
            return encoder(x, **given)

        return self._map(self._fastest, encode, self.n_components, X, given)

    def decode(self, Z, **given):
        """Return the reconstruction from an array of codes, in its dtype."""

        def decode(encoder, decoder, z, **given):
            return decoder(z, **given)

        return self._map(self._fastest, decode, self.n_features, Z, given)

    def encode_sparse(self, X):
        """Return codes as a `csr_array`; only chunks of them are dense."""
        parts = [csr_array(self.encode(rows)) for rows in _parts(X)]
        return vstack(parts, "csr")

    def decode_sparse(self, Z):
        """Return the reconstruction from codes in CSR format."""
        return np.concatenate([self.decode(rows.toarray()) for rows in _parts(Z)])

    def reconstruct(self, X):
        """Return the reconstruction of an array, in its dtype."""
        return self._map(self._fastest, _reconstruct, self.n_features, X, {})

    def squared_residuals(self, X, unit=1.0, target=None):
        """Return the sum of squared residuals of each row, divided by ``unit ** 2``.

        The reconstruction of X is compared with `target`, or with X itself if None.
        """

        def squares(encoder, decoder, x, target=None):
            target = x if target is None else target
            residual = _reconstruct(encoder, decoder, x).sub_(target).div_(unit)
            missing = target.isnan()
            if missing.any():
                # Missing values and padding do not count.
                residual.masked_fill_(missing, 0)
            return residual.square_().sum(dim=1, keepdim=True)

        given = {} if target is None else {"target": target}
        return self._map(self._fastest, squares, 1, X, given)[:, 0]

    def map(self, function, width, array, **given):
        """Apply a function to the rows of an array, chunk by chunk.

        Parameters
        ----------
        function : callable
            ``function(encoder, decoder, rows, **given)`` returns a tensor of shape
            (n_rows, width). `encoder` and `decoder` are modules.
        width : int
        array : ndarray of shape (n_samples, n_columns)
            Input of the function. The result has the same dtype.
        **given : ndarray of shape (n_samples, ...)
            Further arrays, of which the function receives the same rows.

        Returns
        -------
        result : ndarray of shape (n_samples, width)
        """
        return self._map(self.modules, function, width, array, given)

    def _dtype_for(self, array):
        """Return float32 for float32 data whose scale is within its range."""
        is_in_range = (
            _LEAST_FLOAT32_SCALE
            < self._parts[0].residual_scale
            < 1 / _LEAST_FLOAT32_SCALE
        )
        uses_float32 = array.dtype == np.float32 and is_in_range
        return torch.float32 if uses_float32 else torch.float64

    def _map(self, parts, function, width, array, given):
        """Apply a function to chunks of rows.

        ``parts(dtype)`` returns its first two arguments, an encoder and a decoder.
        """
        dtype = self._dtype_for(array)
        device = inference_device(self._device, dtype)
        result = np.empty((len(array), width), dtype=array.dtype)
        flops = self.flops_per_row * min(len(array), self._chunk)
        with own_context(self.n_threads):
            # Not created in inference mode, as modules may be returned to the user.
            encoder, decoder = parts(dtype)
            n_threads = choose_n_threads(self.n_threads, flops)
            with limit_threads(n_threads), torch.inference_mode():
                for start in range(0, len(array), self._chunk):
                    chunk = slice(start, start + self._chunk)
                    further = {
                        name: as_tensor(values[chunk]).to(device, dtype)
                        for name, values in given.items()
                    }
                    rows = as_tensor(array[chunk]).to(device, dtype)
                    values = function(encoder, decoder, rows, **further)
                    result[chunk] = values.cpu().numpy()
        return result


def _reconstruct(encoder, decoder, x):
    network = getattr(encoder, "network", None)
    if network is None or hasattr(network, "decode"):
        return decoder(encoder(x))
    # U-Net: skip connections bypass the code, so there is no separate decoder.
    return decoder.scaling.to_data(network(encoder.scaling(x)))


def _parts(rows):
    for start in range(0, rows.shape[0], _SPARSE_CHUNK):
        yield rows[start : start + _SPARSE_CHUNK]
