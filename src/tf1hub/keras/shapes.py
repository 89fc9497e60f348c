"""Static shapes of a layer's outputs."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import LayerError


def with_batch(output_shape: Any) -> Any:
    """`output_shape=` as its user gives it, without the batch size, as a nest of `tf.TensorShape`s with it.

    A size, or a sequence of sizes, is one shape; dicts, and sequences of anything else, are nests of outputs.
    """
    if isinstance(output_shape, numbers.Integral):
        return tf.TensorShape([None, output_shape])
    if isinstance(output_shape, tf.TensorShape):
        return tf.TensorShape([None]).concatenate(output_shape)
    if isinstance(output_shape, Mapping):
        return {key: with_batch(shape) for key, shape in output_shape.items()}
    if all(size is None or isinstance(size, int) for size in output_shape):
        return tf.TensorShape([None, *output_shape])
    return [with_batch(shape) for shape in output_shape]


def set_shapes(outputs: Any, shapes: Any, origin: str) -> Any:
    """Tells outputs what is known of their shapes.

    Args:
        outputs: a tensor, or a nest of tensors.
        shapes: a `tf.TensorShape`, or a nest of them like the outputs.
        origin: who says so, in words, for the message.

    Raises:
        LayerError: an output has another shape, or the nest is another one.
    """
    if isinstance(outputs, Mapping) and isinstance(shapes, Mapping) and outputs.keys() == shapes.keys():
        return {key: set_shapes(value, shapes[key], origin) for key, value in outputs.items()}
    if isinstance(outputs, list | tuple) and isinstance(shapes, list) and len(outputs) == len(shapes):
        pairs = zip(outputs, shapes, strict=True)
        return type(outputs)([set_shapes(output, shape, origin) for output, shape in pairs])
    if isinstance(outputs, tf.Tensor) and isinstance(shapes, tf.TensorShape):
        return _set_shape(outputs, shapes, origin)
    if isinstance(outputs, tf.SparseTensor | tf.RaggedTensor):
        return outputs
    raise LayerError(f"{origin} is {_show(shapes)}, which has not the structure of the outputs: {outputs}.")


def _set_shape(tensor: tf.Tensor, shape: tf.TensorShape, origin: str) -> tf.Tensor:
    if not tensor.shape.is_compatible_with(shape):
        raise LayerError(f"{origin} is {_show(shape)}, and the output has the shape {_show(tensor.shape)}.")
    if not tf.executing_eagerly() and shape.rank is not None:
        # The tensor may be the module's own; a shape is set on what is handed out.
        tensor = tf.identity(tensor)
        tensor.set_shape(shape)
    return tensor


def _show(shapes: Any) -> str:
    if isinstance(shapes, tf.TensorShape):
        return "<unknown>" if shapes.rank is None else str(shapes.as_list()).replace("None", "?")
    if isinstance(shapes, Mapping):
        return "{" + ", ".join(f"{key!r}: {_show(shape)}" for key, shape in shapes.items()) + "}"
    return "[" + ", ".join(map(_show, shapes)) + "]"
