"""Monitors that report to scikit-learn's callbacks and print the `verbose` output."""

import functools
from contextlib import contextmanager


@contextmanager
def stage_of_fit(context, task, name, max_iter, fitted_attributes=None):
    """Report a stage of a fit as a task that has epochs of its own.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The context of the fit.
    task, fitted_attributes
        As in `CallbackMonitor`.
    name : str
    max_iter : int
        Maximum number of epochs of the stage.

    Yields
    ------
    monitor : CallbackMonitor
    """
    part = context.subcontext(task_name=name, max_subtasks=max_iter)
    part.call_on_fit_task_begin(**task)
    yield CallbackMonitor(part, task, fitted_attributes)
    part.call_on_fit_task_end(**task)


class CallbackMonitor:
    """A monitor that reports each epoch to scikit-learn's callbacks.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The context of the fit.
    task : dict
        Keyword arguments of the callbacks' methods: estimator, X, y, metadata.
    fitted_attributes : callable or None
        ``fitted_attributes(state)`` returns the fitted attributes as if the fit ended
        now. It is called only if a callback needs them. None if the estimator would not
        be fitted yet.

    Attributes
    ----------
    asked_to_stop : bool
        Whether a callback requested to stop after the last epoch.
    """

    def __init__(self, context, task, fitted_attributes):
        self.context = context
        self.task = task
        self.fitted_attributes = fitted_attributes
        self.asked_to_stop = False

    def __call__(self, state):
        """Report the epoch; return whether a callback requests to stop."""
        epoch = self.context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**self.task)
        attributes = None
        if self.fitted_attributes is not None:
            attributes = functools.partial(self.fitted_attributes, state)
        self.asked_to_stop = epoch.call_on_fit_task_end(
            **self.task, reconstruction_attributes=attributes
        )
        return self.asked_to_stop


class VerboseMonitor:
    """A monitor that prints one line per epoch."""

    def __init__(self, name, early_stopping=None, has_validation=False):
        self.name = name
        self.early_stopping = early_stopping
        self.has_validation = has_validation

    def __call__(self, state):
        """Print the epoch's losses; never stop."""
        line = (
            f"[{self.name}] epoch {state.epoch}: loss {state.history['loss'][-1]:.6g}"
        )
        if self.has_validation:
            stopping = self.early_stopping
            line += (
                f", validation loss {stopping.curve[-1]:.6g}"
                f" (best {stopping.best_loss:.6g} at epoch {stopping.best_epoch})"
            )
        print(line)
        return False
