"""Functions run in fresh Python processes, one alone or several at the same time.

What a process has imported, allocated or set before would be part of the measurement.
`multiprocessing` will not do: in its children the estimators choose one thread, as they
should.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

_ROOT = str(Path(__file__).parents[1])
# Begins the line of the answer; libraries print too.
_ANSWER = "answer: "


def run(function, *, environment=None, **arguments):
    """Return the result of ``function(**arguments)`` in a process of its own.

    Parameters
    ----------
    function : callable
        Of a module; its arguments and its result must be JSON.
    environment : dict or None
        Variables beside those of this process.
    **arguments
    """
    process = _start(function, environment, arguments)
    _tell(process)
    return _answer(process)


def run_together(function, count, **arguments):
    """Return the results of ``function(**arguments)`` in `count` processes at once.

    None begins before the function's module is imported in all of them.
    """
    processes = [_start(function, None, arguments) for _ in range(count)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        _tell(process)
    return [_answer(process) for process in processes]


def environment_of_child(**variables):
    """Return this process's environment with the path to this package and more."""
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **variables}


def _start(function, environment, arguments):
    name = f"{function.__module__}:{function.__qualname__}"
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fresh", name, json.dumps(arguments)],
        env=environment_of_child(**(environment or {})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _tell(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def _answer(process):
    output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    (line,) = [line for line in output.splitlines() if line.startswith(_ANSWER)]
    return json.loads(line.removeprefix(_ANSWER))


def _main(name, arguments):
    module, function = name.split(":")
    function = getattr(importlib.import_module(module), function)
    print("ready", flush=True)
    sys.stdin.readline()
    print("\n" + _ANSWER + json.dumps(function(**json.loads(arguments))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
