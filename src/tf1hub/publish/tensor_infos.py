"""The message by which a signature knows a tensor."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import type_spec_to_bytes
from tf1hub.format.messages_pb2 import TensorInfo, TensorShapeProto


def tensor_info(value: Any) -> TensorInfo:
    """Describes a tensor, SparseTensor or RaggedTensor of the default graph."""
    if isinstance(value, tf.SparseTensor):
        info = TensorInfo(dtype=value.dtype.as_datatype_enum, tensor_shape=_shape(value.shape))
        info.coo_sparse.values_tensor_name = value.values.name
        info.coo_sparse.indices_tensor_name = value.indices.name
        info.coo_sparse.dense_shape_tensor_name = value.dense_shape.name
        return info
    if isinstance(value, tf.Tensor):
        # What is fed and fetched is the value, also where the tensor is a reference to it.
        dtype = value.dtype.base_dtype.as_datatype_enum
        return TensorInfo(name=value.name, dtype=dtype, tensor_shape=_shape(value.shape))
    info = TensorInfo()
    spec = tf.type_spec_from_value(value)
    info.composite_tensor.type_spec.ParseFromString(type_spec_to_bytes(spec))
    for part in tf.nest.flatten(value, expand_composites=True):
        info.composite_tensor.components.append(tensor_info(part))
    return info


def tensor_info_of_spec(spec: Any) -> TensorInfo:
    """Describes what a `tf.TypeSpec` stands for, without a tensor of a graph behind it."""
    if isinstance(spec, tf.TensorSpec | tf.SparseTensorSpec):
        info = TensorInfo(dtype=spec.dtype.as_datatype_enum, tensor_shape=_shape(spec.shape))
        if isinstance(spec, tf.SparseTensorSpec):
            info.coo_sparse.SetInParent()
        return info
    info = TensorInfo()
    info.composite_tensor.type_spec.ParseFromString(type_spec_to_bytes(spec))
    return info


def _shape(shape: Any) -> TensorShapeProto:
    return TensorShapeProto.FromString(shape.as_proto().SerializeToString())
