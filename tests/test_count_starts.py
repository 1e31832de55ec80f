"""Where fits of counts begin: at mean rates that do not depend on the correction."""

import copy
import pickle

import engine
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skae import VAETransformer
from skae._functional.likelihoods import LIKELIHOODS
from skae._networks.variational import VariationalAutoencoder
from skae._training.backward.registry import make_tape
from skae._training.state import FlatParameters

COUNTS = [name for name in LIKELIHOODS if LIKELIHOODS[name].link == "exp"]
every_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS)
of_counts = pytest.mark.parametrize("likelihood", COUNTS)
N_FEATURES = 8


def rows_for(likelihood, n_rows=120, seed=0):
    """Rows with columns of very different sizes, and two latent variables."""
    rng = np.random.RandomState(seed)
    latent = 0.6 * rng.randn(n_rows, 2) @ rng.randn(2, N_FEATURES)
    rates = np.exp(latent + np.linspace(-2, 3, N_FEATURES))
    if LIKELIHOODS[likelihood].link == "exp":
        return rng.poisson(rates).astype(float)
    return 1 / (1 + np.exp(-latent))


def start_of(likelihood, precision="float64", *, correction=True):
    estimator = VAETransformer(
        2,
        hidden_layer_sizes=(7, 6),
        likelihood=likelihood,
        precision=precision,
        random_state=0,
    )
    samples = engine.samples_of(rows_for(likelihood))
    start = engine.initialize(estimator, samples, correction=correction)
    return estimator, start, samples


def decode(network, n_rows=20):
    codes = torch.randn(n_rows, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return network.eval().decode(codes.to(network.linear_decoder))


def textbook(start, seed=1):
    return engine.redrawn(start, "textbook", "auto", seed)


@pytest.mark.parametrize("kind", ["plain", "rough"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@every_likelihood
def test_every_start_on_the_linear_path_begins_with_the_same_loss(
    likelihood, precision, kind
):
    estimator, start, samples = start_of(likelihood, precision)
    first = engine.mean_loss(estimator, start, samples)
    for seed in (1, 2):
        again = engine.redrawn(start, kind, "auto", seed).network
        weights = again.f.layers[0].weight, start.network.f.layers[0].weight
        assert not torch.equal(*weights)
        loss = engine.mean_loss(estimator, start, samples, again)
        assert loss == pytest.approx(first, rel=1e-6)


@every_likelihood
def test_the_linear_path_begins_with_the_same_loss_without_its_correction(likelihood):
    estimator, start, samples = start_of(likelihood)
    expected = engine.mean_loss(estimator, start, samples)
    never = start_of(likelihood, correction=False)[1].network
    removed = start.network.without_correction()
    again = removed.with_correction("auto", torch.Generator().manual_seed(5))
    for network in (never, removed, again):
        loss = engine.mean_loss(estimator, start, samples, network)
        assert_allclose(loss, expected, rtol=1e-12)
        assert_allclose(decode(network), decode(start.network), rtol=1e-12)


@of_counts
@pytest.mark.parametrize("correction", [True, False])
def test_the_mean_rates_are_the_mean_counts(likelihood, correction):
    _, start, samples = start_of(likelihood, correction=correction)
    u = start.scaling.to_network(samples.X, torch.float64)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        mean, log_variance = start.network.posterior(u)
        rates = 0
        for _ in range(400):
            noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
            codes = mean + torch.exp(0.5 * log_variance) * noise
            rates = rates + start.scaling.to_data(start.network.decode(codes)) / 400
    # The closed form neglects that rates above the ceiling grow linearly.
    assert_allclose(rates.mean(dim=0), samples.X.mean(axis=0), rtol=0.05)


@of_counts
def test_the_offset_keeps_its_digits_in_copies_and_pickles(likelihood):
    _, start, _ = start_of(likelihood, "float32", correction=False)
    network = start.network
    expected = network.exactly("output_offset")
    assert not torch.equal(expected, network.output_offset.double())
    corrected = network.with_correction("auto", torch.Generator().manual_seed(0))
    for copied in (
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),
        corrected,
        corrected.without_correction(),
        textbook(start._replace(network=corrected)).network,
    ):
        assert_array_equal(copied.exactly("output_offset"), expected)


@of_counts
def test_a_textbook_start_keeps_the_offset_for_rates_near_the_means(
    likelihood,
):
    _, start, samples = start_of(likelihood)
    means = torch.from_numpy(samples.X.mean(axis=0))
    kept, without = textbook(start).network, textbook(start).network
    without.set_output_offset(np.zeros(N_FEATURES))

    def error(network):
        rates = start.scaling.to_data(decode(network, 500)).mean(dim=0)
        return (rates / means).log().abs().mean()

    assert error(kept) < error(without)


@every_likelihood
@pytest.mark.parametrize("of_columns", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_tape_of_the_decoder_equals_autograd(likelihood, of_columns, dtype):
    network = VariationalAutoencoder(
        N_FEATURES, 2, (7, 6), "silu", linear_path=True, likelihood=likelihood
    ).to(dtype)
    generator = torch.Generator().manual_seed(0)
    network.initialize("xavier_uniform", generator)
    for tensor in [*network.parameters(), network.linear_decoder]:
        tensor.data += 0.3 * torch.randn(tensor.shape, generator=generator).to(dtype)
    network.correction_scale.fill_(0.4)
    if of_columns:
        network.feature_share.copy_(torch.linspace(0, 1, N_FEATURES))
    if network.output_offset is not None:
        network.set_output_offset(np.linspace(-1, 2, N_FEATURES))
    parameters = FlatParameters(network.train())
    z = torch.randn(20, 2, generator=generator).to(dtype).requires_grad_()
    output = network.decode(z)
    output.square().sum().backward()
    expected = [p.grad.clone() for p in network.g.parameters()]
    parameters.gradient.fill_(torch.nan)
    with torch.inference_mode():
        tape = make_tape(network)
        written = tape.decode(z.detach(), None, None)
        tolerance = {torch.float64: 1e-12, torch.float32: 1e-5}[dtype]
        torch.testing.assert_close(written, output.detach(), rtol=tolerance, atol=1e-5)
        slope = None if network.dispersion is None else torch.zeros(())
        of_codes = tape.decode_backward(2 * written, slope)
    pairs = [(p.grad, e) for p, e in zip(network.g.parameters(), expected, strict=True)]
    for ours, theirs in [*pairs, (of_codes, z.grad)]:
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


@of_counts
@pytest.mark.parametrize("shape", [(12, 6), (40, 60)])
@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_few_counts_can_be_fitted(shape, likelihood):
    X = np.random.RandomState(0).poisson(3, shape).astype(float)
    model = VAETransformer(2, likelihood=likelihood, max_iter=2, random_state=0)
    model.fit(X)
    assert np.isfinite(model.score(X))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    assert_allclose(model.reconstruct(X).mean(axis=0), X.mean(axis=0), rtol=0.3)


@of_counts
def test_starts_that_do_not_improve_leave_the_linear_path(likelihood):
    X = rows_for(likelihood, n_rows=200)
    rate = {"learning_rate_init": 1e-20, "hidden_layer_sizes": (7, 6)}
    options = {"n_init": 3, "max_iter": 2, "random_state": 0, "likelihood": likelihood}
    model = VAETransformer(2, **rate, **options).fit(X)
    assert model.best_epoch_ == 0 and not model.network_.correction
    assert_allclose(model.start_losses_, model.validation_loss_curve_[0], rtol=1e-6)
    assert np.isfinite(model.partial_fit(X).score(X))
