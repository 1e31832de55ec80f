import math

import pytest
import torch
from torch import nn

from skae._training.early_stopping import EarlyStopping, NotFinite
from skae._training.state import FlatParameters, TrainingState


class Run:
    """Feeds a hand-made sequence of losses to `EarlyStopping`.

    A loss is a float, the mean, or a list of the losses of the rows.
    """

    def __init__(
        self,
        *,
        baseline=None,
        weight=None,
        n_iter_no_change=3,
        tol=0.0,
        plateaus=(),
        first_epoch=1,
    ):
        self.plateaus = list(plateaus)
        network = nn.Linear(1, 1)
        self.state = TrainingState(network, FlatParameters(network), None, None)
        self.state.record({"loss": 0.0})
        self.stopping = EarlyStopping(
            lambda state: self.loss,
            weight=as_rows(weight),
            baseline=as_rows(baseline),
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            on_plateau=lambda: self.plateaus.pop(0) if self.plateaus else False,
            first_epoch=first_epoch,
        )

    def epoch(self, loss):
        self.state.epoch += 1
        self.state.result.weight.data.fill_(self.state.epoch)
        self.loss = loss if isinstance(loss, float) else as_rows(loss)
        return self.stopping(self.state)

    def epochs(self, losses):
        """Number of epochs until it stops, at most all."""
        for loss in losses:
            if self.epoch(loss):
                break
        return self.state.epoch

    @property
    def kept(self):
        """The epoch whose network was kept; None for the start."""
        network = self.stopping.best_network
        return None if network is None else int(network.weight)


def as_rows(values):
    return None if values is None else torch.tensor(values, dtype=torch.float64)


# ----- when to stop ------------------------------------------------------------


def test_it_stops_after_n_iter_no_change_epochs_that_are_no_better():
    run = Run(n_iter_no_change=3)
    assert run.epochs([5.0, 4.0, 4.5, 4.2, 4.1, 1.0]) == 5


def test_it_does_not_stop_while_the_loss_falls():
    assert Run().epochs([1 / n for n in range(1, 50)]) == 49


def test_progress_below_tol_does_not_count():
    losses = [1.0, 0.95, 0.91, 0.87, 0.1]
    assert Run(tol=0.2).epochs(losses) == 4
    assert Run(tol=0.01).epochs(losses) == 5


def test_small_steps_add_up_to_progress():
    # Each is below tol against the one before, not against the last that counted.
    losses = [1.0 - 0.06 * i for i in range(12)]
    assert Run(tol=0.1, n_iter_no_change=2).epochs(losses) == 12


def test_the_start_counts_as_an_epoch_to_beat():
    assert Run(baseline=[1.0, 1.0]).epochs([[2.0, 2.0]] * 9) == 3


def test_a_plateau_that_changes_something_starts_the_count_anew():
    run = Run(n_iter_no_change=2, plateaus=[True, True, False])
    assert run.epochs([1.0] * 20) == 7
    assert run.plateaus == []


def test_a_rule_is_asked_once_an_epoch():
    run = Run()
    run.epochs([3.0, 2.0, 4.0])
    assert run.stopping.curve == [3.0, 2.0, 4.0]


# ----- which epoch to keep -----------------------------------------------------


def test_the_best_epoch_is_kept_not_the_last():
    run = Run()
    run.epochs([5.0, 2.0, 3.0, 4.0])
    assert run.kept == run.stopping.best_epoch == 2
    assert run.stopping.best_loss == 2.0


def test_progress_below_tol_is_kept_all_the_same():
    run = Run(tol=10.0)
    run.epochs([5.0, 4.0, 3.0])
    assert run.kept == 3


def test_the_kept_network_is_a_copy():
    run = Run()
    run.epoch(1.0)
    run.state.result.weight.data.fill_(-1.0)
    assert run.kept == 1


def test_the_start_is_kept_when_no_epoch_is_better():
    run = Run(baseline=[1.0, 2.0])
    run.epochs([[1.5, 2.0], [1.0, 2.0]])
    assert run.kept is None
    assert run.stopping.best_epoch == 0
    assert run.stopping.best_loss == 1.5


# ----- evidence ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("gains", "is_evident"),
    [
        ([0.1, 0.1, 0.1, 0.1], True),  # sure: no spread
        ([1.0, -0.9, 1.0, -0.9], False),  # mean 0.05, standard error 0.475
        ([1.0, -0.2, 1.0, -0.2], False),  # mean 0.4, standard error 0.3
        ([1.0, 0.2, 1.0, 0.2], True),  # mean 0.6, standard error 0.2
        ([4.0, 0.0, 0.0, 0.0], False),  # one row: mean 1, standard error 0.866
        ([4.0, -0.3, -0.3, -0.3], False),  # mean 0.775, standard error 0.931
        ([0.0, 0.0, 0.0, 0.0], False),
    ],
)
def test_an_epoch_beats_the_start_by_more_than_two_standard_errors(gains, is_evident):
    run = Run(baseline=[5.0, 6.0, 7.0, 8.0])
    run.epoch([b - g for b, g in zip([5.0, 6.0, 7.0, 8.0], gains, strict=True)])
    assert (run.kept == 1) == is_evident


def test_more_rows_of_the_same_kind_make_evidence():
    few, many = Run(baseline=[1.0] * 2), Run(baseline=[1.0] * 200)
    few.epoch([0.0, 1.4])
    many.epoch([0.0, 1.4] * 100)
    assert few.kept is None and many.kept == 1


def test_without_evidence_an_improvement_still_delays_the_stop():
    run = Run(baseline=[1.0, 1.0])
    uncertain = [[0.9 - 0.1 * i, 1.05] for i in range(6)]
    assert run.epochs(uncertain) == 6


def test_without_a_start_to_beat_any_improvement_counts():
    run = Run()
    run.epochs([[1.0, 2.0], [0.0, 2.9]])
    assert run.kept == 2


# ----- weights -----------------------------------------------------------------


def test_the_loss_is_the_weighted_mean():
    run = Run(weight=[3.0, 1.0])
    run.epoch([1.0, 5.0])
    assert run.stopping.curve == [2.0]


def test_the_unit_of_the_weights_does_not_matter():
    for unit in (1e-3, 1.0, 1e3):
        run = Run(baseline=[4.0, 4.0], weight=[3 * unit, unit])
        run.epoch([1.0, 3.0])
        assert run.stopping.curve == pytest.approx([1.5])
        # Gain 2.5; standard error sqrt((.75 * .5)^2 + (.25 * 1.5)^2) = 0.53.
        assert run.kept == 1


def test_a_heavy_row_is_less_evidence_than_many_light_ones():
    # The same mean gain of 1: of one row that decides, and of all rows alike.
    decided = Run(baseline=[4.0, 4.0, 4.0], weight=[2.0, 0.5, 0.5])
    decided.epoch([1.0, 6.0, 6.0])
    alike = Run(baseline=[4.0, 4.0, 4.0], weight=[1.0, 1.0, 1.0])
    alike.epoch([2.5, 3.5, 3.0])
    assert decided.kept is None and alike.kept == 1


# ----- losses that are not finite ----------------------------------------------


@pytest.mark.parametrize("loss", [math.nan, math.inf, [1.0, math.nan]])
def test_a_loss_that_is_not_finite_ends_training_and_is_never_the_best(loss):
    run = Run()
    run.epoch(1.0 if isinstance(loss, float) else [1.0, 1.0])
    with pytest.raises(NotFinite):
        run.epoch(loss)
    assert run.kept == run.stopping.best_epoch == 1
    assert run.stopping.best_loss == 1.0


def test_a_training_loss_that_is_not_finite_ends_training_too():
    run = Run()
    run.state.history["loss"] = [math.nan]
    with pytest.raises(NotFinite):
        run.epoch(1.0)
    assert run.kept is None


# ----- epochs that are not judged ------------------------------------------------


def test_patience_starts_with_the_first_epoch_that_is_judged():
    losses = [1.0, 2.0, 3.0, 4.0, 5.0, 4.5, 4.6, 4.7, 4.8]
    assert Run(first_epoch=5, n_iter_no_change=3).epochs(losses) == 9
    assert Run(first_epoch=1, n_iter_no_change=3).epochs(losses) == 4


def test_an_epoch_before_the_first_is_never_kept():
    run = Run(first_epoch=4)
    run.epochs([1.0, 1.0, 1.0])
    assert run.kept is None and run.stopping.best_epoch == 0
    run.epochs([5.0])
    assert run.kept == 4 and run.stopping.best_loss == 5.0
    assert run.stopping.curve == [1.0, 1.0, 1.0, 5.0]


def test_an_epoch_that_is_not_judged_must_be_finite_all_the_same():
    with pytest.raises(NotFinite):
        Run(first_epoch=4).epoch(math.nan)
