"""Shared docstrings (to be written)."""


def document(cls):
    return cls
