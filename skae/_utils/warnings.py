"""Warnings that point at the user's own line."""

import sys
import warnings

# Packages that stand between a user and a warning.
_PACKAGES = ("skae", "sklearn", "torch", "joblib", "contextlib")


def warn_caller(message, category):
    """Warn at the nearest line, up the stack, that is the user's own."""
    frame, level = sys._getframe(), 1
    while frame.f_back and _package(frame) in _PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    # Code that is run by `exec` may have no name.
    return frame.f_globals.get("__name__", "").split(".")[0]
