"""Parameters and attributes of the variational autoencoders."""

from skae._functional.likelihoods import LIKELIHOODS
from skae._parameters.document import Parameter
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import integers_from, reals

PARAMETERS = {
    "n_components": Parameter(
        [integers_from(1), None],
        """
        Number of codes; None means ``min(n_features, 8)``. Codes that the data do not
        need stay at their prior and cost nothing.
        """,
    ),
    "likelihood": Parameter(
        [StrOptions(set(LIKELIHOODS))],
        """
        Distribution of X given a code. 'bernoulli' is for X in [0, 1], such as gray or
        binary pixels, 'poisson' and 'negative_binomial' for counts, the latter with a
        learned dispersion for each feature.
        """,
    ),
    "noise_variance": Parameter(
        [StrOptions({"shared", "per_feature"}), reals(0, None, "neither")],
        """
        Variance of the Gaussian likelihood: learned, one for all features or one for
        each, or given, in squared units of X. It determines how much detail is worth a
        code.
        """,
    ),
    "beta": Parameter(
        [reals(0, None, "left")],
        """
        Weight of the Kullback-Leibler divergence from the prior. 1 is the evidence
        lower bound.
        """,
    ),
    "kl_warmup": Parameter(
        [integers_from(0)],
        """
        Number of epochs over which that weight rises from 0 to `beta`, so that codes
        are not given up early. These epochs are not evaluated. Not used by 'lbfgs' and
        'cg'.
        """,
    ),
    "n_importance_samples": Parameter(
        [integers_from(1)],
        """
        Number of draws of the code of a sample in training. With more than one, the
        importance-weighted bound of Burda et al. is maximized, which is tighter and
        multiplies the work of the decoder by that number.
        """,
    ),
    "linear_path": Parameter(
        [StrOptions({"ppca"}), None],
        """
        Linear skip connection from the input to the code and on to the output, which is
        added to the networks. 'ppca' takes probabilistic PCA, from which training then
        starts, and factor analysis with ``noise_variance="per_feature"`` and for
        counts. None is the textbook network without it. With ``likelihood="gaussian"``
        the bound before the first epoch is the exact likelihood of the linear model.
        """,
    ),
}

ATTRIBUTES = """\
kl_per_component_ : ndarray of shape (n_components,)
    Kullback-Leibler divergence of each code's posterior from its prior in nats,
    averaged over the training samples: an upper bound of the information in the code.
active_units_ : int
    Number of codes whose mean has a variance of more than 0.01 over the training
    samples.
noise_variance_ : float or ndarray of shape (n_features,)
    Variance of the Gaussian likelihood, in squared units of X; for other likelihoods
    the unexplained variance divided by the number of discarded dimensions, as in PCA.
dispersion_ : ndarray of shape (n_features,) or None
    Dispersion of the negative binomial likelihood, with which a mean m has the variance
    m + m^2 / dispersion. None for other likelihoods.
components_ : ndarray of shape (n_components, n_features)
    Loadings of the linear path, W^T of probabilistic PCA in units of X (for a
    likelihood with a link, in units before the link). Only with a linear path.
explained_variance_ : ndarray of shape (n_components,)
    Variance of each code's mean on the training samples, which is 1 minus the
    posterior variance.
explained_variance_ratio_ : ndarray of shape (n_components,)
    Share of the total variance that each code's mean explains linearly by itself.
"""

CONDITION_ATTRIBUTES = """\
classes_ : ndarray, list of ndarray or None
    Labels seen in fit, one array for each column of a y with several columns; None if y
    holds numbers.
encoder_, decoder_ : torch.nn.Module
    Map samples to codes and codes to samples, as tensors in float32. The decoder
    requires y as `condition`, ``decoder_(codes, condition=...)``, and the encoder
    accepts it: one column of zeros and ones for each of `classes_`, or standardized
    numbers.
"""
