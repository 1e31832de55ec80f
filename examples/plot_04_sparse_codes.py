"""
Sparse codes
============

:class:`~skae.SparseAutoencoder` represents each sample as a sum of a few out of many
parts. For images of digits the parts it learns are strokes.
"""

# %%
# Top-k sparsity
# --------------
# The data are MNIST from the folder ``SKAE_DATA``, or scikit-learn's smaller digits. Of
# 256 codes the 10 largest are kept in each sample. With tied weights the decoder is the
# transpose of the encoder, so that a code detects the same pattern that it draws.

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import SparseAutoencoder

mnist = Path(os.environ.get("SKAE_DATA", "")) / "mnist.npz"
if mnist.is_file():
    with np.load(mnist) as arrays:
        X, y = arrays["x_train"][:5000].reshape(-1, 784), arrays["y_train"][:5000]
    X, max_iter = X / np.float32(255), 20
else:
    X, y = load_digits(return_X_y=True)
    X, max_iter = X / 16, 60
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

coder = SparseAutoencoder(
    256, n_nonzero_coefs=10, tied_weights=True, max_iter=max_iter, random_state=0
).fit(X_train)
print(f"{coder.score(X_test):.0%} of the variance of new samples is reconstructed")
print(f"{coder.dead_fraction_:.0%} of the codes are never used")

# %%
# Filters
# -------
# The weights of a code are an image: the pattern that the code detects, and that it
# adds to the reconstruction. For MNIST they are strokes (red) and their surroundings
# (blue); with 8 x 8 pixels they are small blobs.

from skae.plotting import FiltersDisplay

display = FiltersDisplay.from_estimator(coder, n_filters=100, cmap="RdBu_r")

# %%
# A digit as a sum
# ----------------
# Four samples, reconstructed from the mean and a growing number of their largest codes.
# ``transform`` returns the codes and ``inverse_transform`` the image of any subset.

import matplotlib.pyplot as plt

side = int(np.sqrt(X.shape[1]))
steps = [0, 1, 2, 3, 5, 10]
rows = X_test[:4]
codes = coder.transform(rows)
order = np.argsort(-codes, axis=1)

figure, axes = plt.subplots(len(rows), len(steps) + 1, figsize=(8.4, 4.9))
for row, code, ranks, line in zip(rows, codes, order, axes, strict=True):
    kept = np.zeros((len(steps), len(code)), dtype=codes.dtype)
    for sketch, n in zip(kept, steps, strict=True):
        sketch[ranks[:n]] = code[ranks[:n]]
    pictures = [*coder.inverse_transform(kept), row]
    for ax, picture in zip(line, pictures, strict=True):
        ax.imshow(picture.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
for ax, title in zip(axes[0], [*steps, "row"], strict=True):
    ax.set_title(title if title == "row" else f"{title} code" + "s" * (title != 1))
figure.tight_layout()

# %%
# Three kinds of sparsity
# -----------------------
# 'top_k' keeps a fixed number of codes. 'kl' keeps the mean of each code, which is
# between 0 and 1, near a target: no code is exactly zero. 'l1' penalizes the sum of the
# codes; samples with more content use more of them.

figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), sharey=True)
for ax, sparsity in zip(axes, ["top_k", "kl", "l1"], strict=True):
    other = SparseAutoencoder(
        256, sparsity=sparsity, tied_weights=True, max_iter=max_iter, random_state=0
    ).fit(X_train)
    codes = other.transform(X_test)
    # Relative to the largest code, so that the three are comparable.
    n_active = (codes > 0.05 * codes.max()).sum(axis=1)
    ax.hist(n_active, bins=np.arange(0, 130, 4), color="C0")
    ax.set(title=f"{sparsity}, score {other.score(X_test):.2f}", xlabel="Active codes")
axes[0].set_ylabel("Samples")
figure.tight_layout()

# %%
# Codes for a classifier
# ----------------------
# Classes that are not linearly separable in the pixels are almost linearly separable in
# the codes. With ``sparse_output=True`` the codes are a sparse matrix throughout the
# pipeline.

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

coder.set_params(n_nonzero_coefs=13, sparse_output=True)
on_pixels = LogisticRegression(max_iter=2000).fit(X_train, y_train)
on_codes = make_pipeline(coder, LogisticRegression(max_iter=2000))
on_codes.fit(X_train, y_train)
print(f"Errors on pixels: {1 - on_pixels.score(X_test, y_test):.1%}")
print(f"Errors on codes:  {1 - on_codes.score(X_test, y_test):.1%}")
print(repr(on_codes[0].transform(X_test)))
