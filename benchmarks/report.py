"""The panel's tables in Markdown, from its CSV file."""

import numpy as np
import pandas as pd

from benchmarks import datasets

# Largest geometric mean over the cells of a group.
TARGETS = {"images": 0.50, "tables": 0.95, "wide": 1.00, "curved": 0.10}
TITLES = {
    "images": "images, sensors, letters",
    "tables": "small tables, raw and standardized",
    "wide": "n < p and text counts",
    "curved": "curves and surfaces",
}
LARGEST_CELL, LARGEST_FIT = 1.005, 1.02


def cells(rows):
    """Return one line for each data set and number of components.

    Parameters
    ----------
    rows : DataFrame
        The fields of `benchmarks.panel.FIELDS`.
    """
    lines = []
    for (name, k), fits in rows.groupby(["set", "n_components"], sort=False):
        ours = fits[fits["model"] == "skae"]
        textbook = fits[fits["model"] == "textbook"]
        kernel = fits[fits["model"] == "kernel_pca"]
        if ours.empty:
            continue
        lines.append(
            {
                "group": datasets.source(name).group,
                "set": name,
                "k": k,
                "n": ours["n_train"].iloc[0],
                "p": ours["n_features"].iloc[0],
                "seeds": len(ours),
                "ratio": ours["ratio"].mean(),
                "worst": ours["ratio"].max(),
                "textbook": textbook["ratio"].mean(),
                "kernel PCA": kernel["ratio"].mean(),
                "accuracy PCA": 100 * ours["accuracy_pca"].mean(),
                "accuracy codes": 100 * ours["accuracy"].mean(),
                "best epoch": ours["best_epoch"].mean(),
                "seconds": ours["seconds"].mean(),
            }
        )
    order = {name: i for i, name in enumerate(datasets.VARIANTS)}
    return pd.DataFrame(lines).sort_values(
        ["set", "k"], key=lambda column: column.map(order).fillna(column)
    )


def summary(cell_table):
    """Return one line for each group of data sets: targets beside results."""
    lines = []
    for group, target in TARGETS.items():
        own = cell_table[cell_table["group"] == group]
        if own.empty:
            continue
        gain = own["accuracy codes"] - own["accuracy PCA"]
        lines.append(
            {
                "group": TITLES[group],
                "cells": len(own),
                "ratio to PCA": geometric_mean(own["ratio"]),
                "target": target,
                "textbook": geometric_mean(own["textbook"]),
                "kernel PCA": geometric_mean(own["kernel PCA"]),
                "worst cell": own["ratio"].max(),
                "worst fit": own["worst"].max(),
                "accuracy gain": gain.mean(),
                "lowest gain at k=32": gain[own["k"] == 32].min(),
                "slowest cell, s": own["seconds"].max(),
            }
        )
    return pd.DataFrame(lines)


def geometric_mean(values):
    """Return the geometric mean of those that are not NaN; NaN where all are."""
    values = values.dropna()
    return float(np.exp(np.log(values).mean())) if len(values) else np.nan


def write(rows):
    """Return the whole report as a string."""
    if rows.empty:
        return "No fits."
    table = cells(rows)
    return "\n\n".join(
        [
            "Held-out unexplained variance as a ratio to that of PCA with as many "
            "components\n(lower is better, 1 is PCA), means over seeds; geometric "
            "means over cells. Targets: the\ngeometric mean as given, each cell at "
            f"most {LARGEST_CELL}, each fit at most {LARGEST_FIT},\naccuracy at least "
            "PCA's on average and at k=32 not more than half a point below.",
            markdown(summary(table)),
            markdown(table.drop(columns="group")),
        ]
    )


_DECIMALS = {
    **dict.fromkeys(["ratio to PCA", "ratio", "worst", "textbook"], 3),
    "kernel PCA": 3,
    **dict.fromkeys(["worst cell", "worst fit"], 3),
    **dict.fromkeys(["accuracy PCA", "accuracy codes", "best epoch", "seconds"], 1),
    **dict.fromkeys(["accuracy gain", "lowest gain at k=32", "slowest cell, s"], 1),
    "target": 2,
}


def markdown(table):
    """Return a DataFrame as a Markdown table; NaN as a dash."""

    def text(column, value):
        if isinstance(value, float) and np.isnan(value):
            return "-"
        if column in _DECIMALS:
            return f"{value:.{_DECIMALS[column]}f}"
        return str(value)

    body = [
        [text(column, value) for column, value in zip(table.columns, row, strict=True)]
        for row in table.itertuples(index=False)
    ]
    head = [list(table.columns), ["---"] * len(table.columns)]
    return "\n".join("| " + " | ".join(line) + " |" for line in head + body)
