"""Initial parameters of a likelihood, from the linear path or from the means."""

import math

import numpy as np
import torch

from skae._networks.variational import LEAST_NOISE

# Smallest noise of a feature before training without a linear path, in units of the
# variance of the data: the initial outputs are as large as that.
_LEAST_WITHOUT_PATH = 0.03
# Rows that are processed at once.
_PART = 1024


def set_noise(network, rows, linear_map):
    """Set the variance of the Gaussian likelihood to that of the start.

    It is the residual variance of the linear path or, without one, of the mean.
    """
    if len(network.raw_dispersion) == 1:
        noise = 1.0 if linear_map is None else linear_map.noise_variance
        network.set_dispersion(math.log(noise))
        return
    variances = np.average(np.square(rows.x.numpy()), axis=0, weights=rows.weight)
    variances = variances.astype(np.float64)
    # The data do not determine a floor of the noise of a constant feature.
    count = len(rows.data) if rows.weight is None else rows.weight.sum()
    constant = max(1 / count, 2 * LEAST_NOISE * len(variances))
    constant *= variances.mean() or 1.0
    floor = np.where(variances > 0, LEAST_NOISE * variances, constant)
    noise = np.maximum(variances, _LEAST_WITHOUT_PATH)
    if linear_map is not None:
        noise = np.maximum(linear_map.noise_variance, floor)
    network.set_dispersion(np.log(noise), np.log(floor))


def count_at_floor(network):
    """Return how many variances of a Gaussian likelihood are at their floors.

    Constant features, whose likelihood is unbounded, do not count: their floor is above
    that of all other features.
    """
    if network.likelihood != "gaussian" or not network.learn_dispersion:
        return 0
    floor, noise = network.least_dispersion, network.dispersion.detach()
    largest = math.log(1.5 * LEAST_NOISE * network.arguments["n_features"])
    return int(((noise - floor < math.log(2)) & (floor < largest)).sum())


def set_rates(network, rows):
    """Match mean rates to mean counts; set the dispersion by the method of moments.

    The exponential of a mean logarithm is less than the mean. Where the counts vary no
    more than Poisson's, the dispersion begins at its largest value.
    """
    means = np.average(rows.data, axis=0, weights=rows.weight)
    shift = np.zeros(len(means))
    if network.linear_path:
        expected = sum(w @ rates for _, rates, w in _parts(network, rows))
        present = (means > 0) & (expected > 0)
        shift[present] = np.log(means[present] / expected[present])
        network.set_output_offset(shift / float(rows.scaling.scale))
    if network.dispersion is None:
        return
    excess, squares = 0.0, 0.0
    for counts, rates, w in _parts(network, rows):
        rates = means if rates is None else rates * np.exp(shift)
        excess = excess + w @ (np.square(counts - rates) - rates)
        squares = squares + w @ np.broadcast_to(np.square(rates), counts.shape)
    # Columns of zeros get no excess dispersion.
    ratio = np.divide(excess, squares, out=np.zeros_like(squares), where=squares > 0)
    network.set_dispersion(-np.log(np.maximum(ratio, 1e-10)))


def _parts(network, rows):
    """Yield counts, their mean rates under the posterior, and shares of the rows.

    Rates are those of the linear path, without one None.
    """
    weight = np.ones(len(rows.data)) if rows.weight is None else rows.weight
    weight = weight / weight.sum()
    for start in range(0, len(weight), _PART):
        part = slice(start, start + _PART)
        counts = rows.data[part].astype(np.float64)
        rates = _mean_rates(network, rows, part) if network.linear_path else None
        yield counts, rates, weight[part]


def _mean_rates(network, rows, part):
    """Return the posterior mean of exp(W z), in closed form below the ceiling."""
    encoder, decoder, deviation = (
        tensor.double().numpy()
        for tensor in (
            network.linear_encoder,
            network.linear_decoder,
            network.posterior_scale,
        )
    )
    scaling = rows.scaling
    codes = rows.x[part].double().numpy() @ encoder.T
    output = scaling.outputs(torch.from_numpy(codes @ decoder.T)).numpy()
    variance = np.square(float(scaling.scale) * decoder) @ np.square(deviation)
    return np.exp(np.minimum(output + variance / 2, scaling.ceiling))
