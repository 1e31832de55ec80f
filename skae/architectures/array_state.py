"""Modules that are pickled as numpy arrays."""

import numpy as np
import torch
from torch import nn

from skae._device import own_defaults
from skae._threads import limit_threads


class ArrayStateModule(nn.Module):
    """A module whose pickle is its constructor's arguments and numpy arrays.

    Such a pickle can be memory-mapped by joblib and read on any device: it
    always loads on the CPU. Subclasses call ``self._remember(...)`` with their
    constructor's keyword arguments. A copy is constructed, too, often once an epoch:
    constructors draw nothing.
    """

    def _remember(self, **arguments):
        self.arguments = arguments

    def __getstate__(self):
        arrays, distinct = {}, {}
        for name, value in self.state_dict().items():
            # Tied weights are one array in the pickle, too.
            key = value.data_ptr(), value.shape
            if key not in distinct:
                distinct[key] = value.cpu().numpy()
            arrays[name] = distinct[key]
        return {"arguments": self.arguments, "arrays": arrays}

    # Read under a caller's inference_mode, weights must still take gradients later.
    @own_defaults()
    @limit_threads(1)
    @torch.inference_mode(False)
    def __setstate__(self, state):
        self.__init__(**state["arguments"])
        # Copied: the arrays may be read-only memory maps, which torch lacks.
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in state["arrays"].items()}
        self.to(next(iter(tensors.values())).dtype)
        self.load_state_dict(tensors)
        self.eval()

    @own_defaults()
    @limit_threads(1)
    @torch.inference_mode(False)
    def __deepcopy__(self, memo):
        # Made anew, as from a pickle, but in half the time.
        copied = type(self)(**self.arguments)
        theirs = dict([*copied.named_parameters(), *copied.named_buffers()])
        ours = dict([*self.named_parameters(), *self.named_buffers()])
        if ours.keys() != theirs.keys():
            raise ValueError(
                f"{type(self).__name__} was given or lost {theirs.keys() ^ ours.keys()}"
                " after it was made, and cannot be copied."
            )
        for name, original in ours.items():
            values = original.detach().clone(memory_format=torch.contiguous_format)
            theirs[name].data = values
            theirs[name].requires_grad_(original.requires_grad)
        return copied.train(self.training)
