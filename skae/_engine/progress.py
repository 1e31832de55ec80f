"""Reporting of the progress of a fit to callbacks and to the user."""

from contextlib import ExitStack, contextmanager, nullcontext

from skae._training.callbacks import CallbackMonitor, VerboseMonitor, stage_of_fit


class ProgressReporter:
    """Reports the stages and epochs of a fit to scikit-learn's callbacks.

    As a context manager, it ends the current stage when the block ends.

    Parameters
    ----------
    name : str
        Name of the estimator's class.
    verbose : bool
    context : CallbackContext or None
        Context of the fit. If None, as in `partial_fit`, nothing is reported.
    task : dict or None
        Keyword arguments that the hooks of the callbacks receive.
    """

    def __init__(self, name, verbose, context=None, task=None):
        self.name, self.verbose = name, verbose
        self.context, self.task = context, task
        self._stages = ExitStack()

    def __enter__(self):
        if self.context is not None:
            self.context.call_on_fit_task_begin(**self.task)
        return self

    def __exit__(self, *error):
        return self._stages.__exit__(*error)

    def end(self, attributes):
        """Report the end of the fit and the fitted attributes."""
        self.context.call_on_fit_task_end(
            **self.task, reconstruction_attributes=attributes
        )

    def epochs(self, fitted_attributes):
        """Return the monitor of the epochs of a fit that has no stages."""
        return CallbackMonitor(self.context, self.task, fitted_attributes)

    def next_stage(self, name, max_iter, fitted_attributes):
        """End the current stage; return the monitor of the epochs of the next one."""
        self._stages.close()
        stage = self.stage(name, max_iter, fitted_attributes)
        return self._stages.enter_context(stage)

    def stage(self, name, max_iter, fitted_attributes=None):
        """Return a context manager that yields the monitor of a stage."""
        if self.context is None:
            return nullcontext(_never_stop)
        return stage_of_fit(self.context, self.task, name, max_iter, fitted_attributes)

    @contextmanager
    def pretraining(self, layer, max_iter):
        """Yield the monitors of the pretraining of a layer (`LayerSpec`)."""
        name = f"pretraining layer {layer.index + 1}"
        with self.stage(name, max_iter) as monitor:
            monitors = [monitor]
            if self.verbose:
                monitors.append(VerboseMonitor(f"{self.name}, {name}"))
            yield monitors


def _never_stop(state):
    return False
