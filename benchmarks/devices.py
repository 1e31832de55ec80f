"""CPU and GPU side by side: seconds of skae's fits, and their share of what it can do.

That is the rate of a large product of matrices in float32, measured on the same device
just before. The operations of a fit are those of its layers: two for each
multiplication of a row forwards, four backwards.
"""

import sys

import pandas as pd
import torch

from benchmarks import models
from benchmarks.datasets import Missing
from benchmarks.report import markdown
from benchmarks.speed.child import median, timed
from benchmarks.speed.data import LOADERS
from benchmarks.speed.workloads import WORKLOADS
from skae._networks.cost import multiplications

_NAMES = ("W1", "W2", "W4", "W7")
# Of the square matrices whose product is timed.
_SIDE = {"cpu": 2048, "cuda": 8192}
_PRODUCTS = 5


def add_to(commands):
    """Add the sub-command."""
    parser = commands.add_parser("devices", help="CPU and GPU side by side")
    parser.set_defaults(function=run)
    parser.add_argument("--workloads", nargs="+", choices=_NAMES, default=_NAMES)
    parser.add_argument("--rows", type=int, help="fewer, for a quick look")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--openml", action="store_true", help="may download MNIST")


def run(options):
    """Print the table."""
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices.append("cuda")
        print(f"GPU: {torch.cuda.get_device_name()}")
    else:
        print("No GPU that torch can use is there: the CPU alone.")
    rates = {device: product_rate(device) for device in devices}
    for device, rate in rates.items():
        print(f"Product of matrices, {device}: {rate / 1e9:.0f} GFLOP/s")
    lines = []
    for name in options.workloads:
        workload = WORKLOADS[name]
        try:
            X = LOADERS[workload.data](options.openml)
        except Missing as missing:
            print(f"Left out: {missing}", file=sys.stderr)
            continue
        X = X[: options.rows or workload.n_rows]
        lines += [
            line_of(name, kind, X, rates, options.rounds)
            for kind in ("defaults", "textbook")
        ]
    print("\n" + markdown(pd.DataFrame(lines)))


def line_of(name, kind, X, rates, rounds):
    """Return seconds and share of the product's rate for each device."""
    workload = WORKLOADS[name]
    line = {"workload": f"{name}, {workload.title}", "network": kind}
    for device, rate in rates.items():
        parameters = {"device": device, **parameters_of(kind, workload)}
        fit(workload._replace(epochs=1), X[: 3 * workload.batch_size], parameters)
        measured = []
        for _ in range(rounds):
            synchronize(device)
            seconds, model = timed(fit, workload, X, parameters)
            measured.append(seconds)
        seconds = median(measured)
        share = flops(model, len(X)) / seconds / rate
        line |= {f"{device}, s": f"{seconds:.3g}", f"{device}, share": f"{share:.3f}"}
    return line


def parameters_of(kind, workload):
    """Return those of the plain network, or those by which the defaults run on."""
    if kind == "defaults":
        return {"n_iter_no_change": workload.epochs}
    dense = workload.kind != "convolutional"
    return models.TEXTBOOK_DENSE if dense else models.TEXTBOOK


def fit(workload, X, parameters):
    """Return the fitted estimator once its device has done all of its work."""
    model = models.make(workload, **parameters).fit(X)
    synchronize(parameters["device"])
    return model


def flops(model, n_rows):
    """Return the operations of the epochs of a fit to `n_rows` rows."""
    return 6.0 * multiplications(model.network_) * n_rows * model.n_iter_


def product_rate(device):
    """Return the operations a second of a large product in float32."""
    side = _SIDE[device]
    left, right = torch.rand(2, side, side, device=device)
    product = torch.mm(left, right)

    def multiply():
        torch.mm(left, right, out=product)
        synchronize(device)

    multiply()
    return 2.0 * side**3 / median([timed(multiply)[0] for _ in range(_PRODUCTS)])


def synchronize(device):
    """Wait until a device has done what it was asked for."""
    if device == "cuda":
        torch.cuda.synchronize()
