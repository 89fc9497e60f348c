"""One op of the table and the same op of TensorFlow, run eagerly on the same inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf1hub.arrays.backend import Backend
from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.op_attributes import attributes_of
from tf1hub.graphdef.op_record import recorded_definition

NumPy = Backend()


def by_tensorflow(
    kind: str, inputs: list[Any], attributes: dict[str, Any]
) -> tuple[list[npt.NDArray[Any]], bytes]:
    """What TensorFlow computes, and the node that it made for that."""
    nodes: list[bytes] = []

    @tf.function(autograph=False)
    def run() -> list[Any]:
        definition = recorded_definition(kind)
        assert definition is not None
        tensors = [tf.nest.map_structure(tf.constant, each) for each in inputs]
        by_name = {
            argument.name: tensor for argument, tensor in zip(definition.input_arg, tensors, strict=True)
        }
        results = getattr(tf.raw_ops, kind)(**by_name, **attributes)
        graph = tf.compat.v1.get_default_graph().as_graph_def()
        nodes.append(next(node for node in reversed(graph.node) if node.op == kind).SerializeToString())
        return tf.nest.flatten(results)

    return [result.numpy() for result in run.get_concrete_function()()], nodes[0]


def assert_same(kind: str, *inputs: Any, exactly: bool = True, **attributes: Any) -> None:
    """Holds an op of the table against TensorFlow's: values, shapes and dtypes of all outputs.

    Args:
        kind: the op type.
        inputs: arrays, or what TensorFlow makes tensors of; a list for an input of several.
        exactly: whether the values are equal, or nearly.
        attributes: as `tf.raw_ops` takes them; those of inputs' dtypes are found.
    """
    from tf1hub.format.messages_pb2 import NodeDef

    expected, message = by_tensorflow(kind, list(inputs), attributes)
    node = NodeDef.FromString(message)
    kernel = kernel_of(kind)
    assert kernel is not None, kind
    arrays = [as_array(value) for each in inputs for value in (each if isinstance(each, tuple) else [each])]
    before = [array.copy() for array in arrays]
    found = kernel.function(np, attributes_of(node, recorded_definition(kind)), *arrays)
    assert len(found) == len(expected)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    for actual, wanted in zip((NumPy.value(value) for value in found), expected, strict=True):
        wanted = as_array(wanted)
        assert actual.dtype == wanted.dtype, (kind, actual.dtype, wanted.dtype)
        assert actual.shape == wanted.shape, (kind, actual.shape, wanted.shape)
        if exactly:
            np.testing.assert_array_equal(actual, wanted)
        else:
            np.testing.assert_allclose(actual, wanted, rtol=2e-5, atol=1e-6)


def as_array(value: Any) -> npt.NDArray[Any]:
    if isinstance(value, bytes):
        array = np.empty((), object)
        array[()] = value
        return array
    array = tf.constant(value).numpy()
    return as_array(array) if isinstance(array, bytes) else np.asarray(array)
