"""Displays in scikit-learn's style: `from_estimator` computes, `plot` draws.

They need matplotlib, an optional dependency: ``pip install skae[plot]``. All but
`LossCurveDisplay` work with any fitted transformer, such as PCA.
"""

from skae.plotting._filters import FiltersDisplay
from skae.plotting._latent_manifold import LatentManifoldDisplay
from skae.plotting._latent_space import LatentSpaceDisplay
from skae.plotting._latent_traversal import LatentTraversalDisplay
from skae.plotting._loss_curve import LossCurveDisplay
from skae.plotting._reconstruction import ReconstructionDisplay
from skae.plotting._scree import ScreeDisplay

__all__ = [
    "FiltersDisplay",
    "LatentManifoldDisplay",
    "LatentSpaceDisplay",
    "LatentTraversalDisplay",
    "LossCurveDisplay",
    "ReconstructionDisplay",
    "ScreeDisplay",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
