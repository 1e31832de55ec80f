"""The parts of a fit, told to callbacks and to the user."""

from contextlib import contextmanager, nullcontext

from skae._training.callbacks import VerboseMonitor, part_of_fit


class Report:
    """Tells scikit-learn's callbacks, and the user, of the parts of a fit.

    Parameters
    ----------
    estimator : object
        Its `verbose` and `pretraining_max_iter` are read.
    context : CallbackContext or None
        Of the fit; without one, as in `partial_fit`, callbacks are told nothing.
    task : dict
        Keyword arguments of the callbacks' hooks.
    """

    def __init__(self, estimator, context=None, task=None):
        self.estimator, self.context, self.task = estimator, context, task

    def part(self, name, max_iter, fitted_attributes=None):
        """Return a context manager that gives the monitor of a part's epochs."""
        if self.context is None:
            return nullcontext(_ask_nothing)
        return part_of_fit(self.context, self.task, name, max_iter, fitted_attributes)

    @contextmanager
    def pretraining(self, layer):
        """Give the monitors of the pretraining of a layer, a `LayerSpec`."""
        name = f"pretraining layer {layer.index + 1}"
        with self.part(name, self.estimator.pretraining_max_iter) as monitor:
            monitors = [monitor]
            if self.estimator.verbose:
                label = f"{type(self.estimator).__name__}, {name}"
                monitors.append(VerboseMonitor(label))
            yield monitors


def _ask_nothing(state):
    return False
