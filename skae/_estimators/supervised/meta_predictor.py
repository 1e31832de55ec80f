"""A predictor on an autoencoder that is one of its parameters."""

from abc import ABCMeta

from sklearn.base import MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.dense.denoising import DenoisingAutoencoder
from skae._estimators.supervised.base import BasePredictor
from skae._utils.sklearn_compat import (
    InvalidParameterError,
    fit_context,
    raise_for_params,
    routing_enabled,
)


class BaseMetaPredictor(MetaEstimatorMixin, BasePredictor, metaclass=ABCMeta):
    """What a predictor reads from its parameter `autoencoder`, and passes to its fit.

    A subclass fits the autoencoder, in `_initialize`.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        *,
        X_unlabeled=None,
        X_val=None,
        y_val=None,
        sample_weight=None,
        sample_weight_val=None,
        **fit_params,
    ):
        """Fit the autoencoder to X, and the network on its codes to X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: one label per sample, or one or several numbers. Samples whose
            target is `unlabeled_label` have none: only the autoencoder is fitted to
            them.
        X_unlabeled : array-like of shape (n_rows, n_features), default=None
            Further samples without labels for the autoencoder. If there are as many as
            in `X`, cross-validation slices them along with `X`; mark them in `y` by
            `unlabeled_label` to have them split as samples of their own.
        X_val, y_val : array-like, default=None
            Validation samples and their targets for early stopping of the fine-tuning,
            instead of samples held out from `X`. Cross-validation slices them too if
            there are as many as in `X`. In a pipeline,
            ``Pipeline(transform_input=["X_val", "X_unlabeled"])`` applies the steps
            before to them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples. A weight of 2 counts as much as the
            sample repeated. A sample of weight 0 is left out of all fits, but its label
            counts as one of the classes.
        sample_weight_val : array-like of shape (n_rows,), default=None
            Weights of `X_val` in the validation loss and score.
        **fit_params : dict
            Further metadata for the fit of the autoencoder. They require
            ``sklearn.set_config(enable_metadata_routing=True)``. With it, the
            autoencoder receives what it requests by ``set_fit_request``, among the
            arguments above, too. Without it, the autoencoder receives `sample_weight`
            alone. See the :ref:`metadata routing user guide <metadata_routing>` of
            scikit-learn, and the notes below.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or if the loss is not finite before
            any epoch improved on the start.
        UnsetMetadataPassedError
            If metadata routing is enabled and the autoencoder neither requests nor
            refuses metadata that its fit accepts and that was passed.

        Notes
        -----
        The autoencoder is fitted to the samples that are trained on, without those held
        out for validation. Metadata are aligned with them: all that it requests must
        have one row per sample of `X`, but for those whose name ends in ``_val``, which
        are passed on whole. Samples of `X_unlabeled` have the mean weight of the
        others; no other metadata can be passed together with them. With
        ``autoencoder=None`` the autoencoder requests `sample_weight` alone.
        """
        raise_for_params(fit_params, self, "fit")
        given = {
            "X_unlabeled": X_unlabeled,
            "X_val": X_val,
            "y_val": y_val,
            "sample_weight": sample_weight,
            "sample_weight_val": sample_weight_val,
        }
        metadata = None
        if routing_enabled():
            routed = process_routing(self, "fit", **given, **fit_params)
            metadata = routed.autoencoder.fit
        return self._fit(X, y, **given, metadata=metadata)

    def _fit_one_epoch(self, X, y, *, sample_weight=None, **given):
        # None leaves it at the weights of all calls.
        metadata = None
        if routing_enabled() and sample_weight is not None:
            routed = process_routing(self, "partial_fit", sample_weight=sample_weight)
            metadata = None if routed.autoencoder.fit else {}
        return super()._fit_one_epoch(
            X, y, sample_weight=sample_weight, metadata=metadata, **given
        )

    def get_metadata_routing(self):
        """Return which metadata the predictor takes, and which it passes on.

        `fit` and `partial_fit` pass metadata to the fit of the autoencoder, unless it
        is in a FrozenEstimator. See the :ref:`metadata routing user guide
        <metadata_routing>` of scikit-learn.

        Returns
        -------
        routing : MetadataRouter
            The requests of the predictor and of its autoencoder.
        """
        mapping = MethodMapping()
        for caller in ("fit", "partial_fit"):
            mapping.add(caller=caller, callee="fit")
        autoencoder = self.autoencoder if self._is_frozen() else self._given()
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(autoencoder=autoencoder, method_mapping=mapping)

    # ----- the parameter ---------------------------------------------------

    def _is_frozen(self):
        return isinstance(self.autoencoder, FrozenEstimator)

    def _given(self):
        """Return the autoencoder that the parameter means; not a copy."""
        if self.autoencoder is not None:
            return self.autoencoder.estimator if self._is_frozen() else self.autoencoder
        default = DenoisingAutoencoder()
        if routing_enabled():
            # Nobody can set its requests: those of a fit without routing.
            default.set_fit_request(
                sample_weight=True, X_val=False, X_target=False, sample_weight_val=False
            )
        return default

    def _check_parameters(self):
        """Refuse an autoencoder without an encoder to train, or in the wrong state."""
        given, name = self._given(), type(self).__name__
        if not isinstance(given, BaseAutoencoder):
            raise InvalidParameterError(
                f"The 'autoencoder' parameter of {name} must be an autoencoder of "
                "skae, a fitted autoencoder in a FrozenEstimator, or None. Got "
                f"{self.autoencoder!r} instead. Put other transformers before the "
                f"predictor: make_pipeline(StandardScaler(), {name}(autoencoder))."
            )
        kind = type(given).__name__
        if not self._is_frozen():
            if get_tags(given).target_tags.required:
                raise ValueError(
                    f"The 'autoencoder' parameter of {name} is {kind}, which requires "
                    "y in fit, also for samples without a label. Fit it before and "
                    "pass it in a FrozenEstimator, or use another autoencoder."
                )
            return
        if not hasattr(given, "network_"):
            raise NotFittedError(
                f"The 'autoencoder' parameter of {name} is a FrozenEstimator of "
                f"{kind}, which is not fitted. Fit it before, or pass it without "
                "FrozenEstimator to have it fitted."
            )
        if not self.pretraining:
            raise ValueError(
                f"The 'pretraining' parameter of {name} is False, but the autoencoder "
                "is a fitted one in a FrozenEstimator. Use pretraining=True, or pass "
                "the autoencoder itself."
            )

    def _check_layout(self, X, name):
        self._given()._check_layout(X, name)

    def _mark_missing(self, X, name):
        return self._given()._mark_missing(X, name)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Those of None, a DenoisingAutoencoder, are scikit-learn's defaults.
        given = self.autoencoder.estimator if self._is_frozen() else self.autoencoder
        if isinstance(given, BaseAutoencoder):
            theirs = get_tags(given).input_tags
            tags.input_tags.allow_nan = theirs.allow_nan
            tags.input_tags.positive_only = theirs.positive_only
        return tags
