"""Samples of the first calls of `partial_fit`, kept until scales can be estimated."""

import copy
from typing import NamedTuple

import numpy as np
import torch

from skae._engine.dataset import ScaledRows
from skae._engine.initialization import correction_shares
from skae._functional.linear_maps import column_sizes
from skae._networks.array_state import in_float64
from skae._networks.linear_path import is_linear_path

# An initialization from at least four samples per component is as good as one from all
# the data (benchmarks/README.md).
FEWEST_SAMPLES = 100
_SAMPLES_PER_COMPONENT = 4
# Share of the variance below which a residual is rounding error of float32.
NEGLIGIBLE_SHARE = 1e-10


class EarlySamples(NamedTuple):
    """The samples so far, while they are too few for a final initialization.

    Attributes
    ----------
    data : Samples or LabeledData
    n_at_start : int
        Number of samples that the model was initialized from; 0 before the first
        initialization.
    """

    data: object
    n_at_start: int = 0

    def joined(self, further):
        """Return these samples followed by others."""
        return self._replace(data=self.data.joined(further))

    def needs_new_start(self, enough):
        """Whether to initialize the model again from all of these samples.

        This is so once there are enough samples, and before that each time their number
        has doubled, which bounds the number of initializations.
        """
        return self.data.n_samples >= min(max(2 * self.n_at_start, 1), enough)

    def after_start(self, network, enough):
        """Return the samples to keep after an initialization; None if it is final."""
        is_enough = self.data.n_samples >= enough
        if is_enough and not (lacks_scale(network) or self.data.lacks_scale()):
            return None
        newest = self.data.newest(enough)
        if is_enough:
            # Duplicates would have more weight than later samples.
            newest = newest.distinct()
        return EarlySamples(newest, newest.n_samples)

    def newest(self, n_samples):
        """Return a copy of the last samples."""
        return self._replace(data=self.data.newest(n_samples))


def enough_samples(n_components, n_features):
    """Return the number of samples that suffice for a final initialization."""
    return max(FEWEST_SAMPLES, _SAMPLES_PER_COMPONENT * min(n_components, n_features))


def should_start_anew(n_at_start, n_samples, enough):
    """Whether a warm start initializes the model again instead of continuing with it.

    This is so with many more samples than the model was initialized from, if these were
    few: their scales and axes would impede further training.
    """
    return n_at_start < enough and n_samples >= 2 * n_at_start


def lacks_scale(network):
    """Whether the correction has no scale, as the linear path left no residual."""
    network = getattr(network, "encoder", network)
    if not getattr(network, "linear_path", False):
        return False
    return float(network.correction_scale) ** 2 < NEGLIGIBLE_SHARE


@torch.no_grad()
def with_scale(initial, samples, dtype):
    """Return an `InitialModel` whose correction has a scale, estimated from `samples`.

    Axes and mean do not change. `initial` itself is returned if it already has a scale,
    or if `samples` have no residual either.
    """
    if not lacks_scale(initial.network):
        return initial
    # Weights that were trained without a scale are not meaningful with one.
    network = initial.network
    if not is_linear_path(network):
        network = network.without_correction()
    rows = ScaledRows(initial.scaling, samples, dtype)
    target = rows.target.double()
    residual = in_float64(network, "cpu")(rows.x.double()) - target
    variances = np.square(column_sizes(residual.numpy(), rows.weight))
    scale = np.sqrt(variances.mean())
    if scale**2 < NEGLIGIBLE_SHARE:
        return initial
    network = copy.deepcopy(network)
    sizes = {"feature_share": column_sizes(target.numpy(), rows.weight)}
    if hasattr(network, "code_share"):
        sizes["code_share"] = network.code_scale.double().numpy()
    network.correction_scale.fill_(scale)
    for name, size in sizes.items():
        getattr(network, name).copy_(torch.as_tensor(correction_shares(size, scale)))
    if getattr(network, "likelihood", None) == "gaussian" and network.learn_dispersion:
        _set_noise(network, variances)
    return initial._replace(network=network)


def _set_noise(network, variances):
    """Set the noise of a Gaussian likelihood to the variances of the residual."""
    noise = variances if len(network.raw_dispersion) > 1 else variances.mean(keepdims=1)
    floor = network.least_dispersion.double().exp().cpu().numpy()
    noise = np.maximum(noise, floor)
    network.set_dispersion(np.log(noise), np.log(floor))
    decoder = network.exactly("linear_decoder").numpy()
    signal = (np.square(decoder) / noise[:, np.newaxis]).sum(axis=0)
    network.posterior_scale.copy_(torch.as_tensor((1 + signal) ** -0.5))
