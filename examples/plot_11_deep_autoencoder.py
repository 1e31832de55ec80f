"""
Deep networks, one layer at a time
==================================

With activations that saturate, the gradient that reaches the first layers of a deep
network is almost zero, and training hardly gets off the ground. In 2006 the way out was
to train the layers one by one. :class:`~skae.StackedAutoencoder` does so with
restricted Boltzmann machines, as it was done then, or with denoising autoencoders.
"""

# %%
# A network that does not learn
# -----------------------------
# Digits through layers of 256, 128 and 64 logistic units to a code of eight numbers,
# and back: eight layers of weights. From random weights thirty epochs leave it behind
# PCA.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import StackedAutoencoder

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)


def fit(pretraining, activation="logistic"):
    return StackedAutoencoder(
        8,
        hidden_layer_sizes=(256, 128, 64),
        pretraining=pretraining,
        activation=activation,
        loss="log_loss",
        max_iter=30,
        random_state=0,
    ).fit(X_train)


models = {
    "no pretraining": fit(None),
    "denoising autoencoders": fit("denoising"),
    "Boltzmann machines": fit("rbm"),
    "no pretraining, silu": fit(None, "silu"),
}
pca = PCA(8).fit(X_train)
residual = X_test - pca.inverse_transform(pca.transform(X_test))
explained = 1 - np.sum(residual**2) / np.sum((X_test - pca.mean_) ** 2)
print(f"{'PCA':<23} reconstructed: {explained:.0%}")
for name, model in models.items():
    print(f"{name:<23} reconstructed: {model.score(X_test):.0%}")

# %%
# After pretraining the same network starts well and gets better. An activation that
# does not saturate, silu, needs no such help: that is why pretraining was forgotten. It
# is still of use where few rows have labels, see :class:`~skae.StackedDAEClassifier`.

styles = {
    "no pretraining": ("0.55", "-"),
    "denoising autoencoders": ("tab:blue", "-"),
    "Boltzmann machines": ("tab:red", "-"),
    "no pretraining, silu": ("0.55", "--"),
}
_, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, model in models.items():
    color, line = styles[name]
    curve = model.validation_loss_curve_
    ax.plot(curve, color=color, linestyle=line, label=name)
ax.set(
    xlabel="Epoch of fine-tuning",
    ylabel="Cross-entropy of a pixel, nats",
    title="Rows set apart, from the start on",
    xlim=(0, 30),
)
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# What the layers have learnt before
# ----------------------------------
# Each layer is trained on the codes of the layers below, which stay as they are. Its
# loss is kept in `pretraining_loss_curves_`.

_, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharex=True, layout="constrained")
shades = plt.colormaps["viridis"](np.linspace(0, 0.85, 4))
for ax, name in zip(
    axes, ["denoising autoencoders", "Boltzmann machines"], strict=True
):
    for i, curve in enumerate(models[name].pretraining_loss_curves_):
        ax.plot(range(1, 21), curve, color=shades[i], label=f"layer {i + 1}")
    ax.set(title=name.capitalize(), xlabel="Epoch of a layer", yscale="log")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("Loss")
axes[1].legend(frameon=False, fontsize="small")

# %%
# Digits by eight numbers
# -----------------------
# Ten digits that were not trained on, what the networks make of them, and what eight
# principal components do.

first = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
digits = X_test[first]
pictures = {"digit": digits}
for name in ("no pretraining", "denoising autoencoders", "Boltzmann machines"):
    pictures[name] = models[name].reconstruct(digits)
pictures["PCA"] = pca.inverse_transform(pca.transform(digits))

_, axes = plt.subplots(len(pictures), 10, figsize=(6.4, 3.4), layout="constrained")
for row, (name, images) in zip(axes, pictures.items(), strict=True):
    for ax, image in zip(row, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    row[0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center")

# %%
# The published network, 784-1000-500-250-30 for MNIST, is in the benchmarks:
# ``python -m benchmarks deep``.
