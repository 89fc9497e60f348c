"""TensorArrays as lists, held against graph mode where the two could differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
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


# --------------------------------------------------------------------- scatters


@graph
def scatter_in_front_of_what_is_written(x: Any, w: Any) -> Any:
    n = tf.shape(x)[0]
    return array(0, dynamic=True).write(n, w[0]).scatter(tf.range(0, n), tf.matmul(x, w)).stack()


@graph
def scatter_in_front_of_what_is_written_to_an_array_of_fixed_size(x: Any, w: Any) -> Any:
    n = tf.shape(x)[0]
    return array(n + 1).write(n, w[0]).scatter(tf.range(0, n), tf.matmul(x, w)).stack()


@graph
def write_behind_a_scatter(x: Any, w: Any) -> Any:
    n = tf.shape(x)[0]
    grown, fixed = array(0, dynamic=True), array(n + 1)
    return {
        name: rows.unstack(tf.matmul(x, w)).write(n, w[0]).stack()
        for name, rows in {"default": grown, "fixed": fixed}.items()
    }


@graph
def scatter_that_leaves_elements_out(x: Any, w: Any) -> Any:
    rows = array(tf.shape(x)[0] + 2).unstack(tf.matmul(x, w))
    grown = array(4, dynamic=True).unstack(tf.matmul(x, w))
    return {"default": rows.stack(), "size": rows.size(), "grown": grown.stack(), "grown_size": grown.size()}


@graph
def scatter_of_more_than_an_array_has_yet(x: Any, w: Any) -> Any:
    return array(tf.shape(x)[0] - 1, dynamic=True).unstack(tf.matmul(x, w)).stack()


@graph
def scatter_of_rows_of_another_tensors_number(x: Any, w: Any) -> Any:
    rows = array(tf.shape(x)[0]).unstack(tf.nn.relu(tf.matmul(x, w)))
    _, y = tf.while_loop(
        lambda i, _: i < rows.size(), lambda i, y: (i + 1, y * 0.5 + rows.read(i)), (0, w[0])
    )
    return y


@graph
def scatters_one_after_the_other(x: Any, w: Any) -> Any:
    rows = array(0, dynamic=True).scatter(tf.range(2), tf.matmul(x, w))
    return rows.scatter(tf.range(4, 1, -1), w).stack()


@graph
def scatter_in_a_loop(x: Any, w: Any) -> Any:
    def body(i: Any, rows: Any) -> Any:
        return i + 1, rows.scatter(tf.range(2) + 2 * i, tf.matmul(x, w) * (1.0 + tf.cast(i, tf.float32)))

    return tf.while_loop(lambda i, _: i < 3, body, (0, array(6)))[1].stack()


@graph
def read_before_an_array_grows(x: Any, w: Any) -> Any:
    rows = array(0, dynamic=True).write(0, w[0])
    first = rows.read(0)
    return rows.write(1, first * x[0]).stack() + first


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_arrays_give_graph_modes_numbers_and_gradients(name: str) -> None:
    assert_same(old_graph(GRAPHS[name]), {"x": X}, {"x": -0.5 * X})


def ops_of(old: OldGraph) -> set[str]:
    definition = old.load().signatures["default"].graph.as_graph_def()
    return {node.op for function in definition.library.function for node in function.node_def}


@pytest.mark.parametrize(
    "size", [lambda x: tf.shape(x)[0], lambda x: tf1.shape(tf.identity(x))[0]], ids=["same", "alike"]
)
def test_a_list_that_is_known_to_be_full_is_made_from_its_rows_alone(size: Callable[[Any], Any]) -> None:
    old = old_graph(lambda x, w: array(size(x)).unstack(x).stack() + w[0])
    ops = ops_of(old)
    assert "TensorListFromTensor" in ops
    assert not ops & {"Pad", "PadV2", "TensorListScatterIntoExistingList"}


def test_a_list_that_may_have_more_elements_than_rows_compiles() -> None:
    old = old_graph(lambda x, w: array(tf.shape(x)[0] + 2).unstack(tf.matmul(x, w)).stack())
    module = old.load()
    compiled = tf.function(lambda x: module(x), jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(X)), module(X), rtol=1e-6)
    assert module(X).shape[0] == len(X) + 2
