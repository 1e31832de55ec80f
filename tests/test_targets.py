"""y as columns of numbers, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal

from skae._estimators.supervised.targets import ClassTarget, QuantityTarget

labels = st.one_of(
    st.lists(st.integers(-5, 5), min_size=1),
    st.lists(st.sampled_from("abc"), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.sampled_from([-1.5, 0.0, 2.5]), min_size=1),
)


@given(labels)
def test_labels_go_to_columns_and_back(values):
    y = np.array(values)
    target = ClassTarget.fit(y)
    columns = target.encode(y)
    assert_array_equal(columns.sum(axis=1), 1)
    assert_array_equal(target.classes[columns.argmax(axis=1)], y)
    assert target.score(columns, columns, None) == 1


def test_a_label_that_is_no_class():
    target = ClassTarget.fit(np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"y_val contains labels .* \['c'\]"):
        target.encode(np.array(["a", "c"]), "y_val")
    with pytest.raises(ValueError, match="not among the 2 classes"):
        ClassTarget.fit(np.array([1, 2, 3]), classes=[1, 2])


def test_the_score_of_labels_counts_weights():
    target = ClassTarget.fit(np.array([0, 1]))
    columns = target.encode(np.array([0, 1]))
    always_first = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert target.score(always_first, columns, np.array([3.0, 1.0])) == 0.75


values = st.floats(-1e6, 1e6)


@given(arrays(float, array_shapes(min_dims=1, max_dims=2, max_side=8), elements=values))
def test_quantities_go_to_columns_and_back(y):
    target = QuantityTarget.fit(y)
    assert_allclose(target.decode(target.encode(y)), y, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_columns_are_standardised_in_any_unit(unit):
    y = np.random.RandomState(0).normal(3.0, 2.0, size=(50, 2)) * unit
    columns = QuantityTarget.fit(y).encode(y)
    assert_allclose(columns.mean(axis=0), 0, atol=1e-12)
    assert_allclose(columns.std(axis=0), 1)


def test_weights_count_as_repetitions():
    y, weight = np.array([0.0, 1.0, 5.0]), np.array([1, 2, 3])
    weighted = QuantityTarget.fit(y, weight.astype(float))
    repeated = QuantityTarget.fit(np.repeat(y, weight))
    assert_allclose(weighted.mean, repeated.mean)
    assert_allclose(weighted.scale, repeated.scale)


def test_a_constant_quantity():
    y = np.full(4, 0.1)
    target = QuantityTarget.fit(y)
    assert_array_equal(target.encode(y), np.zeros((4, 1)))


def test_another_number_of_columns():
    target = QuantityTarget.fit(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="y has 1 columns, but .* 2"):
        target.encode(np.zeros(3))
