"""The variational autoencoder."""

from collections.abc import Sized

import numpy as np

from skae._estimators.variational.base import (
    BaseVariationalAutoencoder,
)
from skae._functional.factor_analysis import factor_analysis
from skae._functional.linear_maps import probabilistic_pca
from skae._networks.variational import LEAST_NOISE
from skae._parameters import shared, variational
from skae._parameters.document import document
from skae._parameters.methods import fill_methods
from skae._utils.validation import check_at_least


@document(
    shared.PARAMETERS | variational.PARAMETERS,
    variational.ATTRIBUTES,
    shared.ATTRIBUTES,
)
@fill_methods
class VAETransformer(BaseVariationalAutoencoder):
    r"""Variational autoencoder: codes have a prior, and samples have a likelihood.

    The code z of a sample x has the prior N(0, I). Given z, x has the distribution
    `likelihood`, whose mean is the output of the decoder. The encoder computes the
    normal posterior :math:`q(z | x) = N(\mu(x), \mathrm{diag}\, \sigma^2(x))`. Training
    maximizes the evidence lower bound on the log likelihood [1]_

    .. math:: \log p(x) \ge E_{q(z|x)}[\log p(x | z)]
              - \beta \, KL\big(q(z | x) \,\|\, N(0, I)\big),

    with beta = 1; larger values make the codes more independent [2]_. `transform`
    returns the means of the codes, and `sample` draws new samples.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ConditionalVAE : Generates samples of a chosen class.
    AutoencoderTransformer : Has codes without a distribution.
    sklearn.decomposition.FactorAnalysis : Is linear, with a variance for each feature.

    Notes
    -----
    X must be in [0, 1] for the likelihood 'bernoulli', and not negative for counts.

    Losses and scores are in nats of the density of X: with ``beta=1`` the loss of
    samples is minus their `score`. For a Gaussian likelihood `score` can be compared
    with that of `sklearn.decomposition.PCA`: the linear path is probabilistic PCA [4]_,
    and `score_samples` is an importance-weighted bound [3]_. Codes are sorted by the
    variance of their means, which is zero for components that carry no information
    about X.

    After `partial_fit`, attributes that are measured on samples, such as
    `explained_variance_` and `kl_per_component_`, describe the samples of the last
    call.

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

    def posterior(self, X):
        """Return means and standard deviations of the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            The output of `transform`.
        std : ndarray of shape (n_samples, n_components)
            Standard deviations of the normal posterior q(z | x).
        """
        return self._posterior_of(self._check_rows(X))

    def sample(self, n_samples=1, *, random_state=None, noise=True):
        """Draw samples from the model: codes from N(0, I), then samples given codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same samples in each call.
        noise : bool, default=True
            Whether to draw from the likelihood. Otherwise its mean is returned, which
            is the usual choice for images.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the units of the training data.
        """
        check_at_least(n_samples, 1, "n_samples")
        return self._sample(n_samples, random_state, noise)

    def score_samples(self, X, *, n_draws=16):
        r"""Return a lower bound on the log likelihood of each sample, in nats.

        .. math:: \log \frac{1}{S} \sum_{s=1}^S \frac{p(x | z_s) \, p(z_s)}{q(z_s | x)},
                  \quad z_s \sim q(z | x),

        the importance-weighted bound, whose expectation increases with the number of
        draws S towards log p(x). All samples and calls use the same draws. Values
        outside the domain of the likelihood are clipped to it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        n_draws : int, default=16
            S. With few draws their mean has an error as well, because all samples
            share them. Papers report 5000 draws as the log likelihood.

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
                # The logarithms of small counts have much noise that could be fitted.
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

        The noise of logarithms of counts depends on the rate.
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
