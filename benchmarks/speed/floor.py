"""The bare products of a fit: matrix products and convolutions, and nothing else.

A layer with the weight W (outputs x inputs) takes three products of a batch: X W'
forwards, G'X for the gradient of W, and G W for that of X, which the first layer does
without.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F

from benchmarks.speed.fitted import CHUNK, Fitted
from benchmarks.speed.workloads import SIDE


def fit(workload, X):
    """Run the products of a fit."""
    sizes = batch_sizes(len(X), workload.batch_size)
    make = convolutions if workload.kind == "convolutional" else matrix_products
    calls = {size: make(workload, size) for size in set(sizes)}
    with torch.inference_mode():
        for size in sizes * workload.epochs:
            for function, arguments, keywords in calls[size]:
                function(*arguments, **keywords)
    return Fitted(encode=encoder(workload) if workload.kind == "encoder" else None)


def batch_sizes(n_rows, batch_size):
    """Return the lengths of the batches of an epoch, the last one shorter."""
    rest = n_rows % batch_size
    return [batch_size] * (n_rows // batch_size) + ([rest] if rest else [])


def dense_layers(workload):
    """Return (inputs, outputs) of each dense layer, from the input to the output."""
    *hidden, n_codes = workload.widths
    # Mean and log variance of a code.
    n_outputs = 2 * n_codes if workload.kind == "variational" else n_codes
    return [*pairwise([*hidden, n_outputs]), *pairwise(workload.widths[::-1])]


def matrix_products(workload, n_rows):
    """Return the calls of one step, as (function, arguments, keywords).

    All memory is there before; the output of a layer is the input of the next.
    """
    products, layers = [], dense_layers(workload)
    weights = [torch.randn(n_out, n_in) / n_in**0.5 for n_in, n_out in layers]
    inputs, h = [], torch.randn(n_rows, layers[0][0])
    for weight in weights:
        inputs.append(_as_wide(h, weight.shape[1]))
        h = torch.empty(n_rows, len(weight))
        products.append((inputs[-1], weight.T, h))
    gradient = torch.randn(n_rows, layers[-1][1])
    for i in reversed(range(len(layers))):
        gradient = _as_wide(gradient, len(weights[i]))
        products.append((gradient.T, inputs[i], torch.empty_like(weights[i])))
        if i > 0:
            products.append((gradient, weights[i], torch.empty_like(inputs[i])))
            gradient = products[-1][-1]
    return [(torch.mm, (left, right), {"out": out}) for left, right, out in products]


def _as_wide(rows, n_columns):
    """Return the rows, or others where a layer does not follow the one before."""
    return rows if rows.shape[1] == n_columns else torch.randn(len(rows), n_columns)


def convolution_layers(workload):
    """Return (input channels, output channels, side) of each convolution."""
    sides = [SIDE // 2**i for i in range(len(workload.widths) - 1)]
    down = [
        (*c, side) for c, side in zip(pairwise(workload.widths), sides, strict=True)
    ]
    return down + [(n_out, n_in, side) for n_in, n_out, side in reversed(down)]


def convolutions(workload, n_rows):
    """Return the calls of one step, maps in channels last."""
    forward, backward = [], []
    for n_in, n_out, side in convolution_layers(workload):
        x, weight, gradient = (
            torch.randn(shape).to(memory_format=torch.channels_last)
            for shape in [
                (n_rows, n_in, side, side),
                (n_out, n_in, 3, 3),
                (n_rows, n_out, side, side),
            ]
        )
        forward.append((F.conv2d, (x, weight), {"padding": 1}))
        # Stride, padding, dilation, not transposed, output padding, groups.
        geometry = [1, 1], [1, 1], [1, 1], False, [0, 0], 1
        wanted = [bool(backward), True, False]  # gradients of input, weight and bias
        arguments = gradient, x, weight, None, *geometry, wanted
        backward.append((torch.ops.aten.convolution_backward, arguments, {}))
    return forward + backward[::-1]


def encoder(workload):
    """Return the bare products of `transform`."""
    weights = [torch.randn(n, m) / m**0.5 for m, n in pairwise(workload.widths)]
    buffers = [torch.empty(CHUNK, len(weight)) for weight in weights[:-1]]

    @torch.inference_mode()
    def encode(X):
        X = torch.from_numpy(X)
        codes = torch.empty(len(X), len(weights[-1]))
        for h, code in zip(X.split(CHUNK), codes.split(CHUNK), strict=True):
            outputs = [*(buffer[: len(h)] for buffer in buffers), code]
            for weight, out in zip(weights, outputs, strict=True):
                h = torch.mm(h, weight.T, out=out)
        return codes.numpy()

    return encode
