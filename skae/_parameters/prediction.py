"""Shared parts of the docstrings of predictors."""

ATTRIBUTES = """\
n_samples_ : int
    Number of rows with labels, those set apart for early stopping included.
n_features_in_ : int
    Number of columns seen in fit.
feature_names_in_ : ndarray of shape (n_features,)
    Names of the columns, if X had them and all are strings.
n_iter_ : int
    Epochs of fine-tuning done, at least 1.
best_epoch_ : int
    Epoch whose weights are kept.
loss_curve_ : list of float
    Training loss of the fine-tuning, before the first epoch and after each.
validation_loss_curve_ : list of float or None
    Loss on the validation rows before the first epoch and after each.
validation_scores_ : list of float or None
    Score of the validation rows after each epoch: accuracy of classifiers, R squared
    of regressors.
best_loss_ : float
    The smallest of `validation_loss_curve_`, or else of the epochs in `loss_curve_`;
    the first entry where the start is kept.
network_ : torch.nn.Module
    The network in its own, centered and scaled space.
encoder_ : torch.nn.Module
    From rows of X to what `transform` returns, for tensors in float32.
"""

CLASSES = """\
classes_ : ndarray of shape (n_classes,)
    The labels, sorted.
"""

PARAMETERS = {
    "dropout": (
        "float in [0, 1)",
        """
        Share of the hidden activations set to zero in fine-tuning.
        """,
    ),
    "alpha": (
        "float or 'auto'",
        """
        Strength of the penalty on the weight matrices in fine-tuning:
        ``alpha / n_samples`` times half their sum of squares is added to the loss.
        With ``solver="adamw"`` it is a decoupled decay instead: each step shrinks
        the weights by the share ``learning_rate * min(1, alpha / n_samples)``. 'auto'
        is 0 for the other solvers and, for 'adamw', ``min(1000, n_samples)``.
        """,
    ),
    "max_iter": (
        "int",
        """
        Most epochs of fine-tuning, or iterations of 'lbfgs' and 'cg'.
        """,
    ),
    "early_stopping": (
        "bool or 'auto'",
        """
        Whether to set labeled rows apart, judge each epoch of the fine-tuning by
        their loss and keep the best. 'auto' does so from 2000 labels on, as a tenth
        of fewer is too few to judge by, and from 100 rows with quantities on. False
        judges by the training loss. Rows given as `X_val` and `y_val` take the
        place of rows set apart, whatever is chosen.
        """,
    ),
    "validation_fraction": (
        "float in (0, 1)",
        """
        Share of the labeled rows that early stopping sets apart, of classes in
        proportion where each has two rows or more.
        """,
    ),
    "warm_start": (
        "bool",
        """
        Whether `fit` goes on with the fine-tuning from where the last one ended, for
        up to `max_iter` more epochs and without pretraining again. If the model was
        made from fewer than 100 samples, `fit` to at least twice as many begins anew.
        """,
    ),
    "verbose": (
        "bool",
        """
        Whether to print one line an epoch, of pretraining and of fine-tuning.
        """,
    ),
}

CLASS_WEIGHT = (
    "dict, 'balanced' or None",
    """
    Weight of each class in the fine-tuning, by label; 'balanced' weights classes by
    the inverse of their frequency. Multiplied by `sample_weight`.
    """,
)

QUANTITY_LOSS = (
    "{'squared_error', 'absolute_error', 'huber'}",
    """
    Loss of the residuals, each target standardized on the training rows; a mean over
    rows and targets.
    """,
)

UNLABELED_LABEL = (
    "object",
    """
    What stands in y for a row without a label, -1 or NaN, say; rows all of whose
    targets are equal to it have none. NaN and the NA of pandas mark any missing value,
    None included. Such rows are used by the pretraining alone. Marked so, they survive
    cross-validation and train-test splits. None: every row has a label, and missing
    ones are an error.
    """,
)
