import numpy as np
import pandas as pd
import pytest
import torch
from objectives import FunctionObjective
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
from benchmarks.speed import child, floor, rounds, table
from benchmarks.speed.contestants import CONTESTANTS, FLOOR, Contestant
from benchmarks.speed.workloads import WORKLOADS, Workload
from skae import VAETransformer
from skae._networks.scaling import Scaling
from skae._training.data import Rows


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
    gray = np.tile([0.0, 0.25, 0.75, 1.0], (20_000, 1))
    scaling = Scaling.fit(gray, "logistic")
    target = torch.from_numpy(gray)
    drawn = vae.BinaryPixels(
        FunctionObjective(lambda network, rows, generator: rows), scaling
    ).losses(None, Rows(scaling(target), target), torch.Generator().manual_seed(0))
    assert set(drawn.target.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.target.mean(dim=0), gray[0], atol=0.02)
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
    assert "| generated, recognized (%) | >= 97.0 |" in printed
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


@pytest.mark.parametrize(
    "command",
    [
        "stacked",
        "variations --sets basic --n-test 50",
        "variations --sets basic --n-test 50 --dropout 0.5 --all-epochs",
    ],
)
def test_stacks_with_and_without_pretraining(command, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(62_100, 64)).astype(np.float32), np.arange(62_100) % 10
    split = datasets.Split(X[:200], X[200:300], y[:200], y[200:300])
    monkeypatch.setattr(mnist, "load", lambda openml: split)
    monkeypatch.setattr(datasets, "load", lambda name, openml: (255 * X, y))
    short = "--units 8 --pretraining-epochs 1 --epochs 1 --seeds 2"
    __main__.main([*command.split(), *short.split()])
    lines = capsys.readouterr().out.splitlines()
    assert "without, seed 1: " in "".join(lines)
    assert lines[-1].count(" to ") == (1 if command == "stacked" else 2)


@pytest.mark.parametrize("n_labels", [20, 200])
def test_labels_are_drawn_by_class(n_labels):
    y = np.arange(200) % 10
    drawn = stacked.draw_labelled(y, n_labels, seed=0)
    assert len(np.unique(drawn)) == n_labels
    np.testing.assert_array_equal(np.bincount(y[drawn]), n_labels // 10)


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


_TOY = {
    "dense": Workload("toy", "dense", "toy", (784, 5, 2), 32, 2, 1, 70),
    "encoder": Workload("toy", "encoder", "toy", (784, 5, 2), 32, 1, 1, 70),
    "variational": Workload("toy", "variational", "toy", (784, 5, 2), 32, 1, 1, 70),
    "convolutional": Workload("toy", "convolutional", "toy", (1, 3, 2), 32, 1, 1, 70),
}


@pytest.fixture
def toy_folder(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(80, 784)).astype(np.float32)
    np.save(rounds.data_path(tmp_path, "toy"), images)
    return tmp_path


def _times(**seconds):
    """Return rows of the CSV file, one of W1 for each contestant."""
    fields = dict.fromkeys(rounds.FIELDS, float("nan"))
    fields |= {"round": 0, "workload": "W1", "n_rows": 1797, "n_threads": 1}
    return pd.DataFrame(
        [fields | {"contestant": c, "seconds": s} for c, s in seconds.items()]
    )


def test_twice_the_epochs_tell_what_the_epochs_take(toy_folder):
    path = rounds.data_path(toy_folder, "toy")
    once = child.measure(FLOOR, _TOY["dense"]._asdict(), path)
    twice = child.measure(FLOOR, _TOY["dense"]._asdict(), path, twice=True)
    assert set(twice) - set(once) == {"epochs_seconds"}
    rows = _times(**{FLOOR: 3.0, "skae": 4.0})
    rows["epochs_seconds"] = [2.0, 5.0]
    report = table.write(rows, {"W1": WORKLOADS["W1"]}, [FLOOR, "skae"])
    alone = report.split("epochs alone")[1]
    assert "| 2 s |" in alone
    assert "| 2.50 |" in alone


def test_every_layer_takes_three_products_and_the_first_two():
    toy = _TOY["dense"]
    layers = [(784, 5), (5, 2), (2, 5), (5, 784)]
    assert floor.dense_layers(toy) == layers
    calls = floor.matrix_products(toy, n_rows=32)
    for _, (left, right), keywords in calls:
        assert keywords["out"].shape == (len(left), right.shape[1])
    multiplications = [left.numel() * right.shape[1] for _, (left, right), _ in calls]
    weights = [n_in * n_out for n_in, n_out in layers]
    assert sum(multiplications) == 32 * (3 * sum(weights) - weights[0])


def test_mean_and_variance_of_a_code_are_products_too():
    layers = floor.dense_layers(_TOY["variational"])
    assert layers == [(784, 5), (5, 4), (2, 5), (5, 784)]


def test_every_convolution_goes_forwards_and_back():
    toy = _TOY["convolutional"]
    layers = [(1, 3, 28), (3, 2, 14), (2, 3, 14), (3, 1, 28)]
    assert floor.convolution_layers(toy) == layers
    outputs = [f(*args, **kwargs) for f, args, kwargs in floor.convolutions(toy, 4)]
    shapes = [(4, n_out, side, side) for _, n_out, side in layers]
    assert [out.shape for out in outputs[:4]] == shapes
    of_inputs = [of_input for of_input, _, _ in outputs[4:]]
    assert [of_input is None for of_input in of_inputs] == [False] * 3 + [True]


def test_batches_hold_all_rows():
    assert floor.batch_sizes(70, 32) == [32, 32, 6]
    assert floor.batch_sizes(64, 32) == [32, 32]


@pytest.mark.parametrize("kind", _TOY)
@pytest.mark.parametrize(
    "name", ["floor", "skae", "textbook", "autograd", "pca", "mlp", "naive", "good"]
)
def test_contestants_are_measured(name, kind, toy_folder):
    if kind not in CONTESTANTS[name].kinds:
        pytest.skip("takes no part")
    path = rounds.data_path(toy_folder, "toy")
    result = child.measure(name, _TOY[kind]._asdict(), path)
    assert result["seconds"] > 0
    assert result["first_fit_seconds"] > 0
    if kind == "encoder":
        assert 0 < result["one_row_seconds"]
    elif name != FLOOR:
        assert 0 < result["error"] < 1


@pytest.mark.parametrize("name", ["floor", "textbook", "skorch", "pythae", "keras"])
def test_a_process_returns_what_it_measured(name, toy_folder):
    if not CONTESTANTS[name].is_installed:
        pytest.skip("not installed")
    result = rounds.run(rounds.Task(0, "toy", name, _TOY["dense"]), toy_folder)
    assert set(result) <= set(rounds.FIELDS)
    assert result["import_seconds"] > 0.01
    assert 50 < result["peak_mb"] < 5000


def test_a_file_with_nothing_in_it_has_no_rows(tmp_path):
    path = tmp_path / "speed.csv"
    assert len(rounds.read(path)) == 0
    path.touch()
    assert list(rounds.read(path).columns) == list(rounds.FIELDS)


def test_a_failing_process_is_named(toy_folder, capsys):
    impossible = _TOY["dense"]._replace(widths=(3, 2))
    assert rounds.run(rounds.Task(0, "toy", "good", impossible), toy_folder) is None
    assert "Failed: toy, torch, slices, fused Adam: RuntimeError" in (
        capsys.readouterr().err
    )


def test_ratios_are_to_the_floor():
    rows = pd.concat(
        [
            _times(floor=0.1, skae=0.19),
            _times(floor=0.1, skae=0.21),
            _times(floor=0.3, skae=9),
        ]
    )
    workload = rounds.with_numbers(WORKLOADS["W1"], (1797, 64))
    text = table.write(rows, {"W1": workload}, ["floor", "skae", "pca"])
    assert "| bare products | 0.1 s |" in text
    assert "| skae, defaults | 2.10 |" in text
    assert "| PCA | - |" in text
    assert "Bare products in all rounds: W1 0.1 to 0.3 s." in text
    assert "1797 rows, 64-32-8, batches of 200, epochs: 100, threads: 1" in text


def test_missing_peers_are_named(monkeypatch):
    absent = Contestant("Absent", "absent.fit", ("dense",), "no_such_library.models")
    monkeypatch.setitem(CONTESTANTS, "absent", absent)
    assert "Absent" in table.conditions({}, [FLOOR], n_rounds=1)


def test_missing_images_leave_the_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SKAE_DATA", raising=False)
    datasets.load.cache_clear()
    ran = []
    monkeypatch.setattr(
        rounds, "run", lambda task, folder: ran.append(task) or {"seconds": 2.0}
    )
    output = str(tmp_path / "speed.csv")
    command = ["speed", "--contestants", "pca,skae", "--rounds", "2"]
    __main__.main([*command, "--output", output])
    printed = capsys.readouterr()
    assert "Left out: mnist" in printed.err
    assert "| skae, defaults | 1.00 |" in printed.out
    contestants = [task.contestant for task in ran]
    assert contestants == ["floor", "skae", "pca"] * 2
    assert {task.workload.n_rows for task in ran} == {1797}
    __main__.main([*command, "--output", output])
    assert len(ran) == 6
