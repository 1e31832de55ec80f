"""The estimators under test, each with several sets of parameters."""

from _defaults_table import public_estimators

import skae
from skae.losses import LOSSES
from skae.training.full_batch import METHODS
from skae.training.optimizers import OPTIMIZERS

CLASSES = public_estimators(skae)

# No linear path: beside PCA the small tables of the tests leave nothing to learn.
_TRAINED = {"linear_path": None, "max_iter": 5, "hidden_layer_sizes": (16,)}
_PARAMETERS = [
    {},
    {"n_components": 2},
    {"hidden_layer_sizes": ()},
    {"linear_path": None, "max_iter": 20},
    {"early_stopping": False, "max_iter": 5},
    {"whiten": True},
    {**_TRAINED, "tied_weights": True},
    {**_TRAINED, "batch_norm": True, "dropout": 0.2},
    {**_TRAINED, "activation": "maxout", "max_norm": 2.0, "average": False},
    *({**_TRAINED, "solver": s, "alpha": 0.1, "l1_ratio": 0.5} for s in OPTIMIZERS),
    *({**_TRAINED, "solver": s, "precision": "float64"} for s in METHODS),
    *({**_TRAINED, "loss": loss} for loss in LOSSES),
    *({**_TRAINED, "precision": p} for p in ("float64", "bfloat16")),
    {**_TRAINED, "out_activation": "logistic"},
]
_OWN_PARAMETERS = {
    "DenoisingAutoencoder": [
        {**_TRAINED, "corruption": "gaussian", "emphasis": (1, 0.5)},
        {**_TRAINED, "corruption": "salt_and_pepper", "linear_path": "pca"},
        {**_TRAINED, "corruption": "swap", "linear_path": "denoiser"},
    ],
}


def make_instances():
    """Return each estimator in each parametrisation, new ones at each call."""
    return [
        cls(**{"random_state": 0, **parameters})
        for cls in CLASSES
        for parameters in _PARAMETERS + _OWN_PARAMETERS.get(cls.__name__, [])
    ]
