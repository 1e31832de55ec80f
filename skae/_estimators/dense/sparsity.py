"""Objectives with sparse codes: a penalty on the codes, or a limit to their number."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from skae._functional.penalties import (
    kl_from_target,
    kl_from_target_gradient,
    l1_norm,
    l1_norm_gradient,
)
from skae._networks.sparse import keep_largest
from skae._training.criterion import Criterion
from skae._training.data import weighted_mean
from skae._training.objective import Objective


class CodePenalty(ABC):
    """A penalty on the codes of a batch."""

    @abstractmethod
    def losses(self, codes, sample_weight):
        """Return the penalty of each row, shape (n_rows,).

        Parameters
        ----------
        codes : Tensor of shape (n_rows, n_components)
        sample_weight : Tensor of shape (n_rows,) or None
        """

    @abstractmethod
    def gradient(self, codes, sample_weight, share):
        """Return the gradient by the codes of the sum of ``share * penalty``.

        `share` is a float or a Tensor of shape (n_rows, 1).
        """


@dataclass(frozen=True)
class KLPenalty(CodePenalty):
    r"""The penalty :math:`\sum_j KL(\rho \| \hat\rho_j)`, the same for each row.

    :math:`\hat\rho_j` is the mean of code j over the batch, :math:`\rho` the `target`.
    """

    target: float

    def losses(self, codes, sample_weight):
        """Return the penalty of each row."""
        means = _mean_code(codes, sample_weight)
        return kl_from_target(means, self.target).expand(len(codes))

    def gradient(self, codes, sample_weight, share):
        """Return the gradient by the codes."""
        means = _mean_code(codes, sample_weight)
        slope = kl_from_target_gradient(means, self.target)
        if sample_weight is None:
            return (share * slope).expand_as(codes)
        return share.sum() * slope * (sample_weight / sample_weight.sum()).unsqueeze(1)


@dataclass(frozen=True)
class L1Penalty(CodePenalty):
    r"""The penalty :math:`\sum_j |h_j|` of each row."""

    def losses(self, codes, sample_weight):
        """Return the penalty of each row."""
        return l1_norm(codes)

    def gradient(self, codes, sample_weight, share):
        """Return the gradient by the codes, 0 at the kink."""
        return share * l1_norm_gradient(codes)


@dataclass(frozen=True)
class PenalizedObjective(Objective):
    r"""The error of each row and the penalty on its codes.

    .. math:: \frac{1}{p} \Big( \sum_j \ell(\hat x_j, x_j) + \lambda \Omega(h) \Big),
              \quad h = f(x), \; \hat x = g(h).

    Parameters
    ----------
    criterion : Criterion
    penalty : CodePenalty
        :math:`\Omega`.
    weight : float
        :math:`\lambda`.
    """

    criterion: Criterion
    penalty: CodePenalty
    weight: float

    @property
    def has_gradient(self):
        """Whether the criterion has one."""
        return self.criterion.has_gradient

    def losses(self, network, rows, generator):
        """Return both terms of each row, divided by the number of features."""
        codes = network.encode(rows.x, generator)
        output = network.decode(codes, generator)
        # In full precision, whatever that of the products.
        penalty = self.penalty.losses(codes.to(rows.x.dtype), rows.weight)
        return {
            "reconstruction": self.criterion.losses(output, rows.target).mean(dim=1),
            "sparsity": self.weight / rows.x.shape[1] * penalty,
        }

    def gradient(self, tape, rows, generator, share):
        """Set the gradient of the sum of ``share * loss``; return the mean terms."""
        codes = tape.encode(rows.x, generator)
        output = tape.decode(codes, generator)
        n_features = output.shape[1]
        share = share / n_features
        errors, gradient = self.criterion.with_gradient(output, rows.target, share)
        of_penalty = self.penalty.gradient(codes, rows.weight, self.weight * share)
        penalty = self.penalty.losses(codes, rows.weight)
        sparsity = self.weight / n_features * penalty
        tape.backward(gradient, of_penalty)
        return {
            "reconstruction": weighted_mean(errors, rows.weight),
            "sparsity": weighted_mean(sparsity, rows.weight),
        }


@dataclass(frozen=True)
class TopKObjective(Objective):
    r"""The error of each row and, in training, a term that revives idle units.

    .. math:: \frac{1}{p} \sum_j \ell\big(g(h)_j, x_j\big)
              + \frac{\gamma}{m} \sum_{i \text{ idle}} \max(0, t - a_i)

    where h are the k largest of the m scores a, and t is the smallest of these k. A
    unit is idle if it has long not been among the k largest.

    Parameters
    ----------
    criterion : Criterion
    revival : float
        :math:`\gamma`.
    """

    criterion: Criterion
    revival: float

    def losses(self, network, rows, generator):
        """Return the terms of each row; the second in training only."""
        scores = network.f(rows.x, generator)
        codes = keep_largest(scores, network.n_nonzero_coefs)
        output = network.decode(codes, generator)
        error = self.criterion.losses(output, rows.target).mean(dim=1)
        if not (network.training and self.revival > 0):
            return {"reconstruction": error}
        network.note_active(codes)
        shortfall = network.shortfall(scores) / scores.shape[1]
        return {"reconstruction": error, "revival": self.revival * shortfall}


def _mean_code(codes, sample_weight):
    if sample_weight is None:
        return codes.mean(dim=0)
    return sample_weight @ codes / sample_weight.sum()
