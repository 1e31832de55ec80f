import numpy as np
import pytest
import torch

from skae._functional.corruption import CORRUPTIONS, ColumnRange, corruption_moments

NAMES = sorted(CORRUPTIONS)
CHANGES_A_SHARE = sorted(set(NAMES) - {"gaussian"})


def correlated_rows(n=400, p=4, seed=0):
    """Centered, correlated, skewed columns, so that low and high differ in size."""
    rng = np.random.RandomState(seed)
    X = rng.exponential(size=(n, p)) @ rng.randn(p, p)
    return torch.from_numpy(X - X.mean(axis=0))


def column_range(x):
    return ColumnRange(x.amin(0), x.amax(0))


def corrupt(name, x, level, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return CORRUPTIONS[name](x, level, generator, column_range(x))


def moments_of(name, x, level):
    low, high = (bound.numpy() for bound in column_range(x))
    return corruption_moments(name, level, x.var(0, correction=0).numpy(), low, high)


def assert_mean(samples, expected):
    """Compare a Monte Carlo mean with its expectation: five standard errors."""
    error = (samples.mean(0) - torch.as_tensor(expected)).abs()
    assert (error < 5 * samples.std(0) / len(samples) ** 0.5).all()


def outer(a, b):
    return a.unsqueeze(2) * b.unsqueeze(1)


@pytest.mark.parametrize("level", [0.2, 0.6])
@pytest.mark.parametrize("name", NAMES)
def test_the_moments_are_those_of_many_draws(name, level):
    x = correlated_rows()
    covariance = (x.T @ x / len(x)).numpy()
    many = x.repeat(500, 1)
    noisy = corrupt(name, many, level)
    gain, diagonal, offset = moments_of(name, x, level)
    assert_mean(noisy, offset)
    assert_mean(outer(noisy, many), gain * covariance)
    centered = noisy - torch.from_numpy(offset)
    assert_mean(outer(centered, centered), gain**2 * covariance + np.diag(diagonal))


@pytest.mark.parametrize("name", NAMES)
def test_no_corruption_at_level_zero(name):
    x = correlated_rows()
    assert torch.equal(corrupt(name, x, 0.0), x)
    gain, diagonal, offset = moments_of(name, x, 0.0)
    assert gain == 1
    np.testing.assert_allclose([diagonal, offset], 0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_batch_is_left_as_it_was_and_the_dtype_kept(name, dtype):
    x = correlated_rows().to(dtype)
    before = x.clone()
    noisy = corrupt(name, x, 0.5)
    assert torch.equal(x, before)
    assert noisy.dtype == dtype and noisy.shape == x.shape
    assert not torch.equal(noisy, x)


@pytest.mark.parametrize("name", NAMES)
def test_the_noise_is_the_generators_and_not_torchs_own(name):
    x = correlated_rows()
    before = torch.random.get_rng_state()
    assert torch.equal(corrupt(name, x, 0.5), corrupt(name, x, 0.5))
    assert not torch.equal(corrupt(name, x, 0.5), corrupt(name, x, 0.5, seed=1))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", CHANGES_A_SHARE)
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_level_is_the_share_of_changed_values(name, level):
    x = correlated_rows(4000)
    changed = (corrupt(name, x, level) != x).double().mean(0)
    np.testing.assert_allclose(changed, level, atol=0.04)


def test_the_level_is_the_standard_deviation_of_gaussian_noise():
    x = correlated_rows(4000)
    noise = corrupt("gaussian", x, 0.7) - x
    np.testing.assert_allclose(noise.std(0), 0.7, rtol=0.05)


def test_masked_values_are_the_columns_mean():
    x = correlated_rows()
    noisy = corrupt("masking", x, 0.5)
    assert (noisy[noisy != x] == 0).all()


def test_salt_and_pepper_are_the_ends_of_the_column_equally_often():
    x = correlated_rows(4000)
    noisy = corrupt("salt_and_pepper", x, 0.5)
    low, high = column_range(x)
    changed, is_high = noisy != x, noisy == high
    assert (is_high | (noisy == low))[changed].all()
    assert float(is_high[changed].double().mean()) == pytest.approx(0.5, abs=0.02)


def test_swapped_values_come_from_other_rows_of_the_same_column():
    x = torch.arange(60.0).reshape(20, 3)
    noisy = corrupt("swap", x, 1.0)
    assert (noisy != x).all()
    assert ((noisy - x) % 3 == 0).all()
    # Each cell has a row of its own: whole rows would keep the correlations.
    shift = (noisy - x) // 3 % 20
    assert (shift[:, 0] != shift[:, 1]).any()


def test_swap_reaches_every_other_row():
    x = torch.arange(5.0).unsqueeze(1)
    seen = {float(corrupt("swap", x, 1.0, seed)[0]) for seed in range(100)}
    assert seen == {1.0, 2.0, 3.0, 4.0}


@pytest.mark.parametrize("name", NAMES)
def test_a_single_row_can_be_corrupted(name):
    x = torch.ones(1, 3)
    noisy = corrupt(name, x, 0.5)
    assert noisy.shape == (1, 3) and noisy.isfinite().all()
    assert noisy.data_ptr() != x.data_ptr()
