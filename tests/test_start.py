import engine
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._functional.losses import LINKS, LOSSES
from skae._networks.scaling import Scaling

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def data_for(link, n=60, p=7, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, p) * np.linspace(3, 0.5, p)
    return {
        "identity": X + 4,
        "logistic": 1 / (1 + np.exp(-X)),
        "exp": np.exp(X / 3),
    }[link]


def samples_for(link, weighted=False, target=None):
    X = data_for(link)
    weight = np.random.RandomState(1).uniform(0.5, 3, len(X)) if weighted else None
    return engine.samples_of(X, target, weight)


def start_of(samples, **parameters):
    estimator = AutoencoderTransformer(3, hidden_layer_sizes=(5,), **parameters)
    return engine.initialize(estimator, samples)


def reconstruct(start, X):
    u = start.scaling.to_network(X, next(start.network.parameters()).dtype)
    with torch.no_grad():
        return start.scaling.to_data(start.network(u).double()).numpy()


@pytest.mark.parametrize("precision", sorted(DTYPES))
@pytest.mark.parametrize("activation", ["silu", "logistic", "maxout"])
def test_the_start_reconstructs_as_pca_does(precision, activation):
    samples = samples_for("identity")
    start = start_of(samples, precision=precision, activation=activation)
    pca = PCA(3).fit(samples.X)
    expected = pca.inverse_transform(pca.transform(samples.X))
    atol = {"float32": 1e-5, "float64": 1e-10}[precision]
    np.testing.assert_allclose(reconstruct(start, samples.X), expected, atol=atol)
    assert next(start.network.parameters()).dtype == DTYPES[precision]
    assert start.corruption is None and not start.network.training


def test_the_start_is_the_pca_of_the_weighted_rows():
    counts = np.random.RandomState(1).randint(1, 4, size=60)
    X = data_for("identity")
    start = start_of(
        engine.samples_of(X, weight=counts.astype(float)), precision="float64"
    )
    pca = PCA(3).fit(np.repeat(X, counts, axis=0))
    expected = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(reconstruct(start, X), expected, atol=1e-8)


def test_the_sizes_of_codes_and_residual_are_handed_to_the_network():
    samples = samples_for("identity")
    network = start_of(samples, precision="float64").network
    pca = PCA(3).fit(samples.X)
    unit = start_of(samples).scaling.residual_scale
    deviations = np.sqrt(pca.explained_variance_ * 59 / 60) / unit
    np.testing.assert_allclose(network.code_scale, deviations)
    residual = samples.X - pca.inverse_transform(pca.transform(samples.X))
    expected = np.sqrt(np.square(residual).mean()) / unit
    assert float(network.correction_scale) == pytest.approx(expected)


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_a_seed_gives_equal_bits_and_leaves_torchs_own_generator(linear_path):
    before = torch.random.get_rng_state()
    one, other = (
        start_of(samples_for("identity"), linear_path=linear_path).network.state_dict()
        for _ in range(2)
    )
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_the_criterion_of_the_data_itself_is_the_least(loss):
    link = LOSSES[loss].link
    samples = samples_for(link)
    scaling = Scaling.fit(samples.X, link)
    criterion = engine.criterion_of(loss, scaling)
    rows = engine.training_rows(scaling, samples)
    least = criterion.losses(rows.x, rows.target).mean()
    for step in (-0.3, 0.3):
        assert criterion.losses(rows.x + step, rows.target).mean() > least


@pytest.mark.parametrize("link", sorted(set(LINKS) - {"tanh"}))
def test_predicting_the_mean_costs_one_whatever_the_unit(link):
    X = data_for(link)
    for unit in (1.0, 1e-3) if link == "logistic" else (1.0, 1e-3, 1e3):
        scaling = Scaling.fit(unit * X, link)
        samples = engine.samples_of(unit * X)
        rows = engine.training_rows(scaling, samples)
        criterion = engine.criterion_of("squared_error", scaling)
        mean = torch.from_numpy(unit * X.mean(axis=0, keepdims=True))
        # The network's output whose image under the link is the mean.
        output = {"identity": lambda t: t, "logistic": torch.logit, "exp": torch.log}
        linked = (output[link](mean) - scaling.center) - scaling.center_rest
        value = criterion.losses(linked / scaling.scale, rows.target).mean()
        assert float(value) == pytest.approx(1)


@pytest.mark.parametrize("dtype", sorted(DTYPES.values(), key=str))
def test_rows_are_in_the_network_space_with_weights_of_mean_one(dtype):
    samples = samples_for("identity", weighted=True)
    scaling = Scaling.fit(samples.X, "identity", samples.weight)
    rows = engine.training_rows(scaling, samples, dtype)
    assert rows.x.dtype == rows.weight.dtype == dtype
    assert rows.target is rows.x
    assert float(rows.weight.mean()) == pytest.approx(1)
    share = samples.weight / samples.weight.sum()
    np.testing.assert_allclose(rows.weight / len(rows), share, rtol=1e-5)
    # Centered and scaled with the same weights.
    np.testing.assert_allclose(share @ rows.x.double().numpy(), 0, atol=1e-6)


def test_paired_rows_keep_their_own_target():
    target = data_for("identity", seed=5)
    samples = samples_for("identity", target=target)
    scaling = Scaling.fit(target, "identity")
    rows = engine.training_rows(scaling, samples)
    torch.testing.assert_close(rows.target, scaling.to_network(target, torch.float64))
    torch.testing.assert_close(rows.x, scaling.to_network(samples.X, torch.float64))


def test_samples_keep_their_fields_aligned_and_count_their_weights():
    target = data_for("identity", seed=5)
    samples = samples_for("identity", weighted=True, target=target)
    condition = np.arange(float(len(target)))[:, np.newaxis]
    samples = samples._replace(y=condition)
    index = np.array([5, 1])
    part = samples.take(index)
    for ours, theirs in zip(part, samples, strict=True):
        np.testing.assert_array_equal(ours, theirs[index])
    assert samples.count == pytest.approx(samples.weight.sum())
    assert samples_for("identity").count == 60
    assert samples_for("identity").take(index).target.shape == (2, 7)


@pytest.mark.parametrize("n_features", [1, 10, 1000])
def test_the_default_network_narrows_towards_the_code(n_features):
    sizes = engine.default_hidden_layer_sizes(n_features)
    assert len(sizes) >= 1
    assert list(sizes) == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("dtype", "precision", "expected"),
    [
        ("float32", "float32", torch.float32),
        ("float32", "float64", torch.float64),
        ("float64", "float32", torch.float64),
    ],
)
def test_much_data_in_float32_starts_in_float32(
    dtype, precision, expected, monkeypatch
):
    X = np.random.RandomState(0).randn(60, 5).astype(dtype)
    scaling = Scaling.fit(X, "identity")
    assert (
        engine.rows_of_the_start(scaling, X, getattr(torch, precision)).dtype
        == torch.float64
    )
    engine.set_constant(monkeypatch, "values for float32 starts", 1)
    assert (
        engine.rows_of_the_start(scaling, X, getattr(torch, precision)).dtype
        == expected
    )


def test_a_start_in_float32_is_that_in_float64(monkeypatch):
    X = np.random.RandomState(0).randn(300, 5).astype("float32") * [1, 2, 3, 4, 5]
    X = X.astype("float32")
    fits = [AutoencoderTransformer(2, max_iter=1, random_state=0).fit(X)]
    engine.set_constant(monkeypatch, "values for float32 starts", 1)
    fits.append(AutoencoderTransformer(2, max_iter=1, random_state=0).fit(X))
    codes = [fit.network_.encode(torch.ones(1, 5)) for fit in fits]
    torch.testing.assert_close(*codes, rtol=1e-4, atol=1e-5)
