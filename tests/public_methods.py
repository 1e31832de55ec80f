"""Every public method of every estimator, as calls on one data set.

For tests that run in a process of their own, which has no test runner around it.
"""

import copy
import inspect
import pickle

import numpy as np
from sklearn.base import clone

import skae
from skae import AutoencoderTransformer, ConvolutionalAutoencoder

# More than the 32768 numbers from which torch splits an operation among its threads.
N_SAMPLES, N_FEATURES, N_CLASSES = 700, 64, 3

_UNUSUAL = [
    ("AutoencoderTransformer", {"linear_path": None, "solver": "lbfgs"}),
    ("AutoencoderTransformer", {"n_components": "mle", "solver": "cg"}),
    ("DenoisingAutoencoder", {"linear_path": "denoiser", "corruption": "gaussian"}),
    ("SparseAutoencoder", {"sparsity": "kl", "batch_norm": True}),
    ("StackedAutoencoder", {"pretraining": "rbm", "activation": "logistic"}),
    ("VAETransformer", {"likelihood": "bernoulli", "n_importance_samples": 2}),
]
_ENCODERS = {
    "AutoencoderClassifier": AutoencoderTransformer(max_iter=1),
    "AutoencoderRegressor": ConvolutionalAutoencoder(max_iter=1, channels=(4,)),
}
_SMALLER = {
    "ConvolutionalAutoencoder": {"channels": (4,)},
    "RecurrentAutoencoder": {"hidden_size": 8},
    "SparseAutoencoder": {"n_components": 80},
}


def make_data():
    """Return X in [0, 1] and y, labels that are numbers, too."""
    rng = np.random.RandomState(0)
    y = np.arange(N_SAMPLES) % N_CLASSES
    centers = rng.uniform(0.2, 0.8, size=(N_CLASSES, N_FEATURES))
    X = centers[y] + 0.1 * rng.standard_normal((N_SAMPLES, N_FEATURES))
    return np.clip(X, 0, 1), y


def make_estimators(n_threads):
    """Return each estimator with one epoch, and some with less usual parameters."""
    settings = [(name, {}) for name in skae.__all__] + _UNUSUAL
    return [_make(getattr(skae, name), n_threads, given) for name, given in settings]


def _make(cls, n_threads, given):
    parameters = {"max_iter": 1, "random_state": 0, "n_threads": n_threads}
    parameters |= _SMALLER.get(cls.__name__, {}) | given
    names = inspect.signature(cls).parameters
    if "pretraining_max_iter" in names:
        parameters["pretraining_max_iter"] = 1
    if "autoencoder" in names:
        parameters["autoencoder"] = _ENCODERS[cls.__name__]
    return cls(**parameters)


def public_names(estimator):
    """Return the names of the methods and properties that skae defines, sorted."""
    names, cls = [], type(estimator)
    for name in dir(cls):
        owner = next(c for c in cls.__mro__ if name in vars(c))
        static = vars(owner)[name]
        is_code = callable(static) or hasattr(static, "__get__")
        is_ours = owner.__module__.startswith("skae") and not name.startswith("_")
        # set_..._request and get_metadata_routing are scikit-learn's.
        if is_ours and is_code and not name.startswith(("set_", "get_metadata")):
            names.append(name)
    return names


def calls(estimator, X, y):
    """Yield ("Class.method", function without arguments) for each public method.

    The first one fits the estimator. A method without an entry in the table below is
    called with X.
    """
    told = {"y": y} if isinstance(estimator, skae.ConditionalVAE) else {}
    classes = {"classes": np.unique(y)} if hasattr(estimator, "predict_proba") else {}
    tables = {
        "fit": lambda: ((X, y), {}),
        "fit_transform": lambda: ((X, y), {}),
        "partial_fit": lambda: ((X, y), classes),
        "score": lambda: ((X, y), {}),
        "inverse_transform": lambda: ((np.zeros((len(X), n_codes(estimator))),), told),
        "sample": lambda: ((), {**(told or {"n_samples": len(X)}), "random_state": 0}),
        "summary": lambda: ((), {}),
    }

    def call(name, estimator=estimator):
        given, keywords = tables.get(name, lambda: ((X,), told))()
        return getattr(estimator, name)(*given, **keywords)

    kind = type(estimator).__name__
    yield f"{kind}.fit", lambda: call("fit")
    for name in public_names(estimator):
        if name.endswith("_"):
            yield f"{kind}.{name}", lambda name=name: getattr(estimator, name)
        elif name != "fit" and hasattr(estimator, name):
            yield f"{kind}.{name}", lambda name=name: call(name)
    if hasattr(estimator, "partial_fit"):
        new = clone(estimator)
        yield f"{kind}.partial_fit of a new one", lambda: call("partial_fit", new)
    yield f"pickle of {kind}", lambda: pickle.loads(pickle.dumps(estimator))
    yield f"copy of {kind}", lambda: copy.deepcopy(estimator)


def n_codes(estimator):
    return estimator.n_components_
