"""Methods and attributes of all fitted estimators with a network."""

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae._engine.fitted_attributes import make_codec
from skae._estimators.base.validation import check_rows
from skae._networks.summary import network_summary
from skae._utils.context import own_context


class FittedNetworkMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Mixin for the use, the pickling and the summary of the network.

    An estimator is fitted if it has the attribute `network_`. `_codec` holds copies of
    `_scaling`, `network_` and `_head` in two precisions and is not pickled.
    """

    def transform(self, X):
        """Return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Codes of the samples. They are computed in float32 for float32 `X` and in
            float64 otherwise.
        """
        return self._codec_for().encode(self._check_rows(X))

    @property
    def encoder_(self):
        """`torch.nn.Module` that maps rows of X (float32) to codes."""
        return self._codec_for().modules()[0]

    def summary(self):
        """Return a table of the network's layers and parameters.

        Returns
        -------
        summary : str
            A table with the shape and size of each array of weights, and the total.
        """
        check_is_fitted(self)
        return network_summary(type(self).__name__, self.network_)

    def _codec_for(self):
        check_is_fitted(self)
        return self._codec

    def _check_rows(self, X):
        check_is_fitted(self)
        return check_rows(self, X, reset=False)

    @property
    def _n_features_out(self):
        return len(self._head.scale)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_codec", None)
        return state

    @own_context()
    def __setstate__(self, state):
        super().__setstate__(state)
        if "network_" in state:
            self._codec = make_codec(
                self._scaling, self.network_, self._head, self.n_threads
            )
