"""Stacked denoising autoencoders: MNIST, and digits of which few have labels.

The target on MNIST is that of Theano's tutorial on stacked denoising autoencoders,
784-3x1000-10 with masking of .1, .2 and .3: 1.3 % test error (sigmoid units, batches of
one row, 15 epochs a layer). P. Vincent et al., "Stacked denoising autoencoders", JMLR
11, 2010, table 3, has 1.28 % with three layers.
"""

import time
from functools import partial

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from benchmarks import mnist
from skae import StackedDAEClassifier

PRETRAINING = {"with pretraining": "denoising", "without": None}
_TARGETS = {"with pretraining": "at most 1.3 (published: 1.3 and 1.28)", "without": "-"}
_UNLABELED = -1


def add_to(commands):
    """Add the two sub-commands."""
    parser = mnist.add_command(
        commands, "stacked", run, "stacked denoising autoencoders, MNIST"
    )
    parser.add_argument("--rows", type=int, default=60_000, help="to train on")
    parser.add_argument("--units", type=int, default=1000, help="of each layer")
    parser.add_argument(
        "--pretraining-epochs", type=int, default=6, help="of each layer"
    )
    parser.add_argument("--epochs", type=int, default=20, help="of fine-tuning")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--precision", default="bfloat16")
    few = commands.add_parser("few-labels", help="digits, a few of them with labels")
    few.set_defaults(function=run_few_labels)
    few.add_argument("--labels", type=int, nargs="+", default=[50, 100])
    few.add_argument("--seeds", type=int, default=10)


def run(options):
    """Print the test error on MNIST with and without pretraining."""
    split = mnist.load(options.openml)
    train = split.X_train[: options.rows], split.y_train[: options.rows]
    make = partial(make_model, options)
    errors = compare(make, train, (split.X_test, split.y_test), options.seeds)
    rows = [(name, _TARGETS[name], spread(errors[name])) for name in PRETRAINING]
    mnist.print_figures("Test error in per cent, three layers", rows)


def make_model(options, pretraining, seed):
    """Return the classifier of MNIST, not yet fitted."""
    return StackedDAEClassifier(
        (options.units,) * 3,
        pretraining=pretraining,
        corruption_level=(0.1, 0.2, 0.3),
        pretraining_max_iter=options.pretraining_epochs,
        pretraining_learning_rate_init=0.001,
        dropout=0.4,
        learning_rate_init=0.001,
        learning_rate="cosine",
        batch_size=128,
        max_iter=options.epochs,
        early_stopping=False,
        precision=options.precision,
        random_state=seed,
    )


def compare(make, train, test, seeds, **validation):
    """Return the test errors of the seeds, in per cent, by kind of pretraining.

    Parameters
    ----------
    make : callable
        ``make(pretraining, seed)`` returns a classifier, not yet fitted.
    train, test : tuple of ndarray
        Rows and labels.
    seeds : int
        Their number.
    **validation : dict
        Passed to `fit`.
    """
    errors = {}
    for name, pretraining in PRETRAINING.items():
        errors[name] = []
        for seed in range(seeds):
            start = time.process_time()
            model = make(pretraining, seed).fit(*train, **validation)
            seconds = time.process_time() - start
            error = 100 - 100 * model.score(*test)
            print(f"{name}, seed {seed}: {error:.2f}, {seconds:.0f} s", flush=True)
            errors[name].append(error)
    return errors


def spread(errors):
    """Return the mean of errors, and their range, in words."""
    if len(errors) == 1:
        return f"{errors[0]:.2f} (one seed)"
    return f"{np.mean(errors):.2f} ({min(errors):.2f} to {max(errors):.2f})"


def run_few_labels(options):
    """Print accuracies on digits, most of which are without labels."""
    rows = []
    for n_labels in options.labels:
        with_, without = (
            np.array([accuracy(n_labels, p, seed) for seed in range(options.seeds)])
            for p in PRETRAINING.values()
        )
        p = stats.ttest_rel(with_, without, alternative="greater").pvalue
        result = f"{with_.mean():.3f} against {without.mean():.3f}, p = {p:.1e}"
        rows.append((f"{n_labels} labels", "better, p < 0.05", result))
    title = f"Accuracy on digits with and without pretraining, {options.seeds} seeds"
    mnist.print_figures(title, rows)


def accuracy(n_labels, pretraining, seed):
    """Return the accuracy on a quarter of the digits, set apart by the seed."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=seed
    )
    some = np.full(len(y_train), _UNLABELED)
    labeled = draw_labelled(y_train, n_labels, seed)
    some[labeled] = y_train[labeled]
    model = StackedDAEClassifier(
        pretraining=pretraining, unlabeled_label=_UNLABELED, random_state=seed
    )
    return model.fit(X_train, some).score(X_test, y_test)


def draw_labelled(y, n_labels, seed):
    """Return the index of `n_labels` of the rows, of each class in proportion."""
    everything = np.arange(len(y))
    if n_labels == len(y):
        # `train_test_split` leaves no part empty.
        return everything
    labeled, _ = train_test_split(
        everything, train_size=n_labels, stratify=y, random_state=seed
    )
    return labeled
