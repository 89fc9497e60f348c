"""`hub.convert` of a module of the size of NASNet-large: 1,547 variables, 18,000 and 21,000 nodes, 354 MB of weights."""

from __future__ import annotations

import shutil
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
    path = bench.workdir / "nasnet_converted"
    converted = bench.run("bench_convert:convert", repeats=1, module=module, path=path)
    theirs = bench.run("bench_convert:load", repeats=1, path=path)
    alone = bench.run("bench_tf2:tensorflow_alone", repeats=1)["peak_bytes"]
    yield at_most(
        "hub.convert of a module of NASNet-large's size, processor time",
        converted["cpu_s"],
        _THIRD_S,
        seconds,
        seconds(_BEFORE_S),
    )
    yield at_most(
        f"its peak memory above TensorFlow's own {megabytes(alone)}, per weight; other: tf.saved_model.load of the result",
        (converted["peak_bytes"] - alone) / weights,
        _PER_WEIGHT,
        times,
        times((theirs["peak_bytes"] - alone) / weights),
    )


def convert(module: str, path: str) -> dict[str, Any]:
    """Processor and wall seconds of one conversion."""
    import tf1hub as hub

    hub.convert  # noqa: B018  # what is loaded lazily is loaded before the clock starts
    shutil.rmtree(path, ignore_errors=True)
    started, cpu = time.perf_counter(), time.process_time()
    conversion = hub.convert(module, path)
    assert conversion.all_compared
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - started}


def load(path: str) -> dict[str, Any]:
    """What `hub.convert` has to do at the least to compare: TensorFlow loads what was written."""
    import tensorflow as tf

    assert tf.saved_model.load(path).signatures
    return {}
