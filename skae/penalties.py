r"""Penalties on the weights.

.. math:: \frac{\alpha}{n} \sum_W \Big( \rho \|W\|_1
          + \frac{1 - \rho}{2} \|W\|_2^2 \Big)

over the weight matrices (not the biases), with alpha divided by the sum of the
sample weights n as in scikit-learn's multilayer perceptrons, and rho the
`l1_ratio` of ElasticNet.
"""


def elastic_net(weights, alpha, l1_ratio):
    """Return the penalty's value for the flat tensor `weights`, a scalar.

    `alpha` is already divided by the number of samples.
    """
    penalty = 0.5 * alpha * (1 - l1_ratio) * weights.square().sum()
    if l1_ratio > 0:
        penalty = penalty + alpha * l1_ratio * weights.abs().sum()
    return penalty


def elastic_net_gradient(weights, alpha, l1_ratio):
    """Return the gradient (0 taken at the kink), same shape as `weights`."""
    gradient = weights * (alpha * (1 - l1_ratio))
    if l1_ratio > 0:
        gradient = gradient.add_(weights.sign(), alpha=alpha * l1_ratio)
    return gradient
