"""The base of all predictors: a network whose encoder is a transformer."""

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
    """What classifiers and regressors on an encoder share, whatever the encoder.

    A subclass gives the network to begin with by `_initialize`, and what is to be
    predicted by one of the mixins of `outputs`.
    """

    # ----- methods to override ---------------------------------------------

    @abstractmethod
    def _initialize(self, pool, n_outputs, seed, progress):
        """Return the `InitialModel` of a fit, and attributes of its making.

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
        """Return a network as the parameters of a fitted estimator ask for it."""

    def _check_parameters(self):
        """Refuse parameters that cannot be, before the data are looked at."""

    def _network_to_continue(self):
        """Return a copy of the fitted network, to be trained further."""
        return copy.deepcopy(self.network_)

    def _check_layout(self, X, name):
        """Refuse an `X`, as yet unvalidated, whose rows are not flat."""
        check_flat_rows(X, name, type(self).__name__)

    def _mark_missing(self, X, name):
        """Replace padding by NaN, so that it is ignored, in validated rows."""
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
            Targets: one label per sample, or one or several numbers. Samples with
            `unlabeled_label` have none.
        X_unlabeled : array-like of shape (n_rows, n_features), default=None
            Further samples without labels. If there are as many as in `X`,
            cross-validation slices them along with `X`; mark them in `y` by
            `unlabeled_label` to have them treated as independent samples.
        X_val, y_val : array-like, default=None
            Validation samples and their targets for early stopping, instead of
            samples held out from `X`. Cross-validation slices them, too, if there are
            as many as in `X`. In a pipeline, ``Pipeline(transform_input=["X_val",
            "X_unlabeled"])`` transforms them by the preceding steps.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples. A weight of 2 counts as much as
            repeating the sample; with a weight of 0 only the label counts, as one of
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
        """Return the network's outputs (n_samples, n_outputs) in the dtype of X."""
        X = self._check_rows(X)

        def outputs(encoder, decoder, rows):
            return encoder.network(encoder.scaling(rows))

        return self._codec_for().map(outputs, self._target.n_outputs, X)
