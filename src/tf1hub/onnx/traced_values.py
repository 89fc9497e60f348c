"""What a lowering works with: tensors of an ONNX graph, and what is known of them before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tf1hub.program.references import Reference

if TYPE_CHECKING:
    from tf1hub.onnx.onnx_graph import Graph

Shape: TypeAlias = "tuple[int | None, ...] | None"
"""Sizes, None for each that is open; None for a shape of which not even the rank is known."""


def wider(first: Shape, second: Shape) -> Shape:
    """What two shapes have in common."""
    if first is None or second is None or len(first) != len(second):
        return None
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))


class Value:
    """A tensor.

    Images are channels-last in TensorFlow and channels-first in ONNX. A value that image ops gave is first
    there with channels first (`first`); it is transposed when somebody asks for its `name`.

    Args:
        dtype: NumPy's; of complex numbers that of the whole, of which ONNX has the parts in a last axis of 2.
        shape: in TensorFlow's order.
        name: in the ONNX graph; empty where it is not there yet.
        graph: where it was made; None for a constant.
        known: its value, where that is known.
        elements: of a vector or scalar of integers those numbers that are known, None for each other one.
        label: what a constant is to be called.
        source: names it where it is first used; for what comes in from outside.
    """

    __slots__ = ("_name", "_type", "dtype", "elements", "first", "graph", "known", "label", "shape", "source")

    def __init__(
        self,
        dtype: npt.DTypeLike,
        shape: Shape,
        name: str = "",
        graph: Graph | None = None,
        known: npt.NDArray[Any] | None = None,
        elements: tuple[int | None, ...] | None = None,
        label: str = "",
        source: Callable[[], str] | None = None,
    ) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.shape = shape
        self.graph = graph
        self.known = known
        self.elements = elements
        self.label = label
        self.source = source
        self.first: Value | None = None
        self._name = name
        self._type: Any = None

    @property
    def rank(self) -> int | None:
        """The number of dimensions; None where that is open."""
        return None if self.shape is None else len(self.shape)

    @property
    def is_made(self) -> bool:
        """Whether it is in the graph in TensorFlow's order."""
        return bool(self._name) or self.known is not None or self.source is not None

    @property
    def name(self) -> str:
        """Its name in the graph, which it joins where it is not there."""
        if not self._name and self.source is not None:
            self._name = self.source()
        if not self._name:
            assert self.first is not None, "a constant is named by the graph that uses it"
            assert self.first.graph is not None
            rank = len(self.shape or ())
            made = self.first.graph.op("Transpose", self.first, perm=[0, *range(2, rank), 1])
            self._name = made.name
            self.graph = self.first.graph
        return self._name

    def set_name(self, name: str) -> None:
        """Gives a constant its name."""
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name or self.label or 'value'}: {self.dtype.name} {self.shape}>"


class TableReference(Reference):
    """A table, by the node that makes it."""

    def __init__(self, node: str) -> None:
        self.node = node


class Poison(Reference):
    """The output of an op that was refused: what needs it is passed over."""


Entity: TypeAlias = "Value | Reference"
