"""Benchmarks: a quick look without a sub-command, or one of them in full."""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks import (
    conditional_vae,
    contractive,
    convolutional,
    datasets,
    deep_autoencoder,
    devices,
    finetuned,
    growth,
    panel,
    recurrent,
    report,
    search,
    sparse,
    stacked,
    time_to_quality,
    vae,
    variations,
)
from benchmarks.speed import command as speed

# Some eight minutes on two cores with all data sets, one with the bundled ones.
_QUICK = {"seeds": 1, "seeds_large": 0, "components": [2, 8]}

# Figures and times, each a module with `add_to(commands)`.
FIGURES = (
    conditional_vae,
    contractive,
    convolutional,
    deep_autoencoder,
    devices,
    finetuned,
    growth,
    recurrent,
    search,
    sparse,
    speed,
    stacked,
    time_to_quality,
    vae,
    variations,
)


def main(arguments=None):
    """Run one benchmark, or all of them in their quick form."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers()
    add_panel(commands)
    for figure in FIGURES:
        figure.add_to(commands)
    parser.set_defaults(function=run_quick)
    options = parser.parse_args(arguments)
    options.function(options)


def run_quick(options):
    """Run the benchmarks of speed and of reconstruction in their quick form."""
    main(["speed", "--quick"])
    main(["panel", "--quick"])


def add_panel(commands):
    """Add the sub-command of the panel."""
    parser = commands.add_parser("panel", help="reconstruction against PCA's")
    parser.set_defaults(function=run_panel)
    parser.add_argument("--sets", type=_variants, default=datasets.VARIANTS)
    parser.add_argument("--components", type=_integers, default=[2, 8, 32])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seeds-large", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--no-textbook", action="store_true")
    parser.add_argument("--openml", action="store_true", help="may download")
    parser.add_argument("--output", help="CSV file; its rows are not run again")
    parser.add_argument(
        "--quick", action="store_true", help="k = 2 and 8, one seed, no large sets"
    )


def run_panel(options):
    """Run what is not in the CSV file yet, then print the tables."""
    if options.quick:
        vars(options).update(_QUICK)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.output or Path(folder) / "panel.csv")
        _run(options, path)
        print(report.write(pd.read_csv(path)))


def _run(options, path):
    models = ("skae", "kernel_pca")
    if not options.no_textbook:
        models += ("textbook",)
    remaining = panel.tasks(
        _available(options.sets, options.openml),
        options.components,
        options.seeds,
        options.seeds_large,
        models,
        panel.read_done(path),
    )
    panel.run_all(remaining, path, options.jobs, options.openml)


def _available(variants, openml):
    """Return the variants whose data are on this machine, and name the others."""
    available = []
    for variant in variants:
        try:
            datasets.load(datasets.name_of(variant), openml)
            available.append(variant)
        except datasets.Missing as missing:
            print(f"Left out: {missing}", file=sys.stderr)
    return available


def _variants(text):
    """Return the variants of comma-separated names; "wine" has two."""
    names = text.split(",")
    unknown = set(names) - set(datasets.SOURCES) - set(datasets.VARIANTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown} not in {list(datasets.SOURCES)}")
    return [v for v in datasets.VARIANTS if v in names or datasets.name_of(v) in names]


def _integers(text):
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
