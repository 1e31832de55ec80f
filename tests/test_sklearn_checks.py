"""scikit-learn's own checks, of every public estimator in many parametrisations.

The whole suite runs over the defaults of each class and two instances that differ most
from them (`representatives`), the checks of numbers over all the others.
"""

import pytest
from instances import (
    CLASSES,
    PREDICTORS,
    make_instances,
    make_predictors,
    quick,
    representatives,
)
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
# Those whose outcome depends on more than a class's signature and validation, but for
# the checks of pickles and dtypes, of which tests/checks.py has stricter ones.
OF_NUMBERS = {
    WEIGHTS,
    "check_classifiers_train",
    "check_estimators_dtypes",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_non_transformer_estimators_n_iter",
    "check_regressors_train",
    "check_transformer_general",
    "check_transformer_n_iter",
}


def is_noisy(estimator):
    """Whether rows meet random draws in a fit to the rows of the check of weights.

    A row of weight two meets one draw, the same row twice meets two.
    """
    if estimator.dropout > 0 and getattr(estimator, "n_layers", 2) > 1:
        noisy = True  # recurrent layers have it between them alone
    elif hasattr(estimator, "contraction_weight"):
        # Of a deep encoder with many codes the penalty is estimated, otherwise exact.
        is_deep, few = bool(estimator.hidden_layer_sizes), estimator.n_components
        noisy = estimator.contraction_weight > 0 and is_deep and not few
    elif hasattr(estimator, "sample"):
        noisy = True
    elif hasattr(estimator, "pretraining"):
        noisy = estimator.pretraining not in (None, False)
    else:
        noisy = getattr(estimator, "corruption", None) is not None
    return noisy and is_trained(estimator)


def is_trained(estimator):
    """Whether so few rows are trained on, rather than fitted in closed form."""
    if getattr(estimator, "linear_path", None) is None:
        return True
    return estimator.early_stopping is False and estimator.hidden_layer_sizes != ()


def expected_failures(estimator):
    failures = {}
    if is_noisy(estimator):
        failures[WEIGHTS] = (
            "a row of weight two and the same row twice meet other noise"
        )
    if getattr(estimator, "hidden_layer_sizes", None) == () and not is_trained(
        estimator
    ):
        failures["check_transformer_n_iter"] = "a closed form takes no epoch"
    return failures


def needs_unit_interval(estimator):
    """Whether X must lie in [0, 1], as the data of scikit-learn's checks do not."""
    is_bernoulli = getattr(estimator, "likelihood", None) == "bernoulli"
    links = getattr(estimator, "loss", None), getattr(estimator, "out_activation", None)
    return is_bernoulli or "log_loss" in links or "logistic" in links


def name_of(check):
    name = check.func.__name__
    return name + "(readonly_memmap=True)" if check.keywords else name


def checks_of(estimator, only=None, failures=None):
    """Yield an estimator's checks as parameters of a test, all or those named."""
    for case in estimator_checks_generator(
        estimator, expected_failed_checks=failures, mark="xfail", xfail_strict=True
    ):
        marks = getattr(case, "marks", ())
        instance, check = getattr(case, "values", case)
        if only is None or name_of(check) in only:
            description = " ".join(repr(instance).split())
            name = f"{description}-{name_of(check)}"
            yield pytest.param(instance, check, marks=marks, id=name)


def suite():
    estimators = [
        e.set_params(random_state=None) for e in make_instances() + make_predictors()
    ]
    whole = representatives(estimators)
    for estimator in estimators:
        failures = expected_failures(estimator)
        if needs_unit_interval(estimator):
            scaled = make_pipeline(MinMaxScaler(clip=True), seeded(estimator))
            # Through a pipeline go no weights; the X of their check is in [0, 1].
            yield from checks_of(scaled, OF_NUMBERS - {WEIGHTS})
            yield from checks_of(estimator, {WEIGHTS}, failures)
        else:
            only = None if estimator in whole else OF_NUMBERS
            yield from checks_of(estimator, only, failures)


def seeded(estimator):
    """Return a clone with a seed, which the checks do not set inside a pipeline."""
    return clone(estimator).set_params(random_state=0)


@pytest.mark.parametrize(("estimator", "check"), list(suite()))
def test_scikit_learn_checks(estimator, check):
    if name_of(check) == WEIGHTS:
        # So that rounding, which is another, does not decide: not in float32, and not
        # through the choice of the largest codes after many epochs.
        max_iter = min(estimator.max_iter, 5)
        estimator = clone(estimator).set_params(precision="float64", max_iter=max_iter)
    check(estimator)


# Checks that the suite above leaves out.
_FURTHER_CHECKS = [
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_dataframe_column_names_consistency",
    "check_param_validation",
    "check_inplace_ensure_writeable",
]


@pytest.mark.parametrize("check", _FURTHER_CHECKS)
@pytest.mark.parametrize("cls", CLASSES + PREDICTORS)
def test_further_scikit_learn_checks(cls, check):
    getattr(estimator_checks, check)(cls.__name__, quick(cls))
