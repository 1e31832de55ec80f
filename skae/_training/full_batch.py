"""Full-batch solvers: L-BFGS and conjugate gradients."""

import math

import numpy as np
import torch
from scipy import optimize

from skae._functional.penalties import elastic_net_gradient
from skae._training.loop import loss_terms, should_stop, weight_penalty

METHODS = {"lbfgs": "L-BFGS-B", "cg": "CG"}


def minimize(state, rows, plan, method, max_iter, tol, monitors):
    """Minimize the objective over all rows; return whether it converged.

    Noise and dropout are the same draw at each evaluation, so that the objective is a
    deterministic function. An iteration of the solver counts as an epoch.

    Parameters
    ----------
    tol : float
        Largest absolute element of the gradient of the scaled loss at convergence.
    """
    function = _Objective(state, rows, plan)
    stopped = False

    def after_iteration(intermediate_result):
        nonlocal stopped
        terms = function.terms_at(intermediate_result.x)
        state.epoch += 1
        state.record({"loss": math.fsum(terms.values()), **terms})
        state.network.eval()
        stopped = should_stop(monitors, state)
        if stopped:
            raise StopIteration

    start = state.parameters.values.cpu().to(torch.float64).numpy()
    options = {"maxiter": max_iter, "gtol": tol}
    if method == "lbfgs":
        options |= {"maxfun": 10 * max_iter, "ftol": 64 * np.finfo(float).eps}
    result = optimize.minimize(
        function,
        start,
        jac=True,
        method=METHODS[method],
        options=options,
        callback=after_iteration,
    )
    function.load(result.x)
    state.network.eval()
    return bool(result.success) or stopped or _is_within_rounding(result)


def _is_within_rounding(result):
    """Whether a line search failed only because of rounding errors of the loss."""
    rounding = np.sqrt(np.finfo(float).eps) * max(1.0, abs(result.fun))
    return result.status == 2 and np.abs(result.jac).max() <= rounding


class _Objective:
    """The penalized loss and its gradient as a function of a flat array."""

    def __init__(self, state, rows, plan):
        self.state = state
        self.rows = rows
        self.plan = plan
        self._noise = state.generator.get_state()
        self._evaluated = None
        self._terms = {}

    def __call__(self, values):
        self.load(values)
        state, plan, parameters = self.state, self.plan, self.state.parameters
        state.network.train()
        state.generator.set_state(self._noise)
        parameters.gradient.zero_()
        terms = loss_terms(state.network, self.rows, plan, state.generator)
        (sum(terms.values()) / state.loss_scale).backward()
        # A copy in any case: the solver keeps it beyond the next evaluation.
        gradient = parameters.gradient.cpu().to(torch.float64, copy=True)
        gradient[: parameters.n_weights] += elastic_net_gradient(
            parameters.weights, plan.alpha, plan.l1_ratio
        ).cpu()
        self._evaluated = values.copy()
        self._terms = {name: term.item() for name, term in terms.items()}
        if plan.alpha > 0:
            self._terms["penalty"] = weight_penalty(state, plan)
        total = math.fsum(self._terms.values()) / state.loss_scale
        return total, gradient.cpu().numpy()

    def terms_at(self, values):
        """Set the parameters to `values` and return the terms of the loss there."""
        if not np.array_equal(values, self._evaluated):
            self(values)
        return self._terms

    def load(self, values):
        """Set the network's parameters to `values`."""
        parameters = self.state.parameters.values
        parameters.copy_(torch.from_numpy(np.ascontiguousarray(values)))
