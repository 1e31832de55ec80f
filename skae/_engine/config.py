"""The settings of a fit: every parameter of training, with 'auto' resolved."""

import functools
from dataclasses import dataclass, replace

import torch

from skae._networks.cost import multiplications
from skae._training.loop import Plan
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae._utils.device import resolve_device
from skae._utils.threads import choose_n_threads, flops_per_step

# These defaults were chosen with Adam on the data sets of benchmarks/README.md.
_LARGEST_DEFAULT_ALPHA = 1000.0
_LARGEST_DEFAULT_BATCH = 64
# Parameters that are copied into the configuration.
_UNCHANGED = (
    "average",
    "dropout",
    "early_stopping",
    "init",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "max_norm",
    "n_iter_no_change",
    "shuffle",
    "solver",
    "tol",
    "validation_fraction",
)
# All parameters that `resolve_config` reads. Not every estimator has the last two.
PARAMETERS = (
    *_UNCHANGED,
    *("alpha", "batch_size", "device", "n_threads", "precision", "verbose"),
    *("l1_ratio", "n_init"),
)


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a fit, which stay constant during the fit.

    Attributes
    ----------
    name : str
        Name of the estimator's class, used in messages.
    seed : int
    device : torch.device
    dtype : torch.dtype
        Dtype of the weights during training.
    mixed_precision : bool
    n_threads : int
        Number of threads of a training step.
    max_threads : int or None
        The parameter `n_threads`, which limits the threads of all other computations.
    batch_size, max_iter, n_iter_no_change : int
    solver, learning_rate, init : str
    learning_rate_init, tol, l1_ratio, dropout, validation_fraction : float
    alpha : float or None
        Weight decay. None means the share of the variance that the linear path
        explains, or `decay_without_path`, times the number of samples or 1000,
        whichever is smaller.
    max_norm : float or None
    average, shuffle, verbose : bool
    n_init : int or None
        Number of starts. None means that it depends on the result of the first start.
    validation_strategy : {"given", "holdout", "cross-validation", "none"}
    early_stopping : bool or str
        The parameter, used in messages.
    correction_seed : int
        Seed of the initial weights of the correction. A warm start uses the seed of
        the first fit.
    has_linear_path : bool
    loss_is_of_residuals : bool
        Whether the smallest possible loss is zero, unlike that of a likelihood.
    sums_over_features : bool
        Whether the loss of a sample is a sum over the features, not a mean.
    decay_without_path : float
        Default weight decay of a network without a linear path, as a fraction of that
        of a network whose linear path explains all of the variance.
    """

    name: str
    seed: int
    device: torch.device
    dtype: torch.dtype
    mixed_precision: bool
    n_threads: int
    max_threads: int | None
    batch_size: int
    max_iter: int
    n_iter_no_change: int
    solver: str
    learning_rate: str
    init: str
    learning_rate_init: float
    tol: float
    l1_ratio: float
    dropout: float
    validation_fraction: float
    alpha: float | None
    max_norm: float | None
    average: bool
    shuffle: bool
    verbose: bool
    n_init: int | None
    validation_strategy: str
    early_stopping: bool | str
    correction_seed: int
    has_linear_path: bool = False
    loss_is_of_residuals: bool = False
    sums_over_features: bool = False
    decay_without_path: float = 1.0

    @property
    def trains_without_evidence(self):
        """Whether a network with a linear path is trained without validation data."""
        return self.early_stopping is False

    @property
    def is_stochastic(self):
        """Whether the solver uses mini-batches."""
        return self.solver in OPTIMIZERS


def resolve_config(
    name,
    parameters,
    network,
    n_samples,
    seed,
    *,
    validation_strategy="none",
    correction_seed=None,
    **facts,
):
    """Return the `TrainingConfig` of an estimator's parameters.

    Parameters
    ----------
    name : str
        Name of the estimator's class.
    parameters : dict
        Values of `PARAMETERS`.
    network : nn.Module
        A network of the size to be trained.
    n_samples, seed : int
    validation_strategy : str
    correction_seed : int or None
        None means `seed`.
    **facts : bool or float
        Further attributes of the configuration.

    Returns
    -------
    config : TrainingConfig

    Raises
    ------
    ValueError
        If the device does not support the precision.
    """
    batch_size = resolve_batch_size(parameters["batch_size"], n_samples)
    step = flops_per_step(multiplications(network), batch_size)
    work = step * parameters["max_iter"] * n_samples / batch_size
    device = resolve_device(parameters["device"], work)
    precision = parameters["precision"]
    _check_precision(device, precision)
    alpha, n_init = parameters["alpha"], parameters.get("n_init", 1)
    return TrainingConfig(
        name=name,
        seed=seed,
        device=device,
        dtype=training_dtype(precision),
        mixed_precision=precision == "bfloat16",
        n_threads=choose_n_threads(parameters["n_threads"], step),
        max_threads=parameters["n_threads"],
        batch_size=batch_size,
        alpha=None if alpha == "auto" else float(alpha),
        l1_ratio=parameters.get("l1_ratio", 0.0),
        n_init=None if n_init == "auto" else n_init,
        verbose=bool(parameters["verbose"]),
        validation_strategy=validation_strategy,
        correction_seed=seed if correction_seed is None else correction_seed,
        **{key: parameters[key] for key in _UNCHANGED},
        **facts,
    )


def _check_precision(device, precision):
    if device.type == "mps" and precision == "float64":
        raise ValueError(
            "device='mps' has no float64. Use precision='float32' or device='cpu'."
        )


def resolve_batch_size(batch_size, n_samples):
    """Return the number of samples of a batch."""
    wanted = _LARGEST_DEFAULT_BATCH if batch_size == "auto" else batch_size
    return min(wanted, n_samples)


def training_dtype(precision):
    """Return the dtype of the weights in training."""
    return torch.float64 if precision == "float64" else torch.float32


def make_plan(config, objective, n_samples, count, first_epoch):
    """Return the `Plan` of training on samples whose weights sum to `count`."""
    alpha, l1_ratio = (config.alpha or 0.0) / count, config.l1_ratio
    if config.solver == "adamw":
        # The optimizer applies the squared part as decoupled decay.
        alpha, l1_ratio = alpha * l1_ratio, 1.0
    return Plan(
        objective=objective,
        batch_size=min(config.batch_size, n_samples),
        schedule=make_schedule(config, first_epoch),
        shuffle=config.shuffle,
        alpha=alpha,
        l1_ratio=l1_ratio,
        max_norm=config.max_norm,
        mixed_precision=config.mixed_precision,
    )


def make_schedule(config, first_epoch):
    """Return the schedule of the learning rate from epoch `first_epoch` on."""
    schedule = SCHEDULES[config.learning_rate]
    return schedule(config.learning_rate_init, config.max_iter, first_epoch)


def make_optimizer(config, alpha, count):
    """Return a function that makes the optimizer of `FlatParameters`.

    Return None for a full-batch solver.
    """
    if config.solver != "adamw":
        return OPTIMIZERS.get(config.solver)
    decay = min(1.0, alpha * (1 - config.l1_ratio) / count)
    return functools.partial(OPTIMIZERS["adamw"], decoupled_decay=decay)


def resolve_alpha(config, network, count, *, rough=False):
    """Return the weight decay of a network, in the unit of the parameter `alpha`.

    Weight decay shrinks the correction and so draws the network towards its linear
    path. The default is stronger the more of the variance the linear path explains. It
    is zero for solvers other than 'adamw' and for a `rough` start, whose large weights
    must not shrink (benchmarks/README.md).
    """
    if config.alpha is not None:
        return config.alpha
    if config.solver != "adamw" or rough:
        return 0.0
    explained = config.decay_without_path
    if network.linear_path and network.contains_linear_path:
        explained = max(0.0, 1.0 - float(network.correction_scale) ** 2)
    return explained * min(_LARGEST_DEFAULT_ALPHA, count)


def at_constant_rate(plan, config):
    """Return the plan with a constant learning rate, for `partial_fit`."""
    schedule = SCHEDULES["constant"](config.learning_rate_init, max_iter=1)
    return replace(plan, schedule=schedule)
