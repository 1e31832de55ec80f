"""The sub-command ``python -m benchmarks speed``."""

import argparse
import tempfile
from pathlib import Path

from benchmarks.speed import rounds, table
from benchmarks.speed.contestants import CONTESTANTS, FLOOR
from benchmarks.speed.workloads import START, WORKLOADS

# Some five minutes on two cores, one without MNIST.
_QUICK = {"rounds": 1, "rows": 6_000}


def add_to(commands):
    """Add the sub-command."""
    parser = commands.add_parser("speed", help="time of fits against every peer")
    parser.set_defaults(function=run)
    names = sorted([*WORKLOADS, START])
    parser.add_argument(
        "--workloads", type=_from(names), default=names, help=", ".join(names)
    )
    parser.add_argument(
        "--contestants",
        type=_from(CONTESTANTS),
        default=list(CONTESTANTS),
        help=", ".join(CONTESTANTS),
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="default: 5")
    parser.add_argument("--rows", type=int, help="of MNIST, for a quick look")
    parser.add_argument("--threads", type=int, help="W1: 1, others: all cores")
    parser.add_argument("--openml", action="store_true", help="may download MNIST")
    parser.add_argument(
        "--twice", action="store_true", help="twice the epochs, too: epochs alone"
    )
    parser.add_argument("--output", help="CSV file; its rows are not run again")
    parser.add_argument("--quick", action="store_true", help="a round, 6,000 rows")


def run(options):
    """Run what is not in the CSV file yet, then print the tables."""
    if options.quick:
        vars(options).update(_QUICK)
    # The fits of W1 tell of the start, too.
    names = ["W1" if name == START else name for name in options.workloads]
    installed = [
        name
        for name, contestant in CONTESTANTS.items()
        if (name == FLOOR or name in options.contestants) and contestant.is_installed
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.output or Path(folder) / "speed.csv")
        shapes = rounds.save_data(names, folder, options.openml)
        workloads = {
            name: rounds.with_numbers(
                workload, shapes[workload.data], options.rows, options.threads
            )
            for name, workload in WORKLOADS.items()
            if name in names and workload.data in shapes
        }
        done = set(rounds.read(path)[rounds.KEY].itertuples(index=False, name=None))
        remaining = rounds.tasks(
            workloads, installed, options.rounds, done, twice=options.twice
        )
        rounds.run_all(remaining, folder, path)
        print(table.write(rounds.read(path, workloads), workloads, installed))


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _from(known):
    """Return a parser of comma-separated names."""

    def parse(text):
        unknown = set(text.split(",")) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown} not in {list(known)}")
        return text.split(",")

    return parse
