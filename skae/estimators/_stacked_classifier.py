"""The classifier on a stack of denoising autoencoders."""

from skae._validation import StrOptions
from skae.estimators._prediction import ClassifierOutputs
from skae.estimators._stacked import BaseStackedDAE


class StackedDAEClassifier(ClassifierOutputs, BaseStackedDAE):
    _parameter_constraints: dict = {
        **BaseStackedDAE._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(256, 256, 256),
        *,
        pretraining="denoising",
        corruption="masking",
        corruption_level=0.3,
        pretrain_max_iter=20,
        pretrain_learning_rate_init=0.003,
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
        n_iter_no_change=10,
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
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.pretrain_max_iter = pretrain_max_iter
        self.pretrain_learning_rate_init = pretrain_learning_rate_init
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
