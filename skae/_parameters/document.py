"""Constraints and docstrings of an estimator, from one table of its parameters."""

import inspect
import numbers
import textwrap
from typing import NamedTuple

import torch

from skae._utils.docstrings import fill
from skae._utils.sklearn_compat import Interval, StrOptions


class Parameter(NamedTuple):
    """What a constructor parameter may be, and what its documentation says.

    Attributes
    ----------
    constraint : list or str
        As in ``_parameter_constraints`` of scikit-learn.
    text : str
    type : str or None
        None derives it from the constraint.
    """

    constraint: list | str
    text: str
    type: str | None = None


_TYPES = {
    None: "None",
    callable: "callable",
    dict: "dict",
    str: "str",
    "boolean": "bool",
    "verbose": "bool",
    "random_state": "int, RandomState instance or None",
    torch.device: "torch.device",
}


def constraints(parameters):
    """Return the constraints of a table of parameters, by name."""
    return {name: parameter.constraint for name, parameter in parameters.items()}


def document(parameters, *attributes, **own):
    """Decorate a class with its parameters' constraints and complete docstring.

    The parameters are those of its ``__init__``, in that order and with the defaults
    found there. They fill ``{parameters}`` in the docstring of the class, and the
    attributes ``{attributes}``.

    Parameters
    ----------
    parameters : dict of Parameter
        By name; may have more than the class has.
    *attributes : str
        Sections of entries, of which the first with a name is taken. Attributes that
        belong to a parameter are omitted in a class without it.
    **own : Parameter or str
        Parameters of this class alone, or texts that replace those in `parameters`.
    """
    table = dict(parameters)
    for name, entry in own.items():
        is_text = isinstance(entry, str)
        table[name] = table[name]._replace(text=entry) if is_text else entry
    entries = {}
    for section in attributes:
        entries = entries | {
            name: text
            for name, text in _entries(section).items()
            if name not in entries
        }

    def decorate(cls):
        signature = inspect.signature(cls).parameters
        cls._parameter_constraints = constraints({n: table[n] for n in signature})
        if cls.__doc__:  # None under `python -OO`
            rows = [_entry(table[name], p) for name, p in signature.items()]
            kept = [
                text
                for name, text in entries.items()
                if _PARAMETER_OF.get(name, "self") in {"self", *signature}
            ]
            cls.__doc__ = fill(
                cls.__doc__,
                {"parameters": "\n".join(rows), "attributes": "\n".join(kept)},
            )
        return cls

    return decorate


# Attributes that only classes with a certain parameter have.
_PARAMETER_OF = {
    "components_": "linear_path",
    "hidden_layer_sizes_": "hidden_layer_sizes",
    "n_init_": "n_init",
    "start_losses_": "n_init",
}


def _entries(section):
    """Return the entries of a section by what precedes their colon."""
    entries, name = {}, None
    for line in textwrap.dedent(section).strip().splitlines():
        if not line.startswith(" "):
            name = line.partition(" :")[0]
        entries[name] = f"{entries[name]}\n{line}" if name in entries else line
    return entries


def _entry(parameter, signature):
    body = textwrap.indent(textwrap.dedent(parameter.text).strip(), "    ")
    default = signature.default
    type_ = parameter.type or _type(parameter.constraint, default)
    return f"{signature.name} : {type_}, default={default!r}\n{body}"


def _type(constraint, default):
    """Return in words what a constraint allows, the default option first."""
    types = [_type_of_one(allowed, default) for allowed in constraint]
    return " or ".join(filter(None, [", ".join(types[:-1]), types[-1]]))


def _type_of_one(allowed, default):
    if isinstance(allowed, StrOptions):
        options = sorted(
            allowed.options, key=lambda option: (option != default, option)
        )
        names = ", ".join(map(repr, options))
        return names if len(options) == 1 else f"{{{names}}}"
    if not isinstance(allowed, Interval):
        return _TYPES[allowed]
    if issubclass(allowed.type, numbers.Integral):
        return "int"
    if None in (allowed.left, allowed.right):
        return "float"
    left = "[" if allowed.closed in ("left", "both") else "("
    right = "]" if allowed.closed in ("right", "both") else ")"
    return f"float in {left}{allowed.left}, {allowed.right}{right}"
