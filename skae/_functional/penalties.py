r"""Penalties on weights, codes and posteriors.

`elastic_net` penalizes the weights by

.. math:: \frac{\alpha}{n} \sum_W \Big( \rho \|W\|_1
          + \frac{1 - \rho}{2} \|W\|_2^2 \Big)

where W runs over the weight matrices (not the biases), alpha is divided by the sum n of
the sample weights as in scikit-learn's multilayer perceptrons, and rho is the
`l1_ratio` of ElasticNet.
"""

import math

import torch


def kl_to_standard_normal(mean, log_variance):
    r"""Return :math:`KL(N(\mu, \sigma^2) \| N(0, 1))` elementwise, in nats.

    .. math:: \tfrac12 (\mu^2 + \sigma^2 - 1 - \log \sigma^2)
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def kl_to_standard_normal_gradient(mean, log_variance):
    """Return the derivatives with respect to mean and log variance, elementwise."""
    return mean, 0.5 * (log_variance.exp() - 1)


def elastic_net(weights, alpha, l1_ratio):
    """Return the penalty on the flat tensor `weights`, a scalar.

    `alpha` is already divided by the number of samples.
    """
    penalty = 0.5 * alpha * (1 - l1_ratio) * weights.square().sum()
    if l1_ratio > 0:
        penalty = penalty + alpha * l1_ratio * weights.abs().sum()
    return penalty


def elastic_net_gradient(weights, alpha, l1_ratio):
    """Return the gradient (0 at the kink), same shape as `weights`."""
    gradient = weights * (alpha * (1 - l1_ratio))
    if l1_ratio > 0:
        gradient = gradient.add_(weights.sign(), alpha=alpha * l1_ratio)
    return gradient


def jacobian_norm_of_layer(slopes, weight):
    r"""Return :math:`\|J\|_F^2` of each row for a layer s(Wx + b), in closed form.

    .. math:: \|J\|_F^2 = \sum_j s'(a_j)^2 \|W_j\|^2, \qquad a = W x + b.

    `slopes` of shape (n_rows, n_outputs) holds s'(a), and `weight` is W.
    """
    return (slopes.square() * weight.square().sum(dim=1)).sum(dim=1)


def jacobian_norm(function, x):
    r"""Return :math:`\|J\|_F^2` of each row, J the derivative of ``function(x)``.

    The norm is exact and takes one backward pass for each output of `function`, which
    must map each row on its own. It is differentiable if gradients are enabled.
    """
    return _squared_products(function, x, _identity_of)


def _identity_of(outputs):
    return torch.eye(outputs.shape[1], dtype=outputs.dtype, device=outputs.device)


def estimate_jacobian_norm(function, x, n_projections, generator):
    r"""Return an unbiased estimate of `jacobian_norm`.

    .. math:: \|J\|_F^2 = E \|J^T v\|^2 \qquad \text{for } E[v v^T] = I,

    as the mean over `n_projections` vectors v of random signs, drawn for each row.
    """

    def draw(outputs):
        signs = outputs.new_empty(n_projections, *outputs.shape)
        signs = signs.bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
        return signs / math.sqrt(n_projections)

    return _squared_products(function, x, draw)


def _squared_products(function, x, vectors_for):
    """Return the sum of ``||J^T v||^2`` over the vectors that `vectors_for` returns."""
    is_differentiated = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        outputs = function(x)
        total = 0.0
        for vector in vectors_for(outputs.detach()):
            (product,) = torch.autograd.grad(
                outputs,
                x,
                vector.expand_as(outputs),
                create_graph=is_differentiated,
                retain_graph=True,
            )
            total = total + product.square().sum(dim=1)
    return total


def kl_from_target(means, target):
    r"""Return :math:`\sum_j KL(\rho \| \hat\rho_j)` of Bernoulli means, in nats.

    .. math:: \rho \log \frac{\rho}{\hat\rho_j}
              + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j}

    for `means` in [0, 1], shape (n_units,), and the `target` rho in (0, 1).
    """
    means = _inside(means)
    divergence = target * (target / means).log()
    return (divergence + (1 - target) * ((1 - target) / (1 - means)).log()).sum()


def kl_from_target_gradient(means, target):
    """Return the gradient with respect to `means`, same shape."""
    means = _inside(means)
    return (1 - target) / (1 - means) - target / means


def _inside(means):
    """Move means away from 0 and 1, just enough to keep quotients finite."""
    return means.clamp(1e-30, 1 - torch.finfo(means.dtype).eps)


def l1_norm(codes):
    """Return the sum of absolute values of each row, shape (n_rows,)."""
    return codes.abs().sum(dim=1)


def l1_norm_gradient(codes):
    """Return the gradient (0 at the kink), same shape as `codes`."""
    return codes.sign()
