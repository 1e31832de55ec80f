"""The only module with private names of scikit-learn."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _align_api_if_sparse, _safe_indexing
from sklearn.utils._metadata_requests import _raise_for_params, _routing_enabled
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    _check_y,
    _num_samples,
)

__all__ = [
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "RealNotInt",
    "StrOptions",
    "align_sparse",
    "check_feature_names",
    "check_parameters",
    "check_sample_weight",
    "check_y",
    "fit_context",
    "num_samples",
    "raise_for_params",
    "routing_enabled",
    "safe_indexing",
]

num_samples = _num_samples
raise_for_params = _raise_for_params
routing_enabled = _routing_enabled
safe_indexing = _safe_indexing
check_feature_names = _check_feature_names
check_sample_weight = _check_sample_weight
# To a matrix or an array of scipy, as scikit-learn's configuration asks.
align_sparse = _align_api_if_sparse


def check_parameters(estimator):
    """Raise an error unless an estimator's parameters satisfy their constraints."""
    estimator._validate_params()


def check_y(estimator, y, *, multi_output, y_numeric):
    """Return y, with one or more values per sample, as scikit-learn's predictors do."""
    return _check_y(
        y, multi_output=multi_output, y_numeric=y_numeric, estimator=estimator
    )
