"""What costs no TensorFlow: the import, and everything about a module except its graph's run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import Bench, Row, at_most, seconds


def rows(bench: Bench) -> Iterator[Row]:
    imported = bench.run("bench_start:import_library", repeats=9)
    yield without_tensorflow(
        at_most("import tf1hub, no TensorFlow", imported["import_s"], 0.060, seconds), imported
    )
    known = bench.run("bench_start:read_everything", repeats=9, module=bench.module("residual"))
    row = at_most("all about 400 variables but the run, whole process", known["process_s"], 0.150, seconds)
    yield without_tensorflow(row, known)


def without_tensorflow(row: Row, figures: Any) -> Row:
    if any(run["imports_tensorflow"] for run in figures.runs):
        return Row(row.what, row.ours, row.original, f"{row.figure}, imports TensorFlow", row.target, False)
    return row


def import_library() -> dict[str, Any]:
    started = time.perf_counter()
    import tf1hub  # noqa: F401 - its import is what is measured

    return {"import_s": time.perf_counter() - started, "imports_tensorflow": "tensorflow" in sys.modules}
