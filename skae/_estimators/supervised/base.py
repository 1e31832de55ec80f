"""The base of all predictors: a network whose encoder is a transformer."""

import copy
from abc import ABCMeta, abstractmethod

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from skae._estimators.base.fitted import FittedNetworkMixin
from skae._estimators.base.validation import check_rows
from skae._estimators.supervised.fit import fit_predictor, partially_fit_predictor
from skae._networks.head import Head
from skae._utils.flat_rows import check_flat_rows
from skae._utils.sklearn_compat import fit_context


class BasePredictor(
    FittedNetworkMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """What classifiers and regressors on an encoder share, whatever the encoder.

    A subclass gives the network to begin with by `_make_start`, and what is to be
    predicted by one of the mixins of `_prediction`.
    """

    # What the trainer asks of all estimators, and no predictor has.
    linear_path = None
    l1_ratio = 0.0
    _decay_without_path = 1.0

    # ----- holes -----------------------------------------------------------

    @abstractmethod
    def _make_start(self, pool, n_outputs, seed, report):
        """Return the `Start` of a fit, and fitted attributes of its making.

        Parameters
        ----------
        pool : Samples
            The rows to train on, with and without labels.
        n_outputs : int
        seed : int
        report : Report
            What tells callbacks and user of the parts of the fit.
        """

    @abstractmethod
    def _n_parts_before(self):
        """Return how many tasks `_make_start` reports."""

    @abstractmethod
    def _asked_network(self, n_outputs):
        """Return a network as the parameters of a fitted estimator ask for it."""

    def _check_parameters(self):
        """Refuse parameters that cannot be, before the data are looked at."""

    def _network_to_go_on_with(self):
        """Return a copy of the fitted network, to be trained further."""
        return copy.deepcopy(self.network_)

    def _check_layout(self, X, name):
        """Refuse an `X`, as yet unvalidated, whose rows are not flat."""
        check_flat_rows(X, name, type(self).__name__)

    def _mark_missing(self, X, name):
        """Return validated rows with NaN where no value is to be looked at."""
        return X

    # ----- what the trainer asks -------------------------------------------

    def _make_criterion(self, scaling):
        return None

    def _loss_is_of_residuals(self):
        return False

    # ----- fitting ---------------------------------------------------------

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
    ):
        """Fit the network to X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: one label a row, or one or several numbers. Rows that hold
            `unlabeled_label` have none.
        X_unlabeled : array-like of shape (n_rows, n_features), default=None
            Further rows without labels. If there are as many as in `X`,
            cross-validation slices them along with `X`; mark them in `y` by
            `unlabeled_label` to have them treated as rows of their own.
        X_val, y_val : array-like, default=None
            Validation rows and their targets for early stopping, instead of rows
            split from `X`. Cross-validation slices them too if they have as many
            rows as `X`. In a pipeline, ``Pipeline(transform_input=["X_val",
            "X_unlabeled"])`` has rows transformed by the steps before.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. 2 counts as much as the row repeated;
            of a row of weight 0 the label alone counts, as one of the classes.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or if the loss is not finite before
            anything good was reached.
        """
        return fit_predictor(
            self,
            X,
            y,
            X_unlabeled=X_unlabeled,
            X_val=X_val,
            y_val=y_val,
            sample_weight=sample_weight,
        )

    def _partial_fit(self, X, y, **given):
        return partially_fit_predictor(self, X, y, **given)

    # ----- use -------------------------------------------------------------

    def transform(self, X):
        """Return the codes of X: what the network predicts from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_codes)
            Computed in float32 for float32 `X` and in float64 otherwise.
        """
        return self._codec_for().encode(self._check_rows(X))

    def _outputs(self, X):
        """Return the network's outputs (n_samples, n_outputs) in the dtype of X."""
        X = self._check_rows(X)

        def outputs(encoder, decoder, rows):
            return encoder.network(encoder.scaling(rows))

        return self._codec_for().map(outputs, self._target.n_outputs, X)

    @property
    def encoder_(self):
        """`torch.nn.Module` from rows of X (float32) to codes."""
        return self._codec_for().modules()[0]

    def _check_rows(self, X):
        check_is_fitted(self)
        return check_rows(self, X, reset=False)

    def _head(self):
        return Head.identity(self.network_.n_codes)

    @property
    def _n_features_out(self):
        return self.network_.n_codes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
