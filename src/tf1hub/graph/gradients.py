"""Gradients of old TensorArrays in graphs that use control flow v2.

TensorFlow's own gradients of these ops build a TensorArray of the generation that the graph prefers,
which in a graph with v2 behaviour is not the one that the module has; they fail with an
AssertionError. Modules made with v1 loops (LSTMs) then could not be fine-tuned. Here the same
gradients are written in the ops themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf1hub.format.messages_pb2 import GraphDef
from tf1hub.graphdef.gradient_names import ATTRIBUTE

_PREFIX = "TF1Hub"


def add_gradient_overrides(graph: GraphDef) -> None:
    """Marks, in place, the ops whose gradients are those of this file."""
    for node in graph.node:
        if node.op in _GRADIENTS and ATTRIBUTE not in node.attr:
            node.attr[ATTRIBUTE].s = (_PREFIX + node.op).encode()


def remove_gradient_overrides(graph: GraphDef) -> None:
    """Takes the marks off, in place: other readers of a module do not know these gradients."""
    for node in graph.node:
        if ATTRIBUTE in node.attr and node.attr[ATTRIBUTE].s in _MARKS:
            del node.attr[ATTRIBUTE]


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


def _of_reading(write: Callable[..., Any]) -> Callable[[Any, Any], list[Any]]:
    """The gradient of an op that reads a TensorArray: it is written at the same places."""

    def gradient(op: Any, output_gradient: Any) -> list[Any]:
        handle, places, flow = op.inputs
        grad_handle, grad_flow = _accumulator(handle, flow, output_gradient)
        return [None, None, write(grad_handle, places, output_gradient, grad_flow)]

    return gradient


def _of_writing(read: Callable[..., Any]) -> Callable[[Any, Any], list[Any]]:
    """The gradient of an op that writes a TensorArray: it is read from the same places."""

    def gradient(op: Any, flow_gradient: Any) -> list[Any]:
        handle, places, value, _ = op.inputs
        # The array's final size must be known before its accumulator is made.
        with tf.control_dependencies([op.outputs[0]]):
            flow = tf.identity(flow_gradient)
        grad_handle, grad_flow = _accumulator(handle, flow, flow_gradient)
        return [None, None, read(grad_handle, places, value, grad_flow), flow_gradient]

    return gradient


def _of_concat(op: Any, gradient: Any, _: Any) -> list[Any]:
    """The gradient of an op that reads a TensorArray as one: it is written in pieces of the same lengths."""
    handle, flow = op.inputs
    grad_handle, grad_flow = _accumulator(handle, flow, gradient)
    lengths = op.outputs[1]
    return [
        None,
        tf.raw_ops.TensorArraySplitV3(handle=grad_handle, value=gradient, lengths=lengths, flow_in=grad_flow),
    ]


def _of_split(op: Any, flow_gradient: Any) -> list[Any]:
    """The gradient of an op that writes a TensorArray in pieces: it is read as one."""
    handle, value, _, _ = op.inputs
    # The array's final size must be known before its accumulator is made.
    with tf.control_dependencies([op.outputs[0]]):
        flow = tf.identity(flow_gradient)
    grad_handle, grad_flow = _accumulator(handle, flow, flow_gradient)
    whole = tf.raw_ops.TensorArrayConcatV3(
        handle=grad_handle, flow_in=grad_flow, dtype=value.dtype, element_shape_except0=value.shape[1:]
    )
    return [None, whole.value, None, flow_gradient]


def _write(handle: Any, index: Any, value: Any, flow: Any) -> Any:
    return tf.raw_ops.TensorArrayWriteV3(handle=handle, index=index, value=value, flow_in=flow)


def _read(handle: Any, index: Any, like: Any, flow: Any) -> Any:
    return tf.raw_ops.TensorArrayReadV3(handle=handle, index=index, flow_in=flow, dtype=like.dtype)


def _scatter(handle: Any, indices: Any, value: Any, flow: Any) -> Any:
    return tf.raw_ops.TensorArrayScatterV3(handle=handle, indices=indices, value=value, flow_in=flow)


def _gather(handle: Any, indices: Any, like: Any, flow: Any) -> Any:
    return tf.raw_ops.TensorArrayGatherV3(
        handle=handle, indices=indices, flow_in=flow, dtype=like.dtype, element_shape=like.shape[1:]
    )


_GRADIENTS = {
    "TensorArrayReadV3": _of_reading(_write),
    "TensorArrayGatherV3": _of_reading(_scatter),
    "TensorArrayWriteV3": _of_writing(_read),
    "TensorArrayScatterV3": _of_writing(_gather),
    "TensorArrayConcatV3": _of_concat,
    "TensorArraySplitV3": _of_split,
}
_MARKS = {(_PREFIX + op).encode() for op in _GRADIENTS}
for _op, _gradient in _GRADIENTS.items():
    tf.RegisterGradient(_PREFIX + _op)(_gradient)
