"""The base of all unsupervised autoencoders."""

import copy
from abc import ABCMeta, abstractmethod

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if

from skae._random import draw_seed
from skae._validation import (
    FLOAT_DTYPES,
    check_codes,
    check_is_fitted,
    fit_context,
    validate_data,
)
from skae.architectures.dense import DenseAutoencoder
from skae.architectures.summary import network_summary
from skae.estimators._checks import check_samples, hidden_layer_sizes, set_up
from skae.estimators._codes import code_statistics
from skae.estimators._fit import fit_from_start, fit_further, fit_one_epoch
from skae.estimators._inference import Codec
from skae.estimators._parameters import AUTOENCODER_CONSTRAINTS
from skae.estimators._start import Start, make_start
from skae.estimators._trainer import Progress
from skae.linear import principal_axes
from skae.losses import LOSSES
from skae.training.callbacks import CallbackMonitor
from skae.training.optimizers import OPTIMIZERS


def _solver_is_stochastic(estimator):
    if estimator.solver in OPTIMIZERS:
        return True
    raise AttributeError(
        f"partial_fit is only available with the solvers {sorted(OPTIMIZERS)}: "
        f"solver={estimator.solver!r} needs the whole data at once."
    )


class BaseAutoencoder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """What every unsupervised autoencoder shares: the contract, not the variant.

    A variant gives its objective by `_make_objective` and, where it differs,
    its network, its linear path and the noise on its input by the other holes.
    Before adding anything here, think twice: what one variant needs belongs into
    that variant's file.
    """

    _parameter_constraints: dict = AUTOENCODER_CONSTRAINTS

    # ----- holes -----------------------------------------------------------

    @abstractmethod
    def _make_objective(self, criterion, corruption):
        """Return ``objective(network, rows, generator) -> {term: row losses}``.

        `criterion(output, target)` is the elementwise loss, `corruption` what
        `_make_corruption` returned.
        """

    def _build_network(self, shape, n_components):
        """Return the network for data of `shape`, not yet initialised."""
        return DenseAutoencoder(
            n_features=shape[1],
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes(self, shape),
            activation=self.activation,
            linear_path=self.linear_path is not None,
            tied_weights=self.tied_weights,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )

    def _make_corruption(self, scaling, x):
        """Return the noise on the input, a function of (rows, generator), or None.

        `x` are the training rows in the network's space.
        """
        return None

    def _linear_map(self, x, target, n_components, weight, corruption, rng):
        """Return the `LinearMap` of the linear path from tensors in float64."""
        return principal_axes(x.numpy(), n_components, rng, weight)

    def _linear_path_is_optimal(self):
        """Whether no training can improve on the linear path."""
        return self.loss == "squared_error" and np.size(self.hidden_layer_sizes) == 0

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
        return self._fit(X, y, X_val=X_val, sample_weight=sample_weight)

    def fit_transform(self, X, y=None, *, X_val=None, sample_weight=None):
        """Fit the autoencoder to X and return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.
        X_val, sample_weight
            As in `fit`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            As `transform` gives them.
        """
        return self.fit(X, y, X_val=X_val, sample_weight=sample_weight).transform(X)

    @available_if(_solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sample_weight=None):
        """Take one epoch over X at the initial learning rate.

        The first call fixes the centring, the scale, the linear path, the number
        of components and the form of the codes from its X; later calls keep them.

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
        return self._partial_fit(X, sample_weight=sample_weight)

    def _fit(self, X, y, *, X_val, sample_weight, X_target=None):
        warm = self.warm_start and hasattr(self, "network_")
        samples, validation = check_samples(
            self, X, X_target, X_val, sample_weight, reset=not warm
        )
        context = self._init_callback_context(max_subtasks=self.max_iter)
        # A scoring callback needs a target, and an autoencoder's is X itself.
        task = {"estimator": self, "X": X, "y": X if y is None else y}
        context.call_on_fit_task_begin(**task)

        def report(trainer):
            def attributes_now(state):
                result = trainer.result(copy.deepcopy(state.result))
                return self._fitted_attributes(result, samples, warm)

            return [CallbackMonitor(context, task, attributes_now)]

        seed = draw_seed(self.random_state)
        if warm:
            start, previous = self._current_start(samples), self._progress()
            result = fit_further(
                self, start, samples, validation, seed, previous, report
            )
        else:
            setup = set_up(self, samples, seed)
            result = fit_from_start(self, samples, validation, setup, report)
        attributes = self._fitted_attributes(result, samples, warm)
        attributes["_training_state"] = result.state if self.warm_start else None
        vars(self).update(attributes)
        context.call_on_fit_task_end(**task, reconstruction_attributes=attributes)
        if result.interrupted is not None:
            raise result.interrupted
        return self

    def _partial_fit(self, X, *, sample_weight, X_target=None):
        first = not hasattr(self, "network_")
        self._check_partial_fit()
        samples, _ = check_samples(self, X, X_target, None, sample_weight, reset=first)
        seed = draw_seed(self.random_state)
        if first:
            start = make_start(self, samples, set_up(self, samples, seed))
            previous = Progress()
        else:
            start, previous = self._current_start(samples), self._progress()
        result = fit_one_epoch(self, start, samples, seed, previous)
        attributes = self._fitted_attributes(
            result, samples, warm=not first, keep_head=not first
        )
        attributes["_training_state"] = result.state
        if not first:
            attributes["n_samples_"] += self.n_samples_
        vars(self).update(attributes)
        return self

    def _check_partial_fit(self):
        if self.early_stopping is True:
            raise ValueError("partial_fit does not support early_stopping=True")
        if isinstance(self.n_components, str | float):
            raise ValueError(
                "partial_fit needs n_components to be an int or None: what share of "
                "the variance components explain is known only with all the data. "
                f"Got {self.n_components!r}."
            )

    def _current_start(self, samples):
        """Return the fitted model as the `Start` of further training."""
        x = self.scaling_.to_network(samples.X, torch.float64)
        corruption = self._make_corruption(self.scaling_, x)
        return Start(self.scaling_, copy.deepcopy(self.network_), corruption)

    def _progress(self):
        """Return the `Progress` of the fits so far."""
        n_epochs = len(self.loss_curve_) - 1
        return Progress(n_epochs, self.best_epoch_, self._training_state)

    def _fitted_attributes(self, result, samples, warm, keep_head=False):
        """Return all fitted attributes as a dictionary."""
        network, scaling = result.network, result.scaling
        statistics = code_statistics(samples, scaling, network, whiten=self.whiten)
        head = self.head_ if keep_head else statistics.head
        curve, validation_curve = result.loss_curve, result.validation_loss_curve
        if warm:
            curve = self.loss_curve_ + curve[1:]
            if None not in (validation_curve, self.validation_loss_curve_):
                validation_curve = self.validation_loss_curve_ + validation_curve[1:]
        n_components = len(statistics.explained_variance)
        attributes = {
            "n_components_": n_components,
            "n_samples_": len(samples.X),
            "mean_": scaling.mean,
            "explained_variance_": statistics.explained_variance,
            "explained_variance_ratio_": statistics.explained_variance_ratio,
            "noise_variance_": _noise_variance(
                statistics.residual_variance, samples.X.shape, n_components
            ),
            "n_iter_": max(result.n_epochs, 1),
            "best_epoch_": result.best_epoch,
            "loss_curve_": curve,
            "validation_loss_curve_": validation_curve,
            "best_loss_": min(validation_curve or curve),
            "network_": network,
            "scaling_": scaling,
            "head_": head,
            "_codec": self._make_codec(scaling, network, head),
        }
        if self.linear_path is not None:
            axes = network.linear_decoder.T.to("cpu", torch.float64)
            attributes["components_"] = (head.rotation @ axes).numpy()
        return attributes

    def _make_codec(self, scaling, network, head):
        device = next(network.buffers(recurse=True), next(network.parameters())).device
        return Codec(scaling, network, head, device, self.n_threads)

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
        codec = self._codec_for()
        return codec.decode(codec.encode(self._check_rows(X)))

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
        unit = self.scaling_.residual_scale
        unexplained = codec.squared_residuals(X, unit).sum(dtype=np.float64)
        total = sum(
            np.square((rows - self.mean_) / unit).sum()
            for rows in np.array_split(X, -(-len(X) // 4096))
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

    def summary(self):
        """Return a table of the network's layers and parameters.

        Returns
        -------
        summary : str
        """
        check_is_fitted(self)
        return network_summary(type(self).__name__, self.network_)

    @property
    def encoder_(self):
        """`torch.nn.Module` from rows of X (float32) to codes, as `transform`."""
        return self._codec_for().modules()[0]

    @property
    def decoder_(self):
        """`torch.nn.Module` from codes (float32) to X, as `inverse_transform`."""
        return self._codec_for().modules()[1]

    @property
    def _n_features_out(self):
        return self.n_components_

    def _codec_for(self):
        check_is_fitted(self)
        return self._codec

    def _check_rows(self, X):
        return validate_data(self, X, dtype=FLOAT_DTYPES, reset=False)

    # ----- protocol --------------------------------------------------------

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_codec", None)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "network_" in state:
            self._codec = self._make_codec(self.scaling_, self.network_, self.head_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        link = LOSSES[self.loss].link if self.loss in LOSSES else None
        tags.input_tags.positive_only = link in ("exp", "logistic")
        return tags


def _noise_variance(residual_variance, shape, n_components):
    """Return the residual variance of a discarded dimension, as PCA does."""
    discarded = min(shape) - n_components
    return float(residual_variance / discarded) if discarded > 0 else 0.0
