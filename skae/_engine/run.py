"""Running the epochs of a trainer."""

from sklearn.exceptions import ConvergenceWarning

from skae._training.callbacks import VerboseMonitor
from skae._training.early_stopping import DivergedError, NotFinite
from skae._training.full_batch import minimize
from skae._utils.thread_counts import limit_blas
from skae._utils.warnings import warn_caller


def run(trainer, monitors):
    """Train until `max_iter`, a monitor or an interrupt ends the training.

    An interrupt is stored as ``trainer.interrupted`` and not raised.

    Parameters
    ----------
    trainer : Trainer
    monitors : callable
        ``monitors(trainer)`` returns monitors that report to callbacks.

    Raises
    ------
    DivergedError
        If the loss becomes not finite before there is a usable network.
    """
    if trainer.interrupted is not None:
        return
    own = [trainer.stopping]
    if trainer.config.verbose:
        own.append(_verbose_monitor(trainer))
    trainer.adapt_loss_scale()
    reporters = []
    try:
        # This ends the task of the previous start, where a callback may interrupt.
        reporters = monitors(trainer)
        _run_solver(trainer, [*own, *reporters])
    except NotFinite:
        _report_not_finite(trainer)
    except KeyboardInterrupt as interrupt:
        trainer.interrupted = interrupt
    trainer.stopped_from_outside = any(
        getattr(monitor, "asked_to_stop", False) for monitor in reporters
    )
    trainer.state.network.eval()


def _verbose_monitor(trainer):
    name = trainer.config.name
    if trainer.index > 1:
        name += f", start {trainer.index}"
    has_validation = trainer.evaluator is not None
    return VerboseMonitor(name, trainer.stopping, has_validation)


def _run_solver(trainer, monitors):
    config = trainer.config
    if config.is_stochastic:
        trainer.loop.run(config.max_iter, monitors)
        return
    with limit_blas(config.n_threads):
        converged = minimize(
            trainer.state,
            trainer.rows,
            trainer.plan,
            config.solver,
            config.max_iter,
            config.tol,
            monitors,
        )
    if not converged:
        warn_caller(
            f"solver={config.solver!r} stopped at max_iter={config.max_iter} before "
            f"the gradient was below tol={config.tol}. Increase max_iter or tol.",
            ConvergenceWarning,
        )


def _report_not_finite(trainer):
    """Warn if there is a usable network so far; raise an error otherwise."""
    best = trainer.stopping.best_network
    if best is None and not trainer.has_usable_start():
        raise DivergedError(trainer.describe_not_finite())
    kept = "result" if trainer.index == 1 else "result of this start"
    warn_caller(
        f"{trainer.describe_not_finite()} The {kept} is that of epoch "
        f"{trainer.stopping.best_epoch}.",
        ConvergenceWarning,
    )
