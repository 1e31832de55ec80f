"""Several starts of one fit, of which the one with the smallest loss is kept."""

from skae._engine.run import run
from skae._training.early_stopping import DivergedError

# A first start that lowers PCA's validation loss by less than this share in its first
# epochs may be stuck at PCA, a saddle point where the data are symmetric about their
# mean (benchmarks/README.md).
_SMALL_GAIN, _FIRST_EPOCHS = 0.05, 10
# The same of a log likelihood in nats per feature: log(1 / 0.95) / 2, the gain where
# the variance of Gaussian noise falls by that share.
_SMALL_GAIN_IN_NATS = 0.0256
# With so few codes PCA's are often no good ones to begin from. How many values X may
# have for a rough start, which takes seconds then, and for one without the linear path.
_FEW_COMPONENTS = 3
_FEW_VALUES, _MANY_VALUES = 2**19, 2**22


def largest_n_init(config, model):
    """Return the largest number of starts that a new fit trains."""
    if config.n_init is not None:
        return config.n_init
    return 3 if _chooses_starts(config, model) else 1


def train_starts(config, model, trainer, monitors):
    """Train from as many starts as `n_init` asks for; return the best `FitResult`.

    Parameters
    ----------
    config : TrainingConfig
    model : Model
    trainer : Trainer
        At the first start. The others have the same samples and validation samples.
    monitors : callable
        ``monitors(trainer)`` returns monitors that report to callbacks.

    Raises
    ------
    DivergedError
        If no start led to a usable network.
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
    """Train from a start; return the error that left it without a usable network."""
    trainer.losses_before = list(losses)
    try:
        run(trainer, monitors)
    except DivergedError as error:
        return error
    return None


def _chooses_starts(config, model):
    """Whether further starts depend on the outcome of the first."""
    return (
        config.n_init is None
        and config.init == "auto"
        and config.has_linear_path
        and not config.trains_without_evidence
        and not model.linear_path_is_optimal
    )


def _further_kinds(config, model, first):
    """Return the kinds of the starts after the first, which has been trained."""
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
    """Whether the first epochs improved so little on the start that it may be stuck."""
    before = trainer.first_validation_loss
    after = min(trainer.stopping.curve[:_FIRST_EPOCHS], default=before)
    if config.loss_is_of_residuals:
        return after > (1 - _SMALL_GAIN) * before
    n_terms = len(trainer.initial.scaling.mean) if config.sums_over_features else 1
    return before - after < _SMALL_GAIN_IN_NATS * n_terms
