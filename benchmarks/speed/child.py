"""One contestant in a process of its own, which prints what it measured as JSON.

``python -m benchmarks.speed.child REQUEST`` with the request as JSON: the keys
"contestant", "imports", "workload" (the fields of a `Workload`), "path" of the rows
(.npy) and "twice", whether to fit with twice the epochs, too. What is imported before
the contestant's own library is told from it, so that this module imports nothing that
the library would.
"""

import importlib
import json
import sys
import time
from pathlib import Path

_WARM_UP_BATCHES = 3
# Rows by which the error of a fit is measured.
_N_JUDGED = 10_000
_TRANSFORMS, _ONE_ROWS = 7, 300


def main():
    """Run what the command line asks for."""
    request = json.loads(sys.argv[1])
    seconds, _ = timed(importlib.import_module, request["imports"])
    result = measure(
        *(request[key] for key in ("contestant", "workload", "path", "twice"))
    )
    print(json.dumps({"import_seconds": seconds, **result, "peak_mb": peak_memory()}))


def measure(name, fields, path, twice=False):
    """Fit three batches, then all rows, or encode them; return the seconds.

    With `twice` also how much longer a fit with twice the epochs takes.
    """
    import numpy as np

    from benchmarks.speed.contestants import CONTESTANTS
    from benchmarks.speed.workloads import Workload

    workload, fit = Workload(**fields), CONTESTANTS[name].load()
    X = np.load(path)[: workload.n_rows]
    short = workload._replace(epochs=1)
    first, fitted = timed(fit, short, X[: _WARM_UP_BATCHES * workload.batch_size])
    result = {"first_fit_seconds": first}
    if workload.kind == "encoder":
        return result | time_encoding(fitted.encode, X)
    result["seconds"], fitted = timed(fit, workload, X)
    if fitted.reconstruct is not None:
        some = X[:_N_JUDGED]
        error = np.square(some - fitted.reconstruct(some), dtype=np.float64).mean()
        result["error"] = float(error)
    if twice:
        longer, _ = timed(fit, workload._replace(epochs=2 * workload.epochs), X)
        result["epochs_seconds"] = longer - result["seconds"]
    return result


def time_encoding(encode, X):
    """Return the medians for all rows and for one."""
    encode(X)
    return {
        "seconds": median([timed(encode, X)[0] for _ in range(_TRANSFORMS)]),
        "one_row_seconds": median([timed(encode, X[:1])[0] for _ in range(_ONE_ROWS)]),
    }


def timed(function, *arguments):
    """Return the seconds of a call, and what it returned."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def median(values):
    """Return the upper median."""
    return sorted(values)[len(values) // 2]


def peak_memory():
    """Return the most memory that this process held, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` counts the parent's too, up to the `exec`.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


if __name__ == "__main__":
    main()
