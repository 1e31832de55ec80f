"""The objectives of autoencoders: whether and which gradient they have."""

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest
import torch
from engine import ContrastiveDivergence
from objectives import FunctionCriterion, FunctionObjective

from skae._estimators.dense.contractive import ContractiveObjective
from skae._estimators.dense.sparsity import (
    KLPenalty,
    L1Penalty,
    PenalizedObjective,
    TopKObjective,
)
from skae._estimators.sequences.recurrent import PaddedLoss
from skae._estimators.supervised.targets import (
    ClassificationObjective,
    RegressionObjective,
)
from skae._networks.dense import DenseAutoencoder
from skae._networks.predictor import StackedPredictor
from skae._networks.sparse import RectifiedAutoencoder
from skae._training.backward.registry import make_tape
from skae._training.criterion import Criterion, SquaredError
from skae._training.data import Rows
from skae._training.loop import Plan, train
from skae._training.objective import Objective, ReconstructionObjective
from skae._training.optimizers import Adam
from skae._training.schedules import Constant
from skae._training.state import FlatParameters, TrainingState

N_ROWS, N_FEATURES = 12, 6
CUBES = FunctionCriterion(lambda output, target: (output - target).abs() ** 3)


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def make_rows(weighted, n_outputs=3):
    x, target = normal(N_ROWS, N_FEATURES), normal(N_ROWS, N_FEATURES, seed=1)
    weight = normal(N_ROWS, seed=2).abs()
    y = torch.nn.functional.one_hot(torch.arange(N_ROWS) % n_outputs).double()
    return Rows(x, target, weight / weight.mean() if weighted else None, y)


def initialized(network):
    network = network.double()
    network.initialize("normal", torch.Generator().manual_seed(0))
    for i, parameter in enumerate(network.parameters()):
        parameter.data += 0.1 * normal(*parameter.shape, seed=i)
    return network.train()


def dense(**options):
    return DenseAutoencoder(
        N_FEATURES, 4, (5,), "silu", linear_path=False, dropout=0.2, **options
    )


def noisy(x, generator):
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return torch.where(noise > 0, x + noise, x)


WITH_GRADIENT = [
    (ReconstructionObjective(SquaredError()), dense),
    (ReconstructionObjective(SquaredError(0.5), noisy), dense),
    (ReconstructionObjective(SquaredError(), noisy, (1.0, 0.3)), dense),
    (ReconstructionObjective(SquaredError(), noisy, (0.5, 0.5)), dense),
    (
        PenalizedObjective(SquaredError(), KLPenalty(0.1), 2.0),
        lambda: dense(code_activation="logistic"),
    ),
    (
        PenalizedObjective(SquaredError(), L1Penalty(), 2.0),
        lambda: RectifiedAutoencoder(N_FEATURES, 9, (5,), "silu"),
    ),
    (ClassificationObjective(), lambda: StackedPredictor(N_FEATURES, 3, (5,), "silu")),
    (
        RegressionObjective("huber"),
        lambda: StackedPredictor(N_FEATURES, 3, (5,), "silu"),
    ),
]
WITHOUT = [
    FunctionObjective(len),
    ReconstructionObjective(CUBES),
    ReconstructionObjective(PaddedLoss(SquaredError(), 3.0)),
    PenalizedObjective(CUBES, L1Penalty(), 2.0),
    TopKObjective(SquaredError(), 1.0),
    ContractiveObjective(SquaredError(), 1.0),
    ContrastiveDivergence(),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("objective", "make_network"), WITH_GRADIENT)
def test_the_gradient_and_the_means_are_those_of_the_losses(
    objective, make_network, weighted
):
    assert objective.has_gradient
    rows, network = make_rows(weighted), initialized(make_network())
    parameters = FlatParameters(network)
    terms = objective.losses(network, rows, torch.Generator().manual_seed(3))
    weight = torch.ones(N_ROWS).double() if rows.weight is None else rows.weight
    (sum(terms.values()) * weight).sum().mul(0.3).backward()
    expected = parameters.gradient.clone()
    parameters.gradient.fill_(torch.nan)
    share = 0.3 if rows.weight is None else 0.3 * weight.unsqueeze(1)
    with torch.inference_mode():
        means = objective.gradient(
            make_tape(network), rows, torch.Generator().manual_seed(3), share
        )
    torch.testing.assert_close(parameters.gradient, expected, rtol=1e-10, atol=1e-12)
    assert list(means) == list(terms)
    for name, losses in terms.items():
        torch.testing.assert_close(means[name], (losses * weight).mean().detach())


@pytest.mark.parametrize("objective", WITHOUT, ids=lambda o: type(o).__name__)
def test_an_objective_without_gradient_says_so(objective):
    assert not objective.has_gradient
    if type(objective).gradient is Objective.gradient:
        with pytest.raises(NotImplementedError, match="has no gradient"):
            objective.gradient(None, None, None, 1.0)


@pytest.mark.parametrize("criterion", [SquaredError(), CUBES])
def test_the_name_of_the_field_does_not_decide_about_the_gradient(criterion):
    @dataclass(frozen=True)
    class Renamed(Objective):
        elementwise: Criterion

        @property
        def has_gradient(self):
            return self.elementwise.has_gradient

        def losses(self, network, rows, generator):
            return ReconstructionObjective(self.elementwise).losses(
                network, rows, generator
            )

        def gradient(self, tape, rows, generator, share):
            calls.append(len(rows))
            return ReconstructionObjective(self.elementwise).gradient(
                tape, rows, generator, share
            )

    calls = []
    state = TrainingState.begin(
        initialized(dense()), Adam, torch.Generator(), loss_scale=1.0, average=False
    )
    plan = Plan(Renamed(criterion), N_ROWS // 2, Constant(1e-3, 10))
    train(state, make_rows(weighted=False), plan, 2, [])
    assert calls == (4 * [N_ROWS // 2] if criterion.has_gradient else [])


def test_a_criterion_without_gradient_raises_if_it_is_asked_for_one():
    with pytest.raises(NotImplementedError, match="has no gradient"):
        CUBES.with_gradient(None, None, 1.0)


@pytest.mark.parametrize(
    "objective", [o for o, _ in WITH_GRADIENT], ids=lambda o: type(o).__name__
)
def test_objectives_are_frozen_and_equal_by_their_settings(objective):
    assert replace(objective) == objective
    assert objective.in_epoch(3) is objective
    assert objective.first_full_epoch == 1
    for name in ("criterion", "loss", "weight"):
        with pytest.raises(FrozenInstanceError):
            setattr(objective, name, None)


def test_only_clean_rows_have_codes_on_the_linear_path_beforehand():
    assert ReconstructionObjective(SquaredError()).reads_linear_codes
    assert not ReconstructionObjective(SquaredError(), noisy).reads_linear_codes


def test_emphasis_without_corruption_is_that_of_the_unchanged():
    rows, network = make_rows(weighted=False), initialized(dense()).eval()
    plain, weighted = (
        ReconstructionObjective(SquaredError(), None, emphasis).losses(
            network, rows, None
        )["reconstruction"]
        for emphasis in ((1.0, 1.0), (5.0, 0.3))
    )
    torch.testing.assert_close(weighted, 0.3 * plain)


def test_padding_counts_nothing_and_has_no_gradient():
    output = normal(3, 4).requires_grad_()
    target = normal(3, 4, seed=1)
    target[0, 2:] = target[2, 1:] = torch.nan
    losses = PaddedLoss(SquaredError(), row_size=7 / 3).losses(output, target)
    squares = (output - target).square().detach().nan_to_num(0.0)
    torch.testing.assert_close(losses.detach().mean(dim=1), squares.sum(dim=1) * 3 / 7)
    losses.sum().backward()
    assert torch.equal(output.grad == 0, target.isnan())
