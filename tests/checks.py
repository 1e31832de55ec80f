"""What every autoencoder must do, X in [0, 1].

A check of one fit reads it, ``check(fit)``; the others fit the estimator themselves,
``check(estimator, X, y, fit)``, and may compare with that fit.
"""

import copy
import io
import pickle
import warnings
from dataclasses import dataclass

import joblib
import numpy as np
import pytest
import torch
from instances import given
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone


@dataclass
class Fit:
    """A fitted estimator, what it was fitted to, and what was as before.

    `X_before` is a copy of X; `before` and `after` are what is global, around the fit
    and the methods.
    """

    estimator: object
    X: np.ndarray
    y: np.ndarray
    X_before: np.ndarray
    before: dict
    after: dict


def observe_fit(estimator, X, y):
    """Fit and use an estimator; return the `Fit`."""
    X_before, before = X.copy(), global_state()
    estimator.fit(X, y)
    for method in ("transform", "reconstruct"):
        if hasattr(estimator, method):
            told = given(estimator, y) if method == "reconstruct" else {}
            getattr(estimator, method)(X, **told)
    estimator.score(X, y)
    return Fit(estimator, X, y, X_before, before, global_state())


def check_nothing_global_is_touched(fit):
    for name, value in fit.before.items():
        assert np.array_equal(value, fit.after[name]), name


def check_input_is_not_changed(fit):
    assert_array_equal(fit.X, fit.X_before)


def global_state():
    return {
        "torch random state": torch.get_rng_state().numpy(),
        "numpy random state": np.random.get_state()[1],  # noqa: NPY002
        "threads": torch.get_num_threads(),
        "default dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        # Torch may import sympy in the first fit, which adds a filter of its own.
        "warning filters": [
            f for f in warnings.filters if not f[2].__module__.startswith("sympy")
        ],
    }


def check_batches_do_not_change_transform(fit):
    estimator, X = fit.estimator, fit.X
    whole = estimator.transform(X)
    parts = [estimator.transform(part) for part in np.array_split(X, 7)]
    assert_allclose(np.vstack(parts), whole, rtol=1e-7, atol=1e-9)
    scores = [estimator.score_samples(part) for part in np.array_split(X, 7)]
    assert_allclose(np.concatenate(scores), estimator.score_samples(X), rtol=1e-7)


def check_transform_is_the_same_twice(fit):
    estimator, X, y = fit.estimator, fit.X, fit.y
    assert_array_equal(estimator.transform(X), estimator.transform(X))
    assert estimator.score(X, y) == estimator.score(X, y)


def check_pickle_round_trip(fit):
    estimator, X, y = fit.estimator, fit.X, fit.y
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    copies = [
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(buffer),
        copy.deepcopy(estimator),
    ]
    for other in copies:
        assert_array_equal(other.transform(X), estimator.transform(X))
        told = given(estimator, y)
        reconstructed = estimator.reconstruct(X, **told)
        assert_array_equal(other.reconstruct(X, **told), reconstructed)


def check_the_form_of_the_codes(fit):
    estimator, X = fit.estimator, fit.X
    codes = estimator.transform(X)
    _FORMS[estimator._code_form()](estimator, X, codes)
    # Codes cannot explain less linearly than nothing, nor one more than there is.
    ratio = estimator.explained_variance_ratio_
    assert np.all((ratio >= 0) & (ratio <= 1 + 1e-9))


def _are_principal_components(estimator, X, codes):
    covariance = np.cov(codes.T)
    variances = np.diag(covariance)
    whiten = estimator._code_form() == "white"
    wanted = variances if not whiten else np.ones(len(variances))
    inert = estimator.explained_variance_ <= 0
    assert_allclose(
        covariance[~inert][:, ~inert],
        np.diag(wanted[~inert]),
        rtol=1e-5,  # the head is of codes in float32
        atol=1e-6 * variances.max(),
    )
    assert np.all(np.diff(estimator.explained_variance_) <= 1e-9 * variances.max())
    if not whiten:
        assert_allclose(
            variances, estimator.explained_variance_, atol=1e-6 * variances.max()
        )
    # Decorrelated codes share what they explain.
    assert estimator.explained_variance_ratio_.sum() <= 1 + 1e-9


def _are_ordered(estimator, X, codes):
    """The network's own codes, in order of their variances, some with the sign turned.

    Not centered and not scaled: zero and one are the mean and the scale of the prior.
    """
    variances = codes.var(axis=0, ddof=1)
    assert_allclose(variances, estimator.explained_variance_, rtol=1e-5, atol=1e-9)
    assert np.all(np.diff(estimator.explained_variance_) <= 0)
    own = _codes_of_the_network(estimator, X)
    reordered = np.abs(own[:, None, :]) - np.abs(codes[:, :, None])
    turn = np.abs(reordered).max(axis=0) < 1e-5
    assert np.all(turn.any(axis=0)) and np.all(turn.any(axis=1))


def _are_raw(estimator, X, codes):
    assert_allclose(codes, _codes_of_the_network(estimator, X), rtol=1e-4, atol=1e-5)


def _codes_of_the_network(estimator, X):
    x = estimator._scaling.to_network(X, torch.float32)
    with torch.no_grad():
        return estimator.network_.float().encode(x).numpy()


_FORMS = {
    "principal": _are_principal_components,
    "white": _are_principal_components,
    "ordered": _are_ordered,
    "raw": _are_raw,
}


def check_curves(fit):
    estimator = fit.estimator
    assert estimator.n_iter_ == len(estimator.loss_curve_) - 1
    curve = estimator.validation_loss_curve_ or estimator.loss_curve_
    assert estimator.best_loss_ == min(curve)
    assert 0 <= estimator.best_epoch_ <= estimator.n_iter_


def check_round_trip_shapes_and_dtypes(estimator, X, y, fit):
    single, double = np.float32, np.float64
    fits = {
        single: (estimator, estimator.fit_transform(X.astype(single), y)),
        double: (fit.estimator, fit.estimator.transform(X)),
    }
    for dtype, (fitted, codes) in fits.items():
        assert codes.shape == (len(X), fitted.n_components_)
        data, told = X.astype(dtype), given(fitted, y)
        codes = fitted.transform(data, **told)
        reconstructed = fitted.reconstruct(data, **told)
        assert reconstructed.shape == X.shape
        assert codes.dtype == reconstructed.dtype == dtype
        if hasattr(fitted, "inverse_transform"):
            restored = fitted.inverse_transform(codes, **told)
            assert restored.dtype == dtype
            assert_allclose(restored, reconstructed, rtol=1e-4, atol=1e-5)
        # Inference is in the precision of what comes in, whatever it was fitted on.
        assert fitted.transform(X.astype(single)).dtype == single
        assert fitted.transform(X.astype(double)).dtype == double


def check_equal_seeds_give_equal_bits(estimator, X, y, fit):
    estimator.fit(X, y)
    assert estimator.loss_curve_ == fit.estimator.loss_curve_
    assert_array_equal(estimator.transform(X), fit.estimator.transform(X))


def check_weights(estimator, X, y, fit):
    """Rows of weight zero are not there, and two for all is as one for all.

    The noise is the same then, as the rows are.
    """
    alpha = {"alpha": "auto"} if "alpha" in estimator.get_params() else {}
    estimator.set_params(precision="float64", max_iter=3, **alpha)
    X, y, used = X[:60], y[:60], np.arange(60) % 3 > 0

    ones = clone(estimator).fit(X[used], y[used])
    twos = clone(estimator).fit(X[used], y[used], sample_weight=np.full(40, 2.0))
    # Adam turns gradients that are rounding errors into steps of full length.
    for n_epochs, rtol in ((2, 1e-6), (4, 0.02)):
        curves = (fitted.loss_curve_[:n_epochs] for fitted in (twos, ones))
        assert_allclose(*curves, rtol=rtol)
    zeros = clone(estimator).fit(X, y, sample_weight=used.astype(float))
    ones = clone(estimator).fit(X[used], y[used], sample_weight=np.ones(40))
    assert zeros.loss_curve_ == ones.loss_curve_
    assert_array_equal(zeros.transform(X), ones.transform(X))


def check_loss_decreases(estimator, X, y, fit):
    # Enough epochs for the gain to exceed the differences between draws of noise.
    estimator.set_params(early_stopping=False, dropout=0.0, max_iter=30)
    estimator.fit(X, y)
    if (
        getattr(estimator, "linear_path", None) is not None
        and estimator.hidden_layer_sizes == ()
    ):
        assert len(estimator.loss_curve_) == 1
        pytest.skip("the linear path is the optimum: nothing is trained")
    assert min(estimator.loss_curve_[1:]) < estimator.loss_curve_[0]


def check_gradients_reach_every_parameter(estimator, X, y, fit):
    if estimator.solver in ("lbfgs", "cg"):
        estimator.set_params(solver="adam")
    # Three steps: the first layers of a correction wait for the zero last ones.
    estimator.set_params(batch_size=len(X) // 3, shuffle=False, dropout=0.0)
    estimator.partial_fit(X, y)
    network = estimator._training_state.network
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


READING_CHECKS = [
    check_nothing_global_is_touched,
    check_input_is_not_changed,
    check_batches_do_not_change_transform,
    check_transform_is_the_same_twice,
    check_pickle_round_trip,
    check_the_form_of_the_codes,
    check_curves,
]
FITTING_CHECKS = [
    check_round_trip_shapes_and_dtypes,
    check_equal_seeds_give_equal_bits,
    check_weights,
    check_loss_decreases,
    check_gradients_reach_every_parameter,
]
