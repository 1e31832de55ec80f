"""The base of the variational autoencoders: posterior, prior and likelihood."""

import math

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.base.validation import (
    IGNORED_BY_SCORE,
    hidden_layer_sizes,
    warn_of_ignored_rows,
)
from skae._estimators.variational.elbo import (
    NegativeELBO,
    NegativeImportanceWeightedBound,
    importance_weighted_bound,
)
from skae._estimators.variational.likelihood_start import (
    count_at_floor,
    set_noise,
    set_rates,
)
from skae._functional.likelihoods import LIKELIHOODS, RowLikelihood
from skae._functional.penalties import kl_to_standard_normal
from skae._networks.variational import LEAST_NOISE, VariationalAutoencoder
from skae._parameters.methods import fill_methods
from skae._training.optimizers import OPTIMIZERS
from skae._utils.context import own_context
from skae._utils.random import draw_seed
from skae._utils.validation import check_bool, check_weights
from skae._utils.warnings import warn_caller

# Seed of the noise in `score_samples`. More draws begin with the same draws.
_SEED_OF_DRAWS = 0
# Variance of a code's mean above which it is active (Burda et al., 2015).
_ACTIVE_VARIANCE = 0.01


@fill_methods
class BaseVariationalAutoencoder(BaseAutoencoder):
    """Autoencoders with a normal posterior of the codes and a likelihood of X."""

    # Whether `score_samples` takes y.
    _is_conditional = False
    # The divergence from the prior is penalty enough: decay makes codes collapse.
    _decay_without_path = 0.0
    # Share of the samples whose condition is hidden from the encoder in training.
    _missing_share = 0.0

    def _fit(self, X, y, **given):
        self._check_warmup()
        return super()._fit(X, y, **given)

    def score(self, X, y=None, *, sample_weight=None):
        """Return the mean of `score_samples` over the samples of X, in nats.

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
            A lower bound on the mean log likelihood of X, given y in a conditional
            model (see `score_samples` for its approximation without y). With a Gaussian
            likelihood and without y, it is comparable to `score` of
            `sklearn.decomposition.PCA`.
        """
        given = {"y": y} if self._is_conditional else {}
        if y is not None and not self._is_conditional:
            warn_of_ignored_rows(self, self._check_rows(X), y, IGNORED_BY_SCORE)
        scores = self.score_samples(X, **given).astype(np.float64)
        return float(np.average(scores, weights=check_weights(sample_weight, scores)))

    def reconstruction_score(self, X, y=None, *, sample_weight=None):
        """Return the share of the variance of X that is reconstructed.

        That is the `score` of the other autoencoders, so that a search over several
        kinds can compare them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like, default=None
            Targets, required in a conditional model; otherwise ignored.
        {score_weight}

        Returns
        -------
        score : float
            At most 1; negative if the training mean `mean_` reconstructs X better.
        """
        given = {"y": y} if self._is_conditional else {}
        restored = self.reconstruct(X, **given)
        X = self._check_rows(X)
        unit = self._scaling.residual_scale
        residual = np.square((X - restored) / unit, dtype=np.float64).sum(axis=1)
        return self._share_of_variance(residual, X, sample_weight)

    # ----- methods that the base calls -------------------------------------

    def _link(self):
        return LIKELIHOODS[self.likelihood].link

    _sums_over_features = True

    def _loss_is_of_residuals(self):
        return False

    def _loss_has_unit(self):
        return True

    def _default_n_components(self, n_features):
        return min(n_features, 8)

    def _code_form(self):
        return "ordered"

    def _make_criterion(self, scaling):
        return RowLikelihood(self.likelihood, scaling)

    def _make_objective(self, criterion, corruption):
        terms = {
            "likelihood": criterion,
            "beta": self.beta,
            "missing_share": self._missing_share,
            "warmup": self._warmup(),
        }
        if self.n_importance_samples == 1:
            return NegativeELBO(**terms)
        return NegativeImportanceWeightedBound(
            n_samples=self.n_importance_samples, **terms
        )

    def _warmup(self):
        return self.kl_warmup if self.solver in OPTIMIZERS else 0

    def _n_conditions(self):
        """Return the number of columns that the network is given beside X."""
        return 0

    def _standardize_conditions(self, samples):
        if samples.y is None:
            return samples
        self._conditions, y = self._conditions.refit(samples.y, samples.weight)
        return samples._replace(y=y)

    def _build_network(self, shape, n_components, **correction):
        return VariationalAutoencoder(
            n_features=shape[1],
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes(self, shape),
            activation=self.activation,
            linear_path=self._has_linear_path(),
            likelihood=self.likelihood,
            noise_variance=self.noise_variance,
            n_conditions=self._n_conditions(),
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            **correction,
        )

    def _noise_is_given(self):
        is_given = not isinstance(self.noise_variance, str)
        return is_given and self.likelihood == "gaussian"

    def _log_noise_in(self, scaling):
        """Return the log of a given noise variance in the network's space, or None."""
        if not self._noise_is_given():
            return None
        # In logarithms: the square of a scale of 1e200 is no number.
        return math.log(self.noise_variance) - 2 * math.log(float(scaling.scale))

    def _finish_start(self, network, rows, linear_map):
        if self._noise_is_given():
            network.set_dispersion(self._log_noise_in(rows.scaling))
        elif self.likelihood == "gaussian":
            set_noise(network, rows, linear_map)
        elif self._link() == "exp":
            set_rates(network, rows)

    def _own_attributes(self, attributes, samples):
        given = {}
        if samples.y is not None:
            given["condition"] = samples.y
        mean, log_variance = self._posterior(attributes["_codec"], samples.X, **given)
        divergence = kl_to_standard_normal(mean, log_variance)
        active = attributes["explained_variance_"] > _ACTIVE_VARIANCE
        own = {
            "kl_per_component_": np.average(
                divergence.numpy(), axis=0, weights=samples.weight
            ),
            "active_units_": int(active.sum()),
            **self._dispersion_attributes(attributes),
        }
        components = attributes.get("components_")
        # Those that are kept from an earlier fit are in X's units already.
        if components is not None and components is not vars(self).get("components_"):
            scale = float(attributes["_scaling"].scale)
            own["components_"] = components * scale
        return own

    def _dispersion_attributes(self, attributes):
        """Return `noise_variance_` or `dispersion_`, in X's units."""
        network = attributes["network_"]
        values = _log_dispersion(network, attributes["_scaling"])
        if values is None:
            return {"dispersion_": None}
        with np.errstate(over="ignore"):
            values = np.exp(values)
        if network.likelihood == "negative_binomial":
            return {"dispersion_": values}
        values = float(values[0]) if len(values) == 1 else values
        return {"noise_variance_": values, "dispersion_": None}

    # ----- shared by the methods of both classes ---------------------------

    def _check_warmup(self):
        fitted = self.warm_start and hasattr(self, "network_")
        if self._warmup() >= self.max_iter and not fitted:
            raise ValueError(
                "The 'kl_warmup' parameter must be less than max_iter="
                f"{self.max_iter}, so that some epochs have the full weight of the "
                f"divergence. Got {self.kl_warmup} instead."
            )

    def _warn_of_outcome(self):
        # A model with some unused codes is not worse, and one sample has no variance.
        if self.n_samples_ > 1 and self.n_components_ > 4 * self.active_units_:
            warmup = ", or raise kl_warmup" if self.solver in OPTIMIZERS else ""
            warn_caller(
                f"Posterior collapse: {self.n_components_ - self.active_units_} of "
                f"{self.n_components_} components carry no information about X "
                f"(kl_per_component_). Lower n_components or beta{warmup}.",
                ConvergenceWarning,
            )

        if self.n_samples_ > 1 and np.any(self.explained_variance_ > 0):
            self._warn_of_least_noise()

    def _warn_of_least_noise(self):
        """Warn if the floor of the noise lowers the likelihood."""
        n_features = count_at_floor(self.network_)
        if n_features == 0:
            return
        remedy = (
            "Pass noise_variance as a number, such as noise_variance_ of "
            "sklearn.decomposition.PCA, which has no floor"
        )
        if self.noise_variance == "per_feature":
            remedy = (
                f"This concerns {n_features} of {self.n_features_in_} features: lower "
                "n_components, or use noise_variance='shared'"
            )
        warn_caller(
            f"noise_variance={self.noise_variance!r} is at its floor, a share of "
            f"{LEAST_NOISE:g} of the variance of X: the components explain X more "
            "closely, and the likelihood with less noise is higher than score. "
            f"{remedy}.",
            UserWarning,
        )

    @own_context()
    def _posterior_of(self, X, **given):
        """Return means and standard deviations of the codes as arrays."""
        mean, log_variance = self._posterior(self._codec_for(), X, **given)
        return mean.numpy(), torch.exp(0.5 * log_variance).numpy()

    def _posterior(self, codec, X, **given):
        """Return means and log variances of the codes as tensors."""

        def moments(encoder, decoder, x, **given):
            moments = encoder.network.posterior(encoder.scaling(x), **given)
            mean, log_variance = moments
            # The rotation is a permutation with signs, which variances do not have.
            order = encoder.head.rotate
            log_variance = order(log_variance) * order(torch.ones_like(mean))
            return torch.cat([order(mean), log_variance], dim=1)

        array = codec.map(moments, 2 * codec.n_components, X, **given)
        return torch.from_numpy(array).chunk(2, dim=1)

    def _bound(self, X, n_draws, **given):
        """Return the importance-weighted bound of each sample."""
        codec = self._codec_for()
        rng = np.random.RandomState(_SEED_OF_DRAWS)
        draws = torch.from_numpy(rng.standard_normal((n_draws, codec.n_components)))
        bound = importance_weighted_bound(self.network_.likelihood, draws)
        return codec.map(bound, 1, X, **given)[:, 0]

    def _sample(self, n_samples, random_state, noise, **given):
        """Draw samples from the prior and, with `noise`, from the likelihood."""
        check_bool(noise, "noise")
        codec = self._codec_for()
        rng = np.random.RandomState(draw_seed(random_state))
        codes = rng.standard_normal((n_samples, codec.n_components))
        mean = codec.decode(codes, **given)
        if not noise:
            return mean
        dispersion = _log_dispersion(self.network_, self._scaling)
        draw = LIKELIHOODS[self.network_.likelihood].draw
        return draw(rng, mean, dispersion).astype(np.float64)


def _log_dispersion(network, scaling):
    """Return the logarithm of the likelihood's dispersion in X's units, or None."""
    if network.dispersion is None:
        return None
    values = network.dispersion.detach().cpu().double().numpy()
    if network.likelihood == "gaussian":
        values = values + 2 * np.log(float(scaling.scale))
    return values
