"""The table of every default of every estimator, read from the signatures."""

import inspect

from sklearn.base import BaseEstimator


def public_estimators(package):
    """Give the estimator classes in ``package.__all__``, in its order."""
    exported = (getattr(package, name) for name in package.__all__)
    return [
        value
        for value in exported
        if inspect.isclass(value) and issubclass(value, BaseEstimator)
    ]


def defaults_table(estimators):
    """Give a reStructuredText table of the defaults of estimator classes.

    Rows are parameters, in order of first appearance; columns are classes. A cell
    is empty where the class has no such parameter.

    >>> class A(BaseEstimator):
    ...     def __init__(self, n_components=None, *, solver="adam"): ...
    >>> class B(BaseEstimator):
    ...     def __init__(self, estimator, n_components=2): ...
    >>> print(defaults_table([A, B]))
    .. list-table::
       :header-rows: 1
       :stub-columns: 1
    <BLANKLINE>
       * - parameter
         - :class:`~skae.A`
         - :class:`~skae.B`
       * - n_components
         - ``None``
         - ``2``
       * - solver
         - ``'adam'``
         -
       * - estimator
         -
         - required
    <BLANKLINE>
    """
    columns = [inspect.signature(estimator).parameters for estimator in estimators]
    names = dict.fromkeys(name for column in columns for name in column)
    titles = [f":class:`~skae.{estimator.__name__}`" for estimator in estimators]
    rows = [["parameter", *titles]]
    rows += [[name, *(_cell(column.get(name)) for column in columns)] for name in names]
    lines = [".. list-table::", "   :header-rows: 1", "   :stub-columns: 1", ""]
    for row in rows:
        bullets = ["   * -", *["     -"] * (len(row) - 1)]
        lines += [
            f"{bullet} {cell}".rstrip()
            for bullet, cell in zip(bullets, row, strict=True)
        ]
    return "\n".join(lines) + "\n"


def _cell(parameter):
    if parameter is None:
        return ""
    if parameter.default is parameter.empty:
        return "required"
    return f"``{parameter.default!r}``"
