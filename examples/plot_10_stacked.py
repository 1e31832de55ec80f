"""
Pretraining with few labels
===========================

:class:`~skae.StackedDAEClassifier` first pretrains each of its layers on unlabeled
samples, and then learns to classify. If labels are scarce, pretraining replaces many of
them.
"""

# %%
# A hundred labels
# ----------------
# Of 1347 training digits, a hundred have a label. The others are marked by -1.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import StackedDAEClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)


def hide(y, n_labels, seed):
    """Return y with -1 for all but n_labels, stratified by class."""
    kept, _ = train_test_split(
        np.arange(len(y)), train_size=n_labels, stratify=y, random_state=seed
    )
    some = np.full_like(y, -1)
    some[kept] = y[kept]
    return some


some = hide(y_train, n_labels=100, seed=0)

# %%
# A `ScoringMonitor` records the accuracy on the test digits after each epoch of the
# fine-tuning. (With so few labels no validation set is held out, and the epoch with the
# smallest training loss is kept.)

from sklearn.callback import ScoringMonitor


def test_accuracy(model, X, y):
    return model.score(X_test, y_test)


models, monitors = {}, {}
for name, pretraining in [("with pretraining", "denoising"), ("without", None)]:
    monitors[name] = ScoringMonitor(scoring={"accuracy": test_accuracy})
    models[name] = StackedDAEClassifier(
        pretraining=pretraining, unlabeled_label=-1, random_state=0
    )
    models[name].set_callbacks(monitors[name]).fit(X_train, some)
    print(f"{name:16}: {models[name].score(X_test, y_test):.1%}")

# %%
# `pretraining_loss_curves_` has a curve for each layer, in the units of the layer's
# input: compare their shape, not their level. In the fine-tuning, the pretrained
# network starts with a higher accuracy, and remains better.

import matplotlib.pyplot as plt

_, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
curves = models["with pretraining"].pretraining_loss_curves_
for number, curve in enumerate(curves, start=1):
    left.plot(range(1, len(curve) + 1), np.divide(curve, curve[0]), label=number)
left.set(
    title="Pretraining",
    xlabel="Epoch",
    ylabel="Loss, relative to the first epoch's",
    xticks=range(0, len(curve) + 1, 5),
    ylim=(0, 1.02),
)
left.legend(title="Layer", frameon=False)
for name, monitor in monitors.items():
    logs = monitor.get_logs().data
    scores = [100 * log["accuracy"] for log in logs if log["task_name"] == "epoch"]
    right.plot(range(1, len(scores) + 1), scores, label=name)
right.set(
    title="Fine-tuning",
    xlabel="Epoch",
    ylabel="Accuracy on other digits (%)",
    ylim=(50, 100),
)
right.legend(frameon=False, loc="lower right")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Filters of the layers
# ---------------------
# A unit of the first layer is a weighted sum of the pixels. The figure shows the
# weights, multiplied by the standard deviation of each pixel: red pixels activate the
# unit, blue ones inhibit it. With pretraining the filters are parts of strokes and the
# gaps beside them. Without, they are close to their random initial values.

from skae.plotting import FiltersDisplay

_, axes = plt.subplots(1, 2, figsize=(8.4, 4.2), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    FiltersDisplay.from_estimator(model, X_train, n_filters=36, ax=ax, cmap="RdBu_r")
    ax.set_title(f"First layer, {name}")

# %%
# Units of the layers above are weighted sums of units, not of pixels. They can be shown
# by the twenty digits that activate them most. The figure shows the mean of these
# digits minus the mean of all digits, for the first twelve units of each layer.

import torch


def activations(model, X):
    """Return the activations of each hidden layer, from the input on."""
    h, layers = model.encoder_.scaling(torch.as_tensor(X).float()), []
    with torch.no_grad():
        for layer in model.network_.hidden_layers:
            h = torch.relu(layer(h))
            layers.append(h.numpy())
    return layers


def favorites(h):
    """Return the samples that activate each unit most, of shape (20, n_units)."""
    return np.argsort(-h, axis=0)[:20]


_, axes = plt.subplots(3, 12, figsize=(9, 2.6), layout="constrained")
layers = activations(models["with pretraining"], X_train)
for number, (row, h) in enumerate(zip(axes, layers, strict=True), start=1):
    for ax, rows in zip(row, favorites(h).T, strict=False):
        picture = (X_train[rows].mean(axis=0) - X_train.mean(axis=0)).reshape(8, 8)
        ax.imshow(picture, cmap="RdBu_r", vmin=-10, vmax=10, interpolation="bicubic")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    row[0].set_ylabel(f"layer {number}")

# %%
# The higher the layer, the more of the digits that activate a unit belong to one class,
# although most of them are unlabeled.


def purity(h):
    """Return the share of the most frequent class, a mean over the active units."""
    classes = y_train[favorites(h[:, h.any(axis=0)])]
    shares = np.stack([(classes == label).mean(axis=0) for label in range(10)])
    return shares.max(axis=0).mean()


for name, model in models.items():
    found = ", ".join(f"{purity(h):.0%}" for h in activations(model, X_train))
    print(f"{name:16}: {found}")

# %%
# Number of labels
# ----------------
# The same comparison for other numbers of labels, with four random draws of the labels,
# the same for both networks. The fewer the labels, the more the unlabeled samples help.

numbers, draws = [25, 50, 100], 4


def accuracy(n_labels, pretraining, seed):
    """Return the accuracy in per cent."""
    model = StackedDAEClassifier(
        pretraining=pretraining, unlabeled_label=-1, random_state=seed
    )
    model.fit(X_train, hide(y_train, n_labels, seed))
    return 100 * model.score(X_test, y_test)


_, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, pretraining, shift in [
    ("with pretraining", "denoising", 0.98),
    ("without", None, 1.02),
]:
    found = np.array(
        [[accuracy(n, pretraining, seed) for seed in range(draws)] for n in numbers]
    )
    (line,) = ax.plot(numbers, found.mean(axis=1), label=f"{name} (mean)")
    places = shift * np.repeat(numbers, draws)
    ax.plot(places, found.ravel(), "o", color=line.get_color(), alpha=0.4, ms=4)
ax.set(
    xscale="log",
    xticks=numbers,
    xticklabels=numbers,
    xlabel="Labels",
    ylabel="Accuracy on other digits (%)",
)
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
legend = ax.legend(frameon=False, loc="lower right")
