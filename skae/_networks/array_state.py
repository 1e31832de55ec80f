"""Modules that are pickled as numpy arrays."""

import copy
import itertools

import numpy as np
import torch
from torch import nn

from skae._utils.context import own_context


class ArrayStateModule(nn.Module):
    """A module whose pickle consists of constructor arguments and numpy arrays.

    Such a pickle can be memory-mapped by joblib and read on any device: it is always
    loaded on the CPU. Subclasses call ``self.remember_arguments(...)`` with the keyword
    arguments of their constructor. Copies are constructed, too, often once per epoch:
    constructors therefore draw nothing.

    Buffers that are computed in float64 and do not change in training are set by
    `_set_exactly`: training may need them in float32, but `in_float64` restores all
    their digits.
    """

    def remember_arguments(self, **arguments):
        """Keep the arguments of the constructor, by name."""
        self.arguments = arguments
        self._exact = {}

    @torch.no_grad()
    def _set_exactly(self, name, value):
        """Set a buffer; keep its value in float64 if its own precision is lower."""
        buffer, value = getattr(self, name), np.asarray(value, dtype=np.float64)
        buffer.copy_(torch.as_tensor(value))
        self._exact.pop(name, None)
        if buffer.dtype != torch.float64:
            self._exact[name] = value

    def exactly(self, name):
        """Return a buffer in float64, with all its digits, on the CPU."""
        if name in self._exact:
            # Copied: an unpickled array may be a read-only memory map.
            return torch.tensor(self._exact[name])
        return getattr(self, name).to("cpu", torch.float64)

    def __getstate__(self):
        arrays, distinct = {}, {}
        for name, value in self.state_dict().items():
            if name in self._exact and value.dtype != torch.float64:
                continue
            # Tied weights are a single array in the pickle, too.
            key = value.data_ptr(), value.shape
            if key not in distinct:
                distinct[key] = value.cpu().numpy()
            arrays[name] = distinct[key]
        state = {"arguments": self.arguments, "arrays": arrays}
        return state | ({"exact": self._exact} if self._exact else {})

    @own_context()
    def __setstate__(self, state):
        self.__init__(**state["arguments"])
        # Copied: the arrays may be read-only memory maps, which torch does not support.
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in state["arrays"].items()}
        self.to(next(iter(tensors.values())).dtype)
        exact = state.get("exact", {})
        rounded = {k: torch.tensor(v) for k, v in exact.items()}
        self.load_state_dict({**rounded, **tensors})
        self._exact = dict(exact)
        self.eval()

    @own_context()
    def __deepcopy__(self, memo):
        # Constructed as from a pickle, but in half the time.
        copied = type(self)(**self.arguments)
        theirs = dict([*copied.named_parameters(), *copied.named_buffers()])
        ours = dict([*self.named_parameters(), *self.named_buffers()])
        if ours.keys() != theirs.keys():
            raise ValueError(
                f"{type(self).__name__} gained or lost {theirs.keys() ^ ours.keys()} "
                "after its construction and cannot be copied."
            )
        for name, original in ours.items():
            values = original.detach().clone(memory_format=torch.contiguous_format)
            theirs[name].data = values
            theirs[name].requires_grad_(original.requires_grad)
        copied._exact = dict(self._exact)
        return copied.train(self.training)


def sample_tensor(module):
    """Return a tensor of a module, all of which share one dtype and one device."""
    return next(itertools.chain(module.parameters(), module.buffers()))


def in_float64(module, device):
    """Return a copy of a module for use, without gradients, in float64 on `device`."""
    copied = copy.deepcopy(module).eval().requires_grad_(False)
    copied.to(device, torch.float64)
    for name in getattr(copied, "_exact", {}):
        getattr(copied, name).copy_(copied.exactly(name))
    return copied
