"""Functions of one element of each input."""

from __future__ import annotations

from typing import Any

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes


@computes("Add", "AddV2")
def add(xp: Any, attributes: Attributes, x: Any, y: Any) -> list[Any]:
    """`x + y`; for Add also of strings."""
    return [x + y]


@computes("Mul")
def multiply(xp: Any, attributes: Attributes, x: Any, y: Any) -> list[Any]:
    """`x * y`."""
    return [x * y]
