"""Has the original library read what this library writes: `make interop`.

Each tested TensorFlow writes the golden modules again and modules of its own;
Python 3.7 with the original library then loads them, calls them and fine-tunes
them. Where this machine has no Python 3.7, it says so and succeeds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import environment

# Programs in TF1 mode write other graphs for their variables, conditions and loops.
RUNS: list[tuple[str, list[str]]] = [
    ("tf221", []),
    ("tf221", ["--v1"]),
    ("tf215", ["--v1"]),
]


def main() -> int:
    try:
        environment.make("ref")
    except environment.NoPythonError as error:
        print(f"make interop: LEFT OUT. {error}")
        return 0
    with tempfile.TemporaryDirectory(prefix="tf1hub_interop_") as directory:
        written = []
        for name, flags in RUNS:
            environment.make(name)
            place = Path(directory, name + ("-v1" if flags else ""))
            print(f"Writing modules with tf1hub in .venv/{name} {' '.join(flags)}", flush=True)
            if run(name, "write", place, *flags) != 0:
                return 1
            written.append(place)
        print("Reading them with the original library in .venv/ref", flush=True)
        return run("ref", "read", *written)


def run(name: str, script: str, *arguments: object) -> int:
    python = environment.VENVS / name / "bin" / "python"
    variables = {
        **os.environ,
        "PYTHONPATH": "tests",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [str(python), "-W", "ignore", "-m", f"interop.{script}", *map(str, arguments)]
    return subprocess.run(command, env=variables, cwd=environment.ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
