"""
Curves and surfaces
===================

Linear methods fail on a swiss roll, an S-curve and a circle: these are curved manifolds
of one or two dimensions in a space of higher dimension.
:class:`~skae.AutoencoderTransformer` with its defaults reconstructs them.
"""

# %%
# Three curved data sets
# ----------------------
# Each is reconstructed from as many codes as its intrinsic dimension: two for the
# surfaces, one for the circle. The figure shows the reconstructions of held-out
# samples, colored by their position on the surface or the circle. PCA projects the data
# onto a plane or a line. Kernel PCA, with the width of its kernel chosen on held-out
# samples, needs more components. The autoencoder reproduces the shape.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA, KernelPCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 3000)
circle = np.c_[np.cos(angle), np.sin(angle)] + rng.normal(scale=0.05, size=(3000, 2))
DATA = {
    "swiss roll": (*make_swiss_roll(3000, random_state=0), 2),
    "S-curve": (*make_s_curve(3000, random_state=0), 2),
    "circle": (circle, angle, 1),
}


def explained(model, X):
    """Return the share of the variance that a model reconstructs."""
    residual = X - model.inverse_transform(model.transform(X))
    return 1 - np.square(residual).sum() / np.square(X - X.mean(axis=0)).sum()


def kernel_pca(n_components, X):
    """Fit kernel PCA with the best of five widths of its kernel."""
    train, validation = train_test_split(X, test_size=0.2, random_state=0)
    gammas = np.array([0.1, 0.3, 1, 3, 10]) / X.var(axis=0).sum()
    models = [
        KernelPCA(
            n_components,
            kernel="rbf",
            gamma=gamma,
            fit_inverse_transform=True,
            alpha=1e-3,
            eigen_solver="arpack",
            random_state=0,
        ).fit(train)
        for gamma in gammas
    ]
    return max(models, key=lambda model: explained(model, validation))


def fit(X, n_components):
    """Return the three models, by name."""
    return {
        "PCA": PCA(n_components).fit(X),
        "kernel PCA": kernel_pca(n_components, X),
        "AutoencoderTransformer": AutoencoderTransformer(
            n_components, random_state=0
        ).fit(X),
    }


fitted, tests = {}, {}
for name, (X, place, n_components) in DATA.items():
    X_train, X_test, _, place_test = train_test_split(X, place, random_state=0)
    fitted[name], tests[name] = fit(X_train, n_components), (X_test, place_test)
    scores = ", ".join(
        f"{m} {explained(e, X_test):.1%}" for m, e in fitted[name].items()
    )
    print(f"{name}: {scores}")

# %%


def draw(ax, X, color):
    """Draw points of a plane, or of a space seen from the side of the roll."""
    points = (X[:, 0], X[:, 1]) if X.shape[1] == 2 else (X[:, 0], X[:, 1], X[:, 2])
    ax.scatter(*points, c=color, cmap="Spectral", s=6)
    if X.shape[1] == 3:
        ax.view_init(elev=10, azim=-75)
        ax.set(xticklabels=[], yticklabels=[], zticklabels=[])
    else:
        ax.set(aspect="equal", xticks=[], yticks=[])


figure = plt.figure(figsize=(10, 7.5), layout="constrained")
for row, (name, (X_test, place)) in enumerate(tests.items()):
    pictures = {"data": X_test} | {
        title: model.inverse_transform(model.transform(X_test))
        for title, model in fitted[name].items()
    }
    for column, (title, points) in enumerate(pictures.items()):
        kind = {"projection": "3d"} if points.shape[1] == 3 else {}
        ax = figure.add_subplot(3, 4, 4 * row + column + 1, **kind)
        draw(ax, points, place)
        if title == "data":
            title = name
        else:
            title += f"\n{explained(fitted[name][title], X_test):.1%} of the variance"
        ax.set_title(title, fontsize=9)

# %%
# The codes of the surfaces
# -------------------------
# PCA preserves the curved outline and loses the width of the surface: samples at
# different positions across it get the same codes. The autoencoder maps the surface to
# a band that represents both of its directions, and neighbors on the surface remain
# neighbors.

figure, axes = plt.subplots(2, 2, figsize=(7, 6), layout="constrained")
for row, name in zip(axes, ["swiss roll", "S-curve"], strict=True):
    X_test, place = tests[name]
    for ax, title in zip(row, ["PCA", "AutoencoderTransformer"], strict=True):
        codes = fitted[name][title].transform(X_test)
        ax.scatter(*codes.T, c=place, cmap="Spectral", s=8)
        ax.set(title=f"{name}, {title}", xticks=[], yticks=[])

# %%
# Several starts
# --------------
# Training starts at PCA, which is a saddle point on such data: the residual is
# uncorrelated with everything that a nearly linear network can compute from the codes.
# With ``n_init="auto"``, the default, training starts again with larger weights if the
# first epochs hardly reduce the loss. `start_losses_` holds the best validation loss of
# each start, here as a share of PCA's; the start with the smallest loss is kept.

for name, models in fitted.items():
    autoencoder = models["AutoencoderTransformer"]
    shares = autoencoder.start_losses_ / autoencoder.validation_loss_curve_[0]
    print(f"{name}: {autoencoder.n_init_} starts, {np.round(shares, 3)} of PCA's loss")
