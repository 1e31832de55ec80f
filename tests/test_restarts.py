"""Several starts of a fit: when they are made, and which is kept."""

import engine
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer

CLASSES = [AutoencoderTransformer, DenoisingAutoencoder, VAETransformer]
SMALL = {"max_iter": 3, "hidden_layer_sizes": (16,), "random_state": 0}


def unexplained(model, X):
    return np.square(X - model.inverse_transform(model.transform(X))).sum()


def ratio_to_pca(X, k, seed, **parameters):
    train, test = train_test_split(X, test_size=0.2, random_state=seed)
    model = AutoencoderTransformer(k, random_state=seed, **parameters).fit(train)
    return unexplained(model, test) / unexplained(PCA(k).fit(train), test), model


def curve(name, seed):
    rng = np.random.RandomState(seed)
    if name == "s_curve":
        return make_s_curve(1500, random_state=seed)[0], 2
    if name == "swiss_roll":
        return make_swiss_roll(1500, random_state=seed)[0], 2
    angle = rng.uniform(-np.pi, np.pi, 1500)
    if name == "sine":
        return np.c_[angle, np.sin(angle)], 1
    circle = np.c_[np.cos(angle), np.sin(angle)]
    return circle + 0.05 * rng.randn(1500, 2), 1


@pytest.mark.parametrize(
    "name, largest",
    [("s_curve", 0.15), ("swiss_roll", 0.3), ("sine", 0.1), ("circle", 0.35)],
)
def test_curved_data_are_not_left_to_pca(name, largest):
    X, k = curve(name, seed=7)
    ratio, model = ratio_to_pca(X, k, seed=7, max_iter=60)
    assert ratio < largest
    assert model.best_epoch_ > 0 and model.n_init_ > 1


def test_one_smooth_start_stays_at_pca_there():
    X, k = curve("s_curve", seed=7)
    ratio, model = ratio_to_pca(X, k, seed=7, n_init=1)
    assert ratio == pytest.approx(1, abs=1e-3) and model.n_init_ == 1


@pytest.mark.parametrize("cls", CLASSES)
def test_the_start_with_the_smallest_loss_is_kept(cls):
    X = load_digits().data[:600]
    model = cls(4, n_init=3, **SMALL).fit(X)
    assert model.n_init_ == 3 and model.start_losses_.shape == (3,)
    # The curve begins at the linear path, which no start may be above.
    assert model.best_loss_ == pytest.approx(min(model.start_losses_))
    assert max(model.start_losses_) <= model.validation_loss_curve_[0] * (1 + 1e-6)


@pytest.mark.parametrize("cls", CLASSES)
def test_more_starts_never_raise_the_validation_loss(cls):
    X = load_digits().data[:600]
    one, three = (cls(4, n_init=n, **SMALL).fit(X) for n in (1, 3))
    assert three.start_losses_[0] == one.start_losses_[0] == one.best_loss_
    assert three.best_loss_ <= one.best_loss_


def test_where_the_first_start_is_kept_the_fit_is_that_of_one_start():
    X = load_digits().data[:600]
    # A linear network has nothing to gain from large weights.
    parameters = {**SMALL, "max_iter": 20, "activation": "identity"}
    model = AutoencoderTransformer(8, n_init=2, **parameters).fit(X)
    assert np.argmin(model.start_losses_) == 0
    alone = AutoencoderTransformer(8, n_init=1, **parameters).fit(X)
    np.testing.assert_array_equal(model.transform(X), alone.transform(X))


def test_auto_makes_one_start_where_pca_is_left_clearly():
    X = load_digits().data
    model = AutoencoderTransformer(8, random_state=0, max_iter=15).fit(X)
    assert model.n_init_ == 1
    alone = clone(model).set_params(n_init=1).fit(X)
    np.testing.assert_array_equal(model.transform(X), alone.transform(X))


@pytest.mark.parametrize("few, many, n_starts", [(1e6, 1e6, 3), (1, 1e6, 2), (1, 1, 1)])
def test_auto_makes_more_starts_for_few_codes(few, many, n_starts, monkeypatch):
    engine.set_constant(monkeypatch, "values for a rough start", few)
    engine.set_constant(monkeypatch, "values for a textbook start", many)
    X = load_digits().data
    model = AutoencoderTransformer(2, random_state=0, max_iter=12).fit(X)
    assert model.n_init_ == n_starts
    # Whichever start is kept, the axes are those of the linear path.
    assert model.components_.shape == (2, 64)
    assert np.abs(model.components_).max() > 0.1


def test_a_start_without_the_linear_path_keeps_its_axes(monkeypatch):
    engine.set_further_starts(monkeypatch, ["textbook"])
    X = make_swiss_roll(1500, random_state=1)[0]
    tasks = Tasks()
    model = AutoencoderTransformer(2, random_state=0, max_iter=40)
    model.set_callbacks(tasks).fit(X)
    # One smooth start stays at PCA.
    assert model.start_losses_[1] < 0.8 * model.start_losses_[0]
    assert not model.network_.contains_linear_path
    # The axes of the training part, nine tenths of the samples.
    overlap = np.abs(model.components_ @ PCA(2).fit(X).components_.T)
    np.testing.assert_allclose(overlap, np.eye(2), atol=0.2)
    np.testing.assert_array_equal(tasks.fitted[-1].components_, model.components_)
    before = model.components_
    model.partial_fit(X)
    np.testing.assert_array_equal(model.components_, before)


def test_callbacks_see_the_starts_so_far():
    tasks = Tasks()
    model = AutoencoderTransformer(4, n_init=3, **SMALL).set_callbacks(tasks)
    model.fit(load_digits().data[:300])
    assert [fitted.n_init_ for fitted in tasks.fitted] == 3 * [1] + 3 * [2] + 3 * [3]
    np.testing.assert_array_equal(tasks.fitted[-1].start_losses_, model.start_losses_)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "parameters, n_init",
    [
        ({"early_stopping": False}, 1),
        ({"linear_path": None}, 1),
        ({"init": "kaiming_uniform"}, 1),
        ({"max_iter": 1}, 3),
    ],
)
def test_auto_is_one_start_where_there_is_nothing_to_compare(cls, parameters, n_init):
    X = load_iris().data
    model = cls(2, **{**SMALL, **parameters}).fit(X)
    assert model.n_init_ == n_init


@pytest.mark.parametrize("early_stopping", ["auto", True, False])
@pytest.mark.parametrize("linear_path", ["default", None])
@pytest.mark.parametrize("init", ["auto", "xavier_uniform"])
def test_starts_can_be_asked_for_everywhere(early_stopping, linear_path, init):
    X = load_digits().data[:300, :20]
    parameters = {"early_stopping": early_stopping, "init": init, **SMALL}
    if linear_path is None:
        parameters["linear_path"] = None
    model = AutoencoderTransformer(3, n_init=2, **parameters).fit(X)
    assert model.n_init_ == 2
    # Weights of their own.
    assert model.start_losses_[0] != model.start_losses_[1]
    assert np.isfinite(model.score(X))


def test_nothing_is_trained_where_the_answer_is_known():
    X = load_iris().data
    model = AutoencoderTransformer(2, hidden_layer_sizes=(), n_init=5).fit(X)
    assert model.n_init_ == 0 and model.start_losses_.shape == (0,)


@pytest.mark.parametrize("cls", CLASSES)
def test_equal_seeds_give_equal_bits(cls):
    X = make_s_curve(300, random_state=0)[0]
    first, second = (cls(2, **SMALL).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.start_losses_, second.start_losses_)
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


@pytest.mark.parametrize("cls", CLASSES)
def test_a_fit_goes_on_from_the_start_that_was_kept(cls):
    X = make_s_curve(600, random_state=0)[0]
    model = cls(2, warm_start=True, **SMALL).fit(X)
    axes, best = model.components_, model.best_loss_
    model.fit(X)
    assert model.n_init_ == 1
    assert model.best_loss_ <= best + 1e-12
    assert model.components_.shape == axes.shape
    model.partial_fit(X[:50])
    assert np.isfinite(model.score(X))


class Tasks:
    """A callback that records tasks, and stops or interrupts after some epochs."""

    def __init__(self, stop_after=None, interrupt_after=None):
        self.names, self.epochs, self.fitted = [], 0, []
        self.stop_after, self.interrupt_after = stop_after, interrupt_after

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name.startswith("start"):
            self.names.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.epochs += context.task_name == "epoch"
        if context.task_name == "epoch":
            self.fitted.append(fitted_estimator)
        if self.epochs == self.interrupt_after:
            self.interrupt_after = None
            raise KeyboardInterrupt
        return self.epochs == self.stop_after and context.task_name == "epoch"

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("cls", CLASSES)
def test_each_start_is_a_task_of_the_callbacks(cls):
    tasks = Tasks()
    model = cls(4, n_init=3, **SMALL).set_callbacks(tasks)
    model.fit(load_digits().data[:300])
    assert tasks.names == ["start 1", "start 2", "start 3"]
    assert tasks.epochs == 9


def test_a_callback_that_stops_ends_all_starts():
    tasks = Tasks(stop_after=2)
    model = AutoencoderTransformer(4, n_init=3, **SMALL).set_callbacks(tasks)
    model.fit(load_digits().data[:600])
    assert tasks.names == ["start 1"] and model.n_init_ == 1 and tasks.epochs == 2


def test_an_interrupt_at_the_end_of_a_start_keeps_it():
    class Interrupt(Tasks):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "start 1":
                raise KeyboardInterrupt

    X = load_digits().data[:600]
    model = AutoencoderTransformer(4, n_init=3, **SMALL).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert model.best_epoch_ == 3 and np.isfinite(model.score(X))


def test_a_rough_start_does_not_decay_later_either():
    X = make_s_curve(1000, random_state=0)[0]
    model = AutoencoderTransformer(2, max_iter=30, random_state=0).fit(X)
    assert model._start_kind == "rough"
    model.partial_fit(X)
    assert model._start_kind == "rough"
    assert model._training_state.optimizer.decoupled_decay == 0


@pytest.mark.parametrize("after, n_starts", [(2, 1), (5, 2)])
def test_an_interrupt_keeps_the_best_start_so_far(after, n_starts):
    X = load_digits().data[:600]
    tasks = Tasks(interrupt_after=after)
    model = AutoencoderTransformer(4, n_init=3, **SMALL).set_callbacks(tasks)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert model.n_init_ == n_starts
    assert model.best_loss_ == min(model.start_losses_)
    assert np.isfinite(model.score(X))


def test_an_interrupt_between_starts_keeps_the_first(monkeypatch):
    engine.interrupt_at(monkeypatch, "further start")
    X = load_digits().data[:300]
    model = AutoencoderTransformer(4, linear_path=None, n_init=3, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert model.n_init_ == 1 and model.best_epoch_ == 3


@pytest.mark.parametrize("failing", [[0], [1], [0, 2], [0, 1, 2]])
def test_a_start_that_diverges_costs_only_itself(failing, monkeypatch):
    engine.let_starts_diverge(monkeypatch, failing)
    X = load_digits().data[:300]
    model = AutoencoderTransformer(4, linear_path=None, n_init=3, **SMALL)
    if len(failing) == 3:
        with pytest.raises(ValueError, match="start 1"):
            model.fit(X)
    else:
        model.fit(X)
        assert np.argmin(model.start_losses_) not in failing
        assert model.best_epoch_ > 0


@pytest.mark.parametrize("n_init", [0, -1, 1.5, "many", True])
def test_an_invalid_n_init_is_refused(n_init):
    model = AutoencoderTransformer(2, n_init=n_init)
    with pytest.raises(ValueError, match="'n_init' parameter"):
        model.fit(load_iris().data)
    with pytest.raises(NotFittedError):
        model.transform(load_iris().data)


def test_pure_noise_gives_further_starts_no_chance():
    for seed in range(4):
        X = np.random.RandomState(seed).randn(1000, 20)
        model = AutoencoderTransformer(5, random_state=seed, max_iter=15).fit(X)
        first, second = model.start_losses_
        assert second == pytest.approx(model.validation_loss_curve_[0], rel=1e-6)
        assert first <= second
