"""TensorArrays as lists, held against graph mode where the two could differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from tf2.old_graphs import OldGraph, Tensors, assert_same
from tf2.test_control_flow import FEEDS, inputs, weight

tf1 = tf.compat.v1
X = FEEDS["first"]
Build = Callable[[Any, Any], Any]
GRAPHS: dict[str, Build] = {}


def graph(build: Build) -> Build:
    GRAPHS[build.__name__] = build
    return build


def old_graph(build: Build) -> OldGraph:
    """The graph of an output made from the input [None, 3] and a variable [3, 3]."""

    def both() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        made = build(x, w)
        return {"x": x}, made if isinstance(made, dict) else {"default": made}

    return OldGraph(both)


def array(size: Any, dynamic: bool = False, shape: Any = (3,)) -> Any:
    return tf.TensorArray(tf.float32, size, dynamic_size=dynamic, element_shape=shape, clear_after_read=False)


# ---------------------------------------------------------------------- gathers


@graph
def gather_of_constant_indices_that_repeat(x: Any, w: Any) -> Any:
    return array(3).unstack(w).gather([2, 0, 0]) * x[0]


@graph
def gather_of_indices_that_repeat_at_run_time(x: Any, w: Any) -> Any:
    return array(3).unstack(w).gather(tf.concat([tf.range(2), tf.shape(x)[:1] - 2], 0))


@graph
def gather_of_indices_that_repeat_in_a_loop(x: Any, w: Any) -> Any:
    rows = array(3).unstack(w)

    def body(i: Any, y: Any) -> Any:
        return i + 1, tf.tanh(y + rows.gather([i, 1]) + rows.gather(tf.minimum([i, i + 1], 2)))

    return tf.while_loop(lambda i, _: i < 3, body, (0, x))[1]


@graph
def gathers_of_ranges_and_distinct_constants(x: Any, w: Any) -> Any:
    rows = array(3).unstack(w)
    return {"default": rows.gather([2, 0]), "range": rows.gather(tf.range(2, -1, -1)) * x[0]}


@graph
def reads_of_one_element(x: Any, w: Any) -> Any:
    rows = array(3).unstack(w)
    return rows.read(1) * rows.read(1) + rows.read(tf.shape(x)[0] - 1) + rows.gather([1, 0])


@graph
def gather_up_to_an_earlier_size(x: Any, w: Any) -> Any:
    rows = array(0, dynamic=True).write(0, w[0]).write(1, w[1] * x[0])
    n = rows.size()
    rows = rows.write(n, w[2])
    return {"default": rows.gather(tf.range(0, n)), "all": rows.stack()}


@graph
def gather_up_to_the_size_of_another_array(x: Any, w: Any) -> Any:
    rows, other = array(3).unstack(w * x[0]), array(2).unstack(w[:2])
    return {"default": rows.gather(tf.range(0, other.size())), "other": other.stack()}


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_arrays_give_graph_modes_numbers_and_gradients(name: str) -> None:
    assert_same(old_graph(GRAPHS[name]), {"x": X}, {"x": -0.5 * X})
