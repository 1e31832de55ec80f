"""ConvolutionalAutoencoder against torch's own layers, and what it promises."""

import itertools
import pickle

import engine
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import AutoencoderTransformer, ConvolutionalAutoencoder, DenoisingAutoencoder
from skae._estimators.images.image_shape import resolve_image_shape
from skae._networks.convolution import (
    Convolution,
    StridedConvolution,
    TransposedConvolution,
    UpsamplingConvolution,
    average_pooling,
    factors,
    halved,
    max_pooling,
)
from skae._networks.convolutional import ConvolutionalNetwork, UNet
from skae._networks.cost import multiplications, rows_at_once
from skae._networks.scaling import Scaling

SIZES = [(1, 1), (1, 6), (7, 1), (2, 3), (4, 5), (8, 8)]
KERNELS = [(1, 1), (2, 2), (3, 3), (4, 5), (7, 7)]


@pytest.fixture(scope="module")
def digits():
    X, _ = load_digits(return_X_y=True)
    return X[:1400], X[1400:]


def make_generator():
    return torch.Generator().manual_seed(0)


def drawn(layer):
    for parameter in layer.parameters():
        parameter.data.normal_(generator=make_generator())
    return layer.double()


def maps(n_channels, size):
    shape = 2, *size, n_channels
    h = torch.randn(shape, generator=make_generator(), dtype=torch.float64)
    return h.permute(0, 3, 1, 2)


def small(**parameters):
    return ConvolutionalAutoencoder(
        **{"channels": (4, 3), "max_iter": 3, "random_state": 0, **parameters}
    )


# ----- layers ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@pytest.mark.parametrize(("size", "kernel"), list(itertools.product(SIZES, KERNELS)))
def test_a_convolution_is_the_one_of_torch(size, kernel):
    h, layer = maps(3, size), drawn(Convolution(3, 4, kernel, size))
    expected = F.conv2d(h, layer.weight, layer.bias, padding="same")
    torch.testing.assert_close(layer(h), expected)


def test_places_outside_every_map_are_left_out():
    """A row of pixels meets the middle row of a kernel alone."""
    layer = drawn(Convolution(2, 3, (3, 3), (1, 5)))
    assert layer.weight.shape == (3, 2, 1, 3)
    whole = torch.zeros(3, 2, 3, 3, dtype=torch.float64)
    whole[:, :, 1:2] = layer.weight.detach()
    h = maps(2, (1, 5))
    expected = F.conv2d(h, whole, layer.bias, padding=1)
    torch.testing.assert_close(layer(h), expected)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@pytest.mark.parametrize(("size", "kernel"), list(itertools.product(SIZES, KERNELS)))
def test_upsampling_in_one_is_upsampling_then_a_convolution(size, kernel):
    h = maps(3, halved(size)).requires_grad_()
    layer = drawn(UpsamplingConvolution(3, 4, kernel, size))
    a, b = factors(size)
    large = h.repeat_interleave(a, 2).repeat_interleave(b, 3)
    expected = F.conv2d(large, layer.weight, layer.bias, padding="same")
    expected = expected[:, :, : size[0], : size[1]]
    result = layer(h)
    torch.testing.assert_close(result, expected)
    inputs = h, layer.weight, layer.bias
    weight = torch.randn(result.shape, generator=make_generator(), dtype=h.dtype)
    for ours, theirs in zip(
        torch.autograd.grad((result * weight).sum(), inputs),
        torch.autograd.grad((expected * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 3)])
@pytest.mark.parametrize("size", [(4, 6), (1, 6), (8, 8)])
def test_a_transposed_convolution_is_the_transpose(size, kernel):
    """<A x, y> = <x, A' y> with the strided convolution A of the same kernel."""
    strided = drawn(StridedConvolution(3, 4, kernel, size))
    transposed = drawn(TransposedConvolution(4, 3, kernel, size))
    transposed.weight.data = strided.weight.data.transpose(0, 1).contiguous()
    strided.bias.data.zero_(), transposed.bias.data.zero_()
    x, y = maps(3, size), maps(4, halved(size))
    torch.testing.assert_close((strided(x) * y).sum(), (x * transposed(y)).sum())


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_halved_and_doubled(size):
    h = maps(3, size)
    for pool in (max_pooling, average_pooling):
        assert pool(h, factors(size)).shape[2:] == halved(size)
    assert StridedConvolution(3, 4, (3, 3), size).double()(h).shape[2:] == halved(size)
    for kind in (UpsamplingConvolution, TransposedConvolution):
        layer = kind(3, 4, (4, 4), size).double()
        assert layer(maps(3, halved(size))).shape[2:] == size


def test_blocks_at_the_border_hold_what_is_there():
    h = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert max_pooling(h, (2, 2)).flatten().tolist() == [4, 5, 7, 8]
    assert average_pooling(h, (2, 2)).flatten().tolist() == [2, 3.5, 6.5, 8]


# ----- networks ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [ConvolutionalNetwork, UNet])
@pytest.mark.parametrize("image_shape", [(1, 1, 1), (1, 7, 1), (5, 3, 2), (9, 9, 3)])
@pytest.mark.parametrize("pooling", ["max", "average", "stride"])
@pytest.mark.parametrize("n_components", [None, 4])
def test_any_image_goes_through(kind, image_shape, pooling, n_components):
    options = {"pooling": pooling, "batch_norm": True, "dropout": 0.1}
    network = kind(image_shape, n_components, (3, 4, 2), (3, 3), "maxout", **options)
    generator = make_generator()
    network.initialize("xavier_uniform", generator)
    u = torch.randn(6, np.prod(image_shape), generator=generator)
    for rows in (u, u[:1]):
        assert network(rows, generator).shape == rows.shape
    network.eval()
    n_codes = n_components or np.prod(network.map_shape)
    assert network.encode(u).shape == (6, n_codes)
    copy = pickle.loads(pickle.dumps(network))
    assert torch.equal(copy(u), network(u))


def test_maps_stay_channels_last():
    network = ConvolutionalNetwork((8, 8, 3), None, (4, 5), (3, 3), "silu")
    seen = []
    for module in network.modules():
        if isinstance(module, Convolution):
            module.register_forward_hook(lambda m, given, h: seen.append(h))
    u = torch.rand(2, 192)
    network(u)
    assert len(seen) == 4
    assert all(h.is_contiguous(memory_format=torch.channels_last) for h in seen)
    # In both directions without a copy.
    image = u.unflatten(1, (8, 8, 3)).permute(0, 3, 1, 2)
    assert image.is_contiguous(memory_format=torch.channels_last)
    assert image.data_ptr() == u.data_ptr()


def test_a_network_moves_with_the_image():
    """Away from the border, an image four pixels further gives a map two further."""
    network = ConvolutionalNetwork((32, 32, 1), None, (4,), (3, 3), "silu")
    network.initialize("xavier_normal", make_generator())
    image = torch.zeros(1, 32, 32, 1)
    image[:, 8:16, 8:16] = torch.rand(8, 8, 1, generator=make_generator())
    moved = image.roll(4, dims=2)
    codes = [network.encode(x.flatten(1)).reshape(16, 16, 4) for x in (image, moved)]
    torch.testing.assert_close(codes[0].roll(2, dims=1), codes[1])


def test_the_way_up_of_a_u_net_sees_every_size():
    network = UNet((8, 8, 1), None, (3, 4), (3, 3), "tanh")
    network.initialize("xavier_normal", make_generator())
    u = torch.rand(2, 64, generator=make_generator())
    with torch.no_grad():
        before = network(u)
        # Nothing of the code is left, and still the image matters.
        network.up[0].convolution.weight.zero_()
        after = network(u)
        assert not torch.allclose(before, after)
        assert not torch.allclose(after[0], after[1])
    assert not hasattr(network, "decode")


def test_what_a_row_costs():
    network = ConvolutionalNetwork((8, 8, 1), 5, (4, 3), (3, 3), "silu")
    by_layer = [9 * 4 * 64, 9 * 4 * 3 * 16, 2 * 12 * 5, 9 * 3 * 4 * 16, 9 * 4 * 64]
    assert multiplications(network) == sum(by_layer)
    assert network.widest == 4 * 64
    wide = ConvolutionalNetwork((512, 512, 3), None, (64,), (3, 3), "silu")
    assert rows_at_once(wide, 1024) == 1
    assert rows_at_once(network, 1024) == 1024


# ----- the estimator -----------------------------------------------------------


def test_rows_are_images_in_the_order_of_numpy():
    images = np.random.RandomState(0).uniform(size=(30, 5, 4, 3))
    X = images.reshape(30, -1)
    model = small(image_shape=(5, 4, 3), channels=(4,), pooling="max").fit(X)
    assert model.image_shape_ == (5, 4, 3)
    assert model.feature_map_shape_ == (3, 2, 4)
    stage = model.network_.down[0].double()
    u = torch.from_numpy((X - X.mean(axis=0)) / np.sqrt(X.var(axis=0).mean()))
    nchw = u.reshape(30, 5, 4, 3).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        h = F.conv2d(nchw, stage.convolution.weight, stage.convolution.bias, padding=1)
        expected = F.max_pool2d(F.silu(h), 2, ceil_mode=True)
    codes = model.transform(X).reshape(-1, *model.feature_map_shape_)
    assert_allclose(codes, expected.permute(0, 2, 3, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("n_features", "shape"),
    [(1, (1, 1, 1)), (2, (1, 2, 1)), (4, (2, 2, 1)), (10, (1, 10, 1)), (64, (8, 8, 1))],
)
def test_images_are_square_or_a_row_of_pixels(n_features, shape):
    assert resolve_image_shape(None, n_features) == shape
    X = np.random.RandomState(0).normal(size=(12, n_features))
    model = small().fit(X)
    assert model.image_shape_ == shape
    assert model.reconstruct(X).shape == X.shape


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["max", "average", "stride"])
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@pytest.mark.parametrize("n_components", [None, 16])
def test_digits_are_learnt(pooling, upsampling, n_components, digits):
    train, test = digits
    model = ConvolutionalAutoencoder(
        n_components,
        pooling=pooling,
        upsampling=upsampling,
        channels=(16, 16),
        max_iter=12,
        random_state=0,
    ).fit(train)
    assert model.score(test) > 0.7
    codes = model.transform(test)
    assert_allclose(model.inverse_transform(codes), model.reconstruct(test), atol=1e-8)
    if n_components:
        covariance = np.cov(model.transform(train).T)
        variances = np.diag(covariance)
        assert_allclose(covariance, np.diag(variances), atol=1e-6 * variances.max())


def test_whitened_codes_of_a_feature_map(digits):
    train, _ = digits
    model = small(whiten=True).fit(train)
    active = model.explained_variance_ > 0
    covariance = np.cov(model.transform(train).T)[active][:, active]
    assert_allclose(covariance, np.eye(active.sum()), atol=1e-5)


# ----- corruption and pairs ----------------------------------------------------


@pytest.mark.parametrize("corruption", ["gaussian", "salt_and_pepper"])
def test_a_u_net_restores_better_than_it_was(corruption, digits):
    train, clean = digits
    level = 0.9 if corruption == "gaussian" else 0.2
    model = ConvolutionalAutoencoder(
        corruption=corruption,
        corruption_level=level,
        skip_connections=True,
        max_iter=10,
        random_state=0,
    ).fit(train)
    rng = np.random.RandomState(0)
    if corruption == "gaussian":
        scale = level * np.sqrt(train.var(axis=0).mean())
        noisy = clean + rng.normal(scale=scale, size=clean.shape)
    else:
        salt = np.where(rng.uniform(size=clean.shape) < 0.5, 16.0, 0.0)
        noisy = np.where(rng.uniform(size=clean.shape) < level, salt, clean)
    before, after = (
        np.mean((noisy - clean) ** 2),
        np.mean((model.reconstruct(noisy) - clean) ** 2),
    )
    assert after < 0.4 * before


def test_salt_and_pepper_is_white_and_black_everywhere():
    """Of each channel the extremes of all pixels, not of the pixel itself."""
    X = np.random.RandomState(0).uniform(0.2, 0.8, size=(40, 4 * 4 * 2))
    X[:, 1::2] += 10  # the second channel
    X[0, :2] = 0, 9
    X[1, -2:] = 1, 12
    model = small(
        image_shape=(4, 4, 2), corruption="salt_and_pepper", corruption_level=1.0
    ).fit(X)
    x = model._scaling.to_network(X, torch.float64)
    corrupted = engine.corruption_of(model, X)(x, make_generator())
    values = model._scaling.to_data(corrupted).numpy().reshape(-1, 2)
    assert_allclose(np.unique(values[:, 0].round(6)), [0, 1])
    assert_allclose(np.unique(values[:, 1].round(6)), [9, 12])


def test_masks_from_images_by_pairs(digits):
    """Segmentation: where ink is, from noisy images, with the log loss."""
    X = np.vstack(digits) / 16
    masks = (X > 0.5).astype(float)
    rng = np.random.RandomState(0)
    noisy = np.clip(X + rng.normal(scale=0.2, size=X.shape), 0, 1)
    model = ConvolutionalAutoencoder(
        loss="log_loss",
        skip_connections=True,
        max_iter=10,
        random_state=0,
    ).fit(noisy[:1400], X_target=masks[:1400])
    found = model.reconstruct(noisy[1400:])
    assert found.min() >= 0 and found.max() <= 1
    ink = masks[1400:] > 0.5
    errors = [np.mean((image > 0.5) != ink) for image in (found, noisy[1400:])]
    assert errors[0] < 0.85 * errors[1]


def test_partial_fit_takes_pairs(digits):
    train, _ = digits
    noisy = train + np.random.RandomState(0).normal(size=train.shape)
    model = small(skip_connections=True)
    for _ in range(2):
        model.partial_fit(noisy, X_target=train)
    assert model.n_iter_ == 2


def test_a_u_net_has_no_way_back_from_codes(digits):
    train, test = digits
    model = small(skip_connections=True, corruption="masking", n_components=5)
    assert not hasattr(model, "inverse_transform")
    model.fit(train)
    assert model.transform(test).shape == (len(test), 5)
    with pytest.raises(AttributeError) as error:
        model.inverse_transform(model.transform(test))
    assert "needs the feature maps of the encoder" in str(error.value.__cause__)
    assert "Use reconstruct" in str(error.value.__cause__)
    with pytest.raises(AttributeError, match="needs the feature maps"):
        _ = model.decoder_
    restored = model.reconstruct(test)
    residuals = np.square(test - restored).sum(axis=1)
    assert_allclose(model.score_samples(test), -residuals)
    expected = 1 - residuals.sum() / np.square(test - model.mean_).sum()
    assert model.score(test) == pytest.approx(expected)


def test_a_u_net_needs_something_to_undo(digits):
    train, _ = digits
    with pytest.raises(ValueError, match="could copy its input"):
        small(skip_connections=True).fit(train)
    with pytest.raises(ValueError, match="could copy its input"):
        small(skip_connections=True).partial_fit(train)


# ----- what is refused ---------------------------------------------------------


@pytest.mark.parametrize("as_arrays", [True, False])
def test_nested_lists_of_images_are_shown_the_reshape(as_arrays):
    X = np.zeros((20, 4, 8))
    X = list(X) if as_arrays else X.tolist()
    with pytest.raises(ValueError, match=r"np.asarray\(X\).*image_shape=\(4, 8\)"):
        ConvolutionalAutoencoder().fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((20, 8, 8), "X.reshape(len(X), -1) and image_shape=(8, 8)."),
        ((20, 4, 8, 2), "X.reshape(len(X), -1) and image_shape=(4, 8, 2)."),
        (
            (20, 1, 8, 8),
            "X.transpose(0, 2, 3, 1).reshape(len(X), -1) and image_shape=(8, 8, 1).",
        ),
    ],
)
def test_images_that_are_not_flat(method, shape, remedy, digits):
    model = small().fit(digits[0][:50])
    images = digits[0][:20].reshape(shape)
    with pytest.raises(ValueError) as error:
        getattr(model, method)(images)
    assert str(error.value).startswith(f"Found array with dim {len(shape)}, while dim ")
    assert str(error.value).endswith(f"Pass {remedy}")


def test_a_list_of_images_is_not_flat(digits):
    images = [row.reshape(8, 8) for row in digits[0][:5]]
    with pytest.raises(ValueError, match=r"np\.asarray\(X\)\.reshape\(len\(X\), -1\)"):
        small().fit(images)


def test_other_images_that_are_not_flat(digits):
    X = digits[0][:20]
    images = X.reshape(-1, 8, 8)
    with pytest.raises(ValueError, match=r"X_val\.reshape\(len\(X_val\), -1\)"):
        small().fit(X, X_val=images)
    with pytest.raises(ValueError, match=r"X_target\.reshape\(len\(X_target\), -1\)"):
        small().fit(X, X_target=images)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"image_shape": (3, 3)}, r"\(3, 3\), 9 values an image, but X has 64"),
        ({"image_shape": (8, 8, 3)}, r"192 values an image, but X has 64 features"),
        ({"image_shape": (64,)}, r"must be \(height, width\) or .* Got \(64,\)"),
        ({"image_shape": (8.0, 8.0)}, r"whole numbers of at least 1\. Got \(8\.0"),
        ({"image_shape": (-8, -8)}, r"whole numbers of at least 1\. Got \(-8"),
        ({"channels": ()}, r"'channels' parameter must contain .* Got \(\)"),
        ({"channels": (4, 0)}, r"'channels' parameter must contain .* Got \(4, 0\)"),
        ({"kernel_size": (3, 3, 3)}, r"'kernel_size' parameter must be .* Got \(3, 3"),
        ({"kernel_size": (0, 3)}, r"'kernel_size' parameter must be .* Got \(0, 3\)"),
        ({"emphasis": (1, 0)}, r"'emphasis' .* corruption=None.* Use \(1, 1\)"),
        (
            {"corruption": "masking", "corruption_level": 2.0},
            r"'corruption_level' parameter is a share .* Got 2\.0",
        ),
    ],
)
def test_parameters_that_do_not_fit(parameters, message, digits):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(digits[0][:50])


def test_another_image_shape_is_another_network(digits):
    X = digits[0][:50]
    model = small(warm_start=True, image_shape=(8, 8)).fit(X)
    with pytest.raises(ValueError, match="'image_shape' parameter was changed"):
        model.set_params(image_shape=(4, 16)).fit(X)
    with pytest.raises(ValueError, match="UNet in place of the ConvolutionalNetwork"):
        model.set_params(
            image_shape=(8, 8), skip_connections=True, corruption="masking"
        ).fit(X)


# ----- among the tools of scikit-learn -----------------------------------------


def test_in_a_pipeline_and_a_search(digits):
    train, test = digits
    pipeline = make_pipeline(MinMaxScaler(), small(loss="log_loss"))
    search = GridSearchCV(
        pipeline,
        {"convolutionalautoencoder__channels": [(4,), (4, 3)]},
        cv=2,
        error_score="raise",
    ).fit(train[:200])
    assert search.best_estimator_.transform(test).ndim == 2


def test_clones_and_warm_starts_are_the_same(digits):
    train, test = digits
    model = small().fit(train)
    again = clone(model).fit(train)
    assert_array_equal(again.transform(test), model.transform(test))
    codes = [
        small(n_threads=1).fit(train.astype(dtype)).transform(test.astype(dtype))
        for dtype in (np.float32, np.float64)
    ]
    assert_allclose(codes[0], codes[1], atol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_weights_in_all_precisions(precision, digits):
    train, test = digits
    model = small(precision=precision, max_norm=1.0).fit(train[:300])
    assert model.transform(test).dtype == np.float64
    for module in model.network_.modules():
        if isinstance(module, Convolution):
            assert module.weight.flatten(1).norm(dim=1).max() <= 1.0 + 1e-5


def test_one_scale_for_all_pixels():
    """The mean image is taken off and one number divided by: no pixel stands out."""
    X = np.random.RandomState(0).normal(size=(50, 16)) * np.arange(1, 17) + 3
    scaling = small().fit(X)._scaling
    assert isinstance(scaling, Scaling)
    assert scaling.residual_scale == pytest.approx(
        np.sqrt(X.var(axis=0).mean()), rel=0.1
    )


@pytest.mark.slow
def test_digits_are_restored_above_the_dense_network(digits):
    train, clean = digits
    noisy = clean + np.random.RandomState(0).normal(scale=4.0, size=clean.shape)
    level = 4.0 / np.sqrt(train.var(axis=0).mean())
    shared = {"corruption": "gaussian", "corruption_level": level, "random_state": 0}
    dense = DenoisingAutoencoder(**shared)
    u_net = ConvolutionalAutoencoder(channels=(32, 64), skip_connections=True, **shared)
    errors = [
        np.mean((model.fit(train).reconstruct(noisy) - clean) ** 2)
        for model in (dense, u_net, AutoencoderTransformer(random_state=0))
    ]
    assert errors[1] < errors[0] < errors[2]
