"""The result of a fit and the progress of earlier fits."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from skae._engine.config import TrainingConfig
from skae._engine.initialization import Pretraining
from skae._networks.scaling import Scaling
from skae._training.state import TrainingState


class Progress(NamedTuple):
    """The progress of earlier fits of the same model.

    Attributes
    ----------
    n_epochs, best_epoch : int
        Number of epochs so far, and the epoch whose weights were kept.
    state : TrainingState or None
        None if the state of the optimizer was not kept.
    loss_scale : float or None
        Divisor of the loss; None if nothing was trained.
    kind : str
        Kind of the selected start, as in `redrawn`.
    """

    n_epochs: int = 0
    best_epoch: int = 0
    state: TrainingState | None = None
    loss_scale: float | None = None
    kind: str = "plain"


@dataclass
class FitResult:
    """The result of a fit.

    Attributes
    ----------
    scaling : Scaling
    network : nn.Module
    best_epoch, n_epochs : int
        Counted from the first fit of the model.
    loss_curve, validation_loss_curve : list of float
        Losses of this fit, with entry 0 before its first epoch. The second is None
        without validation samples.
    config : TrainingConfig
    alpha : float
        Weight decay of the selected start.
    first_full_epoch : int
        The first epoch that minimized the entire loss.
    state : TrainingState or None
        State to continue from in `partial_fit` or a warm start.
    loss_scale : float or None
        Divisor of the loss, which is kept even if the state is not.
    interrupted : KeyboardInterrupt or None
        The interrupt to raise again once the estimator is fitted.
    pretraining : Pretraining or None
        Outcome of the pretraining of the network.
    start_losses : list of float
        The best loss of each start.
    linear_decoder : Tensor of shape (n_features, n_components) or None
        Linear decoder of the first start, if the selected start has no linear path.
    kind : str
        Kind of the selected start, as in `redrawn`.
    validation_scores : list of float or None
        Scores of a predictor, with entry 0 before the first epoch. None without
        validation samples.
    """

    scaling: Scaling
    network: nn.Module
    best_epoch: int
    n_epochs: int
    loss_curve: list
    validation_loss_curve: list | None = None
    config: TrainingConfig | None = None
    alpha: float = 0.0
    first_full_epoch: int = 1
    state: TrainingState | None = None
    loss_scale: float | None = None
    interrupted: KeyboardInterrupt | None = None
    pretraining: Pretraining | None = None
    start_losses: list = field(default_factory=list)
    linear_decoder: Tensor | None = None
    kind: str = "plain"
    validation_scores: list | None = None
