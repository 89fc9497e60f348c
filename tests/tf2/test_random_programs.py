"""Random old programs, read and traced again, give graph mode's outputs and gradients.

`TF1HUB_PROGRAMS=5000 pytest tests/tf2/test_random_programs.py` tries more of them, and new ones each time.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tf2 import random_programs
from tf2.old_graphs import OldGraph, Tensors, assert_same
from tf2.random_programs import Block, Choice, Counted, Rows, Step, Until

tf1 = tf.compat.v1
PROGRAMS = int(os.environ.get("TF1HUB_PROGRAMS", "500"))
TOGETHER = 10
"""Programs in one graph: a session and a loaded module cost more than most of these programs."""
X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], np.float32)


def graph_of(blocks: list[Block], resource: bool) -> Any:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.float32, [2, 3], name="x")
        values = np.linspace(-0.5, 0.7, 9, dtype=np.float32).reshape(3, 3)
        w = tf1.get_variable("w", initializer=tf.constant(values), use_resource=resource)
        v = tf1.get_variable("v", initializer=tf.constant([0.5, -0.7, 0.9]), use_resource=not resource)
        flag = tf.reduce_sum(x) > 0.0
        outputs = {f"p{i}": random_programs.build(block, x, x, w, v, flag) for i, block in enumerate(blocks)}
        return {"x": x}, {"default": x * 1.0, **{name: y * 1.0 for name, y in outputs.items()}}

    return build


@settings(
    max_examples=max(1, PROGRAMS // TOGETHER),
    deadline=None,
    derandomize="TF1HUB_PROGRAMS" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(random_programs.programs(), min_size=TOGETHER, max_size=TOGETHER), st.booleans())
@example(
    [(Counted(2, (Choice(None, (Counted(2, (Step("matmul"),), True),), (Step("input"),)),), False),)], True
)
@example([(Rows((Until(0.2, (Step("scale"),)),), True), Choice(0.0, (), (Step("tanh"),)))], False)
def test_random_programs_give_graph_modes_numbers_and_gradients(blocks: list[Block], resource: bool) -> None:
    old = OldGraph(graph_of(blocks, resource))
    assert_same(old, {"x": X}, {"x": -0.5 * X})
