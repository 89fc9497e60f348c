"""What is known of outputs before there are any: types and shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import LayerError

_SPARSE = (tf.SparseTensor, tf.SparseTensorSpec)
_RAGGED = (tf.RaggedTensor, tf.RaggedTensorSpec)


def output_specs(function: Callable[[Any], Any], inputs: Any) -> Any:
    """The types of what a function returns, found by tracing it.

    Args:
        function: from inputs to outputs.
        inputs: a nest of `tf.TypeSpec`s.
    """
    return tf.function(function, autograph=False).get_concrete_function(inputs).structured_outputs


def specs_of_shapes(shapes: Any, known: Any, dtype: tf.DType) -> Any:
    """The types of inputs of which only the shapes are given.

    Args:
        shapes: a shape with the batch size, or a nest of them.
        known: the types that the inputs have, in the same nest; None where they are not known.
        dtype: of those that are not known.
    """
    if isinstance(shapes, Mapping):
        of = known if isinstance(known, Mapping) else dict.fromkeys(shapes, known)
        return {key: specs_of_shapes(shape, of.get(key), dtype) for key, shape in shapes.items()}
    if isinstance(shapes, list | tuple) and not all(size is None or isinstance(size, int) for size in shapes):
        each = known if isinstance(known, list | tuple) else [known] * len(shapes)
        return [specs_of_shapes(shape, spec, dtype) for shape, spec in zip(shapes, each, strict=True)]
    shape = tf.TensorShape(shapes)
    if isinstance(known, tf.SparseTensorSpec):
        return tf.SparseTensorSpec(shape, known.dtype)
    if isinstance(known, tf.RaggedTensorSpec):
        return tf.RaggedTensorSpec(shape, known.dtype, known.ragged_rank, known.row_splits_dtype)
    return tf.TensorSpec(shape, known.dtype if isinstance(known, tf.TensorSpec) else dtype)


def spec_of_keras_tensor(keras: Any, value: Any) -> Any:
    """The `tf.TypeSpec` of a KerasTensor of Keras 3, or of a tensor that stands among them."""
    if not isinstance(value, keras.KerasTensor):
        return tf.type_spec_from_value(value)
    if value.sparse:
        return tf.SparseTensorSpec(value.shape, value.dtype)
    if getattr(value, "ragged", False):
        rank = value.ragged_rank or 1
        return tf.RaggedTensorSpec(value.shape, value.dtype, rank, value.row_splits_dtype or tf.int64)
    return tf.TensorSpec(value.shape, value.dtype)


def keras_tensor_of_spec(keras: Any, spec: Any) -> Any:
    """The KerasTensor of Keras 3 that stands for an output.

    Raises:
        LayerError: not even the number of dimensions is known, which Keras 3 wants to know.
    """
    kind = {"ragged": True} if isinstance(spec, _RAGGED) else {"sparse": isinstance(spec, _SPARSE)}
    return keras.KerasTensor(known_shape(spec), spec.dtype.name, **kind)


def known_shape(spec: Any) -> tuple[int | None, ...]:
    """The shape of an output.

    Raises:
        LayerError: not even the number of dimensions is known.
    """
    if spec.shape.rank is None:
        raise LayerError(
            "The module does not tell the number of dimensions of its output, which Keras has to know. "
            "Give the shape without the batch size: KerasLayer(handle, output_shape=[...])."
        )
    return tuple(spec.shape.as_list())
