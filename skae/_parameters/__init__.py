"""Constraint, default rule and docstring of each constructor parameter."""
