"""
Layer-wise pretraining of deep autoencoders
===========================================

With saturating activations, the gradient in the first layers of a deep network is
almost zero, and training makes hardly any progress. The solution of 2006 was to train
the layers one by one. :class:`~skae.StackedAutoencoder` does so with restricted
Boltzmann machines, as in the original work, or with denoising autoencoders.
"""

# %%
# Vanishing gradients
# -------------------
# The encoder has layers of 256, 128 and 64 logistic units and a code of eight numbers;
# with the decoder there are eight layers of weights. Starting from random weights, the
# network is worse than PCA after thirty epochs.

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
print(f"{'PCA':<23} explained variance: {explained:.0%}")
for name, model in models.items():
    print(f"{name:<23} explained variance: {model.score(X_test):.0%}")

# %%
# After pretraining the same network starts with a lower loss and improves. An
# activation that does not saturate, silu, needs no pretraining, which is therefore
# rarely used today. It is still useful if few samples are labeled, see
# :class:`~skae.StackedDAEClassifier`.

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
    ylabel="Cross-entropy per pixel, nats",
    title="Validation loss",
    xlim=(0, 30),
)
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# Loss curves of the pretraining
# ------------------------------
# Each layer is trained on the codes of the layers below, which are frozen. Its loss is
# recorded in `pretraining_loss_curves_`.

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
# Reconstructions from eight numbers
# ----------------------------------
# Ten held-out digits, their reconstructions by the networks, and those from eight
# principal components.

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
