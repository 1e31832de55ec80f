import engine
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer


def make_folds(X, sample_weight=None, **parameters):
    estimator = AutoencoderTransformer(2, random_state=0, **parameters)
    return engine.CrossValidation(estimator, X, sample_weight)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)[0]


def test_start_losses_are_those_of_pca_on_rows_it_has_not_seen(iris):
    order = np.random.RandomState(0).permutation(len(iris))
    expected = []
    for fold in np.array_split(order, 5):
        rest = np.delete(iris, fold, axis=0)
        pca = PCA(2).fit(rest)
        residual = iris[fold] - pca.inverse_transform(pca.transform(iris[fold]))
        unit = np.square(rest - rest.mean(axis=0)).mean()
        expected.append(np.square(residual).mean(axis=1) / unit)
    losses = make_folds(iris).losses_at_the_start()
    assert_allclose(losses, np.concatenate(expected), rtol=1e-3, atol=1e-7)


def test_measuring_trains_each_sibling_one_epoch(iris):
    folds = make_folds(iris)
    start = folds.losses_at_the_start()
    first, second = (folds.losses_after_an_epoch() for _ in range(2))
    assert first.shape == second.shape == (len(iris),)
    assert (start != first).any() and (first != second).any()


def test_weights_are_in_the_order_of_the_losses(iris):
    weight = np.arange(1.0, len(iris) + 1)
    order = np.random.RandomState(0).permutation(len(iris))
    folds = make_folds(iris, weight)
    assert_allclose(folds.weight, weight[order] / weight.mean())


def test_all_rows_are_trained_on_and_judged_by_folds():
    X, _ = load_diabetes(return_X_y=True, scaled=False)
    estimator = AutoencoderTransformer(8, max_iter=20, random_state=0).fit(X)
    assert estimator.best_epoch_ > 0
    pca = PCA(8).fit(X)
    unexplained = 1 - pca.explained_variance_ratio_.sum()
    assert_allclose(estimator.loss_curve_[0], unexplained, rtol=1e-4)
    assert estimator.validation_loss_curve_[0] > estimator.loss_curve_[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_evidence_gives_the_pca_of_all_rows(iris):
    # A learning rate that only does harm.
    estimator = AutoencoderTransformer(
        2, max_iter=1, learning_rate_init=1e3, random_state=0
    ).fit(iris)
    assert estimator.best_epoch_ == 0
    pca = PCA(2).fit(iris)
    expected = pca.inverse_transform(pca.transform(iris))
    assert_allclose(estimator.reconstruct(iris), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True},
        {"learning_rate": "adaptive"},
        {"solver": "lbfgs"},
        {"linear_path": None},
    ],
)
def test_other_fits_of_few_rows_set_rows_apart(parameters, iris, monkeypatch):
    engine.refuse_cross_validation(monkeypatch)
    AutoencoderTransformer(2, max_iter=2, random_state=0, **parameters).fit(iris)
