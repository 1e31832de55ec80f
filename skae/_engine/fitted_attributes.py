"""The fitted attributes of an autoencoder."""

import math

import numpy as np

from skae._engine.code_statistics import code_statistics
from skae._engine.inference import Codec
from skae._networks.array_state import sample_tensor
from skae._utils.threads import limit_threads_for


def fitted_attributes(result, samples, form, *, before=None, keep_head=False):
    """Return the fitted attributes as a dictionary.

    Parameters
    ----------
    result : FitResult
    samples : Samples
        The training samples, validation samples included.
    form : {"principal", "white", "ordered", "raw"}
        Form of the codes, as in `code_statistics`.
    before : dict or None
        Fitted attributes of the fit that is continued; None for a new fit.
    keep_head : bool
        Whether to keep the `Head` in `before`.

    Returns
    -------
    attributes : dict
    code_mean : ndarray of shape (n_components,)
        Mean of the network's codes on the training samples.
    """
    network, scaling = result.network, result.scaling
    config = result.config
    head = before["_head"] if keep_head else None
    with limit_threads_for(config.max_threads, samples.X):
        statistics = code_statistics(samples, scaling, network, form=form, head=head)
    head = statistics.head
    mean, paired = statistics.mean, samples.paired
    if keep_head:
        # The mean remains that of the targets, even if this call has none.
        mean, paired = before["mean_"], paired or before["_fitted_to_pairs"]
    n_components = len(statistics.explained_variance)
    attributes = {
        "n_components_": n_components,
        "mean_": mean,
        "_fitted_to_pairs": paired,
        "explained_variance_": statistics.explained_variance,
        "explained_variance_ratio_": statistics.explained_variance_ratio,
        "noise_variance_": _noise_variance(
            statistics.residual_variance, samples.X.shape, n_components
        ),
        **network_attributes(result, head),
        **training_attributes(result, before),
    }
    if config.has_linear_path:
        attributes["components_"] = _components(result, head, before)
    if result.pretraining is not None:
        attributes["pretraining_loss_curves_"] = result.pretraining.loss_curves
    return attributes, statistics.code_mean


def network_attributes(result, head):
    """Return the network, its scaling, head and codec as fitted attributes."""
    network, scaling = result.network, result.scaling
    return {
        "network_": network,
        "_scaling": scaling,
        "_head": head,
        "_codec": make_codec(scaling, network, head, result.config.max_threads),
    }


def training_attributes(result, before):
    """Return the fitted attributes that describe the training.

    Entry 0 of each loss curve is the loss before the first epoch, and entry i the loss
    of epoch i. The curves are appended to those in `before`.
    """
    curve, validation_curve = result.loss_curve, result.validation_loss_curve
    if before is not None:
        validation_curve = joined_curves(
            before["validation_loss_curve_"],
            validation_curve,
            len(before["loss_curve_"]),
            len(curve),
        )
        # The first entry repeats the last one of the earlier fit.
        curve = before["loss_curve_"] + curve[1:]
    config = result.config
    return {
        "n_iter_": result.n_epochs,
        "best_epoch_": result.best_epoch,
        "loss_curve_": curve,
        "validation_loss_curve_": validation_curve,
        "best_loss_": _best_loss(result, curve, validation_curve),
        "alpha_": result.alpha,
        "batch_size_": config.batch_size,
        "device_": str(config.device),
        "n_threads_": config.n_threads,
        "validation_strategy_": config.validation_strategy,
        "_loss_scale": result.loss_scale,
        "_start_kind": result.kind,
    }


def _best_loss(result, curve, validation_curve):
    if result.validation_loss_curve is not None:
        return float(np.nanmin(validation_curve))
    # Epochs before the first full one minimize only a part of the loss. The loss of the
    # start is not comparable with that of later epochs, as it is free of dropout.
    kept = curve[result.first_full_epoch :] if result.best_epoch else curve[:1]
    return min(kept or curve[-1:])


def joined_curves(before, curve, n_before, n_now):
    """Return the validation curve of successive fits, with NaN for those without one.

    `n_before` and `n_now` are the lengths of the loss curves.
    """
    if before is None and curve is None:
        return None
    before = [math.nan] * n_before if before is None else before
    curve = [math.nan] * n_now if curve is None else curve
    return before + curve[1:]


def make_codec(scaling, network, head, n_threads):
    """Return the `Codec` on the network's device."""
    device = sample_tensor(network).device
    return Codec(scaling, network, head, device, n_threads)


def _components(result, head, before):
    """Return the axes of the linear path, rotated like the codes.

    If the selected start has no linear path, they are the axes of the first start.
    """
    if result.linear_decoder is not None:
        return result.linear_decoder.T.numpy()
    if before is not None and not result.network.contains_linear_path:
        return before["components_"]
    return head.rotate(result.network.exactly("linear_decoder")).T.numpy()


def _noise_variance(residual_variance, shape, n_components):
    """Return the mean residual variance per discarded dimension, as in PCA."""
    discarded = min(shape) - n_components
    return float(residual_variance / discarded) if discarded > 0 else 0.0
