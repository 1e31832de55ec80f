"""The benchmarks of searches, curves, growth and devices, in toy sizes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from benchmarks import (
    devices,
    fresh,
    growth,
    models,
    report,
    search,
    time_to_quality,
)
from benchmarks.speed.child import median, peak_memory
from benchmarks.speed.workloads import WORKLOADS


@pytest.fixture
def pixels():
    return np.random.RandomState(0).uniform(size=(300, 64)).astype(np.float32)


def test_a_function_runs_in_a_process_of_its_own():
    assert fresh.run(median, values=[3, 1, 2]) == 2
    assert fresh.run(peak_memory) < peak_memory()


def test_functions_run_in_several_processes():
    assert fresh.run_together(median, 2, values=[3, 1, 2]) == [2, 2]


def test_a_child_that_fails_is_an_error(capfd):
    with pytest.raises(fresh.subprocess.CalledProcessError):
        fresh.run(median, values=[])
    assert "IndexError" in capfd.readouterr().err


# Search


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # of one epoch
@pytest.mark.parametrize("name", ["textbook", "skae", "mlp", "loop"])
def test_candidates_differ_in_the_rate_alone(name, pixels):
    grid = search.make_search(name, epochs=1, n_candidates=3)
    ((parameter, rates),) = grid.param_grid.items()
    assert len(set(rates)) == 3
    estimator = clone(grid.estimator).set_params(**{parameter: rates[0]})
    assert np.isfinite(estimator.fit(pixels, pixels).score(pixels, pixels))


def test_unexplained_is_one_for_the_mean_and_zero_for_the_rows(pixels):
    assert search.unexplained(pixels, pixels) == 0
    assert search.unexplained(pixels, pixels.mean(axis=0)) == pytest.approx(1)


def test_searches_are_multiples_of_the_first():
    row = {"cold": 6.0, "warm": 2.0, "error": 0.25}
    slow = {"cold": 12.0, "warm": 8.0, "error": 0.5}
    table = search.search_table({"textbook": [row] * 3, "skorch": [slow] * 3})
    assert list(table["times the first"]) == ["1.0", "4.0"]
    assert list(table["times the first, cold"]) == ["1.0", "2.0"]


def test_starts_are_timed(monkeypatch):
    monkeypatch.setattr(search, "STARTS", {"pass": "numpy", "import no": "no_library"})
    text = report.markdown(search.starts_table(rounds=1))
    assert "`pass`" in text and "no_library" not in text and "import no" not in text


@pytest.mark.slow
def test_a_search_is_run_twice():
    result = search.search_twice("textbook", 0.0, epochs=1, n_candidates=2)
    assert set(result) == {"cold", "warm", "error"}


# Time to quality


@pytest.fixture
def images(tmp_path):
    X = np.random.RandomState(0).uniform(size=(260, 784)).astype(np.float32)
    path = tmp_path / "mnist.npz"
    np.savez(path, train=X, test=X[:50])
    return str(path)


@pytest.mark.parametrize(
    ("name", "n_points"), [("skae", 2), ("textbook", 2), ("pca", 1)]
)
def test_fits_give_seconds_and_errors(name, n_points, images):
    points = time_to_quality.measure(name, images, rows=260, epochs=2)
    seconds, errors = np.transpose(points)
    assert len(points) == n_points
    assert np.all(np.diff(seconds) > 0) and np.all(seconds > 0)
    assert np.all(errors < 1)


def test_judging_is_not_timed(monkeypatch, pixels):
    def judge(reconstruct, X):
        growth.time.sleep(1)
        return 1.0

    monkeypatch.setattr(time_to_quality, "squared_error", judge)
    model = models.make(WORKLOADS["W1"]._replace(epochs=1))
    stopwatch = time_to_quality.Stopwatch(pixels)
    model.set_callbacks(stopwatch).fit(pixels)
    ((seconds, _),) = stopwatch.points
    assert 0 < seconds < 1


def test_table_tells_the_first_epoch_below_an_error(tmp_path):
    path = tmp_path / "curves.csv"
    size = {"rows": 100, "epochs": 2}
    time_to_quality._append(path, "skae", size, [(1.0, 0.5), (2.0, 0.1)])
    time_to_quality._append(path, "mlp", size, [(9.0, 0.3)])
    time_to_quality._append(path, "mlp", {"rows": 7, "epochs": 2}, [(1.0, 0.0)])
    assert time_to_quality.curves(path, "skorch", **size).empty
    table = time_to_quality.curves(path, **size)
    line = time_to_quality.seconds_to_reach(table).set_index("error of")
    line = line.loc["MLPRegressor"]
    assert line["its own seconds"] == "9.0"
    assert line["skae, defaults"] == "2.0 (epoch 2)"
    assert line["skae, textbook network"] == "-"
    picture = tmp_path / "curves.png"
    time_to_quality.draw(table, picture)
    assert picture.stat().st_size > 0


# Growth


def test_rows_are_of_low_rank_with_noise():
    X = growth.draw(1500, 200)
    assert X.shape == (1500, 200) and X.dtype == np.float32
    variances = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2 / len(X)
    assert variances[growth._RANK - 1] > 10 * variances[growth._RANK]


def test_time_and_memory_are_measured():
    size = growth.Size(rows=1200, columns=20, components=2)._asdict()
    result = growth.measure_fit(**size) | growth.measure_transform(**size)
    assert result["fit"] > result["transform"] > 0
    assert result["rows_memory"] == pytest.approx(1200 * 20 * 4 / 2**20)


def test_memory_is_that_of_the_largest_arrays():
    before = growth.forget_peak()
    array = np.ones(2**24)  # 128 MB
    assert peak_memory() - before >= 0.9 * growth._megabytes(array)


# Devices


def test_line_has_seconds_and_share(pixels):
    line = devices.line_of("W1", "textbook", pixels, {"cpu": 1e15}, rounds=1)
    assert float(line["cpu, s"]) > 0
    assert line["cpu, share"] == "0.000"


def test_operations_are_those_of_the_layers(pixels):
    workload = WORKLOADS["W1"]._replace(epochs=2)
    model = models.make(workload, **models.TEXTBOOK_DENSE).fit(pixels)
    weights = 2 * (64 * 32 + 32 * 8)
    expected = 3 * 2 * weights * len(pixels) * 2
    assert expected <= devices.flops(model, len(pixels)) < 1.1 * expected


def test_a_product_is_timed(monkeypatch):
    monkeypatch.setattr(devices, "_SIDE", {"cpu": 64})
    assert devices.product_rate("cpu") > 0


@pytest.mark.parametrize("name", ["W1", "W2", "W4", "W7"])
def test_models_have_the_widths_of_the_workload(name):
    workload = WORKLOADS[name]._replace(epochs=1)
    X = np.random.RandomState(0).uniform(size=(130, 64 if name == "W1" else 784))
    model = models.make(workload).fit(X)
    if name != "W7":
        assert model.n_components_ == workload.widths[-1]
    assert model.n_iter_ == 1


def test_growth_prints_a_line_for_each_factor(monkeypatch):
    monkeypatch.setattr(fresh, "run", lambda function, **size: function(**size))
    base = growth.Size(rows=110, columns=30, components=2)
    table = growth.growth_table(base, rounds=1)
    assert isinstance(table, pd.DataFrame)
    assert list(table["rows"]) == [110, 1100, 110, 110]
    assert list(table["components"]) == [2, 2, 2, 20]
