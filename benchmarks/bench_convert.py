"""`hub.convert` of a module of the size of NASNet-large: 1,547 variables, 18,000 and 21,000 nodes, 354 MB of weights."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import Bench, Row, at_most, megabytes, seconds, times

ENVIRONMENT = "newest"

_BEFORE_S = (
    115.0  # processor time of the first version, which saved a function around all variables for each form
)
_THIRD_S = _BEFORE_S / 3
_PER_WEIGHT = 2.5


def rows(bench: Bench) -> Iterator[Row]:
    module = bench.module("nasnet", "ours")
    weights = sum(file.stat().st_size for file in (module / "variables").iterdir())
    converted = bench.run("bench_convert:converted", repeats=1, module=module)
    alone = bench.run("bench_tf2:tensorflow_alone", repeats=1)["peak_bytes"]
    yield at_most(
        "hub.convert of a module of NASNet-large's size, processor time",
        converted["cpu_s"],
        _THIRD_S,
        seconds,
        seconds(_BEFORE_S),
    )
    yield at_most(
        f"its peak memory above TensorFlow's own {megabytes(alone)}, per weight",
        (converted["peak_bytes"] - alone) / weights,
        _PER_WEIGHT,
        times,
    )


def converted(module: str) -> dict[str, Any]:
    """Processor and wall seconds of one conversion."""
    import tf1hub as hub
    import tf1hub.converting.saved_model_files  # before the clock starts

    with tempfile.TemporaryDirectory() as directory:
        started, cpu = time.perf_counter(), time.process_time()
        conversion = hub.convert(module, os.path.join(directory, "converted"))
        assert conversion.all_compared
        return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - started}
