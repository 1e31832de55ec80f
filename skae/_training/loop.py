"""The mini-batch loop: any network and objective, the gradient written out or not."""

import functools
import math
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch

from skae._functional.penalties import elastic_net, elastic_net_gradient
from skae._networks.cost import rows_at_once
from skae._training.backward.registry import make_tape
from skae._training.data import Batches, weighted_mean
from skae._training.objective import Objective

_EVALUATION_ROWS = 1024
# False forces autograd, by which the written-out gradients are tested.
_WRITTEN_OUT = True


@dataclass(frozen=True)
class Plan:
    """What stays fixed during a fit.

    Attributes
    ----------
    objective : Objective
    batch_size : int
    shuffle : bool
    schedule : object with ``rate(progress)``
    alpha, l1_ratio : float
        Penalty added to loss / loss_scale; alpha divided by the samples already.
    max_norm : float or None
    mixed_precision : bool
        Run the forward pass in bfloat16.
    """

    objective: Objective
    batch_size: int
    schedule: object
    shuffle: bool = True
    alpha: float = 0.0
    l1_ratio: float = 0.0
    max_norm: float | None = None
    mixed_precision: bool = False

    def in_epoch(self, epoch):
        """Return the plan with the objective of an epoch."""
        objective = self.objective.in_epoch(epoch)
        if objective is self.objective:
            return self
        return replace(self, objective=objective)

    def tape_of(self, network):
        """Return what backpropagation is written out by, None where it is autograd."""
        if not _WRITTEN_OUT or self.mixed_precision or not self.objective.has_gradient:
            return None
        return make_tape(network)

    def backpropagation(self, state, tape=None):
        """Return a function of a batch that leaves the gradient.

        It returns the batch's mean of each term. Without `tape` it is autograd.
        """
        if tape is None:
            return functools.partial(_autograd, state, self)
        return functools.partial(_written_out, state, self.objective, tape)

    def autocast(self, device):
        """Return the context of the forward pass."""
        if not self.mixed_precision:
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


def train(state, rows, plan, max_iter, monitors):
    """Run up to `max_iter` epochs, or until a monitor answers stop."""
    Loop(state, rows, plan).run(max_iter, monitors)


class Loop:
    """The epochs of a fit. What they share is made once."""

    def __init__(self, state, rows, plan):
        self._state, self._plan = state, plan
        self._tape = plan.tape_of(state.network)
        if self._tape is not None and plan.objective.reads_linear_codes:
            with torch.inference_mode():
                rows = self._tape.prepare(rows)
        self._batches = Batches(rows, plan.batch_size, shuffle=plan.shuffle)

    def run(self, max_iter, monitors):
        """Run up to `max_iter` epochs, or until a monitor answers stop."""
        for _ in range(max_iter):
            run_epoch(self._state, self._batches, self._plan, self._tape)
            if should_stop(monitors, self._state):
                return


def should_stop(monitors, state):
    """Ask each monitor, so that none misses the last epoch."""
    answers = [monitor(state) for monitor in monitors]
    return any(answers)


def run_epoch(state, batches, plan, tape=None):
    """Take one pass over `Batches` and append its mean losses to the history.

    With a `tape` the gradient is written out, otherwise it is autograd's. The penalty
    on the weights, where there is one, is a term of the loss.
    """
    plan = plan.in_epoch(state.epoch)
    if tape is None or not plan.objective.has_gradient:
        state.network.train()
        means = _run_batches(state, batches, plan, None)
        state.network.eval()
        state.copy_buffers_to_average()
    else:
        # Nothing of it is autograd's, which then need not keep any account.
        with torch.inference_mode():
            means = _run_batches(state, batches, plan, tape)
    state.epoch += 1
    # The epoch's only wait for the device.
    means = {name: float(mean) for name, mean in means.items()}
    if plan.alpha > 0:
        means["penalty"] = weight_penalty(state, plan)
    state.record({"loss": math.fsum(means.values()), **means})


def _run_batches(state, batches, plan, tape):
    """Take the steps of an epoch; return each term's mean over the rows."""
    steps = []
    backpropagate = plan.backpropagation(state, tape)
    for i, batch in enumerate(batches.of_epoch(state.generator)):
        rate = plan.schedule.rate(state.epoch + i / batches.count)
        steps.append(gradient_step(state, batch, plan, rate, backpropagate))
    return {name: batches.mean([s[name] for s in steps]) for name in steps[0]}


def gradient_step(state, batch, plan, learning_rate, backpropagate):
    """Take one step and return the batch's mean of each term (scalar tensors).

    ``backpropagate(batch)`` leaves the gradient and returns these means.
    """
    parameters = state.parameters
    terms = backpropagate(batch)
    if plan.alpha > 0:
        penalised = parameters.gradient[: parameters.n_weights]
        penalised += elastic_net_gradient(parameters.weights, plan.alpha, plan.l1_ratio)
    state.optimizer.step(parameters, learning_rate)
    if plan.max_norm is not None:
        parameters.limit_norms(plan.max_norm)
    state.step += 1
    state.update_average()
    return terms


def _autograd(state, plan, batch):
    """Leave autograd's gradient: the reference of what is written out."""
    terms = loss_terms(state.network, batch, plan, state.generator)
    state.parameters.gradient.zero_()
    (sum(terms.values()) / state.loss_scale).backward()
    return {name: value.detach() for name, value in terms.items()}


def _written_out(state, objective, tape, batch):
    """Leave the gradient by the way through the layers and back."""
    share = 1 / (len(batch) * state.loss_scale)
    if batch.weight is not None:
        share = batch.weight.unsqueeze(1) * share
    return objective.gradient(tape, batch, state.generator, share)


def weight_penalty(state, plan):
    """Return the penalty on the weights as a float, in the unit of the loss."""
    penalty = elastic_net(state.parameters.weights, plan.alpha, plan.l1_ratio)
    return float(penalty) * state.loss_scale


def loss_terms(network, rows, plan, generator):
    """Return the (weighted) mean of each term of the objective."""
    with plan.autocast(rows.x.device):
        terms = plan.objective.losses(network, rows, generator)
    return {name: weighted_mean(t, rows.weight) for name, t in terms.items()}


@torch.no_grad()
def row_losses(network, rows, plan, seed):
    """Return the loss of each row, summed over the terms, without dropout.

    Noise is drawn from a generator that starts at `seed`, so each call sees
    the same draw.
    """
    generator = torch.Generator(rows.x.device).manual_seed(seed)
    was_training = network.training
    if was_training:
        network.eval()
    losses, at_once = [], rows_at_once(network, _EVALUATION_ROWS)
    for part in rows.split(-(-len(rows) // at_once)):
        terms = plan.objective.losses(network, part, generator)
        losses.append(sum(terms.values()))
    if was_training:
        network.train()
    return torch.cat(losses)
