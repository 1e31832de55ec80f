"""The estimators under test, each with several sets of parameters."""

import inspect

import pytest
from _defaults_table import public_estimators
from sklearn.utils import get_tags

import skae
from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.supervised.base import BasePredictor
from skae._functional.likelihoods import LIKELIHOODS
from skae._functional.losses import LOSSES
from skae._training.full_batch import METHODS
from skae._training.optimizers import OPTIMIZERS

CLASSES = [c for c in public_estimators(skae) if issubclass(c, BaseAutoencoder)]
PREDICTORS = [c for c in public_estimators(skae) if issubclass(c, BasePredictor)]

# No linear path: beside PCA the small tables of the tests leave nothing to learn.
_TRAINED = {"linear_path": None, "max_iter": 5, "hidden_layer_sizes": (16,)}
_SMALL = {"max_iter": 5, "hidden_layer_sizes": (16,)}
_MAPS = {"channels": (4, 3), "max_iter": 5}
_STEPS = {"max_iter": 5, "hidden_size": 8}
# The defaults cross-validate few rows, and make several starts for two components: the
# others leave that out or take few epochs of it.
_PARAMETERS = [
    {},
    {"n_components": 2, "max_iter": 5},
    {"early_stopping": False, "max_iter": 5},
    {"whiten": True, "max_iter": 5},
    {**_TRAINED, "tied_weights": True},
    {**_TRAINED, "batch_norm": True, "dropout": 0.2},
    {**_TRAINED, "solver": "lbfgs", "precision": "float64"},
]
# What the base does alike for all, tried with the plainest estimator.
_EVERY_OPTION = [
    {"hidden_layer_sizes": ()},
    {"linear_path": None, "max_iter": 20},
    {**_TRAINED, "activation": "maxout", "max_norm": 2.0, "average": False},
    {**_TRAINED, "precision": "bfloat16"},
    *({**_TRAINED, "solver": s, "alpha": 0.1, "l1_ratio": 0.5} for s in OPTIMIZERS),
    *({**_TRAINED, "solver": s, "precision": "float64"} for s in METHODS),
    *({**_TRAINED, "loss": loss} for loss in LOSSES),
    {**_TRAINED, "precision": "float64"},
    {**_TRAINED, "out_activation": "logistic"},
]
_OWN_PARAMETERS = {
    "SparseAutoencoder": [
        {"sparsity": "kl", "max_iter": 5},
        {"sparsity": "kl", "max_iter": 5, "solver": "lbfgs", "precision": "float64"},
        {"sparsity": "l1", "max_iter": 5},
        {"sparsity": "l1", "hidden_layer_sizes": (16,), "tied_weights": True},
        {"n_components": 12, "sparsity_target": 0.3, "max_iter": 5},
    ],
    "DenoisingAutoencoder": [
        {**_TRAINED, "corruption": "gaussian", "emphasis": (1, 0.5)},
        {**_TRAINED, "corruption": "salt_and_pepper", "linear_path": "pca"},
        {**_TRAINED, "corruption": "swap", "linear_path": "denoiser"},
    ],
    "StackedAutoencoder": [
        {
            **_SMALL,
            "pretraining": "rbm",
            "activation": "logistic",
            "pretraining_max_iter": 3,
        },
        {
            **_SMALL,
            "pretraining": "rbm",
            "activation": "logistic",
            "visible_units": "gaussian",
            "pretraining_max_iter": 3,
            "solver": "lbfgs",
        },
        {**_SMALL, "pretraining": None, "dropout": 0.1},
        {
            **_SMALL,
            "corruption": "gaussian",
            "corruption_level": (0.5, 0.1),
            "pretraining_max_iter": 3,
        },
        {**_SMALL, "loss": "log_loss", "pretraining_max_iter": 2},
    ],
    "ContractiveAutoencoder": [
        {"tied_weights": True, "max_iter": 5},
        {"code_activation": "tanh", "contraction_weight": 0.1, "max_iter": 5},
        {"code_activation": "relu", "max_iter": 5},
        {"max_iter": 5, "solver": "lbfgs", "precision": "float64"},
        {**_SMALL, "code_activation": "identity", "n_components": 3},
        {**_SMALL, "contraction_weight": 0},
    ],
    "ConvolutionalAutoencoder": [
        {**_MAPS, "pooling": "average", "kernel_size": 2, "n_components": 3},
        {
            **_MAPS,
            "pooling": "max",
            "upsampling": "nearest",
            "corruption": "salt_and_pepper",
            "emphasis": (1, 0.5),
        },
        {**_MAPS, "corruption": "gaussian", "skip_connections": True},
        {**_MAPS, "corruption": "swap", "skip_connections": True, "pooling": "max"},
    ],
    "RecurrentAutoencoder": [
        {**_STEPS, "cell": "lstm", "padding_value": -1.0},
        {**_STEPS, "n_layers": 2, "dropout": 0.2, "bidirectional": False},
        {**_STEPS, "frame_length": 3, "loss": "absolute_error"},
        {**_STEPS, "cell": "lstm", "solver": "lbfgs", "precision": "float64"},
    ],
    "VAETransformer": [
        *({**_TRAINED, "likelihood": name} for name in LIKELIHOODS),
        {"likelihood": "bernoulli", "max_iter": 5, "hidden_layer_sizes": (16,)},
        {**_TRAINED, "noise_variance": "per_feature", "beta": 4.0},
        {"noise_variance": 0.05, "hidden_layer_sizes": (), "max_iter": 5},
        {"hidden_layer_sizes": (), "solver": "lbfgs", "precision": "float64"},
        {**_TRAINED, "kl_warmup": 2},
        {**_TRAINED, "n_importance_samples": 3},
    ],
    "ConditionalVAE": [
        *({**_SMALL, "likelihood": name} for name in LIKELIHOODS),
        {**_SMALL, "noise_variance": "per_feature", "beta": 4.0},
        {**_SMALL, "noise_variance": 0.05, "kl_warmup": 2},
        {**_SMALL, "n_importance_samples": 3},
    ],
}

# Of classes whose defaults are slow on the tests' tables: in place of them.
_SMALLER = {
    "ConvolutionalAutoencoder": {"channels": (4, 3), "max_iter": 10},
    "RecurrentAutoencoder": {**_STEPS, "frame_length": 8},
}
# What the encoder of a predictor is taken from.
_ENCODERS = {
    "dense": skae.DenoisingAutoencoder(
        8, linear_path=None, hidden_layer_sizes=(16,), max_iter=2
    ),
    "batch norm": skae.AutoencoderTransformer(
        hidden_layer_sizes=(8,), batch_norm=True, dropout=0.2, max_iter=2
    ),
    "maps": skae.ConvolutionalAutoencoder(channels=(4,), max_iter=2),
    "sparse": skae.SparseAutoencoder(12, max_iter=2),
    "random": skae.VAETransformer(2, hidden_layer_sizes=(8,), max_iter=2),
}
_PREDICTOR_PARAMETERS = {
    "Autoencoder": [
        {"autoencoder": _ENCODERS["dense"], "max_iter": 60},
        {"autoencoder": _ENCODERS["batch norm"], "max_iter": 60, "finetuning": False},
        {
            "autoencoder": _ENCODERS["maps"],
            "hidden_layer_sizes": (8,),
            "activation": "tanh",
            "max_iter": 60,
            "early_stopping": False,
        },
        {
            "autoencoder": _ENCODERS["sparse"],
            "solver": "sgd",
            "learning_rate_init": 0.03,
            "alpha": 0.1,
            "max_norm": 2.0,
            "average": False,
            "max_iter": 60,
        },
        {
            "autoencoder": _ENCODERS["random"],
            "pretraining": False,
            "dropout": 0.0,
            "solver": "lbfgs",
            "precision": "float64",
            "early_stopping": False,
        },
    ],
    "StackedDAE": [
        {"max_iter": 40, "pretraining_max_iter": 3},
        {"hidden_layer_sizes": (16, 8), "max_iter": 40, "pretraining": None},
        {
            "hidden_layer_sizes": (8,),
            "corruption": "gaussian",
            "max_iter": 40,
            "corruption_level": (0.5,),
            "early_stopping": False,
        },
        {
            "hidden_layer_sizes": (8,),
            "pretraining": None,
            "dropout": 0.0,
            "solver": "lbfgs",
            "precision": "float64",
            "early_stopping": False,
        },
        {
            "hidden_layer_sizes": 8,
            "activation": "logistic",
            "solver": "sgd",
            "learning_rate_init": 0.1,
            "alpha": 0.1,
            "max_norm": 2.0,
            "average": False,
            "max_iter": 40,
        },
    ],
}


def make_predictors():
    """Return each predictor in each parametrisation, new ones at each call."""
    return [
        cls(**{"random_state": 0, **parameters})
        for cls in PREDICTORS
        for prefix, parametrisations in _PREDICTOR_PARAMETERS.items()
        if cls.__name__.startswith(prefix)
        for parameters in parametrisations
    ]


def make_instances():
    """Return each estimator in each parametrisation, new ones at each call."""
    return [
        cls(**{"random_state": 0, **parameters})
        for cls in CLASSES
        for parameters in _parametrisations(cls)
    ]


def _parametrisations(cls):
    """Return the shared ones without what the class lacks, each once, and its own."""
    names, shared = set(inspect.signature(cls).parameters), []
    every_option = _EVERY_OPTION if cls is skae.AutoencoderTransformer else []
    for parameters in _PARAMETERS + every_option:
        known = {name: parameters[name] for name in parameters if name in names}
        if known and "pretraining_max_iter" in names:
            known["pretraining_max_iter"] = 2
        if known and "n_init" in names:
            # The defaults and tests/test_restarts.py have several starts.
            known["n_init"] = 1
        known = _SMALLER.get(cls.__name__, {}) | known
        if known not in shared:
            shared.append(known)
    return shared + _OWN_PARAMETERS.get(cls.__name__, [])


def representatives(estimators):
    """Return of each class the first instance, and others that differ most from it.

    These are the first with batch normalization or limited weights, and the first with
    a full-batch solver in double precision.
    """
    chosen = {}
    for estimator in estimators:
        regularized = estimator.max_norm or getattr(estimator, "batch_norm", False)
        kinds = {
            "first": True,
            "regularized": regularized,
            "full batch": estimator.solver in METHODS,
        }
        for kind, belongs in kinds.items():
            if belongs:
                chosen.setdefault((type(estimator), kind), estimator)
    return list({id(e): e for e in chosen.values()}.values())


def defaults_and_others(estimators):
    """Return the instances as pytest's parameters, all but each class's first slow."""
    seen, cases = set(), []
    for estimator in estimators:
        marks = [pytest.mark.slow] if type(estimator) in seen else []
        seen.add(type(estimator))
        cases.append(pytest.param(estimator, marks=marks))
    return cases


def quick(cls, **parameters):
    """Return an instance of any class that is fitted in little time."""
    names = inspect.signature(cls).parameters
    few = {"max_iter": 2, "pretraining_max_iter": 1, "n_init": 1, "random_state": 0}
    if "autoencoder" in names:
        few["autoencoder"] = _ENCODERS["dense"]
    few = {name: value for name, value in few.items() if name in names}
    return cls(**{**few, **_SMALLER.get(cls.__name__, {}), **few, **parameters})


def given(estimator, y):
    """Return the keyword by which a conditional estimator is told y, {} for others."""
    return {"y": y} if get_tags(estimator).target_tags.required else {}


def validation(estimator, X, y):
    """Return the keywords of validation rows for `fit`."""
    target = {"y_val": y} if given(estimator, y) else {}
    return {"X_val": X, **target}


def skip_without(cls, *names):
    """Skip a test of parameters that the class does not have."""
    missing = set(names).difference(inspect.signature(cls).parameters)
    if missing:
        pytest.skip(f"{cls.__name__} has no parameter {sorted(missing)}")
