"""Rows with labels, rows without, and what judges: the data of a predictor's fit."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import validate_data

from skae._engine.early_samples import FEWEST_ROWS, joined_weights, lacks_scale
from skae._engine.initialization import Samples
from skae._estimators.base.validation import check_rows_as_given
from skae._estimators.supervised.metadata import RoutedMetadata, check_metadata
from skae._estimators.supervised.unlabeled import has_label, labelled_rows, take_labels
from skae._utils.validation import check_rows_like, check_weights


class Labelled(NamedTuple):
    """The rows of a fit.

    Attributes
    ----------
    samples : Samples
        With labels, `y` as columns; `weight` without `class_weight`.
    labels : ndarray of shape (n_labelled,) or (n_labelled, n_outputs)
        As they were given.
    unlabeled : Samples or None
    validation : Samples or None
        Given rows (`X_val`).
    validation_labels : ndarray or None
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

    def with_scale_of_labels(self):
        """Return the same data, the target's scale found from their labels."""
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
    """Training samples with and without labels, as they were given.

    Attributes
    ----------
    metadata : dict or None
        Keyword arguments for the fit of an autoencoder by metadata routing, aligned
        with the samples. None without metadata routing.
    """

    metadata = None


class EarlyLabelled(NamedTuple):
    """What a predictor has seen while it is too little for a start that lasts.

    Attributes
    ----------
    data : Labelled
    n_at_start : int
        Number of samples that the present start was made from, 0 before the first.
    """

    data: Labelled
    n_at_start: int = 0

    def joined(self, estimator, data):
        """Return this with further data, the target's scale found from all labels."""
        samples = _joined_as_given(self.data.samples, data.samples)
        # One quantity may come as a column or not.
        shape = (len(data.labels), *self.data.labels.shape[1:])
        labels = np.concatenate([self.data.labels, data.labels.reshape(shape)])
        unlabeled = self.data.unlabeled
        if unlabeled is None:
            unlabeled = data.unlabeled
        elif data.unlabeled is not None:
            unlabeled = _joined_as_given(unlabeled, data.unlabeled)
        # `partial_fit` has no values here: only whether weights are routed.
        metadata = self.data.metadata or data.metadata
        both = Labelled(samples, labels, unlabeled, None, None, data.target, metadata)
        return EarlyLabelled(both.with_scale_of_labels(), self.n_at_start)

    @property
    def calls_for_start(self):
        """As `EarlyRows.calls_for_start`."""
        return self.data.n_samples >= min(max(2 * self.n_at_start, 1), FEWEST_ROWS)

    def after_start(self, network):
        """Return what to keep after a start from it, None if it is to last."""
        lacks = lacks_scale(getattr(network, "encoder", network))
        lacks = lacks or self.data.target.lacks_scale(self.data.labels)
        if self.data.n_samples >= FEWEST_ROWS and not lacks:
            return None
        unlabeled = self.data.unlabeled
        newest = _newest(self.data.samples)
        kept = self.data._replace(
            samples=self.data.samples.take(newest),
            labels=self.data.labels[newest],
            unlabeled=unlabeled and unlabeled.take(_newest(unlabeled)),
        )
        return EarlyLabelled(kept, kept.n_samples)


def _newest(samples):
    """Return the index of the last samples; taking an array copies the rows."""
    return np.arange(len(samples.X))[-FEWEST_ROWS:]


def _joined_as_given(samples, further):
    """Return the samples of two calls, those without weights with the weight 1."""
    X = np.concatenate([samples.X, further.X])
    return Samples(X, X, joined_weights(samples, further))


def check_labelled(
    estimator,
    X,
    y,
    *,
    X_unlabeled=None,
    X_val=None,
    y_val=None,
    sample_weight=None,
    classes=None,
    metadata=None,
    target=None,
):
    """Return the validated rows of a fit as `Labelled`.

    `metadata` are keyword arguments for the fit of an autoencoder, None without
    metadata routing. `target` is that of the fit that goes on; None begins anew.
    """
    if y is None:
        # scikit-learn's own error.
        validate_data(estimator, X, y)
    is_first = target is None
    X = check_rows_as_given(estimator, X, reset=is_first, encoder=estimator)
    check_consistent_length(X, y)
    weight = check_weights(sample_weight, X)
    with_label = has_label(estimator, y)
    everything = _present(X, weight)
    labeled = np.flatnonzero(with_label)
    # Samples of weight zero are dropped below, but their labels count as classes, as
    # in scikit-learn's classifiers.
    present = everything[labeled]
    _check_some_present(estimator, present)
    labels = estimator._validate_y(take_labels(y, labeled))
    samples = Samples(X, X, weight)
    if target is None:
        rows_weight = None if weight is None else weight[labeled]
        target = estimator._fit_target(labels, rows_weight, classes)
    target.check(labels)
    labels = labels[present]
    labeled, marked = labeled[present], np.flatnonzero(~with_label & everything)
    unlabeled = _unlabeled(estimator, samples.take(marked), X_unlabeled)
    if metadata is not None:
        metadata = check_metadata(estimator, metadata, X, labeled, marked, unlabeled)
    samples = samples.take(labeled)._replace(y=target.encode(labels))
    validation, validation_labels = _validation(estimator, X, X_val, y_val, target)
    return Labelled(
        samples, labels, unlabeled, validation, validation_labels, target, metadata
    )


def split_labelled(estimator, data, seed, *, may_split=True):
    """Return training and validation samples, and all to look at.

    Returns
    -------
    samples, validation : Samples
        With `class_weight`, and NaN where no value is to be looked at. `validation` is
        None where nothing is set apart.
    pool : Pool
        Training rows with and without labels, as they were given.
    """
    samples, labels, metadata = data.samples, data.labels, data.metadata
    validation, validation_labels = data.validation, data.validation_labels
    if validation is None and may_split and _splits(estimator, len(labels)):
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


def _check_some_present(estimator, present):
    if not present.any():
        raise ValueError(
            f"No row of y has a label: all are unlabeled_label="
            f"{estimator.unlabeled_label!r}, or of weight 0. Pass labelled rows."
        )


def _present(X, weight):
    """Whether a row counts: one of weight zero is a row that is not there."""
    return np.ones(len(X), dtype=bool) if weight is None else weight > 0


def _unlabeled(estimator, marked, X_unlabeled):
    """Return the rows without labels, marked in y and given, or None."""
    if X_unlabeled is None:
        return marked if len(marked.X) else None
    X = _more_rows(estimator, X_unlabeled, marked.X, "X_unlabeled")
    return _joined(marked, Samples(X, X))


def _validation(estimator, X, X_val, y_val, target):
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was passed without {missing}. Pass both.")
    if X_val is None:
        return None, None
    X_val = _more_rows(estimator, X_val, X, "X_val")
    check_consistent_length(X_val, y_val)
    X_val, y_val, _ = labelled_rows(estimator, X_val, y_val, name="y_val")
    labels = estimator._validate_y(y_val)
    return Samples(X_val, X_val, y=target.encode(labels, "y_val")), labels


def _more_rows(estimator, X, like, name):
    estimator._check_layout(X, name)
    return check_rows_like(estimator, X, like, name, same_length=False)


def _joined(samples, further):
    """Return the rows of both; rows without weights weigh the mean of the others."""
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


def _splits(estimator, n_labels):
    wanted = estimator.early_stopping
    fewest = estimator._fewest_labels_to_split
    return n_labels >= fewest if wanted == "auto" else wanted


def _split(estimator, labels, seed):
    """Return the index of the rows to train on and of those set apart."""
    n = len(labels)
    options = {
        "test_size": estimator.validation_fraction,
        "random_state": np.random.RandomState(seed),
    }
    if np.ceil(estimator.validation_fraction * n) >= n:
        raise ValueError(
            f"early_stopping={estimator.early_stopping!r} sets "
            f"validation_fraction={estimator.validation_fraction} of the labelled rows "
            f"apart, which leaves none to train on with n_samples={n} of them. Use "
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
