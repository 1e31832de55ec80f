import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics

from skae._functional.losses import (
    LINKS,
    LOSSES,
    OUT_ACTIVATIONS,
    elementwise_loss,
    resolve_link,
)

LIKELIHOODS = ("log_loss", "poisson", "kullback_leibler")
LINK_NAMES = sorted(LINKS)


def targets_for(link, n=40):
    """Values all over a link's domain, its ends included where it has them."""
    low, high = LINKS[link].domain
    return torch.linspace(max(low, -3.0), min(high, 5.0), n, dtype=torch.float64)


def outputs(n=40, dtype=torch.float64):
    return torch.linspace(-4.0, 4.0, n, dtype=dtype).flip(0)


def loss_of(name, output, target, residual_scale=1.0):
    return elementwise_loss(name, LOSSES[name].link, output, target, residual_scale)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_each_loss_is_given_as_one_function(name):
    loss = LOSSES[name]
    assert (loss.from_residual is None) != (loss.from_output is None)
    assert loss.link in LINKS


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_gradient_is_that_of_the_value(name):
    target = targets_for(LOSSES[name].link)
    output = outputs().requires_grad_()
    assert torch.autograd.gradcheck(lambda o: loss_of(name, o, target), output)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_no_output_is_better_than_the_target_itself(name):
    link = LINKS[LOSSES[name].link]
    best = outputs()
    target = link.apply(best)
    least = loss_of(name, best, target)
    for step in (-1.0, -1e-3, 1e-3, 1.0):
        assert (loss_of(name, best + step, target) > least).all()


@pytest.mark.parametrize("name", [n for n in sorted(LOSSES) if n not in LIKELIHOODS])
@pytest.mark.parametrize("link", ["identity", "logistic", "tanh"])
def test_residual_losses_do_not_depend_on_the_unit_of_the_data(name, link):
    target, output = targets_for(link), outputs()
    scaled = elementwise_loss(name, link, output, target, 10.0)
    residual = (LINKS[link].apply(output) - target) / 10.0
    oracle = {
        "squared_error": residual**2,
        "absolute_error": residual.abs(),
        "huber": F.huber_loss(residual, 0 * residual, reduction="none", delta=1.0),
    }[name]
    torch.testing.assert_close(scaled, oracle)


def test_huber_is_quadratic_inside_and_linear_outside_of_one():
    residual = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 2.0])
    expected = torch.tensor([2.5, 0.5, 0.125, 0.0, 0.03125, 0.5, 1.5])
    torch.testing.assert_close(loss_of("huber", residual, 0 * residual), expected)


def test_log_loss_is_that_of_scikit_learn():
    rng = np.random.RandomState(0)
    output, target = rng.randn(50), rng.randint(2, size=50)
    ours = loss_of("log_loss", torch.tensor(output), torch.tensor(target)).mean()
    probability = 1 / (1 + np.exp(-output))
    assert float(ours) == pytest.approx(metrics.log_loss(target, probability))


def test_poisson_is_that_of_torch():
    target, output = targets_for("exp"), outputs()
    oracle = F.poisson_nll_loss(output, target, log_input=True, reduction="none")
    torch.testing.assert_close(loss_of("poisson", output, target), oracle)


def test_kullback_leibler_is_half_of_scikit_learns_poisson_deviance():
    target, output = targets_for("exp"), outputs()
    ours = loss_of("kullback_leibler", output, target).mean()
    deviance = metrics.mean_poisson_deviance(target, output.exp())
    assert float(ours) == pytest.approx(deviance / 2)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_likelihoods_stay_finite_at_the_ends_of_the_domain(name, dtype):
    output = torch.tensor([-80.0, -80.0, 80.0, 80.0], dtype=dtype)
    target = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=dtype)
    output.requires_grad_()
    value = loss_of(name, output, target)
    value.sum().backward()
    assert value.isfinite().all() and output.grad.isfinite().all()
    assert value.dtype == dtype


def test_log_loss_of_a_sure_and_wrong_logit_is_the_logit():
    output = torch.tensor([1000.0, -1000.0])
    value = loss_of("log_loss", output, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(value, torch.tensor([1000.0, 1000.0]))


@pytest.mark.parametrize("name", LINK_NAMES)
def test_a_link_maps_into_its_domain_and_increases(name):
    low, high = LINKS[name].domain
    values = LINKS[name].apply(torch.linspace(-30, 30, 101, dtype=torch.float64))
    assert (values >= low).all() and (values <= high).all()
    assert (values.diff() >= 0).all() and values[-1] > values[0]


@pytest.mark.parametrize("name", LINK_NAMES)
def test_an_inverted_link_gives_back_nearly_the_data(name):
    target = targets_for(name)
    linked = LINKS[name].invert_shrunk(target, target.mean())
    assert linked.isfinite().all()
    error = (LINKS[name].apply(linked) - target).abs()
    spread = float((target - target.mean()).abs().max())
    assert float(error.max()) <= 0.02 * max(spread, 1.0) + 1e-12
    # Not only the ends, which are drawn inwards: the map keeps the order.
    assert (linked.diff() > 0).all()


def test_the_identity_inverts_without_shrinking():
    target = targets_for("identity")
    assert LINKS["identity"].invert_shrunk(target, target.mean()) is target


def test_a_column_of_zeros_has_a_finite_logarithm():
    zeros = torch.zeros(5, 1, dtype=torch.float64)
    assert LINKS["exp"].invert_shrunk(zeros, zeros.mean(0)).isfinite().all()


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("out_activation", OUT_ACTIVATIONS)
def test_a_likelihood_takes_no_link_but_its_own(loss, out_activation):
    own = LOSSES[loss].link
    if loss in LIKELIHOODS and out_activation not in ("auto", own):
        with pytest.raises(ValueError, match=f"'out_activation'.*{loss}.*{own}"):
            resolve_link(loss, out_activation)
        return
    expected = own if out_activation == "auto" else out_activation
    assert resolve_link(loss, out_activation) == expected
    assert not math.isnan(LINKS[expected].domain[0])
