"""One op on its way to ONNX: what a lowering gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tf1hub.onnx.lowering_table import CannotLower
from tf1hub.onnx.traced_values import Value

if TYPE_CHECKING:
    from tf1hub.onnx.lowering_scope import LoweringScope
    from tf1hub.onnx.onnx_graph import Graph
    from tf1hub.program.code import Op


class LoweringCall:
    """An op with its attributes.

    Args:
        scope: where it stands.
        op: the op.
        attributes: in plain values, with the defaults.
    """

    __slots__ = ("attributes", "op", "scope")

    def __init__(self, scope: LoweringScope, op: Op, attributes: dict[str, Any]) -> None:
        self.scope = scope
        self.op = op
        self.attributes = attributes

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute that older ops do not have."""
        return self.attributes.get(name, default)

    @property
    def graph(self) -> Graph:
        """Where its nodes go."""
        return self.scope.graph

    @property
    def kind(self) -> str:
        """The op type."""
        return self.op.node.op

    # ------------------------------------------------------------- what lowerings ask

    @staticmethod
    def rank(value: Value, what: str = "its input") -> int:
        """The number of dimensions.

        Raises:
            CannotLower: nothing tells.
        """
        if value.rank is None:
            raise CannotLower(f"needs the number of dimensions of {what}, which the module leaves open")
        return value.rank

    @staticmethod
    def require(value: Value, what: str) -> Any:
        """The value of an input that ONNX has as an attribute.

        Raises:
            CannotLower: it is computed.
        """
        if value.known is None:
            raise CannotLower(f"computes {what} while it runs, where ONNX wants a constant")
        return value.known

    def axes(self, value: Value, rank: int | None, what: str = "its axes") -> list[int]:
        """Axes, as a scalar or a vector gives them, counted from the front."""
        found = np.atleast_1d(self.require(value, what))
        if rank is None:
            return [int(axis) for axis in found]
        return [int(axis) % rank if rank else 0 for axis in found]
