"""Sparse codes: exactly k, means near the target, no dead units, CSR in and out."""

import pickle
import warnings

import engine
import numpy as np
import pytest
import scipy.sparse
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks import mnist, sparse
from benchmarks.__main__ import main
from benchmarks.datasets import Split
from skae import SparseAutoencoder
from skae._estimators.dense.sparsity import KLPenalty, TopKObjective
from skae._networks.sparse import (
    RectifiedAutoencoder,
    TopKAutoencoder,
    keep_largest,
)
from skae._training.criterion import SquaredError
from skae._training.data import Rows
from skae._training.optimizers import Adam
from skae._training.state import FlatParameters

X, y = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def fitted():
    """One fit of each kind, with the defaults."""
    with warnings.catch_warnings():
        # Healthy fits: none is to be warned of.
        warnings.simplefilter("error", ConvergenceWarning)
        return {
            sparsity: SparseAutoencoder(sparsity=sparsity, random_state=0).fit(X)
            for sparsity in ("top_k", "kl", "l1")
        }


def make_network(k=3, **options):
    network = TopKAutoencoder(6, 10, (), "silu", n_nonzero_coefs=k, **options)
    network.initialize("xavier_uniform", torch.Generator().manual_seed(0))
    return network


# ----- top k ---------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_k_largest_are_kept(k):
    scores = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    codes = keep_largest(scores, k)
    smallest_kept = scores.sort(dim=1, descending=True).values[:, k - 1, None]
    assert torch.equal(codes, scores * (scores >= smallest_kept))


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_ties_and_zeros_leave_k(value):
    codes = keep_largest(torch.full((4, 9), value), 5)
    assert ((codes != 0).sum(dim=1) == 5).all()
    assert_allclose(codes.sum(dim=1), 5 * value, atol=1e-30)


def test_every_row_has_exactly_k_codes(fitted):
    for k, estimator in [
        (13, fitted["top_k"]),
        (4, SparseAutoencoder(30, n_nonzero_coefs=4, max_iter=2).fit(X)),
        (1, SparseAutoencoder(10, max_iter=2).fit(X)),
        (
            30,
            SparseAutoencoder(
                30, n_nonzero_coefs=30, hidden_layer_sizes=8, max_iter=2
            ).fit(X),
        ),
    ]:
        for rows in (X, X.astype(np.float32), np.zeros((3, 64)), 1e6 * X):
            assert np.all(np.count_nonzero(estimator.transform(rows), axis=1) == k)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_constant_rows_have_k_codes_too():
    codes = SparseAutoencoder(8, n_nonzero_coefs=3, max_iter=2).fit_transform(
        np.ones((20, 5))
    )
    assert np.all(np.count_nonzero(codes, axis=1) == 3)


@pytest.mark.parametrize("n_kept", [5, 40])
def test_another_number_of_codes_after_training(fitted, n_kept):
    estimator = sklearn.clone(fitted["top_k"])
    vars(estimator).update(vars(fitted["top_k"]))
    few = estimator.transform(X)
    codes = estimator.set_params(transform_n_nonzero_coefs=n_kept).transform(X)
    assert np.all(np.count_nonzero(codes, axis=1) == n_kept)
    both = (few != 0) & (codes != 0)
    assert np.all(both.sum(axis=1) == min(n_kept, 13))
    assert_array_equal(codes[both], few[both])
    least = np.where(codes != 0, codes, np.inf).min(axis=1)
    assert np.all(np.where(codes == 0, few, -np.inf).max(axis=1) <= least)
    # All methods use the same number.
    kept = estimator.encoder_(torch.from_numpy(X).float()).numpy()
    assert_allclose(kept, codes, rtol=1e-4, atol=1e-4)
    restored = estimator.inverse_transform(codes)
    assert_allclose(estimator.reconstruct(X), restored, atol=1e-10)
    assert_allclose(-estimator.score_samples(X), np.square(X - restored).sum(axis=1))
    residual = np.square(X - restored).sum() / np.square(X - estimator.mean_).sum()
    assert estimator.score(X) == pytest.approx(1 - residual)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(loaded.transform(X), codes)
    estimator.set_params(sparse_output=True)
    assert_array_equal(estimator.transform(X).toarray(), codes)
    assert_allclose(estimator.inverse_transform(estimator.transform(X)), restored)


def test_more_codes_than_there_are_after_training(fitted):
    estimator = sklearn.clone(fitted["top_k"])
    vars(estimator).update(vars(fitted["top_k"]))
    message = "'transform_n_nonzero_coefs' parameter must be at most"
    with pytest.raises(ValueError, match=message):
        estimator.set_params(transform_n_nonzero_coefs=257).transform(X)


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit"])
def test_too_many_codes_are_refused_before_training(method):
    estimator = SparseAutoencoder(
        10, n_nonzero_coefs=3, transform_n_nonzero_coefs=11, max_iter=2
    )
    with pytest.raises(
        ValueError, match="'transform_n_nonzero_coefs' parameter must be at most"
    ):
        getattr(estimator, method)(X)
    assert not hasattr(estimator, "network_")


@pytest.mark.parametrize("sparsity", ["kl", "l1"])
def test_a_number_of_codes_asked_of_another_kind_is_not_used(sparsity):
    estimator = SparseAutoencoder(10, sparsity=sparsity, max_iter=2).fit(X)
    before = estimator.transform(X)
    estimator.set_params(sparsity="top_k", transform_n_nonzero_coefs=3)
    assert_array_equal(estimator.transform(X), before)


def test_with_all_units_kept_and_tied_it_is_the_linear_autoencoder():
    network = make_network(k=10, tied_weights=True).double()
    x = torch.randn(5, 6, dtype=torch.float64)
    weight = network.f.layers[0].weight
    torch.testing.assert_close(network(x), x @ weight.T @ weight)


def test_the_decoder_starts_as_the_transpose():
    network = TopKAutoencoder(6, 10, (8,), "silu", n_nonzero_coefs=3)
    network.initialize("xavier_uniform", torch.Generator().manual_seed(0))
    for ours, theirs in zip(network.g.layers, network.f.layers[::-1], strict=True):
        assert torch.equal(ours.weight, theirs.weight.T)


def test_idle_units_are_counted_in_training_alone():
    network = make_network()
    rows = Rows(*2 * [torch.randn(40, 6)])
    network.eval()
    TopKObjective(SquaredError(), revival=1.0).losses(network, rows, None)
    assert network.rows_since_active.sum() == 0
    network.train()
    with torch.no_grad():
        network.f.layers[0].bias[2] = -100.0
    for _ in range(2):
        TopKObjective(SquaredError(), revival=1.0).losses(network, rows, None)
    assert network.rows_since_active.tolist() == [80.0 * (i == 2) for i in range(10)]


def test_only_idle_units_learn_from_the_revival():
    network = make_network().train()
    rows = Rows(*2 * [torch.randn(80, 6)])
    with torch.no_grad():
        network.f.layers[0].bias[2] = -100.0
    terms = TopKObjective(SquaredError(), revival=1.0).losses(network, rows, None)
    assert list(terms) == ["reconstruction", "revival"]
    terms["revival"].mean().backward()
    slopes = network.f.layers[0].weight.grad.abs().sum(dim=1)
    assert (slopes > 0).tolist() == [i == 2 for i in range(10)]


def test_dead_units_come_back():
    rng = np.random.RandomState(0)
    rows = Rows(*2 * [torch.from_numpy(rng.normal(size=(200, 6))).float()])

    def n_dead_after_training(revival):
        network = make_network().train()
        with torch.no_grad():
            network.f.layers[0].bias[:5] = -6.0
        parameters = FlatParameters(network)
        optimizer = Adam(parameters)
        objective = TopKObjective(SquaredError(), revival)
        for _ in range(1000):
            terms = objective.losses(network, rows, None)
            parameters.gradient.zero_()
            sum(terms.values()).mean().backward()
            optimizer.step(parameters, 0.01)
        return int((network.encode(rows.x) == 0).all(dim=0).sum())

    assert n_dead_after_training(0.0) == 5
    assert n_dead_after_training(1 / 32) == 0


def test_a_warm_start_keeps_k():
    estimator = SparseAutoencoder(
        20, n_nonzero_coefs=4, max_iter=2, warm_start=True
    ).fit(X)
    estimator.fit(X)
    with pytest.raises(
        ValueError, match="'n_nonzero_coefs' parameter was changed from 4 to 5"
    ):
        estimator.set_params(n_nonzero_coefs=5).fit(X)
    with pytest.raises(ValueError, match="in place of the TopKAutoencoder"):
        estimator.set_params(sparsity="l1").fit(X)


# ----- penalties -----------------------------------------------------------


def test_mean_activations_end_near_the_target(fitted):
    estimator = fitted["kl"]
    codes = estimator.transform(X)
    assert np.all((codes > 0) & (codes < 1))
    assert_allclose(estimator.mean_activation_, codes.mean(axis=0), rtol=1e-4)
    assert_allclose(estimator.mean_activation_, 0.05, rtol=0.4)
    assert estimator.mean_activation_.mean() == pytest.approx(0.05, rel=0.2)


def test_another_target_is_met():
    estimator = SparseAutoencoder(
        64, sparsity="kl", sparsity_target=0.2, max_iter=30, random_state=0
    ).fit(X)
    assert estimator.mean_activation_.mean() == pytest.approx(0.2, rel=0.15)


def test_the_weight_means_the_same_whatever_the_number_of_columns():
    # Each column twice: the sum of the errors is doubled, and so is the weight.
    means = [
        SparseAutoencoder(
            64, sparsity="kl", sparsity_weight=w, max_iter=20, random_state=0
        )
        .fit(rows)
        .mean_activation_.mean()
        for rows, w in [(X, 1.0), (np.hstack([X, X]), 2.0)]
    ]
    assert means[0] == pytest.approx(means[1], rel=0.1)


def test_l1_codes_are_rectified_and_some_are_exactly_zero(fitted):
    codes = fitted["l1"].transform(X)
    assert codes.min() == 0
    assert np.mean(codes == 0) > 0.5


def test_more_weight_gives_sparser_codes():
    shares = [
        np.mean(
            SparseAutoencoder(
                64, sparsity="l1", sparsity_weight=w, max_iter=20, random_state=0
            ).fit_transform(X)
            > 0
        )
        for w in (0.1, 1.0, 3.0)
    ]
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize("tied_weights", [True, False])
def test_longer_weights_do_not_stand_in_for_larger_codes(tied_weights):
    network = RectifiedAutoencoder(6, 10, (), "silu", tied_weights=tied_weights)
    network.initialize("xavier_uniform", torch.Generator().manual_seed(0))
    codes = torch.rand(5, 10)
    before = network.decode(codes)
    with torch.no_grad():
        weight = network.g.layers[0].weight
        (weight if tied_weights else weight.T)[4] *= 10
    torch.testing.assert_close(network.decode(codes), before)


def test_weights_count_in_the_means():
    codes = torch.rand(4, 10, dtype=torch.float64)
    weight = torch.tensor([2.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    repeated = codes[[0, 0, 1, 2]]
    torch.testing.assert_close(
        KLPenalty(target=0.1).losses(codes, weight),
        KLPenalty(target=0.1).losses(repeated, None),
    )


# ----- dead units ----------------------------------------------------------


@pytest.mark.parametrize("sparsity", ["top_k", "kl", "l1"])
def test_few_units_of_a_default_fit_are_dead(fitted, sparsity):
    estimator = fitted[sparsity]
    assert estimator.dead_fraction_ < 0.1
    codes = estimator.transform(X)
    assert estimator.dead_fraction_ == np.mean(np.ptp(codes, axis=0) == 0)
    expected = codes.mean(axis=0)
    assert_allclose(estimator.mean_activation_, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "remedy"),
    [
        ({"sparsity": "l1", "sparsity_weight": 1e4}, "lower sparsity_weight"),
        ({"sparsity": "kl", "sparsity_weight": 1e4}, "or raise sparsity_target"),
        (
            {"n_components": 500, "n_nonzero_coefs": 1, "max_iter": 1},
            "raise n_nonzero_coefs or lower n_components",
        ),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform", "pipeline"])
def test_many_dead_units_are_told_with_the_remedy(parameters, remedy, method):
    estimator = SparseAutoencoder(**{"max_iter": 30, **parameters}, random_state=0)
    with pytest.warns(ConvergenceWarning, match=remedy) as told:
        if method == "pipeline":
            make_pipeline(estimator, LogisticRegression()).fit(X, y)
        else:
            getattr(estimator, method)(X)
    assert estimator.dead_fraction_ >= 0.25
    places = [w.filename for w in told if "constant" in str(w.message)]
    assert places == [__file__]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("sparsity_target", [0.01, 0.5, 0.8])
@pytest.mark.parametrize(("weight", "dead"), [(3.0, 0), (1e4, 1)])
def test_logistic_codes_are_dead_that_hardly_vary(sparsity_target, weight, dead):
    estimator = SparseAutoencoder(
        64,
        sparsity="kl",
        sparsity_target=sparsity_target,
        sparsity_weight=weight,
        max_iter=20,
        random_state=0,
    ).fit(X)
    assert (estimator.score(X) > 0.75) == (not dead)
    assert estimator.dead_fraction_ == dead


@pytest.mark.parametrize("sparsity", ["top_k", "kl", "l1"])
def test_a_single_row_tells_nothing_of_dead_units(sparsity):
    estimator = SparseAutoencoder(10, sparsity=sparsity, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        estimator.fit(X[:1])
    assert estimator.dead_fraction_ == 1


def test_after_partial_fit_the_figures_are_of_its_rows(fitted):
    estimator = sklearn.clone(fitted["top_k"])
    estimator.partial_fit(X).partial_fit(X[:50])
    codes = estimator.transform(X[:50])
    assert_allclose(estimator.mean_activation_, codes.mean(axis=0), atol=1e-4)
    assert estimator.dead_fraction_ == np.mean(np.ptp(codes, axis=0) == 0)


# ----- sparse output -------------------------------------------------------


@pytest.fixture(scope="module")
def coder():
    return SparseAutoencoder(
        100, n_nonzero_coefs=5, sparse_output=True, max_iter=5, random_state=0
    ).fit(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_codes_are_the_dense_ones(coder, dtype, monkeypatch):
    engine.set_constant(monkeypatch, "sparse rows at a time", 700)
    codes = coder.transform(X.astype(dtype))
    assert isinstance(codes, scipy.sparse.csr_matrix)
    assert codes.dtype == dtype
    assert np.all(np.diff(codes.indptr) == 5)
    dense = sklearn.clone(coder).set_params(sparse_output=False).fit(X)
    assert_array_equal(codes.toarray(), dense.transform(X.astype(dtype)))
    restored = coder.inverse_transform(codes)
    assert isinstance(restored, np.ndarray)
    assert restored.dtype == dtype
    assert_allclose(restored, dense.reconstruct(X.astype(dtype)), rtol=1e-4, atol=1e-3)


def test_the_configuration_chooses_the_sparse_interface(coder):
    with sklearn.config_context(sparse_interface="sparray"):
        codes = coder.transform(X)
    assert isinstance(codes, scipy.sparse.csr_array)
    assert_allclose(coder.inverse_transform(codes), coder.reconstruct(X))
    assert_allclose(coder.inverse_transform(codes.tocoo()), coder.reconstruct(X))


def test_sparse_codes_of_another_width_are_refused(coder):
    with pytest.raises(ValueError, match=r"X has 7 features, but .* n_components_=100"):
        coder.inverse_transform(scipy.sparse.csr_array((3, 7)))


def test_sparse_codes_in_a_pipeline(coder):
    model = make_pipeline(coder, LogisticRegression(max_iter=1000))
    assert model.fit(X[:1400], y[:1400]).score(X[1400:], y[1400:]) > 0.85


def test_sparse_codes_fit_no_frame(coder):
    framed = sklearn.clone(coder).set_output(transform="pandas")
    for call in (framed.fit(X).transform, framed.fit_transform):
        with pytest.raises(ValueError, match="outputs a scipy sparse matrix"):
            call(X)


# ----- parameters ----------------------------------------------------------


@pytest.mark.parametrize(("n_features", "n_components"), [(5, 20), (300, 1024)])
def test_the_default_number_of_codes(n_features, n_components):
    rows = np.random.RandomState(0).normal(size=(30, n_features))
    estimator = SparseAutoencoder(sparsity="l1", max_iter=1).fit(rows)
    assert estimator.n_components_ == n_components


@pytest.mark.parametrize("sparsity", ["top_k", "kl", "l1"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": (32, 16), "batch_norm": True, "dropout": 0.1},
        {"tied_weights": True, "hidden_layer_sizes": 24},
        {"loss": "log_loss"},
        {"solver": "lbfgs", "precision": "float64"},
    ],
)
def test_variations_learn(sparsity, parameters):
    estimator = SparseAutoencoder(
        40, sparsity=sparsity, sparsity_weight=0.1, max_iter=20, **parameters
    ).fit(X[:500] / 16)
    assert estimator.score(X[500:800] / 16) > 0.3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_nonzero_coefs": 11},
            "must be at most n_components=10.*Got 11 instead",
        ),
        (
            {"transform_n_nonzero_coefs": 0},
            r"'transform_n_nonzero_coefs' parameter .* \[1, inf\) or None. Got 0",
        ),
        (
            {"n_nonzero_coefs": True},
            r"'n_nonzero_coefs' parameter .* an int in .* Got True instead",
        ),
        (
            {"transform_n_nonzero_coefs": True},
            r"'transform_n_nonzero_coefs' parameter .* Got True instead",
        ),
        (
            {"n_nonzero_coefs": 0},
            r"'n_nonzero_coefs' parameter .* an int in the range .* or None. Got 0",
        ),
        ({"sparsity": "l0"}, r"'sparsity' parameter .* \{.*'top_k'.*Got 'l0' instead"),
        ({"sparsity_target": 1.0}, r"'sparsity_target' parameter .* \(0.0, 1.0\)"),
        ({"sparsity_weight": -1.0}, r"'sparsity_weight' parameter .* \[0.0, inf\)"),
        (
            {"sparse_output": "csr"},
            "'sparse_output' parameter .* an instance of 'bool'",
        ),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder(10, **parameters).fit(X)


# ----- the published figure ------------------------------------------------


@pytest.mark.slow
def test_the_figure_of_mnist_is_printed(monkeypatch, capsys):
    split = Split(X[:1300] / 16, X[1300:] / 16, y[:1300], y[1300:])
    monkeypatch.setattr(mnist, "load", lambda openml: split)
    monkeypatch.setattr(sparse, "_N_VALIDATION", 300)
    main(["sparse", "--max-iter", "3", "--units", "64", "-k", "8"])
    printed = capsys.readouterr().out
    assert "3 epochs in" in printed
    for name in ("raw pixels", "8 codes a row", "32 codes a row", "validation |"):
        assert name in printed
