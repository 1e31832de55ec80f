"""Deterministic solvers on the whole data at once: L-BFGS and conjugate gradients."""

import numpy as np
import torch
from scipy import optimize

from skae.penalties import elastic_net, elastic_net_gradient
from skae.training.loop import loss_terms, should_stop

METHODS = {"lbfgs": "L-BFGS-B", "cg": "CG"}


def minimize(state, rows, plan, method, max_iter, tol, monitors):
    """Minimise the objective over all rows; return whether it converged.

    Noise in the objective and dropout take the same draw at each evaluation, so
    that the function is one function. An iteration of the solver counts as an
    epoch.

    Parameters
    ----------
    tol : float
        Largest element of the gradient of the scaled loss at convergence.
    """
    function = _Objective(state, rows, plan)
    stopped = False

    def after_iteration(intermediate_result):
        nonlocal stopped
        function.load(intermediate_result.x)
        state.epoch += 1
        state.record({"loss": float(intermediate_result.fun) * state.loss_scale})
        stopped = should_stop(monitors, state)
        if stopped:
            raise StopIteration

    start = state.parameters.values.to(torch.float64).cpu().numpy()
    options = {"maxiter": max_iter, "gtol": tol}
    if method == "lbfgs":
        options |= {"maxfun": 10 * max_iter, "ftol": 64 * np.finfo(float).eps}
    with torch.inference_mode(False), torch.enable_grad():
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
    return bool(result.success) or stopped


class _Objective:
    """The penalised loss and its gradient as a function of a flat array."""

    def __init__(self, state, rows, plan):
        self.state = state
        self.rows = rows
        self.plan = plan
        self._noise = state.generator.get_state()

    def __call__(self, values):
        self.load(values)
        parameters, plan = self.state.parameters, self.plan
        self.state.network.train()
        self.state.generator.set_state(self._noise)
        parameters.gradient.zero_()
        terms = loss_terms(self.state.network, self.rows, plan, self.state.generator)
        loss = sum(terms.values()) / self.state.loss_scale
        loss.backward()
        penalty = elastic_net(parameters.weights, plan.alpha, plan.l1_ratio)
        gradient = parameters.gradient.to(torch.float64)
        gradient[: parameters.n_weights] += elastic_net_gradient(
            parameters.weights, plan.alpha, plan.l1_ratio
        )
        return float(loss) + float(penalty), gradient.cpu().numpy()

    def load(self, values):
        """Set the network's parameters to `values`."""
        parameters = self.state.parameters.values
        parameters.copy_(torch.from_numpy(np.ascontiguousarray(values)))
