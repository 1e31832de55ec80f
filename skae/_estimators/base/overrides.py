"""What a variant of an autoencoder may override."""

from collections.abc import Sized

from skae._estimators.base.validation import hidden_layer_sizes
from skae._functional.linear_maps import principal_axes
from skae._functional.losses import LOSSES, resolve_link
from skae._networks.dense import DenseAutoencoder
from skae._training.criterion import ScaledLoss
from skae._training.objective import ReconstructionObjective
from skae._utils.flat_rows import check_flat_rows


class AutoencoderOverrides:
    """The methods that describe a variant, with their defaults.

    A variant overrides `_make_objective` if it minimizes more than the reconstruction
    error, and the others if its network, its linear path or the noise on its input
    differ.
    """

    def _make_objective(self, criterion, corruption):
        """Return the `Objective` that the fit minimizes.

        `criterion` and `corruption` come from `_make_criterion` and `_make_corruption`.
        """
        return ReconstructionObjective(criterion, corruption)

    # Default decay of the weights of a network without a linear path, as a share of
    # that of a network whose linear path explains everything.
    _decay_without_path = 1.0

    # Whether the loss of a sample is a sum over the features, not a mean.
    _sums_over_features = False

    # Whether `fit` takes X_target, the clean rows of a noisy X.
    _takes_pairs = False

    def _make_criterion(self, scaling):
        """Return the `Criterion`, the loss of each element of the output."""
        return ScaledLoss(self.loss, scaling)

    def _link(self):
        """Return the name of the link between the decoder's output and X."""
        return resolve_link(self.loss, self.out_activation)

    def _loss_is_of_residuals(self):
        """Whether zero is the least loss; that of a likelihood means nothing."""
        return LOSSES[self.loss].from_residual is not None

    def _loss_has_unit(self):
        """Whether the loss means something in X's own unit only, as for counts."""
        return False

    def _default_n_components(self, n_features):
        """Return what ``n_components=None`` means."""
        return min(n_features, 32)

    def _code_form(self):
        """Return the form of the codes, one of those of `code_statistics`."""
        return "white" if self.whiten else "principal"

    def _check_layout(self, X, name):
        """Refuse an `X`, as yet unvalidated, whose rows are not flat."""
        check_flat_rows(X, name, type(self).__name__)

    def _mark_missing(self, X, name):
        """Replace padding by NaN, so that it is ignored, in validated rows."""
        return X

    def _condition(self, y, X, name, *, reset, classes=None, weight=None):
        """Return what the rows of X are given beside their features, or None."""
        return None

    def _standardize_conditions(self, samples):
        """Return `samples` with what the network receives beside X scaled by them."""
        return samples

    def _own_attributes(self, attributes, samples):
        """Return further fitted attributes, or other values, as a dictionary.

        `attributes` are those that all estimators have, and `code_mean`, the mean of
        the network's codes on the training rows.
        """
        return {}

    def _build_network(self, shape, n_components, **correction):
        """Return the network for data of `shape`, not yet initialized.

        With a linear path the keyword ``correction=False`` asks for that path alone.
        """
        return DenseAutoencoder(
            n_features=shape[1],
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes(self, shape),
            activation=self.activation,
            linear_path=self._has_linear_path(),
            tied_weights=self.tied_weights,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            **correction,
        )

    def _make_corruption(self, rows):
        """Return the noise on the input, a function of (rows, generator), or None.

        `rows` are the training rows, `ScaledRows`. Not asked for data that come in
        pairs, whose inputs are noisy already.
        """
        return None

    def _linear_map(self, rows, n_components, corruption, rng):
        """Return the `LinearMap` of the linear path from `ScaledRows`."""
        return principal_axes(
            rows.x.numpy(), n_components, rng, rows.weight, rounding=rows.rounding
        )

    def _finish_start(self, network, rows, linear_map):
        """Set what else the network begins with.

        `rows` are the training rows, `ScaledRows`; `linear_map` may be None.
        """
        return None

    def _n_pretrained_layers(self, shape):
        """Return the number of layers that are trained before the fit."""
        return 0

    def _pretrain(self, config, initial, samples, progress):
        """Train parts of a network before its fit; return the `Pretraining`.

        It is called where the estimator has a parameter `pretraining` that is not None.
        `progress.pretraining(layer, max_iter)` gives the monitors of a `LayerSpec`.
        """
        raise NotImplementedError

    def _linear_path_is_optimal(self):
        """Whether no training can improve on the linear path."""
        sizes = self.hidden_layer_sizes
        return (
            self.loss == "squared_error"
            and isinstance(sizes, Sized)
            and len(sizes) == 0
            and self._link() == "identity"
        )
