"""Attributes of nodes as `tf.raw_ops` takes them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf1hub.format.messages_pb2 import AttrValue


def python_value(value: AttrValue) -> Any:
    """The value of a scalar attribute.

    Example:
        >>> python_value(AttrValue(type=1))
        tf.float32
    """
    kind = value.WhichOneof("value")
    if kind == "type":
        return tf.dtypes.as_dtype(value.type)
    if kind == "shape":
        dimensions = [None if dimension.size < 0 else dimension.size for dimension in value.shape.dim]
        return tf.TensorShape(None if value.shape.unknown_rank else dimensions)
    return getattr(value, kind or "s")
