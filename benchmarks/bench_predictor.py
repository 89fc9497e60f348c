"""`Predictor`: what a process without TensorFlow pays to its first result, and a call on TensorFlow."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.harness import Bench, Row

# The original is not asked, and today's TensorFlow is what a module would need else.
ENVIRONMENT = "newest"
WORDS = 200_000
DIMENSIONS = 50
ENGINES = {"auto": "", "tensorflow": " on TensorFlow"}
"""The engines whose calls are measured: the one that is taken where nobody names any, and TensorFlow itself."""
LIMITS = {1: 0.5, 32: 0.85}
"""For each batch size the most that a call may take of one of TensorFlow's loaded signature. TensorFlow's own freezing gave
0.54 at batch 1 and 0.89 at batch 32, so that engine is held to one limit."""


def rows(bench: Bench) -> Iterator[Row]:
    # Here, because whole processes are timed, which must not pay for the harness.
    from benchmarks.harness import Row, at_most, megabytes, seconds, times

    loaded = bench.run("bench_predictor:load", module=bench.module("residual", "ours"))
    yield at_most("import, and a Predictor of 400 variables on NumPy (CPU)", loaded["load_s"], 0.4, seconds)
    path = bench.workdir / "words"
    if not path.exists():
        bench.run("bench_predictor:make_words", repeats=1, path=path)
    engines = {name: {"engine": name} for name in ("numpy", "tensorflow")}
    found = bench.in_turn("bench_predictor:one_sentence", engines, module=path)
    ours, theirs = found["numpy"], found["tensorflow"]
    what = f"one sentence, {WORDS:,} words, whole process: NumPy against TensorFlow"
    for key, share, shown in (("cpu_s", 0.1, seconds), ("peak_bytes", 0.15, megabytes)):
        yield at_most(
            f"{what}, {'memory' if key == 'peak_bytes' else 'CPU time'}",
            ours[key] / theirs[key],
            share,
            lambda ratio: f"{ratio:.3f}",
            f"{shown(ours[key])} against {shown(theirs[key])}",
        )
    network = bench.module("residual", "ours")
    for (engine, words), threads, (batch, limit) in itertools.product(
        ENGINES.items(), (1, 2), LIMITS.items()
    ):
        figures = bench.run(
            "bench_predictor:calls", repeats=3, module=network, engine=engine, batch=batch, threads=threads
        )
        most = limit if engine == "auto" else max(LIMITS.values())
        yield Row(
            f"residual network: a call of Predictor{words} against TensorFlow's loaded signature, batch {batch}, "
            f"{threads} thread{'s' if threads > 1 else ''}, CPU time",
            seconds(figures["ours_s"]),
            seconds(figures["tensorflow_s"]),
            times(figures["ours_x"]),
            f"<= {most:g} x",
            figures["ours_x"] <= most,
        )


def load(module: str) -> dict[str, Any]:
    """In a process that has imported nothing else; the clock runs from before the import of NumPy."""
    program = (
        "import sys, time; started = time.process_time(); import tf1hub;"
        "tf1hub.Predictor(sys.argv[1], engine='numpy');"
        "print(time.process_time() - started, 'tensorflow' in sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program, module], capture_output=True, text=True, check=True
    )
    taken, imports_tensorflow = printed.stdout.split()
    assert imports_tensorflow == "False"
    return {"load_s": float(taken)}


def make_words(path: str) -> dict[str, Any]:
    """A text embedding of many words, as `publish.text_embedding` makes one."""
    import numpy as np

    from tf1hub.publish import text_embedding

    random = np.random.default_rng(0)
    source = Path(path).with_suffix(".txt")
    with source.open("w") as file:
        for number, vector in enumerate(random.normal(0, 0.4, (WORDS, DIMENSIONS))):
            file.write(f"word{number} " + " ".join(f"{value:.5f}" for value in vector) + "\n")
    text_embedding(str(source), path)
    return {}


def one_sentence(module: str, engine: str) -> dict[str, Any]:
    """Loads the module and embeds one sentence."""
    import tf1hub as hub

    found = hub.Predictor(module, engine=engine)(["word17 word4711, word99999!"])["default"]
    assert found.shape == (1, DIMENSIONS)
    assert ("tensorflow" in sys.modules) == (engine == "tensorflow")
    return {"first": float(found[0, 0]), "cpu_s": time.process_time()}


def calls(module: str, engine: str, batch: int, threads: int) -> dict[str, Any]:
    """CPU seconds of a call, both sides in turn, and the ratio. The threads are those that one op may take."""
    import numpy as np
    import tensorflow as tf

    import tf1hub as hub
    from benchmarks.bench_onnx import in_turn

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    images = np.random.default_rng(0).random((batch, 32, 32, 3), dtype=np.float32)
    ours = hub.Predictor(module, engine=engine, threads=None if threads > 1 else 1)
    assert ours.engine == ("onnx" if engine == "auto" else engine)
    signature = tf.saved_model.load(module, tags=[]).signatures["default"]
    sides = {
        "ours": lambda: ours(images)["default"],
        "tensorflow": lambda: signature(default=tf.constant(images))["default"].numpy(),
    }
    found, wanted = (side() for side in sides.values())
    np.testing.assert_allclose(found, wanted, atol=1e-5 * float(np.abs(wanted).max()))
    return in_turn(sides, base="tensorflow", calls_each=10 if batch == 1 else 2)
