"""
Codes that stand still
======================

:class:`~skae.ContractiveAutoencoder` keeps its codes from moving with their rows,
except where they must move for the rows to be told apart. What is left of the movement
shows the directions in which the data vary.
"""

# %%
# What the penalty costs, and what it buys
# ----------------------------------------
# Digits, and a hundred codes for their 64 pixels: enough to copy a digit without
# learning anything about digits. The penalty is on the derivatives of the codes with
# respect to the pixels; with `tied_weights` it cannot be escaped by codes that are
# merely small.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import ContractiveAutoencoder

X, _ = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, random_state=0)


def fit(contraction_weight):
    return ContractiveAutoencoder(
        100, contraction_weight=contraction_weight, tied_weights=True, random_state=0
    ).fit(X_train)


weights = [0, 1, 3, 10]
models = {weight: fit(weight) for weight in weights}

# %%
# Noise moves the codes of the plain autoencoder by almost half the distance between the
# codes of two different digits. The contractive ones feel less of it, the more, the
# larger the weight; and each reconstructs less.

rng = np.random.default_rng(0)
X_noisy = X_test + rng.normal(scale=0.2, size=X_test.shape)


def sensitivity(model):
    """How far noise moves a code, in units of the distance between two digits."""
    codes, noisy = model.transform(X_test), model.transform(X_noisy)
    distances = np.linalg.norm(codes[1:] - codes[:-1], axis=1)
    return np.linalg.norm(noisy - codes, axis=1).mean() / distances.mean()


for weight, model in models.items():
    print(
        f"contraction_weight={weight:<3} moved by noise: {sensitivity(model):.0%}"
        f"   reconstructed: {model.score(X_test):.0%}"
    )

# %%
# The directions that are left
# ----------------------------
# ``jacobian`` holds those derivatives. The singular values of a row's matrix say how
# strongly the code answers to a change of the row, direction by direction. That of the
# plain code falls slowly, to where a corner of the picture is always empty. The larger
# the weight, the fewer the directions to which the code still answers.

import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
shades = plt.colormaps["viridis"](np.linspace(0.85, 0, len(weights)))
for (weight, model), shade in zip(models.items(), shades, strict=True):
    singular_values = np.linalg.svd(model.jacobian(X_test), compute_uv=False)
    spectrum = singular_values.mean(axis=0)
    ax.plot(range(1, 65), spectrum / spectrum[0], color=shade, label=weight)
ax.set(
    xlabel="Direction",
    ylabel="Sensitivity of the code",
    title="Relative to the direction it is most sensitive to",
    xlim=(1, 64),
    ylim=(0, 1.02),
)
ax.spines[["top", "right"]].set_visible(False)
legend = ax.legend(title="contraction_weight", frameon=False)

# %%
# Those directions are pictures: what to add to a digit, red, and what to take away,
# blue (or the other way round), for its code to move most. Beside each digit stand the
# six to which its code is most sensitive. Ink moves from one side of a stroke to the
# other, a stroke gets longer or shorter, a loop opens or closes: the directions differ
# from digit to digit, as tangents of the surface on which digits lie.

model, n_digits, n_directions = models[10], 6, 6
tangents = np.linalg.svd(model.jacobian(X_test[:n_digits]))[2]

figure, axes = plt.subplots(
    n_digits, n_directions + 1, figsize=(6.3, 5.6), layout="constrained"
)
for row, digit, directions in zip(axes, X_test, tangents, strict=False):
    row[0].imshow(digit.reshape(8, 8), cmap="gray_r")
    for ax, direction in zip(row[1:], directions, strict=False):
        largest = abs(direction).max()
        ax.imshow(
            direction.reshape(8, 8),
            cmap="RdBu_r",
            vmin=-largest,
            vmax=largest,
            interpolation="bicubic",
        )
        ax.contour(digit.reshape(8, 8), levels=[0.5], colors="0.3", linewidths=0.8)
for ax in axes.flat:
    ax.set_axis_off()
axes[0, 0].set_title("digit", fontsize="medium")
for number, ax in enumerate(axes[0, 1:], start=1):
    ax.set_title(f"direction {number}", fontsize="medium")

# %%
# For data that are noisy themselves see :class:`~skae.DenoisingAutoencoder`: it makes
# the reconstruction robust, where this one makes the code robust.
