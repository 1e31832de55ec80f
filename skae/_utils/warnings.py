"""Warnings that point to the line of the user."""

import sys
import warnings

# Packages between the user's line and the warning.
_PACKAGES = ("skae", "sklearn", "torch", "joblib", "contextlib")


def warn_caller(message, category):
    """Warn at the nearest line up the stack that belongs to the user."""
    frame, level = sys._getframe(), 1
    while frame.f_back and _package(frame) in _PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    # Code run by `exec` may have no name.
    return frame.f_globals.get("__name__", "").split(".")[0]
