"""Parameters of the autoencoders that learn to undo a corruption."""

from skae._functional.corruption import CORRUPTIONS
from skae._parameters.document import Parameter
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import reals

PARAMETERS = {
    "corruption": Parameter(
        [StrOptions(set(CORRUPTIONS)), callable],
        """
        Corruption that the network learns to undo, drawn anew for each batch. 'masking'
        sets values to the mean of their feature, 'gaussian' adds normal noise,
        'salt_and_pepper' sets values to the minimum or maximum of their feature, and
        'swap' to the value of the same feature in another sample. A callable is called
        as ``corruption(X, random_state)`` with a batch in the units of X (ndarray) and
        a `RandomState`, and returns a corrupted copy.
        """,
    ),
    "corruption_level": Parameter(
        [reals(0, None, "left")],
        """
        Standard deviation of the noise of 'gaussian', in units of the root mean square
        of the centered training data; for the other corruptions the share of values
        that are changed, in [0, 1]. Not used by a callable.
        """,
    ),
    "emphasis": Parameter(
        ["array-like"],
        """
        Weights of the loss on the values that the corruption changed and on the others.
        (1, 0) evaluates the changed values alone.
        """,
        "tuple of two floats",
    ),
}

ATTRIBUTES = """\
mean_ : ndarray of shape (n_features,)
    Mean of the training samples; after a fit to pairs, of the targets.
"""
