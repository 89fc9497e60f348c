"""Attributes of ops as plain Python values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from tf1hub.arrays.stored_tensors import array_of
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import AttrValue, NodeDef, TensorShapeProto

Attributes: TypeAlias = Mapping[str, Any]
"""By name. A dtype is NumPy's (the names of those that NumPy does not have, `"resource"` and `"variant"`), a shape a
tuple with None for what is open, or None where the rank is; a string is text (bytes that are no UTF-8 as surrogates), a
tensor an array, a function its name, a list a list."""


def attributes_of(node: NodeDef, definition: Any) -> dict[str, Any]:
    """The attributes of a node, with the defaults of its op where it has none.

    Args:
        node: the node.
        definition: the OpDef of its op type; None where it calls a function by its name.
    """
    found: dict[str, Any] = {}
    if definition is not None:
        for attr in definition.attr:
            if attr.name not in node.attr and attr.HasField("default_value"):
                found[attr.name] = plain(attr.default_value)
    for name, value in node.attr.items():
        if not name.startswith("_"):
            found[name] = plain(value)
    return found


def plain(value: AttrValue) -> Any:
    """One attribute's value.

    Example:
        >>> plain(AttrValue(type=1)), plain(AttrValue(s=b"SAME"))
        (dtype('float32'), 'SAME')
    """
    kind = value.WhichOneof("value")
    if kind == "list":
        for field, items in value.list.ListFields():
            return [_one(field.name, item) for item in items]
        return []
    return None if kind is None else _one(kind, getattr(value, kind))


def _one(kind: str, value: Any) -> Any:
    if kind == "s":
        return value.decode("utf-8", "surrogateescape")
    if kind == "type":
        return _dtype(value)
    if kind == "shape":
        return shape_of(value)
    if kind == "tensor":
        return array_of(value)
    return value.name if kind == "func" else value


def _dtype(number: int) -> Any:
    if dtypes.base(number) in (dtypes.RESOURCE, dtypes.VARIANT):
        return dtypes.name_of(number)
    return dtypes.numpy_dtype(number)


def shape_of(shape: TensorShapeProto) -> tuple[int | None, ...] | None:
    """A shape as a tuple with None for what is open; None where the rank is."""
    if shape.unknown_rank:
        return None
    return tuple(None if dimension.size < 0 else dimension.size for dimension in shape.dim)


def text_bytes(text: str) -> bytes:
    """A string attribute as the bytes that the graph has."""
    return text.encode("utf-8", "surrogateescape")
