"""Gradients of what TensorFlow restores of a saved module, held against graph mode: eagerly and in a `tf.function`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tf2.old_graphs import TOLERANCE, OldGraph, Tensors
from tf2.test_control_flow import FEEDS, inputs, weight

from tf1hub.tf2.load import load

tf1 = tf.compat.v1
X = FEEDS["first"]
Build = Callable[[Any, Any], Any]
GRAPHS: dict[str, Build] = {}


def graph(build: Build) -> Build:
    GRAPHS[build.__name__] = build
    return build


def looped(x: Any, step: Callable[[Any, Any], Any], times: int = 3) -> Any:
    return tf.while_loop(lambda i, _: i < times, lambda i, y: (i + 1, step(i, y)), (0, x))[1]


@graph
def a_loop(x: Any, w: Any) -> Any:
    return looped(x, lambda _, y: tf.tanh(tf.matmul(y, w)))


@graph
def a_loop_that_draws_and_asserts(x: Any, w: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        with tf1.control_dependencies([tf1.Assert(i >= 0, [i])]):
            return tf.tanh(tf.matmul(y, w) + 0.0 * tf.random.uniform([3]))

    return looped(x, step)


@graph
def a_loop_that_gathers(x: Any, w: Any) -> Any:
    return looped(x, lambda i, y: tf.tanh(y * tf.gather(w, [i, 0])[0]))


@graph
def a_loop_in_a_cond_in_a_loop(x: Any, w: Any) -> Any:
    def step(i: Any, y: Any) -> Any:
        return tf.cond(
            i > 0, lambda: looped(y, lambda _, z: tf.tanh(tf.matmul(z, w)), 2), lambda: tf.matmul(y, w)
        )

    return looped(x, step)


@graph
def a_cond(x: Any, w: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.tanh(tf.matmul(x, w)), lambda: x)


@graph
def a_switch(x: Any, w: Any) -> Any:
    return tf.switch_case(
        tf.shape(x)[0] % 3, [lambda: x, lambda: x + 1.0, lambda: tf.matmul(tf.matmul(x, w), w)]
    )


@graph
def a_loop_in_a_call(x: Any, w: Any) -> Any:
    return tf.function(lambda x: looped(x, lambda _, y: tf.tanh(tf.matmul(y, w))), autograph=False)(x)


@graph
def a_call_in_a_loop(x: Any, w: Any) -> Any:
    call = tf.function(lambda y: tf.tanh(tf.matmul(y, w)), autograph=False)
    return looped(x, lambda _, y: call(y))


def gradient(module: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(module(x)))
    (found,) = tape.gradient(loss, module.trainable_variables)
    return tf.convert_to_tensor(found)


OF_FUNCTIONS = ("a_switch", "a_loop_in_a_call", "a_call_in_a_loop")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        (name, version)
        for name in sorted(GRAPHS)
        for version in (1, 2)
        if version == 2 or name not in OF_FUNCTIONS
    ],
)
@pytest.mark.parametrize("first", ["eagerly", "in a function"])
def test_a_restored_module_is_differentiated_both_eagerly_and_in_a_function(
    name: str, version: int, first: str, tmp_path: pathlib.Path
) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        return {"x": x}, {"default": GRAPHS[name](x, w)}

    old = OldGraph(build, version)
    _, gradients, _ = old.run({"x": X})
    tf.saved_model.save(old.load(), str(tmp_path / "saved"))
    restored = load(str(tmp_path / "saved"))
    compiled = tf.function(lambda x: gradient(restored, x), autograph=False)
    ways = [lambda x: gradient(restored, x), compiled]
    for way in ways if first == "eagerly" else reversed(ways):
        np.testing.assert_allclose(way(tf.constant(X)).numpy(), gradients["w"], **TOLERANCE)


def test_what_a_loop_reads_of_a_variable_is_what_was_written_before(tmp_path: pathlib.Path) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight()
        count = tf1.get_variable("count", initializer=1.0, use_resource=True, trainable=False)
        with tf1.control_dependencies([count.assign_add(1.0)]):
            y = looped(x, lambda _, y: tf.tanh(tf.matmul(y, w)) * count)
        with tf1.control_dependencies([y]), tf1.control_dependencies([count.assign_add(10.0)]):
            return {"x": x}, {"default": tf.identity(y), "count": count.read_value()}

    old = OldGraph(build, 2)
    outputs, _, after = old.run({"x": X})
    tf.saved_model.save(old.load(), str(tmp_path / "saved"))
    for module in (old.load(), load(str(tmp_path / "saved"))):
        found = module({"x": tf.constant(X)}, as_dict=True)
        for name, value in found.items():
            np.testing.assert_allclose(value.numpy(), outputs[name], **TOLERANCE)
        variables = {v.name.removesuffix(":0"): v.numpy() for v in module.variables}
        assert variables["count"] == after["count"] == 12.0
