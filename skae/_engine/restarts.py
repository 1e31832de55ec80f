"""Training from several starts and selection of the one with the lowest loss."""

from skae._engine.run import run
from skae._training.early_stopping import DivergedError

# If the first epochs of the first start reduce the validation loss of PCA by less than
# this share, training may be stuck at PCA, which is a saddle point for data that are
# symmetric about their mean (benchmarks/README.md).
_SMALL_GAIN, _FIRST_EPOCHS = 0.05, 10
# The same for a log likelihood, in nats per feature: log(1 / 0.95) / 2, the gain if the
# variance of Gaussian noise decreases by that share.
_SMALL_GAIN_IN_NATS = 0.0256
# With so few components PCA is often a poor start. X may have at most these numbers of
# elements for a rough start, which then takes seconds, and for one without linear path.
_FEW_COMPONENTS = 3
_FEW_VALUES, _MANY_VALUES = 2**19, 2**22


def largest_n_init(config, model):
    """Return the maximum number of starts of a new fit."""
    if config.n_init is not None:
        return config.n_init
    return 3 if _chooses_starts(config, model) else 1


def train_starts(config, model, trainer, monitors):
    """Train from `n_init` starts and return the best `FitResult`.

    Parameters
    ----------
    config : TrainingConfig
    model : Model
    trainer : Trainer
        Trainer of the first start. The others use the same samples for training and
        validation.
    monitors : callable
        ``monitors(trainer)`` returns monitors that report to callbacks.

    Raises
    ------
    DivergedError
        If no start resulted in a usable network.
    """
    best, failure = trainer, _run(trainer, monitors, [])
    losses, last = [trainer.stopping.best_loss], trainer
    for index, kind in enumerate(_further_kinds(config, model, trainer), start=2):
        if last.interrupted is not None or last.stopped_from_outside:
            break
        try:
            last = trainer.restart(index, kind)
        except KeyboardInterrupt as interrupt:
            last.interrupted = interrupt
            break
        failed = _run(last, monitors, losses)
        losses.append(last.stopping.best_loss)
        if losses[-1] < best.stopping.best_loss or (failure and not failed):
            best, failure = last, failed
    if failure is not None:
        raise failure
    result = best.result()
    result.start_losses, result.interrupted = losses, last.interrupted
    return result


def _run(trainer, monitors, losses):
    """Train from a start; return the error if there is no usable network."""
    trainer.losses_before = list(losses)
    try:
        run(trainer, monitors)
    except DivergedError as error:
        return error
    return None


def _chooses_starts(config, model):
    """Whether the number of starts depends on the result of the first."""
    return (
        config.n_init is None
        and config.init == "auto"
        and config.has_linear_path
        and not config.trains_without_evidence
        and not model.linear_path_is_optimal
    )


def _further_kinds(config, model, first):
    """Return the kinds of the starts after the first, given its trainer."""
    if config.n_init is not None:
        n_further = config.n_init - 1
        if config.init != "auto" or not config.has_linear_path:
            return ["plain"] * n_further
        return ["rough" if i % 2 == 0 else "plain" for i in range(n_further)]
    kinds = []
    if not _chooses_starts(config, model) or first.evaluator is None:
        return kinds
    arguments = first.initial.network.arguments
    has_few_codes = arguments["n_components"] <= _FEW_COMPONENTS
    n_values = first.n_samples * arguments["n_features"]
    is_small = has_few_codes and n_values <= _FEW_VALUES
    if is_small or _gained_little(config, first):
        kinds.append("rough")
    if has_few_codes and n_values <= _MANY_VALUES:
        kinds.append("textbook")
    return kinds


def _gained_little(config, trainer):
    """Whether the first epochs improved little, so that training may be stuck."""
    before = trainer.first_validation_loss
    after = min(trainer.stopping.curve[:_FIRST_EPOCHS], default=before)
    if config.loss_is_of_residuals:
        return after > (1 - _SMALL_GAIN) * before
    n_terms = len(trainer.initial.scaling.mean) if config.sums_over_features else 1
    return before - after < _SMALL_GAIN_IN_NATS * n_terms
