"""Ops that take functions: each is read, runs its functions itself, or is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import function
from tensorflow.python.ops import functional_ops
from tf2.old_graphs import OldGraph, Tensors

import tf1hub as hub
from tf1hub._tensorflow import op_def, registered_ops
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef, TensorInfo
from tf1hub.graphdef import op_types
from tf1hub.program.screen import Runtime, list_unsupported
from tf1hub.spec.variant import Variant
from tf1hub.tf2.emit.registry import emitted_types

tf1 = tf.compat.v1
TAKE_FUNCTIONS = sorted(
    op for op in registered_ops() if any(attr.type in ("func", "list(func)") for attr in op_def(op).attr)
)


def variant_of(op: str) -> Variant:
    """A variant whose only signature is what one op gives."""
    meta_graph = MetaGraphDef()
    meta_graph.graph_def.node.append(NodeDef(name="it", op=op))
    meta_graph.signature_def["default"].outputs["default"].CopyFrom(TensorInfo(name="it:0", dtype=1))
    return Variant(meta_graph, "the module")


@pytest.mark.parametrize("op", TAKE_FUNCTIONS)
def test_an_op_that_takes_functions_is_read_runs_them_or_is_refused_by_name(op: str) -> None:
    problems = list_unsupported(variant_of(op), Runtime("this TensorFlow", op_def))
    if op in op_types.FUNCTIONAL or op_types.RUN_FUNCTIONS.fullmatch(op):
        assert not problems
    else:
        assert [problem.startswith(f"the op type {op} (1 node, 'it'): it ") for problem in problems] == [True]


def test_whatever_is_read_is_written_down() -> None:
    assert emitted_types() >= op_types.FUNCTIONAL


def test_a_remote_call_is_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    # For a session, the device may be another machine's.
    monkeypatch.setenv("TF1HUB_TRUST", "uses the network")

    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.float32, [None], name="x")

        @function.Defun(tf.float32, func_name="double")
        def double(value):
            return value * 2.0

        y = functional_ops.remote_call("/device:CPU:0", [x], [tf.float32], double)
        return {"x": x}, {"default": y[0]}

    old = OldGraph(build)
    given = np.array([1.0, -2.0], np.float32)
    np.testing.assert_allclose(old.load()(tf.constant(given)), old.run({"x": given})[0]["default"])


@pytest.mark.parametrize(("start", "limit", "step"), [(0, 3, 1), (0, 4, 3), (5, 0, -2), (2, 2, 1)])
def test_for_runs_its_body_as_often_as_tensorflow_does(start: int, limit: int, step: int) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x = tf1.placeholder(tf.float32, [None], name="x")
        w = tf1.get_variable(
            "w", [], initializer=tf1.constant_initializer(1.5), use_resource=True, trainable=False
        )

        @function.Defun(tf.int32, tf.float32, tf.resource, func_name="body")
        def body(index, value, handle):
            weight = tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)
            return value * weight + tf.cast(index, tf.float32), handle

        y, _ = functional_ops.For(start, limit, step, [x, w.handle], body)
        return {"x": x}, {"default": y}

    old = OldGraph(build)
    given = np.array([1.0, -2.0], np.float32)
    loaded = old.load()
    x = tf.constant(given)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = loaded(x)
    count = len(range(start, limit, step))
    np.testing.assert_allclose(y, old.run({"x": given})[0]["default"])
    np.testing.assert_allclose(tape.gradient(y, x), [1.5**count] * 2)


def test_datasets_run_their_functions() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        dataset = tf.data.Dataset.from_tensor_slices(x)
        dataset = dataset.map(lambda value: value * 2.0, num_parallel_calls=2)
        dataset = dataset.filter(lambda value: value > 0.0)
        dataset = dataset.flat_map(lambda value: tf.data.Dataset.from_tensors(value).repeat(2))
        hub.add_signature(inputs=x, outputs=dataset.reduce(0.0, lambda total, value: total + value))

    assert hub.load(hub.create_module_spec(module_fn))(tf.constant([1.0, -2.0, 3.0])) == 16.0


def test_a_batched_function_runs() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        double = tf.nondifferentiable_batch_function(1, 4, 1000)(lambda value: value * 2.0)
        hub.add_signature(inputs=x, outputs=double(x))

    loaded = hub.load(hub.create_module_spec(module_fn))
    np.testing.assert_array_equal(loaded(tf.ones([2, 2])), np.full([2, 2], 2.0))
