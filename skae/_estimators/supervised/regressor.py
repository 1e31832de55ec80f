"""The regressor on the encoder of an autoencoder."""

from skae._estimators.supervised.finetuned import BaseFinetuned
from skae._estimators.supervised.outputs import RegressorOutputs
from skae._parameters import prediction
from skae._parameters.document import document


@document(
    prediction.FINETUNED_PARAMETERS,
    prediction.FINETUNED_ATTRIBUTES,
    prediction.ATTRIBUTES,
)
class AutoencoderRegressor(RegressorOutputs, BaseFinetuned):
    r"""Regressor that fine-tunes the encoder of any autoencoder of skae.

    As in `AutoencoderClassifier`, an autoencoder is fitted to all samples [1]_, and
    layers on the codes of its encoder f predict one or several quantities,

    .. math:: \hat y = V h(z) + v, \qquad z = \frac{f(x) - m}{s},

    trained together to minimize the loss of the residuals of y.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderClassifier : Predicts labels.
    StackedDAERegressor : Has layers that are pretrained one by one.
    sklearn.frozen.FrozenEstimator : Wraps a fitted autoencoder.

    Notes
    -----
    `transform` returns f(x), the codes of the network after the fine-tuning;
    ``autoencoder_.transform`` returns those before it.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data
       with neural networks", Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import AutoencoderRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AutoencoderRegressor(random_state=0))
    >>> model.fit(X[:300], y[:300]).score(X[300:], y[300:])
    0.4...
    """

    def __init__(
        self,
        autoencoder=None,
        *,
        loss="squared_error",
        hidden_layer_sizes=(),
        finetuning=True,
        pretraining=True,
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
        self.autoencoder = autoencoder
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.finetuning = finetuning
        self.pretraining = pretraining
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
