"""
Contractive codes
=================

:class:`~skae.ContractiveAutoencoder` penalizes the sensitivity of its codes to the
input. The sensitivity that remains is needed to distinguish samples, and shows the
directions in which the data vary.
"""

# %%
# Robustness and reconstruction
# -----------------------------
# A hundred codes for digits of 64 pixels are enough to copy a digit without learning
# anything about digits. The penalty is on the derivatives of the codes with respect to
# the pixels; `tied_weights` ensures that it cannot be reduced by merely making the
# codes small.

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
# codes of two different digits. The larger the weight of the penalty, the less the
# codes move, and the less variance is reconstructed.

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
# Sensitive directions
# --------------------
# ``jacobian`` returns these derivatives. The singular values of a sample's Jacobian
# measure how strongly the code responds to a change of the sample in each direction.
# For the plain code they decrease slowly, and reach zero only for pixels that are
# always empty. The larger the weight, the fewer directions the code responds to.

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
# These directions are images: what to add to a digit (red) and what to remove (blue, or
# the other way round) so that its code changes most. Each row shows a digit and the six
# directions to which its code is most sensitive. Ink moves from one side of a stroke to
# the other, a stroke gets longer or shorter, a loop opens or closes. The directions
# differ from digit to digit, like tangents of the manifold on which digits lie.

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
# For noisy data see :class:`~skae.DenoisingAutoencoder`, which makes the reconstruction
# robust, whereas the contractive autoencoder makes the code robust.
