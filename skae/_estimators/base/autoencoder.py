"""The base of all unsupervised autoencoders."""

from abc import ABCMeta

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._engine.fit import fit_estimator, partially_fit_estimator
from skae._estimators.base.fitted import FittedNetworkMixin
from skae._estimators.base.overrides import AutoencoderHooks
from skae._estimators.base.validation import (
    IGNORED_BY_SCORE,
    check_rows,
    warn_of_ignored_rows,
)
from skae._parameters.shared import (
    AUTOENCODER_CONSTRAINTS,
    solver_is_stochastic,
)
from skae._utils.sklearn_compat import fit_context
from skae._utils.validation import check_codes


class BaseAutoencoder(
    AutoencoderHooks,
    FittedNetworkMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """What every unsupervised autoencoder shares: the contract, not the variant.

    A variant overrides the methods of `AutoencoderHooks`. Before adding anything
    here, think twice: what one variant needs belongs into that variant's file.
    """

    _parameter_constraints: dict = AUTOENCODER_CONSTRAINTS

    # ----- fitting ---------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None, sample_weight=None):
        """Fit the autoencoder to X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.
        X_val : array-like of shape (n_rows, n_features), default=None
            Validation data for early stopping, instead of rows split from `X`.
            If it has as many rows as `X`, cross-validation slices it along with
            `X` when it is passed as a fit parameter; route it through
            ``Pipeline(transform_input=["X_val"])`` to have it transformed by the
            steps before.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows in the loss, the centring and the
            linear path. 2 counts as much as the row repeated.

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
        return fit_estimator(self, X, y, X_val=X_val, sample_weight=sample_weight)

    def fit_transform(self, X, y=None, *, X_val=None, sample_weight=None):
        """Fit the autoencoder to X and return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.
        X_val, sample_weight : array-like, default=None
            As in `fit`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            As `transform` gives them.
        """
        return self.fit(X, y, X_val=X_val, sample_weight=sample_weight).transform(X)

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sample_weight=None):
        """Take one epoch over X at the initial learning rate.

        Centering, scale, PCA shortcut and form of the codes are found from the samples
        of all calls while these are fewer than 100, or than four per component: each
        time that they have doubled, training begins anew with all of them. Later calls
        keep them; the number of components is that of the first call. After many
        samples without a residual (data of low rank) the linear path is the result
        until later samples have one.
        After `fit` the first epochs may raise the loss: the optimiser's moments are
        kept with ``warm_start=True`` alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The estimator after the epoch.

        Raises
        ------
        ValueError
            With ``early_stopping=True``, which needs repeated epochs, and with an
            `n_components` that depends on all the data.
        """
        return partially_fit_estimator(self, X, y, sample_weight=sample_weight)

    # ----- use -------------------------------------------------------------

    def transform(self, X):
        """Return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Computed in float32 for float32 `X` and in float64 otherwise.
        """
        return self._codec_for().encode(self._check_rows(X))

    def inverse_transform(self, X):
        """Return the reconstructions of codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` gives them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the units of the training data.
        """
        codec = self._codec_for()
        return codec.decode(check_codes(self, X, self.n_components_))

    def reconstruct(self, X):
        """Return X encoded and decoded, ``inverse_transform(transform(X))``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            In the units of `X`.
        """
        return self._codec_for().reconstruct(self._check_rows(X))

    def score(self, X, y=None):
        r"""Return the share of the variance of X that is reconstructed.

        .. math:: 1 - \frac{\|X - \hat X\|_F^2}{\|X - \mathrm{mean}\|_F^2}

        with the training mean `mean_`; at most 1, and negative where the mean
        would have been a better guess.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        score : float
            For an `X` that equals the training mean, 1 if it is reconstructed and
            0 otherwise.
        """
        codec = self._codec_for()
        X = self._check_rows(X)
        warn_of_ignored_rows(self, X, y, IGNORED_BY_SCORE)
        unit = self._scaling.residual_scale
        unexplained = codec.squared_residuals(X, unit).sum(dtype=np.float64)
        total = sum(
            np.nansum(np.square((rows - self.mean_) / unit))
            for rows in np.array_split(X, -(-len(X) // 256))
        )
        if total == 0:
            return 1.0 if unexplained < 1e-12 * X.size else 0.0
        return float(1 - unexplained / total)

    def score_samples(self, X):
        """Return minus the squared reconstruction error of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Summed over the features, in X's units squared; the higher, the better
            the row is reconstructed.
        """
        return -self._codec_for().squared_residuals(self._check_rows(X))

    @property
    def encoder_(self):
        """`torch.nn.Module` from rows of X (float32) to codes."""
        return self._codec_for().modules()[0]

    @property
    def decoder_(self):
        """`torch.nn.Module` from codes (float32) to X."""
        return self._codec_for().modules()[1]

    @property
    def _n_features_out(self):
        return self.n_components_

    def _check_rows(self, X):
        check_is_fitted(self)
        return check_rows(self, X, reset=False)

    # ----- protocol --------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        try:
            tags.input_tags.positive_only = self._link() in ("exp", "logistic")
        except (KeyError, ValueError):  # invalid parameters, of which `fit` tells
            pass
        return tags
