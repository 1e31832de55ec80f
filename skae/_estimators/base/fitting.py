"""The template of `fit` and `partial_fit` for autoencoders and predictors."""

import math
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager

from skae._engine.config import PARAMETERS, training_dtype
from skae._engine.fit_result import Progress
from skae._engine.progress import ProgressReporter
from skae._training.optimizers import OPTIMIZERS
from skae._utils.context import own_context
from skae._utils.random import draw_seed

# Attributes that validation sets before the model is trained.
_COLUMNS = ("n_features_in_", "feature_names_in_", "_conditions")


@contextmanager
def fitting(estimator):
    """Run a fit independently of the caller's torch modes, defaults and threads.

    If the fit fails, the attributes that validation sets are restored.
    """
    before = {n: v for n, v in vars(estimator).items() if n in _COLUMNS}
    network = vars(estimator).get("network_")
    try:
        with own_context(estimator.n_threads):
            yield
    except BaseException:  # an interrupt, too
        if vars(estimator).get("network_") is network:
            for name in _COLUMNS:
                vars(estimator).pop(name, None)
            vars(estimator).update(before)
        raise


class FittingMixin(metaclass=ABCMeta):
    """The template of a fit, whose abstract methods are the steps that differ."""

    # `EarlySamples` of the first calls of `partial_fit`; None once there are enough.
    _early_samples = None
    # Number of samples that the model was initialized from; infinite if unknown.
    _n_at_start = math.inf

    def _fit(self, X, y, **given):
        """Fit to data, with `warm_start` from the fitted model.

        `given` are the keyword arguments of `fit` other than X and y.
        """
        with fitting(self):
            warm = self.warm_start and hasattr(self, "network_")
            data, validation = self._check_data(X, y, **given, reset=not warm)
            seed = draw_seed(self.random_state)
            if warm:
                warm, data = self._continue_or_begin(data)
            resolved = self._resolve(data, validation, seed, warm=warm)
            # Scoring callbacks need a target, which is X itself for autoencoders.
            task = {"estimator": self, "X": X, "y": X if y is None else y}
            n_stages = self._n_stages(resolved, data, warm=warm)
            context = self._init_callback_context(max_subtasks=n_stages)
            progress = ProgressReporter(
                type(self).__name__, self.verbose, context, task
            )
            with progress:
                result, own = self._train(
                    resolved, data, validation, seed, progress, warm=warm
                )
                attributes = self._fitted_attributes(result, data, warm=warm) | own
                # The state triples the size of a pickle: keep it only for reuse.
                state = result.state if self.warm_start else None
                attributes |= {
                    "_training_state": state,
                    "_early_samples": None,
                    "_seed": getattr(self, "_seed", seed) if warm else seed,
                    "_n_at_start": self._n_at_start if warm else data.n_samples,
                }
                # Set before callbacks receive the end of the fit and may interrupt.
                vars(self).update(attributes)
            progress.end(attributes)
            if result.interrupted is not None:
                raise result.interrupted
            self._warn_of_outcome()
        return self

    def _fit_one_epoch(self, X, y, **given):
        """Train for one epoch on data.

        While the samples of all calls are few, a new model is trained on all of them.
        """
        with fitting(self):
            first = not hasattr(self, "network_")
            self._check_partial_fit()
            data, _ = self._check_data(X, y, **given, reset=first)
            n_samples, seed = data.n_with_target, draw_seed(self.random_state)
            early, enough = self._early_samples_with(data)
            new_model = early is not None and early.needs_new_start(enough)
            if new_model:
                data = self._standardized(early.data)
            previous = Progress() if first else self._progress()
            if new_model:
                previous = Progress(previous.n_epochs, previous.best_epoch)
            result, own = self._train_one_epoch(
                data, seed, previous, new_model=new_model
            )
            attributes = self._fitted_attributes(
                result, data, warm=not first, keep_head=not new_model
            )
            attributes |= own
            if new_model:
                early = early._replace(data=data).after_start(result.network, enough)
                n_at_start = data.n_samples if early is None else early.n_at_start
                attributes["_n_at_start"] = n_at_start
            if first:
                attributes["_seed"] = seed
            attributes |= {
                "_training_state": result.state,
                "_early_samples": early,
                "n_samples_": getattr(self, "n_samples_", 0) + n_samples,
            }
            vars(self).update(attributes)
        return self

    def _training_parameters(self):
        """Return the values of `PARAMETERS`, some of which may be class attributes."""
        return {name: getattr(self, name) for name in PARAMETERS if hasattr(self, name)}

    def _check_partial_fit(self):
        """Check that no parameter requires several epochs or all of the data."""
        if self.early_stopping not in (False, "auto"):
            raise ValueError(
                "partial_fit does not support early_stopping="
                f"{self.early_stopping!r}. Use early_stopping=False or 'auto'."
            )

    def _progress(self, network=None):
        """Return the `Progress` of the fits so far.

        `network` is the network to train if it is not `network_`.
        """
        n_epochs = len(self.loss_curve_) - 1
        state = self._training_state
        if state is not None and not self._suits(state):
            state = None
        if None not in (state, network) and (
            state.network.arguments != network.arguments
        ):
            state = None
        return Progress(
            n_epochs, self.best_epoch_, state, self._loss_scale, self._start_kind
        )

    def _suits(self, state):
        """Whether a training state matches the current solver and precision."""
        kind = OPTIMIZERS.get(self.solver, type(None))
        dtype = training_dtype(self.precision)
        return type(state.optimizer) is kind and state.parameters.values.dtype == dtype

    # ----- the steps -------------------------------------------------------

    @abstractmethod
    def _check_data(self, X, y, *, reset, **given):
        """Return validated data, and separate validation data or None."""

    @abstractmethod
    def _continue_or_begin(self, data):
        """Return whether a warm start continues with the fitted model, and the data.

        Otherwise it trains a new model, as `should_start_anew` decides.
        """

    @abstractmethod
    def _resolve(self, data, validation, seed, *, warm):
        """Resolve the parameters; the result is passed to `_n_stages` and `_train`."""

    @abstractmethod
    def _n_stages(self, resolved, data, *, warm):
        """Return the number of stages or epochs that are reported to callbacks."""

    @abstractmethod
    def _train(self, resolved, data, validation, seed, progress, *, warm):
        """Return the `FitResult` and a dictionary of further fitted attributes."""

    @abstractmethod
    def _train_one_epoch(self, data, seed, previous, *, new_model):
        """Return the `FitResult` of one epoch, and further fitted attributes."""

    @abstractmethod
    def _fitted_attributes(self, result, data, *, warm, keep_head=False):
        """Return the fitted attributes of a result as a dictionary."""

    @abstractmethod
    def _early_samples_with(self, data):
        """Return the `EarlySamples` with `data`, and the number that is enough.

        The first is None if the model is not to be initialized again.
        """

    def _standardized(self, data):
        """Return data whose scale of conditions or labels is estimated from them."""
        return data

    def _warn_of_outcome(self):
        """Warn about a degenerate fit, such as dead units or posterior collapse."""
        return None
