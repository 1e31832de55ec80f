"""The samples of the first calls of `partial_fit`, kept until the scales are known."""

import copy
from typing import NamedTuple

import numpy as np
import torch

from skae._engine.initialization import Samples, ScaledRows, correction_shares
from skae._functional.linear_maps import column_sizes
from skae._networks.array_state import in_float64
from skae._networks.linear_path import is_linear_path

# A start from four samples per component, or more, is as good as one from all the data
# (measured).
FEWEST_ROWS = 100
_ROWS_PER_COMPONENT = 4
# Share of the variance that is rounding in float32, not signal.
NEGLIGIBLE_SHARE = 1e-10


class EarlyRows(NamedTuple):
    """Samples that were seen while they are too few for a start that lasts.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
    target, weight, y : ndarray or None
        As in `Samples`; None as a target means `X` itself.
    n_at_start : int
        Number of samples that the present start was made from, 0 before the first.
    """

    X: np.ndarray
    target: np.ndarray | None
    weight: np.ndarray | None
    y: np.ndarray | None
    n_at_start: int = 0

    @classmethod
    def of(cls, samples):
        """Return the rows of the first call."""
        target = samples.target if samples.paired else None
        return cls(samples.X, target, samples.weight, samples.y)

    @property
    def samples(self):
        """The rows as `Samples`."""
        target = self.X if self.target is None else self.target
        return Samples(self.X, target, self.weight, self.y)

    def joined(self, samples):
        """Return these rows and, after them, those of `samples`."""
        further = EarlyRows.of(samples)
        target = self.target
        if target is not None or further.target is not None:
            target = np.concatenate([self.samples.target, samples.target])
        return EarlyRows(
            np.concatenate([self.X, samples.X]),
            target,
            joined_weights(self, further),
            None if self.y is None else np.concatenate([self.y, samples.y]),
            self.n_at_start,
        )

    def calls_for_start(self, enough):
        """Whether the start is to be made anew, from these rows.

        True each time the number of samples has doubled, which bounds the number of
        restarts, and once there are enough samples.
        """
        return len(self.X) >= min(max(2 * self.n_at_start, 1), enough)

    def after_start(self, network, enough):
        """Return the rows to keep after a start from them, None if it is to last."""
        if len(self.X) >= enough and not self._lack_scale(network):
            return None
        newest = self.newest(enough)
        if len(self.X) >= enough:
            # Drop duplicates: they would outweigh later samples.
            _, index = np.unique(newest.X, axis=0, return_index=True)
            newest = EarlyRows.of(newest.samples.take(np.sort(index)))
        return newest._replace(n_at_start=len(newest.X))

    def newest(self, n_rows):
        """Return a copy of the last rows: a caller may use its arrays again."""
        kept = self.samples.take(np.arange(len(self.X))[-n_rows:])
        return EarlyRows.of(kept)._replace(n_at_start=self.n_at_start)

    def _lack_scale(self, network):
        return lacks_scale(network) or bool(np.all(self.X == self.X[0]))


def enough_rows(n_components, n_features):
    """Return how many samples make a start that lasts."""
    return max(FEWEST_ROWS, _ROWS_PER_COMPONENT * min(n_components, n_features))


def begins_anew(n_at_start, n_samples, enough):
    """Whether a warm fit to so many samples leaves the model that there is.

    Scales and axes that were made from few samples would hold further epochs back.
    """
    return n_at_start < enough and n_samples >= 2 * n_at_start


def lacks_scale(network):
    """Whether the linear path left no residual to give the correction its scale."""
    if not getattr(network, "linear_path", False):
        return False
    return float(network.correction_scale) ** 2 < NEGLIGIBLE_SHARE


@torch.no_grad()
def with_scale(start, samples, precision):
    """Return a `Start` whose correction has a scale, found from `samples`.

    Axes and mean are kept. `start` itself is returned where it has a scale already, or
    where these samples have no residual either.
    """
    if not lacks_scale(start.network):
        return start
    # Weights that were trained without a scale mean nothing with this one.
    network = start.network
    if not is_linear_path(network):
        network = network.without_correction()
    rows = ScaledRows(start.scaling, samples, precision)
    target = rows.target.double()
    residual = in_float64(network, "cpu")(rows.x.double()) - target
    variances = np.square(column_sizes(residual.numpy(), rows.weight))
    scale = np.sqrt(variances.mean())
    if scale**2 < NEGLIGIBLE_SHARE:
        return start
    network = copy.deepcopy(network)
    sizes = {"feature_share": column_sizes(target.numpy(), rows.weight)}
    if hasattr(network, "code_share"):
        sizes["code_share"] = network.code_scale.double().numpy()
    network.correction_scale.fill_(scale)
    for name, size in sizes.items():
        getattr(network, name).copy_(torch.as_tensor(correction_shares(size, scale)))
    if getattr(network, "likelihood", None) == "gaussian" and network.learn_dispersion:
        _set_noise(network, variances)
    return start._replace(network=network)


def _set_noise(network, variances):
    """Set the noise of a Gaussian likelihood to the residual's variances."""
    noise = variances if len(network.raw_dispersion) > 1 else variances.mean(keepdims=1)
    floor = network.least_dispersion.double().exp().cpu().numpy()
    noise = np.maximum(noise, floor)
    network.set_dispersion(np.log(noise), np.log(floor))
    decoder = network.exactly("linear_decoder").numpy()
    signal = (np.square(decoder) / noise[:, np.newaxis]).sum(axis=0)
    network.posterior_scale.copy_(torch.as_tensor((1 + signal) ** -0.5))


def joined_weights(rows, further):
    """Return the weights of both; samples without weights have the weight 1."""
    parts = rows.weight, further.weight
    if all(weight is None for weight in parts):
        return None
    lengths = len(rows.X), len(further.X)
    return np.concatenate(
        [
            np.ones(length) if weight is None else weight
            for weight, length in zip(parts, lengths, strict=True)
        ]
    )
