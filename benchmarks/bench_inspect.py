"""What is asked about a module from a shell: `tf1hub show`, `diff` and `check` as whole processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import Bench, Row, at_most, seconds

_TELL_TENSORFLOW = (
    "import sys; from tf1hub.cli.main import main; main(sys.argv[1:]); "
    "print('tensorflow' in sys.modules, file=sys.stderr)"
)


def rows(bench: Bench) -> Iterator[Row]:
    module = str(bench.module("residual"))
    for what, verb, limit in (
        ("tf1hub show, 400 variables, whole process", ["show", module], 0.200),
        ("the same with --json", ["show", module, "--json"], 0.200),
        ("tf1hub diff with itself, values too", ["diff", module, module], 1.0),
        ("tf1hub check --no-run", ["check", module, "--no-run", "--json"], 2.0),
    ):
        measured = bench.run("bench_inspect:command", repeats=9, words=verb)
        row = at_most(what, measured["command_s"], limit, seconds)
        if any(run["imports_tensorflow"] for run in measured.runs):
            row = Row(
                row.what, row.ours, row.original, f"{row.figure}, imports TensorFlow", row.target, False
            )
        yield row


def command(words: list[str]) -> dict[str, Any]:
    """Runs the command once, from its start to its end, and asks it apart whether it imports TensorFlow."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tf1hub", *words], stdout=subprocess.DEVNULL, check=True)
    elapsed = time.perf_counter() - started
    asked = subprocess.run([sys.executable, "-c", _TELL_TENSORFLOW, *words], capture_output=True, text=True)
    return {"command_s": elapsed, "imports_tensorflow": asked.stderr.split() == ["True"]}
