"""MNIST by the conditional variational autoencoder: digits of a class asked for.

Two figures judge what is generated (means of the likelihood): the share that a
classifier of real digits recognizes, and how well a classifier of generated digits
alone reads real ones. One good digit of each class would do for the first, any variety
for the second: both are asked for.
"""

from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks import mnist
from skae import ConditionalVAE

_RECOGNISED, _READ = 97.0, 90.0  # per cent
_N_CLASSES, _PICTURES_A_CLASS = 10, 12
_STYLE_SEED = 1


def add_to(commands):
    """Add the sub-command."""
    parser = mnist.add_command(
        commands, "cvae", run, "digits of a class asked for, judged by classifiers"
    )
    parser.add_argument("--rows", type=int, default=60_000, help="to train on")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--components", type=int, default=8)
    parser.add_argument("--beta", type=float, default=3.0)
    parser.add_argument("--generated", type=int, default=20_000, help="rows")
    parser.add_argument("--judge-rows", type=int, default=20_000, help="real ones")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", help="folder for the digits by class")


def run(options):
    """Train model and classifiers, and print both figures beside their targets."""
    split = mnist.load(options.openml)
    rows = np.random.default_rng(options.seed).permutation(len(split.X_train))
    rows = rows[: options.rows]
    model = ConditionalVAE(
        options.components,
        likelihood="bernoulli",
        beta=options.beta,
        hidden_layer_sizes=(512,),
        max_iter=options.epochs,
        early_stopping=False,
        device=options.device,
        verbose=True,
        random_state=options.seed,
    ).fit(split.X_train[rows], split.y_train[rows])
    recognized, read, real = _judge(model, split, options)
    mnist.print_figures(
        f"ConditionalVAE, MNIST, {len(rows)} rows, {options.epochs} epochs, "
        f"{options.components} codes of which {model.active_units_} active, "
        f"beta={options.beta:g}",
        [
            ("generated, recognized (%)", f">= {_RECOGNISED}", f"{recognized:.1f}"),
            ("real, read from generated (%)", f">= {_READ}", f"{read:.1f}"),
            ("real, read from real (%)", "-", f"{real:.1f}"),
            *_bounds(model, split),
        ],
    )
    if options.pictures:
        _draw(model, Path(options.pictures))


def _judge(model, split, options):
    """Return the three accuracies in per cent."""
    labels = np.arange(options.generated) % _N_CLASSES
    generated = model.sample(y=labels, random_state=options.seed, noise=False)
    n = options.judge_rows
    of_real = _classifier(options.seed).fit(split.X_train[:n], split.y_train[:n])
    of_generated = _classifier(options.seed).fit(generated, labels)
    test = split.X_test, split.y_test
    scores = [
        of_real.score(generated, labels),
        of_generated.score(*test),
        of_real.score(*test),
    ]
    return [100 * score for score in scores]


def _classifier(seed):
    return MLPClassifier((256,), early_stopping=True, max_iter=40, random_state=seed)


def _bounds(model, split):
    """Return rows with the bounds of 1000 test rows, given y and without it."""
    X, y = split.X_test[:1000], split.y_test[:1000]
    for name, target in (("given y", y), ("without y", None)):
        yield f"log likelihood {name} (nats)", "-", f"{model.score(X, target):.1f}"


def _draw(model, folder):
    """Draw a row of digits for each class, each column one code."""
    import matplotlib.pyplot as plt

    rng = np.random.RandomState(_STYLE_SEED)
    codes = rng.normal(size=(_PICTURES_A_CLASS, model.n_components_))
    rows = [model.inverse_transform(codes, y=label) for label in model.classes_]
    images = np.stack(rows).reshape(_N_CLASSES, _PICTURES_A_CLASS, 28, 28)
    folder.mkdir(parents=True, exist_ok=True)
    figure, ax = plt.subplots(figsize=(7.2, 6), layout="constrained")
    mosaic = images.transpose(0, 2, 1, 3).reshape(28 * _N_CLASSES, -1)
    ax.imshow(mosaic, cmap="gray_r")
    ax.set_yticks(28 * np.arange(_N_CLASSES) + 14, model.classes_)
    ax.set(xticks=[], xlabel="each column one code", ylabel="class asked for")
    figure.savefig(folder / "digits_by_class.png", dpi=150)
    plt.close(figure)
