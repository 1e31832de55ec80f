"""A fitted model at work: any number of rows, in chunks, in the dtype of X."""

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
# Of rows whose codes are dense for a moment.
_SPARSE_CHUNK = 8 * _CHUNK
# Of data, and its inverse: quotients of smaller and larger ones leave float32's range.
_LEAST_FLOAT32_SCALE = 1e-25


class Codec:
    """Encoder and decoder in float32 and float64.

    float32 rows are computed in float32, all others in float64: only that is
    exact enough for the results not to depend on how rows are batched.

    Parameters
    ----------
    scaling, network, head : nn.Module
    device : torch.device
    n_threads : int or None
        None chooses by the work.
    """

    def __init__(self, scaling, network, head, device, n_threads):
        self.n_threads = n_threads
        self.flops_per_row = 2.0 * multiplications(network)
        self._chunk = rows_at_once(network, _CHUNK)
        # Of the model as it is now; the dtypes' own are made where they are first used:
        # most fits of a search use one, if any.
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

    def _functions_of(self, dtype):
        """Return what does what the modules do, in fewer operations if there is any."""
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

    def encode(self, X, *, options=None, **given):
        """Return codes of the rows of an array, in its dtype.

        `options` are keywords of the network's `encode` that all rows share.
        """

        def encode(encoder, decoder, x, **given):
            return encoder(x, **given, **(options or {}))

        return self._map(self._functions_of, encode, self.n_components, X, given)

    def decode(self, Z, **given):
        """Return rows in X's units for an array of codes, in its dtype."""

        def decode(encoder, decoder, z, **given):
            return decoder(z, **given)

        return self._map(self._functions_of, decode, self.n_features, Z, given)

    def encode_sparse(self, X, **options):
        """Return codes as a `csr_array`, without all of them as a dense one."""
        parts = [csr_array(self.encode(rows, **options)) for rows in _parts(X)]
        return vstack(parts, "csr")

    def decode_sparse(self, Z):
        """Return rows in X's units for codes in CSR format."""
        return np.concatenate([self.decode(rows.toarray()) for rows in _parts(Z)])

    def reconstruct(self, X):
        """Return the rows of an array encoded and decoded, in its dtype."""
        return self._map(self._functions_of, _reconstruct, self.n_features, X, {})

    def squared_residuals(self, X, unit=1.0, target=None):
        """Return each row's sum of squared residuals in units of `unit` squared.

        The reconstruction of X is compared with `target`; None is X itself.
        """

        def squares(encoder, decoder, x, target=None):
            target = x if target is None else target
            residual = _reconstruct(encoder, decoder, x).sub_(target).div_(unit)
            missing = target.isnan()
            if missing.any():
                # What is not to be looked at.
                residual.masked_fill_(missing, 0)
            return residual.square_().sum(dim=1, keepdim=True)

        given = {} if target is None else {"target": target}
        return self._map(self._functions_of, squares, 1, X, given)[:, 0]

    def map(self, function, width, array, **given):
        """Apply a function to the rows of an array, chunk by chunk.

        Parameters
        ----------
        function : callable
            ``function(encoder, decoder, rows, **given)`` returns a tensor of shape
            (n_rows, width). It is given the modules.
        width : int
        array : ndarray of shape (n_samples, n_columns)
            Its dtype is that of the modules and the result.
        **given : ndarray of n_samples rows
            More arrays, of which the function gets the same rows.

        Returns
        -------
        result : ndarray of shape (n_samples, width)
        """
        return self._map(self.modules, function, width, array, given)

    def _dtype_for(self, array):
        """Return the dtype to compute in: float64 also where float32 has no room."""
        has_room = (
            _LEAST_FLOAT32_SCALE
            < self._parts[0].residual_scale
            < 1 / _LEAST_FLOAT32_SCALE
        )
        is_exact_enough = array.dtype == np.float32 and has_room
        return torch.float32 if is_exact_enough else torch.float64

    def _map(self, parts, function, width, array, given):
        """Do so with what ``parts(dtype)`` returns, an encoder and a decoder."""
        dtype = self._dtype_for(array)
        device = inference_device(self._device, dtype)
        result = np.empty((len(array), width), dtype=array.dtype)
        flops = self.flops_per_row * min(len(array), self._chunk)
        with own_context(self.n_threads):
            # Not in inference mode: modules may be returned to the user.
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
