"""Old conds, loops and TensorArrays, held against graph mode: outputs, gradients, updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tf2.old_graphs import OldGraph, Tensors, assert_same

tf1 = tf.compat.v1
X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], np.float32)


def weight(name: str = "w", shape: tuple[int, ...] = (3, 3), resource: bool = True) -> Any:
    value = np.linspace(-0.5, 0.7, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return tf1.get_variable(name, initializer=tf.constant(value), use_resource=resource)


def inputs() -> Any:
    return tf1.placeholder(tf.float32, [None, 3], name="x")


Build = Callable[[bool], tuple[Tensors, Tensors]]
GRAPHS: dict[str, Build] = {}


def graph(build: Build) -> Build:
    GRAPHS[build.__name__] = build
    return build


@graph
def cond_with_captures_and_constants(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, w) + 1.0, lambda: tf.ones_like(x) * w[0])
    return {"x": x}, {"default": y}


@graph
def two_conds_on_one_predicate_in_a_row(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    positive = tf.reduce_sum(x) > 0
    y = tf.cond(positive, lambda: x * 2.0, lambda: x)
    z = tf.cond(positive, lambda: tf.matmul(y, w), lambda: y - 1.0)
    return {"x": x}, {"default": z, "first": y}


@graph
def cond_in_cond_on_the_same_predicate(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    positive = tf.reduce_sum(x) > 0
    y = tf.cond(positive, lambda: tf.cond(positive, lambda: tf.matmul(x, w), lambda: x), lambda: x * 3.0)
    return {"x": x}, {"default": y}


@graph
def cond_with_many_outputs(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    a, b, c = tf.cond(
        x[0, 0] > 0, lambda: (x, tf.matmul(x, w), tf.constant(1)), lambda: (x + 1.0, x, tf.constant(2))
    )
    return {"x": x}, {"default": a, "b": b, "c": c}


@graph
def case_of_three(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    s = tf.reduce_sum(x)
    y = tf.case([(s > 10.0, lambda: x), (s > 0.0, lambda: tf.matmul(x, w))], default=lambda: -x)
    return {"x": x}, {"default": y}


@graph
def counted_loop(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    _, y = tf.while_loop(lambda i, _: i < 4, lambda i, y: (i + 1, tf.tanh(tf.matmul(y, w)) + x), (0, x))
    return {"x": x}, {"default": y}


@graph
def loop_until_the_data_says_so(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    (y,) = tf.while_loop(lambda y: tf.reduce_max(tf.abs(y)) > 0.3, lambda y: (tf.matmul(y, w) * 0.3,), (x,))
    return {"x": x}, {"default": y}


@graph
def loop_with_maximum_iterations(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    (y,) = tf.while_loop(
        lambda y: tf.reduce_max(tf.abs(y)) > 1e-6, lambda y: (tf.matmul(y, w),), (x,), maximum_iterations=3
    )
    return {"x": x}, {"default": y}


@graph
def loop_with_a_number_of_steps_from_the_data(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    n = tf.shape(x)[0] * 2
    i, y = tf.while_loop(
        lambda i, _: i < n, lambda i, y: (i + 1, tf.matmul(y, w) + tf.cast(i, tf.float32)), (0, x)
    )
    return {"x": x}, {"default": y, "i": i}


@graph
def loop_counting_from_two_by_three(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    i, y = tf.while_loop(lambda i, _: i < 10, lambda i, y: (i + 3, tf.matmul(y, w)), (2, x))
    return {"x": x}, {"default": y, "i": i}


@graph
def loop_whose_bound_moves(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    i, n, y = tf.while_loop(
        lambda i, n, _: i < n, lambda i, n, y: (i + 1, tf.minimum(n + 1, 5), tf.matmul(y, w)), (0, 2, x)
    )
    return {"x": x}, {"default": y, "i": i, "n": n}


@graph
def loop_that_counts_and_looks_at_the_data(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    i, y = tf.while_loop(
        lambda i, y: tf.logical_and(i < 6, tf.reduce_max(tf.abs(y)) > 0.2),
        lambda i, y: (1 + i, tf.matmul(y, w) * 0.5),
        (0, x),
        maximum_iterations=tf.shape(x)[0] + 3,
    )
    return {"x": x}, {"default": y, "i": i}


@graph
def loop_that_counts_in_its_condition_only_now_and_then(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    steps, i, y = tf.while_loop(
        lambda steps, i, _: tf.logical_or(i < 2, steps < 5),
        lambda steps, i, y: (steps + 1, tf.where(steps > 2, i + 1, i), tf.matmul(y, w)),
        (0, 0, x),
    )
    return {"x": x}, {"default": y, "steps": steps, "i": i}


@graph
def loop_to_a_negative_number(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    n = tf.shape(x)[0] - 7
    i, y = tf.while_loop(lambda i, _: i < n, lambda i, y: (i + 1, tf.matmul(y, w)), (0, x))
    return {"x": x}, {"default": y + tf.matmul(x, w), "i": i}


@graph
def loop_in_a_loop_over_its_counter(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)

    def body(i: Any, y: Any) -> Any:
        return i + 1, tf.while_loop(
            lambda j, _: j < i, lambda j, z: (j + 1, tf.tanh(tf.matmul(z, w))), (0, y)
        )[1] + x

    _, y = tf.while_loop(lambda i, _: i < 3, body, (0, x))
    return {"x": x}, {"default": y}


@graph
def loop_that_never_runs(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    _, y = tf.while_loop(lambda i, _: i < 0, lambda i, y: (i + 1, tf.matmul(y, w)), (0, x))
    return {"x": x}, {"default": y}


@graph
def loop_in_loop(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)

    def outer(i: Any, y: Any) -> Any:
        _, z = tf.while_loop(lambda j, _: j < i + 1, lambda j, z: (j + 1, tf.tanh(tf.matmul(z, w))), (0, y))
        return i + 1, z + x

    _, y = tf.while_loop(lambda i, _: i < 3, outer, (0, x))
    return {"x": x}, {"default": y}


@graph
def loop_in_cond_in_loop(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)

    def inner(y: Any) -> Any:
        return tf.while_loop(lambda j, _: j < 2, lambda j, z: (j + 1, tf.tanh(tf.matmul(z, w))), (0, y))[1]

    def outer(i: Any, y: Any) -> Any:
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: inner(y), lambda: y * 0.5 + x)

    _, y = tf.while_loop(lambda i, _: i < 4, outer, (0, x))
    return {"x": x}, {"default": y}


@graph
def cond_in_loop_in_cond(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)

    def loop() -> Any:
        def body(i: Any, y: Any) -> Any:
            return i + 1, tf.cond(tf.reduce_sum(y) > 1.0, lambda: y * 0.5, lambda: tf.matmul(y, w) + x)

        return tf.while_loop(lambda i, _: i < 3, body, (0, x))[1]

    return {"x": x}, {"default": tf.cond(x[0, 0] > 0.0, loop, lambda: tf.matmul(x, w))}


@graph
def growing_shapes(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    _, y = tf.while_loop(
        lambda i, _: i < 3,
        lambda i, y: (i + 1, tf.concat([y, tf.matmul(x, w)], 0)),
        (0, x),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 3])),
    )
    return {"x": x}, {"default": y}


@graph
def growing_from_a_fixed_shape(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    _, y = tf.while_loop(
        lambda i, _: i < 3,
        lambda i, y: (i + 1, tf.concat([y, tf.matmul(x, w)[:1]], 0)),
        (0, tf.zeros([1, 3])),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 3])),
    )
    return {"x": x}, {"default": y}


@graph
def map_and_scan(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    mapped = tf.map_fn(lambda row: tf.tanh(tf.tensordot(row, w, 1)), x)
    scanned = tf.scan(lambda state, row: state * 0.5 + tf.tensordot(row, w, 1), x, initializer=tf.zeros([3]))
    folded = tf.foldl(lambda state, row: state + row, tf.matmul(x, w))
    return {"x": x}, {"default": mapped, "scanned": scanned, "folded": folded}


@graph
def tensor_array_of_growing_size_and_shapes(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    array = tf.TensorArray(
        tf.float32,
        size=0,
        dynamic_size=True,
        infer_shape=False,
        element_shape=[None, 3],
        clear_after_read=False,
    )

    def body(i: Any, array: Any) -> Any:
        return i + 1, array.write(i, tf.tile(tf.matmul(x, w), [i + 1, 1]))

    _, array = tf.while_loop(lambda i, _: i < 3, body, (0, array))
    return {"x": x}, {"default": array.concat(), "size": array.size(), "last": array.read(2)}


@graph
def tensor_array_scattered_gathered_and_split(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    y = tf.matmul(x, w)
    scattered = tf.TensorArray(tf.float32, size=2, element_shape=[3], clear_after_read=False).scatter(
        [1, 0], y
    )
    split = tf.TensorArray(tf.float32, size=2, infer_shape=False).split(y, [1, 1])
    return {"x": x}, {
        "default": scattered.stack(),
        "some": scattered.gather([1]),
        "piece": split.read(1),
    }


@graph
def tensor_array_through_a_cond(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    array = tf.TensorArray(tf.float32, size=2, element_shape=[None, 3], clear_after_read=False).write(0, x)
    flow = tf.cond(
        x[0, 0] > 0.0,
        lambda: array.write(1, tf.matmul(x, w)).flow,
        lambda: array.write(1, x).flow,
    )
    from tensorflow.python.ops.tensor_array_ops import build_ta_with_new_flow

    return {"x": x}, {"default": build_ta_with_new_flow(array, flow).stack()}


@graph
def assertion_in_a_cond(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    with tf.control_dependencies([tf1.Assert(tf.reduce_all(x > -100.0), [x])]):
        return {"x": x}, {"default": tf.matmul(x, w)}


@graph
def flag_with_a_default_that_nobody_feeds(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    flag = tf1.placeholder_with_default(False, [], name="is_training")
    return {"x": x}, {"default": tf.cond(flag, lambda: x, lambda: tf.matmul(x, w))}


@graph
def switch_and_merge_by_hand(resource: bool) -> tuple[Tensors, Tensors]:
    x, w = inputs(), weight(resource=resource)
    off, on = tf.raw_ops.Switch(data=tf.matmul(x, w), pred=x[0, 0] > 0.0)
    y, index = tf.raw_ops.Merge(inputs=[on * 2.0, off + 1.0])
    return {"x": x}, {"default": y, "index": index}


FEEDS = {"first": X, "second": -X}


@pytest.mark.parametrize("name", sorted(GRAPHS))
@pytest.mark.parametrize("variables", ["resource", "ref"])
def test_old_control_flow_gives_graph_modes_numbers_and_gradients(name: str, variables: str) -> None:
    old = OldGraph(lambda: GRAPHS[name](variables == "resource"))
    assert_same(old, *({"x": x} for x in FEEDS.values()))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_control_flow_of_functions_gives_graph_modes_numbers_and_gradients(name: str) -> None:
    old = OldGraph(lambda: GRAPHS[name](True), 2)
    assert_same(old, *({"x": x} for x in FEEDS.values()))
