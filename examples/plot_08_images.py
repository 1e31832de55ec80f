"""
Images
======

:class:`~skae.ConvolutionalAutoencoder` reads the rows of X as images: one flat row
each, ``image.reshape(-1)``, of the shape that `image_shape` tells. Its kernels are the
same at every place of an image, so that it learns from few of them.
"""

# %%
# A photograph without its noise
# ------------------------------
# Two photographs come with scikit-learn. We restore a part of one of them, and learn
# from the rest of it and from the other. Rows of X are patches of 16 x 16 pixels in
# three colours.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import (
    extract_patches_2d,
    reconstruct_from_patches_2d,
)

from skae import ConvolutionalAutoencoder, DenoisingAutoencoder

SIDE = 16


def to_rows(image, max_patches=None):
    """Return patches of an image as flat rows; all of them, or some at random."""
    patches = extract_patches_2d(
        image, (SIDE, SIDE), max_patches=max_patches, random_state=0
    )
    return patches.reshape(len(patches), -1)


china, flower = (
    (load_sample_image(name)[::2, ::2] / 255).astype(np.float32)
    for name in ("china.jpg", "flower.jpg")
)
clean = china[16:160, :160]
X = np.vstack([to_rows(china[:, 160:], 1500), to_rows(flower, 1500)])
X.shape

# %%
# Normal noise of a tenth of white; the level of the corruption is in units of the root
# mean square of the centred data. ``skip_connections=True`` makes a U-Net: the way up
# sees what the way down has seen at each size, and nothing fine is lost in the code.

NOISE = 0.1
noise = np.random.RandomState(0).normal(scale=NOISE, size=clean.shape)
noisy = (clean + noise).astype(np.float32)
shared = {
    "corruption": "gaussian",
    "corruption_level": NOISE / np.sqrt(X.var(axis=0).mean()),
    "max_iter": 8,
    "random_state": 0,
}
u_net = ConvolutionalAutoencoder(
    image_shape=(SIDE, SIDE, 3), channels=(16, 32), skip_connections=True, **shared
).fit(X)
dense = DenoisingAutoencoder(64, **shared).fit(X)

# %%
# All patches of the noisy picture are restored, and put together by their mean where
# they overlap.


def restore(model):
    patches = model.reconstruct(to_rows(noisy)).reshape(-1, SIDE, SIDE, 3)
    return reconstruct_from_patches_2d(patches, noisy.shape)


def psnr(image):
    """Peak signal-to-noise ratio in decibels; the peak is 1."""
    return -10 * np.log10(np.mean((image - clean) ** 2))


pictures = {
    "Noisy": noisy,
    "Dense layers": restore(dense),
    "U-Net": restore(u_net),
    "Clean": clean,
}
fig, axes = plt.subplots(2, 2, figsize=(7, 6.7), layout="constrained")
for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=True):
    ax.imshow(picture.clip(0, 1))
    quality = "" if name == "Clean" else f", {psnr(picture):.1f} dB"
    ax.set_title(f"{name}{quality}", loc="left")
    ax.set_axis_off()

# %%
# The dense network has to say each patch by 64 numbers, and loses what is fine. The
# convolutions take the noise off, and leave the rest.
#
# Codes are maps
# --------------
# Without `n_components` the code is the innermost feature map, a small image in each of
# its channels: of a patch of 16 x 16 pixels 4 x 4, with `feature_map_shape_` to read
# the flat rows by. Those of patches side by side, put together, are the picture as the
# network sees it; the grid is at their borders, beyond which a kernel sees nothing. We
# draw the channels that vary most. An int in place of None gives so many numbers, as
# PCA would.

n_down, n_across = (length // SIDE for length in clean.shape[:2])
tiles = to_rows(clean).reshape(clean.shape[0] - SIDE + 1, -1, X.shape[1])
codes = u_net.transform(tiles[::SIDE, ::SIDE].reshape(n_down * n_across, -1))
height, width, n_channels = u_net.feature_map_shape_
maps = codes.reshape(n_down, n_across, height, width, n_channels).swapaxes(1, 2)
maps = maps.reshape(n_down * height, n_across * width, n_channels)

fig, axes = plt.subplots(2, 4, figsize=(7, 3.6), layout="constrained")
most = np.argsort(-maps.var(axis=(0, 1)))[: axes.size]
for ax, channel in zip(axes.flat, most, strict=True):
    ax.imshow(maps[..., channel], cmap="gray")
    ax.set_title(f"Channel {channel}", loc="left", fontsize="medium")
    ax.set_axis_off()
plt.show()
