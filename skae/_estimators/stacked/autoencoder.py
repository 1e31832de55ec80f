"""The stacked autoencoder: pretrained layer by layer, unrolled and fine-tuned."""

import copy

from skae._engine.dataset import make_rows
from skae._engine.initialization import Pretraining
from skae._engine.pretraining.greedy import (
    pretrain_layers,
    resolve_pretraining,
)
from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.base.validation import hidden_layer_sizes
from skae._networks.scaling import Scaling
from skae._networks.unrolled import UnrolledAutoencoder
from skae._parameters import pretraining, shared
from skae._parameters.document import document
from skae._training.data import Rows
from skae._utils.threads import limit_threads


@document(
    shared.PARAMETERS | pretraining.PARAMETERS,
    pretraining.ATTRIBUTES,
    shared.ATTRIBUTES,
    hidden_layer_sizes="""
        Widths of the encoder's layers between input and code, mirrored by the decoder:
        (1000, 500, 250) with 30 components is the network of [1]_. 'auto' as in
        `AutoencoderTransformer`.
        """,
    max_iter="""
        Maximum number of epochs of fine-tuning (of iterations for 'lbfgs' and 'cg').
        """,
    tied_weights="""
        Whether the decoder uses the transposed weights of the encoder in the
        fine-tuning as well. Not available with 'rbm', whose layers have units of their
        own.
        """,
)
class StackedAutoencoder(BaseAutoencoder):
    r"""Deep autoencoder whose layers are pretrained one by one.

    Layer by layer, from the input on, a denoising autoencoder [2]_ or a restricted
    Boltzmann machine learns to reconstruct the codes of the layers below. The stack is
    then *unrolled*: the encoder takes the weights of the layers, and the decoder, which
    mirrors it, their transposes,

    .. math:: h_i = \phi(W_i h_{i-1} + b_i), \qquad
              \hat h_{i-1} = \phi(W_i^T \hat h_i + c_i),

    and all layers are fine-tuned together to reconstruct the samples [1]_. The code
    layer in the middle is linear.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderTransformer : Starts from PCA, which needs no pretraining.
    DenoisingAutoencoder : Trains all layers together to undo one corruption.
    StackedDAEClassifier : Fine-tunes the encoder of such a stack to predict classes.
    sklearn.neural_network.BernoulliRBM : Is one machine, as a transformer.

    Notes
    -----
    The input of a layer is corrupted only while it is pretrained; its weights are then
    scaled for clean input, and the fine-tuning has no corruption. With
    ``pretraining="rbm"``, ``activation="logistic"`` and ``loss="log_loss"`` this is the
    model of [1]_.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data
       with neural networks", Science 313, 2006.
    .. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import StackedAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> stacked = StackedAutoencoder(8, max_iter=30, random_state=0).fit(X[:1500])
    >>> [len(curve) for curve in stacked.pretraining_loss_curves_]
    [20, 20, 20, 20]
    >>> stacked.score(X[1500:])
    0.82...
    """

    def __init__(
        self,
        n_components=None,
        *,
        hidden_layer_sizes="auto",
        pretraining="denoising",
        visible_units="auto",
        corruption="masking",
        corruption_level=0.3,
        pretraining_max_iter=20,
        pretraining_learning_rate_init="auto",
        activation="silu",
        out_activation="auto",
        loss="squared_error",
        init="auto",
        tied_weights=False,
        dropout=0.0,
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
        whiten=False,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.pretraining = pretraining
        self.visible_units = visible_units
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.pretraining_max_iter = pretraining_max_iter
        self.pretraining_learning_rate_init = pretraining_learning_rate_init
        self.activation = activation
        self.out_activation = out_activation
        self.loss = loss
        self.init = init
        self.tied_weights = tied_weights
        self.dropout = dropout
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

    def _build_network(self, shape, n_components):
        return UnrolledAutoencoder(
            n_features=shape[1],
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes(self, shape),
            activation=self.activation,
            link=self._link(),
            tied_weights=self.tied_weights,
            dropout=self.dropout,
        )

    def _finish_start(self, network, rows, linear_map):
        network.set_scaling(rows.scaling)

    def _own_attributes(self, attributes, samples):
        # Set by each pretraining; a fit that continues from one keeps them.
        name = "pretraining_loss_curves_"
        kept = getattr(self, name, None) if self.pretraining else None
        return {name: attributes.get(name, kept)}

    def _n_pretrained_layers(self, shape):
        return len(hidden_layer_sizes(self, shape)) + 1

    def _pretrain(self, config, initial, samples, progress):
        network, scaling = initial.network, initial.scaling
        arguments = network.arguments
        sizes = (*arguments["hidden_layer_sizes"], arguments["n_components"])
        activations = [self.activation] * (len(sizes) - 1) + ["identity"]
        self._check_tied()
        stack = pretrain_layers(
            config,
            resolve_pretraining(self.get_params(deep=False), activations),
            sizes,
            activations,
            _rows_without_link(scaling, samples, config.dtype, config.device),
            scaling,
            progress,
            self._make_criterion(
                copy.deepcopy(scaling).to(config.device, config.dtype)
            ),
        )
        curves, layers, interrupted = [], [], None
        try:
            with limit_threads(config.n_threads):
                for layer, curve in stack:
                    layers.append(layer)
                    curves.append(curve)
        except KeyboardInterrupt as interrupt:
            interrupted = interrupt
        network.unroll(layers)
        return Pretraining(curves, interrupted)

    def _check_tied(self):
        if self.tied_weights and self.pretraining == "rbm":
            raise ValueError(
                "tied_weights=True is not available with pretraining='rbm', whose "
                "layers have inputs and outputs in different units. Use "
                "tied_weights=False: the decoder still starts as the transpose."
            )


def _rows_without_link(scaling, samples, dtype, device):
    """Return rows whose x is X centered and divided by one number, with any link."""
    rows = make_rows(scaling, samples, dtype, device)
    if scaling.link == "identity":
        return rows
    mean, scale = scaling.mean, scaling.residual_scale
    plain = Scaling(mean, mean, scale, scale, "identity")
    return Rows(plain.to_network(samples.X, dtype).to(device), rows.target, rows.weight)
