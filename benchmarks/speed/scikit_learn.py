"""Scikit-learn's estimators with the network, batches and epochs of a workload."""

import warnings

from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.speed.fitted import Fitted


def pca(workload, X):
    """Fit the linear autoencoder in closed form."""
    model = PCA(workload.widths[-1]).fit(X)
    return Fitted(
        lambda X: model.inverse_transform(model.transform(X)), model.transform
    )


def mlp_regressor(workload, X):
    """Fit scikit-learn's perceptron to its own input; `predict` runs all of it."""
    model = MLPRegressor(
        hidden_layer_sizes=workload.widths[1:] + workload.widths[-2:0:-1],
        alpha=0.0,
        batch_size=workload.batch_size,
        learning_rate_init=workload.learning_rate,
        max_iter=workload.epochs,
        n_iter_no_change=workload.epochs,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, X)
    return Fitted(model.predict, model.predict)
