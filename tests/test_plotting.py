"""Displays: what they hold, what they draw, what they refuse."""

import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    StandardScaler,
)

from skae import (
    AutoencoderTransformer,
    ConditionalVAE,
    ConvolutionalAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedDAEClassifier,
    VAETransformer,
)
from skae._networks.layers import Dense
from skae.plotting import (
    FiltersDisplay,
    LatentManifoldDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ScreeDisplay,
)
from skae.plotting._grid import value_labels

plt = pytest.importorskip("matplotlib.pyplot")

DIGITS, LABELS = load_digits(return_X_y=True)
TRAIN, TEST = DIGITS[:400] / 16, DIGITS[400:600] / 16


class Generator(PCA):
    """Whitened codes have the prior N(0, I); a label shifts what they decode to."""

    def __init__(self, n_components=None, *, whiten=True):
        super().__init__(n_components, whiten=whiten)

    def sample(self, n_samples=1):
        return self.inverse_transform(np.zeros((n_samples, self.n_components_)))

    def inverse_transform(self, X, y=None):
        rows = super().inverse_transform(X)
        return rows if y is None else rows + np.reshape(y, (len(rows), -1))[:, -1:]


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
        "filters": lambda **kw: FiltersDisplay.from_estimator(pca, **kw),
        "manifold": lambda **kw: LatentManifoldDisplay.from_estimator(pca, TEST, **kw),
        "traversal": lambda **kw: LatentTraversalDisplay.from_estimator(
            pca, TEST, **kw
        ),
    }


DISPLAYS = ["loss", "images", "latent", "scree", "filters", "manifold", "traversal"]


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


@pytest.mark.parametrize("ax", ["x", np.array([None, None]), 1])
@pytest.mark.parametrize("name", DISPLAYS)
def test_what_are_no_axes(draw, name, ax):
    with pytest.raises(TypeError, match="'ax' parameter must be matplotlib Axes"):
        draw[name](ax=ax)


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
        lambda: FiltersDisplay.from_estimator(PCA()),
        lambda: LatentManifoldDisplay.from_estimator(PCA(), TEST),
        lambda: LatentManifoldDisplay.from_estimator(Generator()),
        lambda: LatentTraversalDisplay.from_estimator(PCA(), TEST),
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


def test_loss_curve_of_a_likelihood_is_in_nats():
    vae = VAETransformer(2, hidden_layer_sizes=(8,), max_iter=2).fit(TRAIN)
    display = LossCurveDisplay.from_estimator(vae)
    assert display.ax_.get_ylabel() == "Loss (nats)"


def test_loss_curve_of_a_classifier_is_in_nats():
    classifier = StackedDAEClassifier((8,), pretraining=None, max_iter=2)
    display = LossCurveDisplay.from_estimator(classifier.fit(TRAIN, LABELS[:400]))
    assert display.ax_.get_ylabel() == "Loss (nats)"
    assert display.start_line_ is None


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


@pytest.mark.parametrize("image_shape", [(6, 4), (4, 2, 3), (1, 24)])
def test_images_of_the_shape_they_were_fitted_to(image_shape):
    X = np.random.RandomState(0).rand(20, 24)
    model = ConvolutionalAutoencoder(
        image_shape=image_shape, channels=(2,), max_iter=1, random_state=0
    )
    display = ReconstructionDisplay.from_estimator(
        [PCA(2).fit(X), make_pipeline(MinMaxScaler(), model).fit(X)], X, n_images=1
    )
    if image_shape[0] == 1:
        assert display.image_ is None
        return
    height, width, *colors = image_shape
    mosaic = display.image_.get_array()
    assert mosaic.shape[:2] == (3 * height + 2, width)
    assert_allclose(
        mosaic[:height].reshape(-1), (X[0] - X[0].min()) / np.ptp(X[0]), rtol=1e-6
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
    for image_shape in [5, (-8, -8), (8.0, 8.0), "square"]:
        with pytest.raises(ValueError, match="'image_shape'"):
            ReconstructionDisplay.from_estimator(pca, TEST, image_shape=image_shape)
    for n_images in [0, -1, 2.5, True, None]:
        with pytest.raises(ValueError, match=r"'n_images'.*at least 1. Got "):
            ReconstructionDisplay.from_estimator(pca, TEST, n_images=n_images)
    with pytest.raises(ValueError, match="must have the same shape"):
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
    # Each point has the color that the legend gives its class.
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


def test_a_legend_that_nobody_would_read_is_left_out(pca):
    y = np.array([f"class {number}" for number in range(200)])
    display = LatentSpaceDisplay.from_estimator(pca, TEST, y)
    assert display.legend_ is None
    assert display.colorbar_ is None
    display.figure_.draw_without_rendering()


def test_components_from_the_end(pca):
    display = LatentSpaceDisplay.from_estimator(pca, TEST, components=(-1, 0))
    assert_array_equal(display.codes, pca.transform(TEST)[:, [2, 0]])
    assert display.code_names[0].startswith("Component 2")


def test_shares_are_of_the_step_that_codes(pca):
    pipeline = make_pipeline(PCA(2), StandardScaler()).fit(TRAIN)
    display = LatentSpaceDisplay.from_estimator(pipeline, TEST)
    assert display.code_names == ("Component 0", "Component 1")


def test_sparse_codes():
    sparse = FunctionTransformer(csr_matrix).fit(TEST)
    display = LatentSpaceDisplay.from_estimator(sparse, TEST, components=(20, 21))
    assert_array_equal(display.codes, TEST[:, [20, 21]])


def test_latent_space_errors_are_clear(pca):
    with pytest.raises(ValueError, match=r"from 0 to 2. Got \(0, 3\)"):
        LatentSpaceDisplay.from_estimator(pca, TEST, components=(0, 3))
    with pytest.raises(ValueError, match=r"'components'.*Got \(0, 1, 2\)"):
        LatentSpaceDisplay.from_estimator(pca, TEST, components=(0, 1, 2))
    for components in [1, (0,), (0, 0), (0, 1.0), "01", None, ()]:
        with pytest.raises(ValueError, match="'components'.*of 2 different columns"):
            LatentSpaceDisplay.from_estimator(pca, TEST, components=components)
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


# ----- filters -------------------------------------------------------------


def test_filters_of_components_keep_their_order(pca, autoencoder):
    for estimator in (pca, autoencoder, NMF(3, max_iter=500).fit(TRAIN)):
        display = FiltersDisplay.from_estimator(estimator, n_filters=2)
        assert_array_equal(display.filters, estimator.components_[:2])
        assert_array_equal(display.indices, [0, 1])


def test_filters_of_the_encoder_come_by_their_norm(autoencoder):
    weights = autoencoder.network_.f.layers[0].weight.detach().numpy()
    display = FiltersDisplay.from_estimator(autoencoder, layer="encoder")
    assert display.filters.shape == (16, 64)
    assert_array_equal(display.filters, weights[display.indices])
    assert (np.diff(np.linalg.norm(display.filters, axis=1)) <= 0).all()


@pytest.mark.parametrize("tied", [False, True])
def test_filters_of_the_decoder_are_what_its_units_add(tied):
    network = DenoisingAutoencoder(
        2, hidden_layer_sizes=(8,), linear_path=None, tied_weights=tied, max_iter=1
    ).fit(TRAIN)
    display = FiltersDisplay.from_estimator(network, layer="decoder", n_filters=8)
    last = network.network_.g.layers[-1]
    one_unit_each = torch.eye(8)[display.indices.tolist()]
    added = (last(one_unit_each) - last.bias).detach()
    assert_allclose(display.filters, added, rtol=1e-6, atol=1e-7)
    # Without components, the encoder's filters are the ones to see.
    display = FiltersDisplay.from_estimator(make_pipeline(PCA(), network))
    first = network.network_.f.layers[0].weight.detach().numpy()
    assert_array_equal(display.filters, first[display.indices])


@pytest.mark.parametrize("tied", [False, True])
def test_filters_that_the_decoder_divides_by_their_length_come_by_their_codes(tied):
    rectified = SparseAutoencoder(
        12, sparsity="l1", tied_weights=tied, max_iter=2, random_state=0
    ).fit(TRAIN)
    display = FiltersDisplay.from_estimator(rectified, layer="decoder")
    # What a code adds that is one standard deviation larger.
    deviations = np.sqrt(rectified.explained_variance_)[display.indices]
    assert (np.diff(deviations) <= 0).all()
    decode = rectified.network_.decode
    larger = torch.from_numpy(np.diag(np.sqrt(rectified.explained_variance_))).float()
    added = (decode(larger) - decode(torch.zeros(1, 12))).detach()
    assert_allclose(display.filters, added[display.indices.tolist()], atol=1e-5)


def test_filters_of_a_deep_decoder_have_their_own_length():
    rectified = SparseAutoencoder(
        12, sparsity="l1", hidden_layer_sizes=(5,), max_iter=2, random_state=0
    ).fit(TRAIN)
    display = FiltersDisplay.from_estimator(rectified, layer="decoder")
    weights = rectified.network_.g.layers[-1].weight.T.detach().numpy()
    assert_array_equal(display.filters, weights[display.indices])


def test_filters_of_a_conditional_encoder_end_with_the_features(autoencoder):
    conditional = deepcopy(autoencoder)
    conditional.network_.f.layers[0] = Dense(64 + 11, 16)
    display = FiltersDisplay.from_estimator(conditional, layer="encoder")
    assert display.filters.shape == (16, 64)


def test_filters_of_the_encoder_in_units_of_the_data(autoencoder):
    display = FiltersDisplay.from_estimator(autoencoder, TRAIN, layer="encoder")
    weights = autoencoder.network_.f.layers[0].weight.detach().numpy()
    expected = (weights * TRAIN.std(axis=0))[display.indices]
    assert_allclose(display.filters, expected, rtol=1e-6)
    # A column of zeros, as some of the digits have, is nothing to respond to.
    assert not display.filters[:, TRAIN.std(axis=0) == 0].any()
    assert (np.diff(np.linalg.norm(display.filters, axis=1)) <= 0).all()
    components = FiltersDisplay.from_estimator(autoencoder, TRAIN)
    assert_array_equal(components.filters, autoencoder.components_)
    with pytest.raises(ValueError, match=r"'X'.*64 features.*\[:-1\].*Got 63"):
        FiltersDisplay.from_estimator(autoencoder, TRAIN[:, 1:], layer="encoder")


def test_filters_need_dense_layers(autoencoder):
    other = deepcopy(autoencoder)
    other.network_.f = torch.nn.Identity()
    with pytest.raises(TypeError, match="AutoencoderTransformer: pass its filters to"):
        FiltersDisplay.from_estimator(other, layer="encoder")


def test_each_filter_has_its_own_scale_and_one_zero():
    filters = np.zeros((7, 25))
    filters[1, :2] = 1, -2
    filters[2, 3] = -1e-9
    display = FiltersDisplay.from_filters(filters)
    assert display.image_.get_clim() == (-1, 1)
    drawn = display.image_.get_array()
    # Five by five pixels with one between them; four columns, so one blank cell.
    assert drawn.shape == (11, 23)
    assert drawn[6:, 18:].mask.all()
    assert_array_equal(drawn[:5, :5], np.zeros((5, 5)))
    assert_array_equal(drawn[0, 6:11], [0.5, -1, 0, 0, 0])
    assert_array_equal(drawn[0, 12:17], [0, 0, 0, -1, 0])


def test_filters_in_colour_have_grey_for_zero():
    filters = np.zeros((1, 75))
    filters[0, 0] = 3
    display = FiltersDisplay.from_filters(filters, image_shape=(5, 5, 3))
    assert_array_equal(display.image_.get_array()[0, :2], [[1, 0.5, 0.5], [0.5] * 3])


def test_filters_as_curves():
    display = FiltersDisplay.from_filters(np.random.RandomState(0).randn(7, 12))
    assert display.image_ is None
    # 8 cells, each with a nan at its end and the last one blank.
    (line,) = display.lines_
    assert line.get_ydata().shape == (8 * 13,)
    assert np.isfinite(line.get_ydata()).sum() == 7 * 12


@pytest.mark.parametrize("n_filters", [1, 2, 3, 7, 8, 10, 13, 64, 97])
def test_grid_of_filters_is_wide_and_full(n_filters):
    display = FiltersDisplay.from_filters(np.ones((n_filters, 5)))
    n_columns, n_rows = display.ax_.get_xlim()[1], display.ax_.get_ylim()[0]
    assert n_rows <= n_columns
    assert 0 <= n_rows * n_columns - n_filters < n_columns


def test_filter_errors_are_clear(pca):
    with pytest.raises(ValueError, match=r"'layer'.*'decoder'\]. Got 'middle'"):
        FiltersDisplay.from_estimator(pca, layer="middle")
    with pytest.raises(ValueError, match=r"'n_filters'.*Got 0"):
        FiltersDisplay.from_estimator(pca, n_filters=0)
    with pytest.raises(TypeError, match="'network_'. Got PCA"):
        FiltersDisplay.from_estimator(pca, layer="encoder")
    with pytest.raises(TypeError, match="'components_' or 'network_'"):
        FiltersDisplay.from_estimator(StandardScaler().fit(TEST))
    with pytest.raises(ValueError, match="2D array"):
        FiltersDisplay.from_filters(np.ones(5))


# ----- latent manifold -----------------------------------------------------


def test_manifold_is_decoded_quantiles(pca):
    display = LatentManifoldDisplay.from_estimator(
        pca, TEST, components=(2, 0), n_images=5
    )
    codes = pca.transform(TEST)
    shares = [0.1, 0.3, 0.5, 0.7, 0.9]
    assert_allclose(display.x_values, np.quantile(codes[:, 2], shares))
    assert_allclose(display.y_values, np.quantile(codes[:, 0], shares))
    center = np.median(codes, axis=0)
    center[1] = codes[:, 1].mean()
    assert_allclose(display.images[2, 2], pca.inverse_transform([center])[0])
    corner = [display.y_values[4], codes[:, 1].mean(), display.x_values[1]]
    assert_allclose(display.images[4, 1], pca.inverse_transform([corner])[0])
    assert display.code_names[0].startswith("Component 2 (")
    assert display.value_range == (0, 1)


def test_manifold_of_a_generator_spans_its_prior():
    generator = Generator(3).fit(TRAIN)
    display = LatentManifoldDisplay.from_estimator(generator, n_images=7)
    assert display.images.shape == (7, 7, 64)
    assert_allclose(norm.cdf(display.x_values), (np.arange(7) + 0.5) / 7)
    assert_array_equal(display.x_values, display.y_values)
    assert_allclose(display.images[3, 3], generator.mean_)
    assert display.value_range is None
    of_codes = LatentManifoldDisplay.from_estimator(generator, TEST, n_images=7)
    codes = generator.transform(TEST)
    assert_allclose(of_codes.x_values[3], np.median(codes[:, 0]))


def test_variational_autoencoders_need_no_data():
    network = VAETransformer(3, hidden_layer_sizes=(8,), max_iter=2).fit(TRAIN)
    origin = network.inverse_transform(np.zeros((1, 3)))[0]
    manifold = LatentManifoldDisplay.from_estimator(network, n_images=3)
    assert_allclose(manifold.images[1, 1], origin, atol=1e-12)
    traversal = LatentTraversalDisplay.from_estimator(network, n_images=3)
    assert_allclose(traversal.images[:, 1], [origin] * 3, atol=1e-12)
    assert_allclose(traversal.reference, origin, atol=1e-12)


def test_manifold_has_low_values_at_the_left_and_at_the_bottom():
    images = np.arange(12.0).reshape(2, 3, 2).repeat(25, axis=2)
    display = LatentManifoldDisplay(
        images=images[..., :25], x_values=[-1, 0, 1], y_values=[5, 6]
    ).plot()
    drawn = display.image_.get_array()
    assert drawn.shape == (11, 17)
    assert_array_equal(drawn[2, [2, 8, 14]], [6, 8, 10])
    assert_array_equal(drawn[8, [2, 8, 14]], [0, 2, 4])
    x, y = display.ax_.get_xticklabels(), display.ax_.get_yticklabels()
    minus = "\N{MINUS SIGN}1.0"
    assert [label.get_text() for label in x] == [minus, "0.0", "1.0"]
    positions = {label.get_text(): label.get_position()[1] for label in y}
    # The vertical axis points down.
    assert positions["5.00"] > positions["6.00"]


@pytest.mark.parametrize("label", [3, 0.5, [1.0, 2.0]])
def test_manifold_of_one_label(label):
    pipeline = make_pipeline(MaxAbsScaler(), Generator(2)).fit(TRAIN)
    plain = LatentManifoldDisplay.from_estimator(pipeline, n_images=3)
    labeled = LatentManifoldDisplay.from_estimator(pipeline, n_images=3, y=label)
    shift = np.ravel(label)[-1] * pipeline[0].scale_
    assert_allclose(labeled.images, plain.images + shift)


def test_manifold_of_search_and_frame():
    frame = pd.DataFrame(TRAIN, columns=[f"pixel {j}" for j in range(64)])
    search = GridSearchCV(PCA(), {"n_components": [2]}, cv=2).fit(frame)
    display = LatentManifoldDisplay.from_estimator(search, frame, n_images=3)
    codes = search.transform(frame)
    center = np.median(codes, axis=0, keepdims=True)
    assert_allclose(display.images[1, 1], search.inverse_transform(center)[0])


@pytest.mark.parametrize("kind", [LatentManifoldDisplay, LatentTraversalDisplay])
def test_errors_of_decoded_codes_are_clear(pca, kind):
    with pytest.raises(
        ValueError, match="'X' parameter is required, because PCA has no"
    ):
        kind.from_estimator(pca)
    scaled = make_pipeline(Generator(2), StandardScaler()).fit(TRAIN)
    with pytest.raises(ValueError, match="because StandardScaler has no"):
        kind.from_estimator(scaled)
    with pytest.raises(ValueError, match="at least two samples.*Got 1"):
        kind.from_estimator(pca, TEST[:1])
    with pytest.raises(TypeError, match="'y' parameter.*Got PCA: leave y out"):
        kind.from_estimator(pca, TEST, y=3)
    with pytest.raises(ValueError, match=r"'n_images'.*Got 2.5"):
        kind.from_estimator(pca, TEST, n_images=2.5)
    with pytest.raises(ValueError, match=r"'components'.*from 0 to 2. Got \(0, 3\)"):
        kind.from_estimator(pca, TEST, components=(0, 3))
    classifier = make_pipeline(pca, LogisticRegression()).fit(TRAIN, LABELS[:400])
    with pytest.raises(TypeError, match=r"\[:-1\]"):
        kind.from_estimator(classifier, TEST)


def test_manifold_needs_codes_that_vary(pca):
    X = np.tile(TEST[0], (30, 1))
    X[0] += 1  # less than a share of the quantiles
    message = r"All 5 quantiles of code 2 are -?\d.*LatentTraversalDisplay"
    with pytest.raises(ValueError, match=message):
        LatentManifoldDisplay.from_estimator(pca, X, components=(2, 0), n_images=5)
    one = LatentManifoldDisplay.from_estimator(pca, X, n_images=1)
    assert one.images.shape == (1, 1, 64)


def test_manifold_needs_two_components():
    with pytest.raises(ValueError, match="shows 2 components, and the model has 1"):
        LatentManifoldDisplay.from_estimator(PCA(1).fit(TRAIN), TEST)


# ----- latent traversal ----------------------------------------------------


def test_traversal_varies_one_component_a_row(autoencoder):
    display = LatentTraversalDisplay.from_estimator(
        autoencoder, TEST, components=(2, 0), row=5, n_images=4
    )
    codes = autoencoder.transform(TEST)
    ends = np.quantile(codes[:, [2, 0]], [0.01, 0.99], axis=0)
    assert_allclose(display.values[:, [0, -1]], ends.T)
    assert_allclose(np.diff(display.values, n=2), 0, atol=1e-12)
    for images, values, component in zip(
        display.images, display.values, (2, 0), strict=True
    ):
        varied = np.tile(codes[5], (4, 1))
        varied[:, component] = values
        assert_allclose(images, autoencoder.inverse_transform(varied), atol=1e-12)
    reconstruction = autoencoder.reconstruct(TEST[5:6])[0]
    assert_allclose(display.reference, reconstruction, atol=1e-12)


def test_traversal_of_a_generator_spans_its_prior():
    generator = Generator(8).fit(TRAIN)
    display = LatentTraversalDisplay.from_estimator(generator)
    assert display.images.shape == (6, 9, 64)
    assert_allclose(norm.cdf(display.values[:, [0, -1]]), [[0.01, 0.99]] * 6)
    assert_allclose(display.images[:, 4], [generator.mean_] * 6)
    # Rows that share their values have them on the columns.
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels[4:6] == ["0.0", "0.6"]
    shifted = LatentTraversalDisplay.from_estimator(generator, y=2)
    assert_allclose(shifted.images, display.images + 2)


def test_traversal_keeps_to_the_mean_code_and_names_its_rows(pca):
    display = LatentTraversalDisplay.from_estimator(pca, TEST)
    mean_code = pca.transform(TEST).mean(axis=0, keepdims=True)
    assert_allclose(display.reference, pca.inverse_transform(mean_code)[0])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    share = pca.explained_variance_ratio_[0]
    assert names[0].startswith(f"Component 0\n{share:.0%} of variance\n")
    assert " to " in names[0]


def test_traversal_as_curves():
    X = TRAIN[:, :20]
    display = LatentTraversalDisplay.from_estimator(PCA(2).fit(X), X, n_images=3)
    assert display.image_ is None
    (line,) = display.lines_
    assert line.get_ydata().shape == (2 * 3 * 21,)
    # Behind the curves, the one that they all started from.
    assert len(display.ax_.lines) == 2


def test_traversal_errors_are_clear(pca):
    for row in [200, -201, 1.5, "first"]:
        with pytest.raises(ValueError, match="'row' .*from 0 to 199, or .*-1 to -200 "):
            LatentTraversalDisplay.from_estimator(pca, TEST, row=row)
    with pytest.raises(ValueError, match=r"needs X. Got row=3"):
        LatentTraversalDisplay.from_estimator(Generator(2).fit(TRAIN), row=3)
    with pytest.raises(ValueError, match="'n_images'.*at least 2"):
        LatentTraversalDisplay.from_estimator(pca, TEST, n_images=1)
    with pytest.raises(ValueError, match="'components'.*sequence of different"):
        LatentTraversalDisplay.from_estimator(pca, TEST, components=[])


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([-1.834, -0.001, 1.834], ["-1.8", "0.0", "1.8"]),
        ([-7, 11], ["-7.0", "11.0"]),
        ([-120, 90], ["-120", "90"]),
        ([0.0013, 0.0042], ["0.0013", "0.0042"]),
        ([2e8, 5e8], ["2.0e+08", "5.0e+08"]),
        ([0.25, 0.25], ["0.25", "0.25"]),
    ],
)
def test_ticks_are_short(values, labels):
    expected = [label.replace("-", "\N{MINUS SIGN}") for label in labels]
    assert list(value_labels(values)) == expected


def test_reconstructions_given_a_target(pca):
    vae = ConditionalVAE(2, max_iter=1, hidden_layer_sizes=(8,)).fit(
        TRAIN, LABELS[:400]
    )
    y = LABELS[400:600]
    display = ReconstructionDisplay.from_estimator([pca, vae], TEST, y=y)
    assert_allclose(display.rows["ConditionalVAE"], vae.reconstruct(TEST, y)[:10])
    with pytest.raises(ValueError, match="needs to know of what class"):
        ReconstructionDisplay.from_estimator(vae, TEST)
