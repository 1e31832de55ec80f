"""The regressor on a stack of denoising autoencoders."""

from skae._estimators.stacked.predictor import BaseStackedDAE
from skae._estimators.supervised.outputs import RegressorOutputs
from skae._parameters import prediction, pretraining
from skae._parameters.document import document


@document(
    prediction.STACKED_PARAMETERS,
    pretraining.ATTRIBUTES,
    prediction.ATTRIBUTES,
)
class StackedDAERegressor(RegressorOutputs, BaseStackedDAE):
    r"""Regressor whose layers are pretrained as denoising autoencoders.

    As in `StackedDAEClassifier`, the hidden layers are pretrained one by one as
    denoising autoencoders [1]_. An affine layer on top predicts one or several
    quantities,

    .. math:: \hat y = V h_m + v, \qquad h_i = \phi(W_i h_{i-1} + b_i), \quad h_0 = x,

    and all layers are then trained together to minimize the loss of the residuals of y.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    StackedDAEClassifier : Predicts labels.
    sklearn.neural_network.MLPRegressor : Has neither pretraining nor dropout.

    Notes
    -----
    X is centered and divided by one number for all columns: scale columns in different
    units before, for example with a `StandardScaler`. Pretraining helps if few samples
    have labels, and changes little if many have.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol,
       "Stacked denoising autoencoders: learning useful representations in a deep
       network with a local denoising criterion", JMLR 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import StackedDAERegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), StackedDAERegressor(random_state=0))
    >>> model.fit(X[:300], y[:300]).score(X[300:], y[300:])
    0.38...
    """

    def __init__(
        self,
        hidden_layer_sizes=(256, 256, 256),
        *,
        loss="squared_error",
        pretraining="denoising",
        visible_units="auto",
        corruption="masking",
        corruption_level=0.3,
        pretraining_max_iter=20,
        pretraining_learning_rate_init="auto",
        activation="relu",
        init="auto",
        dropout=0.3,
        max_norm=None,
        average=True,
        alpha="auto",
        solver="adamw",
        learning_rate_init=0.003,
        learning_rate="constant",
        batch_size="auto",
        max_iter=100,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=20,
        early_stopping="auto",
        validation_fraction=0.1,
        warm_start=False,
        unlabeled_label=None,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.pretraining = pretraining
        self.visible_units = visible_units
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.pretraining_max_iter = pretraining_max_iter
        self.pretraining_learning_rate_init = pretraining_learning_rate_init
        self.activation = activation
        self.init = init
        self.dropout = dropout
        self.max_norm = max_norm
        self.average = average
        self.alpha = alpha
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
        self.unlabeled_label = unlabeled_label
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state
