"""What classifiers and regressors on an encoder do with the network's outputs."""

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from skae._estimators.supervised.targets import (
    ClassificationObjective,
    ClassTarget,
    QuantityTarget,
    RegressionObjective,
)
from skae._estimators.supervised.unlabeled import (
    check_classes_have_no_mark,
    labeled_samples,
)
from skae._parameters.methods import fill_methods
from skae._parameters.shared import solver_is_stochastic
from skae._utils.sklearn_compat import fit_context
from skae._utils.warnings import warn_caller


@fill_methods
class ClassifierOutputs(ClassifierMixin):
    """Outputs as logits of classes."""

    # A tenth of fewer labels cannot tell epochs apart, and is missed in training:
    # digits .987 without and .984 with a split, isolet .959 and .951 (measured).
    _fewest_labels_to_split = 2000

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, *, classes=None, sample_weight=None):
        """Take one epoch over X and y at the initial learning rate.

        The first call fixes the classes.
        {predictor_partial_fit}

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls; required in the first call.
        {batch_weight}

        Returns
        -------
        {partial_fit_returns}
        """
        first = not hasattr(self, "network_")
        if classes is not None:
            check_classes_have_no_mark(classes, self.unlabeled_label)
        if first and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "that this and later calls may have."
            )
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs the labels of all rows, which "
                "partial_fit does not have. Pass a dictionary, or sample_weight."
            )
        if not first and classes is not None:
            self._check_same_classes(classes)
        return self._fit_one_epoch(X, y, classes=classes, sample_weight=sample_weight)

    def predict(self, X):
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Of `classes_`.
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, more than 0.
        """
        probabilities = softmax(self._outputs(X), axis=1)
        # So that their logarithms, and a log loss, are finite as they are in exact
        # arithmetic.
        return probabilities.clip(min=np.finfo(probabilities.dtype).tiny)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        logarithms = log_softmax(self._outputs(X), axis=1)
        # Those of `predict_proba`, but for its rounding.
        return logarithms.clip(min=np.log(np.finfo(logarithms.dtype).tiny))

    def score(self, X, y, sample_weight=None):
        """Return the accuracy on the rows of X that have a label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,)
            Labels; rows that hold `unlabeled_label` do not count.
        {batch_weight}

        Returns
        -------
        score : float
            Share of the rows whose label is predicted.
        """
        return super().score(*labeled_samples(self, X, y, sample_weight))

    def _check_same_classes(self, classes):
        given = np.unique(np.asarray(classes))
        if not np.array_equal(given, self.classes_):
            raise ValueError(
                f"classes={given.tolist()} are not those of the first call, "
                f"{self.classes_.tolist()}. Leave classes out."
            )

    def _make_objective(self, criterion, corruption):
        return ClassificationObjective()

    def _validate_y(self, y):
        return ClassTarget.validate(self, y)

    def _fit_target(self, y, weight, classes):
        target = ClassTarget.fit(y, classes)
        if classes is None and self.unlabeled_label is None:
            _warn_of_minus_one(target.classes)
        return target

    def _target_attributes(self, target):
        return {"classes_": target.classes}

    def _strata(self, labels, fraction):
        """Return what a split is to keep the shares of, None where it cannot."""
        _, counts = np.unique(labels, return_counts=True)
        n_held_out = int(np.ceil(fraction * len(labels)))
        n_kept = len(labels) - n_held_out
        splits = min(counts) >= 2 and len(counts) <= min(n_held_out, n_kept)
        return labels if splits else None


@fill_methods
class RegressorOutputs(RegressorMixin):
    """Outputs as standardized quantities."""

    # Noise in quantities is fitted soon: diabetes, R squared .26 without and .42 with a
    # split of 309 rows (measured).
    _fewest_labels_to_split = 100

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, *, sample_weight=None):
        """Take one epoch over X and y at the initial learning rate.

        {predictor_partial_fit}
        This holds for the units of y as well.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Quantities.
        {batch_weight}

        Returns
        -------
        {partial_fit_returns}
        """
        return self._fit_one_epoch(X, y, sample_weight=sample_weight)

    def predict(self, X):
        """Return the predicted quantities of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units, and with the dimensions, of the y of the fit; float64.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    def score(self, X, y, sample_weight=None):
        """Return R squared on the rows of X that have a target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Quantities; rows that hold `unlabeled_label` do not count.
        {batch_weight}

        Returns
        -------
        score : float
            Mean of the targets' shares of variance that are explained.
        """
        return super().score(*labeled_samples(self, X, y, sample_weight))

    def _make_objective(self, criterion, corruption):
        return RegressionObjective(self.loss)

    def _validate_y(self, y):
        return QuantityTarget.validate(self, y)

    def _fit_target(self, y, weight, classes):
        return QuantityTarget.fit(y, weight)

    def _target_attributes(self, target):
        return {}

    def _strata(self, labels, fraction):
        return None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _warn_of_minus_one(classes):
    """Warn of -1 among labels that are otherwise not negative.

    scikit-learn's semi-supervised estimators take it for no label. Labels -1 and 1
    alone are a common pair of classes.
    """
    if classes.dtype.kind not in "if" or len(classes) < 3:
        return
    if classes[0] == -1 and classes[1] >= 0:
        warn_caller(
            f"y has the label -1 beside {len(classes) - 1} that are not negative, and "
            "-1 is learned as a class of its own. If it marks samples without a label, "
            "as in scikit-learn's semi-supervised estimators, pass unlabeled_label=-1.",
            UserWarning,
        )
