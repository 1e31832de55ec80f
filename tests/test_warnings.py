"""Warnings that point at the user's own line."""

import warnings

import pytest

from skae._utils.warnings import warn_caller


def test_the_line_is_the_callers():
    with pytest.warns(UserWarning, match="look here") as told:
        warn_caller("look here", UserWarning)
    assert told[0].filename == __file__


def test_code_without_a_name_is_a_caller():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        exec("warn('look here', UserWarning)", {"warn": warn_caller})
    assert [str(warning.message) for warning in told] == ["look here"]
