"""A module in JAX, compiled, against TensorFlow's Session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.bench_tf2 import LSTM, in_rows, in_turn
from benchmarks.harness import Bench, Row

ENVIRONMENT = "newest"
STEPS = 40


def rows(bench: Bench) -> Iterator[Row]:
    calls = bench.run("bench_jax:lstm_calls", module=LSTM)
    yield in_rows(
        f"to_jax under jit: the golden LSTM, {STEPS} steps, against a Session", calls, "jax", "session", 0.25
    )


def lstm_calls(module: str) -> dict[str, Any]:
    """Seconds of one call for one sequence."""
    import jax
    import numpy as np
    import tensorflow as tf

    import tf1hub as hub

    tokens = np.random.default_rng(0).integers(0, 30, (1, STEPS)).astype(np.int32)
    lengths = np.asarray([STEPS], np.int32)
    function, params = hub.to_jax(module)
    compiled = jax.jit(function)
    inputs = {"tokens": tokens, "sequence_len": lengths}
    with tf.Graph().as_default() as graph:
        instance = hub.Module(module)
        feeds = {name: tf.compat.v1.placeholder(value.dtype, value.shape) for name, value in inputs.items()}
        output = instance(feeds)
        initialize = tf.compat.v1.global_variables_initializer()
    session = tf.compat.v1.Session(graph=graph)
    session.run(initialize)
    run = session.make_callable(output, list(feeds.values()))
    given = [inputs[name] for name in feeds]
    np.testing.assert_allclose(compiled(params, inputs)["default"], run(*given), rtol=1e-4, atol=1e-5)
    return in_turn(
        {
            "jax": lambda: np.asarray(compiled(params, inputs)["default"]),
            "session": lambda: run(*given),
        },
        rounds=40,
        calls_each=12,
    )
