"""The denoising autoencoder."""

import numpy as np

from skae._estimators.base.denoising import (
    BaseDenoisingAutoencoder,
    check_emphasis,
)
from skae._functional.corruption import corruption_moments
from skae._functional.linear_maps import (
    linear_denoiser,
    paired_denoiser,
    principal_axes,
)
from skae._parameters import denoising, shared
from skae._parameters.document import Parameter, document
from skae._utils.random import make_generator
from skae._utils.sklearn_compat import StrOptions

# Samples to which the linear denoiser is fitted if the corruption is a callable.
_NOISY_ROWS = 10_000


@document(
    shared.PARAMETERS | denoising.PARAMETERS,
    denoising.ATTRIBUTES,
    shared.ATTRIBUTES,
    linear_path=Parameter(
        [StrOptions({"denoiser", "pca"}), None],
        """
        Linear skip connection from the input to the code and on to the output, which is
        added to the networks. 'denoiser' takes the linear map of rank `n_components`
        that undoes the corruption best, from which training then starts; 'pca' takes
        the principal axes. None is the textbook autoencoder without it.
        """,
    ),
    emphasis="""
        Weights of the loss on the values that the corruption changed and on the
        others [2]_. (1, 0) evaluates the changed values alone.
        """,
)
class DenoisingAutoencoder(BaseDenoisingAutoencoder):
    r"""Autoencoder that restores clean samples from corrupted ones.

    Training minimizes the error of reconstructing a sample x from a corrupted copy

    .. math:: \min_{f, g} \; E_x \, E_{\tilde x | x} \;
              \ell\big(g(f(\tilde x)), x\big),

    so that the codes represent the dependence between features instead of their
    individual values [1]_ [2]_. Training starts from the best *linear* denoiser of rank
    `n_components`, in closed form over all corruptions [3]_, and the networks are kept
    only if they reduce the error on validation samples. After the fit `reconstruct`
    denoises, and `transform` returns the codes of clean or of noisy samples.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderTransformer : Without corruption.

    Notes
    -----
    The corruption acts on the centered data, divided by one number for all columns. No
    corruption is drawn in a fit to pairs of noisy and clean samples (`X_target`).

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, "Extracting and
       composing robust features with denoising autoencoders", ICML 2008.
    .. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010,
       section 5.3.
    .. [3] M. Chen, Z. Xu, K. Weinberger and F. Sha, "Marginalized denoising
       autoencoders for domain adaptation", ICML 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> noise = np.random.RandomState(0).normal(scale=4, size=X[1500:].shape)
    >>> denoiser = DenoisingAutoencoder(
    ...     corruption="gaussian", corruption_level=0.9, random_state=0
    ... ).fit(X[:1500])
    >>> restored = denoiser.reconstruct(X[1500:] + noise)
    >>> float(np.mean((restored - X[1500:]) ** 2) / np.mean(noise**2))
    0.23...
    """

    def __init__(
        self,
        n_components=None,
        *,
        corruption="masking",
        corruption_level=0.3,
        emphasis=(1.0, 1.0),
        hidden_layer_sizes="auto",
        activation="silu",
        out_activation="auto",
        loss="squared_error",
        linear_path="denoiser",
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
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.emphasis = emphasis
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

    def _linear_map(self, rows, n_components, corruption, rng):
        clean, weight = rows.target.numpy(), rows.weight
        if self.linear_path == "pca":
            return principal_axes(
                clean, n_components, rng, weight, rounding=rows.rounding
            )
        if corruption is None:
            return paired_denoiser(rows.x.numpy(), clean, n_components, rng, weight)
        if callable(self.corruption):
            n_copies = -(-_NOISY_ROWS // len(clean))
            generator = make_generator(rng.randint(np.iinfo(np.int32).max))
            noisy = [corruption(rows.x, generator).numpy() for _ in range(n_copies)]
            weight = None if weight is None else np.tile(weight, n_copies)
            clean = np.tile(clean, (n_copies, 1))
            return paired_denoiser(np.vstack(noisy), clean, n_components, rng, weight)
        moments = corruption_moments(
            self.corruption,
            self.corruption_level,
            np.average(np.square(clean), axis=0, weights=weight),
            clean.min(axis=0),
            clean.max(axis=0),
        )
        return linear_denoiser(clean, n_components, moments, rng, weight)

    def _linear_path_is_optimal(self):
        on_corrupted, on_rest = check_emphasis(self.emphasis)
        return (
            super()._linear_path_is_optimal()
            and self.linear_path == "denoiser"
            and on_corrupted == on_rest
        )
