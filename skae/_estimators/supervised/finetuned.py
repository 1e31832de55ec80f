"""The base of the classifier and the regressor that fine-tune an encoder."""

import copy
from abc import ABCMeta
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skae._engine.config import training_dtype
from skae._engine.fit import with_correction
from skae._engine.initialization import InitialModel
from skae._estimators.base.validation import (
    check_rows,
    check_same_arguments,
    check_same_network,
)
from skae._estimators.supervised.meta_predictor import BaseMetaPredictor
from skae._functional.linear_maps import read_size
from skae._networks.layers import layerwise_init
from skae._networks.linear_path import is_linear_path
from skae._networks.predictor import EncoderPredictor
from skae._utils.random import make_generator
from skae._utils.sklearn_compat import check_parameters
from skae._utils.validation import check_hidden_layer_sizes

# Relative rounding error of a linear code in float32.
_ROUNDING = 1e-6


class BaseFinetuned(BaseMetaPredictor, metaclass=ABCMeta):
    """Layers that predict from the codes of an autoencoder's encoder."""

    # ----- the autoencoder -------------------------------------------------

    def _make_autoencoder(self, pool, seed, progress):
        """Return the autoencoder, fitted or before its first epoch."""
        if self._is_frozen():
            self._check_same_columns(self._given())
            return self._given()
        autoencoder = self._clone_autoencoder(seed)
        metadata = pool.metadata
        if metadata is None:
            metadata = {"sample_weight": pool.weight}
        if not self.pretraining:
            return autoencoder._fit_without_training(pool.X, **metadata)
        try:
            with _as_stage(progress, autoencoder):
                autoencoder.fit(pool.X, **metadata)
        except KeyboardInterrupt:
            if hasattr(autoencoder, "network_") and not hasattr(self, "network_"):
                # The user can pass it on in a FrozenEstimator.
                self.autoencoder_ = autoencoder
            raise
        if hasattr(self, "feature_names_in_"):
            # It received an array without them.
            autoencoder.feature_names_in_ = self.feature_names_in_
        return autoencoder

    def _clone_autoencoder(self, seed):
        """Return a clone of `autoencoder`, with a seed and `verbose` for its fit."""
        autoencoder = clone(self._given())
        # Inside our own fit scikit-learn would not validate them.
        check_parameters(autoencoder)
        if self.verbose and "verbose" in autoencoder.get_params(deep=False):
            autoencoder.set_params(verbose=True)
        if autoencoder.random_state is None:
            autoencoder.set_params(random_state=seed)
        return autoencoder

    def _check_same_columns(self, fitted):
        """Refuse X with features other than those of a frozen autoencoder."""
        if self.n_features_in_ != fitted.n_features_in_:
            raise ValueError(
                f"X has {self.n_features_in_} features, but the autoencoder was fitted "
                f"to {fitted.n_features_in_}. Pass the features that it was fitted to."
            )
        names = getattr(self, "feature_names_in_", None)
        theirs = getattr(fitted, "feature_names_in_", None)
        both = names is not None and theirs is not None
        if both and not np.array_equal(names, theirs):
            raise ValueError(
                "The feature names of X should match those that the autoencoder was "
                f"fitted to, in the same order. Got {names[:5].tolist()} instead of "
                f"{theirs[:5].tolist()}."
            )

    # ----- methods of the base ---------------------------------------------

    def _n_stages_before(self):
        return 1 if self.pretraining and not self._is_frozen() else 0

    def _initialize(self, pool, n_outputs, seed, progress):
        autoencoder = self._make_autoencoder(pool, seed, progress)
        encoder = autoencoder.network_
        if self.finetuning:
            encoder = _with_correction(autoencoder)
        network = self._network(
            autoencoder, n_outputs, self.finetuning, encoder.arguments
        )
        network.to(training_dtype(self.precision))
        init = layerwise_init(self.init, self.activation)
        network.initialize(init, make_generator(seed))
        network.take_encoder(encoder)
        network.standardize(*_code_moments(autoencoder, pool))
        own = {"autoencoder_": autoencoder}
        return InitialModel(autoencoder._scaling, network.eval()), own

    def _network(self, autoencoder, n_outputs, finetuning, options):
        return EncoderPredictor(
            type(autoencoder.network_),
            options,
            autoencoder.n_components_,
            n_outputs,
            check_hidden_layer_sizes(self.hidden_layer_sizes),
            self.activation,
            dropout=self.dropout,
            finetuning=finetuning,
        )

    def _network_from_parameters(self, n_outputs):
        """Return a network as asked for, of an autoencoder like that of the fit."""
        given, fitted = self._given(), self.autoencoder_
        if type(given) is not type(fitted):
            raise ValueError(
                f"The 'autoencoder' parameter was changed from {type(fitted).__name__} "
                f"to {type(given).__name__} since the last fit, whose network "
                "warm_start and partial_fit continue to train. Restore it, or fit a "
                "clone."
            )
        if self._is_frozen():
            check_same_arguments(fitted.network_, given.network_)
        else:
            asked = copy.copy(fitted).set_params(**given.get_params(deep=False))
            check_same_network(asked, asked._model())
        # Which weights are trained may change.
        ours = self.network_
        options = {**fitted.network_.arguments}
        if "correction" in options:
            options["correction"] = ours.encoder.correction
        return self._network(fitted, n_outputs, ours.finetuning, options)

    def _network_to_continue(self):
        ours = self.network_
        arguments = {**ours.arguments, "finetuning": self.finetuning}
        encoder = None
        if self.finetuning and is_linear_path(ours.encoder):
            # The correction is needed only if it is trained.
            fitted = self.autoencoder_
            encoder = _with_correction(fitted)
            arguments["options"] = encoder.arguments
        network = EncoderPredictor(**arguments)
        network.to(ours.code_mean.dtype)
        if encoder is not None:
            network.take_encoder(encoder)
        network.load_state_dict({**network.state_dict(), **ours.state_dict()})
        return network.eval()

    def _check_rows(self, X):
        check_is_fitted(self)
        # The parameter may have been changed since.
        return check_rows(self, X, reset=False, encoder=self.autoencoder_)


@contextmanager
def _as_stage(progress, autoencoder):
    """Report the fit of the autoencoder as a stage of the whole."""
    if progress.context is None:
        yield
        return
    stage = progress.context.subcontext(task_name="pretraining")
    with stage.propagate_callback_context(autoencoder):
        stage.call_on_fit_task_begin(**progress.task)
        yield
        stage.call_on_fit_task_end(**progress.task)


def _with_correction(autoencoder):
    """Return the network, with a zero correction if training left none.

    The correction is drawn as in the autoencoder's fit.
    """
    return with_correction(autoencoder.network_, autoencoder.init, autoencoder._seed)


def _code_moments(autoencoder, pool):
    """Return mean and scale of the network's codes on the training samples.

    The scale is at least a tenth of the root mean square deviation of the codes, since
    an almost constant code, such as that of a pixel at the border, could become large
    for a new sample. Codes of PCA are in units of their sizes in PCA.
    """

    def encode(encoder, decoder, rows):
        return encoder.network.encode(encoder.scaling(rows))

    X = autoencoder._mark_missing(pool.X, "X")
    codes = autoencoder._codec_for().map(encode, autoencoder.n_components_, X)
    mean = np.average(codes, axis=0, weights=pool.weight)
    variance = np.average((codes - mean) ** 2, axis=0, weights=pool.weight)
    unit = np.square(_sizes_in_pca(autoencoder, X, pool.weight))
    scale = np.sqrt(np.maximum(variance, 0.01 * unit * (variance / unit).mean()))
    return mean, np.where(scale > 0, scale, 1.0)


def _sizes_in_pca(autoencoder, X, weight):
    """Return the standard deviations of PCA's codes, 1 for rounding and other codes.

    A constant column, which may vary in other rows, counts as one of unit variance.
    """
    network = autoencoder.network_
    if not hasattr(network, "code_scale"):
        return 1.0

    def square(encoder, decoder, rows):
        return encoder.scaling(rows).nan_to_num().square()

    squares = autoencoder._codec_for().map(square, X.shape[1], X)
    squares = np.average(squares, axis=0, weights=weight)
    columns = np.sqrt(np.where(squares > 0, squares, 1.0))
    read = read_size(network.exactly("linear_encoder").numpy(), columns)
    sizes = network.exactly("code_scale").numpy()
    return np.where(sizes > _ROUNDING * read, sizes, 1.0)
