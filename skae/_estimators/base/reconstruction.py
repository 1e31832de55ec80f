"""The objective of the autoencoders that only reconstruct."""

from skae._training.backward.layers import written_out
from skae._training.data import weighted_mean


def reconstruction_gradient(tape, rows, generator, share, *, criterion):
    """Leave the gradient of the sum of rows times `share`; return the mean loss."""
    output = tape.forward(rows.x, generator, rows.codes)
    share = share / output.shape[1]
    errors, gradient = criterion.with_gradient(output, rows.target, share)
    tape.backward(gradient)
    return {"reconstruction": weighted_mean(errors, rows.weight)}


@written_out(reconstruction_gradient, reads_linear_codes=True)
def reconstruction_error(network, rows, generator, *, criterion):
    r"""Return :math:`\ell(g(f(x)), x)` of each row, a mean over the features."""
    output = network(rows.x, generator)
    return {"reconstruction": criterion(output, rows.target).mean(dim=1)}
