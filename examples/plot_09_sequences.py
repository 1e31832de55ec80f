"""
Sequences
=========

:class:`~skae.RecurrentAutoencoder` encodes a sequence step by step into a few numbers,
and reconstructs it from them. Trained on normal heart beats, it detects anomalous ones.
Sequences may have different lengths.
"""

# %%
# Heart beats
# -----------
# The data are ECG5000 of the UCR archive, 140 steps per beat, if the folder `SKAE_DATA`
# contains it. Otherwise they are synthetic beats of five waves each; anomalous beats
# lack the first wave, and have a wider complex and a flatter end.

import os
from pathlib import Path

import numpy as np

N_STEPS = 140


def make_beats(n, rng, *, anomalous=False):
    """Return (n, 140) beats, each a sum of five bells in time."""
    centers, widths, heights = np.array(
        [[30, 58, 64, 70, 103], [6, 2, 2.5, 2.5, 10], [0.2, -0.4, 2, -0.7, 0.5]]
    )
    centers = centers + rng.normal(scale=4, size=(n, 1)) + rng.normal(size=(n, 5))
    heights = heights * rng.normal(1, 0.15, size=(n, 5))
    if anomalous:
        heights, widths = heights * [0, 1, 0.9, 1, 0.2], widths * [1, 1.3, 1.3, 1.3, 1]
    times = np.arange(N_STEPS)[:, np.newaxis, np.newaxis]
    bells = heights * np.exp(-(((times - centers) / widths) ** 2))
    return bells.sum(axis=2).T + rng.normal(scale=0.03, size=(n, N_STEPS))


path = Path(os.environ.get("SKAE_DATA", "")) / "ts_ecg5000.npz"
rng = np.random.default_rng(0)
if path.exists():
    arrays = np.load(path)
    normal = rng.permutation(arrays["X"][arrays["anomaly"] == 0])
    anomalous = rng.permutation(arrays["X"][arrays["anomaly"] == 1])
else:
    normal = make_beats(900, rng)
    anomalous = make_beats(400, rng, anomalous=True)
X_train, X_test, X_anomalous = normal[:500], normal[500:900], anomalous[:400]

# %%
# Few codes suffice, because the network should learn the shape of normal beats and not
# copy its input. PCA has the same number of components. The area under the ROC curve is
# the probability that an anomalous beat is reconstructed worse than a normal one.

from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from skae import RecurrentAutoencoder

recurrent = RecurrentAutoencoder(4, max_iter=40, random_state=0).fit(X_train)
pca = PCA(4).fit(X_train)


def errors(model, X):
    """Squared error of each beat."""
    return np.square(model.inverse_transform(model.transform(X)) - X).sum(axis=1)


labels = np.repeat([0, 1], [len(X_test), len(X_anomalous)])
for name, model in {"PCA": pca, "Recurrent": recurrent}.items():
    found = np.concatenate([errors(model, X_test), errors(model, X_anomalous)])
    unexplained = errors(model, X_test).sum() / np.square(X_test - X_test.mean(0)).sum()
    print(f"{name:10} unexplained variance: {unexplained:.1%}", end="   ")
    print(f"area under the curve: {roc_auc_score(labels, found):.3f}")

# %%
# Two normal and four anomalous beats with their reconstructions. The network can only
# reconstruct normal beats: where the reconstruction is far off, the beat is anomalous.

import matplotlib.pyplot as plt

shown = np.concatenate([X_test[:2], X_anomalous[:4]])
figure, axes = plt.subplots(
    2, 3, figsize=(8, 4), sharex=True, sharey=True, layout="constrained"
)
normal_errors = errors(recurrent, X_test)
for ax, beat, written in zip(
    axes.T.flat, shown, recurrent.reconstruct(shown), strict=True
):
    ax.fill_between(range(N_STEPS), beat, written, color="tab:red", alpha=0.35, lw=0)
    ax.plot(beat, color="0.2", lw=1.2)
    ax.plot(written, color="tab:red", lw=1.2)
    ax.set_title(f"error {np.square(beat - written).sum():.1f}", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
axes[0, 0].set_ylabel("normal")
axes[1, 0].set_ylabel("normal")
axes[0, 1].set_ylabel("anomalous")
axes[1, 1].set_ylabel("anomalous")
axes[0, 2].legend(
    [axes[0, 2].lines[0], axes[0, 2].lines[1]],
    ["beat", "reconstruction"],
    frameon=False,
)

# %%
# The errors of all held-out beats, and a threshold that is exceeded by one in twenty
# normal beats.

_, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
bins = np.geomspace(normal_errors.min(), errors(recurrent, X_anomalous).max(), 50)
for X, color, name in [
    (X_test, "0.5", "normal"),
    (X_anomalous, "tab:red", "anomalous"),
]:
    ax.hist(errors(recurrent, X), bins, color=color, alpha=0.7, label=name)
threshold = np.quantile(normal_errors, 0.95)
ax.axvline(threshold, color="k", lw=1, ls="--")
ax.set(xscale="log", xlabel="Squared error", ylabel="Beats")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
share = np.mean(errors(recurrent, X_anomalous) > threshold)
print(f"{share:.1%} of the anomalous beats are beyond the threshold")

# %%
# Sequences that end early
# ------------------------
# The data are paths of a pen: loops of varying size and slant along a line, of 30 to 60
# steps. All rows have the length of the longest path, and are padded with NaN.
# `sequence_shape` is (n_timesteps, n_features); the network reads two steps at a time.


def make_paths(n, rng):
    """Return (n, 60, 2) positions of a pen, NaN after the end."""
    size, slant, phase = rng.uniform([0.5, -0.8, 0], [1.5, 0.8, 6], size=(n, 3)).T
    angles = phase[:, np.newaxis] + np.arange(60) / 4
    y = size[:, np.newaxis] * np.sin(angles)
    x = np.arange(60) / 12 + size[:, np.newaxis] * np.cos(angles)
    paths = np.stack([x + slant[:, np.newaxis] * y, y], axis=2)
    paths[np.arange(60) >= rng.integers(30, 61, size=(n, 1))] = np.nan
    return paths


paths = make_paths(500, rng)
X = paths.reshape(len(paths), -1)
writer = RecurrentAutoencoder(
    4, sequence_shape=(60, 2), padding_value=np.nan, max_iter=40, random_state=0
).fit(X[:450])
print(f"{writer.score(X[450:]):.1%} of the variance of new paths explained")

# %%
# ``reconstruct`` (red) ends where the path ends. The code does not contain the length,
# and ``inverse_transform`` (light red) extrapolates the path.

new = X[450:462]
ended = writer.reconstruct(new).reshape(-1, 60, 2)
whole = writer.inverse_transform(writer.transform(new)).reshape(-1, 60, 2)
figure, axes = plt.subplots(
    4, 3, figsize=(8, 5), sharex=True, sharey=True, layout="constrained"
)
for ax, path, goes_on, written in zip(
    axes.flat, paths[450:], whole, ended, strict=False
):
    ax.plot(*goes_on.T, color="tab:red", alpha=0.3, lw=1)
    ax.plot(*path.T, color="0.2", lw=3, alpha=0.6)
    ax.plot(*written.T, color="tab:red", lw=1.2)
    ax.set_axis_off()
    ax.set_aspect("equal")
