"""Paragraphs that docstrings share, filled in so that `help()` is complete."""

import inspect
import re
import textwrap


def fill(docstring, texts):
    """Replace each line that is ``{name}`` alone by the text of that name.

    A text gets the indentation of its line; other names stay as they are.
    """

    def replace(match):
        indentation, name = match.groups()
        if name not in texts:
            return match[0]
        return textwrap.indent(textwrap.dedent(texts[name]).strip(), indentation)

    return re.sub(r"^( *)\{(\w+)\}$", replace, docstring, flags=re.MULTILINE)


def fill_docstrings(texts):
    """Decorate a class to fill its docstring and those of the methods it defines."""

    def decorate(cls):
        for documented in (cls, *map(_function, vars(cls).values())):
            # None under `python -OO`
            if documented is not None and documented.__doc__:
                documented.__doc__ = fill(documented.__doc__, texts)
        return cls

    return decorate


def _function(member):
    """Return the function behind a class method or `available_if`, if it is one."""
    function = getattr(member, "__func__", getattr(member, "fn", member))
    return function if inspect.isfunction(function) else None
