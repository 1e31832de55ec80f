"""
Sparse codes
============

:class:`~skae.SparseAutoencoder` writes each row as a sum of a few out of many parts. On
pictures of digits the parts are strokes, though nothing told it so.
"""

# %%
# A few of many
# -------------
# MNIST from the folder that ``SKAE_DATA`` names, or scikit-learn's smaller digits.
# 256 codes, of which the 10 largest are kept in each row. With tied weights the decoder
# is the encoder, transposed: each code is found by what it draws.

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
    256, k=10, tied_weights=True, max_iter=max_iter, random_state=0
).fit(X_train)
print(f"{coder.score(X_test):.0%} of the variance of new rows is reconstructed")
print(f"{coder.dead_fraction_:.0%} of the codes are never used")

# %%
# What a code stands for
# ----------------------
# The weights of a code are a picture: what it looks for, and what it adds to a row
# where it is found. Those of MNIST are strokes (red) and what they stand out from
# (blue); 8 x 8 pixels leave little room for more than blots.

from skae.plotting import FiltersDisplay

display = FiltersDisplay.from_estimator(coder, n_filters=100, cmap="RdBu_r")

# %%
# A digit as a sum
# ----------------
# Four rows, and the mean plus their largest codes, one after the other. ``transform``
# gives the codes and ``inverse_transform`` the picture of any of them.

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
# 'top_k' keeps a number of codes. 'kl' holds the mean of each code, between 0 and 1,
# near a target: no code is exactly zero. 'l1' charges for the sum of the codes; rows
# with much to tell have more of them.

figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), sharey=True)
for ax, sparsity in zip(axes, ["top_k", "kl", "l1"], strict=True):
    other = SparseAutoencoder(
        256, sparsity=sparsity, tied_weights=True, max_iter=max_iter, random_state=0
    ).fit(X_train)
    codes = other.transform(X_test)
    # In units of the largest code, so that the three can be compared.
    n_active = (codes > 0.05 * codes.max()).sum(axis=1)
    ax.hist(n_active, bins=np.arange(0, 130, 4), color="C0")
    ax.set(title=f"{sparsity}, score {other.score(X_test):.2f}", xlabel="Codes in use")
axes[0].set_ylabel("Rows")
figure.tight_layout()

# %%
# Codes for a classifier
# ----------------------
# What is a matter of curved boundaries between pixels is nearly one of planes between
# codes. With ``sparse_output=True`` the codes are a sparse matrix all the way.

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

coder.set_params(k=13, sparse_output=True)
on_pixels = LogisticRegression(max_iter=2000).fit(X_train, y_train)
on_codes = make_pipeline(coder, LogisticRegression(max_iter=2000))
on_codes.fit(X_train, y_train)
print(f"Errors on pixels: {1 - on_pixels.score(X_test, y_test):.1%}")
print(f"Errors on codes:  {1 - on_codes.score(X_test, y_test):.1%}")
print(repr(on_codes[0].transform(X_test)))
