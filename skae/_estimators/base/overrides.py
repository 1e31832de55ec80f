"""Methods that variants of the autoencoder may override."""

from collections.abc import Sized

from skae._estimators.base.validation import hidden_layer_sizes
from skae._functional.linear_maps import principal_axes
from skae._functional.losses import LOSSES, resolve_link
from skae._networks.dense import DenseAutoencoder
from skae._training.criterion import ScaledLoss
from skae._training.objective import ReconstructionObjective
from skae._utils.flat_rows import check_flat_rows


class AutoencoderOverrides:
    """The methods that define a variant, with their default implementations.

    A variant overrides `_make_objective` if it minimizes more than the reconstruction
    error, and the others if its network, its linear path or the noise on its input
    differ.
    """

    def _make_objective(self, criterion, corruption):
        """Return the `Objective` that the fit minimizes.

        `criterion` and `corruption` are the results of `_make_criterion` and
        `_make_corruption`.
        """
        return ReconstructionObjective(criterion, corruption)

    # Default weight decay of a network without a linear path, as a fraction of that of
    # a network whose linear path explains all of the variance.
    _decay_without_path = 1.0

    # Whether the loss of a sample is a sum over the features, not a mean.
    _sums_over_features = False

    # Whether `fit` takes X_target, the clean version of a noisy X.
    _takes_pairs = False

    def _make_criterion(self, scaling):
        """Return the `Criterion`, which computes the loss of each output element."""
        return ScaledLoss(self.loss, scaling)

    def _link(self):
        """Return the name of the link between the decoder's output and X."""
        return resolve_link(self.loss, self.out_activation)

    def _loss_is_of_residuals(self):
        """Whether the smallest possible loss is zero, unlike that of a likelihood."""
        return LOSSES[self.loss].from_residual is not None

    def _loss_has_unit(self):
        """Whether the loss depends on the unit of X, as for counts."""
        return False

    def _default_n_components(self, n_features):
        """Return the number of components for ``n_components=None``."""
        return min(n_features, 32)

    def _code_form(self):
        """Return the form of the codes, as in `code_statistics`."""
        return "white" if self.whiten else "principal"

    def _check_layout(self, X, name):
        """Check that the rows of an unvalidated `X` are flat."""
        check_flat_rows(X, name, type(self).__name__)

    def _mark_missing(self, X, name):
        """Replace padding in validated rows by NaN, so that it is ignored."""
        return X

    def _condition(self, y, X, name, *, reset, classes=None, weight=None):
        """Encode the conditioning variable y; None for unconditional models."""
        return None

    def _standardize_conditions(self, samples):
        """Return `samples` with the conditioning variable standardized on them."""
        return samples

    def _own_attributes(self, attributes, samples):
        """Return further fitted attributes, or replacements, as a dictionary.

        `attributes` contains the fitted attributes that all estimators have, and
        `code_mean`, the mean of the network's codes on the training samples.
        """
        return {}

    def _build_network(self, shape, n_components, **correction):
        """Return an uninitialized network for data of `shape`.

        With a linear path, ``correction=False`` builds a network that consists of the
        linear path only.
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
        """Return the function of (rows, generator) that adds noise, or None.

        `rows` are the training samples, `ScaledRows`. It is not called if `X_target`
        was passed, as the input is noisy already.
        """
        return None

    def _linear_map(self, rows, n_components, corruption, rng):
        """Return the `LinearMap` of the linear path from `ScaledRows`."""
        return principal_axes(
            rows.x.numpy(), n_components, rng, rows.weight, rounding=rows.rounding
        )

    def _finish_start(self, network, rows, linear_map):
        """Initialize the remaining state of the network.

        `rows` are the training samples, `ScaledRows`; `linear_map` may be None.
        """
        return None

    def _n_pretrained_layers(self, shape):
        """Return the number of layers that are trained before the fit.

        An estimator with a parameter `pretraining` trains them by a method
        ``_pretrain(config, initial, samples, progress)``, as in `Model`.
        """
        return 0

    def _linear_path_is_optimal(self):
        """Whether the linear path has the lowest possible loss."""
        sizes = self.hidden_layer_sizes
        return (
            self.loss == "squared_error"
            and isinstance(sizes, Sized)
            and len(sizes) == 0
            and self._link() == "identity"
        )
