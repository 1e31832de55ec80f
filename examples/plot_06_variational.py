"""
Drawing new rows
================

:class:`~skae.VAETransformer` learns a distribution of rows: codes have the prior
N(0, I), and a row has a likelihood given its code. It draws new rows, and says of any
row how likely it is.
"""

# %%
# A map of all digits
# -------------------
# scikit-learn's digits, or MNIST from the folder that ``SKAE_DATA`` names. Grey values
# in [0, 1] go well with the Bernoulli likelihood.

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import VAETransformer

mnist = Path(os.environ.get("SKAE_DATA", "")) / "mnist.npz"
if mnist.is_file():
    with np.load(mnist) as arrays:
        X = arrays["x_train"][:8_000].reshape(-1, 784).astype(np.float32) / 255
        y = arrays["y_train"][:8_000]
    epochs = 12
else:
    X, y = load_digits(return_X_y=True)
    X = X / 16
    epochs = 100
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

flat = VAETransformer(2, likelihood="bernoulli", max_iter=epochs, random_state=0)
flat.fit(X_train)

# %%
# With two codes the whole of the prior is a plane. Its points decode to this: columns
# and rows stand at quantiles of N(0, 1), so each picture has the same probability.

from skae.plotting import LatentManifoldDisplay

display = LatentManifoldDisplay.from_estimator(flat, n_images=17, cmap="gray_r")

# %%
# Where held-out digits lie on it. No label was seen in training.

from skae.plotting import LatentSpaceDisplay

display = LatentSpaceDisplay.from_estimator(flat, X_test, y=y_test)

# %%
# New digits
# ----------
# Two codes are too few to write well. ``sample`` draws codes from the prior and gives
# the rows that they stand for; with ``noise=False``, as is usual for pictures, their
# means. The Gaussian likelihood, the default, learns how large the noise is.

import matplotlib.pyplot as plt

side = round(X.shape[1] ** 0.5)


def show(ax, title, rows, n_columns):
    """Draw rows as pictures, with a margin around each."""
    images = np.pad(rows.reshape(-1, side, side), ((0, 0), (0, side // 8), (0, 0)))
    images = np.pad(images, ((0, 0), (0, 0), (0, side // 8)))
    lines = images.reshape(-1, n_columns, *images.shape[1:])
    ax.imshow(
        np.vstack([np.hstack(line) for line in lines]), cmap="gray_r", vmin=0, vmax=1
    )
    ax.set_title(title, loc="left")
    ax.set_axis_off()


vae = VAETransformer(16, max_iter=epochs, random_state=0).fit(X_train)

figure, axes = plt.subplots(1, 3, figsize=(9, 4.2), layout="constrained")
show(axes[0], "Digits", X_test[:48], 6)
show(axes[1], "Drawn with 16 codes", vae.sample(48, random_state=0, noise=False), 6)
show(axes[2], "Drawn with 2 codes", flat.sample(48, random_state=0, noise=False), 6)

# %%
# What single codes do, from one end of the prior to the other, starting from a digit:
# the six that explain most of the variance by themselves. The row of a code that tells
# nothing would not change.

from skae.plotting import LatentTraversalDisplay

telling = np.argsort(-vae.explained_variance_ratio_)[:6]
display = LatentTraversalDisplay.from_estimator(
    vae, X_test, row=3, components=telling, cmap="gray_r"
)

# %%
# Nats
# ----
# ``score`` is a lower bound on the mean log likelihood, in nats of X's own density.
# With a Gaussian likelihood it can be compared with that of probabilistic PCA, which
# training starts from. More draws bring ``score_samples`` closer to the likelihood.

from sklearn.decomposition import PCA

pca = PCA(16, random_state=0).fit(X_train)
print(f"PCA                     {pca.score(X_test):8.1f} nats")
for n_draws in (1, 16, 128):
    bound = vae.score_samples(X_test, n_draws=n_draws).mean()
    print(f"VAE, {n_draws:3} draws a row    {bound:8.1f} nats")

# %%
# Odd ones out
# ------------
# Rows that the model finds unlikely are written in an unusual way.

scores = vae.score_samples(X_test)
order = np.argsort(scores)
middle = len(order) // 2
figure, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
show(axes[0], "Least likely", X_test[order[:32]], 8)
show(axes[1], "Typical", X_test[order[middle : middle + 32]], 8)
