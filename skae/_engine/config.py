"""What an estimator's training parameters mean in numbers."""

import functools

from skae._networks.cost import multiplications
from skae._training.loop import Plan
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae._utils.device import resolve_device
from skae._utils.threads import choose_n_threads, flops_per_step

# Measured, with Adam; other solvers have no decay by default.
_LARGEST_DEFAULT_ALPHA = 1000.0
_LARGEST_DEFAULT_BATCH = 64


def batch_size_for(estimator, n_samples):
    """Return the number of rows of a batch."""
    if estimator.batch_size == "auto":
        return min(_LARGEST_DEFAULT_BATCH, n_samples)
    return min(estimator.batch_size, n_samples)


def resources(estimator, network, n_samples):
    """Return the device and the number of threads that the work calls for."""
    batch_size = batch_size_for(estimator, n_samples)
    step = flops_per_step(multiplications(network), batch_size)
    whole = step * estimator.max_iter * n_samples / batch_size
    device = resolve_device(estimator.device, whole)
    if device.type == "mps" and estimator.precision == "float64":
        raise ValueError(
            "device='mps' has no float64. Use precision='float32' or device='cpu'."
        )
    return device, choose_n_threads(estimator.n_threads, step)


def make_plan(estimator, objective, batch_size, count, first_epoch):
    """Return the `Plan` of a fit to rows whose weights sum to `count`."""
    alpha = 0.0 if estimator.alpha == "auto" else estimator.alpha / count
    l1_ratio = estimator.l1_ratio
    if estimator.solver == "adamw":
        # Its optimiser has the squared part, as decay outside the gradient.
        alpha, l1_ratio = alpha * l1_ratio, 1.0
    return Plan(
        objective=objective,
        batch_size=batch_size,
        schedule=make_schedule(estimator, first_epoch),
        shuffle=estimator.shuffle,
        alpha=alpha,
        l1_ratio=l1_ratio,
        max_norm=estimator.max_norm,
        mixed_precision=estimator.precision == "bfloat16",
    )


def make_schedule(estimator, first_epoch):
    """Return the schedule of the learning rate, `first_epoch` epochs after a start."""
    schedule = SCHEDULES[estimator.learning_rate]
    return schedule(estimator.learning_rate_init, estimator.max_iter, first_epoch)


def make_optimizer(estimator, network, count, *, rough=False):
    """Return a function of `FlatParameters`, or None for a full-batch solver.

    The large weights of a `rough` start do not decay by default: that would undo what
    they are for (benchmarks/README.md).
    """
    if estimator.solver not in OPTIMIZERS:
        return None
    if estimator.solver != "adamw":
        return OPTIMIZERS[estimator.solver]
    alpha = estimator.alpha
    if alpha == "auto":
        alpha = 0.0 if rough else _default_alpha(estimator, network, count)
    decay = min(1.0, alpha * (1 - estimator.l1_ratio) / count)
    return functools.partial(OPTIMIZERS["adamw"], decoupled_decay=decay)


def _default_alpha(estimator, network, count):
    """Return what ``alpha="auto"`` stands for with ``solver="adamw"``.

    Decay draws the correction towards zero, the network towards its linear path:
    the stronger, the more of the variance that path explains (measured).
    """
    explained = estimator._decay_without_path
    if network.linear_path and network.contains_linear_path:
        explained = max(0.0, 1.0 - float(network.correction_scale) ** 2)
    return explained * min(_LARGEST_DEFAULT_ALPHA, count)
