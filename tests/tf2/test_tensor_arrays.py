"""TensorArrays as lists, held against graph mode where the two could differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tf2.old_graphs import OldGraph, Tensors, assert_same
from tf2.test_control_flow import FEEDS, inputs, weight

from tf1hub.errors import UnsupportedGraphError

tf1 = tf.compat.v1
X = FEEDS["first"]
Build = Callable[[Any, Any], Any]
GRAPHS: dict[str, Build] = {}
REFUSED: dict[str, tuple[Build, str]] = {}


def graph(build: Build) -> Build:
    GRAPHS[build.__name__] = build
    return build


def refused(message: str) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        REFUSED[build.__name__] = build, message
        return build

    return register


def old_graph(build: Build) -> OldGraph:
    """The graph of an output made from the input [None, 3] and a variable [3, 3]."""

    def both() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        made = build(x, w)
        return {"x": x}, made if isinstance(made, dict) else {"default": made}

    return OldGraph(both)


def array(size: Any, dynamic: bool = False, shape: Any = (3,)) -> Any:
    return tf.TensorArray(tf.float32, size, dynamic_size=dynamic, element_shape=shape, clear_after_read=False)


def with_flow(rows: Any, flow: Any) -> Any:
    """The same array behind another flow."""
    return tf.TensorArray(tf.float32, handle=rows.handle, flow=flow)


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


# ------------------------------------------------------------- the order of writes


@graph
def reads_and_writes_that_take_turns_in_a_loop(x: Any, w: Any) -> Any:
    def body(i: Any, rows: Any) -> Any:
        return i + 1, rows.write(i, tf.tanh(tf.tensordot(rows.read(i - 1), w, 1)) + rows.read(0))

    return tf.while_loop(lambda i, _: i < 4, body, (1, array(4).write(0, x[0])))[1].stack()


@graph
def arrays_of_one_iteration_each(x: Any, w: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        rows = array(tf.shape(y)[0] + 1).unstack(y)
        size = rows.size()
        return i + 1, tf.tanh(tf.matmul(rows.write(size - 1, w[0]).stack()[1:], w))

    return tf.while_loop(lambda i, _: i < 3, body, (0, x))[1]


@graph
def size_of_an_array_of_fixed_size_behind_a_write(x: Any, w: Any) -> Any:
    rows = array(2)
    written = rows.write(0, w[0]).write(1, x[0])
    with tf1.control_dependencies([written.flow]):
        return written.stack() * tf.cast(rows.size(), tf.float32)


@graph
def write_in_a_branch(x: Any, w: Any) -> Any:
    rows = array(2).write(0, w[0])
    flow = tf.cond(x[0, 0] > 0.0, lambda: rows.write(1, x[0]).flow, lambda: rows.write(1, w[1]).flow)
    return with_flow(rows, flow).stack()


@graph
def loop_in_a_loop_over_one_array(x: Any, w: Any) -> Any:
    def outer(i: Any, rows: Any) -> Any:
        def inner(j: Any, rows: Any) -> Any:
            return j + 1, rows.write(2 * i + j, tf.tanh(rows.read(2 * i + j - 1) + w[j]))

        _, rows = tf.while_loop(lambda j, _: j < 2, inner, (0, rows))
        return i + 1, rows

    return tf.while_loop(lambda i, _: i < 3, outer, (1, array(8).write(1, x[0])))[1].gather(tf.range(1, 8))


@refused("The node 'TensorArrayStack/TensorArrayGatherV3' .* 'TensorArrayWrite/TensorArrayWriteV3' .* wrote")
def two_writes_to_one_flow(x: Any, w: Any) -> Any:
    rows = array(2)
    first, second = rows.write(0, w[0]), rows.write(1, x[0])
    with tf1.control_dependencies([first.flow]):
        return second.stack()


@refused("The node 'TensorArrayReadV3' .* 'TensorArrayWrite_1/TensorArrayWriteV3' .* wrote")
def read_on_an_old_flow_behind_a_write(x: Any, w: Any) -> Any:
    rows = array(2).write(0, w[0])
    with tf1.control_dependencies([rows.write(1, x[0]).flow]):
        return rows.read(1)


@refused("The node 'TensorArraySizeV3' .* 'TensorArrayWrite/TensorArrayWriteV3' .* wrote")
def size_of_a_growing_array_on_an_old_flow(x: Any, w: Any) -> Any:
    rows = array(0, dynamic=True)
    with tf1.control_dependencies([rows.write(1, x[0]).flow]):
        return w * tf.cast(rows.size(), tf.float32)


@refused(
    "The node 'TensorArrayStack/TensorArrayGatherV3' .* 'cond/TensorArrayWrite/TensorArrayWriteV3' .* wrote"
)
def write_in_a_branch_that_keeps_the_flow(x: Any, w: Any) -> Any:
    rows = array(2).write(0, w[0])

    def write() -> Any:
        with tf1.control_dependencies([rows.write(1, x[0]).flow]):
            return tf.constant(1.0)

    done = tf.cond(x[0, 0] > 0.0, write, lambda: 2.0)
    with tf1.control_dependencies([done]):
        return rows.stack()


@refused(
    "The node 'while/TensorArrayWrite/TensorArrayWriteV3' .* 'while/TensorArrayWrite/TensorArrayWriteV3'"
)
def writes_of_a_loop_that_does_not_carry_the_flow(x: Any, w: Any) -> Any:
    rows = array(2)

    def body(i: Any) -> Any:
        with tf1.control_dependencies([rows.write(i, w[i] * x[0]).flow]):
            return (i + 1,)

    with tf1.control_dependencies(tf.while_loop(lambda i: i < 2, body, (0,))):
        return rows.stack()


@refused(
    "The node 'while/TensorArrayWrite/TensorArrayWriteV3' .* 'while/TensorArrayWrite/TensorArrayWriteV3'"
)
def writes_of_a_loop_that_carries_the_last_flow_only(x: Any, w: Any) -> Any:
    rows = array(2)
    _, flow = tf.while_loop(
        lambda i, _: i < 2, lambda i, _: (i + 1, rows.write(i, w[i] * x[0]).flow), (0, rows.flow)
    )
    return with_flow(rows, flow).stack()


@refused("The node 'while/TensorArrayReadV3' .* 'while/TensorArrayWrite/TensorArrayWriteV3' .* wrote")
def read_on_an_old_flow_within_an_iteration(x: Any, w: Any) -> Any:
    def body(i: Any, y: Any, rows: Any) -> Any:
        written = rows.write(i, w[i] * x[0])
        with tf1.control_dependencies([written.flow]):
            return i + 1, y + rows.read(i), written

    return tf.while_loop(lambda i, *_: i < 2, body, (0, x[0], array(2)))[1]


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_arrays_give_graph_modes_numbers_and_gradients(name: str) -> None:
    assert_same(old_graph(GRAPHS[name]), {"x": X}, {"x": -0.5 * X})


def test_an_array_that_is_read_before_it_grows() -> None:
    """Graph mode has no gradient to hold this against: to make one may keep the array from growing."""

    def read_and_grow(x: Any, w: Any) -> Any:
        rows = array(0, dynamic=True).write(0, w[0])
        first = rows.read(0)
        return rows.write(1, first * x[0]).stack() + first

    module = old_graph(read_and_grow).load()
    (w,) = module.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        actual = module(X)
        expected = tf.stack([w[0], w[0] * X[0]]) + w[0]
        losses = [tf.reduce_sum(tf.square(rows)) for rows in (actual, expected)]
    np.testing.assert_allclose(actual, expected, rtol=1e-6)
    ours, right = (tf.convert_to_tensor(tape.gradient(loss, w)) for loss in losses)
    np.testing.assert_allclose(ours, right, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_writes_that_the_flow_does_not_tell_of_are_refused_before_anything_is_read(name: str) -> None:
    build, message = REFUSED[name]
    with pytest.raises(UnsupportedGraphError, match=f"(?s)cannot be loaded into TensorFlow 2.*  - {message}"):
        old_graph(build).load()


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
