"""Targets of predictors, encoded as columns of numbers, and their losses."""

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
    """Class labels, encoded as one indicator column per class.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted class labels of any type.
    """

    def __init__(self, classes):
        self.classes = classes
        self.n_outputs = len(classes)

    @classmethod
    def fit(cls, y, classes=None):
        """Return the target with `classes`, by default those in y."""
        target = cls(distinct_labels(y if classes is None else np.asarray(classes)))
        target.check(y)
        return target

    def refit(self, y, weight=None):
        """Return the target itself, as classes do not change."""
        return self

    def lacks_scale(self, y):
        """Return False, as labels have no scale."""
        return False

    @staticmethod
    def validate(estimator, y):
        """Return labels of shape (n_samples,)."""
        y = check_y(estimator, y, multi_output=False, y_numeric=False)
        if y.dtype == object:
            distinct_labels(y)  # its error is clearer than that of scikit-learn
        check_classification_targets(y)
        return y

    def check(self, y, name="y"):
        """Raise a ValueError if y contains labels that are not in `classes`."""
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"{name} contains labels that are not among the {self.n_outputs} "
                f"classes: {unknown[:5].tolist()}. The classes are those of the first "
                "fit, or of `classes` in the first call to partial_fit."
            )

    def encode(self, y, name="y"):
        """Return indicator columns of shape (n_samples, n_classes)."""
        self.check(y, name)
        columns = np.zeros((len(y), self.n_outputs))
        columns[np.arange(len(y)), np.searchsorted(self.classes, y)] = 1.0
        return columns

    @staticmethod
    def score(outputs, columns, weight):
        """Return the accuracy of network outputs, given encoded labels."""
        found, expected = outputs.argmax(axis=1), columns.argmax(axis=1)
        return float(accuracy_score(expected, found, sample_weight=weight))


class QuantityTarget:
    """Regression targets, each standardized on the training samples.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_outputs,)
    n_dimensions : {1, 2}
        Number of dimensions of y.
    """

    def __init__(self, mean, scale, n_dimensions):
        self.mean, self.scale = mean, scale
        self.n_outputs, self.n_dimensions = len(mean), n_dimensions

    @classmethod
    def fit(cls, y, weight=None):
        """Return the target with the mean and scale of y.

        The shape of y is (n_samples,) or (n_samples, n_outputs). Samples of weight zero
        are ignored.
        """
        columns = _columns(y)
        if weight is not None:
            columns, weight = columns[weight > 0], weight[weight > 0]
        # Divided by the largest magnitude first, as squares of 1e200 would overflow.
        largest = np.abs(columns).max(axis=0)
        largest = np.where(largest > 0, largest, 1.0)
        mean = np.average(columns / largest, axis=0, weights=weight)
        deviation = np.square(columns / largest - mean)
        scale = np.sqrt(np.average(deviation, axis=0, weights=weight))
        # Deviations of a constant column from its mean are rounding errors.
        varies = np.any(columns != columns[0], axis=0)
        # The scale of subnormal numbers may be too small for float64.
        varies &= (scale > 10 * np.finfo(np.float64).eps) & (scale * largest > 0)
        scale = np.where(varies, scale, 1.0)
        return cls(mean * largest, scale * largest, y.ndim)

    def refit(self, y, weight=None):
        """Return the target with the mean and scale of y."""
        return self.fit(y, weight)

    def lacks_scale(self, y):
        """Whether a target is constant in y."""
        return bool(np.any(np.ptp(_columns(y), axis=0) == 0))

    @staticmethod
    def validate(estimator, y):
        """Return targets of shape (n_samples,) or (n_samples, n_outputs)."""
        y = check_y(estimator, y, multi_output=True, y_numeric=True)
        return check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")

    def check(self, y, name="y"):
        """Raise a ValueError if the number of columns differs from the first fit."""
        n_outputs = _columns(y).shape[1]
        if n_outputs != self.n_outputs:
            raise ValueError(
                f"{name} has {n_outputs} columns, but y had {self.n_outputs} in the "
                "first fit. Pass as many."
            )

    def encode(self, y, name="y"):
        """Return standardized columns of shape (n_samples, n_outputs)."""
        self.check(y, name)
        return (_columns(y) - self.mean) / self.scale

    def decode(self, outputs):
        """Return network outputs in the units and with the dimensions of y, in float64.

        Values of y may exceed the range of float32, or its mean may be so large that
        deviations from it are below the precision of float32.
        """
        y = outputs.astype(np.float64) * self.scale + self.mean
        return y if self.n_dimensions > 1 else y[:, 0]

    @staticmethod
    def score(outputs, columns, weight):
        """Return R squared, averaged over the columns."""
        if len(columns) < 2:
            return float("nan")  # as in scikit-learn, without its warning
        return float(r2_score(columns, outputs, sample_weight=weight))


@dataclass(frozen=True)
class ClassificationObjective(Objective):
    r"""The negative log probability of the class of each row, in nats.

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
    r"""The mean loss of each row over the q standardized targets.

    .. math:: \frac{1}{q} \sum_j \ell\big(f(x)_j, y_j\big)

    Parameters
    ----------
    loss : str
        A key of `LOSSES` whose loss is a function of the residual.
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
