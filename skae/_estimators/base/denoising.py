"""What estimators share that learn to undo a corruption of their input."""

import functools

import numpy as np
import torch
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if

from skae._estimators.base.autoencoder import BaseAutoencoder, solver_is_stochastic
from skae._estimators.base.validation import warn_of_ignored_rows
from skae._functional.corruption import (
    ColumnRange,
    at_level,
    warn_of_drowning,
)
from skae._parameters.methods import fill_methods
from skae._training.objective import ReconstructionObjective
from skae._utils.sklearn_compat import fit_context
from skae._utils.validation import check_rows_like

# What to do instead of passing clean rows as the y of `score`.
_IGNORED_BY_SCORE = (
    "To compare the reconstruction of X with y, pass score(X, X_target=y)."
)


def column_range(rows):
    """Return the `ColumnRange` of `ScaledRows`."""
    return ColumnRange(rows.x.amin(dim=0), rows.x.amax(dim=0))


def make_corruption(corruption, level, rows, range_of=column_range):
    """Return the noise on the input, a function of (rows, generator).

    Parameters
    ----------
    corruption : str or callable
        A key of `CORRUPTIONS`, or a user's own, in X's units.
    level : float
    rows : ScaledRows
        The training rows.
    range_of : callable
        ``range_of(rows)`` returns the `ColumnRange` of 'salt_and_pepper'.
    """
    if callable(corruption):
        return functools.partial(_corrupt_in_data_space, corruption, rows.scaling)
    return at_level(corruption, level, range_of(rows))


def check_corruption_level(corruption, level):
    """Refuse a share of values above 1."""
    is_share = isinstance(corruption, str) and corruption != "gaussian"
    if is_share and level > 1:
        raise ValueError(
            "The 'corruption_level' parameter is a share of the values with "
            f"corruption={corruption!r}, so in [0, 1]. Got {level!r} instead."
        )


@fill_methods
class BaseDenoisingAutoencoder(BaseAutoencoder):
    """An autoencoder with the parameters corruption, corruption_level, emphasis.

    It learns to undo the corruption, or pairs that are given (`X_target`).
    """

    _takes_pairs = True

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y=None,
        *,
        X_target=None,
        X_val=None,
        sample_weight=None,
        sample_weight_val=None,
    ):
        """Fit the autoencoder to X, corrupted anew for each batch, or to pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows; with `X_target` noisy ones.
        y : Ignored
            Present for API consistency.
        X_target : array-like of shape (n_samples, n_features), default=None
            The clean sample of each noisy sample of `X`.
        X_val : array-like of shape (n_rows, n_features), default=None
            Clean validation data for early stopping, instead of samples held out from
            `X`. Passed to a cross-validation as a fit parameter, it is sliced along
            with `X` if both have the same number of samples. In a pipeline,
            ``Pipeline(transform_input=["X_val"])`` transforms it by the preceding
            steps. Not available with `X_target`.
        {sample_weight}
        {sample_weight_val}

        Returns
        -------
        {fit_returns}

        Raises
        ------
        {fit_raises}
        """
        self._check_corruption(X_target)
        if X_target is not None and X_val is not None:
            raise ValueError(
                "X_val holds clean rows, to which a fit to pairs has no noise to add. "
                "Leave out X_val (validation pairs are split from X and X_target) or "
                "X_target."
            )
        return self._fit(
            X,
            y,
            X_target=X_target,
            X_val=X_val,
            sample_weight=sample_weight,
            sample_weight_val=sample_weight_val,
        )

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, X_target=None, sample_weight=None):
        """Take one epoch over X at the initial learning rate.

        {partial_fit}

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of clean samples; of noisy ones with `X_target`.
        y : Ignored
            Present for API consistency.
        X_target : array-like of shape (n_samples, n_features), default=None
            The clean sample of each noisy sample of `X`.
        {batch_weight}

        Returns
        -------
        {partial_fit_returns}
        """
        self._check_corruption(X_target)
        return self._fit_one_epoch(X, y, sample_weight=sample_weight, X_target=X_target)

    def score(self, X, y=None, *, X_target=None, sample_weight=None):
        r"""Return the share of the variance of the targets that is reconstructed.

        .. math:: 1 - \frac{\|T - \hat X\|_F^2}{\|T - \mathrm{mean}\|_F^2}

        with the targets T, the reconstruction of X and the training mean `mean_`; at
        most 1, and negative where the mean would have been a better guess.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : Ignored
            Present for API consistency.
        X_target : array-like of shape (n_samples, n_features), default=None
            The clean sample of each noisy sample of `X`. None means `X` itself, and is
            an error after a fit to pairs.
        {score_weight}

        Returns
        -------
        score : float
            For targets that equal the training mean, 1 if they are reconstructed and
            0 otherwise.

        Raises
        ------
        ValueError
            If data are invalid, or if the fit was to pairs and `X_target` is None.
        """
        X, target = self._check_pairs(X, X_target, "score")
        if target is None:
            warn_of_ignored_rows(self, X, y, _IGNORED_BY_SCORE)
        return self._share_explained(X, sample_weight, target)

    def score_samples(self, X, *, X_target=None):
        """Return minus the squared reconstruction error of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        X_target : array-like of shape (n_samples, n_features), default=None
            The clean row of each noisy row of `X`, which its reconstruction is
            compared with. None means `X` itself, and is an error after a fit to pairs.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Summed over the features, in X's units squared; the higher, the better
            the row is reconstructed.

        Raises
        ------
        ValueError
            If data are invalid, or if the fit was to pairs and `X_target` is None.
        """
        X, target = self._check_pairs(X, X_target, "score_samples")
        return -self._codec_for().squared_residuals(X, target=target)

    def _check_pairs(self, X, X_target, method):
        """Return validated samples and their targets, or None for X itself."""
        X = self._check_rows(X)
        if X_target is not None:
            self._check_layout(X_target, "X_target")
            return X, check_rows_like(self, X_target, X, "X_target", same_length=True)
        if self._fitted_to_pairs:
            raise ValueError(
                f"This {type(self).__name__} was fitted to pairs, so {method} compares "
                "the reconstruction of X with its targets: pass "
                f"{method}(X, X_target=...). A search passes them on with "
                "sklearn.set_config(enable_metadata_routing=True), "
                "estimator.set_fit_request(X_target=True)"
                ".set_score_request(X_target=True) and search.fit(X, X_target=...)."
            )
        return X, None

    def _check_corruption(self, X_target):
        check_corruption_level(self.corruption, self.corruption_level)
        if X_target is None:
            warn_of_drowning(self.corruption, [self.corruption_level])
        emphasis = check_emphasis(self.emphasis)
        if X_target is not None and emphasis[0] != emphasis[1]:
            raise ValueError(
                "The 'emphasis' parameter needs to know which values are corrupted, "
                "which pairs do not tell. Use emphasis=(1, 1) with X_target."
            )

    def _make_objective(self, criterion, corruption):
        emphasis = check_emphasis(self.emphasis)
        return ReconstructionObjective(criterion, corruption, emphasis)

    def _make_corruption(self, rows):
        return make_corruption(self.corruption, self.corruption_level, rows)


def _corrupt_in_data_space(corruption, scaling, x, generator):
    """Apply a user's corruption, which knows X's units and numpy."""
    seed = torch.randint(
        np.iinfo(np.int32).max, (), generator=generator, device=x.device
    )
    clean = scaling.restore(x.to("cpu", torch.float64)).numpy()
    noisy = corruption(clean.copy(), np.random.RandomState(int(seed)))
    noisy = check_corrupted(noisy, clean.shape)
    return scaling(torch.from_numpy(noisy)).to(x)


def check_emphasis(emphasis):
    """Return the two weights of the loss as floats.

    Raises
    ------
    ValueError
        If they are not two non-negative numbers, one of them positive.
    """
    weights = np.ravel(emphasis)
    is_numeric = weights.dtype.kind in "iuf" and np.all(np.isfinite(weights))
    if weights.size != 2 or not is_numeric or min(weights) < 0 or max(weights) <= 0:
        raise ValueError(
            "The 'emphasis' parameter must be two finite, non-negative weights, one of "
            "them positive: of the loss on corrupted values and on the rest. Got "
            f"{emphasis!r} instead."
        )
    return float(weights[0]), float(weights[1])


def check_corrupted(X, shape):
    """Return what a user's corruption returned as float64 of `shape`."""
    X = check_array(X, dtype=np.float64, input_name="returned by 'corruption'")
    if X.shape != shape:
        raise ValueError(
            f"The 'corruption' parameter was called with an array of shape {shape} and "
            f"must return one like it. Got one of shape {X.shape} instead."
        )
    return X
