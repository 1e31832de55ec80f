"""The mini-batch loop, with the gradient by a tape or by autograd."""

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
# False forces autograd, against which the gradients of tapes are tested.
_WRITTEN_OUT = True


@dataclass(frozen=True)
class Plan:
    """The settings of the loop, fixed during a fit.

    Attributes
    ----------
    objective : Objective
    batch_size : int
    shuffle : bool
    schedule : object with ``rate(progress)``
        The learning rate, one of `schedules`.
    alpha, l1_ratio : float
        Elastic net penalty on the weights, added to loss / loss_scale; `alpha` is
        already divided by the number of samples.
    max_norm : float or None
        Maximum norm of the incoming weights of a unit.
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
        """Return the `Tape` that gives the gradient, or None for autograd."""
        if not _WRITTEN_OUT or self.mixed_precision or not self.objective.has_gradient:
            return None
        return make_tape(network)

    def backpropagation(self, state, tape=None):
        """Return a function of a batch that sets the gradient, by autograd or `tape`.

        The function returns the mean of each term over the batch.
        """
        if tape is None:
            return functools.partial(_by_autograd, state, self)
        return functools.partial(_by_tape, state, self.objective, tape)

    def autocast(self, device):
        """Return the context of the forward pass."""
        if not self.mixed_precision:
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


def train(state, rows, plan, max_iter, monitors):
    """Run up to `max_iter` epochs, or until a monitor returns True."""
    Loop(state, rows, plan).run(max_iter, monitors)


class Loop:
    """The epochs of a fit, with the batches and the tape that they share."""

    def __init__(self, state, rows, plan):
        self._state, self._plan = state, plan
        self._tape = plan.tape_of(state.network)
        if self._tape is not None and plan.objective.reads_linear_codes:
            with torch.inference_mode():
                rows = self._tape.prepare(rows)
        self._batches = Batches(rows, plan.batch_size, shuffle=plan.shuffle)

    def run(self, max_iter, monitors):
        """Run up to `max_iter` epochs, or until a monitor returns True."""
        for _ in range(max_iter):
            run_epoch(self._state, self._batches, self._plan, self._tape)
            if should_stop(monitors, self._state):
                return


def should_stop(monitors, state):
    """Call every monitor, also after one has returned True."""
    answers = [monitor(state) for monitor in monitors]
    return any(answers)


def run_epoch(state, batches, plan, tape=None):
    """Run one epoch over `Batches` and append its mean losses to the history.

    The gradient comes from the `tape`, or from autograd if it is None. A penalty on the
    weights is a term of the loss.
    """
    plan = plan.in_epoch(state.epoch)
    if tape is None or not plan.objective.has_gradient:
        state.network.train()
        means = _run_batches(state, batches, plan, None)
        state.network.eval()
        state.copy_buffers_to_average()
    else:
        # Autograd is not used, so it need not track anything.
        with torch.inference_mode():
            means = _run_batches(state, batches, plan, tape)
    state.epoch += 1
    # The only synchronization with the device in an epoch.
    means = {name: float(mean) for name, mean in means.items()}
    if plan.alpha > 0:
        means["penalty"] = weight_penalty(state, plan)
    state.record({"loss": math.fsum(means.values()), **means})


def _run_batches(state, batches, plan, tape):
    """Take the steps of an epoch; return the mean of each term over the rows."""
    steps = []
    backpropagate = plan.backpropagation(state, tape)
    for i, batch in enumerate(batches.of_epoch(state.generator)):
        rate = plan.schedule.rate(state.epoch + i / batches.count)
        steps.append(gradient_step(state, batch, plan, rate, backpropagate))
    return {name: batches.mean([s[name] for s in steps]) for name in steps[0]}


def gradient_step(state, batch, plan, learning_rate, backpropagate):
    """Take one step and return the mean of each term over the batch, scalar tensors.

    ``backpropagate(batch)`` sets the gradient and returns these means.
    """
    parameters = state.parameters
    terms = backpropagate(batch)
    if plan.alpha > 0:
        penalized = parameters.gradient[: parameters.n_weights]
        penalized += elastic_net_gradient(parameters.weights, plan.alpha, plan.l1_ratio)
    state.optimizer.step(parameters, learning_rate)
    if plan.max_norm is not None:
        parameters.limit_norms(plan.max_norm)
    state.step += 1
    state.update_average()
    return terms


def _by_autograd(state, plan, batch):
    """Set the gradient by autograd, the reference for the tapes."""
    terms = loss_terms(state.network, batch, plan, state.generator)
    state.parameters.gradient.zero_()
    (sum(terms.values()) / state.loss_scale).backward()
    return {name: value.detach() for name, value in terms.items()}


def _by_tape(state, objective, tape, batch):
    """Set the gradient by the forward and backward pass of a tape."""
    share = 1 / (len(batch) * state.loss_scale)
    if batch.weight is not None:
        share = batch.weight.unsqueeze(1) * share
    return objective.gradient(tape, batch, state.generator, share)


def weight_penalty(state, plan):
    """Return the penalty on the weights as a float, in units of the loss."""
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

    Noise is drawn by a new generator with the given `seed`, the same in each call.
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
