"""The denoising autoencoder."""

import functools

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from skae._docs import document
from skae._random import make_generator
from skae._validation import (
    StrOptions,
    check_corrupted,
    check_emphasis,
    fit_context,
    reals,
)
from skae.corruption import CORRUPTIONS, ColumnRange, corruption_moments
from skae.estimators._base import BaseAutoencoder, solver_is_stochastic
from skae.estimators._fitting import fit_estimator, partially_fit_estimator
from skae.linear import linear_denoiser, paired_denoiser, principal_axes

# Noisy rows drawn of a user's corruption to fit the linear denoiser to.
_NOISY_ROWS = 10_000


def denoising_error(network, rows, generator, *, criterion, corruption, emphasis):
    r"""Return the error of each row against its clean values.

    .. math:: \frac{1}{p} \Big( \alpha \sum_{j \in C} \ell(\hat x_j, x_j)
              + \beta \sum_{j \notin C} \ell(\hat x_j, x_j) \Big),
              \quad \hat x = g(f(\tilde x)),

    where C are the features that the corruption changed and (alpha, beta) is
    `emphasis`: section 5.3 of Vincent et al. (2010).
    """
    noisy = rows.x if corruption is None else corruption(rows.x, generator)
    errors = criterion(network(noisy, generator), rows.target)
    on_corrupted, on_rest = emphasis
    if on_corrupted != on_rest:
        errors = errors * torch.where(noisy != rows.x, on_corrupted, on_rest)
    elif on_rest != 1:
        errors = errors * on_rest
    return {"reconstruction": errors.mean(dim=1)}


@document(
    corruption=(
        "{'masking', 'gaussian', 'salt_and_pepper', 'swap'} or callable",
        """
        What the network learns to undo, drawn anew for each batch. 'masking' sets
        values to their column's mean, 'gaussian' adds normal noise, 'salt_and_pepper'
        sets values to their column's smallest or largest, and 'swap' to the value of
        the same column in another row. A callable is called as
        ``corruption(X, random_state)`` with a batch in X's units (ndarray) and a
        `RandomState`, and returns a corrupted copy.
        """,
    ),
    corruption_level=(
        "float",
        """
        For 'gaussian' the standard deviation of the noise, in units of the root mean
        square of the centred training data; for the others the share of values
        that are changed, in [0, 1]. A callable has its own.
        """,
    ),
    emphasis=(
        "tuple of two floats",
        """
        Weight of the loss on the values that the corruption changed, and on the
        rest [2]_. (1, 0) scores the changed values alone.
        """,
    ),
    linear_path=(
        "{'denoiser', 'pca'} or None",
        """
        'denoiser' adds the networks to the linear map of rank `n_components` that
        undoes the corruption best, and training starts from it; 'pca' takes the
        principal axes instead; None is the textbook autoencoder.
        """,
    ),
)
class DenoisingAutoencoder(BaseAutoencoder):
    r"""Autoencoder that restores clean rows from corrupted ones.

    Training minimises the error of reconstructing a row x from a corrupted copy

    .. math:: \min_{f, g} \; E_x \, E_{\tilde x | x} \;
              \ell\big(g(f(\tilde x)), x\big),

    so that the codes keep what the features tell of each other, not their values
    one by one [1]_ [2]_. It starts from the best *linear* denoiser of rank
    `n_components`, in closed form over all corruptions [3]_, and leaves it only
    where rows that were not trained on show an improvement. After the fit
    `reconstruct` denoises and `transform` gives codes, of clean rows or of noisy
    ones.

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
    The corruption acts on the centred data, divided by one number for all columns.
    With pairs of noisy and clean rows (`X_target` in `fit`) none is drawn.

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
    >>> before, after = np.mean(noise**2), np.mean((restored - X[1500:]) ** 2)
    >>> bool(after < 0.4 * before)
    True
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "corruption": [StrOptions(set(CORRUPTIONS)), callable],
        "corruption_level": [reals(0, None, "left")],
        "emphasis": ["array-like"],
        "linear_path": [StrOptions({"denoiser", "pca"}), None],
    }

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

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_target=None, X_val=None, sample_weight=None):
        """Fit the autoencoder to X, corrupted anew for each batch, or to pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows; with `X_target` noisy ones.
        y : Ignored
            Present for API consistency.
        X_target : array-like of shape (n_samples, n_features), default=None
            The clean row of each noisy row of `X`.
        X_val : array-like of shape (n_rows, n_features), default=None
            Clean validation rows for early stopping, instead of rows split from
            `X`. If it has as many rows as `X`, cross-validation slices it along
            with `X` when it is passed as a fit parameter; route it through
            ``Pipeline(transform_input=["X_val"])`` to have it transformed by the
            steps before. Not with `X_target`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows in the loss, the centring and the
            linear path. 2 counts as much as the row repeated.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or if the loss is not finite before
            anything good was reached.
        """
        self._check_corruption(X_target)
        if X_target is not None and X_val is not None:
            raise ValueError(
                "X_val holds clean rows, to which a fit to pairs has no noise to add. "
                "Leave out X_val (validation pairs are split from X and X_target) or "
                "X_target."
            )
        return fit_estimator(
            self, X, y, X_val=X_val, sample_weight=sample_weight, X_target=X_target
        )

    def fit_transform(
        self, X, y=None, *, X_target=None, X_val=None, sample_weight=None
    ):
        """Fit the autoencoder to X and return the codes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.
        X_target, X_val, sample_weight : array-like, default=None
            As in `fit`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            As `transform` gives them.
        """
        self.fit(X, y, X_target=X_target, X_val=X_val, sample_weight=sample_weight)
        return self.transform(X)

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, X_target=None, sample_weight=None):
        """Take one epoch over X at the initial learning rate.

        The first call fixes the centring, the scale, the linear path, the number
        of components and the form of the codes from its X; later calls keep them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of clean rows; with `X_target` of noisy ones.
        y : Ignored
            Present for API consistency.
        X_target : array-like of shape (n_samples, n_features), default=None
            The clean row of each noisy row of `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The estimator after the epoch.
        """
        self._check_corruption(X_target)
        return partially_fit_estimator(
            self, X, sample_weight=sample_weight, X_target=X_target
        )

    def _check_corruption(self, X_target):
        is_share = isinstance(self.corruption, str) and self.corruption != "gaussian"
        if is_share and self.corruption_level > 1:
            raise ValueError(
                "The 'corruption_level' parameter is a share of the values with "
                f"corruption={self.corruption!r}, so in [0, 1]. Got "
                f"{self.corruption_level!r} instead."
            )
        emphasis = check_emphasis(self.emphasis)
        if X_target is not None and emphasis[0] != emphasis[1]:
            raise ValueError(
                "The 'emphasis' parameter needs to know which values are corrupted, "
                "which pairs do not tell. Use emphasis=(1, 1) with X_target."
            )

    def _make_objective(self, criterion, corruption):
        return functools.partial(
            denoising_error,
            criterion=criterion,
            corruption=corruption,
            emphasis=check_emphasis(self.emphasis),
        )

    def _make_corruption(self, rows):
        if callable(self.corruption):
            return functools.partial(
                _corrupt_in_data_space, self.corruption, rows.scaling
            )
        return functools.partial(
            _corrupt,
            CORRUPTIONS[self.corruption],
            level=self.corruption_level,
            column_range=ColumnRange(rows.x.amin(dim=0), rows.x.amax(dim=0)),
        )

    def _linear_map(self, rows, n_components, corruption, rng):
        clean, weight = rows.target.numpy(), rows.weight
        if self.linear_path == "pca":
            return principal_axes(clean, n_components, rng, weight)
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


def _corrupt(corruption, x, generator, *, level, column_range):
    return corruption(x, level, generator, column_range)


def _corrupt_in_data_space(corruption, scaling, x, generator):
    """Apply a user's corruption, which knows X's units and numpy."""
    seed = torch.randint(
        np.iinfo(np.int32).max, (), generator=generator, device=x.device
    )
    clean = scaling.restore(x.to("cpu", torch.float64)).numpy()
    noisy = corruption(clean.copy(), np.random.RandomState(int(seed)))
    noisy = check_corrupted(noisy, clean.shape)
    return scaling(torch.from_numpy(noisy)).to(x)
