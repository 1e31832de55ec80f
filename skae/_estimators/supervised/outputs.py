"""Mixins of classifiers and regressors: predictions from the network's outputs."""

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
    """Mixin for classifiers, whose network outputs are logits of classes."""

    # A tenth of fewer labels is too small a validation set, and training lacks them:
    # the accuracy without and with a split is .987 and .984 on digits, .959 and .951
    # on isolet.
    _fewest_labels_to_split = 2000

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, *, classes=None, sample_weight=None):
        """Train for one epoch on X and y at the initial learning rate.

        The first call defines the classes.
        {predictor_partial_fit}

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All classes that occur in any call; required in the first call.
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
                "classes must be passed on the first call to partial_fit. Pass all "
                "classes that occur in this and later calls."
            )
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' requires the labels of all samples, which "
                "partial_fit does not have. Pass a dictionary, or sample_weight."
            )
        if not first and classes is not None:
            self._check_same_classes(classes)
        return self._fit_one_epoch(X, y, classes=classes, sample_weight=sample_weight)

    def predict(self, X):
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted classes, which are elements of `classes_`.
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the probability of each class for each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Positive probabilities in the order of `classes_`.
        """
        probabilities = softmax(self._outputs(X), axis=1)
        # Positive, so that their logarithms and a log loss are finite, as in exact
        # arithmetic.
        return probabilities.clip(min=np.finfo(probabilities.dtype).tiny)

    def predict_log_proba(self, X):
        """Return the log probability of each class for each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Log probabilities in the order of `classes_`.
        """
        logarithms = log_softmax(self._outputs(X), axis=1)
        # The lower bound is that of `predict_proba`.
        return logarithms.clip(min=np.log(np.finfo(logarithms.dtype).tiny))

    def score(self, X, y, sample_weight=None):
        """Return the accuracy on the labeled samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,)
            Class labels. Samples marked by `unlabeled_label` are ignored.
        {batch_weight}

        Returns
        -------
        score : float
            Accuracy of ``predict(X)``.
        """
        return super().score(*labeled_samples(self, X, y, sample_weight))

    def _check_same_classes(self, classes):
        given = np.unique(np.asarray(classes))
        if not np.array_equal(given, self.classes_):
            raise ValueError(
                f"classes={given.tolist()} are not those of the first call, "
                f"{self.classes_.tolist()}. Omit classes."
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
        """Return the labels for a stratified split, or None if it is not possible."""
        _, counts = np.unique(labels, return_counts=True)
        n_held_out = int(np.ceil(fraction * len(labels)))
        n_kept = len(labels) - n_held_out
        splits = min(counts) >= 2 and len(counts) <= min(n_held_out, n_kept)
        return labels if splits else None


@fill_methods
class RegressorOutputs(RegressorMixin):
    """Mixin for regressors, whose network outputs are standardized targets."""

    # Networks overfit noisy targets early: with 309 samples of diabetes, R squared is
    # .26 without and .42 with a split.
    _fewest_labels_to_split = 100

    @available_if(solver_is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, *, sample_weight=None):
        """Train for one epoch on X and y at the initial learning rate.

        {predictor_partial_fit}
        The same applies to the mean and scale of y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        {batch_weight}

        Returns
        -------
        {partial_fit_returns}
        """
        return self._fit_one_epoch(X, y, sample_weight=sample_weight)

    def predict(self, X):
        """Return the predicted targets of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted targets in float64, with the units and dimensions of the y in
            fit.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    def score(self, X, y, sample_weight=None):
        """Return R squared on the labeled samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. Samples marked by `unlabeled_label` are ignored.
        {batch_weight}

        Returns
        -------
        score : float
            R squared of ``predict(X)``, averaged over the targets.
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
    """Warn about the label -1 if all other labels are non-negative.

    In scikit-learn's semi-supervised estimators, -1 marks unlabeled samples. There is
    no warning for the common classes -1 and 1.
    """
    if classes.dtype.kind not in "if" or len(classes) < 3:
        return
    if classes[0] == -1 and classes[1] >= 0:
        warn_caller(
            f"y contains the label -1 and {len(classes) - 1} non-negative labels, and "
            "-1 is learned as a class. If it marks unlabeled samples, as in "
            "scikit-learn's semi-supervised estimators, pass unlabeled_label=-1.",
            UserWarning,
        )
