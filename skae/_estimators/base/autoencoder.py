"""The base of all unsupervised autoencoders."""

from abc import ABCMeta

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if

from skae._estimators.base.autoencoder_fitting import AutoencoderFitting
from skae._estimators.base.fitted import FittedNetworkMixin
from skae._estimators.base.validation import (
    IGNORED_BY_SCORE,
    warn_of_ignored_rows,
)
from skae._parameters.document import constraints
from skae._parameters.methods import fill_methods
from skae._parameters.shared import (
    PARAMETERS,
    solver_is_stochastic,
)
from skae._utils.sklearn_compat import fit_context
from skae._utils.validation import check_codes, check_weights


@fill_methods
class BaseAutoencoder(
    AutoencoderFitting,
    FittedNetworkMixin,
    CallbackSupportMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """What every unsupervised autoencoder shares: the contract, not the variant.

    A variant overrides the methods of `AutoencoderOverrides`. Before adding anything
    here, think twice: what one variant needs belongs into that variant's file.
    """

    _parameter_constraints: dict = constraints(PARAMETERS)

    # ----- fitting ---------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None, sample_weight=None, sample_weight_val=None):
        """Fit the autoencoder to X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.
        {X_val}
        {sample_weight}
        {sample_weight_val}

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
            X_val=X_val,
            sample_weight=sample_weight,
            sample_weight_val=sample_weight_val,
        )

    def fit_transform(self, X, y=None, **fit_params):
        """Fit the autoencoder to X and return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.
        **fit_params : dict
            Further arguments of `fit`, such as `sample_weight`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            As `transform` gives them.
        """
        return self.fit(X, y, **fit_params).transform(X)

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sample_weight=None):
        """Take one epoch over X at the initial learning rate.

        {partial_fit}
        After many samples without a residual (data of low rank), the result is the
        linear path until later samples have one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : Ignored
            Present for API consistency.
        {batch_weight}

        Returns
        -------
        {partial_fit_returns}

        Raises
        ------
        ValueError
            With ``early_stopping=True``, which needs repeated epochs, and with an
            `n_components` that depends on all the data.
        """
        return self._fit_one_epoch(X, y, sample_weight=sample_weight)

    # ----- use -------------------------------------------------------------

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

    def score(self, X, y=None, *, sample_weight=None):
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
        {score_weight}

        Returns
        -------
        score : float
            For an `X` that equals the training mean, 1 if it is reconstructed and
            0 otherwise.
        """
        X = self._check_rows(X)
        warn_of_ignored_rows(self, X, y, IGNORED_BY_SCORE)
        return self._share_explained(X, sample_weight)

    def reconstruction_score(self, X, y=None, *, sample_weight=None):
        """Return the share of the variance of X that is reconstructed.

        This is `score`, but for variational autoencoders, whose `score` is in nats. A
        search over several kinds of autoencoder compares them by this method.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like, default=None
            Targets in a conditional model; otherwise ignored.
        {score_weight}

        Returns
        -------
        score : float
            At most 1.
        """
        return self.score(X, y, sample_weight=sample_weight)

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
    def decoder_(self):
        """`torch.nn.Module` from codes (float32) to X."""
        return self._codec_for().modules()[1]

    def _share_explained(self, X, sample_weight, target=None):
        """Return the share of the variance of `target` that X reconstructs.

        `target` is None for X itself.
        """
        unit = self._scaling.residual_scale
        residual = self._codec_for().squared_residuals(X, unit, target)
        target = X if target is None else target
        return self._share_of_variance(residual, target, sample_weight)

    def _share_of_variance(self, residual, target, sample_weight):
        """Return the score for squared residuals of shape (n_samples,) in `unit`."""
        weight = check_weights(sample_weight, target)
        unit = self._scaling.residual_scale
        deviation = [
            np.nansum(np.square((rows - self.mean_) / unit), axis=1)
            for rows in np.array_split(target, -(-len(target) // 256))
        ]
        unexplained = np.average(residual.astype(np.float64), weights=weight)
        total = np.average(np.concatenate(deviation), weights=weight)
        if total == 0:
            return 1.0 if unexplained < 1e-12 * target.shape[1] else 0.0
        return float(1 - unexplained / total)

    # ----- protocol --------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        try:
            tags.input_tags.positive_only = self._link() in ("exp", "logistic")
        except (KeyError, ValueError):  # invalid parameters, of which `fit` tells
            pass
        return tags
