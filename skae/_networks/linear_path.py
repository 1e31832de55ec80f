"""Networks that correct a linear map, with their correction and without it."""

import numpy as np
import torch

from skae._networks.array_state import ArrayStateModule

_MAPS = ("linear_encoder", "linear_decoder", "code_offset")


class LinearPathModule(ArrayStateModule):
    """A network with a linear path and a correction of it, the perceptrons f and g.

    A correction that was never trained is zero. With ``correction=False`` in the
    constructor f and g are None, and the network is the linear map.

    Attributes
    ----------
    correction : bool
        Whether there are f and g. True without a linear path.
    """

    def _set_correction(self, correction, linear_path):
        if not (correction or linear_path):
            raise ValueError(
                "A network needs a linear path or a correction. Use "
                "correction=True or linear_path=True."
            )
        self.linear_path = linear_path
        self.correction = correction
        self.f = self.g = None

    def without_correction(self):
        """Return a copy of the linear path alone; f and g are assumed to be zero."""
        network = self._like(correction=False)
        own = self.state_dict()
        network.load_state_dict({name: own[name] for name in network.state_dict()})
        network._exact = dict(self._exact)
        return network

    def with_correction(self, init, generator):
        """Return a copy on the CPU with a new correction, which is zero.

        `initialize` draws its hidden layers.
        """
        network = self._like(correction=True)
        network.initialize(init, generator)
        network.load_state_dict({**network.state_dict(), **self.state_dict()})
        network._exact = dict(self._exact)
        network._cancel_constants()
        return network

    @property
    def contains_linear_path(self):
        """Whether codes and reconstructions contain those of the linear map."""
        return bool(self.linear_decoder.any())

    @torch.no_grad()
    def redraw(self, init, generator, *, rough):
        """Redraw the weights of f and g, large ones if `rough`; keep all others."""
        self.initialize(init, generator)
        if rough:
            self.f.roughen(generator)
            self.g.roughen(generator)
        if self.linear_path:
            self._cancel_constants()

    @torch.no_grad()
    def redraw_without_linear_path(self, init, generator):
        """Convert to a textbook autoencoder, whose codes come from f and g alone."""
        self.f.initialize(init, generator)
        self.g.initialize(init, generator)
        for name, buffer in self.named_buffers(recurse=False):
            if name in _MAPS:
                self._set_exactly(name, np.zeros(buffer.shape))
            elif name.endswith(("_scale", "_share")):
                buffer.fill_(1.0)
        # The length of its codes is known only after training.
        self.code_radius.fill_(torch.inf)

    def _like(self, correction):
        """Return an uninitialized network with the same arguments and dtype."""
        network = type(self)(**{**self.arguments, "correction": correction})
        return network.to(self.linear_encoder.dtype).eval()

    def _cancel_constants(self):
        """Subtract the constants of f and g that their last weight matrices leave."""


def is_linear_path(network):
    """Whether a network of any class consists of a linear path alone."""
    return not getattr(network, "correction", True)
