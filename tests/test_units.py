"""No unit of X changes a fit whose loss has none: its bits, by powers of 2."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import skae
from skae._functional.losses import LOSSES
from skae._networks.scaling import Scaling

RNG = np.random.RandomState(0)
X = RNG.randn(120, 2) @ RNG.randn(2, 9) + 0.3 * RNG.randn(120, 9) + 1
COUNTS = RNG.poisson(np.exp(0.6 * RNG.randn(120, 2) @ RNG.randn(2, 9))) * 1.0


def blank(rows, random_state):
    """A user's corruption, which depends on no unit."""
    return rows * (random_state.uniform(size=rows.shape) > 0.3)


DENSE, TEXTBOOK = {"hidden_layer_sizes": (8,)}, {"linear_path": None}
STACK = {"hidden_layer_sizes": (6,), "pretraining_max_iter": 2}
CASES = [
    *((skae.AutoencoderTransformer, {**DENSE, "loss": name}) for name in LOSSES),
    (skae.AutoencoderTransformer, {**DENSE, **TEXTBOOK}),
    (skae.AutoencoderTransformer, {**DENSE, **TEXTBOOK, "loss": "poisson"}),
    (skae.AutoencoderTransformer, {**DENSE, "whiten": True, "alpha": 0.1}),
    (skae.AutoencoderTransformer, {**DENSE, "batch_norm": True, "dropout": 0.2}),
    *(
        (skae.DenoisingAutoencoder, {**DENSE, "corruption": corruption})
        for corruption in ("masking", "gaussian", "salt_and_pepper", blank)
    ),
    *((skae.SparseAutoencoder, {"sparsity": s}) for s in ("top_k", "kl", "l1")),
    (skae.ContractiveAutoencoder, {}),
    (skae.StackedAutoencoder, STACK),
    (skae.StackedAutoencoder, {**STACK, "loss": "kullback_leibler"}),
    (
        skae.StackedAutoencoder,
        {
            **STACK,
            "pretraining": "rbm",
            "visible_units": "gaussian",
            "activation": "logistic",
        },
    ),
    (
        skae.StackedAutoencoder,
        {
            **STACK,
            "loss": "poisson",
            "pretraining": "rbm",
            "visible_units": "gaussian",
            "activation": "logistic",
        },
    ),
    (skae.ConvolutionalAutoencoder, {"channels": (4,)}),
    (skae.RecurrentAutoencoder, {"hidden_size": 4}),
]
# A loss of values in [0, 1] is not one of X in any unit.
CASES = [(c, p) for c, p in CASES if p.get("loss") != "log_loss"]
IDS = [f"{c.__name__}-{len(p)}-{i}" for i, (c, p) in enumerate(CASES)]


def make(cls, parameters):
    parameters = {"max_iter": 3, "random_state": 0, **parameters}
    if "n_components" in inspect.signature(cls).parameters:
        parameters["n_components"] = 2
    return cls(**parameters)


def data_for(parameters, dtype):
    rates = LOSSES[parameters.get("loss", "squared_error")].link == "exp"
    return (COUNTS if rates else X).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("cls", "parameters"), CASES, ids=IDS)
def test_a_fit_is_the_same_in_any_unit(cls, parameters, dtype):
    rows = data_for(parameters, dtype)
    model = make(cls, parameters).fit(rows)
    score, expected = model.score(rows), model.reconstruct(rows)
    for exponent in (-830, 830) if dtype == np.float64 else (-100, 100):
        scaled = np.ldexp(rows, exponent)
        model.fit(scaled)
        back = np.ldexp(model.reconstruct(scaled), -exponent)
        if dtype == np.float64:
            assert model.score(scaled) == score
            assert_array_equal(back, expected)
        else:  # computed in float64 where float32 has no room
            assert model.score(scaled) == pytest.approx(score, abs=1e-4)
            assert_allclose(back, expected, atol=1e-4 * np.abs(expected).max())


@settings(max_examples=15, deadline=None)
@given(
    exponent=st.integers(-1000, 1000),
    loss=st.sampled_from(["squared_error", "huber", "poisson", "kullback_leibler"]),
)
def test_a_scaled_network_space_is_the_same_in_any_unit(exponent, loss):
    rows, link = data_for({"loss": loss}, np.float64), LOSSES[loss].link
    scaling, scaled = (
        Scaling.fit(np.ldexp(rows, e), link, any_unit=True) for e in (0, exponent)
    )
    u = scaling.to_network(rows, torch.float64)
    v = scaled.to_network(np.ldexp(rows, exponent), torch.float64)
    assert_array_equal(u.numpy(), v.numpy())
    assert_array_equal(
        np.ldexp(scaling.to_data(u).numpy(), exponent), scaled.to_data(v).numpy()
    )


@pytest.mark.parametrize("loss", ["poisson", "kullback_leibler"])
def test_a_rare_column_of_rates_is_not_lost(loss):
    # Its mean is far below that of the others.
    rare = COUNTS.copy()
    rare[:, 3] *= 1e-9
    model = make(skae.AutoencoderTransformer, {**DENSE, "loss": loss}).fit(rare)
    column = model.reconstruct(rare)[:, 3]
    assert column.max() < 20 * rare[:, 3].max()


@pytest.mark.parametrize(("unit", "dtype"), [(1e-310, "f8"), (1e-42, "f4")])
@pytest.mark.parametrize("parameters", [{}, TEXTBOOK, {"whiten": True}])
def test_subnormal_data_are_fitted_as_far_as_their_digits_go(unit, dtype, parameters):
    rows = (X * unit).astype(dtype)
    model = make(skae.AutoencoderTransformer, {**DENSE, **parameters})
    expected = model.fit(X).score(X)
    model.fit(rows)
    assert np.isfinite(model.reconstruct(rows)).all()
    assert np.isfinite(model.transform(rows)).all()
    assert model.score(rows) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("unit", [1e-305, 1e305])
@pytest.mark.parametrize(
    "cls", [skae.AutoencoderTransformer, skae.DenoisingAutoencoder, skae.VAETransformer]
)
def test_the_ends_of_the_range_give_finite_results(cls, unit):
    rows = X * unit
    model = make(cls, DENSE).fit(rows)
    assert np.isfinite(model.score(rows))
    assert np.isfinite(model.reconstruct(rows)).all()


@pytest.mark.parametrize("unit", [1e-100, 1.0, 1e100])
def test_a_quantity_that_varies_little_about_a_large_mean_is_learnt(unit):
    y = unit * (1e13 + X[:, 0])
    model = skae.StackedDAERegressor(
        hidden_layer_sizes=(8,), pretraining=None, max_iter=60, random_state=0
    )
    assert model.fit(X, y).score(X, y) > 0.5


PREDICTORS = [
    skae.StackedDAERegressor(hidden_layer_sizes=(8,), pretraining_max_iter=2),
    skae.AutoencoderRegressor(skae.AutoencoderTransformer(2, max_iter=2, **DENSE)),
    skae.AutoencoderRegressor(skae.VAETransformer(2, max_iter=2, **DENSE)),
]


@pytest.mark.parametrize("exponent", [-600, 600])
@pytest.mark.parametrize("model", PREDICTORS, ids=lambda m: type(m).__name__)
def test_a_regressor_is_the_same_in_any_unit_of_the_quantity(model, exponent):
    y = X[:, 0] * X[:, 1]
    model.set_params(max_iter=3, random_state=0)
    expected = model.fit(X, y).predict(X)
    predicted = model.fit(X, np.ldexp(y, exponent)).predict(X)
    assert_array_equal(np.ldexp(predicted, -exponent), expected)


@pytest.mark.parametrize("exponent", [-600, 600])
@pytest.mark.parametrize("model", PREDICTORS[:2], ids=lambda m: type(m).__name__)
def test_a_regressor_is_the_same_in_any_unit_of_x(model, exponent):
    y = X[:, 0] * X[:, 1]
    model.set_params(max_iter=3, random_state=0)
    expected = model.fit(X, y).predict(X)
    scaled = np.ldexp(X, exponent)
    assert_array_equal(model.fit(scaled, y).predict(scaled), expected)


@pytest.mark.parametrize("exponent", [-600, 600])
def test_a_conditional_model_is_the_same_in_any_unit_of_what_is_given(exponent):
    y = X[:, 0] * X[:, 1]
    model = skae.ConditionalVAE(2, max_iter=2, random_state=0, **DENSE)
    expected = model.fit(X, y).reconstruct(X, y)
    scaled = np.ldexp(y, exponent)
    assert_array_equal(model.fit(X, scaled).reconstruct(X, scaled), expected)


def test_a_constant_quantity_that_is_given_has_no_scale():
    model = skae.ConditionalVAE(2, max_iter=1, random_state=0, **DENSE)
    model.fit(X, np.full(len(X), 0.1))
    assert np.isfinite(model.reconstruct(X, np.full(len(X), 0.2))).all()
    assert np.abs(model.reconstruct(X, np.full(len(X), 0.2))).max() < 100
