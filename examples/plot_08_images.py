"""
Images
======

:class:`~skae.ConvolutionalAutoencoder` treats each row of X as a flat image,
``image.reshape(-1)``, of shape `image_shape`. Its kernels are the same at every
position, so that it can be trained on few images.
"""

# %%
# Denoising a photograph
# ----------------------
# We restore a part of one of scikit-learn's two photographs, and train on the rest of
# it and on the other. Rows of X are patches of 16 x 16 pixels with three color
# channels.

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
# The noise is normal with a standard deviation of a tenth of white; the level of the
# corruption is in units of the root mean square of the centered data.
# ``skip_connections=True`` makes a U-Net: the decoder receives the encoder's feature
# maps at each resolution, so that no details are lost in the code.

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
# All patches of the noisy image are restored, and averaged where they overlap.


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
# The dense network represents each patch by 64 numbers, and loses details. The
# convolutional network removes the noise and keeps the details.
#
# Feature maps as codes
# ---------------------
# Without `n_components` the code is the innermost feature map, a small image in each of
# its channels: 4 x 4 pixels for a patch of 16 x 16. `feature_map_shape_` is the shape
# of the flat codes. The figure joins the feature maps of adjacent patches, for the
# channels with the largest variance; a grid is visible at the borders of the patches,
# where kernels see zeros outside. With an integer `n_components` the code consists of
# that many numbers, as in PCA.

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
