"""Gradients of old TensorArrays in graphs that use control flow v2.

TensorFlow's own gradients of these ops build a TensorArray of the generation that the graph prefers,
which in a graph with v2 behaviour is not the one that the module has; they fail with an
AssertionError. Modules made with v1 loops (LSTMs) then could not be fine-tuned. Here the same
gradients are written in the ops themselves.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf1hub.format.messages_pb2 import GraphDef

_PREFIX = "TF1Hub"
_ATTR = "_gradient_op_type"
OVERRIDDEN = ("TensorArrayReadV3", "TensorArrayWriteV3", "TensorArrayGatherV3", "TensorArrayScatterV3")


def add_gradient_overrides(graph: GraphDef) -> None:
    """Marks, in place, the ops whose gradients are those of this file."""
    for node in graph.node:
        if node.op in OVERRIDDEN and _ATTR not in node.attr:
            node.attr[_ATTR].s = (_PREFIX + node.op).encode()


def remove_gradient_overrides(graph: GraphDef) -> None:
    """Takes the marks off, in place: other readers of a module do not know these gradients."""
    for node in graph.node:
        if _ATTR in node.attr and node.attr[_ATTR].s.startswith(_PREFIX.encode()):
            del node.attr[_ATTR]


def _accumulator(handle: Any, flow: Any, gradient: Any) -> tuple[Any, Any]:
    """The TensorArray that collects the gradients of one, in one call of `tf.gradients`."""
    # The op makes one accumulator for each name, so all ops of one call must say the same name, and
    # two calls different ones. The scope that `tf.gradients` opened is such a name.
    parts = gradient.name.split("/")
    scopes = [index for index, part in enumerate(parts) if part.startswith("gradients")]
    source = "/".join(parts[: scopes[-1] + 1]) if scopes else "gradients"
    made = tf.raw_ops.TensorArrayGradV3(handle=handle, flow_in=flow, source=source)
    # The accumulator must exist before it is used, and its handle carries no such order by itself.
    with tf.control_dependencies([made.grad_handle]):
        return made.grad_handle, tf.identity(flow)


def _read_gradient(op: Any, gradient: Any) -> list[Any]:
    handle, index, flow = op.inputs
    grad_handle, grad_flow = _accumulator(handle, flow, gradient)
    written = tf.raw_ops.TensorArrayWriteV3(
        handle=grad_handle, index=index, value=gradient, flow_in=grad_flow
    )
    return [None, None, written]


def _write_gradient(op: Any, flow_gradient: Any) -> list[Any]:
    handle, index, value, _ = op.inputs
    # The array's final size must be known before its accumulator is made.
    with tf.control_dependencies([op.outputs[0]]):
        flow = tf.identity(flow_gradient)
    grad_handle, grad_flow = _accumulator(handle, flow, flow_gradient)
    read = tf.raw_ops.TensorArrayReadV3(handle=grad_handle, index=index, flow_in=grad_flow, dtype=value.dtype)
    return [None, None, read, flow_gradient]


def _gather_gradient(op: Any, gradient: Any) -> list[Any]:
    handle, indices, flow = op.inputs
    grad_handle, grad_flow = _accumulator(handle, flow, gradient)
    scattered = tf.raw_ops.TensorArrayScatterV3(
        handle=grad_handle, indices=indices, value=gradient, flow_in=grad_flow
    )
    return [None, None, scattered]


def _scatter_gradient(op: Any, flow_gradient: Any) -> list[Any]:
    handle, indices, value, _ = op.inputs
    with tf.control_dependencies([op.outputs[0]]):
        flow = tf.identity(flow_gradient)
    grad_handle, grad_flow = _accumulator(handle, flow, flow_gradient)
    gathered = tf.raw_ops.TensorArrayGatherV3(
        handle=grad_handle,
        indices=indices,
        flow_in=grad_flow,
        dtype=value.dtype,
        element_shape=value.shape[1:],
    )
    return [None, None, gathered, flow_gradient]


for _op, _gradient in zip(
    OVERRIDDEN, (_read_gradient, _write_gradient, _gather_gradient, _scatter_gradient), strict=True
):
    tf.RegisterGradient(_PREFIX + _op)(_gradient)
