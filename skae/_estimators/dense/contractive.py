"""The contractive autoencoder."""

from dataclasses import dataclass

import torch

from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.base.validation import hidden_layer_sizes
from skae._functional.penalties import (
    estimate_jacobian_norm,
    jacobian_norm,
    jacobian_norm_of_layer,
)
from skae._networks.dense import DenseAutoencoder
from skae._parameters.document import Parameter, document
from skae._parameters.shared import ATTRIBUTES, PARAMETERS
from skae._training.criterion import Criterion
from skae._training.objective import Objective
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import reals

# The derivative of each activation of the code, as a function of the code.
_SLOPES = {
    "logistic": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h.square(),
    "relu": lambda h: (h > 0).to(h),
    "identity": torch.ones_like,
}
# One backward pass per code gives the exact norm. For more codes, one random projection
# per row and step is accurate enough, as a batch averages its noise.
_MOST_EXACT, _N_PROJECTIONS = 4, 1


@dataclass(frozen=True)
class ContractiveObjective(Objective):
    r"""The error of each row and the squared norm of its encoder's Jacobian.

    .. math:: \frac{1}{p} \Big( \sum_j \ell(\hat x_j, x_j)
              + \lambda \Big\| \frac{\partial h}{\partial x} \Big\|_F^2 \Big),
              \qquad \hat x = g(h), \; h = f(x),

    the objective of Rifai et al. (2011), lambda being `weight`.
    """

    criterion: Criterion
    weight: float

    def losses(self, network, rows, generator):
        """Return both terms of each row, divided by the number of features."""
        codes = network.encode(rows.x, generator)
        output = network.decode(codes, generator)
        errors = self.criterion.losses(output, rows.target)
        terms = {"reconstruction": errors.mean(dim=1)}
        if self.weight > 0:
            norms = squared_norms(network, rows.x, codes, generator)
            terms["contraction"] = self.weight / rows.x.shape[1] * norms
        return terms


def squared_norms(network, x, codes, generator):
    """Return the squared Frobenius norm of the encoder's Jacobian at each row.

    The norm has a closed form for an encoder of one layer, is computed exactly for few
    codes, and is an unbiased estimate otherwise. The encoder is the one that
    `transform` uses: without dropout, and with the running statistics of batch
    normalization.
    """
    if len(network.f.layers) == 1:
        slopes = _SLOPES[network.code_activation](codes)
        return jacobian_norm_of_layer(slopes, network.f.layers[0].weight)
    was_training = network.training
    network.eval()
    if codes.shape[1] <= _MOST_EXACT:
        norms = jacobian_norm(network.encode, x)
    else:
        norms = estimate_jacobian_norm(network.encode, x, _N_PROJECTIONS, generator)
    network.train(was_training)
    return norms


@document(
    PARAMETERS,
    """
    explained_variance_ : ndarray of shape (n_components,)
        Variance of each code on the training samples.
    """,
    ATTRIBUTES,
    n_components="""
        Number of codes, which may exceed the number of features. A float in (0, 1)
        means the smallest number with which PCA explains that share of the variance,
        'mle' the number that PCA chooses with 'mle', and None ``min(n_features, 32)``.
        """,
    contraction_weight=Parameter(
        [reals(0, None, "left")],
        """
        Weight of the squared Frobenius norm of the encoder's Jacobian, relative to a
        loss that is summed over the features. 0 is the plain autoencoder.
        """,
    ),
    code_activation=Parameter(
        [StrOptions(set(_SLOPES))],
        """
        Activation of the code. Bounded codes can saturate, and are then constant in
        directions in which the samples do not vary. Codes of 'identity' cannot: they
        are only regularized and resemble principal components.
        """,
    ),
    hidden_layer_sizes="""
        Widths of the encoder's hidden layers, from the input to the code; the decoder
        mirrors them. With ``()`` encoder and decoder have one layer each, linear but
        for `code_activation`. 'auto' as in `AutoencoderTransformer`.
        """,
    activation="""
        Activation of the hidden layers, if there are any; for the code see
        `code_activation`. 'maxout' takes the maximum of two affine functions per unit
        and does not support `tied_weights`.
        """,
    tied_weights="""
        Whether the decoder uses the transposed weights of the encoder, as in [1]_: then
        the decoder cannot compensate for codes that are merely small.
        """,
)
class ContractiveAutoencoder(BaseAutoencoder):
    r"""Autoencoder whose codes are insensitive to small changes of the sample.

    The error of reconstructing a sample x from its code h = f(x) is minimized together
    with the derivatives of the code,

    .. math:: \min_{f, g} \; E_x \; \frac{1}{p} \Big(
              \sum_{j=1}^p \ell\big(g(f(x))_j, x_j\big)
              + \lambda \Big\| \frac{\partial f(x)}{\partial x} \Big\|_F^2 \Big),

    for x centered and scaled to a root mean square of one. The codes must change in the
    directions in which samples differ from their neighbors, and are constant in all
    others, so that noise hardly affects them [1]_.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    DenoisingAutoencoder : Makes the reconstruction robust to noise on the input.
    AutoencoderTransformer : Has no penalty, and starts from PCA.

    Notes
    -----
    With one layer each in encoder and decoder, the default, the norm has a closed form
    and costs almost nothing. With hidden layers it is computed by one backward pass per
    code for up to four codes. For more codes it is estimated without bias, by one
    product of the Jacobian with a vector of random signs per sample and step.

    References
    ----------
    .. [1] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
       auto-encoders: explicit invariance during feature extraction", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> plain = ContractiveAutoencoder(contraction_weight=0, random_state=0)
    >>> contractive = ContractiveAutoencoder(random_state=0)
    >>> before = (plain.fit(X[:1500]).jacobian(X[1500:]) ** 2).mean()
    >>> after = (contractive.fit(X[:1500]).jacobian(X[1500:]) ** 2).mean()
    >>> float(after / before)
    0.26...
    >>> plain.score(X[1500:]), contractive.score(X[1500:])
    (0.941..., 0.944...)
    """

    def __init__(
        self,
        n_components=None,
        *,
        contraction_weight=1.0,
        code_activation="logistic",
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
        alpha=0.0,
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
        self.contraction_weight = contraction_weight
        self.code_activation = code_activation
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

    def jacobian(self, X):
        """Return the derivatives of the codes with respect to the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        jacobian : ndarray of shape (n_samples, n_components, n_features)
            The derivatives of the output of `transform` at each sample, in X's units.
            The right singular vectors of a sample's matrix are the directions to which
            its code is sensitive, and the singular values are the sensitivities.

        Notes
        -----
        The array is dense and can be large: for 1,000 samples of 784 features and 1,000
        codes it takes 6.3 GB, and half of that for float32 `X`. Pass a few samples at a
        time. It has a closed form without hidden layers; with hidden layers it takes
        one backward pass per code.
        """
        codec = self._codec_for()
        X = self._check_rows(X)
        gradients = codec.map(_gradients, self.n_components_ * X.shape[1], X)
        return gradients.reshape(len(X), self.n_components_, X.shape[1])

    def _make_objective(self, criterion, corruption):
        return ContractiveObjective(criterion, self.contraction_weight)

    def _code_form(self):
        # A rotation would leave the codes neither bounded nor rectified.
        return "principal" if self.code_activation == "identity" else "raw"

    def _build_network(self, shape, n_components):
        return DenseAutoencoder(
            n_features=shape[1],
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes(self, shape),
            activation=self.activation,
            linear_path=False,
            tied_weights=self.tied_weights,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            code_activation=self.code_activation,
        )


def _gradients(encoder, decoder, x):
    """Return the Jacobian of the encoder at each row, flat."""
    with torch.inference_mode(False), torch.enable_grad():
        # A copy, as tensors made in inference mode have no gradient.
        x = x.clone().requires_grad_()
        if len(encoder.network.f.layers) == 1:
            return _gradients_of_layer(encoder, x)
        gradients = [
            torch.autograd.grad(code.sum(), x, retain_graph=True)[0]
            for code in encoder(x).unbind(dim=1)
        ]
    return torch.cat(gradients, dim=1)


def _gradients_of_layer(encoder, x):
    """Return the Jacobian of an encoder of one layer, by the chain rule."""
    network, head = encoder.network, encoder.head
    u = encoder.scaling(x)
    # Each column of u depends on the same column of x only.
    (unit,) = torch.autograd.grad(u.sum(), x)
    slopes = _SLOPES[network.code_activation](network.encode(u.detach()))
    gradients = slopes.unsqueeze(2) * network.f.layers[0].weight
    gradients = head.rotate(gradients.mT).mT
    # In place, as there may be memory for one copy only.
    return gradients.mul_(head.scale.unsqueeze(1)).mul_(unit.unsqueeze(1)).flatten(1)
