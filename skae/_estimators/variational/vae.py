"""The variational autoencoder."""

from collections.abc import Sized

import numpy as np
from sklearn.utils.metaestimators import available_if

from skae._estimators.base.autoencoder import solver_is_stochastic
from skae._estimators.variational.base import (
    BaseVariationalAutoencoder,
)
from skae._functional.factor_analysis import factor_analysis
from skae._functional.linear_maps import probabilistic_pca
from skae._networks.variational import LEAST_NOISE
from skae._parameters import shared, variational
from skae._parameters.document import document
from skae._parameters.methods import fill_methods
from skae._utils.sklearn_compat import fit_context
from skae._utils.validation import check_at_least


@document(
    shared.PARAMETERS | variational.PARAMETERS,
    variational.ATTRIBUTES,
    shared.ATTRIBUTES,
)
@fill_methods
class VAETransformer(BaseVariationalAutoencoder):
    r"""Variational autoencoder: codes with a prior, rows with a likelihood.

    A row x has a code z with the prior N(0, I) and, given z, the distribution
    `likelihood` whose mean the decoder gives. The encoder gives the normal posterior
    :math:`q(z | x) = N(\mu(x), \mathrm{diag}\, \sigma^2(x))`. Training maximizes the
    evidence lower bound on the log likelihood [1]_

    .. math:: \log p(x) \ge E_{q(z|x)}[\log p(x | z)]
              - \beta \, KL\big(q(z | x) \,\|\, N(0, I)\big),

    with beta = 1; larger values press the codes towards independence [2]_.
    `transform` gives the means of the codes; `sample` draws new rows.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ConditionalVAE : Generates rows of a chosen class.
    AutoencoderTransformer : Codes without a distribution.
    sklearn.decomposition.FactorAnalysis : Linear, with a variance for each feature.

    Notes
    -----
    Losses and scores are in nats of X's own density: minus `score` of rows is their
    loss (with ``beta=1``), and for a Gaussian likelihood `score` can be compared with
    that of `sklearn.decomposition.PCA`: the linear path is probabilistic PCA [4]_, and
    `score_samples` an importance-weighted bound [3]_. Codes are in the order of
    decreasing variance of their means, which for components that tell nothing of X is
    zero.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a
       constrained variational framework", ICLR 2017.
    .. [3] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted
       autoencoders", ICLR 2016.
    .. [4] M. E. Tipping and C. M. Bishop, "Probabilistic principal component
       analysis", JRSS B 61, 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import VAETransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> vae = VAETransformer(8, random_state=0).fit(X[:1500])
    >>> vae.score(X[1500:]), PCA(8).fit(X[:1500]).score(X[1500:])
    (-148.8..., -164.8...)
    >>> vae.sample(3, random_state=0).shape
    (3, 64)
    """

    def __init__(
        self,
        n_components=None,
        *,
        likelihood="gaussian",
        noise_variance="shared",
        beta=1.0,
        kl_warmup=0,
        n_importance_samples=1,
        hidden_layer_sizes="auto",
        activation="silu",
        linear_path="ppca",
        init="auto",
        n_init="auto",
        dropout=0.0,
        batch_norm=False,
        max_norm=None,
        average=True,
        alpha="auto",
        l1_ratio=0.0,
        solver="adamw",
        learning_rate_init=0.003,
        learning_rate="constant",
        batch_size="auto",
        max_iter=100,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping="auto",
        validation_fraction=0.1,
        warm_start=False,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.likelihood = likelihood
        self.noise_variance = noise_variance
        self.beta = beta
        self.kl_warmup = kl_warmup
        self.n_importance_samples = n_importance_samples
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.linear_path = linear_path
        self.init = init
        self.n_init = n_init
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.max_norm = max_norm
        self.average = average
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None, sample_weight=None, sample_weight_val=None):
        """Fit the autoencoder to X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data: in [0, 1] for 'bernoulli', not negative for counts.
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
        self._check_warmup()
        return self._fit(
            X,
            y,
            X_val=X_val,
            sample_weight=sample_weight,
            sample_weight_val=sample_weight_val,
        )

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sample_weight=None):
        """Take one epoch over X at the initial learning rate.

        {partial_fit}
        The noise is learned in later calls as well. Attributes that are measured on
        samples, such as `explained_variance_` and `kl_per_component_`, describe the
        samples of the last call.

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
        """
        return self._fit_one_epoch(X, y, sample_weight=sample_weight)

    def posterior(self, X):
        """Return means and standard deviations of the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            What `transform` gives.
        std : ndarray of shape (n_samples, n_components)
            Standard deviations of the normal posterior q(z | x).
        """
        return self._posterior_of(self._check_rows(X))

    def sample(self, n_samples=1, *, random_state=None, noise=True):
        """Draw rows from the model: codes from N(0, I), then rows given the codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            An int gives the same rows in each call.
        noise : bool, default=True
            Whether to draw from the likelihood; otherwise its mean is returned, for
            images the usual choice.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the units of the training data.
        """
        check_at_least(n_samples, 1, "n_samples")
        return self._sample(n_samples, random_state, noise)

    def score_samples(self, X, *, n_draws=16):
        r"""Return a lower bound on the log likelihood of each row, in nats.

        .. math:: \log \frac{1}{S} \sum_{s=1}^S \frac{p(x | z_s) \, p(z_s)}{q(z_s | x)},
                  \quad z_s \sim q(z | x),

        the importance-weighted bound, which in expectation grows with the number
        of draws S towards log p(x). The draws are the same for all rows and calls.
        Values outside the likelihood's domain count as the nearest inside it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        n_draws : int, default=16
            S. The draws are shared by all rows, so that few leave an error in the
            mean, too; papers report 5000 as the log likelihood.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In nats of X's own units.
        """
        check_at_least(n_draws, 1, "n_draws")
        return self._bound(self._check_rows(X), n_draws)

    def _linear_map(self, rows, n_components, corruption, rng):
        u = rows.x.numpy()
        if self._has_noise_of_features():
            return factor_analysis(
                u,
                n_components,
                rows.weight,
                floor=LEAST_NOISE,
                # Of few counts the logarithms have much noise to be fitted.
                only_evident=self._link() == "exp",
            )
        log_noise = self._log_noise_in(rows.scaling)
        with np.errstate(over="ignore"):
            noise = None if log_noise is None else float(np.exp(log_noise))
        return probabilistic_pca(
            u,
            n_components,
            rng,
            rows.weight,
            noise_variance=noise,
            floor=LEAST_NOISE if noise is None else 0.0,
        )

    def _has_noise_of_features(self):
        """Whether the linear path is factor analysis.

        Logarithms of counts have a noise that depends on the rate.
        """
        if self.likelihood == "gaussian":
            return self.noise_variance == "per_feature"
        return self._link() == "exp"

    def _linear_path_is_optimal(self):
        sizes = self.hidden_layer_sizes
        return (
            isinstance(sizes, Sized)
            and len(sizes) == 0
            and self._has_linear_path()
            and self.likelihood == "gaussian"
            and self.beta == 1
        )
