"""What costs no TensorFlow: the import, and everything about a module except its graph's run."""

from __future__ import annotations

import sys
import time
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
    known = bench.run("bench_start:read_everything", module=bench.module("residual"))
    row = at_most("all about 400 variables but the run, whole process", known["process_s"], 0.150, seconds)
    yield without_tensorflow(row, known)


def without_tensorflow(row: Row, figures: Figures) -> Row:
    from dataclasses import replace

    if any(run["imports_tensorflow"] for run in figures.runs):
        return replace(row, figure=f"{row.figure}, imports TensorFlow", reached=False)
    return row


def import_library() -> dict[str, Any]:
    started = time.perf_counter()
    import tf1hub  # noqa: F401 - its import is what is measured

    return {"import_s": time.perf_counter() - started, "imports_tensorflow": "tensorflow" in sys.modules}


def read_everything(module: str) -> dict[str, Any]:
    """All that can be known of a module without running it, its 400 arrays included."""
    from collections import Counter

    import tf1hub as hub

    spec = hub.load_module_spec(module)
    known: list[object] = []
    for variant in spec.variants():
        known += [variant.tags, variant.attachments, variant.asset_files, variant.variables]
        known.append(Counter(node.op for node in variant.nodes.values()))
        known += [(variant.inputs(name), variant.outputs(name)) for name in variant.signature_names]
    weights = hub.read_variables(module)
    arrays = {name: weights[name] for name in weights}
    known += [(name, array.dtype, array.shape) for name, array in arrays.items()]
    return {"variables": len(arrays), "facts": len(known), "imports_tensorflow": "tensorflow" in sys.modules}
