"""The base class of predictors, which are also transformers by their encoder."""

import copy
from abc import ABCMeta, abstractmethod

from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin

from skae._estimators.base.fitted import FittedNetworkMixin
from skae._estimators.supervised.fitting import PredictorFitting
from skae._parameters.methods import fill_methods
from skae._utils.flat_rows import check_flat_rows
from skae._utils.sklearn_compat import fit_context


@fill_methods
class BasePredictor(
    PredictorFitting,
    FittedNetworkMixin,
    CallbackSupportMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Base class of classifiers and regressors that consist of an encoder and a head.

    A subclass defines the initial network by `_initialize`, and the kind of target by
    one of the mixins in `outputs`.
    """

    # ----- methods to override ---------------------------------------------

    @abstractmethod
    def _initialize(self, pool, n_outputs, seed, progress):
        """Return the `InitialModel` and the fitted attributes of its initialization.

        Parameters
        ----------
        pool : Samples
            The training samples, with and without labels.
        n_outputs : int
        seed : int
        progress : ProgressReporter
            Reports the stages before the fine-tuning.
        """

    @abstractmethod
    def _n_stages_before(self):
        """Return the number of stages that `_initialize` reports."""

    @abstractmethod
    def _network_from_parameters(self, n_outputs):
        """Return the network that the parameters of a fitted estimator describe."""

    def _check_parameters(self):
        """Check the parameters before the data."""

    def _network_to_continue(self):
        """Return a copy of the fitted network to continue training."""
        return copy.deepcopy(self.network_)

    def _check_layout(self, X, name):
        """Check that the rows of an unvalidated `X` are flat."""
        check_flat_rows(X, name, type(self).__name__)

    def _mark_missing(self, X, name):
        """Replace padding in validated rows by NaN, so that it is ignored."""
        return X

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
        sample_weight_val=None,
    ):
        """Fit the network to X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: one class label per sample, or one or several numbers. The value
            `unlabeled_label` marks unlabeled samples.
        X_unlabeled : array-like of shape (n_rows, n_features), default=None
            Further unlabeled samples. If there are as many as in `X`,
            cross-validation slices them along with `X`. To avoid that, append them to
            `X` and mark them by `unlabeled_label` in `y`.
        X_val, y_val : array-like, default=None
            Validation samples and their targets for early stopping, instead of
            samples held out from `X`. If there are as many as in `X`, cross-validation
            slices them along with `X`. In a pipeline,
            ``Pipeline(transform_input=["X_val", "X_unlabeled"])`` transforms them by
            the preceding steps.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples. A weight of 2 counts as much as
            repeating the sample. The label of a sample with weight 0 is still one of
            the classes.
        sample_weight_val : array-like of shape (n_rows,), default=None
            Non-negative weights of the samples in `X_val` in the validation loss
            and score. A weight of 2 counts as much as repeating the sample.

        Returns
        -------
        {fit_returns}

        Raises
        ------
        {fit_raises}
        """
        return self._fit(
            X,
            y,
            X_unlabeled=X_unlabeled,
            X_val=X_val,
            y_val=y_val,
            sample_weight=sample_weight,
            sample_weight_val=sample_weight_val,
        )

    # ----- use -------------------------------------------------------------

    def _outputs(self, X):
        """Return the outputs of the network, an array (n_samples, n_outputs)."""
        X = self._check_rows(X)

        def outputs(encoder, decoder, rows):
            return encoder.network(encoder.scaling(rows))

        return self._codec_for().map(outputs, self._target.n_outputs, X)
