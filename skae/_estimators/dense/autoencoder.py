"""The plain autoencoder."""

from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._parameters.document import document
from skae._parameters.shared import ATTRIBUTES, PARAMETERS


@document(PARAMETERS, ATTRIBUTES)
class AutoencoderTransformer(BaseAutoencoder):
    r"""Nonlinear dimensionality reduction that starts from PCA.

    An encoder maps a sample x to a code z of `n_components` numbers, and a decoder maps
    z back,

    .. math:: z = V^T (x - \mu) + f(x), \qquad \hat x = \mu + V z + g(z),

    where V holds the principal axes of the training samples, and f and g are multilayer
    perceptrons that are zero at the start. Training minimizes the mean of `loss` over
    samples and features [1]_. The perceptrons are kept only if they reduce the error on
    validation samples; otherwise the result is PCA.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    DenoisingAutoencoder : Learns to remove noise from its input.
    sklearn.decomposition.PCA : The linear autoencoder in closed form.

    Notes
    -----
    The user guide explains the start from PCA, the defaults and the form of the codes.
    The reconstruction is guaranteed to be no worse than PCA's, on average over
    validation samples, for ``loss="squared_error"`` only.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of
       data with neural networks", Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, random_state=0).fit(X[:1500])
    >>> autoencoder.transform(X[1500:]).shape
    (297, 8)
    >>> pca = PCA(8).fit(X[:1500])
    >>> residual = X[1500:] - pca.inverse_transform(pca.transform(X[1500:]))
    >>> unexplained = (residual**2).sum() / ((X[1500:] - pca.mean_) ** 2).sum()
    >>> 1 - autoencoder.score(X[1500:]), float(unexplained)
    (0.169..., 0.342...)
    """

    def __init__(
        self,
        n_components=None,
        *,
        hidden_layer_sizes="auto",
        activation="silu",
        out_activation="auto",
        loss="squared_error",
        linear_path="pca",
        init="auto",
        n_init="auto",
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
        whiten=False,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.out_activation = out_activation
        self.loss = loss
        self.linear_path = linear_path
        self.init = init
        self.n_init = n_init
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
        self.whiten = whiten
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state
