"""Several starts of one fit, of which the one with the smallest loss is kept."""

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


def largest_n_init(estimator):
    """Return the largest number of starts that a new fit of the estimator trains."""
    if estimator.n_init != "auto":
        return estimator.n_init
    return 3 if _chooses_starts(estimator) else 1


def train_starts(estimator, trainer, monitors):
    """Train from as many starts as `n_init` asks for; return the best `FitResult`.

    Parameters
    ----------
    estimator : BaseAutoencoder
    trainer : Trainer
        At the first start. The others have the same samples and validation samples.
    monitors : callable
        ``monitors(trainer)`` returns the monitors that report to the outside.

    Raises
    ------
    DivergedError
        If no start led to a usable network.
    """
    best, failure = trainer, _run(trainer, monitors, [])
    losses, last = [trainer.stopping.best_loss], trainer
    for index, kind in enumerate(_further_kinds(estimator, trainer), start=2):
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
        trainer.run(monitors)
    except DivergedError as error:
        return error
    return None


def _chooses_starts(estimator):
    """Whether further starts depend on the outcome of the first."""
    return (
        estimator.n_init == "auto"
        and estimator.init == "auto"
        and estimator.linear_path is not None
        and estimator.early_stopping is not False
        and not estimator._linear_path_is_optimal()
    )


def _further_kinds(estimator, first):
    """Return the kinds of the starts after the first, which has been trained."""
    if estimator.n_init != "auto":
        if estimator.init != "auto" or estimator.linear_path is None:
            return ["plain"] * (estimator.n_init - 1)
        return ["rough" if i % 2 == 0 else "plain" for i in range(estimator.n_init - 1)]
    kinds = []
    if not _chooses_starts(estimator) or first.judge is None:
        return kinds
    arguments = first.start.network.arguments
    has_few_codes = arguments["n_components"] <= _FEW_COMPONENTS
    n_values = first.n_samples * arguments["n_features"]
    is_small = has_few_codes and n_values <= _FEW_VALUES
    if is_small or _gained_little(estimator, first):
        kinds.append("rough")
    if has_few_codes and n_values <= _MANY_VALUES:
        kinds.append("textbook")
    return kinds


def _gained_little(estimator, trainer):
    """Whether the first epochs improved so little on the start that it may be stuck."""
    before = trainer.first_validation_loss
    after = min(trainer.stopping.curve[:_FIRST_EPOCHS], default=before)
    if estimator._loss_is_of_residuals():
        return after > (1 - _SMALL_GAIN) * before
    n_terms = len(trainer.start.scaling.mean) if estimator._sums_over_features else 1
    return before - after < _SMALL_GAIN_IN_NATS * n_terms
