"""
Rows of a chosen class
======================

:class:`~skae.ConditionalVAE` models X given y, a class or a number. What y tells need
not be in the codes: they hold the rest, the style. So it draws rows of the class one
asks for, and turns a row into the same one of another class.
"""

# %%
# Asking for a digit
# ------------------
# scikit-learn's digits, or MNIST from the folder that ``SKAE_DATA`` names. A `beta`
# above 1 makes the codes fill their prior, so that draws from it are surer to be of
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
# `sample` needs to know which class. One label goes for all rows, or there is one for
# each; ``noise=False`` gives the means of the pixels.

import matplotlib.pyplot as plt


def draw(rows, n_columns, labels, title, ylabel=None):
    """Draw pictures side by side, a label at each line of them."""
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
draw(generated, 14, vae.classes_, "Drawn from the prior", "class asked for")

# %%
# Are they what was asked for? A classifier of real digits is the judge. And a
# classifier that has seen nothing but generated digits reads real ones.

from sklearn.svm import SVC

labels = np.arange(3000) % 10
generated = vae.sample(y=labels, random_state=1, noise=False)
judge = SVC().fit(X_train, y_train)
of_generated = SVC().fit(generated, labels)
print(f"generated digits recognised:       {judge.score(generated, labels):.1%}")
print(f"real ones, read from generated:    {of_generated.score(X_test, y_test):.1%}")
print(f"real ones, read from real:         {judge.score(X_test, y_test):.1%}")

# %%
# One style, all classes
# ----------------------
# A held-out digit is encoded, given its class, and decoded as each class in turn. Its
# slant and its stroke remain, as they are all that the code tells.

rows = np.array([np.flatnonzero(y_test == digit)[0] for digit in vae.classes_])
codes = vae.transform(X_test[rows], y_test[rows])
as_digit = [vae.inverse_transform(codes, y=digit) for digit in vae.classes_]
blank = np.zeros_like(X_test[rows])
table = np.stack([X_test[rows], blank, *as_digit], axis=1)
draw(table, 12, vae.classes_, "Held out, and the same style in each class")

# %%
# What style is, for one class: the plane of the two codes that vary most.

from skae.plotting import LatentManifoldDisplay

display = LatentManifoldDisplay.from_estimator(
    vae, X_train, y=4, n_images=13, cmap="gray_r"
)

# %%
# A number in place of a class
# ----------------------------
# scikit-learn's digits turned by a random angle, and the angle as y. (Whole numbers
# would be taken for labels; the angle in units of 45 degrees is none.) Now the code
# holds the digit, and y turns it. To keep the angle in the code too is dear with a
# large `beta`.

from scipy.ndimage import rotate


def turned(rows, angles):
    """Return pictures turned by angles in degrees."""
    pairs = zip(rows.reshape(-1, 8, 8), angles, strict=True)
    return np.array(
        [rotate(picture, angle, reshape=False, order=1) for picture, angle in pairs]
    ).reshape(rows.shape)


upright, digit = load_digits(return_X_y=True)
upright = upright / 16
held_out = np.array([np.flatnonzero(digit[1500:] == d)[0] + 1500 for d in range(10)])
many = np.tile(upright[:1500], (5, 1))
angles = np.random.default_rng(0).uniform(-60, 60, len(many))
turning = ConditionalVAE(
    12, beta=2.5, hidden_layer_sizes=(512,), max_iter=40, random_state=0
)
turning.fit(turned(many, angles), angles / 45)

codes = turning.transform(upright[held_out], y=0.0)
views = [turning.inverse_transform(codes, y=a / 45) for a in np.linspace(-60, 60, 9)]
blank = np.zeros((10, 64))
table = np.stack([upright[held_out], blank, *views], axis=1)
draw(table, 11, range(10), "Held out, and decoded from -60 to 60 degrees")
