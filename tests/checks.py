"""What every autoencoder of skae must do: ``check(estimator, X)``, X in [0, 1]."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone


def check_round_trip_shapes_and_dtypes(estimator, X):
    for dtype in (np.float32, np.float64):
        data = X.astype(dtype)
        codes = estimator.fit_transform(data)
        assert codes.shape == (len(X), estimator.n_components_)
        restored = estimator.inverse_transform(codes)
        assert restored.shape == X.shape
        assert codes.dtype == restored.dtype == dtype
        assert_allclose(restored, estimator.reconstruct(data), rtol=1e-4, atol=1e-5)
    # Inference is in the precision of what comes in, whatever it was fitted on.
    assert estimator.transform(X.astype(np.float32)).dtype == np.float32
    assert estimator.transform(X.astype(np.float64)).dtype == np.float64


def check_equal_seeds_give_equal_bits(estimator, X):
    first = clone(estimator).fit(X)
    second = clone(estimator).fit(X)
    assert first.loss_curve_ == second.loss_curve_
    assert_array_equal(first.transform(X), second.transform(X))


def check_nothing_global_is_touched(estimator, X):
    before = _global_state()
    estimator.fit(X)
    estimator.reconstruct(X)
    estimator.score(X)
    after = _global_state()
    for name, value in before.items():
        assert np.array_equal(value, after[name]), name


def _global_state():
    return {
        "torch random state": torch.get_rng_state().numpy(),
        "numpy random state": np.random.get_state()[1],  # noqa: NPY002
        "threads": torch.get_num_threads(),
        "default dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "warning filters": list(warnings.filters),
    }


def check_batches_do_not_change_transform(estimator, X):
    estimator.fit(X)
    whole = estimator.transform(X)
    parts = [estimator.transform(part) for part in np.array_split(X, 7)]
    assert_allclose(np.vstack(parts), whole, rtol=1e-7, atol=1e-9)
    scores = [estimator.score_samples(part) for part in np.array_split(X, 7)]
    assert_allclose(np.concatenate(scores), estimator.score_samples(X), rtol=1e-7)


def check_transform_is_the_same_twice(estimator, X):
    estimator.fit(X)
    assert_array_equal(estimator.transform(X), estimator.transform(X))
    assert estimator.score(X) == estimator.score(X)


def check_input_is_not_changed(estimator, X):
    before = X.copy()
    estimator.fit(X)
    estimator.reconstruct(X)
    estimator.score(X)
    assert_array_equal(X, before)


def check_pickle_round_trip(estimator, X):
    estimator.fit(X)
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
        assert_array_equal(other.reconstruct(X), estimator.reconstruct(X))


def check_codes_are_in_the_form_of_principal_components(estimator, X):
    codes = estimator.fit_transform(X)
    covariance = np.cov(codes.T)
    variances = np.diag(covariance)
    wanted = variances if not estimator.whiten else np.ones(len(variances))
    inert = estimator.explained_variance_ <= 0
    assert_allclose(
        covariance[~inert][:, ~inert],
        np.diag(wanted[~inert]),
        atol=1e-6 * variances.max(),
    )
    assert np.all(np.diff(estimator.explained_variance_) <= 1e-9 * variances.max())
    if not estimator.whiten:
        assert_allclose(
            variances, estimator.explained_variance_, atol=1e-6 * variances.max()
        )
    ratio = estimator.explained_variance_ratio_
    assert np.all(ratio >= 0)
    # Codes cannot explain less linearly than nothing, nor more than there is.
    assert ratio.sum() <= 1 + 1e-9


def check_curves(estimator, X):
    estimator.fit(X)
    assert estimator.n_iter_ == max(len(estimator.loss_curve_) - 1, 1)
    curve = estimator.validation_loss_curve_ or estimator.loss_curve_
    assert estimator.best_loss_ == min(curve)
    assert 0 <= estimator.best_epoch_ <= estimator.n_iter_


def check_loss_decreases(estimator, X):
    # Enough epochs for the gain to exceed the differences between draws of noise.
    estimator.set_params(early_stopping=False, dropout=0.0, max_iter=30)
    estimator.fit(X)
    if len(estimator.loss_curve_) > 1:
        assert min(estimator.loss_curve_[1:]) < estimator.loss_curve_[0]
    else:
        # The closed form is the answer: nothing was trained.
        assert estimator.best_epoch_ == 0


def check_gradients_reach_every_parameter(estimator, X):
    if estimator.solver in ("lbfgs", "cg"):
        estimator.set_params(solver="adam")
    # Three steps: the first layers of a correction wait for the zero last ones.
    estimator.set_params(batch_size=len(X) // 3, shuffle=False, dropout=0.0)
    estimator.partial_fit(X)
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
    check_codes_are_in_the_form_of_principal_components,
    check_curves,
    check_loss_decreases,
    check_gradients_reach_every_parameter,
]
