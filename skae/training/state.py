"""Everything that changes while a network is trained, in one place."""

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

_LARGEST_DECAY = 0.99


class FlatParameters:
    """A network's parameters and gradients as views of two flat tensors.

    Those that take no gradient are left as they are.

    The optimiser then works on one tensor instead of dozens. Weight matrices
    come first, so that decay applies to one slice.

    Attributes
    ----------
    values, gradient : Tensor of shape (n_parameters,)
    n_weights : int
        Number of leading elements that belong to weight matrices.
    """

    def __init__(self, network: nn.Module):
        trained = [p for p in network.parameters() if p.requires_grad]
        parameters = sorted(trained, key=lambda p: p.ndim < 2)
        self.n_weights = sum(p.numel() for p in parameters if p.ndim >= 2)
        if parameters:
            self.values = torch.cat([p.detach().reshape(-1) for p in parameters])
        else:
            self.values = torch.zeros(0)
        self.gradient = torch.zeros_like(self.values)
        start = 0
        for p in parameters:
            end = start + p.numel()
            p.data = self.values[start:end].view_as(p)
            p.grad = self.gradient[start:end].view_as(p)
            start = end
        self._matrices = [p for p in parameters if p.ndim >= 2]

    @property
    def weights(self):
        """The slice of `values` that belongs to weight matrices."""
        return self.values[: self.n_weights]

    @torch.no_grad()
    def limit_norms(self, max_norm):
        """Shrink each unit's incoming weights to a norm of at most `max_norm`."""
        for matrix in self._matrices:
            rows = matrix.view(len(matrix), -1)  # a kernel has more dimensions
            norms = rows.norm(dim=1, keepdim=True)
            rows.mul_((max_norm / norms.clamp_min(1e-12)).clamp_max(1.0))


@dataclass
class TrainingState:
    """A network in training with its optimiser, randomness and history.

    Attributes
    ----------
    network : nn.Module
        Has the weights the optimiser moves.
    parameters : FlatParameters
        Of `network`.
    optimizer : Optimizer or None
        None for the full-batch solvers, which keep no moments.
    generator : torch.Generator
        Source of the order of rows, dropout and noise.
    loss_scale : float
        The loss at the start. Gradients are of loss / loss_scale, so that a
        small residual is learnt as fast as a large one.
    average : nn.Module or None
        A copy of the network with an exponential moving average of the weights.
    epoch, step : int
        Number of epochs and optimiser steps done.
    history : dict of str to list of float
        Mean of each term of the objective in each epoch, "loss" their sum.
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

        `make_optimizer` takes the `FlatParameters`; None for full-batch solvers.
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
        """The network to judge and keep: the average where there is one."""
        return self.network if self.average is None else self.average

    def update_average(self):
        """Move the average towards the weights, faster in the first steps."""
        if self.average is None:
            return
        decay = min(_LARGEST_DECAY, (1 + self.step) / (10 + self.step))
        self.average_parameters.values.lerp_(self.parameters.values, 1 - decay)

    def copy_buffers_to_average(self):
        """Give the average the running statistics of batch normalisation."""
        if self.average is None:
            return
        for ours, theirs in zip(
            self.network.buffers(), self.average.buffers(), strict=True
        ):
            theirs.copy_(ours)

    def record(self, terms):
        """Append the epoch's means, a dictionary of floats, to the history."""
        for name, value in terms.items():
            self.history.setdefault(name, []).append(value)

    def copy_to(self, device):
        """Return a copy on `device`, whose training leaves this state as it is."""
        copied = copy.deepcopy(self)
        copied.network.to(device)
        if copied.average is not None:
            copied.average.to(device)
        if copied.optimizer is not None:
            copied.optimizer.to(device)
        copied._set_parameters()
        copied.generator = torch.Generator(device)
        if device.type == self.generator.device.type:
            copied.generator.set_state(self.generator.get_state())
        else:
            # Another kind of generator: no state of the old one fits it.
            copied.generator.manual_seed(self.step)
        return copied

    def _set_parameters(self):
        self.parameters = FlatParameters(self.network)
        self.average_parameters = (
            None if self.average is None else FlatParameters(self.average)
        )

    def __getstate__(self):
        state = dict(vars(self))
        # Views of the networks' own tensors, made again when loaded.
        del state["parameters"], state["average_parameters"]
        state["generator"] = self.generator.get_state().numpy()
        return state

    def __setstate__(self, state):
        vars(self).update(state)
        self.generator = torch.Generator()
        saved = torch.from_numpy(np.array(state["generator"]))
        if saved.shape == self.generator.get_state().shape:
            self.generator.set_state(saved)
        else:
            # Saved with a GPU's generator, whose state no other takes.
            self.generator.manual_seed(self.step)
        self._set_parameters()
