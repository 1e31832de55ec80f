"""The objective of the autoencoders that only reconstruct."""

from skae.training.backprop import written_out


def reconstruction_gradient(tape, rows, generator, share, *, criterion):
    """Leave the gradient of the sum of rows times `share`; return the losses."""
    output = tape.forward(rows.x, generator)
    gradient = criterion.gradient(output, rows.target)
    tape.backward(gradient.mul_(share / output.shape[1]))
    return {"reconstruction": criterion(output, rows.target).mean(dim=1)}


@written_out(reconstruction_gradient)
def reconstruction_error(network, rows, generator, *, criterion):
    r"""Return :math:`\ell(g(f(x)), x)` of each row, a mean over the features."""
    output = network(rows.x, generator)
    return {"reconstruction": criterion(output, rows.target).mean(dim=1)}
