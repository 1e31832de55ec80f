"""The state of training: everything that changes while a network is trained."""

import copy
import functools
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from skae._utils.context import own_context

_LARGEST_DECAY = 0.99


class FlatParameters:
    """A network's parameters and gradients as views of two flat tensors.

    The optimizer then works on one tensor instead of dozens. Weight matrices come
    first, so that decay applies to one slice. Parameters without gradient stay as they
    are.

    Attributes
    ----------
    values, gradient : Tensor of shape (n_parameters,)
    n_weights : int
        Number of leading elements that belong to weight matrices.
    buffers : list of Tensor
        Buffers of the network, which training may change, too.
    """

    def __init__(self, network: nn.Module):
        trained = [p for p in network.parameters() if p.requires_grad]
        parameters = sorted(trained, key=lambda p: p.ndim < 2)
        self.n_weights = sum(p.numel() for p in parameters if p.ndim >= 2)
        like = parameters[0] if parameters else torch.zeros(0)
        self.values = like.new_empty(sum(p.numel() for p in parameters))
        self.gradient = torch.zeros_like(self.values)
        start = 0
        for p in parameters:
            end = start + p.numel()
            values = _shaped(self.values[start:end], p)
            values.copy_(p.detach())
            p.data = values
            p.grad = _shaped(self.gradient[start:end], p)
            start = end
        self._matrices = [p for p in parameters if p.ndim >= 2]
        self.buffers = list(network.buffers())

    @property
    def weights(self):
        """The slice of `values` that belongs to weight matrices."""
        return self.values[: self.n_weights]

    def snapshot(self):
        """Return copies of everything that training changes, for `restore`."""
        return [tensor.clone() for tensor in (self.values, *self.buffers)]

    def restore(self, snapshot):
        """Set parameters and buffers to those of a snapshot."""
        for tensor, value in zip((self.values, *self.buffers), snapshot, strict=True):
            tensor.copy_(value)

    @torch.no_grad()
    def limit_norms(self, max_norm):
        """Shrink each unit's incoming weights to a norm of at most `max_norm`."""
        for matrix in self._matrices:
            rows = matrix.view(len(matrix), -1)  # a kernel has more dimensions
            norms = rows.norm(dim=1, keepdim=True)
            rows.mul_((max_norm / norms.clamp_min(1e-12)).clamp_max(1.0))


def _shaped(flat, parameter):
    """Return a view with the parameter's shape, column-major for widening layers.

    Products with few inputs and many outputs are several times faster that way.
    """
    if parameter.ndim == 2 and parameter.shape[0] > parameter.shape[1]:
        return flat.view(parameter.shape[::-1]).T
    return flat.view(parameter.shape)


@dataclass
class TrainingState:
    """A network in training with its optimizer, random generator and history.

    Attributes
    ----------
    network : nn.Module
        Its weights are those that the optimizer updates.
    parameters : FlatParameters
        Of `network`.
    optimizer : Optimizer or None
        None for the full-batch solvers.
    generator : torch.Generator
        Draws the order of the rows, dropout and noise.
    loss_scale : float
        The loss of the linear path, 1 without one. Gradients are those of
        loss / loss_scale, so that a small residual is learned as fast as a large one.
    average : nn.Module or None
        A copy of the network with an exponential moving average of the weights.
    epoch, step : int
        Number of completed epochs and optimizer steps.
    history : dict of str to list of float
        Mean of each term of the objective in each epoch; "loss" is their sum.
    """

    network: nn.Module
    parameters: FlatParameters
    optimizer: object
    generator: torch.Generator
    loss_scale: float = 1.0
    average: nn.Module | None = None
    average_parameters: FlatParameters | None = None
    epoch: int = 0
    step: int = 0
    history: dict = field(default_factory=dict)

    @classmethod
    def begin(cls, network, make_optimizer, generator, *, loss_scale, average):
        """Set up training of `network` in place.

        ``make_optimizer(parameters)`` takes the `FlatParameters`; None for full-batch
        solvers.
        """
        parameters = FlatParameters(network)
        optimizer = None if make_optimizer is None else make_optimizer(parameters)
        state = cls(network, parameters, optimizer, generator, loss_scale)
        if average and optimizer is not None:
            state.average = copy.deepcopy(network).eval()
            state.average_parameters = FlatParameters(state.average)
        return state

    @property
    def result(self) -> nn.Module:
        """The network to evaluate and to keep: the average if there is one."""
        return self.network if self.average is None else self.average

    def keep_result(self):
        """Return a function that returns a copy of the present result, a network.

        Only the weights are copied now. The network is built at the first call, since
        most of the best epochs so far are followed by a better one.
        """
        network = self.result
        parameters = (
            self.parameters if network is self.network else self.average_parameters
        )
        snapshot = parameters.snapshot()

        @functools.cache
        def kept():
            copied = copy.deepcopy(network).eval()
            FlatParameters(copied).restore(snapshot)
            # Copied again, without gradients and the memory layout of training.
            return copy.deepcopy(copied)

        return kept

    def update_average(self):
        """Move the average towards the weights, faster during the first steps."""
        if self.average is None:
            return
        decay = min(_LARGEST_DECAY, (1 + self.step) / (10 + self.step))
        self.average_parameters.values.lerp_(self.parameters.values, 1 - decay)

    def copy_buffers_to_average(self):
        """Copy the running statistics of batch normalization to the average."""
        if self.average is None:
            return
        ours, theirs = self.parameters.buffers, self.average_parameters.buffers
        for current, average in zip(ours, theirs, strict=True):
            average.copy_(current)

    def record(self, terms):
        """Append the means of an epoch, a dictionary of floats, to the history."""
        for name, value in terms.items():
            self.history.setdefault(name, []).append(value)

    def copy_to(self, device):
        """Return a copy on `device`; training it does not change this state."""
        copied = type(self)(
            _copy_on(device, self.network),
            None,
            copy.deepcopy(self.optimizer),
            torch.Generator(device),
            self.loss_scale,
            None if self.average is None else _copy_on(device, self.average),
            epoch=self.epoch,
            step=self.step,
            history={name: list(values) for name, values in self.history.items()},
        )
        if copied.optimizer is not None:
            copied.optimizer.to(device)
        copied._set_parameters()
        if device.type == self.generator.device.type:
            copied.generator.set_state(self.generator.get_state())
        else:
            # Generators of different devices cannot exchange their states.
            copied.generator.manual_seed(self.step)
        return copied

    def _set_parameters(self):
        self.parameters = FlatParameters(self.network)
        self.average_parameters = (
            None if self.average is None else FlatParameters(self.average)
        )

    def __getstate__(self):
        state = dict(vars(self))
        # Views of the networks' tensors, created again by __setstate__.
        del state["parameters"], state["average_parameters"]
        state["generator"] = self.generator.get_state().numpy()
        return state

    @own_context()
    def __setstate__(self, state):
        vars(self).update(state)
        self.generator = torch.Generator()
        saved = torch.from_numpy(np.array(state["generator"]))
        if saved.shape == self.generator.get_state().shape:
            self.generator.set_state(saved)
        else:
            # The state of a GPU's generator does not fit one of the CPU.
            self.generator.manual_seed(self.step)
        self._set_parameters()


def _copy_on(device, network):
    copied = copy.deepcopy(network)
    parameter = next(network.parameters(), None)
    stays = parameter is None or parameter.device == device
    # For a small network, checking each tensor takes as long as the copy.
    return copied if stays else copied.to(device)
