"""DenoisingAutoencoder against PCA, the linear denoiser and what it promises."""

import engine
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._functional.corruption import CORRUPTIONS
from skae._training.criterion import SquaredError
from skae._training.data import Rows
from skae._training.objective import ReconstructionObjective


@pytest.fixture(scope="module")
def digits():
    X, _ = load_digits(return_X_y=True)
    return train_test_split(X, test_size=0.2, random_state=0)


def rms(X):
    return np.sqrt(np.square(X - X.mean(axis=0)).mean())


def psnr(restored, clean):
    return 10 * np.log10(16**2 / np.mean(np.square(restored - clean)))


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_two_decibels_above_the_best_pca(sigma, digits):
    train, clean = digits
    noisy = clean + np.random.RandomState(0).normal(scale=sigma, size=clean.shape)
    best = -np.inf
    for n_components in range(1, 64):
        pca = PCA(n_components).fit(train)
        best = max(best, psnr(pca.inverse_transform(pca.transform(noisy)), clean))
    plain = AutoencoderTransformer(random_state=0).fit(train)
    denoiser = DenoisingAutoencoder(
        corruption="gaussian", corruption_level=sigma / rms(train), random_state=0
    ).fit(train)
    restored = psnr(denoiser.reconstruct(noisy), clean)
    assert restored > best + 2
    assert restored > psnr(plain.reconstruct(noisy), clean) + 2


@pytest.mark.parametrize("corruption", sorted(CORRUPTIONS))
def test_each_corruption_is_undone_better_than_by_pca(corruption, digits):
    train, clean = digits
    level = 1.0 if corruption == "gaussian" else 0.3
    denoiser = DenoisingAutoencoder(
        16, corruption=corruption, corruption_level=level, max_iter=15, random_state=0
    ).fit(train)
    assert denoiser.best_epoch_ > 0
    noisy = corrupted_by(denoiser, clean)
    assert not np.allclose(noisy, clean)
    pca = PCA(16).fit(train)
    restored = pca.inverse_transform(pca.transform(noisy))
    assert psnr(denoiser.reconstruct(noisy), clean) > psnr(restored, clean) + 0.5


def corrupted_by(denoiser, X):
    """Corrupt rows as the fit did."""
    x = denoiser._scaling.to_network(X, torch.float64)
    corruption = engine.corruption_of(denoiser, X)
    noisy = corruption(x, torch.Generator().manual_seed(1))
    return denoiser._scaling.to_data(noisy).numpy()


def test_the_linear_denoiser_is_ridge_regression_at_full_rank(digits):
    # Gaussian noise of variance s^2 on n rows is a ridge penalty of n s^2.
    train, clean = digits
    train = train + np.random.RandomState(0).normal(scale=0.1, size=train.shape)
    sigma = 3.0
    linear = DenoisingAutoencoder(
        64,
        hidden_layer_sizes=(),
        corruption="gaussian",
        corruption_level=sigma / rms(train),
        precision="float64",
    ).fit(train)
    mean = train.mean(axis=0)
    ridge = Ridge(alpha=len(train) * sigma**2, fit_intercept=False)
    ridge.fit(train - mean, train - mean)
    assert_allclose(
        linear.reconstruct(clean), mean + ridge.predict(clean - mean), atol=1e-4
    )


def test_without_corruption_the_linear_denoiser_is_pca(digits):
    train, test = digits
    linear = DenoisingAutoencoder(
        8, hidden_layer_sizes=(), corruption_level=0.0, random_state=0
    ).fit(train)
    pca = PCA(8).fit(train)
    expected = pca.inverse_transform(pca.transform(test))
    assert_allclose(linear.reconstruct(test), expected, atol=1e-3)


def test_epoch_zero_is_the_linear_denoiser(digits):
    train, test = digits
    start, linear = (
        DenoisingAutoencoder(
            8,
            hidden_layer_sizes=sizes,
            early_stopping=False,
            max_iter=1,
            learning_rate_init=1e-12,
            random_state=0,
        ).fit(train)
        for sizes in [(32,), ()]
    )
    assert_allclose(start.reconstruct(test), linear.reconstruct(test), atol=1e-4)


def test_emphasis_weights_the_changed_values():
    x = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)

    def first_column_to_zero(x, generator):
        return x * torch.tensor([0.0, 1.0, 1.0], dtype=x.dtype)

    objective = ReconstructionObjective(
        SquaredError(), first_column_to_zero, emphasis=(2.0, 0.5)
    )
    terms = objective.losses(lambda noisy, generator: noisy + 1, Rows(x, x), None)
    # Row one: 0 is 0 already, so unchanged; row two: 3 became 0.
    expected = [(0.5 + 0.5 + 0.5) / 3, (2 * 4 + 0.5 + 0.5) / 3]
    assert_allclose(terms["reconstruction"], expected)


def test_emphasis_on_the_changed_values_fills_in_better(digits):
    train, clean = digits
    mask = np.random.RandomState(0).uniform(size=clean.shape) < 0.3
    noisy = np.where(mask, train.mean(axis=0), clean)
    error = {}
    for emphasis in [(1, 0), (0, 1)]:
        denoiser = DenoisingAutoencoder(
            16, emphasis=emphasis, max_iter=15, random_state=0
        ).fit(train)
        residual = denoiser.reconstruct(noisy) - clean
        error[emphasis] = np.square(residual[mask]).mean()
    assert error[1, 0] < error[0, 1]


@pytest.mark.parametrize(
    "emphasis",
    [(1,), (1, 2, 3), (-1, 1), (0, 0), ("a", "b"), (np.nan, 1), (1, np.inf)],
    ids=str,
)
def test_bad_emphasis(emphasis, digits):
    with pytest.raises(ValueError, match="'emphasis' parameter must be two"):
        DenoisingAutoencoder(emphasis=emphasis).fit(digits[0])


def test_bad_levels(digits):
    with pytest.raises(ValueError, match=r"share .* in \[0, 1\]. Got 1.5 instead"):
        DenoisingAutoencoder(corruption_level=1.5).fit(digits[0])
    with pytest.raises(ValueError, match="'corruption_level' parameter"):
        DenoisingAutoencoder(corruption_level=-1).fit(digits[0])
    DenoisingAutoencoder(corruption="gaussian", corruption_level=1.5, max_iter=1).fit(
        digits[0]
    )


def test_pairs_teach_what_no_corruption_knows(digits):
    # Images shifted by one pixel, and inverted: nothing the built-in noises do.
    train, test = digits

    def spoil(X):
        return 16 - np.roll(X.reshape(-1, 8, 8), 1, axis=2).reshape(len(X), -1)

    denoiser = DenoisingAutoencoder(max_iter=10, random_state=0)
    denoiser.fit(spoil(train), X_target=train)
    assert psnr(denoiser.reconstruct(spoil(test)), test) > psnr(spoil(test), test) + 10
    codes = denoiser.fit_transform(spoil(train), X_target=train)
    assert codes.shape == (len(train), 32)
    denoiser.partial_fit(spoil(train), X_target=train)


def test_bad_pairs(digits):
    X = digits[0]
    with pytest.raises(ValueError, match=r"X_target must have shape \(1437, 64\)"):
        DenoisingAutoencoder().fit(X, X_target=X[:5])
    with pytest.raises(ValueError, match="Leave out X_val"):
        DenoisingAutoencoder().fit(X, X_target=X, X_val=X)
    with pytest.raises(ValueError, match=r"Use emphasis=\(1, 1\) with X_target"):
        DenoisingAutoencoder(emphasis=(1, 0)).fit(X, X_target=X)


def test_a_callable_gets_rows_in_the_units_of_X(digits):
    train, clean = digits
    seen = []

    def half_hidden(X, random_state):
        seen.append((X.min(), X.max(), X.shape[1]))
        X[:, random_state.randint(2) :: 2] = 0
        return X

    denoiser = DenoisingAutoencoder(
        16, corruption=half_hidden, max_iter=10, random_state=0
    ).fit(train)
    low, high, width = (np.array(column) for column in zip(*seen, strict=True))
    assert_allclose(low, 0, atol=1e-4)
    assert_allclose(high, 16, atol=1e-4)
    assert set(width) == {64}
    noisy = clean.copy()
    noisy[:, ::2] = 0
    pca = PCA(16).fit(train)
    restored = pca.inverse_transform(pca.transform(noisy))
    assert psnr(denoiser.reconstruct(noisy), clean) > psnr(restored, clean) + 2
    again = DenoisingAutoencoder(
        16, corruption=half_hidden, max_iter=10, random_state=0
    ).fit(train)
    assert_array_equal(again.transform(clean), denoiser.transform(clean))


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_a_callable_sees_zeros_as_zeros_whatever_the_link(loss, digits):
    lowest = []

    def nothing(X, random_state):
        lowest.append(X.min())
        return X

    DenoisingAutoencoder(
        4, corruption=nothing, loss=loss, max_iter=1, random_state=0
    ).fit(digits[0] / 16)
    assert_allclose(lowest, 0, atol=1e-5)


@pytest.mark.parametrize(
    ("corruption", "message"),
    [
        (lambda X, rng: X[:, :3], "must return one like it. Got one of shape"),
        (lambda X, rng: X * np.nan, "contains NaN"),
    ],
)
def test_a_callable_that_returns_something_else(corruption, message, digits):
    with pytest.raises(ValueError, match=message):
        DenoisingAutoencoder(corruption=corruption).fit(digits[0])


def test_pairs_of_equal_rows_are_pairs(digits):
    train, _ = digits
    parameters = {"corruption_level": 0.9, "hidden_layer_sizes": (), "random_state": 0}
    same = DenoisingAutoencoder(8, **parameters).fit(train, X_target=train)
    copied = DenoisingAutoencoder(8, **parameters).fit(train, X_target=train.copy())
    assert_array_equal(same.transform(train), copied.transform(train))
    assert same.score(train, X_target=train) > 0.5
