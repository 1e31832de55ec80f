"""The steps of the fit of a predictor."""

import copy

from skae._engine.config import resolve_config, training_dtype
from skae._engine.early_samples import FEWEST_SAMPLES, EarlySamples, should_start_anew
from skae._engine.fit_result import Progress
from skae._engine.fitted_attributes import (
    joined_curves,
    network_attributes,
    training_attributes,
)
from skae._engine.initialization import InitialModel
from skae._engine.progress import ProgressReporter
from skae._engine.run import run
from skae._engine.trainer import Trainer
from skae._estimators.base.fitting import FittingMixin
from skae._estimators.base.validation import check_same_arguments
from skae._estimators.supervised.data import check_labeled, split_labeled
from skae._estimators.supervised.scores import ScoreMonitor
from skae._networks.head import Head
from skae._utils.threads import limit_threads


class PredictorFitting(FittingMixin):
    """Fits the network from `_initialize` to class labels or regression targets."""

    def _objective(self, scaling, corruption):
        return self._make_objective(None, corruption)

    def _check_data(self, X, y, *, reset, **given):
        self._check_parameters()
        target = None if reset else self._target
        return check_labeled(self, X, y, **given, target=target), None

    def _continue_or_begin(self, data):
        if not should_start_anew(self._n_at_start, data.n_samples, FEWEST_SAMPLES):
            return True, data
        return False, data.with_scale_of_labels()

    def _resolve(self, data, validation, seed, *, warm):
        """Return training samples, validation samples and the pool for pretraining."""
        return split_labeled(self, data, seed)

    def _n_stages(self, resolved, data, *, warm):
        return 1 if warm else self._n_stages_before() + 1

    def _train(self, resolved, data, validation, seed, progress, *, warm):
        samples, validation, pool = resolved
        initial, own = self._initial_model(pool, data, seed, progress, warm=warm)
        previous = self._progress(initial.network) if warm else Progress()
        strategy = "none" if validation is None else "holdout"
        config = self._config(
            initial, samples, seed, "given" if data.validation else strategy
        )
        with limit_threads(config.n_threads):
            trainer = Trainer.prepare(
                config, self._objective, initial, samples, validation, previous
            )
            scores = ScoreMonitor(trainer.evaluator, data.target, initial.network)

            def attributes_now(state):
                result = trainer.result(copy.deepcopy(state.result))
                result.validation_scores = scores.scores
                return self._fitted_attributes(result, data, warm=warm) | own

            monitor = progress.next_stage(
                "fine-tuning", config.max_iter, attributes_now
            )
            run(trainer, lambda trainer: [scores, monitor])
        result = trainer.result()
        result.validation_scores = scores.scores
        return result, own

    def _train_one_epoch(self, data, seed, previous, *, new_model):
        samples, _, pool = split_labeled(self, data, seed, may_split=False)
        progress = ProgressReporter(type(self).__name__, self.verbose)
        initial, own = self._initial_model(
            pool, data, seed, progress, warm=not new_model
        )
        if not new_model:
            previous = self._progress(initial.network)
        config = self._config(initial, samples, seed, "none")
        with limit_threads(config.n_threads):
            trainer = Trainer.prepare(
                config, self._objective, initial, samples, None, previous
            )
            trainer.run_one_epoch()
        return trainer.result(), own

    def _initial_model(self, pool, data, seed, progress, *, warm):
        """Return the `InitialModel` and the fitted attributes of its initialization."""
        n_outputs = data.target.n_outputs
        if not warm:
            return self._initialize(pool, n_outputs, seed, progress)
        check_same_arguments(self.network_, self._network_from_parameters(n_outputs))
        network = self._network_to_continue().to(training_dtype(self.precision))
        return InitialModel(self._scaling, network), {}

    def _config(self, initial, samples, seed, strategy):
        return resolve_config(
            type(self).__name__,
            self._training_parameters(),
            initial.network,
            len(samples.X),
            seed,
            validation_strategy=strategy,
        )

    def _fitted_attributes(self, result, data, *, warm, keep_head=False):
        network = result.network
        before = vars(self) if warm else None
        scores = result.validation_scores
        if warm:
            scores = joined_curves(
                self.validation_scores_,
                scores,
                len(self.loss_curve_),
                len(result.loss_curve),
            )
        return {
            "n_samples_": data.n_with_target,
            **training_attributes(result, before),
            "validation_scores_": scores,
            **network_attributes(result, Head.identity(network.n_codes)),
            "hidden_layer_sizes_": network.arguments["hidden_layer_sizes"],
            "_target": data.target,
            **self._target_attributes(data.target),
        }

    def _early_samples_with(self, data):
        if not hasattr(self, "network_"):
            return EarlySamples(data), FEWEST_SAMPLES
        early = self._early_samples
        return None if early is None else early.joined(data), FEWEST_SAMPLES
