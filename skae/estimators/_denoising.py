"""The denoising autoencoder."""

import functools
import numbers

import numpy as np
import torch

from skae._docs import document
from skae._random import make_generator
from skae._validation import StrOptions, check_pair, fit_context, reals
from skae.corruption import CORRUPTIONS, ColumnRange, corruption_moments
from skae.estimators._base import BaseAutoencoder
from skae.linear import linear_denoiser, paired_denoiser, principal_axes

# Rows that a user's corruption is drawn for to fit the linear denoiser.
_NOISY_ROWS = 10_000


def denoising_error(network, rows, generator, *, criterion, corruption, emphasis):
    r"""Return the error of each row against its clean values.

    .. math:: \frac{1}{p} \Big( \alpha \sum_{j \in C} \ell(\hat x_j, x_j)
              + \beta \sum_{j \notin C} \ell(\hat x_j, x_j) \Big),
              \quad \hat x = g(f(\tilde x)),

    where C are the features that the corruption changed and (alpha, beta) is
    `emphasis`: section 5.3 of Vincent et al. (2010).
    """
    noisy = rows.x if corruption is None else corruption(rows.x, generator)
    errors = criterion(network(noisy, generator), rows.target)
    on_corrupted, on_rest = emphasis
    if on_corrupted != on_rest:
        errors = errors * torch.where(noisy != rows.x, on_corrupted, on_rest)
    elif on_rest != 1:
        errors = errors * on_rest
    return {"reconstruction": errors.mean(dim=1)}
