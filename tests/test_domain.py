"""What a scaler gives, rounding and all, is taken by whatever has a domain."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.preprocessing import MinMaxScaler

import skae

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}
NETWORK = {**SMALL, "n_components": 2, "early_stopping": False}
# Estimators whose X has a domain, and the domain.
BOUNDED = {
    "log_loss": (skae.AutoencoderTransformer(**NETWORK, loss="log_loss"), (0, 1)),
    "poisson": (skae.AutoencoderTransformer(**NETWORK, loss="poisson"), (0, None)),
    "kullback_leibler": (
        skae.AutoencoderTransformer(**NETWORK, loss="kullback_leibler"),
        (0, None),
    ),
    "logistic": (
        skae.AutoencoderTransformer(**NETWORK, out_activation="logistic"),
        (0, 1),
    ),
    "tanh": (skae.AutoencoderTransformer(**NETWORK, out_activation="tanh"), (-1, 1)),
    "denoising": (skae.DenoisingAutoencoder(**NETWORK, loss="log_loss"), (0, 1)),
    "sparse": (
        skae.SparseAutoencoder(2, loss="log_loss", max_iter=1, random_state=0),
        (0, 1),
    ),
    "contractive": (
        skae.ContractiveAutoencoder(2, loss="log_loss", max_iter=1, random_state=0),
        (0, 1),
    ),
    "stacked": (
        skae.StackedAutoencoder(loss="log_loss", **SMALL, pretraining_max_iter=1),
        (0, 1),
    ),
    **{
        name: (skae.VAETransformer(**NETWORK, likelihood=name), domain)
        for name, domain in [
            ("bernoulli", (0, 1)),
            ("poisson", (0, None)),
            ("negative_binomial", (0, None)),
        ]
    },
}


def just_outside(domain, dtype):
    """Return rows with values outside by one unit in the last place."""
    low, high = domain
    top = 1 if high is None else high
    X = MinMaxScaler((low, top)).fit_transform(np.random.RandomState(0).randn(30, 5))
    X = X.clip(low, top).astype(dtype)
    outside = X.copy()
    outside[3, 1] = np.nextafter(dtype(low), dtype(-9)) if low else dtype(-1e-17)
    outside[4, 2] = np.nextafter(dtype(top), dtype(9))
    return outside, outside.clip(low, high)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BOUNDED)
def test_rounding_counts_as_the_end_of_the_domain(name, dtype):
    estimator, domain = BOUNDED[name]
    outside, inside = just_outside(domain, dtype)
    assert not np.array_equal(outside, inside)
    given = outside.copy()
    estimator.fit(inside, X_val=inside)
    expected = estimator.transform(inside), estimator.score_samples(inside)
    estimator.fit(outside, X_val=outside)
    assert_array_equal(estimator.transform(outside), expected[0])
    np.testing.assert_allclose(estimator.score_samples(outside), expected[1], rtol=1e-5)
    assert np.isfinite(estimator.score(outside))
    estimator.partial_fit(outside)
    assert_array_equal(outside, given)


def test_rounding_of_a_clean_target_counts_as_the_end_of_the_domain():
    estimator, domain = BOUNDED["denoising"]
    outside, inside = just_outside(domain, np.float64)
    codes = estimator.fit(outside, X_target=outside).transform(inside)
    assert_array_equal(codes, estimator.fit(inside, X_target=inside).transform(inside))


@pytest.mark.parametrize("seed", range(5))
def test_what_a_scaler_gives_can_be_fitted(seed):
    X = MinMaxScaler().fit_transform(np.random.RandomState(seed).randn(30, 20))
    BOUNDED["log_loss"][0].fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 5e-5), (np.float64, 5e-10)])
def test_an_offset_far_beyond_the_range_can_be_fitted(dtype, most):
    # The scaler's error is eps * |offset| / range.
    fitted = 0
    for seed in range(1000):
        r = np.random.RandomState(seed)
        offset, size = 10 ** r.uniform(0, 9) * r.randn(), 10 ** r.uniform(0, 4)
        if np.finfo(dtype).eps * abs(offset) > most * size:
            continue
        X = (offset + size * r.rand(50, 3)).astype(dtype)
        S = MinMaxScaler().fit_transform(X)
        if S.max() > 1 or S.min() < 0:
            fitted += 1
            estimator, _ = BOUNDED["log_loss"]
            assert np.isfinite(estimator.fit(S).score(S))
        if fitted == 3:
            break
    assert fitted > 0


def test_the_rows_of_a_scaler_in_float32_can_be_fitted():
    r = np.random.RandomState(87)
    X = 10 ** r.uniform(0, 9) * r.randn() + 10 ** r.uniform(0, 4) * r.rand(50, 3)
    S = MinMaxScaler().fit_transform(X.astype(np.float32))
    assert S.max() > 1 + 1e-6
    BOUNDED["log_loss"][0].fit(S)


@pytest.mark.parametrize(
    ("dtype", "excess"), [(np.float32, 1e-3), (np.float64, 1e-8), (np.float64, 1e-5)]
)
def test_values_outside_by_more_than_rounding_are_refused(dtype, excess):
    X = np.random.RandomState(0).uniform(size=(30, 5)).astype(dtype)
    X[0, 0] = 1 + excess
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        BOUNDED["log_loss"][0].fit(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_negative_value_among_large_counts_is_refused(dtype):
    X = np.random.RandomState(0).poisson(20_000, size=(30, 5)).astype(dtype)
    X[0, 0] = -1
    with pytest.raises(ValueError, match="Negative values"):
        BOUNDED["poisson"][0].fit(X)
