"""
Generating new samples
======================

:class:`~skae.VAETransformer` learns the distribution of the data: codes have the prior
N(0, I), and a sample has a likelihood given its code. The model generates new samples,
and estimates the likelihood of any sample.
"""

# %%
# A map of all digits
# -------------------
# The data are scikit-learn's digits, or MNIST from the folder ``SKAE_DATA``. The
# Bernoulli likelihood suits gray values in [0, 1].

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
# With two codes the prior covers a plane. The figure shows decoded points of the plane,
# at quantiles of N(0, 1), so that all images have the same probability.

from skae.plotting import LatentManifoldDisplay

display = LatentManifoldDisplay.from_estimator(flat, n_images=17, cmap="gray_r")

# %%
# The codes of held-out digits in this plane. Labels were not used in training.

from skae.plotting import LatentSpaceDisplay

display = LatentSpaceDisplay.from_estimator(flat, X_test, y=y_test)

# %%
# New digits
# ----------
# Two codes are too few for good images. ``sample`` draws codes from the prior and
# returns decoded samples; with ``noise=False``, as is usual for images, their means.
# With the Gaussian likelihood, the default, the noise variance is learned.

import matplotlib.pyplot as plt

side = round(X.shape[1] ** 0.5)


def show(ax, title, rows, n_columns):
    """Draw rows as images, with a margin around each."""
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
# The effect of single codes, from one end of the prior to the other, starting from a
# digit: the six codes that explain most of the variance by themselves. A code without
# information would have no effect.

from skae.plotting import LatentTraversalDisplay

informative = np.argsort(-vae.explained_variance_ratio_)[:6]
display = LatentTraversalDisplay.from_estimator(
    vae, X_test, row=3, components=informative, cmap="gray_r"
)

# %%
# Likelihood
# ----------
# ``score`` is a lower bound on the mean log-likelihood of X, in nats. With a Gaussian
# likelihood it is comparable to that of probabilistic PCA, from which training starts.
# With more draws ``score_samples`` is closer to the log-likelihood.

from sklearn.decomposition import PCA

pca = PCA(16, random_state=0).fit(X_train)
print(f"PCA                     {pca.score(X_test):8.1f} nats")
for n_draws in (1, 16, 128):
    bound = vae.score_samples(X_test, n_draws=n_draws).mean()
    print(f"VAE, {n_draws:3} draws per row  {bound:8.1f} nats")

# %%
# Anomalies
# ---------
# Samples with a low likelihood are digits that are written in an unusual way.

scores = vae.score_samples(X_test)
order = np.argsort(scores)
middle = len(order) // 2
figure, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
show(axes[0], "Least likely", X_test[order[:32]], 8)
show(axes[1], "Typical", X_test[order[middle : middle + 32]], 8)
