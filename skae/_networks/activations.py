"""Activations of hidden layers, and their gradients computed in place."""

import functools

import torch
import torch.nn.functional as F

MAXOUT_PIECES = 2
_LEAKY_SLOPE = 0.01

ACTIVATIONS = {
    "identity": lambda h: h,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    # For units, (n_rows, n_units), and for maps, (n_rows, n_channels, height, width).
    "maxout": lambda h: h.unflatten(1, (-1, MAXOUT_PIECES)).amax(2),
}

# Activations whose gradient is a function of their output instead of their input.
IN_PLACE = {
    "identity": lambda h: h,
    "logistic": torch.sigmoid_,
    "tanh": torch.tanh_,
    "relu": torch.relu_,
    "leaky_relu": lambda h: F.leaky_relu(h, inplace=True),
    "elu": lambda h: F.elu(h, inplace=True),
}


def activate(name, h):
    """Apply an activation; return the result and the argument of its gradient.

    `h` is overwritten if the gradient needs only the result.
    """
    if name in IN_PLACE:
        h = IN_PLACE[name](h)
        return h, h
    if name == "silu":
        # y = h s with s = logistic(h): the slope s + y (1 - s) needs no exponential.
        share = torch.sigmoid(h)
        y = h.mul_(share)
        return y, torch.addcmul(share, y, share, value=-1).add_(y)
    return ACTIVATIONS[name](h), h


def _gelu_backward(g, h):
    density = torch.exp(h.square().mul_(-0.5)).mul_((2 * torch.pi) ** -0.5)
    return g.mul_(torch.special.ndtr(h).addcmul_(h, density))


# Each takes the gradient with respect to the output, which it overwrites, and the
# second result of `activate`. 'maxout' has none: it is not an elementwise function.
_PUBLIC_GRADIENTS = {
    "identity": lambda g, h: g,
    "logistic": lambda g, h: g.mul_(h - h.square()),
    "tanh": lambda g, h: g.mul_(1 - h.square()),
    "relu": lambda g, h: g.masked_fill_(h <= 0, 0),
    "leaky_relu": lambda g, h: torch.where(h > 0, g, _LEAKY_SLOPE * g, out=g),
    "elu": lambda g, h: g.mul_(h.clamp(max=0).add_(1)),
    "gelu": _gelu_backward,
    "silu": lambda g, slope: g.mul_(slope),
}

# Kernel that computes the same function in one pass, and how it is called.
_KERNELS = {
    "logistic": ("sigmoid_backward", lambda f, g, h: f(g, h, grad_input=g)),
    "tanh": ("tanh_backward", lambda f, g, h: f(g, h, grad_input=g)),
    "relu": ("threshold_backward", lambda f, g, h: f(g, h, 0, grad_input=g)),
    "leaky_relu": (
        "leaky_relu_backward",
        lambda f, g, h: f(g, h, _LEAKY_SLOPE, True, grad_input=g),
    ),
    "elu": ("elu_backward", lambda f, g, h: f(g, 1, 1, 1, True, h, grad_input=g)),
    "gelu": ("gelu_backward", lambda f, g, h: f(g, h, grad_input=g)),
}


def activation_gradients(kernels):
    """Return the gradient of each activation, from the kernels that exist.

    Parameters
    ----------
    kernels : namespace
        ``torch.ops.aten``. Its kernels are not public: where a version of torch lacks
        one, the gradient is computed by public operations.

    Returns
    -------
    dict of function
        By name of the activation.
    """
    gradients = dict(_PUBLIC_GRADIENTS)
    for name, (kernel, call) in _KERNELS.items():
        function = getattr(getattr(kernels, kernel, None), "grad_input", None)
        if function is not None:
            gradients[name] = functools.partial(call, function)
    return gradients


ACTIVATION_GRADIENTS = activation_gradients(torch.ops.aten)
