"""Shared parts of docstrings: one place for a text, and `help()` still complete."""

import inspect
import textwrap

PARAMETERS = {
    "n_components": (
        "int, float, 'mle' or None",
        """
        Number of codes. A float in (0, 1) takes the fewest with which PCA explains
        that share of the variance, 'mle' what PCA takes with 'mle', None
        ``min(n_features, 32)``. More than ``min(n_samples, n_features)`` is allowed;
        with a linear path, which has nothing to put there, it gives a warning.
        """,
    ),
    "hidden_layer_sizes": (
        "tuple of int, int or 'auto'",
        """
        Widths of the encoder's hidden layers, from the input towards the code; the
        decoder mirrors them. ``()`` is the linear autoencoder. 'auto' is
        (256, 128, 128), and (512, 256, 128) from 256 columns on.
        """,
    ),
    "activation": (
        "{'silu', 'relu', 'leaky_relu', 'elu', 'gelu', 'tanh', 'logistic', "
        "'maxout', 'identity'}",
        """
        Activation of the hidden layers. 'maxout' takes the larger of two affine
        pieces a unit, and cannot be tied.
        """,
    ),
    "out_activation": (
        "{'auto', 'identity', 'logistic', 'tanh'}",
        """
        Link between the decoder's output and X; 'auto' is the link of the loss.
        """,
    ),
    "loss": (
        "{'squared_error', 'absolute_error', 'huber', 'log_loss', 'poisson', "
        "'kullback_leibler'}",
        """
        Reconstruction loss, a mean over rows and features. The first three are of
        residuals divided by the root mean square of the centered data (so that the
        squared error is a share of the variance); the others, in nats, are for X in
        [0, 1] ('log_loss') or X >= 0 ('poisson', 'kullback_leibler'). The last two are
        of X in units of its mean, rounded down to a power of 2, and so do not depend
        on the unit of X either.
        """,
    ),
    "linear_path": (
        "{'pca'} or None",
        """
        'pca' adds the networks to the principal axes of the training rows, and
        training starts from PCA. None is the textbook autoencoder, without it.
        """,
    ),
    "init": (
        "{'auto', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', "
        "'kaiming_normal', 'orthogonal', 'truncated_normal', 'uniform', 'normal', "
        "'constant', 'zeros', 'ones'}",
        """
        How the hidden layers' weights are drawn. 'auto' is 'xavier_uniform', but for
        rectifiers in a predictor, or in layers that are pretrained one by one,
        'kaiming_uniform'. 'uniform', 'normal' and 'truncated_normal' scale by
        1 / sqrt(inputs), 'constant' is 1 / inputs.
        """,
    ),
    "n_init": (
        "int or 'auto'",
        """
        Number of starts. Each is trained for up to `max_iter` epochs, and the one with
        the smallest validation loss (the smallest training loss without validation
        samples) is kept. The first start is the linear path with the weights that
        `init` draws. With an int, the others have weights of their own; with
        ``init="auto"`` and a linear path every other one of them has large weights,
        with which the network is far from linear. With 'auto' the outcome of the
        first start decides:

        - If its first 10 epochs lower the validation loss of the linear path by less
          than 5 % (of a likelihood, by less than 0.026 nats per feature), it may be
          stuck at a saddle point, and a start with large weights follows.
        - With at most 3 components, a start with large weights follows if X has at
          most 0.5 million values, and one without the linear path if it has at most
          4 million.
        - Otherwise, and without validation samples, without a linear path or with an
          `init` other than 'auto', there is one start.

        To be kept, the first start has to improve on the linear path by more than two
        standard errors of the mean improvement of the validation samples, the others
        by more than two and a half.
        """,
    ),
    "tied_weights": (
        "bool",
        """
        Whether the decoder uses the encoder's weights, transposed.
        """,
    ),
    "dropout": (
        "float in [0, 1)",
        """
        Share of hidden activations set to zero in training.
        """,
    ),
    "batch_norm": (
        "bool",
        """
        Whether to normalize what enters each hidden activation over the batch.
        """,
    ),
    "max_norm": (
        "float or None",
        """
        Largest norm of a unit's incoming weights; longer ones are shrunk to it after
        each step. Not used by 'lbfgs' and 'cg'.
        """,
    ),
    "average": (
        "bool",
        """
        Whether to validate, and to return, an exponential moving average of the
        weights (decay 0.99 a step, less in the first steps) instead of the last
        ones. Not used by 'lbfgs' and 'cg'.
        """,
    ),
    "alpha": (
        "float or 'auto'",
        """
        Strength of the penalty on the weight matrices: ``alpha / n_samples`` times
        half their sum of squares (see `l1_ratio`) is added to the loss, in units of
        the linear path's (without one as it is, of a likelihood in nats). With
        ``solver="adamw"`` the squared part is a decoupled decay instead: each step
        shrinks the weights by the share ``learning_rate * min(1, alpha / n_samples)``.
        'auto' is 0 for the other solvers and, for 'adamw', ``min(1000, n_samples)``
        times the share of the variance that the linear path explains (without one
        times 1, or 0 for the convolutional and the variational autoencoders).
        """,
    ),
    "l1_ratio": (
        "float in [0, 1]",
        """
        Share of the penalty that is on absolute values, as in `ElasticNet`; the rest
        is on squares.
        """,
    ),
    "solver": (
        "{'adamw', 'adam', 'sgd', 'rmsprop', 'lbfgs', 'cg'}",
        """
        Optimizer. The first four take mini-batches ('sgd' with Nesterov momentum
        0.9); 'lbfgs' and 'cg' take all rows at once and draw no random order.
        """,
    ),
    "learning_rate_init": (
        "float",
        """
        Learning rate at the start. Not used by 'lbfgs' and 'cg'.
        """,
    ),
    "learning_rate": (
        "{'constant', 'adaptive', 'cosine'}",
        """
        Its schedule: 'adaptive' divides it by five where training would otherwise
        stop for lack of progress, 'cosine' lowers it to zero over `max_iter` epochs.
        """,
    ),
    "batch_size": (
        "int or 'auto'",
        """
        Rows a step; 'auto' is ``min(64, n_samples)``. An epoch is cut into batches of
        near-equal size.
        """,
    ),
    "max_iter": (
        "int",
        """
        Most epochs (iterations, for 'lbfgs' and 'cg').
        """,
    ),
    "shuffle": (
        "bool",
        """
        Whether to draw a new order of the rows in each epoch.
        """,
    ),
    "tol": (
        "float",
        """
        An epoch is progress if it lowers the loss (on the validation rows, where there
        are some) by more than `tol` times the loss at the start. 'lbfgs' and 'cg' have
        converged when no element of the gradient, of the loss in the unit of `alpha`,
        is larger than `tol`.
        """,
    ),
    "n_iter_no_change": (
        "int",
        """
        Epochs without progress after which training stops.
        """,
    ),
    "early_stopping": (
        "bool or 'auto'",
        """
        Whether to set rows apart, judge each epoch by them and keep the best. 'auto'
        does so from 100 rows on. With a linear path and 20 to 499 rows, no fewer than
        columns, it chooses the epoch by cross-validation in five folds instead and
        trains on all rows (not with 'lbfgs', 'cg' and ``learning_rate="adaptive"``).
        With a linear path and fewer rows than that, or fewer than 10 set apart, the
        result is the linear path. False judges by the training loss, without evidence
        that the result is better than the linear path on new rows. Rows given as
        `X_val` take the place of rows set apart, whatever is chosen.
        """,
    ),
    "validation_fraction": (
        "float in (0, 1)",
        """
        Share of the rows that early stopping sets apart.
        """,
    ),
    "warm_start": (
        "bool",
        """
        Whether `fit` goes on from where the last one ended, for up to `max_iter` more
        epochs. If the model was made from fewer than 100 samples, or than four per
        component, `fit` to at least twice as many begins anew.
        """,
    ),
    "whiten": (
        "bool",
        """
        Whether the codes have unit variance on the training rows.
        """,
    ),
    "device": (
        "str",
        """
        'cpu', 'cuda', 'cuda:0', 'mps' or 'auto', which takes a GPU where the work
        repays the transfer.
        """,
    ),
    "precision": (
        "{'float32', 'float64', 'bfloat16'}",
        """
        Precision of training. 'bfloat16' is for the products of the layers alone: on
        processors that have it a quarter faster for layers of hundreds of units, two to
        four times slower for small networks. It does not change the dtype of what is
        returned: float32 for float32 X, float64 otherwise.
        """,
    ),
    "n_threads": (
        "int or None",
        """
        Maximum number of threads of each method. None chooses at the start of each
        call: one thread for small networks and in worker processes, otherwise as many
        as torch has, but on Linux no more than there are processors that other programs
        leave free. Set a number for equal bits whatever else the machine does. In a
        forked process it is always one, with a warning if more are asked for.
        """,
    ),
    "verbose": (
        "bool",
        """
        Whether to print one line an epoch.
        """,
    ),
    "random_state": (
        "int, RandomState instance or None",
        """
        Seed of the weights, the order of rows, the split and all noise. An int gives
        the same result in each call.
        """,
    ),
}

ATTRIBUTES = """\
n_components_ : int
    Number of codes.
components_ : ndarray of shape (n_components, n_features)
    Axes of the linear path, rotated as the codes are; PCA's own where the best is
    the linear path itself or a start without it. Only with a linear path.
explained_variance_ : ndarray of shape (n_components,)
    Variance of each code on the training rows, before whitening.
explained_variance_ratio_ : ndarray of shape (n_components,)
    Share of the total variance that each code explains linearly, at least 0. Their
    sum is what a linear regression on the codes explains; what `score` has above it
    on the training rows is what the decoder's nonlinearity adds.
noise_variance_ : float
    Unexplained variance divided by the number of dimensions discarded, as in PCA.
mean_ : ndarray of shape (n_features,)
    Mean of the training rows.
n_samples_ : int
    Number of training rows.
n_features_in_ : int
    Number of columns seen in fit.
feature_names_in_ : ndarray of shape (n_features,)
    Names of the columns, if X had them and all are strings.
n_iter_ : int
    Epochs done, at least 1.
best_epoch_ : int
    Epoch whose weights are kept; 0 is the start, the linear path.
loss_curve_ : list of float
    Training loss before the first epoch and after each.
validation_loss_curve_ : list of float or None
    Loss on the validation rows before the first epoch and after each.
best_loss_ : float
    The smallest of `validation_loss_curve_`, or else of the epochs in `loss_curve_`
    that minimized the whole loss; the first entry where the start is kept.
n_init_ : int
    Number of starts that `fit` trained; 0 where the result is known in closed form, and
    after `partial_fit` alone.
start_losses_ : ndarray of shape (n_init_,)
    For each start, the loss of its best epoch on the validation samples; that of the
    linear path where no epoch improved on it. The start with the smallest is kept.
network_ : torch.nn.Module
    The network in its own, centered and scaled space. Where the linear path was kept as
    it was at the start, there are no hidden layers; further training adds them again.
encoder_, decoder_ : torch.nn.Module
    From rows of X to codes and back, for tensors in float32.
"""


# Attributes of the classes alone that have a certain parameter.
_PARAMETER_OF = {
    "components_": "linear_path",
    "n_init_": "n_init",
    "start_losses_": "n_init",
}


def document(attributes="", shared=ATTRIBUTES, **own):
    """Fill ``{parameters}`` and ``{attributes}`` in a class's docstring.

    The parameters are those of its ``__init__``, in that order and with the
    defaults found there.

    Parameters
    ----------
    attributes : str
        Entries of the class's own attributes, which come first; one that `shared`
        has, too, takes its place. Those that belong to a parameter are left out for
        a class without it.
    shared : str
        Entries of the attributes that others have, too.
    **own : tuple of (type, text)
        By parameter, what is special to the class; otherwise `PARAMETERS` has it.
    """
    texts = {**PARAMETERS, **own}
    entries = _entries(attributes) | {
        name: text
        for name, text in _entries(shared).items()
        if name not in _entries(attributes)
    }

    def fill(cls):
        if cls.__doc__:  # None under `python -OO`
            signature = inspect.signature(cls).parameters
            parameters = "\n".join(
                _entry(p, *texts[name]) for name, p in signature.items()
            )
            kept = [
                text
                for name, text in entries.items()
                if _PARAMETER_OF.get(name, "self") in {"self", *signature}
            ]
            doc = inspect.cleandoc(cls.__doc__)
            doc = doc.replace("{parameters}", parameters)
            cls.__doc__ = doc.replace("{attributes}", "\n".join(kept))
        return cls

    return fill


def _entries(text):
    """Return the entries of a section by what stands before their colon."""
    entries, name = {}, None
    for line in textwrap.dedent(text).strip().splitlines():
        if not line.startswith(" "):
            name = line.partition(" :")[0]
        entries[name] = f"{entries[name]}\n{line}" if name in entries else line
    return entries


def _entry(parameter, kind, text):
    body = textwrap.indent(textwrap.dedent(text).strip(), "    ")
    return f"{parameter.name} : {kind}, default={parameter.default!r}\n{body}"
