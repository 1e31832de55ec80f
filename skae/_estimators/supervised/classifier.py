"""The classifier on the encoder of an autoencoder."""

from skae._estimators.supervised.finetuned import BaseFinetuned
from skae._estimators.supervised.outputs import ClassifierOutputs
from skae._parameters import prediction
from skae._parameters.document import document


@document(
    prediction.FINETUNED_PARAMETERS,
    prediction.CLASSES,
    prediction.FINETUNED_ATTRIBUTES,
    prediction.ATTRIBUTES,
)
class AutoencoderClassifier(ClassifierOutputs, BaseFinetuned):
    r"""Classifier that fine-tunes the encoder of any autoencoder of skae.

    An autoencoder is fitted to all samples, labeled or not. Its decoder is then
    replaced by layers that predict the class from the codes,

    .. math:: P(y = k \mid x) \propto \exp\big(V h(z) + v\big)_k, \qquad
              z = \frac{f(x) - m}{s},

    and the encoder f and these layers are trained together on the labeled samples, with
    dropout and early stopping [1]_ [2]_. m and s are the means and standard deviations
    of the codes before the fine-tuning, and h are hidden layers, if there are any.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderRegressor : Predicts quantities.
    StackedDAEClassifier : Has layers that are pretrained one by one.
    sklearn.frozen.FrozenEstimator : Wraps a fitted autoencoder.

    Notes
    -----
    `transform` returns f(x), the codes of the network after the fine-tuning;
    ``autoencoder_.transform`` returns those before it.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data
       with neural networks", Science 313, 2006.
    .. [2] J. Masci, U. Meier, D. Ciresan and J. Schmidhuber, "Stacked convolutional
       auto-encoders for hierarchical feature extraction", ICANN 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderClassifier, DenoisingAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> y_some = np.where(np.arange(len(y)) < 100, y, -1)  # 100 labels
    >>> classifier = AutoencoderClassifier(
    ...     DenoisingAutoencoder(max_iter=20), unlabeled_label=-1, random_state=0
    ... )
    >>> classifier.fit(X[:1500], y_some[:1500]).score(X[1500:], y[1500:])
    0.79...
    """

    def __init__(
        self,
        autoencoder=None,
        *,
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
        class_weight=None,
        unlabeled_label=None,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.autoencoder = autoencoder
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
        self.class_weight = class_weight
        self.unlabeled_label = unlabeled_label
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state
