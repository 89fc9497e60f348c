"""What costs no TensorFlow: the import, and everything about a module except its graph's run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.harness import Bench, Figures, Row


def rows(bench: Bench) -> Iterator[Row]:
    # Here, because whole processes are timed, which must not pay for the harness.
    from benchmarks.harness import at_most, seconds

    imported = bench.run("bench_start:import_library")
    yield without_tensorflow(
        at_most("import tf1hub, no TensorFlow", imported["import_s"], 0.060, seconds), imported
    )
    parts = {"described": {"part": "described"}, "arrays": {"part": "arrays"}, "numpy": {"part": "numpy"}}
    known = bench.in_turn("bench_start:know", parts, module=bench.module("residual"))
    numpy = f"import numpy alone {seconds(known['numpy']['process_s'])}"
    for part, what in (
        ("described", "all about 400 variables but their values, whole process"),
        ("arrays", "the same and their arrays, memory-mapped"),
    ):
        row = at_most(what, known[part]["process_s"], 0.150, seconds, numpy if part == "arrays" else "")
        yield without_tensorflow(row, known[part])


def without_tensorflow(row: Row, figures: Figures) -> Row:
    from dataclasses import replace

    if any(run["imports_tensorflow"] for run in figures.runs):
        return replace(row, figure=f"{row.figure}, imports TensorFlow", reached=False)
    return row


def import_library() -> dict[str, Any]:
    """The import in a process that has imported nothing else, not even what the harness needs."""
    program = (
        "import sys, time; started = time.perf_counter(); import tf1hub;"
        "print(time.perf_counter() - started, 'tensorflow' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    taken, imports_tensorflow = printed.stdout.split()
    return {"import_s": float(taken), "imports_tensorflow": imports_tensorflow == "True"}


def know(module: str, part: str) -> dict[str, Any]:
    """All that can be known of a module without running it.

    Args:
        module: its path.
        part: "described" for variants, signatures, attachments, assets, op counts, names, dtypes and
            shapes; "arrays" for the 400 memory-mapped arrays too; "numpy" for nothing but what NumPy's
            import takes, which the arrays cannot do without.
    """
    if part == "numpy":
        import numpy  # noqa: F401 - its import is what is measured

        return {"imports_tensorflow": False}
    import tf1hub as hub

    description = hub.inspect(module)
    if part == "arrays":
        weights = hub.read_variables(module)
        for variable in description.variables:
            array = weights[variable.name]
            assert (array.dtype, array.shape) == (variable.dtype, variable.shape)
    return {"variables": len(description.variables), "imports_tensorflow": "tensorflow" in sys.modules}
