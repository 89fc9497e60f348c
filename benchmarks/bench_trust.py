"""What it costs to ask, at each load, whether a module does what nobody allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import Bench, Row

NODES = 5_000


def rows(bench: Bench) -> Iterator[Row]:
    measured = bench.run("bench_trust:asking", repeats=3)
    nodes = measured.runs[0]["nodes"]
    for what, asked, whole in (
        ("hub.Module", "asked_in_graph_s", "module_s"),
        ("hub.load and a call", "asked_in_load_s", "load_s"),
    ):
        shares = sorted(run[asked] / run[whole] for run in measured.runs)
        yield Row(
            f"share of asking in {what}, {nodes:,} nodes",
            f"{shares[len(shares) // 2]:.1%}",
            "",
            f"{shares[len(shares) // 2]:.1%}",
            "at most 5 %",
            shares[len(shares) // 2] <= 0.05,
        )


def asking() -> dict[str, Any]:
    """Times a module of 5,000 nodes in a graph and in TensorFlow 2, and what of it is asking; in CPU time."""
    import tensorflow as tf

    import tf1hub as hub
    from tf1hub.trust import parts

    def module_fn() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None, 4])
        w = tf.compat.v1.get_variable("w", [4, 4])
        y = x
        graph = tf.compat.v1.get_default_graph()
        while len(graph.get_operations()) < NODES:
            y = tf.nn.relu(tf.matmul(y, w) + 0.5)
        hub.add_signature(inputs=x, outputs=y)

    spec = hub.create_module_spec(module_fn)
    spent = 0.0

    def timed(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            nonlocal spent
            started = time.process_time()
            try:
                return function(*arguments)
            finally:
                spent += time.process_time() - started

        return call

    parts.Analysis = timed(parts.Analysis)  # type: ignore[misc,assignment]
    started = time.process_time()
    with tf.Graph().as_default():
        hub.Module(spec)(tf.zeros([1, 4]))
    module_s, in_graph = time.process_time() - started, spent
    spent, spec = 0.0, spec.with_values(None)
    started = time.process_time()
    hub.load(spec)(tf.zeros([1, 4]))
    load_s = time.process_time() - started
    return {
        "nodes": len(spec.variant().nodes),
        "module_s": module_s,
        "asked_in_graph_s": in_graph,
        "load_s": load_s,
        "asked_in_load_s": spent,
    }
