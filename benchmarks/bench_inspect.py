"""What is asked about a module from a shell: `tf1hub show`, `diff` and `check` as whole processes.

Processor time is measured: these are short, and the clock would tell of whatever else the machine does.
"""

from __future__ import annotations

import resource
import subprocess
import sys
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
        ("tf1hub show, 400 variables, processor time of the process", ["show", module], 0.200),
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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "tf1hub", *words], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    elapsed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    asked = subprocess.run([sys.executable, "-c", _TELL_TENSORFLOW, *words], capture_output=True, text=True)
    return {"command_s": elapsed, "imports_tensorflow": asked.stderr.split() == ["True"]}
