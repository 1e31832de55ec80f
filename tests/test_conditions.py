"""What stands for y: columns of labels or of numbers."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skae._estimators.variational.conditions import ConditionEncoder

LABELS = {
    "int": np.array([3, 1, 2, 1]),
    "str": np.array(["c", "a", "b", "a"]),
    "bool": np.array([True, False, True, False]),
    "whole numbers": np.array([3.0, 1.0, 2.0, 1.0]),
    "object of str": np.array(["c", "a", "b", "a"], dtype=object),
    "object of int": np.array([3, 1, 2, 1], dtype=object),
    "list": ["c", "a", "b", "a"],
    "one column": np.array([[3], [1], [2], [1]]),
    "Series": pd.Series(["c", "a", "b", "a"], index=[5, 6, 7, 8]),
    "categorical": pd.Series(["c", "a", "b", "a"], dtype="category"),
    "nullable": pd.Series([3, 1, 2, 1], dtype="Int64"),
    "intervals": pd.cut([3, 1, 2, 1], 3),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_have_a_column_each(y):
    conditions = ConditionEncoder(y)
    values = np.asarray(y).ravel()
    classes = np.unique(values)
    assert_array_equal(conditions.labels, classes)
    encoded = conditions.encode(y, 4, "y")
    assert_array_equal(encoded.sum(axis=1), 1)
    assert_array_equal(classes[encoded.argmax(axis=1)], values)


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_one_label_goes_for_all_rows(y):
    conditions = ConditionEncoder(y)
    label = conditions.labels[-1]
    if not np.isscalar(label):  # an interval
        label = np.array([label], dtype=object)
    last = np.eye(conditions.n_columns)[-1:]
    assert_array_equal(conditions.encode(label, 3, "y"), last.repeat(3, axis=0))


def test_several_columns_of_labels_of_different_types():
    y = pd.DataFrame({"digit": [3, 1, 3], "style": ["bold", "thin", "thin"]})
    conditions = ConditionEncoder(y)
    assert_array_equal(conditions.labels[0], [1, 3])
    assert_array_equal(conditions.labels[1], ["bold", "thin"])
    assert_array_equal(
        conditions.encode(y, 3, "y"), [[0, 1, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]]
    )
    one = np.array([3, "thin"], dtype=object)
    assert_array_equal(conditions.encode(one, 2, "y"), [[0, 1, 0, 1]] * 2)


def test_lists_keep_the_types_of_their_labels():
    conditions = ConditionEncoder([["bold", 3], ["thin", 1], ["thin", 3]])
    assert_array_equal(conditions.labels[0], ["bold", "thin"])
    assert_array_equal(conditions.labels[1], [1, 3])
    assert_array_equal(conditions.encode(["bold", 3], 2, "y"), [[1, 0, 0, 1]] * 2)
    assert_array_equal(conditions.encode(("bold", 3), 2, "y"), [[1, 0, 0, 1]] * 2)


@pytest.mark.parametrize(
    "scalar", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), Fraction(1, 2)]
)
def test_scalars_of_every_kind(scalar):
    assert_array_equal(
        ConditionEncoder([0.5, 2.5]).encode(scalar, 2, "y"), [[-1], [-1]]
    )


@pytest.mark.parametrize("dtype", [int, float, object])
def test_many_whole_numbers_may_be_no_labels(dtype):
    y = np.arange(100).astype(dtype)
    with pytest.warns(UserWarning, match=r"y has 100 .* in 100 rows.*as y / 10\.$"):
        ConditionEncoder(y)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.arange(20), None),  # few
        (np.arange(100) % 25 / 10, None),
        (np.arange(200) % 40, None),  # five rows each
        (np.arange(100).astype(str), None),
        (np.arange(100), np.arange(100)),  # on purpose
    ],
)
def test_other_targets_are_taken_without_a_word(y, classes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConditionEncoder(y, classes)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_numbers_are_standardised(n_outputs):
    y = np.random.RandomState(0).normal(5, 3, size=(50, n_outputs))
    conditions = ConditionEncoder(y)
    assert conditions.labels is None
    encoded = conditions.encode(y, 50, "y")
    assert_allclose(encoded.mean(axis=0), 0, atol=1e-12)
    assert_allclose(encoded.std(axis=0), 1)
    assert_allclose(conditions.encode(y[0], 50, "y"), encoded[:1].repeat(50, axis=0))


def test_indicators_are_numbers():
    y = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0]])
    conditions = ConditionEncoder(y)
    assert conditions.labels is None
    assert conditions.n_columns == 3


def test_a_number_that_never_changes_is_no_condition():
    assert_array_equal(
        ConditionEncoder(np.full(4, 0.5)).encode(0.5, 2, "y"), [[0], [0]]
    )


@pytest.mark.parametrize("y", [[3, 1, 2, 1], [0.5, 1.5, 2.5, 1.5]])
def test_weights_are_repetitions(y):
    weighted = ConditionEncoder(np.array(y), weight=np.array([2.0, 1.0, 0.0, 1.0]))
    repeated = ConditionEncoder(np.array([y[0], y[0], y[1], y[3]]))
    assert_array_equal(weighted.labels, repeated.labels)
    assert_allclose(weighted.support, repeated.support)
    assert_allclose(weighted.shares, repeated.shares)
    assert_allclose(weighted.encode(y[3], 4, "y"), repeated.encode(y[3], 4, "y"))


def test_rows_of_weight_zero_may_have_any_label():
    conditions = ConditionEncoder(np.array(["a", "b"]))
    encoded = conditions.encode_each(["b", "x", "a"], 3, "y", np.array([2.0, 0, 1]))
    assert_array_equal(encoded, [[0, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize("y", [["a"], ["a", "b"], "a"])
def test_of_each_row_there_is_one_target(y):
    conditions = ConditionEncoder(np.array(["a", "b"]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        conditions.encode_each(y, 3, "y")


def test_support_holds_the_classes_and_their_shares():
    conditions = ConditionEncoder(np.array(["b", "a", "b", "b"]))
    assert_array_equal(conditions.support, [[1, 0], [0, 1]])
    assert_allclose(conditions.shares, [0.25, 0.75])


def test_support_of_numbers_has_their_moments():
    y = np.random.RandomState(0).normal(3, 2, size=5000)
    conditions = ConditionEncoder(y)
    assert len(conditions.support) == len(conditions.shares) == 32
    assert_allclose(conditions.shares.sum(), 1)
    assert_allclose(conditions.shares @ conditions.support, 0, atol=0.02)
    assert_allclose(conditions.shares @ conditions.support**2, 1, atol=0.1)


def test_given_classes_may_be_more_than_those_seen():
    conditions = ConditionEncoder(np.array([1, 2]), classes=[3, 1, 2])
    assert_array_equal(conditions.labels, [1, 2, 3])
    assert_array_equal(conditions.encode(3, 1, "y"), [[0, 0, 1]])
    conditions.check_same_classes([1, 2, 3])
    with pytest.raises(ValueError, match="not those of the first call"):
        conditions.check_same_classes([1, 2])
    two = ConditionEncoder(np.array([[1, 5], [2, 7]]), classes=[[1, 2], [5, 6, 7]])
    assert two.n_columns == 5
    with pytest.raises(ValueError, match="a list of 2 arrays"):
        ConditionEncoder(np.array([[1, 5], [2, 7]]), classes=[[1, 2]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", 1], dtype=object), "labels of one type. Got int and str"),
        (["a", 1], "labels of one type. Got int and str"),
        (["a", None], "Input y contains None"),
        ([1.0, np.nan], "Input y contains NaN"),
        (np.array(["a", np.nan], dtype=object), "contains NaN"),
        (pd.DataFrame({"a": [1.5, 2], "b": ["x", "y"]}), "numbers, but it has both"),
        (np.zeros((2, 2, 2)), "dim 3"),
        ([], "0 sample"),
    ],
)
def test_what_is_no_target(y, message):
    with pytest.raises(ValueError, match=message):
        ConditionEncoder(y)


@pytest.mark.parametrize(
    ("fitted", "y", "message"),
    [
        ([1, 2], 3, r"not in fit: 3. It had 1, 2. If y is a quantity, .* y / 10\.$"),
        (["a", "b"], "c", r"had not in fit: 'c'. It had 'a', 'b'\.$"),
        ([1, 2], "2", "labels that y had not in fit: '2'"),
        (["a", "b"], [["a", "b"]], r"with 1 column.*Got shape \(1, 2\)"),
        ([1, 2], [1, 2], r"each of 3 rows, with 1 column.*Got shape \(2,\)"),
        ([0.5, 2], np.nan, "Input y contains NaN"),
        ([0.5, 2], "a", "could not convert string to float"),
        (np.arange(30) % 20, 30, r"0, 1, .* 11, \.\.\.\. If"),
    ],
)
def test_targets_that_do_not_go_with_those_of_fit(fitted, y, message):
    with pytest.raises(ValueError, match=message):
        ConditionEncoder(np.array(fitted)).encode(y, 3, "y")
