import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from benchmarks import (
    __main__,
    datasets,
    mnist,
    panel,
    report,
    stacked,
    vae,
    variations,
)
from skae import VAETransformer
from skae.data import Rows
from skae.scaling import Scaling


def _rows(**columns):
    n_rows = len(columns["ratio"])
    defaults = {
        "n_components": 2,
        "model": "skae",
        "n_train": 120,
        "n_features": 4,
        "accuracy": 0.9,
        "accuracy_pca": 0.8,
        "seconds": 1.0,
        "best_epoch": 3,
        "n_epochs": 13,
    }
    rows = {
        name: columns.get(name, [value] * n_rows) for name, value in defaults.items()
    }
    return pd.DataFrame({**rows, **columns})


def test_pca_against_itself_is_one():
    split = datasets.split("iris", seed=0)
    pca = PCA(2).fit(split.X_train)
    centered = split.X_test - split.X_train.mean(axis=0)
    outside = centered - centered @ pca.components_.T @ pca.components_
    np.testing.assert_allclose(panel.unexplained(pca, split), np.square(outside).sum())


@pytest.mark.parametrize(
    ("variant", "shape", "n_test"),
    [("iris", (120, 4), 30), ("wine-std", (142, 13), 36), ("digits", (1437, 64), 360)],
)
def test_bundled_sets_have_their_shapes(variant, shape, n_test):
    split = datasets.split(variant, seed=0)
    assert split.X_train.shape == shape
    assert split.X_test.shape == (n_test, shape[1])
    assert split.y_train.shape == (shape[0],)


def test_standardised_variant_uses_the_training_rows():
    split = datasets.split("wine-std", seed=3)
    np.testing.assert_allclose(split.X_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(split.X_train.std(axis=0), 1)
    assert abs(split.X_test.mean(axis=0)).max() > 1e-3


def test_diabetes_has_no_classes():
    assert datasets.split("diabetes", seed=0).y_train is None


def test_large_sets_keep_the_official_split(tmp_path, monkeypatch):
    n_train, n_test = 10_100, 10_000
    pixels = np.arange(n_train + n_test, dtype=np.uint16)[:, np.newaxis, np.newaxis]
    np.savez(
        tmp_path / "mnist.npz",
        x_train=pixels[:n_train],
        x_test=pixels[n_train:],
        y_train=np.zeros(n_train),
        y_test=np.ones(n_test),
    )
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))
    datasets.load.cache_clear()
    split = datasets.split("mnist", seed=0)
    datasets.load.cache_clear()
    assert split.X_train.shape == (10_000, 1)
    assert split.X_train.max() < n_train
    np.testing.assert_array_equal(split.X_test, pixels[n_train:, 0])


def test_missing_set_is_named(monkeypatch, capsys):
    monkeypatch.delenv("SKAE_DATA", raising=False)
    datasets.load.cache_clear()
    assert __main__._available(["coil20", "iris"], openml=False) == ["iris"]
    assert "coil20" in capsys.readouterr().err


def test_report_takes_geometric_means_over_cells():
    rows = _rows(
        set=["digits", "digits", "coil20", "iris"],
        seed=[0, 1, 0, 0],
        ratio=[0.3, 0.5, 0.9, 0.99],
    )
    summary = report.summary(report.cells(rows))
    images, tables = summary.to_dict("records")
    assert images["ratio to PCA"] == pytest.approx(np.sqrt(0.4 * 0.9))
    assert images["worst cell"] == 0.9
    assert images["accuracy gain"] == pytest.approx(10)
    assert tables["ratio to PCA"] == pytest.approx(0.99)
    text = report.write(rows)
    assert "| digits | 2 | 120 | 4 | 2 | 0.400 | 0.500 | - |" in text


def test_rows_in_the_file_are_not_run_again(tmp_path, capsys):
    path = tmp_path / "panel.csv"
    command = ["panel", "--sets", "iris", "--components", "2", "--seeds", "1"]
    command += ["--jobs", "1", "--no-textbook", "--output", str(path)]
    __main__.main(command)
    first = path.read_text()
    assert len(first.splitlines()) == 3  # header, iris, iris-std
    __main__.main(command)
    assert path.read_text() == first
    assert "iris-std" in capsys.readouterr().out


def test_too_many_components_give_no_row():
    assert panel.run(panel.Task("iris", 4, 0, ("skae",))) == []


def test_stages_are_those_of_the_paper_and_can_be_shortened():
    assert vae.stage_lengths(3280) == [3**i for i in range(8)]
    lengths = vae.stage_lengths(40)
    assert sum(lengths) == 40
    assert lengths == sorted(lengths)
    assert vae.stage_lengths(1) == [1] * 8


def test_binary_pixels_are_drawn_from_the_grey_and_scaled_like_data():
    grey = np.tile([0.0, 0.25, 0.75, 1.0], (20_000, 1))
    scaling = Scaling.fit(grey, "logistic")
    target = torch.from_numpy(grey)
    drawn = vae._of_binary_pixels(
        None,
        Rows(scaling(target), target),
        torch.Generator().manual_seed(0),
        objective=lambda network, rows, generator: rows,
        scaling=scaling,
    )
    assert set(drawn.target.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.target.mean(dim=0), grey[0], atol=0.02)
    np.testing.assert_allclose(drawn.x, scaling(drawn.target))


def test_mean_bound_is_minus_the_loss():
    X = datasets.split("digits", seed=0).X_train / 16
    model = VAETransformer(2, likelihood="bernoulli", max_iter=3, random_state=0)
    model.set_params(average=False, early_stopping=False, learning_rate_init=1e-5)
    loss = model.fit(X).loss_curve_[-1]
    bound = vae.mean_bound(model, X, np.random.default_rng(0))
    assert -bound == pytest.approx(loss, abs=0.2)


def test_digits_by_class_are_judged_and_drawn(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(300, 784)).astype(np.float32), np.arange(300) % 10
    split = datasets.Split(X[:200], X[200:], y[:200], y[200:])
    monkeypatch.setattr(mnist, "load", lambda openml: split)
    short = "--rows 100 --epochs 1 --generated 200 --judge-rows 200 --pictures"
    __main__.main(["cvae", *short.split(), str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| generated, recognised (%) | >= 97.0 |" in printed
    assert "| real, read from generated (%) | >= 90.0 |" in printed
    assert (tmp_path / "digits_by_class.png").stat().st_size > 1000


def test_rectangles_are_wide_or_tall():
    X, wide = variations.rectangles(200, np.random.default_rng(0))
    for picture, is_wide in zip(X.reshape(-1, 28, 28), wide, strict=True):
        (top, left), (bottom, right) = (
            f(np.nonzero(picture), axis=1) for f in (np.min, np.max)
        )
        height, width = bottom - top + 1, right - left + 1
        assert abs(height - width) >= 3
        assert (width > height) == is_wide
        inside = picture[top : bottom + 1, left : right + 1]
        assert inside.sum() == height * width - max(height - 2, 0) * max(width - 2, 0)
    assert 0.4 < wide.mean() < 0.6


def test_variations_keep_the_digit():
    rng = np.random.default_rng(0)
    X = np.zeros((5, 28, 28), dtype=np.float32)
    X[:, 10:18, 12:16] = 1  # far from the border
    X = X.reshape(5, -1)
    turned = variations.rotated(X, rng)
    np.testing.assert_allclose(turned.sum(axis=1), X.sum(axis=1), rtol=0.1)
    assert turned.min() >= 0
    assert turned.max() <= 1
    noisy = variations.on_noise(X, rng)
    assert (noisy[X == 1] == 1).all()
    assert noisy[X == 0].mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("command", ["stacked", "variations --sets basic --n-test 50"])
def test_stacks_with_and_without_pretraining(command, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(62_100, 64)).astype(np.float32), np.arange(62_100) % 10
    split = datasets.Split(X[:200], X[200:300], y[:200], y[200:300])
    monkeypatch.setattr(mnist, "load", lambda openml: split)
    monkeypatch.setattr(datasets, "load", lambda name, openml: (255 * X, y))
    short = "--units 8 --pretrain-epochs 1 --epochs 1 --seeds 2"
    __main__.main([*command.split(), *short.split()])
    lines = capsys.readouterr().out.splitlines()
    assert "without, seed 1: " in "".join(lines)
    assert lines[-1].count(" to ") == (1 if command == "stacked" else 2)


def test_few_labels_are_compared(capsys, monkeypatch):
    monkeypatch.setattr(
        stacked,
        "accuracy",
        lambda n, pretraining, seed: {"denoising": 0.9 + 0.01 * seed, None: 0.8}[
            pretraining
        ],
    )
    __main__.main(["few-labels", "--labels", "50", "--seeds", "3"])
    assert (
        "| 50 labels | better, p < 0.05 | 0.910 against 0.800, p = "
        in capsys.readouterr().out
    )
