"""The steps of a fit of an unsupervised autoencoder."""

import copy
import functools

import numpy as np

from skae._engine.config import resolve_config
from skae._engine.early_samples import (
    EarlySamples,
    enough_samples,
    lacks_scale,
    should_start_anew,
)
from skae._engine.fit import closed_form, continue_fit, fit_model, fit_one_epoch
from skae._engine.fitted_attributes import fitted_attributes
from skae._engine.initialization import continued, initialize
from skae._engine.model import Model
from skae._engine.progress import ProgressReporter
from skae._engine.restarts import largest_n_init
from skae._engine.validation_split import resolve_strategy
from skae._estimators.base.fitting import FittingMixin
from skae._estimators.base.overrides import AutoencoderOverrides
from skae._estimators.base.validation import (
    check_same_network,
    check_samples,
    n_components_of_stream,
    resolve_n_components,
)
from skae._utils.random import draw_seed


class AutoencoderFitting(AutoencoderOverrides, FittingMixin):
    """Fits the `Model` that the methods of `AutoencoderOverrides` define."""

    def _model(self):
        """Return the `Model` for the engine."""
        pretrains = getattr(self, "pretraining", None) is not None
        return Model(
            build=self._build_network,
            link=self._link(),
            objective=self._objective,
            corruption=self._make_corruption,
            linear_map=self._linear_map if self._has_linear_path() else None,
            finish=self._finish_start,
            pretrain=self._pretrain if pretrains else None,
            uses_any_unit=not self._loss_has_unit(),
            linear_path_is_optimal=(
                self._has_linear_path() and self._linear_path_is_optimal()
            ),
        )

    def _has_linear_path(self):
        return getattr(self, "linear_path", None) is not None

    def _objective(self, scaling, corruption):
        return self._make_objective(self._make_criterion(scaling), corruption)

    def _config(self, model, shape, n_components, seed, *, trains=True, **options):
        """Return the `TrainingConfig` for data of `shape`."""
        return resolve_config(
            type(self).__name__,
            self._training_parameters(),
            model.network(shape, n_components, correction=trains),
            shape[0],
            seed,
            has_linear_path=model.linear_map is not None,
            loss_is_of_residuals=self._loss_is_of_residuals(),
            sums_over_features=self._sums_over_features,
            decay_without_path=self._decay_without_path,
            **options,
        )

    def _check_data(self, X, y, *, reset, **given):
        return check_samples(self, X, y, **given, reset=reset)

    def _continue_or_begin(self, data):
        self._check_same_network()
        enough = enough_samples(self.n_components_, data.X.shape[1])
        if not should_start_anew(self._n_at_start, len(data.X), enough):
            return True, data
        return False, self._standardized(data)

    def _check_same_network(self):
        check_same_network(self, self._model())

    def _resolve(self, data, validation, seed, *, warm):
        """Return the `Model`, the `TrainingConfig` and the number of components."""
        model, shape = self._model(), data.X.shape
        n_components = (
            self.n_components_ if warm else resolve_n_components(self, data, seed)
        )
        strategy = resolve_strategy(
            self._training_parameters(),
            model,
            shape,
            given=validation is not None,
            warm=warm,
        )
        config = self._config(
            model,
            shape,
            n_components,
            seed,
            trains=strategy != "none" or self.early_stopping is False,
            validation_strategy=strategy,
            correction_seed=self._seed if warm else seed,
        )
        return model, config, n_components

    def _n_stages(self, resolved, data, *, warm):
        model, config, _ = resolved
        if _has_stages(model, config, warm):
            n_layers = self._n_pretrained_layers(data.X.shape)
            return n_layers + 1 if n_layers else largest_n_init(config, model)
        return self.max_iter

    def _train(self, resolved, data, validation, seed, progress, *, warm):
        model, config, n_components = resolved
        monitors = functools.partial(self._monitors, resolved, data, progress, warm)
        if warm:
            initial = continued(model, config, self._scaling, self.network_, data)
            previous = self._progress()
            result = continue_fit(
                model, config, initial, data, validation, previous, monitors
            )
        else:
            result = fit_model(
                model, config, data, validation, n_components, monitors, progress
            )
        self._raise_early_interrupt(result)
        return result, {}

    def _monitors(self, resolved, data, progress, warm, trainer):
        """Return the monitors that report the epochs of a trainer to callbacks."""
        model, config, _ = resolved

        def attributes_now(state):
            result = trainer.result(copy.deepcopy(state.result))
            return self._fitted_attributes(result, data, warm=warm)

        if not _has_stages(model, config, warm):
            return [progress.epochs(attributes_now)]
        is_pretrained = model.pretrain is not None
        name = "fine-tuning" if is_pretrained else f"start {trainer.index}"
        return [progress.next_stage(name, config.max_iter, attributes_now)]

    def _raise_early_interrupt(self, result):
        """Raise an interrupt of the first epoch if there is no linear path.

        The estimator then keeps its previous model instead of untrained weights.
        """
        hardly_begun = result.n_epochs == 0 and not self._has_linear_path()
        if result.interrupted and hardly_begun and hasattr(self, "network_"):
            raise result.interrupted

    def _train_one_epoch(self, data, seed, previous, *, new_model):
        model, shape = self._model(), data.X.shape
        n_components = n_components_of_stream(self, shape[1])
        config = self._config(
            model,
            shape,
            n_components,
            seed,
            correction_seed=getattr(self, "_seed", seed),
        )
        if new_model:
            initial = initialize(model, config, data, n_components)
            if model.pretrain is not None:
                progress = ProgressReporter(config.name, config.verbose)
                pretraining = model.pretrain(config, initial, data, progress)
                if pretraining.interrupted is not None:
                    raise pretraining.interrupted
                initial = initial._replace(pretraining=pretraining)
        else:
            initial = continued(model, config, self._scaling, self.network_, data)
        return fit_one_epoch(model, config, initial, data, previous), {}

    def _fitted_attributes(self, result, data, *, warm, keep_head=False):
        before = vars(self) if warm else None
        form = self._code_form()
        attributes, code_mean = fitted_attributes(
            result, data, form, before=before, keep_head=keep_head
        )
        attributes["n_samples_"] = len(data.X)
        sizes = result.network.arguments.get("hidden_layer_sizes")
        if sizes is not None:
            attributes["hidden_layer_sizes_"] = sizes
        # `partial_fit` keeps the starts of the previous fit.
        if hasattr(self, "n_init") and not keep_head:
            attributes["n_init_"] = len(result.start_losses)
            attributes["start_losses_"] = np.array(result.start_losses)
        own = self._own_attributes(attributes | {"code_mean": code_mean}, data)
        return attributes | own

    def _check_partial_fit(self):
        super()._check_partial_fit()
        if isinstance(self.n_components, str | float):
            raise ValueError(
                "partial_fit requires n_components to be an int or None, as the share "
                "of the variance that components explain is known only with all the "
                f"data. Got {self.n_components!r}."
            )

    def _early_samples_with(self, data):
        n_features = data.X.shape[1]
        if not hasattr(self, "network_"):
            n_components = n_components_of_stream(self, n_features)
            return EarlySamples(data), enough_samples(n_components, n_features)
        self._check_same_network()
        enough = enough_samples(self.n_components_, n_features)
        if self._early_samples is not None:
            return self._early_samples.joined(data), enough
        n_at_start = self._n_at_start
        if n_at_start >= enough or not lacks_scale(self.network_):
            return None, enough
        # A model from few samples is replaced once there are twice as many.
        early = EarlySamples(data, n_at_start)
        return early if early.needs_new_start(enough) else early.newest(enough), enough

    def _standardized(self, data):
        return self._standardize_conditions(data)

    def _fit_without_training(self, X, **given):
        """Fit without training: the result is the linear path or a random network."""
        data, _ = self._check_data(X, None, **given, reset=True)
        seed = draw_seed(self.random_state)
        model, config, n_components = self._resolve(data, None, seed, warm=False)
        result = closed_form(model, config, data, n_components)
        attributes = self._fitted_attributes(result, data, warm=False)
        vars(self).update(attributes, _training_state=None, _seed=seed)
        return self


def _has_stages(model, config, warm):
    """Whether a fit consists of several stages, which are reported to callbacks."""
    return not warm and (
        model.pretrain is not None or largest_n_init(config, model) > 1
    )
