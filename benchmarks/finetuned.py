"""Convolutional autoencoders of MNIST, fine-tuned with all and with 1,000 labels.

Masci, Meier, Ciresan and Schmidhuber (2011): a convolutional autoencoder that restores
noisy digits is a better start of a classifier than random weights, and the more so the
fewer labels there are (test error with 1,000 of them 7.23 % against 7.63 %).
"""

import time

import numpy as np
from scipy import stats

from benchmarks import mnist
from skae import AutoencoderClassifier, ConvolutionalAutoencoder

_N_LABELS = 1000
CHANNELS = (16, 32)


def add_to(commands):
    """Add the sub-commands."""
    parser = mnist.add_command(
        commands, "finetuned", run, "classifier on a convolutional autoencoder, MNIST"
    )
    parser.add_argument("--epochs", type=int, default=10, help="of fine-tuning")
    parser.add_argument("--pretraining-epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser = mnist.add_command(
        commands, "masci", run_few, f"the same with {_N_LABELS} labels, Masci 2011"
    )
    parser.add_argument("--epochs", type=int, default=40, help="of fine-tuning")
    parser.add_argument("--pretraining-epochs", type=int, default=16)
    parser.add_argument(
        "--rows", type=int, default=6000, help="with or without a label"
    )
    parser.add_argument("--seeds", type=int, default=5)


def run(options):
    """Print the accuracy with all labels."""
    split = mnist.load(options.openml)
    scores = []
    for seed in range(options.seeds):
        classifier, start = make_classifier(options, seed), time.process_time()
        classifier.fit(split.X_train, split.y_train)
        seconds = time.process_time() - start
        scores.append(100 * classifier.score(split.X_test, split.y_test))
        print(f"seed {seed}: {scores[-1]:.2f} % in {seconds:.0f} s", flush=True)
    found = f"{np.mean(scores):.2f}"
    rows = [("accuracy on test, 60,000 labels", "at least 99.2", found)]
    mnist.print_figures("A convolutional encoder, in per cent", rows)


def run_few(options):
    """Print the errors with few labels, with and without pretraining."""
    split = mnist.load(options.openml)
    errors = np.array(
        [errors_with_few_labels(split, options, seed) for seed in range(options.seeds)]
    )
    test = stats.ttest_rel(*errors.T, alternative="less")
    with_, without = errors.mean(axis=0)
    rows = [
        ("test error, pretrained", "less (paper: 7.23)", f"{with_:.2f}"),
        ("test error, from random weights", "(paper: 7.63)", f"{without:.2f}"),
        ("one-sided p, paired by seed", "below .05", f"{test.pvalue:.2g}"),
    ]
    title = f"{_N_LABELS} labels of {options.rows} rows, {options.seeds} seeds"
    mnist.print_figures(title, rows)


def errors_with_few_labels(split, options, seed):
    """Return the test errors with and without pretraining, in per cent."""
    drawn = np.random.default_rng(seed).permutation(len(split.X_train))[: options.rows]
    X, y = split.X_train[drawn], split.y_train[drawn]
    y = np.where(np.arange(len(y)) < _N_LABELS, y, -1)
    errors = []
    for pretraining in (True, False):
        classifier = make_classifier_of_few(options, seed)
        classifier.set_params(pretraining=pretraining).fit(X, y)
        errors.append(100 - 100 * classifier.score(split.X_test, split.y_test))
    print(f"seed {seed}: {errors[0]:.2f} and {errors[1]:.2f} %", flush=True)
    return errors


def make_classifier(options, seed):
    """Return the classifier for all labels, not yet fitted."""
    autoencoder = ConvolutionalAutoencoder(
        **_images(options),
        channels=CHANNELS,
        corruption="masking",
        corruption_level=0.5,
        batch_size=128,
    )
    return AutoencoderClassifier(
        autoencoder,
        hidden_layer_sizes=(128,),
        dropout=0.5,
        batch_size=128,
        random_state=seed,
        **_schedule(options),
    )


def make_classifier_of_few(options, seed):
    """Return the classifier for few labels: most weights are the autoencoder's."""
    autoencoder = ConvolutionalAutoencoder(
        64,
        **_images(options),
        channels=(8, 16),
        corruption="gaussian",
        corruption_level=1.0,
        learning_rate="cosine",
    )
    return AutoencoderClassifier(
        autoencoder, unlabeled_label=-1, random_state=seed, **_schedule(options)
    )


def _images(options):
    return {
        "image_shape": (28, 28),
        "kernel_size": 5,
        "pooling": "max",
        "upsampling": "nearest",
        "activation": "relu",
        "init": "kaiming_uniform",
        "max_iter": options.pretraining_epochs,
        "early_stopping": False,
        "learning_rate_init": 0.003,
    }


def _schedule(options):
    return {
        "max_iter": options.epochs,
        "n_iter_no_change": options.epochs,
        "learning_rate": "cosine",
        "learning_rate_init": 0.002,
        "early_stopping": False,
    }
