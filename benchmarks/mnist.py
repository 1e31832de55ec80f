"""MNIST for the published figures, and how target and result are printed."""

from benchmarks import datasets

_N_TRAIN = 60_000


def load(openml=False):
    """Return the official split as a `Split`, pixels in [0, 1] in float32.

    Raises
    ------
    benchmarks.datasets.Missing
    """
    X, y = datasets.load("mnist", openml)
    X, y = X.astype("float32") / 255, y.astype(int)
    return datasets.Split(X[:_N_TRAIN], X[_N_TRAIN:], y[:_N_TRAIN], y[_N_TRAIN:])


def add_command(commands, name, function, help):
    """Add the sub-command of ``function(options)`` and return its parser."""
    parser = commands.add_parser(name, help=help)
    parser.set_defaults(function=function)
    parser.add_argument("--openml", action="store_true", help="may download MNIST")
    return parser


def print_figures(title, rows):
    """Print a Markdown table of ``(figure, target, result)`` rows of text."""
    print(f"\n{title}\n\n| figure | target | result |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
