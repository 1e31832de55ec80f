import warnings

import engine
import numpy as np
import pytest
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

X = np.random.RandomState(0).uniform(size=(50, 40)) * np.linspace(3, 0.1, 40)


def check(X=X, *, loss="squared_error", **given):
    return engine.check_samples(AutoencoderTransformer(loss=loss), X, **given)


def n_components_of(wanted, X=X, weight=None, **parameters):
    estimator = AutoencoderTransformer(wanted, **parameters)
    return engine.n_components_of(estimator, X, weight)


# ----- samples -----------------------------------------------------------------


def test_without_a_target_the_rows_are_their_own():
    samples, validation = check()
    assert samples.target is samples.X and samples.weight is None
    assert validation is None


def test_rows_of_weight_zero_are_as_rows_that_are_not_there():
    weight = np.arange(50.0) % 3
    samples, _ = check(sample_weight=weight)
    np.testing.assert_array_equal(samples.X, X[weight > 0])
    np.testing.assert_array_equal(samples.weight, weight[weight > 0])
    assert samples.target is samples.X


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(
        ValueError, match="[Ww]eights? must contain at least one non-zero"
    ):
        check(sample_weight=np.zeros(50))


@pytest.mark.parametrize("name", ["X_val", "X_target"])
def test_further_rows_must_go_with_the_first(name):
    with pytest.raises(ValueError, match=rf"{name} must have shape .* Got \(50, 39\)"):
        check(**{name: X[:, 1:]})
    rows = check(**{name: X + 1})
    given = rows[1].X if name == "X_val" else rows[0].target
    np.testing.assert_array_equal(given, X + 1)


@pytest.mark.parametrize("name", ["X", "X_val", "X_target"])
def test_the_domain_of_the_loss_holds_for_all_rows(name):
    inside = {"X": X / 3, name: X}
    with pytest.raises(ValueError, match=rf"{name} must lie in \[0, 1\]"):
        check(**inside, loss="log_loss")


# ----- what a fit is set up with -----------------------------------------------


@pytest.mark.parametrize(("n_features", "expected"), [(5, 5), (32, 32), (40, 32)])
def test_by_default_there_are_at_most_32_components(n_features, expected):
    assert n_components_of(None, X[:, :n_features]) == expected


@pytest.mark.parametrize("wanted", [0.5, np.float32(0.9), "mle"])
def test_a_share_of_the_variance_is_resolved_as_pca_does(wanted):
    given = float(wanted) if wanted != "mle" else wanted
    assert n_components_of(wanted) == PCA(given).fit(X).n_components_


@pytest.mark.parametrize("share", [0.7, 0.8, 0.9])
def test_weights_equal_repetitions_in_the_share_of_the_variance(share):
    # Heavy rows of their own kind: the mean and the axes depend on the weights.
    counts = np.where(np.arange(50) < 8, 20, 1)
    shifted = X + np.where(counts > 1, 1.0, 0.0)[:, np.newaxis] * X[0]
    expected = n_components_of(share, np.repeat(shifted, counts, axis=0))
    assert n_components_of(share, shifted, counts.astype(float)) == expected
    assert n_components_of(share, shifted) != expected


def test_more_components_than_the_linear_path_can_carry_are_warned_of():
    with pytest.warns(UserWarning, match=r"n_components=41 .*=40.*linear_path=None"):
        assert n_components_of(41) == 41
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert n_components_of(41, linear_path=None) == 41
        assert n_components_of(40) == 40


def test_widths_are_those_given_or_chosen_for_the_data():
    estimator = AutoencoderTransformer(hidden_layer_sizes=7)
    assert engine.hidden_layer_sizes_of(estimator, X.shape) == (7,)
    assert len(engine.hidden_layer_sizes_of(AutoencoderTransformer(), X.shape)) > 0


def test_maxout_cannot_be_tied():
    estimator = AutoencoderTransformer(activation="maxout", tied_weights=True)
    with pytest.raises(ValueError, match="maxout.*Use tied_weights=False"):
        engine.hidden_layer_sizes_of(estimator, X.shape)


@pytest.mark.parametrize(
    "parameters",
    [{"early_stopping": True}, {"n_components": 0.5}, {"n_components": "mle"}],
)
def test_partial_fit_refuses_what_needs_all_the_data(parameters):
    with pytest.raises(ValueError, match="partial_fit"):
        engine.check_partial_fit(AutoencoderTransformer(**parameters))
    engine.check_partial_fit(AutoencoderTransformer())
