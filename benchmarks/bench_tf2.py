"""A module in TensorFlow 2 against TensorFlow's own loader, and fine-tuning against graph mode."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import ROOT, WEIGHTS, Bench, Figures, Row, at_most, megabytes, seconds, times

ENVIRONMENT = "newest"
"""Where TensorFlow 2 is used today; the original library, to which all else is compared, runs up to 2.15."""

SIDES = {"ours": {"side": "ours"}, "tensorflow": {"side": "tensorflow"}}
LSTM = ROOT / "tests" / "golden" / "modules" / "lstm" / "module"


def rows(bench: Bench) -> Iterator[Row]:
    residual = bench.module("residual", "ours")
    for what, network, module in (
        ("the golden LSTM", "lstm", LSTM),
        ("a residual network of 4,680 ops", "residual", residual),
    ):
        first = bench.in_turn("bench_tf2:first_result", SIDES, network=network, module=module)
        ours, theirs = first["ours"]["first_s"], first["tensorflow"]["first_s"]
        yield ratio(f"tf1hub.load of {what}, to the first result", ours, theirs, 0.6)
        calls = bench.run("bench_tf2:steady_calls", network=network, module=module)
        yield in_rows(f"one call of {what}", calls, "ours", "tensorflow", 1.05)
        if network == "residual":
            yield in_rows("the same with jit_compile=True", calls, "compiled", "tensorflow", None)
    tuning = bench.run("bench_tf2:fine_tuning", module=residual)
    yield in_rows("a fine-tuning step, against a Session", tuning, "ours", "session", 1.1)
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


def ratio(what: str, ours: float, theirs: float, limit: float) -> Row:
    """A row for two times, ours over theirs."""
    return _row(what, ours, theirs, ours / theirs, limit)


def in_rows(what: str, figures: Figures, ours: str, theirs: str, limit: float | None) -> Row:
    """A row for two sides of `in_turn`; without a limit it is only told."""
    return _row(what, figures[f"{ours}_s"], figures[f"{theirs}_s"], figures[f"{ours}_x"], limit)


def _row(what: str, ours: float, theirs: float, figure: float, limit: float | None) -> Row:
    target = "" if limit is None else f"<= {limit:g} x"
    return Row(what, seconds(ours), seconds(theirs), times(figure), target, limit is None or figure <= limit)


def inputs_of(network: str) -> dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    if network == "residual":
        return {"default": tf.zeros([2, 32, 32, 3])}
    tokens = np.random.default_rng(0).integers(0, 30, (3, 6))
    return {"tokens": tf.constant(tokens, tf.int32), "sequence_len": tf.constant([6, 2, 4], tf.int32)}


def first_result(side: str, network: str, module: str) -> dict[str, Any]:
    """Seconds from the call of the loader to the first result."""
    import tensorflow as tf

    import tf1hub.tf2.load  # before the clock starts, as TensorFlow was

    inputs = inputs_of(network)
    tf.function(lambda x: x + 1.0)(tf.zeros([]))  # TensorFlow's own first use
    started = time.perf_counter()
    if side == "ours":
        tf1hub.tf2.load.load(module)(inputs, as_dict=True)["default"].numpy()
    else:
        tf.saved_model.load(module, tags=[]).signatures["default"](**inputs)["default"].numpy()
    return {"first_s": time.perf_counter() - started}


def steady_calls(network: str, module: str) -> dict[str, Any]:
    """Seconds of one call."""
    import tensorflow as tf

    import tf1hub as hub

    inputs = inputs_of(network)
    loaded = hub.load(module)
    signature = tf.saved_model.load(module, tags=[]).signatures["default"]
    calls: dict[str, Callable[[], Any]] = {}
    if network == "residual":
        compiled = tf.function(lambda: loaded(inputs, as_dict=True)["default"], jit_compile=True)
        calls["compiled"] = lambda: compiled().numpy()
    calls["ours"] = lambda: loaded(inputs, as_dict=True)["default"].numpy()
    calls["tensorflow"] = lambda: signature(**inputs)["default"].numpy()
    return in_turn(calls, rounds=60, calls_each=12)


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int, calls_each: int) -> dict[str, Any]:
    """For each call the median seconds once it is under way, and the ratio "..._x" to that of the last one.

    In each round every call has some in a row, and the ratio is taken of neighbours: one call to the next
    differs by far more than the two sides do. The first ones of a row pay for what the others left in the
    processor's caches, and do not count.
    """
    each: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds):
        order = list(calls.items())
        for name, call in order if i % 2 else reversed(order):
            row = []
            for _ in range(3 + calls_each):
                started = time.perf_counter()
                call()
                row.append(time.perf_counter() - started)
            each[name].append(statistics.median(row[3:]))
    *_, base = each.values()
    ratios = {
        f"{name}_x": statistics.median(one / other for one, other in zip(found, base, strict=True))
        for name, found in each.items()
    }
    return {f"{name}_s": statistics.median(found) for name, found in each.items()} | ratios


def fine_tuning(module: str) -> dict[str, Any]:
    """Seconds of one step of gradient descent with update ops, batch of 8; both ways in turn."""
    import numpy as np

    images = np.random.default_rng(0).random((8, 32, 32, 3), dtype=np.float32)
    steps = {"ours": eager_step(module, images), "session": session_step(module, images)}
    return in_turn(steps, rounds=10, calls_each=4)


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
