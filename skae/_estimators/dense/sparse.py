"""The sparse autoencoder."""

import math

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

from skae._engine.fitted_attributes import make_codec
from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.base.validation import hidden_layer_sizes
from skae._estimators.dense.sparsity import (
    KLPenalty,
    L1Penalty,
    PenalizedObjective,
    TopKObjective,
)
from skae._networks.dense import DenseAutoencoder
from skae._networks.sparse import RectifiedAutoencoder, TopKAutoencoder
from skae._parameters.document import Parameter, document
from skae._parameters.shared import ATTRIBUTES, PARAMETERS
from skae._training.optimizers import OPTIMIZERS
from skae._utils.sklearn_compat import StrOptions, align_sparse
from skae._utils.validation import check_codes, integers_from, reals
from skae._utils.warnings import warn_caller

# Weight of the revival of idle units. Adam's steps of these units do not depend on it.
_REVIVAL = 1 / 32
_MANY_DEAD = 0.25
# Smallest standard deviation of a logistic code that is not dead, relative to the
# variance t (1 - t) of a code that is 1 in a share t of the samples. On digits, wine
# and breast_cancer the medians are 0.33 or more in fits that explain two thirds of the
# variance, and at most 0.21 with a weight of 1e4.
_LEAST_DEVIATION = 0.25
# Resolution of ``sparsity_weight="auto"``.
_DEFAULT_WEIGHTS = {"kl": 3.0, "l1": 1.0}
_REMEDIES = {
    "kl": "lower sparsity_weight or raise sparsity_target",
    "l1": "lower sparsity_weight",
    "top_k": "raise n_nonzero_coefs or lower n_components",
}


_ATTRIBUTES = """
mean_activation_ : ndarray of shape (n_components,)
    Mean of each code on the training samples; after `partial_fit`, as for
    `dead_fraction_`, on the samples of that call alone.
dead_fraction_ : float
    Share of codes that are constant on the training samples; `fit` warns from 0.25 on.
    With 'kl', whose codes always vary a little, it is the share of codes with a
    standard deviation below a quarter of ``sparsity_target * (1 - sparsity_target)``.
encoder_, decoder_ : torch.nn.Module
    From rows of X to the codes that `transform` returns, and from codes to rows, for
    tensors in float32.
"""


@document(
    PARAMETERS,
    _ATTRIBUTES,
    ATTRIBUTES,
    n_components="""
        Number of codes; None means ``4 * n_features``, at most 1024. A float in (0, 1)
        and 'mle' are as in `AutoencoderTransformer`.
        """,
    sparsity=Parameter(
        [StrOptions({"top_k", "kl", "l1"})],
        """
        How codes are made sparse. 'top_k' keeps the `n_nonzero_coefs` largest
        codes of each sample [1]_, 'kl' holds the mean of each code, in (0, 1), near
        `sparsity_target` [2]_, and 'l1' penalizes the sum of the codes.
        """,
    ),
    sparsity_target=Parameter(
        [reals(0, 1, "neither")],
        """
        Target of the mean of each code with 'kl'; with 'top_k' and
        ``n_nonzero_coefs=None`` the share of the codes that are kept.
        """,
    ),
    sparsity_weight=Parameter(
        [reals(0, None, "left"), StrOptions({"auto"})],
        """
        Weight of the penalty of 'kl' or 'l1', relative to the loss summed over the
        features, for features of variance 1 on average. 'auto' means 3 for 'kl' and 1
        for 'l1'.
        """,
    ),
    n_nonzero_coefs=Parameter(
        [integers_from(1), None],
        """
        Number of nonzero codes of a sample with 'top_k', in training; None means
        ``sparsity_target * n_components``, rounded, and at least 1.
        """,
    ),
    transform_n_nonzero_coefs=Parameter(
        [integers_from(1), None],
        """
        The same after training: in `transform`, `reconstruct`, `score`, `score_samples`
        and `encoder_`; None means `n_nonzero_coefs`. More codes, up to some four times
        as many, are better features for a classifier [1]_. It may be changed after the
        fit.
        """,
    ),
    sparse_output=Parameter(
        ["boolean"],
        """
        Whether `transform` returns a sparse matrix in CSR format, built without a dense
        intermediate. Codes of 'kl' are never zero.
        """,
    ),
    hidden_layer_sizes="""
        Widths of the layers between input and code, mirrored by the decoder. With
        ``()`` encoder and decoder have one layer each; 'auto' as in
        `AutoencoderTransformer`.
        """,
)
class SparseAutoencoder(BaseAutoencoder):
    r"""Autoencoder with more codes than features, few of them active in a sample.

    The encoder f and the decoder g minimize

    .. math:: \frac{1}{p} \Big( \sum_{j=1}^p \ell\big(g(h)_j, x_j\big)
              + \lambda \, \Omega(h) \Big), \qquad h = f(x),

    where the codes h are made sparse in one of three ways: only the largest ones are
    kept ('top_k', no penalty) [1]_, the mean of each is held near
    :math:`\rho` ('kl', :math:`\Omega = \sum_j KL(\rho \| \bar h_j)`) [2]_, or their
    sum is penalized ('l1', :math:`\Omega = \sum_j |h_j|`; the decoder then reads each
    code by weights of length 1). Each code then represents a part that samples have in
    common, such as a stroke.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderTransformer : Has few codes, all of them in use.
    sklearn.decomposition.MiniBatchDictionaryLearning : Optimizes each sample's codes.

    Notes
    -----
    There is no linear path, and the codes are those of the network, neither centered
    nor rotated. With 'top_k', units that have long not been among the largest receive a
    loss term of their own, as in [3]_, which raises them until they are chosen again
    (not with the solvers 'lbfgs' and 'cg').

    References
    ----------
    .. [1] A. Makhzani and B. Frey, "k-Sparse autoencoders", ICLR 2014.
    .. [2] A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011.
    .. [3] T. Conerly et al., "Dictionary learning optimization techniques",
       Transformer Circuits Thread, 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SparseAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> coder = SparseAutoencoder(
    ...     200, n_nonzero_coefs=10, sparse_output=True, random_state=0
    ... )
    >>> codes = coder.fit_transform(X)
    >>> codes.shape, codes.nnz // len(X)
    ((1797, 200), 10)
    >>> coder.score(X)
    0.92...
    """

    def __init__(
        self,
        n_components=None,
        *,
        sparsity="top_k",
        sparsity_target=0.05,
        sparsity_weight="auto",
        n_nonzero_coefs=None,
        transform_n_nonzero_coefs=None,
        sparse_output=False,
        hidden_layer_sizes=(),
        activation="silu",
        out_activation="auto",
        loss="squared_error",
        init="auto",
        tied_weights=False,
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
        self.sparsity = sparsity
        self.sparsity_target = sparsity_target
        self.sparsity_weight = sparsity_weight
        self.n_nonzero_coefs = n_nonzero_coefs
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.sparse_output = sparse_output
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.out_activation = out_activation
        self.loss = loss
        self.init = init
        self.tied_weights = tied_weights
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

    def transform(self, X):
        """Return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        codes : ndarray or sparse matrix of shape (n_samples, n_components)
            Computed in float32 for float32 `X` and in float64 otherwise. In CSR
            format with ``sparse_output=True``.
        """
        codec, X = self._codec_for(), self._check_rows(X)
        if self.sparse_output:
            return align_sparse(codec.encode_sparse(X))
        return codec.encode(X)

    def inverse_transform(self, X):
        """Return the reconstructions of codes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the units of the training data.
        """
        codec = self._codec_for()
        Z = check_codes(self, X, self.n_components_, accept_sparse="csr")
        return codec.decode_sparse(Z) if issparse(Z) else codec.decode(Z)

    def _codec_for(self):
        """Return the codec that keeps `transform_n_nonzero_coefs` codes."""
        codec, n_kept = super()._codec_for(), self.transform_n_nonzero_coefs
        # `sparsity` may have been set anew since the fit.
        if n_kept is None or not isinstance(self.network_, TopKAutoencoder):
            return codec
        _check_count("transform_n_nonzero_coefs", n_kept, self.n_components_)
        network = self.network_.keeping(n_kept)
        return make_codec(self._scaling, network, self._head, self.n_threads)

    def _default_n_components(self, n_features):
        return min(4 * n_features, 1024)

    def _code_form(self):
        return "raw"

    def _build_network(self, shape, n_components):
        arguments = {
            "n_features": shape[1],
            "n_components": n_components,
            "hidden_layer_sizes": hidden_layer_sizes(self, shape),
            "activation": self.activation,
            "tied_weights": self.tied_weights,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
        }
        if self.sparsity == "top_k":
            n_kept = self.transform_n_nonzero_coefs
            if n_kept is not None:
                _check_count("transform_n_nonzero_coefs", n_kept, n_components)
            arguments["n_nonzero_coefs"] = self._n_active(n_components)
            return TopKAutoencoder(**arguments)
        if self.sparsity == "l1":
            return RectifiedAutoencoder(**arguments)
        return DenseAutoencoder(
            linear_path=False, code_activation="logistic", **arguments
        )

    def _finish_start(self, network, rows, linear_map):
        if self.sparsity == "kl":
            # A mean of one half would leave the biases far to go.
            odds = self.sparsity_target / (1 - self.sparsity_target)
            torch.nn.init.constant_(network.f.layers[-1].bias, math.log(odds))

    def _n_active(self, n_components):
        if self.n_nonzero_coefs is None:
            return max(1, round(self.sparsity_target * n_components))
        _check_count("n_nonzero_coefs", self.n_nonzero_coefs, n_components)
        return self.n_nonzero_coefs

    def _make_objective(self, criterion, corruption):
        if self.sparsity == "top_k":
            # The set of idle units would change during a line search.
            revival = _REVIVAL if self.solver in OPTIMIZERS else 0.0
            return TopKObjective(criterion, revival)
        is_kl = self.sparsity == "kl"
        penalty = KLPenalty(self.sparsity_target) if is_kl else L1Penalty()
        weight = self.sparsity_weight
        if weight == "auto":
            weight = _DEFAULT_WEIGHTS[self.sparsity]
        return PenalizedObjective(criterion, penalty, weight)

    def _own_attributes(self, attributes, samples):
        deviations = np.sqrt(attributes["explained_variance_"])
        least = 0.0
        if self.sparsity == "kl":
            target = self.sparsity_target
            least = _LEAST_DEVIATION * target * (1 - target)
        return {
            "mean_activation_": attributes["code_mean"],
            "dead_fraction_": float(np.mean(deviations <= least)),
        }

    def _warn_of_outcome(self):
        # All codes of a single sample are constant.
        if self.n_samples_ > 1 and self.dead_fraction_ >= _MANY_DEAD:
            warn_caller(
                f"{self.dead_fraction_:.0%} of the codes are almost constant on the "
                f"training samples. With sparsity={self.sparsity!r}, "
                f"{_REMEDIES[self.sparsity]}, or train longer.",
                ConvergenceWarning,
            )


def _check_count(name, k, n_components):
    if k > n_components:
        raise ValueError(
            f"The '{name}' parameter must be at most n_components={n_components}, the "
            f"number of codes. Got {k} instead."
        )
