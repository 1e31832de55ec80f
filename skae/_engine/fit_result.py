"""The outcome of a fit, and that of the fits before it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from skae._engine.config import TrainingConfig
from skae._engine.initialization import Pretraining
from skae._networks.scaling import Scaling
from skae._training.state import TrainingState


class Progress(NamedTuple):
    """The outcome of earlier fits of the same model.

    Attributes
    ----------
    n_epochs, best_epoch : int
    state : TrainingState or None
        None where the optimizer's moments were not kept.
    loss_scale : float or None
        That of the state; None where there was none to train.
    kind : str
        Of the start that was kept, as in `redrawn`.
    """

    n_epochs: int = 0
    best_epoch: int = 0
    state: TrainingState | None = None
    loss_scale: float | None = None
    kind: str = "plain"


@dataclass
class FitResult:
    """The outcome of a fit.

    Attributes
    ----------
    scaling : Scaling
    network : nn.Module
    best_epoch, n_epochs : int
        Counted from the first fit of the model.
    loss_curve, validation_loss_curve : list of float
        From the start of this fit on, before its first epoch; the second is
        None without validation samples.
    config : TrainingConfig
    alpha : float
        Weight decay of the start that was kept.
    first_full_epoch : int
        The first epoch that minimized the whole loss.
    state : TrainingState or None
        For a later `partial_fit` or warm start.
    loss_scale : float or None
        Of the state, for one that does without.
    interrupted : KeyboardInterrupt or None
        To be raised again once the estimator is fitted.
    pretraining : Pretraining or None
        Of the network that this fit began with.
    start_losses : list of float
        The best loss of each start that was trained.
    linear_decoder : Tensor of shape (n_features, n_components) or None
        Of the first start's linear path, where `network` is of a start without it.
    kind : str
        Of the start, as in `redrawn`.
    validation_scores : list of float or None
        Of a predictor, entry 0 before the first epoch; None without validation.
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
