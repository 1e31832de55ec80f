"""
Removing noise
==============

:class:`~skae.DenoisingAutoencoder` learns to restore clean samples from corrupted ones.
It needs clean samples only: the corruption is drawn anew in each batch. It starts from
the optimal *linear* denoiser, which is known in closed form, and improves on it.
"""

# %%
# Gaussian noise
# --------------
# Digits in [0, 1], with noise of the same standard deviation as the digits themselves.
# The level of the corruption is in units of this standard deviation, so that
# ``corruption_level=1`` is the noise to be removed.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, DenoisingAutoencoder

X, _ = load_digits(return_X_y=True)
X = X / 16
X_train, X_test = train_test_split(X, random_state=0)

rng = np.random.default_rng(0)
scale = np.sqrt(X_train.var(axis=0).mean())
X_noisy = X_test + rng.normal(scale=scale, size=X_test.shape)

denoiser = DenoisingAutoencoder(
    corruption="gaussian", corruption_level=1, random_state=0
).fit(X_train)

# %%
# PCA also removes noise, namely everything outside of the subspace of its components.
# Fewer components remove more noise, but also more of the digits. PCA gets the number
# of components that is best on the test samples, which is an advantage in this
# comparison.


def psnr(X_restored):
    """Peak signal-to-noise ratio in decibels; the peak is 1."""
    return -10 * np.log10(np.mean((X_restored - X_test) ** 2))


def restore(model):
    return model.inverse_transform(model.transform(X_noisy))


pcas = [PCA(k).fit(X_train) for k in range(1, 40)]
pca = max(pcas, key=lambda pca: psnr(restore(pca)))
plain = AutoencoderTransformer(pca.n_components_, random_state=0).fit(X_train)

restored = {
    "Noisy": X_noisy,
    f"PCA({pca.n_components_}), tuned": restore(pca),
    f"AutoencoderTransformer({pca.n_components_})": restore(plain),
    "DenoisingAutoencoder()": restore(denoiser),
}
for name, rows in restored.items():
    print(f"{name:28}{psnr(rows):6.1f} dB")

# %%
# ``reconstruct`` removes the noise. The numbers on the left are the explained variance
# of the *clean* digits.

from skae.plotting import ReconstructionDisplay

display = ReconstructionDisplay.from_estimator(
    {"PCA, tuned": pca, "Denoising\nautoencoder": denoiser},
    X_noisy,
    X_target=X_test,
    input_name="Noisy",
    target_name="Clean",
    cmap="gray_r",
)

# %%
# Other corruptions
# -----------------
# For the other corruptions the level is the share of corrupted pixels. 'masking' sets
# them to the pixel's mean, 'salt_and_pepper' to its smallest or largest value, and
# 'swap' to the value of the same pixel in another sample. A function can be used as
# well. This one covers a square at a random position with black; the model does not
# receive the position.


def cover_a_square(X, random_state, side=4):
    """Return a copy of X with a square of each image set to zero."""
    images = X.reshape(-1, 8, 8).copy()
    corners = random_state.randint(8 - side + 1, size=(len(X), 2))
    for image, (row, column) in zip(images, corners, strict=True):
        image[row : row + side, column : column + side] = 0
    return images.reshape(len(X), -1)


def swap(X, random_state, share=0.3):
    """Return a copy of X with values replaced by those of the same pixel elsewhere."""
    swapped = random_state.permuted(X, axis=0)
    return np.where(random_state.uniform(size=X.shape) < share, swapped, X)


covered = cover_a_square(X_test, np.random.RandomState(0))
swapped = swap(X_test, np.random.default_rng(0))

for corruption, corrupted in [(cover_a_square, covered), ("swap", swapped)]:
    model = DenoisingAutoencoder(corruption=corruption, random_state=0).fit(X_train)
    display = ReconstructionDisplay.from_estimator(
        {"Restored": model},
        corrupted,
        X_target=X_test,
        input_name="Corrupted",
        target_name="Clean",
        cmap="gray_r",
    )
    name = corruption if isinstance(corruption, str) else corruption.__name__
    display.ax_.set_title(f"corruption={name}", loc="left")

# %%
# If pairs of noisy and clean samples are available, they replace the corruption:
# ``DenoisingAutoencoder().fit(X_noisy, X_target=X_clean)``.
