"""What every autoencoder must do: ``check(estimator, X, y)``, X in [0, 1]."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import torch
from instances import given
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone


def check_round_trip_shapes_and_dtypes(estimator, X, y):
    for dtype in (np.float32, np.float64):
        data = X.astype(dtype)
        codes = estimator.fit_transform(data, y)
        assert codes.shape == (len(X), estimator.n_components_)
        told = given(estimator, y)
        codes = estimator.transform(data, **told)
        reconstructed = estimator.reconstruct(data, **told)
        assert reconstructed.shape == X.shape
        assert codes.dtype == reconstructed.dtype == dtype
        if hasattr(estimator, "inverse_transform"):
            restored = estimator.inverse_transform(codes, **told)
            assert restored.dtype == dtype
            assert_allclose(restored, reconstructed, rtol=1e-4, atol=1e-5)
    # Inference is in the precision of what comes in, whatever it was fitted on.
    assert estimator.transform(X.astype(np.float32)).dtype == np.float32
    assert estimator.transform(X.astype(np.float64)).dtype == np.float64


def check_equal_seeds_give_equal_bits(estimator, X, y):
    first = clone(estimator).fit(X, y)
    second = clone(estimator).fit(X, y)
    assert first.loss_curve_ == second.loss_curve_
    assert_array_equal(first.transform(X), second.transform(X))


def check_nothing_global_is_touched(estimator, X, y):
    before = global_state()
    estimator.fit(X, y)
    estimator.reconstruct(X, **given(estimator, y))
    estimator.score(X, y)
    after = global_state()
    for name, value in before.items():
        assert np.array_equal(value, after[name]), name


def global_state():
    return {
        "torch random state": torch.get_rng_state().numpy(),
        "numpy random state": np.random.get_state()[1],  # noqa: NPY002
        "threads": torch.get_num_threads(),
        "default dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "warning filters": list(warnings.filters),
    }


def check_batches_do_not_change_transform(estimator, X, y):
    estimator.fit(X, y)
    whole = estimator.transform(X)
    parts = [estimator.transform(part) for part in np.array_split(X, 7)]
    assert_allclose(np.vstack(parts), whole, rtol=1e-7, atol=1e-9)
    scores = [estimator.score_samples(part) for part in np.array_split(X, 7)]
    assert_allclose(np.concatenate(scores), estimator.score_samples(X), rtol=1e-7)


def check_transform_is_the_same_twice(estimator, X, y):
    estimator.fit(X, y)
    assert_array_equal(estimator.transform(X), estimator.transform(X))
    assert estimator.score(X, y) == estimator.score(X, y)


def check_input_is_not_changed(estimator, X, y):
    before = X.copy()
    estimator.fit(X, y)
    estimator.reconstruct(X, **given(estimator, y))
    estimator.score(X, y)
    assert_array_equal(X, before)


def check_pickle_round_trip(estimator, X, y):
    estimator.fit(X, y)
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


def check_the_form_of_the_codes(estimator, X, y):
    codes = estimator.fit_transform(X, y)
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


def check_curves(estimator, X, y):
    estimator.fit(X, y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) - 1
    curve = estimator.validation_loss_curve_ or estimator.loss_curve_
    assert estimator.best_loss_ == min(curve)
    assert 0 <= estimator.best_epoch_ <= estimator.n_iter_


def check_loss_decreases(estimator, X, y):
    # Enough epochs for the gain to exceed the differences between draws of noise.
    estimator.set_params(early_stopping=False, dropout=0.0, max_iter=30)
    estimator.fit(X, y)
    if len(estimator.loss_curve_) > 1:
        assert min(estimator.loss_curve_[1:]) < estimator.loss_curve_[0]
    else:
        # The closed form is the answer: nothing was trained.
        assert estimator.best_epoch_ == 0


def check_gradients_reach_every_parameter(estimator, X, y):
    if estimator.solver in ("lbfgs", "cg"):
        estimator.set_params(solver="adam")
    # Three steps: the first layers of a correction wait for the zero last ones.
    estimator.set_params(batch_size=len(X) // 3, shuffle=False, dropout=0.0)
    estimator.partial_fit(X, y)
    network = estimator._training_state.network
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


FAMILY_CHECKS = [
    check_round_trip_shapes_and_dtypes,
    check_equal_seeds_give_equal_bits,
    check_nothing_global_is_touched,
    check_batches_do_not_change_transform,
    check_transform_is_the_same_twice,
    check_input_is_not_changed,
    check_pickle_round_trip,
    check_the_form_of_the_codes,
    check_curves,
    check_loss_decreases,
    check_gradients_reach_every_parameter,
]
