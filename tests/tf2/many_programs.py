"""Tests over many random programs, each over some of them in one graph.

`TF1HUB_PROGRAMS=5000 pytest tests -k random_programs` tries more of them, and new ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tf2 import random_programs
from tf2.old_graphs import Tensors
from tf2.random_programs import Block

tf1 = tf.compat.v1
TOGETHER = 10
"""Programs in one graph: a session and a loaded module cost more than most of these programs."""
X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], np.float32)
PHASES = [Phase.explicit, Phase.generate]
"""Without finding smaller programs that fail: where a program is compiled, that takes minutes."""


def over_programs(count: int, phases: list[Phase] | None = None) -> Callable[[Any], Any]:
    """Makes a test of a function of programs, and of whether their variables are resources.

    Args:
        count: how many programs are tried.
        phases: what hypothesis does; None for all of it.
    """
    asked = os.environ.get("TF1HUB_PROGRAMS")
    configured = settings(
        max_examples=max(1, int(asked or count) // TOGETHER),
        deadline=None,
        derandomize=asked is None,
        database=None,
        phases=list(Phase) if phases is None else phases,
        suppress_health_check=list(HealthCheck),
    )
    programs = st.lists(random_programs.programs(), min_size=TOGETHER, max_size=TOGETHER)
    return lambda test: configured(given(programs, st.booleans())(test))


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
