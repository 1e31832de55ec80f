"""The samples of the first calls of `partial_fit`, kept until the scales are known."""

from typing import NamedTuple

import numpy as np

from skae.estimators._start import Samples

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
            _joined_weights(self, further),
            None if self.y is None else np.concatenate([self.y, samples.y]),
            self.n_at_start,
        )

    def calls_for_start(self, enough):
        """Whether the start is to be made anew, from these rows.

        Each time that the rows have doubled, so that a stream of single rows does not
        have as many starts, and once there are enough.
        """
        return len(self.X) >= min(max(2 * self.n_at_start, 1), enough)

    def after_start(self, network, enough):
        """Return the rows to keep after a start from them, None if it is to last."""
        if len(self.X) >= enough and not self._lack_scale(network):
            return None
        rows = self.samples.take(slice(-enough, None))
        if len(self.X) >= enough:
            # Repetitions would outweigh samples that vary.
            _, index = np.unique(rows.X, axis=0, return_index=True)
            rows = rows.take(np.sort(index))
        return EarlyRows.of(rows)._replace(n_at_start=len(rows.X))

    def _lack_scale(self, network):
        return lacks_scale(network) or bool(np.all(self.X == self.X[0]))


def enough_rows(n_components, n_features):
    """Return how many samples make a start that lasts."""
    return max(FEWEST_ROWS, _ROWS_PER_COMPONENT * min(n_components, n_features))


def lacks_scale(network):
    """Whether the linear path left no residual to give the correction its scale."""
    if not getattr(network, "linear_path", False):
        return False
    return float(network.correction_scale) ** 2 < NEGLIGIBLE_SHARE


def _joined_weights(rows, further):
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
