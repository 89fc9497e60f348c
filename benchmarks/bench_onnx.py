"""Modules as ONNX models: against TensorFlow's Session, and what converting takes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
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
            if network == "resnet50":
                yield from beside_hand_written(bench, module, words, batch)
        if conversion is not None:
            figures = bench.run("bench_onnx:conversion", repeats=3, module=module)
            yield at_most(
                f"{words}: to ONNX without the comparison, CPU time", figures["cpu_s"], conversion, seconds
            )
            alone = bench.run("bench_onnx:imports_alone", repeats=1)["peak_bytes"]
            memory = (figures["peak_bytes"] - alone) / figures["weights"]
            yield at_most(f"{words}: its peak memory above the imports', per weight", memory, 3, times)


def beside_hand_written(bench: Bench, module: Path, words: str, batch: int) -> Iterator[Row]:
    """What a conversion cannot be faster than: the network as a person writes it in ONNX."""
    figures = bench.run("bench_onnx:hand_written", repeats=1, module=module, batch=batch)
    yield Row(
        f"{words}: a call in ONNX against the network written by hand in ONNX, batch {batch}, CPU time",
        seconds(figures["ours_s"]),
        seconds(figures["hand_s"]),
        times(figures["ours_x"]),
        "<= 1.05 x",
        figures["ours_x"] <= 1.05,
    )
    if batch == 1:
        figures = bench.run("bench_onnx:on_numpy", repeats=1, module=module)
        yield at_most(f"{words}: a call on NumPy, batch 1, CPU time", figures["numpy_s"], 2, seconds)


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
    import tf1hub as hub

    inputs = inputs_of(network, batch)
    ours = predictor_of(module)
    run = session_of(hub, module, ours, inputs)
    assert_close(ours(inputs), run())
    # A short call runs on what the calls before it left in the processor's caches; a program makes many, one after the other.
    calls_each = 20 if network == "sentences" else 1
    return in_turn({"ours": lambda: ours(inputs), "session": run}, calls_each=calls_each)


def predictor_of(module: str) -> Any:
    """On ONNX Runtime, with the threads of the comparison."""
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    import tf1hub as hub

    return hub.Predictor(module, engine="onnx")


def session_of(
    hub: ModuleType, module: str, predictor: Any, inputs: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    """A call of the module in a Session of TensorFlow's, on as many threads."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        instance = hub.Module(module)
        feeds = {
            name: tf1.placeholder(info.dtype, info.get_shape()) for name, info in predictor.inputs.items()
        }
        outputs = instance(feeds, as_dict=True)
        prepare = [tf1.global_variables_initializer(), tf1.tables_initializer()]
    config = tf1.ConfigProto(intra_op_parallelism_threads=THREADS, inter_op_parallelism_threads=1)
    session = tf1.Session(graph=graph, config=config)
    session.run(prepare)
    run = session.make_callable(list(outputs.values()), [feeds[name] for name in inputs])
    values = list(inputs.values())
    return lambda: dict(zip(outputs, run(*values), strict=True))


def assert_close(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    import numpy as np

    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, atol=1e-3 * float(np.abs(value).max()))


def hand_written(module: str, batch: int) -> dict[str, Any]:
    """The same for the model that a person would write, without our conversion and our checks of inputs."""
    import numpy as np
    import onnxruntime

    from benchmarks.hand_written_onnx import resnet50

    inputs = inputs_of("resnet50", batch)
    ours = predictor_of(module)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        resnet50().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    images = np.ascontiguousarray(inputs["default"].transpose(0, 3, 1, 2))
    return in_turn(
        {"ours": lambda: ours(inputs), "hand": lambda: session.run(None, {"images": images})}, base="hand"
    )


def on_numpy(module: str) -> dict[str, Any]:
    """CPU seconds of a call on NumPy, whose numbers are a Session's."""
    import tf1hub as hub

    inputs = inputs_of("resnet50", 1)
    ours = hub.Predictor(module, engine="numpy")
    assert_close(ours(inputs), session_of(hub, module, ours, inputs)())
    started = time.process_time()
    ours(inputs)
    return {"numpy_s": time.process_time() - started}


_SHORT = 0.02
"""Seconds. A call that takes longer does not notice what ran before it."""


def in_turn(
    sides: dict[str, Callable[[], Any]], base: str = "session", calls_each: int = 1, budget: float = 20.0
) -> dict[str, Any]:
    """For each side the median CPU seconds of a call, and "ours_x", the ratio to the base of neighbours."""
    each: dict[str, list[float]] = {name: [] for name in sides}
    started = time.process_time()
    while len(each["ours"]) < 5 or (len(each["ours"]) < 200 and time.process_time() - started < budget):
        for name, call in sides.items():
            if not each[name] or each[name][-1] < _SHORT:
                call()  # what the other side left in the caches is no part of it
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
