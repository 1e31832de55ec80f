"""What a fit leaves on the estimator."""

import numpy as np
import torch

from skae._engine.code_statistics import code_statistics
from skae._engine.inference import Codec
from skae._networks.array_state import sample_tensor
from skae._utils.threads import limit_threads_for


def fitted_attributes(estimator, result, samples, *, warm=False, keep_head=False):
    """Return all fitted attributes as a dictionary.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Its parameters, and its curves so far if `warm`, are read.
    result : FitResult
    samples : Samples
        The training rows, validation rows included.
    warm : bool
        Whether to append to the estimator's curves.
    keep_head : bool
        Whether codes keep the form that the estimator gives them now.
    """
    network, scaling = result.network, result.scaling
    with limit_threads_for(estimator.n_threads, samples.X):
        statistics = code_statistics(
            samples,
            scaling,
            network,
            form=estimator._code_form(),
            head=estimator.head_ if keep_head else None,
        )
    head = statistics.head
    mean = estimator.mean_ if keep_head else statistics.mean
    n_components = len(statistics.explained_variance)
    attributes = {
        "n_components_": n_components,
        "n_samples_": len(samples.X),
        "mean_": mean,
        "explained_variance_": statistics.explained_variance,
        "explained_variance_ratio_": statistics.explained_variance_ratio,
        "noise_variance_": _noise_variance(
            statistics.residual_variance, samples.X.shape, n_components
        ),
        "n_iter_": max(result.n_epochs, 1),
        "best_epoch_": result.best_epoch,
        **curves(result, estimator, warm),
        "network_": network,
        "scaling_": scaling,
        "head_": head,
        "_codec": make_codec(scaling, network, head, estimator.n_threads),
    }
    attributes |= _of_the_start(estimator, result, head, warm, keep_head)
    statistics = {"code_mean": statistics.code_mean}
    attributes |= estimator._own_attributes(attributes | statistics, samples)
    if result.pretraining is not None:
        attributes["pretraining_loss_curves_"] = result.pretraining.loss_curves
    return attributes


@torch.inference_mode(False)
def make_codec(scaling, network, head, n_threads):
    """Return the `Codec` on the network's device."""
    device = sample_tensor(network).device
    return Codec(scaling, network, head, device, n_threads)


def curves(result, estimator, warm):
    """Return the loss curves and scale, appended to the estimator's if `warm`."""
    curve, validation_curve = result.loss_curve, result.validation_loss_curve
    if warm:
        # The first entry is the last one of the fit before.
        curve = estimator.loss_curve_ + curve[1:]
        if None not in (validation_curve, estimator.validation_loss_curve_):
            validation_curve = estimator.validation_loss_curve_ + validation_curve[1:]
    # Epochs before the first full one minimize less than the whole loss, and the loss
    # of a start that was not kept has no dropout.
    kept = curve[result.first_full_epoch :] if result.best_epoch else curve[:1]
    return {
        "loss_curve_": curve,
        "validation_loss_curve_": validation_curve,
        "best_loss_": min(validation_curve or kept or curve[-1:]),
        "_loss_scale": result.loss_scale,
        "_start_kind": result.kind,
    }


def _of_the_start(estimator, result, head, warm, keep_head):
    """Return the attributes that the linear path and several starts add."""
    attributes = {}
    if estimator.linear_path is not None:
        goes_on = warm or keep_head
        attributes["components_"] = _components(estimator, result, head, goes_on)
    # An epoch of `partial_fit` makes no start: those of `fit` stay.
    if "n_init" in estimator.get_params(deep=False) and not keep_head:
        attributes["n_init_"] = len(result.start_losses)
        attributes["start_losses_"] = np.array(result.start_losses)
    return attributes


def _components(estimator, result, head, warm):
    """Return the axes of the linear path, rotated as the codes are.

    Those of the first start where another one without the linear path was kept.
    """
    if result.linear_decoder is not None:
        return result.linear_decoder.T.numpy()
    if warm and not result.network.contains_linear_path:
        return estimator.components_
    return head.rotate(result.network.exactly("linear_decoder")).T.numpy()


def _noise_variance(residual_variance, shape, n_components):
    """Return the residual variance of a discarded dimension, as PCA does."""
    discarded = min(shape) - n_components
    return float(residual_variance / discarded) if discarded > 0 else 0.0
