"""What makes codes sparse: a penalty on them, or a limit to their number."""

from skae._functional.penalties import (
    kl_from_target,
    kl_from_target_gradient,
    l1_norm,
    l1_norm_gradient,
)
from skae._networks.sparse import keep_largest
from skae._training.backward.layers import gradient_of, written_out
from skae._training.data import weighted_mean


def penalised_gradient(tape, rows, generator, share, *, criterion, penalty, weight):
    """Leave the gradient of the sum of rows times `share`; return the mean terms."""
    codes = tape.encode(rows.x, generator)
    output = tape.decode(codes, generator)
    n_features = output.shape[1]
    share = share / n_features
    errors, gradient = criterion.with_gradient(output, rows.target, share)
    of_penalty = gradient_of(penalty)(codes, rows.weight, weight * share)
    sparsity = weight / n_features * penalty(codes, rows.weight)
    tape.backward(gradient, of_penalty)
    return {
        "reconstruction": weighted_mean(errors, rows.weight),
        "sparsity": weighted_mean(sparsity, rows.weight),
    }


@written_out(penalised_gradient)
def penalised_error(network, rows, generator, *, criterion, penalty, weight):
    r"""Return the error of each row and the penalty on the codes.

    .. math:: \frac{1}{p} \Big( \sum_j \ell(\hat x_j, x_j) + \lambda \Omega(h) \Big),
              \quad h = f(x), \; \hat x = g(h).
    """
    codes = network.encode(rows.x, generator)
    output = network.decode(codes, generator)
    n_features = rows.x.shape[1]
    return {
        "reconstruction": criterion(output, rows.target).mean(dim=1),
        # In full precision, whatever that of the products.
        "sparsity": weight / n_features * penalty(codes.to(rows.x.dtype), rows.weight),
    }


def kl_penalty_gradient(codes, sample_weight, share, *, target):
    """Return the gradient by the codes of the sum of rows times `share`."""
    slope = kl_from_target_gradient(_mean_code(codes, sample_weight), target)
    if sample_weight is None:
        return (share * slope).expand_as(codes)
    return share.sum() * slope * (sample_weight / sample_weight.sum()).unsqueeze(1)


@written_out(kl_penalty_gradient)
def kl_penalty(codes, sample_weight, *, target):
    r"""Return :math:`\sum_j KL(\rho \| \hat\rho_j)`, the same for each row.

    :math:`\hat\rho_j` is the mean of code j over the batch.
    """
    means = _mean_code(codes, sample_weight)
    return kl_from_target(means, target).expand(len(codes))


def _mean_code(codes, sample_weight):
    if sample_weight is None:
        return codes.mean(dim=0)
    return sample_weight @ codes / sample_weight.sum()


def l1_penalty_gradient(codes, sample_weight, share):
    """Return the gradient by the codes of the sum of rows times `share`."""
    return share * l1_norm_gradient(codes)


@written_out(l1_penalty_gradient)
def l1_penalty(codes, sample_weight):
    r"""Return :math:`\sum_j |h_j|` of each row."""
    return l1_norm(codes)


def top_k_error(network, rows, generator, *, criterion, revival):
    r"""Return the error of each row and, in training, what revives idle units.

    .. math:: \frac{1}{p} \sum_j \ell\big(g(h)_j, x_j\big)
              + \frac{\gamma}{m} \sum_{i \text{ idle}} \max(0, t - a_i)

    where h are the k largest of the m scores a, t is the least of these k, and units
    are idle that have long not been among them.
    """
    scores = network.f(rows.x, generator)
    codes = keep_largest(scores, network.k)
    error = criterion(network.decode(codes, generator), rows.target).mean(dim=1)
    if not (network.training and revival > 0):
        return {"reconstruction": error}
    network.note_active(codes)
    shortfall = network.shortfall(scores) / scores.shape[1]
    return {"reconstruction": error, "revival": revival * shortfall}
