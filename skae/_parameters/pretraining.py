"""Parameters and attributes of the stacks whose layers are pretrained one by one."""

from skae._functional.corruption import CORRUPTIONS
from skae._parameters.document import Parameter
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import integers_from, reals

PARAMETERS = {
    "pretraining": Parameter(
        [StrOptions({"denoising", "rbm"}), None],
        """
        How each layer is trained before the fine-tuning, from the input on, on the
        codes of the layers below: 'denoising' as a denoising autoencoder with tied
        weights, 'rbm' as a restricted Boltzmann machine, which requires
        ``activation="logistic"``. With None the fine-tuning starts from random weights.
        """,
    ),
    "visible_units": Parameter(
        [StrOptions({"auto", "bernoulli", "gaussian"})],
        """
        Model of the features in the first machine of ``pretraining="rbm"``: 'bernoulli'
        for probabilities, with X in [0, 1]; 'gaussian' for real numbers, standardized
        by feature. 'auto' means 'bernoulli' if X lies in [0, 1] and 'gaussian'
        otherwise.
        """,
    ),
    "corruption": Parameter(
        [StrOptions(set(CORRUPTIONS))],
        """
        Corruption that each layer learns to undo during its pretraining, as in
        `DenoisingAutoencoder`; the layers above it receive clean codes.
        """,
    ),
    "corruption_level": Parameter(
        [reals(0, None, "left"), "array-like"],
        """
        One level, or one for each layer: the standard deviation of the noise of
        'gaussian', in units of the root mean square of the layer's centered input; for
        the other corruptions the share of values that are changed, in [0, 1].
        """,
        "float or sequence of float",
    ),
    "pretraining_max_iter": Parameter(
        [integers_from(1)],
        """
        Number of epochs of pretraining of each layer.
        """,
    ),
    "pretraining_learning_rate_init": Parameter(
        [reals(0, None, "neither"), StrOptions({"auto"})],
        """
        Learning rate of the pretraining, by `solver` ('adam' if that is 'lbfgs' or
        'cg') and without weight decay. 'auto' means 0.003 for 'denoising' and 0.01 for
        'rbm', which needs less for layers of a thousand units.
        """,
    ),
}

ATTRIBUTES = """\
pretraining_loss_curves_ : list of list of float or None
    For each layer, the loss after each epoch of its pretraining; None without
    pretraining.
"""
