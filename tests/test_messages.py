"""What bad input and bad parameters are answered with."""

import inspect

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from instances import CLASSES, skip_without, validation
from instances import given as told
from sklearn.exceptions import NotFittedError

pytestmark = pytest.mark.parametrize("cls", CLASSES)

ROWS = np.random.RandomState(0).uniform(size=(20, 5))
LABELS = np.arange(20) % 2


def fitted(cls, **parameters):
    return cls(**{"n_components": 2, **parameters}).fit(ROWS, LABELS)


@pytest.mark.parametrize(
    "method",
    ["transform", "inverse_transform", "reconstruct", "score", "score_samples"],
)
def test_before_fit(cls, method):
    message = (
        f"This {cls.__name__} instance is not fitted yet. Call 'fit' with appropriate "
        "arguments before using this estimator."
    )
    with pytest.raises(NotFittedError) as error:
        getattr(cls(), method)(ROWS)
    assert str(error.value) == message
    with pytest.raises(NotFittedError):
        cls().get_feature_names_out()
    with pytest.raises(NotFittedError):
        cls().summary()


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score"])
def test_another_number_of_columns(cls, method):
    message = f"X has 3 features, but {cls.__name__} is expecting 5 features as input."
    with pytest.raises(ValueError) as error:
        getattr(fitted(cls), method)(ROWS[:, :3])
    assert str(error.value) == message


def test_codes_that_are_not_numbers(cls):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        fitted(cls).inverse_transform(np.full((3, 2), np.nan), **told(cls(), 1))


def test_another_number_of_codes(cls):
    with pytest.raises(ValueError, match=r"X has 5 features, but .* n_components_=2"):
        fitted(cls).inverse_transform(ROWS, **told(cls(), 1))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (ROWS[0], ValueError, "Expected 2D array, got 1D array instead"),
        (ROWS[None], ValueError, "Found array with dim 3, while dim <= 2 is required"),
        (ROWS * np.nan, ValueError, "Input X contains NaN."),
        (ROWS * np.inf, ValueError, "Input X contains infinity or a value too large"),
        (ROWS * 1j, ValueError, "Complex data not supported"),
        (ROWS[:0], ValueError, r"Found array with 0 sample\(s\) \(shape=\(0, 5\)\)"),
        (
            ROWS[:, :0],
            ValueError,
            r"0 feature\(s\) \(shape=\(20, 0\)\) while",
        ),
        (ROWS.astype(str).astype(object) + "a", ValueError, "could not convert string"),
        (
            scipy.sparse.csr_array(ROWS),
            TypeError,
            "Sparse data was passed for X, but dense data is required",
        ),
    ],
)
def test_bad_rows(cls, X, error, message):
    for call in (cls(2).fit, cls(2).fit_transform, cls(2).partial_fit):
        with pytest.raises(error, match=message):
            call(X, LABELS)


def test_a_refused_fit_loses_nothing(cls):
    estimator = fitted(cls)
    codes = estimator.transform(ROWS)
    narrower = ROWS[:, :2]
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit(narrower * np.nan, LABELS)
    with pytest.raises(ValueError, match="inconsistent numbers|sample_weight"):
        estimator.fit(narrower, LABELS, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="max_iter"):
        estimator.set_params(max_iter=0).fit(narrower, LABELS)
    np.testing.assert_array_equal(estimator.transform(ROWS), codes)


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("n_components", 0, "an int in the range [1, inf)"),
        ("n_components", 1.5, "an int in the range [1, inf)"),
        ("hidden_layer_sizes", "wide", "a str among {'auto'}"),
        ("activation", "swish", "a str among {"),
        ("loss", "mse", "'squared_error'"),
        ("linear_path", "ica", "or None"),
        ("dropout", 1.0, "a float in the range [0.0, 1.0)"),
        ("max_norm", 0.0, "a float in the range (0.0, inf)"),
        ("alpha", -1.0, "a float in the range [0.0, inf)"),
        ("l1_ratio", 2.0, "a float in the range [0.0, 1.0]"),
        ("solver", "newton", "'lbfgs'"),
        ("learning_rate_init", 0.0, "a float in the range (0.0, inf)"),
        ("learning_rate", "warm", "'cosine'"),
        ("batch_size", 0, "an int in the range [1, inf)"),
        ("max_iter", 0, "an int in the range [1, inf)"),
        ("tol", -1.0, "a float in the range [0.0, inf)"),
        ("validation_fraction", 1.0, "a float in the range (0.0, 1.0)"),
        ("early_stopping", "yes", "a str among {"),
        ("precision", "float16", "'bfloat16'"),
        ("n_threads", 0, "an int in the range [1, inf)"),
        ("random_state", "zero", "an instance of 'numpy.random"),
    ],
)
def test_parameter_out_of_range(cls, parameter, value, allowed):
    skip_without(cls, parameter)
    with pytest.raises(ValueError) as error:
        cls(**{parameter: value}).fit(ROWS, LABELS)
    message = str(error.value)
    assert message.startswith(f"The '{parameter}' parameter of {cls.__name__} must be")
    assert allowed in message
    assert message.endswith(f"Got {value!r} instead.")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (8, 0)}, "'hidden_layer_sizes' .* at least 1"),
        ({"hidden_layer_sizes": (8, (5,))}, "'hidden_layer_sizes' .* at least 1"),
        ({"device": "abacus"}, "'device' parameter must be .* Got 'abacus'"),
        ({"device": "cuda:99"}, "not available here. Use device='auto'"),
        (
            {"loss": "poisson", "out_activation": "tanh"},
            "'out_activation' parameter must be 'auto' with loss='poisson'",
        ),
        ({"activation": "maxout", "tied_weights": True}, "Use tied_weights=False"),
    ],
)
def test_what_cannot_be_built(cls, parameters, message):
    skip_without(cls, *parameters)
    with pytest.raises(ValueError, match=message):
        cls(2, **parameters).fit(ROWS, LABELS)


_NOT_IN_UNIT_INTERVAL = r"X must lie in \[0, 1\]"


def test_more_components_than_the_data_have(cls):
    skip_without(cls, "linear_path")
    with pytest.warns(UserWarning, match="more than min.*linear_path=None"):
        cls(7).fit(ROWS)


@pytest.mark.parametrize(
    ("parameter", "value", "X", "message"),
    [
        ("loss", "log_loss", ROWS * 2, _NOT_IN_UNIT_INTERVAL),
        ("loss", "log_loss", ROWS - 1, "Negative values in data"),
        ("loss", "poisson", ROWS - 1, "Negative values in data"),
        ("loss", "kullback_leibler", ROWS - 1, "Negative values in data"),
        ("likelihood", "bernoulli", ROWS * 2, _NOT_IN_UNIT_INTERVAL),
        ("likelihood", "bernoulli", ROWS - 1, "Negative values in data"),
        ("likelihood", "poisson", ROWS - 1, "Negative values in data"),
        ("likelihood", "negative_binomial", ROWS - 1, "Negative values in data"),
    ],
)
def test_data_outside_the_domain(cls, parameter, value, X, message):
    skip_without(cls, parameter)
    message += rf".* with {parameter}='{value}'\. .*hoose another {parameter}\.$"
    with pytest.raises(ValueError, match=message):
        cls(2, **{parameter: value}).fit(X, LABELS)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("loss", "log_loss"),
        ("loss", "poisson"),
        ("likelihood", "bernoulli"),
        ("likelihood", "poisson"),
    ],
)
def test_new_rows_outside_the_domain_are_taken_as_its_border(cls, parameter, value):
    skip_without(cls, parameter)
    estimator = fitted(cls, **{parameter: value})
    outside = ROWS.copy()
    outside[:, 0] = -0.1
    np.testing.assert_array_equal(
        estimator.transform(outside), estimator.transform(outside.clip(0))
    )


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(20), "Sample weights must contain at least one non-zero number."),
        (np.ones(3), r"sample_weight.shape == \(3,\), expected \(20,\)!"),
        (np.ones((20, 2)), "Sample weights must be 1D array or scalar, got 2D array"),
        (-np.ones(20), "Negative values in data"),
    ],
)
def test_bad_weights(cls, weight, message):
    with pytest.raises(ValueError, match=message):
        cls(2).fit(ROWS, LABELS, sample_weight=weight)


def test_validation_rows_of_another_width(cls):
    with pytest.raises(ValueError, match=r"X_val must have shape \(n_rows, 5\)"):
        cls(2).fit(ROWS, LABELS, **validation(cls(), ROWS[:, :3], LABELS))
    with pytest.raises(ValueError, match="Input X_val contains NaN"):
        cls(2).fit(ROWS, LABELS, **validation(cls(), ROWS * np.nan, LABELS))


def test_partial_fit_refuses_what_needs_all_the_data(cls):
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        cls(early_stopping=True).partial_fit(ROWS, LABELS)
    for n_components in (0.5, "mle"):
        with pytest.raises(ValueError, match="n_components.* an int .*or None"):
            cls(n_components).partial_fit(ROWS, LABELS)
    assert not hasattr(cls(solver="lbfgs"), "partial_fit")


def test_a_split_that_leaves_no_row(cls):
    with pytest.raises(ValueError, match="leaves none to train on with n_samples=1"):
        cls(1, early_stopping=True).fit(ROWS[:1], LABELS[:1])


finite = st.floats(-1e6, 1e6, width=32)
tables = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=finite,
)


@settings(max_examples=25, deadline=None)
@given(X=tables, data=st.data())
@pytest.mark.filterwarnings("ignore:n_components")
def test_any_finite_table_gives_finite_results(cls, X, data):
    parameters = data.draw(
        st.fixed_dictionaries(
            {
                "n_components": st.integers(1, 14),
                "linear_path": st.sampled_from(["default", None]),
                "early_stopping": st.booleans() if len(X) > 1 else st.just(False),
                "whiten": st.booleans(),
                "batch_norm": st.booleans(),
                "hidden_layer_sizes": st.just((4,)),
            }
        )
    )
    if parameters["linear_path"] == "default":
        parameters["linear_path"] = getattr(cls(), "linear_path", None)
    known = inspect.signature(cls).parameters
    parameters = {name: parameters[name] for name in parameters if name in known}
    estimator = cls(**parameters, max_iter=2, random_state=0)
    y = np.arange(len(X)) % 2
    codes = estimator.fit_transform(X, y)
    assert codes.shape == (len(X), parameters["n_components"])
    restored = estimator.inverse_transform(codes, **told(estimator, y))
    for result in (codes, restored, estimator.score(X, y)):
        assert np.all(np.isfinite(result))
