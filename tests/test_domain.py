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
        skae.StackedAutoencoder(loss="log_loss", **SMALL, pretrain_max_iter=1),
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
