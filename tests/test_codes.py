import warnings

import engine
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from skae._functional.linear_maps import principal_axes
from skae._networks.dense import DenseAutoencoder
from skae._networks.scaling import Scaling

K = 3


def make_X(n=80, p=6, seed=0):
    rng = np.random.RandomState(seed)
    return rng.randn(n, p) * np.linspace(4, 1, p) * 10 + 100


# PCA's axes in another order, one of them mirrored.
TURN = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def linear_network(X, scaling, turn=TURN):
    """PCA with its codes mapped by `turn` and its decoder by the inverse."""
    x = scaling.to_network(X, torch.float64).numpy()
    axes = principal_axes(x, K, np.random.RandomState(0))
    encoder, decoder = turn @ axes.encoder, axes.decoder @ np.linalg.inv(turn)
    network = DenseAutoencoder(X.shape[1], K, (4,), "tanh", linear_path=True).double()
    linear_map = axes._replace(encoder=encoder, decoder=decoder)
    network.set_linear_path(linear_map, np.ones(K), 1.0)
    return network.eval()


def nonlinear_network(p=6):
    network = DenseAutoencoder(p, K, (5,), "tanh", linear_path=False)
    network.initialize("normal", torch.Generator().manual_seed(0))
    return network.double().eval()


def statistics_of(X, network=None, *, weight=None, target=None, whiten=False):
    """Statistics and codes; of PCA where no network is given."""
    target = X if target is None else target
    scaling = Scaling.fit(target, "identity", weight)
    network = network or linear_network(X, scaling)
    samples = engine.samples_of(X, target, weight)
    statistics = engine.statistics_of_codes(
        samples, scaling, network, form="white" if whiten else "principal"
    )
    with torch.no_grad():
        codes = statistics.head(network.encode(scaling(torch.from_numpy(X)))).numpy()
    return statistics, codes


@pytest.mark.parametrize("whiten", [False, True])
def test_codes_of_a_linear_network_are_the_scores_of_pca(whiten):
    X = make_X()
    statistics, codes = statistics_of(X, whiten=whiten)
    pca = PCA(K, whiten=whiten).fit(X)
    np.testing.assert_allclose(codes, pca.transform(X), atol=1e-8)


@pytest.mark.parametrize("whiten", [False, True])
def test_the_variances_of_a_linear_network_are_those_of_pca(whiten):
    X = make_X()
    statistics, _ = statistics_of(X, whiten=whiten)
    pca = PCA(K).fit(X)
    ratio = statistics.explained_variance_ratio
    np.testing.assert_allclose(statistics.explained_variance, pca.explained_variance_)
    np.testing.assert_allclose(ratio, pca.explained_variance_ratio_)
    assert statistics.residual_variance == pytest.approx(
        pca.noise_variance_ * (X.shape[1] - K)
    )


@pytest.mark.parametrize("make", [nonlinear_network, None], ids=["nonlinear", "linear"])
def test_codes_are_decorrelated_in_order_of_decreasing_variance(make):
    X = make_X()
    statistics, codes = statistics_of(X, make and make())
    variances = statistics.explained_variance
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(np.cov(codes.T), np.diag(variances), atol=1e-8)
    assert (np.diff(variances) < 0).all()


def test_whitened_codes_have_unit_covariance():
    _, codes = statistics_of(make_X(), nonlinear_network(), whiten=True)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(K), atol=1e-8)


def test_the_share_of_each_code_is_that_of_its_linear_regression():
    X = make_X()
    statistics, codes = statistics_of(X, nonlinear_network())
    total = np.square(X - X.mean(axis=0)).sum()
    for j, ratio in enumerate(statistics.explained_variance_ratio):
        code = codes[:, [j]]
        explained = LinearRegression().fit(code, X).predict(code) - X.mean(axis=0)
        assert ratio == pytest.approx(np.square(explained).sum() / total)


def test_shares_add_up_to_the_regression_on_all_codes():
    X = make_X()
    statistics, codes = statistics_of(X, nonlinear_network())
    residual = X - LinearRegression().fit(codes, X).predict(codes)
    total = np.square(X - X.mean(axis=0)).sum()
    expected = 1 - np.square(residual).sum() / total
    assert statistics.explained_variance_ratio.sum() == pytest.approx(expected)


def test_an_invertible_linear_map_of_the_codes_changes_no_sum_of_shares():
    X = make_X()
    turn = np.random.RandomState(0).randn(K, K)
    turned = linear_network(X, Scaling.fit(X, "identity"), turn)
    statistics, _ = statistics_of(X, turned)
    expected = PCA(K).fit(X).explained_variance_ratio_.sum()
    assert statistics.explained_variance_ratio.sum() == pytest.approx(expected)


@pytest.mark.parametrize("make", [nonlinear_network, None], ids=["nonlinear", "linear"])
def test_the_sign_makes_the_largest_loading_positive(make):
    X = make_X()
    _, codes = statistics_of(X, make and make())
    loadings = codes.T @ (X - X.mean(axis=0))
    largest = np.abs(loadings).argmax(axis=1)
    assert (loadings[np.arange(K), largest] > 0).all()


def test_weights_equal_repetitions():
    X, counts = make_X(30), np.random.RandomState(1).randint(1, 4, size=30)
    network = nonlinear_network()
    weighted, codes = statistics_of(X, network, weight=counts.astype(float))
    repeated, many_codes = statistics_of(np.repeat(X, counts, axis=0), network)
    np.testing.assert_allclose(np.repeat(codes, counts, axis=0), many_codes, atol=1e-8)
    for ours, theirs in zip(weighted[1:], repeated[1:], strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_the_target_is_what_is_explained():
    X, target = make_X(), make_X(seed=1)
    network = nonlinear_network()
    statistics, codes = statistics_of(X, network, target=target)
    residual = target - LinearRegression().fit(codes, target).predict(codes)
    total = np.square(target - target.mean(axis=0)).sum()
    assert statistics.explained_variance_ratio.sum() == pytest.approx(
        1 - np.square(residual).sum() / total
    )


def test_the_number_of_rows_at_a_time_does_not_matter(monkeypatch):
    X, network = make_X(), nonlinear_network()
    whole, _ = statistics_of(X, network)
    engine.set_constant(monkeypatch, "rows of codes at a time", 7)
    parts, _ = statistics_of(X, network)
    for ours, theirs in zip(parts[1:], whole[1:], strict=True):
        np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("whiten", [False, True])
def test_codes_without_variance_explain_nothing_and_stay_finite(whiten):
    X = make_X()
    X[:, 2:] = X[:, :1]  # of rank 2
    statistics, codes = statistics_of(X, whiten=whiten)
    assert statistics.explained_variance[2] == 0
    assert statistics.explained_variance_ratio[2] == pytest.approx(0)
    assert statistics.explained_variance_ratio.sum() == pytest.approx(1)
    np.testing.assert_allclose(codes[:, 2], 0, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_rows_have_finite_statistics(n):
    statistics, codes = statistics_of(make_X(n), nonlinear_network(), whiten=True)
    for value in (codes, *statistics[1:]):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("magnitude", [1e-200, 1e-100, 1e100, 1e200])
def test_the_unit_of_the_data_changes_variances_only(magnitude):
    X, network = make_X(), nonlinear_network()
    statistics, codes = statistics_of(X, network, whiten=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other, same_codes = statistics_of(magnitude * X, network, whiten=True)
    np.testing.assert_allclose(same_codes, codes, atol=1e-10)
    np.testing.assert_allclose(
        other.explained_variance_ratio, statistics.explained_variance_ratio
    )
    with np.errstate(over="ignore"):  # 1e200 squared
        expected = statistics.explained_variance * magnitude * magnitude
    np.testing.assert_allclose(other.explained_variance, expected)


# ----- codes that keep their place -----------------------------------------------


def statistics_in(form, network, X, **options):
    scaling = Scaling.fit(X, "identity")
    statistics = engine.statistics_of_codes(
        engine.samples_of(X), scaling, network, form=form, **options
    )
    with torch.no_grad():
        own = network.encode(scaling(torch.from_numpy(X)))
    return statistics, own.numpy(), statistics.head(own).numpy()


@pytest.mark.parametrize("make", [nonlinear_network, None], ids=["nonlinear", "linear"])
def test_ordered_codes_are_the_networks_own_in_order_of_variance(make):
    X = make_X()
    network = make() if make else linear_network(X, Scaling.fit(X, "identity"))
    statistics, own, codes = statistics_in("ordered", network, X)
    variances = own.var(axis=0, ddof=1)
    order = np.argsort(-variances)
    np.testing.assert_allclose(np.abs(codes), np.abs(own[:, order]))
    np.testing.assert_allclose(statistics.explained_variance, variances[order])
    assert (np.diff(statistics.explained_variance) < 0).all()


def test_the_signs_of_ordered_codes_are_those_of_what_they_explain():
    X = make_X()
    _, _, codes = statistics_in("ordered", nonlinear_network(), X)
    readout = (codes - codes.mean(axis=0)).T @ (X - X.mean(axis=0))
    largest = np.take_along_axis(readout, np.abs(readout).argmax(axis=1)[:, None], 1)
    assert (largest > 0).all()
    # So that the sign of the network's own codes does not matter.
    mirrored = -np.eye(K)
    scaling = Scaling.fit(X, "identity")
    _, _, one = statistics_in("ordered", linear_network(X, scaling), X)
    _, _, other = statistics_in("ordered", linear_network(X, scaling, mirrored), X)
    np.testing.assert_allclose(np.abs(one), np.abs(other))
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_raw_codes_are_the_networks_own():
    X = make_X()
    statistics, own, codes = statistics_in("raw", nonlinear_network(), X)
    np.testing.assert_array_equal(codes, own)
    assert statistics.head.rotation is None
    np.testing.assert_allclose(statistics.explained_variance, own.var(axis=0, ddof=1))


@pytest.mark.parametrize("form", ["ordered", "raw"])
def test_codes_that_keep_their_place_have_the_scale_of_the_network(form):
    # Not of X: a code of a prior N(0, I) is in no unit of the data.
    X, network = make_X(), nonlinear_network()
    one, _, codes = statistics_in(form, network, X)
    other, _, same = statistics_in(form, network, 1e3 * X)
    np.testing.assert_allclose(codes, same, atol=1e-10)
    np.testing.assert_allclose(one.explained_variance, other.explained_variance)
    assert (one.head.mean == 0).all() and (one.head.scale == 1).all()


@pytest.mark.parametrize("largest_gram", [0, 1000])
def test_shares_of_many_codes_are_those_of_few(largest_gram, monkeypatch):
    """By inner products of the rows, or by parts, as by the whole matrix."""
    X = make_X()
    weight = np.random.RandomState(0).uniform(0.5, 2, size=len(X))
    scaling = Scaling.fit(X, "identity", weight)
    samples = engine.samples_of(X, weight=weight)
    expected = engine.statistics_of_codes(
        samples, scaling, nonlinear_network(), form="raw"
    )
    engine.set_constant(monkeypatch, "largest readout", 6)
    engine.set_constant(monkeypatch, "largest Gram matrix", largest_gram)
    engine.set_constant(monkeypatch, "rows of codes at a time", 4)
    found = engine.statistics_of_codes(
        samples, scaling, nonlinear_network(), form="raw"
    )
    assert_allclose(
        found.explained_variance_ratio, expected.explained_variance_ratio, rtol=1e-9
    )
    assert_allclose(found.mean, expected.mean)


@pytest.mark.parametrize("form", ["ordered", "raw"])
def test_a_code_alone_explains_what_its_regression_does(form):
    X = make_X()
    statistics, _, codes = statistics_in(form, nonlinear_network(), X)
    total = np.square(X - X.mean(axis=0)).sum()
    for j, ratio in enumerate(statistics.explained_variance_ratio):
        code = codes[:, [j]]
        explained = LinearRegression().fit(code, X).predict(code) - X.mean(axis=0)
        assert ratio == pytest.approx(np.square(explained).sum() / total)


@pytest.mark.parametrize("form", ["ordered", "raw"])
def test_a_kept_head_keeps_its_order(form):
    X, network = make_X(), nonlinear_network()
    first, _, codes = statistics_in(form, network, X)
    again, _, same = statistics_in(form, network, make_X(seed=5), head=first.head)
    assert again.head is first.head
    np.testing.assert_allclose(again.explained_variance, same.var(axis=0, ddof=1))
