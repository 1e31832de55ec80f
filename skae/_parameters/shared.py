"""Parameters and attributes that the autoencoders share."""

import torch

from skae._functional.losses import LOSSES, OUT_ACTIVATIONS
from skae._networks.activations import ACTIVATIONS
from skae._networks.layers import INITIALIZERS
from skae._parameters.document import Parameter
from skae._training.full_batch import METHODS
from skae._training.optimizers import OPTIMIZERS
from skae._training.schedules import SCHEDULES
from skae._utils.sklearn_compat import Interval, RealNotInt, StrOptions
from skae._utils.validation import integers_from, reals

PARAMETERS = {
    "n_components": Parameter(
        [
            integers_from(1),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"mle"}),
            None,
        ],
        """
        Number of codes. A float in (0, 1) means the smallest number with which PCA
        explains that share of the variance, 'mle' the number that PCA chooses with
        'mle', and None ``min(n_features, 32)``. More than
        ``min(n_samples, n_features)`` codes are allowed; with a linear path, which has
        no axes for the surplus, they give a warning.
        """,
    ),
    "hidden_layer_sizes": Parameter(
        ["array-like", StrOptions({"auto"}), integers_from(1)],
        """
        Widths of the encoder's hidden layers, from the input to the code; the decoder
        mirrors them. ``()`` is a linear autoencoder. 'auto' means (256, 128, 128), or
        (512, 256, 128) for 256 features or more.
        """,
        "tuple of int, int or 'auto'",
    ),
    "activation": Parameter(
        [StrOptions(set(ACTIVATIONS))],
        """
        Activation of the hidden layers. 'maxout' takes the maximum of two affine
        functions per unit and does not support `tied_weights`.
        """,
    ),
    "out_activation": Parameter(
        [StrOptions(set(OUT_ACTIVATIONS))],
        """
        Activation of the decoder's output. 'auto' means the one that belongs to the
        loss: 'logistic' for 'log_loss', the exponential function for 'poisson' and
        'kullback_leibler', and 'identity' for the others.
        """,
    ),
    "loss": Parameter(
        [StrOptions(set(LOSSES))],
        """
        Reconstruction loss, averaged over samples and features.

        - 'squared_error', 'absolute_error' and 'huber' are losses of the residuals
          divided by the root mean square of the centered data. The squared error is
          therefore a share of the variance.
        - 'log_loss', in nats, requires X in [0, 1].
        - 'poisson' and 'kullback_leibler', in nats, require X >= 0. They divide X by
          its mean, rounded down to a power of 2, and so do not depend on the unit
          of X.
        """,
    ),
    "linear_path": Parameter(
        [StrOptions({"pca"}), None],
        """
        Linear skip connection from the input to the code and on to the output, which
        is added to the networks. 'pca' takes the principal axes of the training
        samples, so that training starts from PCA. None is the textbook autoencoder
        without it.
        """,
    ),
    "init": Parameter(
        [StrOptions(set(INITIALIZERS))],
        """
        Distribution of the initial weights of the hidden layers. 'auto' means
        'xavier_uniform'; for rectifiers in a predictor, or in layers that are
        pretrained one by one, it means 'kaiming_uniform'. 'uniform', 'normal' and
        'truncated_normal' have a standard deviation in proportion to
        1 / sqrt(fan_in), and 'constant' is 1 / fan_in.
        """,
    ),
    "n_init": Parameter(
        [integers_from(1), StrOptions({"auto"})],
        """
        Number of starts, each with initial weights of its own. Each is trained for up
        to `max_iter` epochs, and the one with the lowest validation loss (the lowest
        training loss without validation data) is kept. The first start is the linear
        path with the weights that `init` draws. With an int, the others draw other
        weights; with ``init="auto"`` and a linear path, every other one of them has
        large weights, which make the network far from linear. With 'auto' the result of
        the first start decides whether another follows:

        - If its first 10 epochs lower the validation loss of the linear path by less
          than 5 % (0.026 nats per feature for a likelihood), it may be stuck at a
          saddle point, and a start with large weights follows.
        - With at most 3 components, a start with large weights follows if X has at
          most 0.5 million values, and one without the linear path if it has at most
          4 million.
        - Otherwise there is one start. There is also one without validation data,
          without a linear path, and with an `init` other than 'auto'.

        The first start is kept only if it improves on the linear path by more than two
        standard errors of the mean improvement over the validation samples, the others
        by more than two and a half.
        """,
    ),
    "tied_weights": Parameter(
        ["boolean"],
        """
        Whether the decoder uses the transposed weights of the encoder.
        """,
    ),
    "dropout": Parameter(
        [reals(0, 1, "left")],
        """
        Share of the hidden activations that are set to zero during training.
        """,
    ),
    "batch_norm": Parameter(
        ["boolean"],
        """
        Whether to apply batch normalization before each hidden activation.
        """,
    ),
    "max_norm": Parameter(
        [reals(0, None, "neither"), None],
        """
        Maximum norm of the incoming weights of a unit; larger ones are rescaled to it
        after each step. None sets no limit. Not used by 'lbfgs' and 'cg'.
        """,
    ),
    "average": Parameter(
        ["boolean"],
        """
        Whether to validate and to return an exponential moving average of the weights
        (decay 0.99 per step, less in the first steps) instead of the last weights. Not
        used by 'lbfgs' and 'cg'.
        """,
    ),
    "alpha": Parameter(
        [reals(0, None, "left"), StrOptions({"auto"})],
        """
        Weight decay. The penalty ``alpha / n_samples * ||W||^2 / 2`` (see `l1_ratio`)
        is added to the loss. Losses of residuals are first divided by the loss of the
        linear path, if there is one. With ``solver="adamw"`` the squared part is
        decoupled from the loss: each step multiplies the weights by
        ``1 - learning_rate * min(1, alpha / n_samples)``. 'auto' means 0, but for
        'adamw' ``min(1000, n_samples)`` times the share of the variance that the linear
        path explains. Without a linear path this factor is 1, and 0 for convolutional
        and variational autoencoders.
        """,
    ),
    "l1_ratio": Parameter(
        [reals(0, 1, "both")],
        """
        Share of the L1 norm in the penalty, as in `ElasticNet`; the rest is on squares.
        """,
    ),
    "solver": Parameter(
        [StrOptions({*OPTIMIZERS, *METHODS})],
        """
        Optimizer. 'adamw', 'adam', 'rmsprop' and 'sgd' (with Nesterov momentum 0.9) use
        mini-batches; 'lbfgs' and 'cg' use all samples in each iteration.
        """,
    ),
    "learning_rate_init": Parameter(
        [reals(0, None, "neither")],
        """
        Initial learning rate. Not used by 'lbfgs' and 'cg'.
        """,
    ),
    "learning_rate": Parameter(
        [StrOptions(set(SCHEDULES))],
        """
        Schedule of the learning rate. 'adaptive' divides it by five whenever training
        would otherwise stop for lack of progress; 'cosine' lowers it to zero over
        `max_iter` epochs.
        """,
    ),
    "batch_size": Parameter(
        [integers_from(1), StrOptions({"auto"})],
        """
        Number of samples per step; 'auto' means ``min(64, n_samples)``. Each epoch is
        split into batches of nearly equal size.
        """,
    ),
    "max_iter": Parameter(
        [integers_from(1)],
        """
        Maximum number of epochs (of iterations for 'lbfgs' and 'cg').
        """,
    ),
    "shuffle": Parameter(
        ["boolean"],
        """
        Whether to shuffle the samples in each epoch.
        """,
    ),
    "tol": Parameter(
        [reals(0, None, "left")],
        """
        An epoch counts as progress if it lowers the loss (the validation loss with
        validation data) by more than `tol` times the initial loss. 'lbfgs' and 'cg'
        converge when no element of the gradient, of the loss as divided for `alpha`,
        exceeds `tol`.
        """,
    ),
    "n_iter_no_change": Parameter(
        [integers_from(1)],
        """
        Number of consecutive epochs without progress after which training stops.
        """,
    ),
    "early_stopping": Parameter(
        ["boolean", StrOptions({"auto", "holdout", "cross-validation"})],
        """
        How the epoch whose weights are kept is chosen, unless validation samples are
        passed to `fit` as `X_val`.

        - 'holdout' or True: `validation_fraction` of the samples are held out, and the
          epoch with the lowest validation loss is kept.
        - 'cross-validation': the number of epochs is chosen by five-fold
          cross-validation, and all samples are trained on. Not available with the
          solvers 'lbfgs' and 'cg', with ``learning_rate="adaptive"`` and in a warm
          start.
        - False: the epoch with the lowest training loss is kept, without evidence that
          it is better on new samples.
        - 'auto': with a linear path and 20 to 499 samples, but no fewer than features,
          'cross-validation' where it is available. Otherwise 'holdout' for 100 samples
          or more. For fewer, no epoch is trained and the result is the linear path;
          without a linear path, 'auto' then means False.

        With a linear path and fewer than 10 validation samples the result is the
        linear path.
        """,
    ),
    "validation_fraction": Parameter(
        [reals(0, 1, "neither")],
        """
        Share of the samples that early stopping holds out for validation.
        """,
    ),
    "warm_start": Parameter(
        ["boolean"],
        """
        Whether `fit` continues from the result of the previous call, for up to
        `max_iter` more epochs. A model made from fewer than 100 samples, or fewer than
        four per component, is replaced when `fit` gets at least twice as many.
        """,
    ),
    "whiten": Parameter(
        ["boolean"],
        """
        Whether to scale the codes to unit variance on the training samples.
        """,
    ),
    "device": Parameter(
        [str, torch.device],
        """
        'cpu', 'cuda', 'cuda:0', 'mps', a `torch.device`, or 'auto', which uses a GPU
        where the work is worth the transfer.
        """,
    ),
    "precision": Parameter(
        [StrOptions({"float32", "float64", "bfloat16"})],
        """
        Floating-point precision of training. 'bfloat16' applies to the matrix products
        of the layers only: on processors that support it, layers of hundreds of units
        are a quarter faster and small networks two to four times slower. The dtype of
        results is float32 for float32 X and float64 otherwise, whatever the precision.
        """,
    ),
    "n_threads": Parameter(
        [integers_from(1), None],
        """
        Maximum number of threads of each method. None chooses it at the start of each
        call: one thread for small networks and in worker processes, otherwise as many
        as torch uses, on Linux limited to the processors that other programs leave
        idle. Set a number for bit-identical results whatever the load of the machine.
        A forked process always uses one, with a warning if more are requested.
        """,
    ),
    "verbose": Parameter(
        ["verbose"],
        """
        Whether to print one line per epoch.
        """,
    ),
    "random_state": Parameter(
        ["random_state"],
        """
        Seed of the initial weights, the order of the samples, the validation split and
        all noise. Pass an int for the same result in each call.
        """,
    ),
}

ATTRIBUTES = """\
n_components_ : int
    Number of codes.
components_ : ndarray of shape (n_components, n_features)
    Axes of the linear path, rotated as the codes are. If the result is the linear path
    itself, or a start without it, these are the axes of PCA. Only with a linear path.
explained_variance_ : ndarray of shape (n_components,)
    Variance of each code on the training samples, before whitening.
explained_variance_ratio_ : ndarray of shape (n_components,)
    Share of the total variance that each code explains linearly, at least 0. The sum
    is the share that a linear regression on the codes explains; `score` exceeds it on
    the training samples by the contribution of the decoder's nonlinearity.
noise_variance_ : float
    Unexplained variance divided by the number of discarded dimensions, as in PCA.
mean_ : ndarray of shape (n_features,)
    Mean of the training samples.
n_samples_ : int
    Number of training samples.
n_features_in_ : int
    Number of features seen in fit.
feature_names_in_ : ndarray of shape (n_features,)
    Names of the features, if X had names and all are strings.
n_iter_ : int
    Number of epochs that ran, including those of earlier calls with `warm_start` and
    `partial_fit`; 0 if the result is known in closed form.
best_epoch_ : int
    Epoch whose weights are kept; 0 is the start, the linear path.
loss_curve_ : list of float
    Training loss, of length ``n_iter_ + 1``: before the first epoch and after each.
validation_loss_curve_ : list of float or None
    Validation loss, of the same length, NaN for the epochs of a call without validation
    data; None if no call had any.
best_loss_ : float
    Minimum of `validation_loss_curve_`. Without validation data, minimum of
    `loss_curve_` over the epochs that minimized the whole loss, or the first entry if
    the start is kept.
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
validation_strategy_ : {'given', 'holdout', 'cross-validation', 'none'}
    How the epochs were evaluated: on `X_val`, on held-out samples, by five-fold
    cross-validation, or by the training loss alone. 'none' also if no epoch ran.
n_init_ : int
    Number of starts that `fit` trained; 0 if the result is known in closed form, and
    after `partial_fit` alone.
start_losses_ : ndarray of shape (n_init_,)
    For each start, the validation loss of its best epoch; that of the linear path if no
    epoch improved on it. The start with the lowest is kept.
network_ : torch.nn.Module
    The network in its own, centered and scaled coordinates. If the linear path was kept
    as it was at the start, there are no hidden layers; further training adds them.
encoder_, decoder_ : torch.nn.Module
    Map samples to codes and codes to samples, as tensors in float32.
"""

# From this many features on, a larger network is worth its time (benchmarks/README.md).
_MANY_FEATURES = 256


def default_hidden_layer_sizes(n_features):
    """Return the widths that ``hidden_layer_sizes="auto"`` resolves to."""
    return (512, 256, 128) if n_features >= _MANY_FEATURES else (256, 128, 128)


def solver_is_stochastic(estimator):
    """Whether there is a `partial_fit`, for `available_if`."""
    if estimator.solver in OPTIMIZERS:
        return True
    raise AttributeError(
        f"partial_fit is only available with the solvers {sorted(OPTIMIZERS)}: "
        f"solver={estimator.solver!r} needs the whole data at once."
    )
