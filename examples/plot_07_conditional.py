"""
Samples of a chosen class
=========================

:class:`~skae.ConditionalVAE` models X given y, a class or a number. The codes need not
encode y; they capture the remaining variation, the style. The model can therefore
generate samples of a chosen class, and change the class of a given sample.
"""

# %%
# Generating digits
# -----------------
# The data are scikit-learn's digits, or MNIST from the folder ``SKAE_DATA``. With a
# `beta` above 1 the codes fill their prior, so that samples belong more reliably to
# their class.

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import ConditionalVAE

mnist = Path(os.environ.get("SKAE_DATA", "")) / "mnist.npz"
if mnist.is_file():
    with np.load(mnist) as arrays:
        X = arrays["x_train"][:10_000].reshape(-1, 784).astype(np.float32) / 255
        y = arrays["y_train"][:10_000]
    settings = {"likelihood": "bernoulli", "beta": 3, "max_iter": 12}
else:
    X, y = load_digits(return_X_y=True)
    X = X / 16
    settings = {"beta": 1.5, "max_iter": 60}
settings |= {"hidden_layer_sizes": (512,), "random_state": 0}
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

vae = ConditionalVAE(4, **settings).fit(X_train, y_train)

# %%
# `sample` requires y: one label for all samples, or one per sample. ``noise=False``
# returns the means of the pixels.

import matplotlib.pyplot as plt


def draw(rows, n_columns, labels, title, ylabel=None):
    """Draw images side by side, with a label at each row."""
    side = int(np.sqrt(rows.shape[-1]))
    pictures = rows.reshape(-1, n_columns, side, side)
    margin = side // 8
    pictures = np.pad(pictures, [(0, 0), (0, 0), (margin, margin), (0, margin)])
    n_lines, _, height, _ = pictures.shape
    _, ax = plt.subplots(
        figsize=(0.55 * n_columns + 0.7, 0.6 * n_lines + 0.4), layout="constrained"
    )
    mosaic = pictures.transpose(0, 2, 1, 3).reshape(n_lines * height, -1)
    ax.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1)
    ax.set_yticks(height * (np.arange(n_lines) + 0.5) - 0.5, labels)
    ax.set(xticks=[], ylabel=ylabel)
    ax.set_title(title, loc="left")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


wanted = np.repeat(vae.classes_, 14)
generated = vae.sample(y=wanted, random_state=0, noise=False)
draw(generated, 14, vae.classes_, "Drawn from the prior", "requested class")

# %%
# A classifier that is trained on real digits measures whether generated ones belong to
# the requested class. Conversely, a classifier that is trained on generated digits only
# is tested on real ones.

from sklearn.svm import SVC

labels = np.arange(3000) % 10
generated = vae.sample(y=labels, random_state=1, noise=False)
of_real = SVC().fit(X_train, y_train)
of_generated = SVC().fit(generated, labels)
print(f"generated digits, trained on real:      {of_real.score(generated, labels):.1%}")
print(
    f"real digits, trained on generated ones: {of_generated.score(X_test, y_test):.1%}"
)
print(f"real digits, trained on real ones:      {of_real.score(X_test, y_test):.1%}")

# %%
# One style, all classes
# ----------------------
# A held-out digit is encoded, given its class, and decoded as each class in turn. Slant
# and stroke are preserved, because they are what the code represents.

rows = np.array([np.flatnonzero(y_test == digit)[0] for digit in vae.classes_])
codes = vae.transform(X_test[rows], y_test[rows])
as_digit = [vae.inverse_transform(codes, y=digit) for digit in vae.classes_]
blank = np.zeros_like(X_test[rows])
table = np.stack([X_test[rows], blank, *as_digit], axis=1)
draw(table, 12, vae.classes_, "Held out, and the same style in each class")

# %%
# The styles of one class, in the plane of the two codes with the largest variance.

from skae.plotting import LatentManifoldDisplay

display = LatentManifoldDisplay.from_estimator(
    vae, X_train, y=4, n_images=13, cmap="gray_r"
)

# %%
# A number in place of a class
# ----------------------------
# scikit-learn's digits are rotated by a random angle, which is y. (Whole numbers would
# be treated as labels, therefore the angle is in units of 45 degrees.) The code
# represents the digit, and y its rotation. With a large `beta` the penalty on encoding
# the angle as well is high.

from scipy.ndimage import rotate


def rotated(rows, angles):
    """Return images rotated by angles in degrees."""
    pairs = zip(rows.reshape(-1, 8, 8), angles, strict=True)
    return np.array(
        [rotate(picture, angle, reshape=False, order=1) for picture, angle in pairs]
    ).reshape(rows.shape)


upright, digit = load_digits(return_X_y=True)
upright = upright / 16
held_out = np.array([np.flatnonzero(digit[1500:] == d)[0] + 1500 for d in range(10)])
many = np.tile(upright[:1500], (5, 1))
angles = np.random.default_rng(0).uniform(-60, 60, len(many))
rotating = ConditionalVAE(
    12, beta=2.5, hidden_layer_sizes=(512,), max_iter=40, random_state=0
)
rotating.fit(rotated(many, angles), angles / 45)

codes = rotating.transform(upright[held_out], y=0.0)
views = [rotating.inverse_transform(codes, y=a / 45) for a in np.linspace(-60, 60, 9)]
blank = np.zeros((10, 64))
table = np.stack([upright[held_out], blank, *views], axis=1)
draw(table, 11, range(10), "Held out, and decoded from -60 to 60 degrees")
