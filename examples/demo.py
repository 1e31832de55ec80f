"""PCA, autoencoder and denoising autoencoder on images of digits, in a minute.

    python examples/demo.py                      # scikit-learn's digits, 8 x 8 pixels
    SKAE_DATA=folder python examples/demo.py     # MNIST from folder/mnist.npz
    python examples/demo.py --openml             # MNIST, downloaded from openml.org

Fits each model in a Pipeline before a logistic regression, tunes one by a grid search,
prints their scores on held-out samples, and saves figures.
"""

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

# Waiting threads sleep: busy-waiting is very slow on a machine with other programs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import matplotlib

matplotlib.use("Agg")  # figures are saved to files: no window is needed

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ProgressBar
from sklearn.datasets import fetch_openml, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae.plotting import (
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ScreeDisplay,
)

# Standard deviation of the noise on held-out samples, relative to that of the pixels.
NOISE = 1.5
TUNED = "DenoisingAutoencoder, tuned"


class Data(NamedTuple):
    """Images in [0, 1] as flat rows, their labels, and the size of the models."""

    name: str
    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    n_components: int
    max_iter: int


def main():
    arguments = parse_arguments()
    started = time.perf_counter()
    data = load_data(arguments.openml)
    X_noisy = add_noise(data.X_test)
    print(
        f"{data.name}: {len(data.X_train)} training samples, {len(data.X_test)} held "
        f"out, {data.X_train.shape[1]} pixels, {data.n_components} components\n"
    )
    fitted, rows = {}, []
    for name, model in make_models(data).items():
        print(f"Fitting {name}", flush=True)
        start = time.perf_counter()
        fitted[name] = model.fit(data.X_train, data.y_train)
        seconds = time.perf_counter() - start
        rows.append((name, *evaluate(fitted[name], data, X_noisy), seconds))
    print("Fitting AutoencoderTransformer with two components", flush=True)
    planar = fit_planar_models(data)
    print_table(rows, fitted)
    draw(fitted, planar, data, X_noisy, arguments.output)
    print(f"\nFigures: {arguments.output.resolve()}")
    for path in sorted(arguments.output.glob("*.png")):
        print(f"  {path.name}")
    print(f"{time.perf_counter() - started:.0f} seconds in total")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--openml", action="store_true", help="download MNIST from openml.org"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        help="folder for the figures (default: demo_output)",
    )
    return parser.parse_args()


def load_data(openml):
    """Return MNIST if it is available or requested, otherwise scikit-learn's digits."""
    mnist = Path(os.environ.get("SKAE_DATA", "")) / "mnist.npz"
    if openml:
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    elif mnist.is_file():
        with np.load(mnist) as arrays:
            X, y = arrays["x_train"].reshape(-1, 784), arrays["y_train"]
    else:
        X, y = load_digits(return_X_y=True)
        return Data("Digits", *split(X / 16, y, 1400), n_components=8, max_iter=100)
    # Few samples and epochs, so that the demo takes a minute.
    return Data(
        "MNIST", *split(X[:5000] / 255, y[:5000], 3000), n_components=16, max_iter=20
    )


def split(X, y, n_train):
    X = X.astype(np.float32)
    return train_test_split(X, y, train_size=n_train, stratify=y, random_state=0)


def add_noise(X):
    """Return X with Gaussian noise."""
    scale = NOISE * np.sqrt(X.var(axis=0).mean())
    noise = np.random.default_rng(0).normal(scale=scale, size=X.shape)
    return X + noise.astype(X.dtype)


def make_models(data):
    """Return pipelines that differ in one step, and a grid search over the last."""
    k, settings = data.n_components, {"max_iter": data.max_iter, "random_state": 0}
    denoiser = DenoisingAutoencoder(k, corruption="gaussian", **settings)
    search = GridSearchCV(
        classify_after(denoiser),
        {"reduce__corruption_level": [0.75, 1.5]},
        scoring=variance_restored,
        cv=2,
    )
    return {
        "PCA": classify_after(PCA(k, random_state=0)),
        "AutoencoderTransformer": classify_after(AutoencoderTransformer(k, **settings)),
        "DenoisingAutoencoder": classify_after(denoiser),
        TUNED: search.set_callbacks(ProgressBar(max_propagation_depth=0)),
    }


def classify_after(reducer):
    return Pipeline(
        [
            ("reduce", reducer),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression(max_iter=1000)),
        ]
    )


def reducer_of(model):
    """Return the fitted first step of a pipeline or of the best one of a search."""
    return getattr(model, "best_estimator_", model)["reduce"]


def variance_explained(model, X, X_clean):
    """Return the share of the variance of X_clean that is reconstructed from X."""
    reducer = reducer_of(model)
    X_reconstructed = reducer.inverse_transform(reducer.transform(X))
    return r2_score(X_clean, X_reconstructed, multioutput="variance_weighted")


def variance_restored(model, X, y=None):
    """Return the score of the search: the variance restored from noisy samples."""
    return variance_explained(model, add_noise(X), X)


def evaluate(model, data, X_noisy):
    """Return explained variance and accuracy on held-out samples, clean and noisy."""
    classifier = getattr(model, "best_estimator_", model)
    return [
        figure
        for X in (data.X_test, X_noisy)
        for figure in (
            variance_explained(model, X, data.X_test),
            classifier.score(X, data.y_test),
        )
    ]


def fit_planar_models(data):
    """Return PCA and autoencoder with two components, to plot their codes."""
    autoencoder = AutoencoderTransformer(2, max_iter=data.max_iter, random_state=0)
    return {
        "PCA": PCA(2, random_state=0).fit(data.X_train),
        "AutoencoderTransformer": autoencoder.set_callbacks(ProgressBar()).fit(
            data.X_train
        ),
    }


def print_table(rows, fitted):
    print(f"\n{'':28}{'clean samples':>20}{'noisy samples':>20}")
    print(f"{'held out':28}" + 2 * f"{'variance':>10}{'accuracy':>10}" + "   seconds")
    for name, *figures, seconds in rows:
        cells = "".join(f"{figure:10.1%}" for figure in figures)
        print(f"{name:28}{cells}{seconds:10.1f}")
    search = fitted[TUNED]
    level = search.best_params_["reduce__corruption_level"]
    print(
        "\nvariance: share of the clean samples' variance that is reconstructed\n"
        f"noisy: noise of {NOISE:g} x the pixels' standard deviation\n"
        f"tuned: corruption_level={level:g} by the variance restored from noise in "
        "cross-validation"
    )


def draw(fitted, planar, data, X_noisy, folder):
    """Save the five figures."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {name: reducer_of(model) for name, model in fitted.items()}
    pca, autoencoder = models["PCA"], models["AutoencoderTransformer"]
    pair = {"PCA": pca, "Autoencoder": autoencoder}
    denoisers = {"PCA": pca, "Denoising autoencoder": models[TUNED]}
    displays = {
        "reconstructions": ReconstructionDisplay.from_estimator(
            pair, data.X_test, n_images=12, cmap="gray_r"
        ),
        "denoising": ReconstructionDisplay.from_estimator(
            denoisers,
            X_noisy,
            X_target=data.X_test,
            input_name="Noisy",
            target_name="Clean",
            n_images=12,
            cmap="gray_r",
        ),
        "loss_curve": LossCurveDisplay.from_estimator(autoencoder),
        "components": ScreeDisplay.from_estimator(pair, data.X_test),
    }
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=150)
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for ax, (name, model) in zip(axes, planar.items(), strict=True):
        LatentSpaceDisplay.from_estimator(
            model, data.X_test, data.y_test, ax=ax, target_name="Digit"
        )
        ax.set_title(name)
    axes[0].get_legend().remove()
    figure.savefig(folder / "codes.png", dpi=150)


if __name__ == "__main__":
    main()
