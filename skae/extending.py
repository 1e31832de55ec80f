"""The names with which to write a variant, or to train a network of one's own.

The page "Add a variant" of the documentation goes through two variants, which import
from here alone.
"""

from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.dense.autoencoder import AutoencoderTransformer
from skae._networks.array_state import ArrayStateModule
from skae._networks.dense import DenseAutoencoder
from skae._parameters.document import Parameter, document
from skae._parameters.shared import ATTRIBUTES, PARAMETERS
from skae._training.criterion import Criterion
from skae._training.objective import Objective, ReconstructionObjective
from skae._utils.validation import integers_from, reals

__all__ = [
    "ATTRIBUTES",
    "PARAMETERS",
    "ArrayStateModule",
    "BaseAutoencoder",
    "Criterion",
    "DefaultParameters",
    "DenseAutoencoder",
    "Objective",
    "Parameter",
    "ReconstructionObjective",
    "document",
    "integers_from",
    "reals",
]


class DefaultParameters:
    """The parameters of `skae.AutoencoderTransformer` at their defaults.

    They are class attributes. A variant that derives from this class first, and from
    `BaseAutoencoder` second, has in its ``__init__`` the parameters alone that its
    users may choose.
    """


for _name, _value in AutoencoderTransformer().get_params().items():
    setattr(DefaultParameters, _name, _value)
del _name, _value
