"""
From autoencoder to classifier
==============================

Unlabeled samples are often abundant and labels scarce.
:class:`~skae.AutoencoderClassifier` takes the encoder of an autoencoder that is trained
on all samples, adds a classifier on its codes, and trains both on the labeled samples.
"""

# %%
# Accuracy with few labels
# ------------------------
# Two classifiers with the same architecture are compared on digits, most of which are
# unlabeled. The encoder of the first was trained to restore masked digits, that of the
# second is untrained. The autoencoder is fitted once, and passed as a
# ``FrozenEstimator``: the classifiers train copies of its encoder.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from skae import AutoencoderClassifier, DenoisingAutoencoder

X, y = load_digits(return_X_y=True)
n_labels, n_splits = [20, 50, 100, 300, 1300], 3
accuracy = {"pretrained": [], "not pretrained": []}

for seed in range(n_splits):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, stratify=y, random_state=seed
    )
    autoencoder = DenoisingAutoencoder(max_iter=40, random_state=seed).fit(X_train)
    encoders = {
        "pretrained": {"autoencoder": FrozenEstimator(autoencoder)},
        "not pretrained": {"autoencoder": autoencoder, "pretraining": False},
    }
    for name, encoder in encoders.items():
        for n in n_labels:
            classifier = AutoencoderClassifier(
                **encoder, max_iter=40, early_stopping=False, random_state=seed
            )
            classifier.fit(X_train[:n], y_train[:n])
            accuracy[name].append(classifier.score(X_test, y_test))

# %%
# With few labels pretraining is decisive. With many labels it makes no difference.

import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for (name, scores), color in zip(accuracy.items(), ["C0", "0.45"], strict=True):
    scores = np.reshape(scores, (n_splits, len(n_labels)))
    ax.plot(n_labels, scores.mean(axis=0), "o-", color=color)
    ax.fill_between(
        n_labels, scores.min(axis=0), scores.max(axis=0), color=color, alpha=0.15, lw=0
    )
    below = name.startswith("not")
    ax.annotate(
        name,
        (n_labels[1], scores.mean(axis=0)[1]),
        xytext=(14, -24) if below else (-14, 18),
        textcoords="offset points",
        ha="left" if below else "right",
        color=color,
        fontsize="large",
    )
ax.set(
    xscale="log",
    xticks=n_labels,
    xticklabels=n_labels,
    xlabel="Labeled samples",
    ylabel="Accuracy on new samples",
    title="Mean and range of three splits",
)
ax.minorticks_off()
ax.grid(axis="y", alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)

# %%
# Codes before and after fine-tuning
# ----------------------------------
# A code of two numbers can be plotted. Before the fine-tuning it represents the
# appearance of a digit, afterwards its class. `autoencoder_` computes the former,
# `transform` of the classifier the latter. The samples in the figure were held out from
# both steps.

X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
classifier = AutoencoderClassifier(
    DenoisingAutoencoder(2, linear_path=None, max_iter=60),
    hidden_layer_sizes=(64,),
    dropout=0.0,
    max_iter=60,
    random_state=0,
).fit(X_train, y_train)

score = classifier.score(X_test, y_test)
pictures = {
    "before": classifier.autoencoder_.transform(X_test),
    f"after, {score:.0%} of the digits right": classifier.transform(X_test),
}
figure, axes = plt.subplots(1, 2, figsize=(8.2, 4.2), layout="constrained")
for ax, (title, codes) in zip(axes, pictures.items(), strict=True):
    ax.scatter(*codes.T, c=y_test, cmap="tab10", s=10, alpha=0.8, lw=0)
    for digit in range(10):
        middle = np.median(codes[y_test == digit], axis=0)
        circle = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none"}
        ax.annotate(
            str(digit),
            middle,
            ha="center",
            va="center",
            fontweight="bold",
            bbox={**circle, "alpha": 0.7},
        )
    ax.set(title=title, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)

# %%
# Unlabeled samples in the same call
# ----------------------------------
# The autoencoder need not be fitted before. Given an unfitted autoencoder, `fit` first
# trains a clone of it on all samples, then the classifier on those whose y is not
# `unlabeled_label`. The parameters of the autoencoder can be tuned as
# ``autoencoder__...``.

some = np.where(np.arange(len(y_train)) < 100, y_train, -1)
classifier = AutoencoderClassifier(
    DenoisingAutoencoder(max_iter=60), unlabeled_label=-1, random_state=0
).fit(X_train, some)
n_rows, n_labeled = classifier.autoencoder_.n_samples_, classifier.n_samples_
print(f"{n_rows} samples, {n_labeled} of them labeled")
print(f"accuracy: {classifier.score(X_test, y_test):.1%}")

# %%
# For larger images use a :class:`~skae.ConvolutionalAutoencoder`;
# :class:`~skae.StackedDAEClassifier` pretrains its layers one by one instead.
