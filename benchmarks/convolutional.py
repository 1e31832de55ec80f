"""Images of MNIST: the published Keras figure, codes of 32 numbers, and denoising.

The published run is the convolutional autoencoder of "Building autoencoders in Keras"
(F. Chollet, Keras blog, 2016), with a cross-entropy of 0.094 a pixel. Of that, 0.058 is
the entropy of the gray pixels, which no network is without.
"""

import time

import numpy as np

from benchmarks import mnist
from skae import (
    AutoencoderTransformer,
    ConvolutionalAutoencoder,
    DenoisingAutoencoder,
)

_SHAPE = (28, 28)
_FLOOR = 0.0584
_TARGET = "at most 0.065 (published: 0.094)"
# Of white, which is 1.
_NOISE = 0.3
# Chosen on training digits, for each method of scikit-image.
_STRENGTHS = {
    "non-local means": (0.6, 0.8, 1.0, 1.2),
    "total variation": (0.1, 0.2, 0.3),
}
_N_TO_CHOOSE = 50


def add_to(commands):
    """Add the sub-command."""
    parser = mnist.add_command(
        commands, "convolutional", run, "images of MNIST: pixels, codes, denoising"
    )
    parser.add_argument(
        "--figures",
        type=lambda text: text.split(","),
        default=list(FIGURES),
        help="comma-separated",
    )
    parser.add_argument("--rows", type=int, default=60_000, help="to train on")
    parser.add_argument("--epochs", type=int, default=20, help="of training")
    parser.add_argument("--test-rows", type=int, default=10_000, help="to judge by")
    parser.add_argument("--pooling", default="stride", help="for cross_entropy")
    parser.add_argument("--upsampling", default="transposed", help="for cross_entropy")
    parser.add_argument("--seed", type=int, default=0)


def run(options):
    """Print the figures that were asked for."""
    split = mnist.load(options.openml)
    train, test = split.X_train[: options.rows], split.X_test[: options.test_rows]
    for name in options.figures:
        FIGURES[name](train, test, options)


def print_cross_entropy(train, test, options):
    """Print the cross-entropy a pixel with 16 and 8 channels."""
    autoencoder = ConvolutionalAutoencoder(
        image_shape=_SHAPE,
        loss="log_loss",
        pooling=options.pooling,
        upsampling=options.upsampling,
        learning_rate="cosine",
        early_stopping=False,
        max_iter=options.epochs,
        random_state=options.seed,
    )
    _fit("cross-entropy", autoencoder, train)
    restored = autoencoder.reconstruct(test).astype(float).clip(1e-7, 1 - 1e-7)
    entropy = test * np.log(restored) + (1 - test) * np.log1p(-restored)
    mnist.print_figures(
        f"Cross-entropy a pixel on {len(test)} test rows (at least {_FLOOR})",
        [("channels 16 and 8", _TARGET, f"{-entropy.mean():.4f}")],
    )


def print_codes(train, test, options):
    """Print the unexplained variance with codes of 32 numbers."""
    shared = {"random_state": options.seed, "max_iter": options.epochs}
    coders = {
        "AutoencoderTransformer(32)": AutoencoderTransformer(32, **shared),
        "ConvolutionalAutoencoder(32)": ConvolutionalAutoencoder(
            32, image_shape=_SHAPE, channels=(16, 32, 64), **shared
        ),
    }
    rows = []
    for name, coder in coders.items():
        _fit(name, coder, train)
        target = "below the dense one's" if rows else ""
        rows.append((name, target, f"{1 - coder.score(test):.4f}"))
    mnist.print_figures("Unexplained variance of the test rows", rows)


def print_denoising(train, test, options):
    """Print peak signal-to-noise ratios of test digits with normal noise."""
    noise = np.random.RandomState(options.seed).normal(scale=_NOISE, size=test.shape)
    noisy = (test + noise).astype(np.float32)
    rows = [("noisy", "", f"{_psnr(noisy, test):.2f}")]
    for name in _STRENGTHS:
        restored = _classical(name, train[:_N_TO_CHOOSE], noisy, options.seed)
        rows.append((f"{name} (scikit-image)", "", f"{_psnr(restored, test):.2f}"))
    for name, denoiser in _make_denoisers(train, options).items():
        _fit(name, denoiser, train)
        restored = denoiser.reconstruct(noisy)
        target = "" if name.startswith("dense") else "above all of these"
        rows.append((name, target, f"{_psnr(restored, test):.2f}"))
    mnist.print_figures(
        f"PSNR in dB of {len(test)} test digits, noise of {_NOISE}", rows
    )


def _make_denoisers(train, options):
    deviation = np.sqrt(np.square(train - train.mean(axis=0)).mean())
    shared = {
        "corruption": "gaussian",
        "corruption_level": _NOISE / deviation,
        "max_iter": options.epochs,
        "random_state": options.seed,
    }
    images = {"image_shape": _SHAPE, "channels": (16, 32)}
    return {
        "dense denoising autoencoder": DenoisingAutoencoder(64, **shared),
        "convolutional": ConvolutionalAutoencoder(**images, **shared),
        "U-Net": ConvolutionalAutoencoder(skip_connections=True, **images, **shared),
    }


def _classical(name, clean, noisy, seed):
    """Return restored images, by the strength that is best on `clean` ones."""
    noise = np.random.RandomState(seed + 1).normal(scale=_NOISE, size=clean.shape)
    by_quality = {
        strength: _psnr(_denoise(name, clean + noise, strength), clean)
        for strength in _STRENGTHS[name]
    }
    return _denoise(name, noisy, max(by_quality, key=by_quality.get))


def _denoise(name, rows, strength):
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    restored = []
    for image in rows.reshape(-1, *_SHAPE).astype(float):
        if name == "total variation":
            image = denoise_tv_chambolle(image, weight=strength)
        else:
            image = denoise_nl_means(
                image, patch_size=5, patch_distance=6, h=strength * _NOISE, sigma=_NOISE
            )
        restored.append(image.ravel())
    return np.clip(restored, 0, 1)


def _psnr(restored, clean):
    """Return the mean squared error in decibels below white, which is 1."""
    return -10 * np.log10(np.mean(np.square(restored - clean, dtype=float)))


def _fit(name, estimator, train):
    start = time.process_time()
    estimator.fit(train)
    seconds = time.process_time() - start
    print(
        f"{name}: {len(train)} rows, {estimator.n_iter_} epochs, {seconds:.0f} seconds "
        "of the processor",
        flush=True,
    )


FIGURES = {
    "cross_entropy": print_cross_entropy,
    "codes": print_codes,
    "denoising": print_denoising,
}
