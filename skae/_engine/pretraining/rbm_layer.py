"""Pretraining of a layer as a restricted Boltzmann machine."""

import copy
import functools
from dataclasses import dataclass

import numpy as np
import torch

from skae._engine.pretraining.denoising_layer import LayerTask, LearnedLayer
from skae._networks.activations import ACTIVATIONS
from skae._networks.rbm import RestrictedBoltzmannMachine
from skae._training.data import Rows
from skae._training.objective import Objective

# Kind of the hidden units whose mean is the activation of the layer.
HIDDEN_UNITS = {"logistic": "bernoulli", "identity": "gaussian"}
# Smallest divisor of a column, as a share of the root mean square of all columns.
# Otherwise nearly constant columns would be amplified to unit variance.
_LEAST_SCALE = 0.1
# Least squares from hidden units to the output: maximum number of rows, and the ridge
# penalty as a share of the mean square of the hidden units.
_READOUT_ROWS, _RIDGE = 10_000, 1e-4


@dataclass(frozen=True)
class ContrastiveDivergence(Objective):
    r"""The one-step reconstruction error of each row, with another gradient.

    The gradient is that of :math:`F(v) - F(v')`, where the row v' comes from v by
    `n_steps` steps of Gibbs sampling and is held fixed: the statistics of contrastive
    divergence, with expectations of the hidden units instead of samples. The visible
    units of v' are expectations, too, which lowers the variance. As that difference
    does not measure progress and may have either sign, the value of the loss is instead

    .. math:: \frac{1}{p} \| E[v' | h] - v \|^2, \qquad h \sim p(h | v).
    """

    n_steps: int = 1

    def losses(self, network, rows, generator):
        """Return the mean squared error of each row over the visible units."""
        with torch.no_grad():
            model = network.reconstruct(rows.x, generator)
            error = (model - rows.x).square().mean(dim=1)
            for _ in range(self.n_steps - 1):
                model = network.reconstruct(model, generator)
        gap = network.free_energy(rows.x) - network.free_energy(model)
        return {"reconstruction": error + (gap - gap.detach())}


def rbm_layer(pretraining, init, layer, rows, scaling, generator, criterion):
    """Return the `LayerTask` of a restricted Boltzmann machine.

    The visible units of the first layer are Bernoulli units with X itself as their
    values, or Gaussian units with the standardized columns of X. Those of the other
    layers are the Bernoulli units of the layer below.
    """
    visible, center, scale = "bernoulli", 0.0, 1.0
    if layer.index == 0:
        visible, center, scale = _bottom_units(pretraining.visible_units, rows, scaling)
    x = (rows.x - center) / scale
    if visible == "bernoulli":
        x = x.clamp(0, 1)  # rounding errors may exceed the interval
    network = RestrictedBoltzmannMachine(
        x.shape[1], layer.width, visible=visible, hidden=HIDDEN_UNITS[layer.activation]
    )
    network.initialize(_column_means(x, rows.weight).cpu(), generator)
    learned = functools.partial(
        _learned_layer,
        visible=visible,
        center=center,
        scale=scale,
        criterion=criterion if layer.index == 0 else None,
        rows=rows,
        activation=layer.activation,
    )
    return LayerTask(network, Rows(x, x, rows.weight), ContrastiveDivergence(), learned)


def check_rbm(activations):
    """Check that each activation is the mean of a kind of hidden units.

    Raises
    ------
    ValueError
        If an activation is not.
    """
    for activation in activations:
        if activation not in HIDDEN_UNITS:
            raise ValueError(
                "pretraining='rbm' trains hidden units that are on with a probability "
                "given by the logistic function. Use activation='logistic', or "
                f"pretraining='denoising' with activation={activation!r}."
            )


def _bottom_units(wanted, rows, scaling):
    """Return the kind of the visible units, and the center and scale of rows."""
    low, high = _range_of_data(rows, scaling)
    in_unit_interval = low >= 0 and high <= 1
    if wanted == "bernoulli" and not in_unit_interval:
        raise ValueError(
            "The 'visible_units' parameter is 'bernoulli', for X in [0, 1]. Got values "
            f"from {low:.6g} to {high:.6g}. Scale X, or use 'gaussian'."
        )
    if wanted == "bernoulli" or (wanted == "auto" and in_unit_interval):
        mean = torch.as_tensor(scaling.mean).to(rows.x)
        return "bernoulli", -mean / scaling.residual_scale, 1 / scaling.residual_scale
    center = _column_means(rows.x, rows.weight)
    deviation = _column_means((rows.x - center).square(), rows.weight).sqrt()
    least = _LEAST_SCALE * deviation.square().mean().sqrt()
    deviation = deviation.clamp_min(least)
    return "gaussian", center, torch.where(deviation > 0, deviation, 1.0)


def _range_of_data(rows, scaling):
    """Return the minimum and maximum of X without the rounding error of centering."""
    scale = scaling.residual_scale
    # Computed in float64, as X may exceed the range of float32.
    low = np.min(scale * rows.x.amin(dim=0).cpu().double().numpy() + scaling.mean)
    high = np.max(scale * rows.x.amax(dim=0).cpu().double().numpy() + scaling.mean)
    tolerance = 1e-5 * scale
    nearest = (
        bound if abs(value - bound) <= tolerance else float(value)
        for value, bound in ((low, 0.0), (high, 1.0))
    )
    return tuple(nearest)


def _column_means(x, weight):
    return x.mean(dim=0) if weight is None else (x * weight[:, None]).mean(dim=0)


@torch.no_grad()
def _learned_layer(network, *, visible, center, scale, criterion, rows, activation):
    """Return the layer for unscaled rows; its output precedes the link."""
    weight = network.weight / scale
    bias = network.hidden_bias - (weight * center).sum(dim=1)
    decoder_weight, decoder_bias = network.weight.T, network.visible_bias
    link = criterion.link if criterion is not None else None
    if visible == "gaussian":
        decoder_weight = (network.weight * scale).T
        decoder_bias = decoder_bias * scale + center
    elif link == "logistic":
        scaling = criterion.scaling
        offset = scaling.center + scaling.center_rest
        decoder_weight = decoder_weight / scaling.scale
        decoder_bias = (decoder_bias - offset) / scaling.scale
    unit_of_output = "logistic" if visible == "bernoulli" else "identity"
    if link not in (None, unit_of_output):
        codes = ACTIVATIONS[activation](rows.x @ weight.T + bias)
        decoder_weight, decoder_bias = _least_squares(codes, rows, criterion)
    return LearnedLayer(weight, bias, decoder_weight, decoder_bias)


def _least_squares(codes, rows, criterion):
    """Return the affine map from codes to the target by ridge regression."""
    step = -(-len(rows) // _READOUT_ROWS)
    # Computed on the CPU, as not every device supports float64.
    h, x = (values[::step].cpu().double() for values in (codes, rows.target))
    if criterion.link != "identity":
        scaling = copy.deepcopy(criterion.scaling).cpu().double()
        x = scaling(x * scaling.unit)
    weight = None
    if rows.weight is not None:
        weight = rows.weight[::step].cpu().double()
        weight = weight / weight.mean()
    h_mean, x_mean = _column_means(h, weight), _column_means(x, weight)
    h, x = h - h_mean, x - x_mean
    weighted = h if weight is None else h * weight[:, None]
    gram = weighted.T @ h
    gram.diagonal().add_(_RIDGE * gram.diagonal().mean() + 1e-12)
    solution = torch.linalg.solve(gram, weighted.T @ x).T
    bias = x_mean - solution @ h_mean
    return solution.to(codes), bias.to(codes)
