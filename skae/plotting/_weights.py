"""Weights that the units of an estimator have learned."""

import numpy as np
from sklearn.utils import check_array

from skae._networks.linear_path import is_linear_path
from skae._networks.sparse import RectifiedAutoencoder
from skae.plotting._fitted import class_name, holder_of


def _first_weights(estimator):
    if is_linear_path(estimator.network_):
        return _as_array(estimator.network_.linear_encoder)
    return _as_array(estimator.network_.f.layers[0].weight)


def _last_weights(estimator):
    network = estimator.network_
    if is_linear_path(network):
        return _as_array(network.linear_decoder.T)
    last = network.g.layers[-1]
    # A tied layer stores the encoder's weights and uses their transpose.
    weights = _as_array(last.weight if last.tied else last.weight.T)
    if isinstance(network, RectifiedAutoencoder) and len(network.g.layers) == 1:
        # The network divides by their lengths, so the spread of the codes counts.
        lengths = _as_array(network.lengths())
        weights = weights * (np.sqrt(estimator.explained_variance_) / lengths)[:, None]
    return weights


def _as_array(weights):
    return weights.detach().cpu().double().numpy()


_WEIGHTS = {
    "auto": _first_weights,
    "encoder": _first_weights,
    "decoder": _last_weights,
}
_HOLDERS = {
    "auto": ("components_", "network_"),
    "components": ("components_",),
    "encoder": ("network_",),
    "decoder": ("network_",),
}


def learned_filters(estimator, layer, X=None):
    """Return the filters of a layer, the most important first, and their numbers.

    Parameters
    ----------
    estimator : estimator
    layer : {"auto", "components", "encoder", "decoder"}
    X : array-like of shape (n_samples, n_features), default=None
        Data whose standard deviations the encoder's weights are multiplied by.

    Returns
    -------
    filters : ndarray of shape (n_filters, n_features)
    indices : ndarray of shape (n_filters,)
    """
    if layer not in list(_HOLDERS):
        raise ValueError(
            f"The 'layer' parameter must be one of {list(_HOLDERS)}. Got {layer!r} "
            "instead."
        )
    holder = holder_of(estimator, *_HOLDERS[layer])
    if layer in ("auto", "components") and hasattr(holder, "components_"):
        filters = np.asarray(holder.components_)
        return filters, np.arange(len(filters))
    try:
        filters = _WEIGHTS[layer](holder)
    except AttributeError as error:
        raise TypeError(
            "The display needs a network of dense layers. Got the network of "
            f"{class_name(holder)}: pass its filters to FiltersDisplay.from_filters."
        ) from error
    # A conditional encoder has further inputs after the features.
    filters = filters[:, : holder.n_features_in_]
    if X is not None and layer != "decoder":
        filters = filters * _deviations(X, filters.shape[1])
    order = np.argsort(-np.linalg.norm(filters, axis=1), kind="stable")
    return filters[order], order


def _deviations(X, n_features):
    """Return the standard deviations of the columns of X."""
    X = check_array(X, input_name="X")
    if X.shape[1] != n_features:
        raise ValueError(
            f"The 'X' parameter must have the {n_features} features of the network's "
            f"input; for a pipeline, pass pipeline[:-1].transform(X). Got "
            f"{X.shape[1]} features."
        )
    return X.std(axis=0, dtype=float)
