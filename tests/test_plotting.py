"""Displays: what they hold, what they draw, what they refuse."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from skae import AutoencoderTransformer
from skae.plotting import (
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ScreeDisplay,
)

plt = pytest.importorskip("matplotlib.pyplot")

DIGITS, LABELS = load_digits(return_X_y=True)
TRAIN, TEST = DIGITS[:400] / 16, DIGITS[400:600] / 16


@pytest.fixture(autouse=True)
def close_figures():
    plt.switch_backend("Agg")
    plt.close("all")  # a test of another file may have left some open
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pca():
    return PCA(3).fit(TRAIN)


@pytest.fixture(scope="module")
def autoencoder():
    return AutoencoderTransformer(
        3, hidden_layer_sizes=(16,), max_iter=3, random_state=0
    ).fit(TRAIN)


@pytest.fixture(scope="module")
def draw(pca, autoencoder):
    """Return the displays by name, as functions of keywords of `from_estimator`."""
    both = [pca, autoencoder]
    return {
        "loss": lambda **kw: LossCurveDisplay.from_estimator(autoencoder, **kw),
        "images": lambda **kw: ReconstructionDisplay.from_estimator(both, TEST, **kw),
        "latent": lambda **kw: LatentSpaceDisplay.from_estimator(pca, TEST, **kw),
        "scree": lambda **kw: ScreeDisplay.from_estimator(both, TEST, **kw),
    }


DISPLAYS = ["loss", "images", "latent", "scree"]


@pytest.mark.parametrize("name", DISPLAYS)
def test_one_new_figure_or_none(draw, name):
    display = draw[name]()
    assert plt.get_fignums() == [1]
    assert display.ax_.figure is display.figure_
    figure, axes = plt.subplots(1, 2)
    plt.sca(axes[1])
    settings = dict(plt.rcParams)
    again = draw[name](ax=axes[0])
    assert again.ax_ is axes[0]
    assert again.figure_ is figure
    assert plt.gca() is axes[1]
    assert plt.get_fignums() == [1, 2]
    assert dict(plt.rcParams) == settings


@pytest.mark.parametrize("name", DISPLAYS)
def test_plot_draws_again_and_returns_itself(draw, name):
    display = draw[name]()
    first = display.ax_
    assert display.plot() is display
    assert display.ax_ is not first
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize("name", DISPLAYS)
def test_missing_matplotlib_names_the_extra(draw, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install skae\[plot\]"):
        draw[name]()


def test_import_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for module in [name for name in sys.modules if name.startswith("skae.plotting")]:
        monkeypatch.delitem(sys.modules, module)
    import skae.plotting  # noqa: F401


@pytest.mark.parametrize(
    "draw",
    [
        lambda: LossCurveDisplay.from_estimator(AutoencoderTransformer()),
        lambda: ReconstructionDisplay.from_estimator(PCA(), TEST),
        lambda: LatentSpaceDisplay.from_estimator(PCA(), TEST),
        lambda: ScreeDisplay.from_estimator(PCA()),
    ],
)
def test_unfitted_estimators_are_refused(draw):
    with pytest.raises(NotFittedError):
        draw()


# ----- loss curve ----------------------------------------------------------


def test_loss_curves_are_those_of_the_estimator(autoencoder):
    display = LossCurveDisplay.from_estimator(autoencoder)
    training, validation = display.lines_
    assert_array_equal(training.get_xdata(), np.arange(4))
    assert_array_equal(training.get_ydata(), autoencoder.loss_curve_)
    assert_array_equal(validation.get_ydata(), autoencoder.validation_loss_curve_)
    start, kept = display.start_line_, display.best_marker_
    assert start.get_ydata()[0] == autoencoder.validation_loss_curve_[0]
    assert start.get_label() == "Start: PCA"
    assert kept.get_xdata()[0] == autoencoder.best_epoch_
    assert kept.get_ydata()[0] == autoencoder.best_loss_
    assert display.ax_.get_ylabel() == "Unexplained share of the variance"


def test_loss_curve_without_validation_or_linear_path():
    network = AutoencoderTransformer(
        2, max_iter=2, early_stopping=False, linear_path=None, loss="huber"
    ).fit(TRAIN[:50])
    display = LossCurveDisplay.from_estimator(network)
    assert len(display.lines_) == 1
    assert display.start_line_ is None
    assert display.ax_.get_ylabel() == "Loss (huber)"


def test_loss_curve_is_found_in_pipeline_and_search(autoencoder):
    network = AutoencoderTransformer(hidden_layer_sizes=(8,), max_iter=2)
    search = GridSearchCV(network, {"n_components": [2]}, cv=2).fit(TRAIN)
    display = LossCurveDisplay.from_estimator(search)
    assert display.loss_curve == search.best_estimator_.loss_curve_
    classifier = make_pipeline(network, StandardScaler(), LogisticRegression())
    classifier.fit(TRAIN, LABELS[:400])
    display = LossCurveDisplay.from_estimator(classifier)
    assert display.loss_curve == classifier[0].loss_curve_


def test_shorter_validation_curve_is_of_the_last_epochs():
    curves = {"loss_curve": [5, 4, 3, 2, 1], "validation_loss_curve": [3, 2, 3]}
    display = LossCurveDisplay(**curves, best_epoch=3).plot()
    assert_array_equal(display.lines_[1].get_xdata(), [2, 3, 4])
    assert_array_equal(display.best_marker_.get_ydata(), [2])
    assert LossCurveDisplay(**curves, best_epoch=1).plot().best_marker_ is None


def test_loss_axis_is_logarithmic_beyond_a_decade():
    curve = [1.0, 0.3, 0.2]
    assert LossCurveDisplay(loss_curve=curve).plot().ax_.get_yscale() == "linear"
    display = LossCurveDisplay(loss_curve=[*curve, 0.05], best_epoch=3)
    assert display.plot().ax_.get_yscale() == "log"
    assert display.plot(yscale="linear").ax_.get_yscale() == "linear"
    # Likelihood losses may be negative.
    assert LossCurveDisplay(loss_curve=[9, -9]).plot().ax_.get_yscale() == "linear"


def test_loss_curve_needs_an_autoencoder(pca):
    with pytest.raises(TypeError, match=r"'validation_loss_curve_'. Got PCA"):
        LossCurveDisplay.from_estimator(pca)


# ----- reconstructions -----------------------------------------------------


def test_share_of_variance_is_of_all_rows(pca, autoencoder):
    display = ReconstructionDisplay.from_estimator([pca, autoencoder], TEST, n_images=4)
    residual = TEST - pca.inverse_transform(pca.transform(TEST))
    expected = 1 - np.square(residual).sum() / np.square(TEST - TEST.mean(0)).sum()
    assert_allclose(display.explained_variance["PCA"], expected)
    assert [row.shape for row in display.rows.values()] == [(4, 64)] * 3
    labels = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert labels[:2] == ["Original", f"PCA\n{expected:.1%} explained"]


def test_images_are_in_their_places():
    rows = {"a": np.arange(8.0).reshape(2, 4), "b": np.arange(8.0, 0, -1).reshape(2, 4)}
    display = ReconstructionDisplay(rows=rows, reference="a", image_shape=(2, 2))
    mosaic = display.plot().image_.get_array() * 7
    assert mosaic.shape == (5, 5)
    assert_allclose(mosaic[:2, :2], [[0, 1], [2, 3]])
    assert_allclose(mosaic[:2, 3:], [[4, 5], [6, 7]])
    # Clipped to the range of the reference.
    assert_allclose(mosaic[3:, :2], [[7, 7], [6, 5]])
    assert mosaic[2].mask.all()
    assert mosaic[:, 2].mask.all()


def test_images_in_colour():
    X = np.random.RandomState(0).rand(20, 48)
    display = ReconstructionDisplay.from_estimator(
        PCA(2).fit(X), X, image_shape=(4, 4, 3), n_images=2
    )
    assert display.image_.get_array().shape == (9, 9, 3)
    assert_allclose(
        display.image_.get_array()[:4, :4],
        ((X[0] - X[:2].min()) / np.ptp(X[:2])).reshape(4, 4, 3),
    )


def test_noisy_denoised_clean(pca):
    noisy = TEST + np.random.RandomState(0).normal(scale=0.5, size=TEST.shape)
    display = ReconstructionDisplay.from_estimator(
        {"Linear": pca}, noisy, X_target=TEST, input_name="Noisy", target_name="Clean"
    )
    assert list(display.rows) == ["Noisy", "Linear", "Clean"]
    shares = display.explained_variance
    # Of what was made of the input, not of the input.
    assert set(shares) == {"Linear"}
    assert 0 < shares["Linear"] < 1
    assert_array_equal(display.rows["Clean"], TEST[:10])


def test_bytes_do_not_wrap_around():
    X = np.tile(np.array([[0], [200]], np.uint8), (1, 25))
    display = ReconstructionDisplay.from_reconstructions(X, {"swapped": X[::-1]})
    assert_allclose(display.explained_variance["swapped"], -3)


@pytest.mark.parametrize(
    ("n_features", "image_shape", "n_lines"),
    [(25, None, 0), (16, None, 2), (26, None, 2), (25, (25,), 2), (24, (6, 4), 0)],
)
def test_curves_where_rows_are_not_images(n_features, image_shape, n_lines):
    X = TEST[:, :n_features]
    display = ReconstructionDisplay.from_estimator(
        PCA(2).fit(X), X, n_images=7, image_shape=image_shape
    )
    assert len(display.lines_ or []) == n_lines
    assert (display.image_ is None) == (n_lines > 0)
    if n_lines:
        y = display.lines_[0].get_ydata().reshape(7, n_features + 1)
        assert_array_equal(y[:5, :-1], X[:5])
        assert np.isnan(y[:, -1]).all()


def test_one_row_has_no_share_of_variance(pca):
    display = ReconstructionDisplay.from_estimator(pca, TEST[:1])
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == [
        "Original",
        "PCA",
    ]


def test_lists_number_a_class_that_comes_twice(pca):
    pipeline = make_pipeline(MaxAbsScaler(), PCA(2)).fit(TRAIN)
    display = ReconstructionDisplay.from_estimator([pca, pipeline], TEST)
    assert list(display.rows) == ["Original", "PCA", "PCA 2"]
    assert_array_equal(
        display.rows["PCA 2"],
        pipeline.inverse_transform(pipeline.transform(TEST))[:10],
    )


def test_data_frames_reach_the_estimator():
    frame = pd.DataFrame(TEST, columns=[f"pixel {j}" for j in range(64)])
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(frame)
    display = ReconstructionDisplay.from_estimator(pipeline, frame)
    assert_array_equal(display.rows["Original"], TEST[:10])


def test_reconstruction_errors_are_clear(pca):
    classifier = make_pipeline(pca, LogisticRegression()).fit(TRAIN, LABELS[:400])
    with pytest.raises(TypeError, match=r"'transform'.*LogisticRegression.*\[:-1\]"):
        ReconstructionDisplay.from_estimator(classifier, TEST)
    ReconstructionDisplay.from_estimator(classifier[:-1], TEST)
    with pytest.raises(ValueError, match=r"'image_shape'.*features, 64. Got \(8, 9\)"):
        ReconstructionDisplay.from_estimator(pca, TEST, image_shape=(8, 9))
    with pytest.raises(ValueError, match=r"'image_shape'.*Got \(4, 8, 2\)"):
        ReconstructionDisplay.from_estimator(pca, TEST, image_shape=(4, 8, 2))
    with pytest.raises(ValueError, match="differ in shape"):
        ReconstructionDisplay.from_estimator(pca, TEST, X_target=TEST[1:])
    with pytest.raises(ValueError, match="contains NaN"):
        ReconstructionDisplay.from_reconstructions(TEST, {"nan": TEST * np.nan})


# ----- latent space --------------------------------------------------------


def test_codes_of_the_wanted_components(autoencoder):
    display = LatentSpaceDisplay.from_estimator(autoencoder, TEST, components=(2, 0))
    codes = autoencoder.transform(TEST)
    assert_array_equal(display.scatter_.get_offsets(), codes[:, [2, 0]])
    share = autoencoder.explained_variance_ratio_[2]
    assert display.ax_.get_xlabel() == f"Component 2 ({share:.0%} of variance)"
    assert display.legend_ is None
    assert display.colorbar_ is None


@pytest.mark.parametrize(
    "y",
    [
        LABELS[400:600],
        np.array(list("abcdefghij"))[LABELS[400:600]],
        LABELS[400:600] > 5,
        pd.Series(LABELS[400:600], name="Digit"),
        LABELS[400:600].tolist(),
    ],
)
def test_classes_get_a_legend(pca, y):
    display = LatentSpaceDisplay.from_estimator(pca, TEST, y)
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == [str(label) for label in np.unique(y)]
    assert display.legend_.get_title().get_text() == getattr(y, "name", "")
    # Each point has the colour that the legend gives its class.
    display.figure_.draw_without_rendering()
    handles = display.legend_.legend_handles
    expected = [
        handles[names.index(str(label))].get_facecolor()[0, :3] for label in y[:50]
    ]
    assert_allclose(display.scatter_.get_facecolor()[:50, :3], expected)


@pytest.mark.parametrize(
    "y", [np.linspace(0.5, 2, 200), np.arange(200), np.arange(200.0)]
)
def test_measurements_get_a_colour_bar(pca, y):
    display = LatentSpaceDisplay.from_estimator(pca, TEST, y, target_name="weight")
    assert display.legend_ is None
    assert display.colorbar_.ax.get_ylabel() == "weight"
    assert_array_equal(display.scatter_.get_array(), y)


def test_more_classes_than_colours(pca):
    y = np.array([f"class {number}" for number in np.arange(200) % 30])
    display = LatentSpaceDisplay.from_estimator(pca, TEST, y)
    assert len(display.legend_.get_texts()) == 30


def test_latent_space_errors_are_clear(pca):
    with pytest.raises(ValueError, match=r"from 0 to 2. Got \(0, 3\)"):
        LatentSpaceDisplay.from_estimator(pca, TEST, components=(0, 3))
    with pytest.raises(ValueError, match=r"'components'.*Got \(0, 1, 2\)"):
        LatentSpaceDisplay.from_estimator(pca, TEST, components=(0, 1, 2))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay.from_estimator(pca, TEST, LABELS)


def test_transformer_without_variances_is_named_plainly():
    display = LatentSpaceDisplay.from_estimator(StandardScaler().fit(TEST), TEST)
    assert display.ax_.get_xlabel() == "Component 0"


# ----- scree ---------------------------------------------------------------


def test_scree_shows_shares_and_their_sums(pca, autoencoder):
    display = ScreeDisplay.from_estimator({"A": pca, "B": autoencoder}, TEST)
    for name, estimator in [("A", pca), ("B", autoencoder)]:
        ratio = estimator.explained_variance_ratio_
        assert_allclose([bar.get_height() for bar in display.bars_[name]], ratio)
        assert_allclose(display.lines_[name].get_ydata(), np.cumsum(ratio))
    level = display.reconstruction_lines_["B"].get_ydata()[0]
    assert_allclose(level, autoencoder.score(TEST), atol=0.05)


def test_scree_without_data_has_no_reconstruction(pca):
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(TRAIN)
    display = ScreeDisplay.from_estimator([pca, pipeline])
    assert display.reconstruction_lines_ == {}
    assert [len(bars) for bars in display.bars_.values()] == [3, 2]


def test_scree_needs_variances():
    with pytest.raises(TypeError, match="'explained_variance_ratio_'"):
        ScreeDisplay.from_estimator(StandardScaler().fit(TEST))
