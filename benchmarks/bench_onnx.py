"""Modules as ONNX models: against TensorFlow's Session, and what converting takes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import Bench, Row, at_most, seconds, times

ENVIRONMENT = "newest"
THREADS = 2
NETWORKS = {
    "resnet50": ("ResNet-50", 0.9, 1.0),
    "bert_base": ("BERT-base, 128 tokens", 1.1, 3.0),
    "sentences": ("text, 200,000 words", 0.6, None),
}
"""For each network its words, the most that a call may take of a Session's CPU time, and a conversion in CPU seconds."""


def rows(bench: Bench) -> Iterator[Row]:
    for network, (words, limit, conversion) in NETWORKS.items():
        module = bench.module(network, "ours")
        for batch in (1, 32):
            figures = bench.run("bench_onnx:calls", repeats=1, network=network, module=module, batch=batch)
            ours, theirs = figures["ours_s"], figures["session_s"]
            yield Row(
                f"{words}: a call in ONNX against a Session, batch {batch}, CPU time",
                seconds(ours),
                seconds(theirs),
                times(figures["ours_x"]),
                f"<= {limit:g} x",
                figures["ours_x"] <= limit,
            )
        if conversion is not None:
            figures = bench.run("bench_onnx:conversion", repeats=3, module=module)
            yield at_most(
                f"{words}: to ONNX without the comparison, CPU time", figures["cpu_s"], conversion, seconds
            )
            alone = bench.run("bench_onnx:imports_alone", repeats=1)["peak_bytes"]
            memory = (figures["peak_bytes"] - alone) / figures["weights"]
            yield at_most(f"{words}: its peak memory above the imports', per weight", memory, 3, times)


def inputs_of(network: str, batch: int) -> dict[str, Any]:
    import numpy as np

    random = np.random.default_rng(0)
    if network == "resnet50":
        return {"default": random.random((batch, 224, 224, 3), np.float32)}
    if network == "bert_base":
        shape = (batch, 128)
        ids = random.integers(0, 30_522, shape).astype(np.int32)
        return {
            "input_ids": ids,
            "input_mask": np.ones(shape, np.int32),
            "segment_ids": np.zeros(shape, np.int32),
        }
    words = [[f"word{index}" for index in random.integers(0, 220_000, 12)] for _ in range(batch)]
    return {"default": np.array([" ".join(line).encode() for line in words], object)}


def calls(network: str, module: str, batch: int) -> dict[str, Any]:
    """CPU seconds of a call on two threads, both sides in turn, and the ratio."""
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    import numpy as np
    import tensorflow as tf

    import tf1hub as hub

    inputs = inputs_of(network, batch)
    ours = hub.Predictor(module, engine="onnx")
    tf1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        instance = hub.Module(module)
        feeds = {name: tf1.placeholder(info.dtype, info.get_shape()) for name, info in ours.inputs.items()}
        outputs = instance(feeds, as_dict=True)
        prepare = [tf1.global_variables_initializer(), tf1.tables_initializer()]
    config = tf1.ConfigProto(intra_op_parallelism_threads=THREADS, inter_op_parallelism_threads=1)
    session = tf1.Session(graph=graph, config=config)
    session.run(prepare)
    run = session.make_callable(list(outputs.values()), [feeds[name] for name in inputs])
    sides: dict[str, Callable[[], Any]] = {
        "ours": lambda: ours(inputs),
        "session": lambda: run(*inputs.values()),
    }
    for name, value in zip(outputs, sides["session"](), strict=True):
        found = sides["ours"]()[name]
        np.testing.assert_allclose(found, value, atol=1e-3 * float(np.abs(value).max()))
    return in_turn(sides)


def in_turn(
    sides: dict[str, Callable[[], Any]], base: str = "session", calls_each: int = 1, budget: float = 20.0
) -> dict[str, Any]:
    """For each side the median CPU seconds of a call, and "ours_x", the ratio to the base of neighbours."""
    each: dict[str, list[float]] = {name: [] for name in sides}
    started = time.process_time()
    while len(each["ours"]) < 5 or (len(each["ours"]) < 200 and time.process_time() - started < budget):
        for name, call in sides.items():
            call()
            before = time.process_time()
            for _ in range(calls_each):
                call()
            each[name].append((time.process_time() - before) / calls_each)
    ratio = statistics.median(a / b for a, b in zip(each["ours"], each[base], strict=True))
    return {f"{name}_s": statistics.median(found) for name, found in each.items()} | {"ours_x": ratio}


def conversion(module: str) -> dict[str, Any]:
    """CPU seconds from the module on disk to the model on disk."""
    import tempfile

    import onnx  # noqa: F401  # before the clock starts

    from tf1hub.arrays.module_code import ModuleCode
    from tf1hub.onnx.model_file import write_model
    from tf1hub.onnx.signature_model import lower_signature
    from tf1hub.spec.module_spec import load_module_spec

    with tempfile.TemporaryDirectory() as directory:
        started = time.process_time()
        spec = load_module_spec(module)
        model = lower_signature(ModuleCode(spec, spec.variant(None)))
        write_model(model.model, model.constants, os.path.join(directory, "model.onnx"))
        used = time.process_time() - started
    weights = sum(array.nbytes for _, array in model.constants)
    return {"cpu_s": used, "weights": weights}


def imports_alone() -> dict[str, Any]:
    import onnx  # noqa: F401

    import tf1hub.onnx.signature_model  # noqa: F401

    return {}
