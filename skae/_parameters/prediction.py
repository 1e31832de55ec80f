"""Parameters and attributes of the classifiers and regressors on an encoder."""

from skae._networks.activations import ACTIVATIONS
from skae._parameters import pretraining, shared
from skae._parameters.document import Parameter
from skae._utils.sklearn_compat import HasMethods, StrOptions
from skae._utils.validation import integers_from

_HIDDEN_LAYER_SIZES = Parameter(
    ["array-like", integers_from(1)],
    """
    Widths of the hidden layers from the input on, at least one. `transform` returns the
    activations of the last.
    """,
    "tuple of int or int",
)
_ACTIVATION = Parameter(
    [StrOptions(set(ACTIVATIONS) - {"maxout"})],
    """
    Activation of the hidden layers.
    """,
)

PARAMETERS = shared.PARAMETERS | {
    "hidden_layer_sizes": _HIDDEN_LAYER_SIZES,
    "activation": _ACTIVATION,
    "dropout": shared.PARAMETERS["dropout"]._replace(
        text="""
        Share of the hidden activations that are set to zero during fine-tuning.
        """
    ),
    "alpha": shared.PARAMETERS["alpha"]._replace(
        text="""
        Weight decay in the fine-tuning. The penalty ``alpha / n_samples * ||W||^2 / 2``
        is added to the loss. With ``solver="adamw"`` it is decoupled from the loss:
        each step multiplies the weights by
        ``1 - learning_rate * min(1, alpha / n_samples)``. 'auto' means
        ``min(1000, n_samples)`` for 'adamw' and 0 for the other solvers.
        """
    ),
    "max_iter": shared.PARAMETERS["max_iter"]._replace(
        text="""
        Maximum number of epochs of fine-tuning (of iterations for 'lbfgs' and 'cg').
        """
    ),
    "early_stopping": Parameter(
        ["boolean", StrOptions({"auto", "holdout"})],
        """
        How the epoch of the fine-tuning whose weights are kept is chosen, unless
        validation samples are passed to `fit` as `X_val` and `y_val`.

        - 'holdout' or True: `validation_fraction` of the labeled samples are held out,
          and the epoch with the lowest validation loss is kept.
        - False: the epoch with the lowest training loss is kept.
        - 'auto': 'holdout' for 2000 labels or more (for 100 or more samples in
          regression), because a tenth of fewer is too small a validation set; otherwise
          False.
        """,
    ),
    "validation_fraction": shared.PARAMETERS["validation_fraction"]._replace(
        text="""
        Share of the labeled samples that early stopping holds out for validation,
        stratified by class if each class has at least two.
        """
    ),
    "warm_start": Parameter(
        ["boolean"],
        """
        Whether `fit` continues the fine-tuning from the result of the previous call,
        for up to `max_iter` more epochs and without pretraining again. A model made
        from fewer than 100 samples is replaced when `fit` gets at least twice as many.
        """,
    ),
    "verbose": Parameter(
        ["verbose"],
        """
        Whether to print one line per epoch of the pretraining and of the fine-tuning.
        """,
    ),
    "class_weight": Parameter(
        [dict, StrOptions({"balanced"}), None],
        """
        Weight of each class in the fine-tuning, by label; 'balanced' weights classes by
        the inverse of their frequency. It is multiplied by `sample_weight`.
        """,
    ),
    "loss": Parameter(
        [StrOptions({"squared_error", "absolute_error", "huber"})],
        """
        Loss of the residuals, averaged over samples and targets. Each target is
        standardized on the training samples.
        """,
    ),
    "unlabeled_label": Parameter(
        "no_validation",
        """
        Value of y that marks a sample without a label, such as -1 or NaN; with several
        targets, all of them must be equal to it. NaN and the NA of pandas mark any
        missing value, including None. Unlabeled samples are used in the pretraining
        only, and stay marked in cross-validation and train-test splits. With None every
        sample must have a label, and missing ones raise an error.
        """,
        "object",
    ),
}

# Of the stacked predictors.
STACKED_PARAMETERS = PARAMETERS | pretraining.PARAMETERS

# Of the predictors on the encoder of an autoencoder.
FINETUNED_PARAMETERS = PARAMETERS | {
    "autoencoder": Parameter(
        [HasMethods(["fit", "transform"]), None],
        """
        Autoencoder whose encoder is used. A clone of it is fitted to all samples, with
        and without labels; its parameters are ``autoencoder__n_components`` and so on.
        Pass a fitted one as ``FrozenEstimator(fitted)`` of scikit-learn: it is neither
        fitted again nor changed, because a copy of its encoder is trained. None means
        ``DenoisingAutoencoder()``.
        """,
        "autoencoder of skae, FrozenEstimator or None",
    ),
    "hidden_layer_sizes": _HIDDEN_LAYER_SIZES._replace(
        text="""
        Widths of the hidden layers between the codes and the prediction, from the codes
        on. ``()`` predicts by an affine function of the codes.
        """
    ),
    "finetuning": Parameter(
        ["boolean"],
        """
        Whether the encoder is trained, too. False keeps it fixed and trains only the
        layers on its codes. With `warm_start` it may change between two calls of `fit`:
        first those layers alone, then the whole network.
        """,
    ),
    "pretraining": Parameter(
        ["boolean"],
        """
        Whether the autoencoder is fitted. False uses its encoder as it is before the
        first epoch: random, or with its linear path alone.
        """,
    ),
    "activation": _ACTIVATION._replace(
        text="""
        Activation of the hidden layers on the codes.
        """
    ),
    "dropout": shared.PARAMETERS["dropout"]._replace(
        text="""
        Share of the codes, and of the hidden activations of the layers on them, that
        are set to zero during fine-tuning. That of the encoder is
        ``autoencoder__dropout``.
        """
    ),
    "init": shared.PARAMETERS["init"]._replace(
        text="""
        Distribution of the initial weights of the hidden layers on the codes, as in
        `AutoencoderTransformer`.
        """
    ),
    "verbose": Parameter(
        ["verbose"],
        """
        Whether to print one line per epoch of fine-tuning, and of the autoencoder's
        fit, which then has ``verbose=True``. To print those of the autoencoder alone,
        set ``autoencoder__verbose``.
        """,
    ),
    "random_state": Parameter(
        ["random_state"],
        """
        Seed of the initial weights, the order of the samples, the validation split and
        all noise. An autoencoder whose `random_state` is None is fitted with a seed
        drawn from it. Pass an int for the same result in each call.
        """,
    ),
}

ATTRIBUTES = """\
n_samples_ : int
    Number of labeled samples, including those held out by early stopping.
n_features_in_ : int
    Number of features seen in fit.
feature_names_in_ : ndarray of shape (n_features,)
    Names of the features, if X had names and all are strings.
n_iter_ : int
    Number of epochs of fine-tuning that ran, including those of earlier calls with
    `warm_start` and `partial_fit`.
best_epoch_ : int
    Epoch whose weights are kept.
loss_curve_ : list of float
    Training loss of the fine-tuning, of length ``n_iter_ + 1``: before the first epoch
    and after each.
validation_loss_curve_ : list of float or None
    Validation loss, of the same length, NaN for the epochs of a call without validation
    data; None if no call had any.
validation_scores_ : list of float or None
    Score on the validation samples, of the same form: accuracy of classifiers, R
    squared of regressors.
best_loss_ : float
    Minimum of `validation_loss_curve_`. Without validation data, minimum of
    `loss_curve_` over the epochs, or the first entry if the start is kept.
alpha_ : float
    Value of `alpha`, resolved for the start that is kept.
batch_size_ : int
    Number of samples per step.
device_ : str
    Device of the training and of the network.
n_threads_ : int
    Number of threads of the training steps.
hidden_layer_sizes_ : tuple of int
    Widths of the hidden layers.
validation_strategy_ : {'given', 'holdout', 'none'}
    How the epochs were evaluated: on `X_val`, on held-out samples, or by the training
    loss alone.
network_ : torch.nn.Module
    The network in its own, centered and scaled coordinates.
encoder_ : torch.nn.Module
    Maps samples to the result of `transform`, as tensors in float32.
"""

CLASSES = """\
classes_ : ndarray of shape (n_classes,)
    The labels, sorted.
"""

FINETUNED_ATTRIBUTES = """\
autoencoder_ : BaseAutoencoder
    The autoencoder before the fine-tuning: a fitted clone of `autoencoder`, the one in
    the FrozenEstimator, or, with ``pretraining=False``, a clone before its first epoch.
"""
