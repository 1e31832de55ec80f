"""What a predictor is to predict: y as columns of numbers, and their loss."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from skae._functional.losses import (
    elementwise_loss,
    elementwise_with_gradient,
    softmax_log_loss,
    softmax_log_loss_with_gradient,
)
from skae._training.data import weighted_mean
from skae._training.objective import Objective
from skae._utils.sklearn_compat import check_y
from skae._utils.validation import distinct_labels


class ClassTarget:
    """Labels as one column of zeros and ones for each class.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels, of any type.
    """

    def __init__(self, classes):
        self.classes = classes
        self.n_outputs = len(classes)

    @classmethod
    def fit(cls, y, classes=None):
        """Return the target of labels, and of those named in `classes`."""
        target = cls(distinct_labels(y if classes is None else np.asarray(classes)))
        target.check(y)
        return target

    def refit(self, y, weight=None):
        """Return the target of further labels, which is the same."""
        return self

    def lacks_scale(self, y):
        """Whether the labels leave a scale unknown."""
        return False

    @staticmethod
    def validate(estimator, y):
        """Return labels of shape (n_samples,)."""
        y = check_y(estimator, y, multi_output=False, y_numeric=False)
        if y.dtype == object:
            distinct_labels(y)  # whose error says more than scikit-learn's
        check_classification_targets(y)
        return y

    def check(self, y, name="y"):
        """Raise a ValueError if there are other labels than those of the classes."""
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"{name} has labels that are none of the {self.n_outputs} classes: "
                f"{unknown[:5].tolist()}. The classes are those of the first fit, or "
                "of `classes` in the first partial_fit."
            )

    def encode(self, y, name="y"):
        """Return labels as columns (n_rows, n_classes)."""
        self.check(y, name)
        columns = np.zeros((len(y), self.n_outputs))
        columns[np.arange(len(y)), np.searchsorted(self.classes, y)] = 1.0
        return columns

    @staticmethod
    def score(outputs, columns, weight):
        """Return the accuracy of outputs for encoded labels."""
        found, expected = outputs.argmax(axis=1), columns.argmax(axis=1)
        return float(accuracy_score(expected, found, sample_weight=weight))


class QuantityTarget:
    """One or several quantities, each standardized on the training rows.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_outputs,)
    n_dimensions : int
        Of y, 1 or 2.
    """

    def __init__(self, mean, scale, n_dimensions):
        self.mean, self.scale = mean, scale
        self.n_outputs, self.n_dimensions = len(mean), n_dimensions

    @classmethod
    def fit(cls, y, weight=None):
        """Return the target of quantities of shape (n_rows,) or (n_rows, n_outputs).

        Rows of weight zero do not count.
        """
        columns = _columns(y)
        if weight is not None:
            columns, weight = columns[weight > 0], weight[weight > 0]
        # Divided by the largest magnitude first: squares of 1e200 would overflow.
        largest = np.abs(columns).max(axis=0)
        largest = np.where(largest > 0, largest, 1.0)
        mean = np.average(columns / largest, axis=0, weights=weight)
        deviation = np.square(columns / largest - mean)
        scale = np.sqrt(np.average(deviation, axis=0, weights=weight))
        # What a constant column deviates from its mean is rounding.
        varies = np.any(columns != columns[0], axis=0)
        varies &= scale > 10 * np.finfo(np.float64).eps
        scale = np.where(varies, scale, 1.0)
        return cls(mean * largest, scale * largest, y.ndim)

    def refit(self, y, weight=None):
        """Return the target of all quantities so far."""
        return self.fit(y, weight)

    def lacks_scale(self, y):
        """Whether a quantity has been constant so far."""
        return bool(np.any(np.ptp(_columns(y), axis=0) == 0))

    @staticmethod
    def validate(estimator, y):
        """Return quantities of shape (n_samples,) or (n_samples, n_outputs)."""
        y = check_y(estimator, y, multi_output=True, y_numeric=True)
        return check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")

    def check(self, y, name="y"):
        """Raise a ValueError if there are not as many columns as in the first fit."""
        n_outputs = _columns(y).shape[1]
        if n_outputs != self.n_outputs:
            raise ValueError(
                f"{name} has {n_outputs} columns, but the y of the fit has "
                f"{self.n_outputs}. Pass as many."
            )

    def encode(self, y, name="y"):
        """Return standardized columns (n_rows, n_outputs)."""
        self.check(y, name)
        return (_columns(y) - self.mean) / self.scale

    def decode(self, outputs):
        """Return outputs in y's units and with as many dimensions, in float64.

        In float32 the units of y could be too large, or its mean for its deviations.
        """
        y = outputs.astype(np.float64) * self.scale + self.mean
        return y if self.n_dimensions > 1 else y[:, 0]

    @staticmethod
    def score(outputs, columns, weight):
        """Return R squared, the mean over the columns."""
        if len(columns) < 2:
            return float("nan")  # as scikit-learn's, which warns at it
        return float(r2_score(columns, outputs, sample_weight=weight))


@dataclass(frozen=True)
class ClassificationObjective(Objective):
    r"""Minus the log probability of each row's class, in nats.

    .. math:: -\sum_c y_c \log \frac{e^{o_c}}{\sum_k e^{o_k}}, \qquad o = f(x).
    """

    has_gradient = True

    def losses(self, network, rows, generator):
        """Return the loss of each row."""
        return {"log_loss": softmax_log_loss(network(rows.x, generator), rows.y)}

    def gradient(self, tape, rows, generator, share):
        """Set the gradient of the sum of ``share * loss``; return the mean loss."""
        output = tape.forward(rows.x, generator)
        losses, gradient = softmax_log_loss_with_gradient(output, rows.y, share)
        tape.backward(gradient)
        return {"log_loss": weighted_mean(losses, rows.weight)}


@dataclass(frozen=True)
class RegressionObjective(Objective):
    r"""The loss of each row, a mean over the q standardized targets.

    .. math:: \frac{1}{q} \sum_j \ell\big(f(x)_j, y_j\big)

    Parameters
    ----------
    loss : str
        A key of `LOSSES`, of residuals.
    """

    loss: str
    has_gradient = True

    def losses(self, network, rows, generator):
        """Return the loss of each row."""
        output = network(rows.x, generator)
        errors = elementwise_loss(self.loss, "identity", output, rows.y)
        return {self.loss: errors.mean(dim=1)}

    def gradient(self, tape, rows, generator, share):
        """Set the gradient of the sum of ``share * loss``; return the mean loss."""
        output = tape.forward(rows.x, generator)
        errors, gradient = elementwise_with_gradient(
            self.loss, "identity", output, rows.y, factor=share / output.shape[1]
        )
        tape.backward(gradient)
        return {self.loss: weighted_mean(errors, rows.weight)}


def _columns(y):
    return y[:, np.newaxis] if y.ndim == 1 else y
