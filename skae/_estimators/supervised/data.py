"""Labeled, unlabeled and validation data of a supervised fit."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import validate_data

from skae._engine.dataset import Samples
from skae._estimators.base.validation import check_rows_as_given
from skae._estimators.supervised.metadata import RoutedMetadata, check_metadata
from skae._estimators.supervised.unlabeled import (
    has_label,
    labeled_samples,
    take_labels,
)
from skae._utils.validation import (
    check_rows_like,
    check_validation_weights,
    check_weights,
)


class LabeledData(NamedTuple):
    """The data of a supervised fit.

    Attributes
    ----------
    samples : Samples
        Labeled samples. Their `y` is encoded by `target`, and their `weight` does not
        include `class_weight`.
    labels : ndarray of shape (n_labeled,) or (n_labeled, n_outputs)
        Labels of `samples` before encoding.
    unlabeled : Samples or None
    validation : Samples or None
        Validation samples that were passed as `X_val`.
    validation_labels : ndarray or None
        Labels of `validation` before encoding.
    target : ClassTarget or QuantityTarget
    metadata : RoutedMetadata or None
        None without metadata routing.
    """

    samples: Samples
    labels: np.ndarray
    unlabeled: Samples | None
    validation: Samples | None
    validation_labels: np.ndarray | None
    target: object
    metadata: RoutedMetadata | None = None

    @property
    def n_samples(self):
        """Number of training samples, unlabeled ones included."""
        n_unlabeled = 0 if self.unlabeled is None else len(self.unlabeled.X)
        return len(self.samples.X) + n_unlabeled

    @property
    def n_with_target(self):
        """Number of labeled training samples."""
        return len(self.samples.X)

    def joined(self, further):
        """Return these data followed by others; all labels scale the target."""
        samples = self.samples.joined(further.samples)
        # A single target may be a column or one-dimensional.
        shape = (len(further.labels), *self.labels.shape[1:])
        labels = np.concatenate([self.labels, further.labels.reshape(shape)])
        unlabeled = self.unlabeled
        if unlabeled is None:
            unlabeled = further.unlabeled
        elif further.unlabeled is not None:
            unlabeled = unlabeled.joined(further.unlabeled)
        # In `partial_fit` metadata have no values and only indicate whether weights are
        # routed.
        metadata = self.metadata or further.metadata
        both = LabeledData(
            samples, labels, unlabeled, None, None, further.target, metadata
        )
        return both.with_scale_of_labels()

    def newest(self, n_samples):
        """Return a copy of the last labeled and the last unlabeled samples."""
        unlabeled = self.unlabeled
        return self._replace(
            samples=self.samples.newest(n_samples),
            labels=self.labels[-n_samples:].copy(),
            unlabeled=unlabeled and unlabeled.newest(n_samples),
        )

    def distinct(self):
        """Return the data, as equal samples may differ in their labels."""
        return self

    def lacks_scale(self):
        """Whether the scale of a target cannot be estimated from the labels."""
        return self.target.lacks_scale(self.labels)

    def with_scale_of_labels(self):
        """Return the data with the scale of the target estimated from their labels."""
        target = self.target.refit(self.labels, self.samples.weight)
        validation = self.validation
        if validation is not None:
            encoded = target.encode(self.validation_labels, "y_val")
            validation = validation._replace(y=encoded)
        return self._replace(
            samples=self.samples._replace(y=target.encode(self.labels)),
            validation=validation,
            target=target,
        )


class Pool(Samples):
    """Labeled training samples followed by unlabeled ones, without `class_weight`.

    Attributes
    ----------
    metadata : dict or None
        Keyword arguments for the fit of an autoencoder by metadata routing, aligned
        with the samples. None without metadata routing.
    """

    metadata = None


def check_labeled(
    estimator,
    X,
    y,
    *,
    X_unlabeled=None,
    X_val=None,
    y_val=None,
    sample_weight=None,
    sample_weight_val=None,
    classes=None,
    metadata=None,
    target=None,
):
    """Return the validated data of a fit as `LabeledData`.

    `metadata` are keyword arguments for the fit of an autoencoder, or None without
    metadata routing. `target` is that of the fit that is continued, or None.
    """
    if y is None:
        # This raises the error of scikit-learn.
        validate_data(estimator, X, y)
    X = check_rows_as_given(estimator, X, reset=target is None, encoder=estimator)
    check_consistent_length(X, y)
    weight = check_weights(sample_weight, X)
    with_label = has_label(estimator, y)
    has_weight = np.ones(len(X), dtype=bool) if weight is None else weight > 0
    labeled = np.flatnonzero(with_label)
    # Samples of weight zero are dropped below, but their labels count as classes, as
    # in scikit-learn's classifiers.
    present = has_weight[labeled]
    _check_any_present(present, estimator.unlabeled_label)
    labels = estimator._validate_y(take_labels(y, labeled))
    samples = Samples(X, X, weight)
    if target is None:
        label_weight = None if weight is None else weight[labeled]
        target = estimator._fit_target(labels, label_weight, classes)
    target.check(labels)
    labels = labels[present]
    labeled, marked = labeled[present], np.flatnonzero(~with_label & has_weight)
    unlabeled = _unlabeled(estimator, samples.take(marked), X_unlabeled)
    if metadata is not None:
        metadata = check_metadata(estimator, metadata, X, labeled, marked, unlabeled)
    samples = samples.take(labeled)._replace(y=target.encode(labels))
    validation = _validation(estimator, X, X_val, y_val, sample_weight_val, target)
    return LabeledData(samples, labels, unlabeled, *validation, target, metadata)


def split_labeled(estimator, data, seed, *, may_split=True):
    """Split the data into training samples, validation samples and a pool.

    Returns
    -------
    samples, validation : Samples
        Labeled samples, weighted by `class_weight`, with padding replaced by NaN.
        `validation` is None without validation samples.
    pool : Pool
        All training samples, labeled and unlabeled, for pretraining.
    """
    samples, labels, metadata = data.samples, data.labels, data.metadata
    validation, validation_labels = data.validation, data.validation_labels
    if validation is None and may_split and _holds_out(estimator, len(labels)):
        train, held_out = _split(estimator, labels, seed)
        validation, validation_labels = samples.take(held_out), labels[held_out]
        samples, labels = samples.take(train), labels[train]
        metadata = metadata and metadata.take(train)
    pool = Pool(*_joined(samples, data.unlabeled))
    pool.metadata = metadata and metadata.aligned()
    if validation is not None:
        validation = _weighted_by_class(estimator, validation, validation_labels)
        validation = _marked(estimator, validation)
    samples = _weighted_by_class(estimator, samples, labels)
    return _marked(estimator, samples), validation, pool


def _marked(estimator, samples):
    X = estimator._mark_missing(samples.X, "X")
    return samples._replace(X=X, target=X)


def _check_any_present(present, mark):
    if not present.any():
        raise ValueError(
            f"No sample of y has a label: all have unlabeled_label={mark!r} or weight "
            "0. Pass labeled samples."
        )


def _unlabeled(estimator, marked, X_unlabeled):
    """Return the samples marked in y, followed by `X_unlabeled`, or None."""
    if X_unlabeled is None:
        return marked if len(marked.X) else None
    X = _more_rows(estimator, X_unlabeled, marked.X, "X_unlabeled")
    return _joined(marked, Samples(X, X))


def _validation(estimator, X, X_val, y_val, sample_weight_val, target):
    """Return the validation samples and their labels, or None and None."""
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was passed without {missing}. Pass both.")
    if X_val is None:
        check_validation_weights(sample_weight_val, X_val)
        return None, None
    X_val = _more_rows(estimator, X_val, X, "X_val")
    check_consistent_length(X_val, y_val)
    weight = check_validation_weights(sample_weight_val, X_val)
    X_val, y_val, weight = labeled_samples(estimator, X_val, y_val, weight, "y_val")
    # Checked again, as the weights of all labeled samples may be zero.
    weight = check_validation_weights(weight, X_val)
    labels = estimator._validate_y(y_val)
    if weight is not None:
        present = weight > 0
        X_val, labels, weight = X_val[present], labels[present], weight[present]
    return Samples(X_val, X_val, weight, target.encode(labels, "y_val")), labels


def _more_rows(estimator, X, like, name):
    estimator._check_layout(X, name)
    return check_rows_like(estimator, X, like, name, same_length=False)


def _joined(samples, further):
    """Return all samples; missing weights are replaced by the mean of the others."""
    if further is None or len(further.X) == 0:
        return samples
    if len(samples.X) == 0:
        return further
    parts = [samples, further]
    known = [part.weight for part in parts if part.weight is not None]
    weight = None
    if known:
        mean = np.concatenate(known).mean()
        weight = np.concatenate(
            [
                np.full(len(part.X), mean) if part.weight is None else part.weight
                for part in parts
            ]
        )
    X = np.concatenate([samples.X, further.X])
    return Samples(X, X, weight)


def _holds_out(estimator, n_labels):
    """Whether early stopping holds out validation samples."""
    wanted = estimator.early_stopping
    if wanted == "holdout":
        return True
    fewest = estimator._fewest_labels_to_split
    return n_labels >= fewest if wanted == "auto" else wanted


def _split(estimator, labels, seed):
    """Return the indices of the training samples and of the held-out samples."""
    n = len(labels)
    options = {
        "test_size": estimator.validation_fraction,
        "random_state": np.random.RandomState(seed),
    }
    if np.ceil(estimator.validation_fraction * n) >= n:
        raise ValueError(
            f"early_stopping={estimator.early_stopping!r} holds out "
            f"validation_fraction={estimator.validation_fraction} of the labeled "
            f"samples, which leaves none to train on with n_samples={n}. Use "
            "early_stopping=False or a smaller fraction."
        )
    return train_test_split(
        np.arange(n),
        stratify=estimator._strata(labels, options["test_size"]),
        **options,
    )


def _weighted_by_class(estimator, samples, labels):
    class_weight = getattr(estimator, "class_weight", None)
    if class_weight is None:
        return samples
    weight = compute_sample_weight(class_weight, labels)
    if samples.weight is not None:
        weight = weight * samples.weight
    # Negated, so that NaN is refused, too.
    if not (np.all(weight >= 0) and weight.sum() > 0):
        raise ValueError(
            "The 'class_weight' parameter must give non-negative weights, one of them "
            f"positive among the classes of the rows. Got {class_weight!r} instead."
        )
    return samples._replace(weight=weight)
