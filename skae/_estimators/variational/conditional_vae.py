"""The conditional variational autoencoder."""

import numpy as np
from scipy.special import logsumexp
from sklearn.utils.metaestimators import available_if

from skae._estimators.base.autoencoder import solver_is_stochastic
from skae._estimators.variational.base import (
    BaseVariationalAutoencoder,
)
from skae._estimators.variational.conditions import (
    ConditionedMixin,
)
from skae._parameters import shared, variational
from skae._parameters.document import document
from skae._parameters.methods import fill_methods
from skae._utils.sklearn_compat import fit_context
from skae._utils.validation import check_at_least, check_codes


@document(
    shared.PARAMETERS | variational.PARAMETERS,
    variational.CONDITION_ATTRIBUTES,
    variational.ATTRIBUTES,
    shared.ATTRIBUTES,
)
@fill_methods
class ConditionalVAE(ConditionedMixin, BaseVariationalAutoencoder):
    r"""Variational autoencoder of X given y, which generates samples of a chosen class.

    The code z of a sample x has the prior N(0, I). Given z and its class or target y, x
    has the distribution `likelihood`, whose mean is the output of the decoder. Training
    maximizes the evidence lower bound on the conditional log likelihood [1]_

    .. math:: \log p(x | y) \ge E_{q(z|x,y)}[\log p(x | z, y)]
              - \beta \, KL\big(q(z | x, y) \,\|\, N(0, I)\big).

    The code need not encode y; it captures the remaining variation, such as the style
    of a handwritten digit. The encoder receives y, too, but for a tenth of the samples
    in training y is replaced by a token, so that `transform` does not require y.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    VAETransformer : Does not use y.

    Notes
    -----
    scikit-learn's `type_of_target` decides whether y contains class labels, of any
    type, or numbers, in one or several columns. Floats that are whole numbers are
    labels, too. `explained_variance_`, its ratio, `active_units_` and the order of the
    codes describe ``transform(X)``, without y; `kl_per_component_` and the losses are
    conditional on y.

    References
    ----------
    .. [1] K. Sohn, H. Lee and X. Yan, "Learning structured output representation using
       deep conditional generative models", NeurIPS 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skae import ConditionalVAE
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = ConditionalVAE(8, random_state=0).fit(X, y)
    >>> sevens = vae.sample(100, y=7, random_state=0)
    >>> classifier = LogisticRegression(max_iter=1000).fit(X / 16, y)
    >>> float((classifier.predict(sevens / 16) == 7).mean())
    1.0
    """

    _is_conditional = True
    _missing_share = 0.1

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
        init="auto",
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
        self.init = init
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
    def fit(
        self,
        X,
        y,
        *,
        X_val=None,
        y_val=None,
        sample_weight=None,
        sample_weight_val=None,
    ):
        """Fit the autoencoder to X given y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data: in [0, 1] for 'bernoulli', not negative for counts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels or numbers.
        {X_val}
        y_val : array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
            Targets of `X_val`.
        {sample_weight}
        {sample_weight_val}

        Returns
        -------
        {fit_returns}

        Raises
        ------
        ValueError
            If y is missing, if data or parameters are invalid, or if the loss is not
            finite before any epoch improved on the start.
        """
        return self._fit(
            X,
            y,
            X_val=X_val,
            y_val=y_val,
            sample_weight=sample_weight,
            sample_weight_val=sample_weight_val,
        )

    def fit_transform(self, X, y, **fit_params):
        """Fit the autoencoder to X given y and return the codes of X alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels or numbers.
        **fit_params : dict
            Further arguments of `fit`, such as `sample_weight`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            The output of ``transform(X)``, so that the steps after it in a Pipeline
            receive the same codes in training as later, when y is not known.
        """
        return self.fit(X, y, **fit_params).transform(X)

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, *, classes=None, sample_weight=None):
        """Take one epoch over X and y at the initial learning rate.

        The first call fixes the classes. Center, scales and order of the components are
        estimated again from all samples while there are fewer than 100, or than four
        per component. Attributes that are measured on samples, such as
        `explained_variance_`, describe the samples of the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets of the batch.
        classes : array-like of shape (n_classes,) or list of them, default=None
            All labels of this and later calls, in the first call; None means those of
            its y. One array for each column of a y with several columns.
        {batch_weight}

        Returns
        -------
        {partial_fit_returns}
        """
        return self._fit_one_epoch(X, y, classes=classes, sample_weight=sample_weight)

    def transform(self, X, y=None):
        """Return the means of the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, if they are known: one for each sample, or one for all.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Computed in float32 for float32 `X` and in float64 otherwise.
        """
        codec, X = self._codec_for(), self._check_rows(X)
        return codec.encode(X, **self._given(y, len(X)))

    def inverse_transform(self, X, y=None):
        """Return the means of samples with the given codes and targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Required: one target for each sample, or one for all.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the units of the training data.
        """
        codec = self._codec_for()
        codes = check_codes(self, X, self.n_components_)
        return codec.decode(codes, **self._given(y, len(codes), "inverse_transform"))

    def reconstruct(self, X, y=None):
        """Return X encoded and decoded given y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Required: one target for each sample, or one for all.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            In the units of `X`.
        """
        codec, X = self._codec_for(), self._check_rows(X)
        given = self._given(y, len(X), "reconstruct")
        return codec.decode(codec.encode(X, **given), **given)

    def posterior(self, X, y=None):
        """Return means and standard deviations of the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, if they are known.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            The output of ``transform(X, y)``.
        std : ndarray of shape (n_samples, n_components)
            Standard deviations of the normal posterior q(z | x, y).
        """
        X = self._check_rows(X)
        return self._posterior_of(X, **self._given(y, len(X)))

    def sample(self, n_samples=None, *, y=None, random_state=None, noise=True):
        """Draw samples of given targets: codes from N(0, I), then samples given both.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples; None means one for each y.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Required: one target for each sample, or one for all.
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
        if n_samples is not None:
            check_at_least(n_samples, 1, "n_samples")
        given = self._given(y, n_samples, "sample")
        return self._sample(len(given["condition"]), random_state, noise, **given)

    def score_samples(self, X, *, y=None, n_draws=16):
        """Return a lower bound on the log likelihood of each sample, in nats.

        Without y, it bounds the likelihood of the mixture over the labels, weighted by
        their shares of the training samples. If there are more than 32 different
        numbers, or combinations of labels, 32 of them represent all: this is an
        approximation, and not a bound.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        n_draws : int, default=16
            Number of draws of each sample's code, the same for all samples and calls.
            The bound becomes tighter with more draws.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Bounds on log p(x | y), or on log p(x), in nats of X's units.
        """
        check_at_least(n_draws, 1, "n_draws")
        X = self._check_rows(X)
        if y is not None:
            return self._bound(X, n_draws, **self._given(y, len(X)))
        bounds = [
            self._bound(X, n_draws, condition=np.tile(row, (len(X), 1)))
            for row in self._conditions.support
        ]
        shares = self._conditions.shares[:, np.newaxis]
        return logsumexp(bounds, axis=0, b=shares).astype(X.dtype)

    def _own_attributes(self, attributes, samples):
        own = super()._own_attributes(attributes, samples)
        return own | {"classes_": self._conditions.labels}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
