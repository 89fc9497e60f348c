"""A module in TensorFlow 2 against TensorFlow's own loader, and fine-tuning against graph mode."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import ROOT, WEIGHTS, Bench, Row, at_most, megabytes, seconds, times

ENVIRONMENT = "tf221"
"""Where TensorFlow 2 is used today; the original library, to which all else is compared, runs up to 2.15."""

SIDES = {"ours": {"side": "ours"}, "tensorflow": {"side": "tensorflow"}}
LSTM = ROOT / "tests" / "golden" / "modules" / "lstm" / "module"


def rows(bench: Bench) -> Iterator[Row]:
    residual = bench.module("residual", "ours")
    for what, measurement, module in (
        ("the golden LSTM", "bench_tf2:lstm", LSTM),
        ("a residual network of 4,680 ops", "bench_tf2:residual", residual),
    ):
        found = bench.in_turn(measurement, SIDES, module=module)
        ours, theirs = found["ours"], found["tensorflow"]
        yield ratio(f"tf1hub.load of {what}, to the first result", ours["first_s"], theirs["first_s"], 0.6)
        yield ratio(f"one call of {what}", ours["call_s"], theirs["call_s"], 1.05)
        if "compiled_s" in ours.runs[0]:
            yield ratio("the same with jit_compile=True", ours["compiled_s"], ours["call_s"], None)
    tuning = bench.run("bench_tf2:fine_tuning", module=residual)
    yield ratio("a fine-tuning step, against a Session", tuning["ours_s"], tuning["session_s"], 1.1)
    big = bench.module("big", "ours")
    memory = bench.in_turn("bench_tf2:big_module", SIDES, repeats=3, module=big)
    alone = bench.run("bench_tf2:tensorflow_alone", repeats=3)["peak_bytes"]
    ours, theirs = memory["ours"], memory["tensorflow"]
    yield at_most(
        f"peak memory of loading 500 MB above TensorFlow's own {megabytes(alone)}, per weight",
        (ours["peak_bytes"] - alone) / WEIGHTS,
        1.2,
        times,
        times((theirs["peak_bytes"] - alone) / WEIGHTS),
    )


def ratio(what: str, ours: float, theirs: float, limit: float | None) -> Row:
    """A row for two times, ours over theirs; without a limit it is only told."""
    figure = ours / theirs
    target = "" if limit is None else f"<= {limit:g} x"
    return Row(what, seconds(ours), seconds(theirs), times(figure), target, limit is None or figure <= limit)


def lstm(side: str, module: str) -> dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    inputs = {
        "tokens": tf.constant(rng.integers(0, 30, (3, 6)), tf.int32),
        "sequence_len": tf.constant([6, 2, 4], tf.int32),
    }
    return first_and_steady(side, module, inputs, compiled=False)


def residual(side: str, module: str) -> dict[str, Any]:
    import tensorflow as tf

    return first_and_steady(side, module, {"default": tf.zeros([2, 32, 32, 3])}, compiled=side == "ours")


def first_and_steady(side: str, module: str, inputs: dict[str, Any], compiled: bool) -> dict[str, Any]:
    """Seconds from the call of the loader to the first result, and of one call afterwards."""
    import tensorflow as tf

    import tf1hub.tf2.load  # before the clock starts, as TensorFlow was

    tf.function(lambda x: x + 1.0)(tf.zeros([]))  # TensorFlow's own first use
    started = time.perf_counter()
    if side == "ours":
        loaded = tf1hub.tf2.load.load(module)

        def call() -> Any:
            return loaded(inputs, as_dict=True)

    else:
        signature = tf.saved_model.load(module, tags=[]).signatures["default"]

        def call() -> Any:
            return signature(**inputs)

    call()["default"].numpy()
    figures = {"first_s": time.perf_counter() - started, "call_s": steady(call)}
    if compiled:
        figures["compiled_s"] = steady(tf.function(call, jit_compile=True))
    return figures


def steady(call: Callable[[], Any], calls: int = 100) -> float:
    """The median seconds of a call, after the first ones."""
    each = []
    for i in range(calls + 10):
        started = time.perf_counter()
        call()["default"].numpy()
        if i >= 10:
            each.append(time.perf_counter() - started)
    return statistics.median(each)


def fine_tuning(module: str) -> dict[str, Any]:
    """Seconds of one step of gradient descent with update ops, batch of 8; both ways in turn."""
    import numpy as np

    images = np.random.default_rng(0).random((8, 32, 32, 3), dtype=np.float32)
    steps = {"ours_s": eager_step(module, images), "session_s": session_step(module, images)}
    each: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(35):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if i >= 5:
                each[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in each.items()}


def eager_step(module: str, images: Any) -> Callable[[], Any]:
    import tensorflow as tf

    import tf1hub as hub

    loaded = hub.load(module)
    variables = list(loaded.trainable_variables)

    @tf.function
    def step(batch: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(loaded(batch, training=True)))
            loss += tf.add_n([regularize() for regularize in loaded.regularization_losses])
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.001 * gradient)
        return loss

    batch = tf.constant(images)
    return lambda: step(batch).numpy()


def session_step(module: str, images: Any) -> Callable[[], Any]:
    import tensorflow as tf

    import tf1hub as hub

    tf1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        instance = hub.Module(module, tags={"train"}, trainable=True)
        loss = tf.reduce_mean(tf.square(instance(tf.constant(images)))) + tf1.losses.get_regularization_loss()
        variables = tf1.trainable_variables()
        with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
            gradients = tf1.gradients(loss, variables)
            train = tf.group(
                *(tf1.assign_sub(v, 0.001 * g) for v, g in zip(variables, gradients, strict=True))
            )
        initialize = tf1.global_variables_initializer()
    session = tf1.Session(graph=graph)
    session.run(initialize)
    return lambda: session.run([loss, train])


def big_module(side: str, module: str) -> dict[str, Any]:
    import tensorflow as tf

    ids = tf.constant([3, 24_999])
    if side == "ours":
        import tf1hub as hub

        rows = hub.load(module)(ids)
    else:
        rows = tf.saved_model.load(module, tags=[]).signatures["default"](default=ids)["default"]
    assert rows.shape == (2, 1_000)
    return {}


def tensorflow_alone() -> dict[str, Any]:
    """The same program around a variable of three numbers, without any module."""
    import tensorflow as tf

    table = tf.Variable([[1.0], [2.0], [3.0]])
    tf.function(lambda ids: tf.gather(table, ids))(tf.constant([0, 2]))
    return {}
