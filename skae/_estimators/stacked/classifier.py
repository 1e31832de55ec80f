"""The classifier on a stack of denoising autoencoders."""

from skae._estimators.stacked.predictor import BaseStackedDAE
from skae._estimators.supervised.outputs import ClassifierOutputs
from skae._parameters import prediction, pretraining
from skae._parameters.document import document


@document(
    prediction.STACKED_PARAMETERS,
    prediction.CLASSES,
    pretraining.ATTRIBUTES,
    prediction.ATTRIBUTES,
)
class StackedDAEClassifier(ClassifierOutputs, BaseStackedDAE):
    r"""Classifier whose layers are pretrained as denoising autoencoders.

    Layer by layer, from the input on, a denoising autoencoder is trained on the clean
    codes of the layers below, and its encoder becomes the next hidden layer,

    .. math:: h_0 = x, \qquad
              \min_{W_i, b_i, c_i} \; E \, \big\| W_i^T
              \phi(W_i \tilde h_{i-1} + b_i) + c_i - h_{i-1} \big\|^2, \qquad
              h_i = \phi(W_i h_{i-1} + b_i),

    where the input of a layer is corrupted only while this layer is trained. All layers
    and a softmax layer on top are then trained together to predict the labels, with
    dropout and early stopping [1]_ [2]_. Unlabeled samples, often the majority, are
    used in the pretraining.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    StackedDAERegressor : Predicts quantities.
    DenoisingAutoencoder : Is one such autoencoder, as a transformer.
    sklearn.neural_network.MLPClassifier : Has neither pretraining nor dropout.

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
    .. [2] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data
       with neural networks", Science 313, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import StackedDAEClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> y_some = np.where(np.arange(len(y)) < 100, y, -1)  # 100 labels
    >>> classifier = StackedDAEClassifier(unlabeled_label=-1, random_state=0)
    >>> classifier.fit(X[:1500], y_some[:1500]).score(X[1500:], y[1500:])
    0.8...
    """

    def __init__(
        self,
        hidden_layer_sizes=(256, 256, 256),
        *,
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
        class_weight=None,
        unlabeled_label=None,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
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
        self.class_weight = class_weight
        self.unlabeled_label = unlabeled_label
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state
