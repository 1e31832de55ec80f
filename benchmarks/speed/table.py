"""The tables in Markdown, from the rows that the processes measured."""

import platform
from importlib import metadata

import joblib
import pandas as pd

from benchmarks.report import markdown
from benchmarks.speed.contestants import CONTESTANTS, FLOOR
from benchmarks.speed.workloads import START, WORKLOADS

_ENCODER = "W5"


def write(rows, workloads, contestants):
    """Return the whole report as a string.

    Parameters
    ----------
    rows : DataFrame
        The fields of `benchmarks.speed.rounds.FIELDS`.
    workloads : dict of Workload by name
    contestants : list of str
    """
    medians = rows.groupby(["contestant", "workload"]).median(numeric_only=True)
    n_rounds = rows["round"].nunique()
    parts = [conditions(workloads, contestants, n_rounds)]
    fits = [name for name in WORKLOADS if name in workloads and name != _ENCODER]
    if fits:
        parts += [
            "Time of a fit, as a ratio to the bare products of the same shapes:",
            markdown(ratios(medians, fits, contestants)),
            *spreads(rows, fits),
            "Mean squared error of the reconstruction of training rows afterwards:",
            markdown(errors(medians, fits, contestants)),
        ]
    if fits and medians["epochs_seconds"].notna().any():
        title = "Time of the epochs alone: the difference of twice the epochs and once:"
        parts += [title, markdown(ratios(medians, fits, contestants, "epochs_seconds"))]
    if _ENCODER in workloads:
        title = "Transform of all rows, as a ratio to the bare products, and of one:"
        parts += [title, markdown(transforms(medians, contestants))]
    if "W1" in workloads:
        title = f"{START}: import, first fit of three batches, memory of the fit of W1:"
        parts += [title, markdown(starts(medians, contestants))]
    return "\n\n".join(parts)


def ratios(medians, names, contestants, field="seconds"):
    """Return the medians of a field over that of the floor, whose own are first."""

    def cell(contestant, name):
        floor = _value(medians, FLOOR, name, field)
        if contestant == FLOOR:
            return _text(floor, "{:.3g} s")
        seconds = _value(medians, contestant, name, field)
        if floor is None or seconds is None:
            return "-"
        return f"{seconds / floor:.2f}"

    return _table(cell, names, contestants)


def spreads(rows, names):
    """Return a sentence on the rounds of the floor where there are several.

    A floor that was disturbed makes everybody look fast.
    """
    floors = rows[rows["contestant"] == FLOOR].groupby("workload")["seconds"]
    ranges = [
        f"{name} {floors.min()[name]:.3g} to {floors.max()[name]:.3g} s"
        for name in names
        if name in floors.groups and floors.count()[name] > 1
    ]
    return [f"Bare products in all rounds: {', '.join(ranges)}."] if ranges else []


def errors(medians, names, contestants):
    """Return the errors of the fits."""
    return _table(
        lambda contestant, name: _text(
            _value(medians, contestant, name, "error"), "{:.4f}"
        ),
        names,
        [name for name in contestants if name != FLOOR],
    )


def transforms(medians, contestants):
    """Return times of `transform`."""
    floor = _value(medians, FLOOR, _ENCODER, "seconds")

    def cell(contestant, column):
        if column == "one row, us":
            seconds = _value(medians, contestant, _ENCODER, "one_row_seconds")
            return "-" if seconds is None else f"{1e6 * seconds:.0f}"
        seconds = _value(medians, contestant, _ENCODER, "seconds")
        if contestant == FLOOR:
            return _text(seconds, "{:.3g} s")
        return "-" if None in (seconds, floor) else f"{seconds / floor:.2f}"

    taking_part = [n for n in contestants if "encoder" in CONTESTANTS[n].kinds]
    return _table(cell, ["all rows", "one row, us"], taking_part)


def starts(medians, contestants):
    """Return what it takes until a library has fitted W1 in a new process."""
    columns = {
        "import, s": ("import_seconds", "{:.2f}"),
        "first fit, s": ("first_fit_seconds", "{:.3f}"),
        "memory, MB": ("peak_mb", "{:.0f}"),
    }

    def cell(contestant, column):
        field, form = columns[column]
        return _text(_value(medians, contestant, "W1", field), form)

    return _table(cell, list(columns), contestants)


def conditions(workloads, contestants, n_rounds):
    """Return what was run, and where."""
    names = ["torch", "scikit-learn", "numpy", "skorch", "pythae", "pyod", "keras"]
    lines = [
        f"{platform.machine()}, {joblib.cpu_count()} cores; Python "
        f"{platform.python_version()}, " + ", ".join(_versions(names)) + ".",
        f"Medians of {n_rounds} round(s), a fresh process for each fit.",
        *(f"* {name}: {describe(w)}" for name, w in workloads.items()),
    ]
    missing = [c.title for c in CONTESTANTS.values() if not c.is_installed]
    if missing:
        lines.insert(2, f"Not installed: {', '.join(missing)}.")
    return "\n".join(lines)


def describe(workload):
    """Return a workload in words."""
    widths = "-".join(map(str, workload.widths))
    epochs = f", epochs: {workload.epochs}" if workload.kind != "encoder" else ""
    return (
        f"{workload.title}: {workload.n_rows} rows, {widths}, "
        f"batches of {workload.batch_size}{epochs}, threads: {workload.n_threads}"
    )


def _versions(names):
    for name in names:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue


def _table(cell, columns, contestants):
    lines = [
        {
            "": CONTESTANTS[name].title,
            **{column: cell(name, column) for column in columns},
        }
        for name in contestants
    ]
    return pd.DataFrame(lines)


def _value(medians, contestant, name, field):
    """Return a median, None where there is none."""
    if (contestant, name) not in medians.index:
        return None
    value = medians.loc[(contestant, name), field]
    return None if pd.isna(value) else float(value)


def _text(value, form):
    return "-" if value is None else form.format(value)
