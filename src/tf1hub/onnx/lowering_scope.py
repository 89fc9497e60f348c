"""Where code is lowered to, and what the lowering of a signature shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from tf1hub.onnx.lowering_table import CannotLower
from tf1hub.onnx.onnx_graph import Constants, Graph, ModelNames
from tf1hub.onnx.traced_values import Entity, Poison, Shape, Value
from tf1hub.program.code import Op, Program
from tf1hub.program.functions import Functions
from tf1hub.program.nodes import Tensor
from tf1hub.program.references import VariableReference


@dataclass
class UnloweredOps:
    """Ops of one kind that cannot be lowered, for one reason.

    Attributes:
        kind: the op type.
        reason: what they do, as the end of a sentence.
        nodes: their names.
    """

    kind: str
    reason: str
    nodes: list[str] = field(default_factory=list)


class SignatureLowering:
    """The lowering of one signature: what all its scopes share.

    Args:
        functions: of the graph.
        read: gives the stored value of the variable that a node holds.
        table: gives the contents of the table that a node makes.
        asset: gives the path that stands for a constant that names an asset; None for all others.
        written: values that variables have instead of the stored ones.
        strings_in_graph: whether ops on strings are lowered; else their outputs come in from outside.
    """

    def __init__(
        self,
        functions: Functions,
        read: Callable[[str], tuple[str, npt.NDArray[Any]]],
        table: Callable[[str], Any],
        asset: Callable[[Tensor], Any] = lambda _: None,
        written: Mapping[str, Value] | None = None,
        strings_in_graph: bool = False,
    ) -> None:
        self.functions = functions
        self.names = ModelNames()
        self.constants = Constants(self.names)
        self.graph = Graph(self.names, self.constants)
        self.table = table
        self.asset = asset
        self.variables: dict[str, Value] = dict(written or {})
        self.refusals: dict[tuple[str, str], UnloweredOps] = {}
        self.strings_in_graph = strings_in_graph
        self.seed: int | None = None
        self.nodes: frozenset[str] = frozenset()
        self.outside: dict[str, Tensor] = {}
        self._read = read

    def from_outside(self, tensor: Tensor, dtype: npt.DTypeLike, shape: Shape) -> Value:
        """A tensor that something else computes; it is an input of the graph if the graph uses it."""

        def name() -> str:
            found = self.names.free(f"{tensor[0]}:{tensor[1]}" if tensor[1] else tensor[0])
            self.outside[found] = tensor
            return found

        return Value(dtype, shape, graph=self.graph, source=name)

    def variable(self, node: str) -> Value:
        """The value of a variable at this point of the program."""
        if node not in self.variables:
            name, value = self._read(node)
            self.variables[node] = self.graph.const(value, label=name)
        return self.variables[node]

    def refuse(self, op: Op, reason: str) -> None:
        """Notes an op that cannot be lowered."""
        self.refuse_named(op.node.op, op.node.name, reason)

    def refuse_named(self, kind: str, name: str, reason: str) -> None:
        """Notes what cannot be lowered, by its kind and name."""
        refusal = self.refusals.setdefault((kind, reason), UnloweredOps(kind, reason))
        if name not in refusal.nodes:
            refusal.nodes.append(name)


class LoweringScope:
    """Where code is lowered to: a graph, and the values that it sees.

    Args:
        lowering: that it is part of.
        program: that is lowered.
        graph: where nodes go.
        values: by tensor.
    """

    def __init__(
        self,
        lowering: SignatureLowering,
        program: Program,
        graph: Graph,
        values: dict[Tensor, Entity] | None = None,
    ) -> None:
        self.lowering = lowering
        self.program = program
        self.graph = graph
        self.values: dict[Tensor, Entity] = {} if values is None else values
        self.fed = frozenset(self.values)
        self._uses: Counter[Tensor] | None = None

    def inner(self, is_loop: bool = False) -> LoweringScope:
        """A scope for a branch or the body of a loop."""
        scope = LoweringScope(self.lowering, self.program, self.graph.inner(is_loop), dict(self.values))
        scope.fed = self.fed
        scope._uses = self._uses
        return scope

    def uses(self, tensor: Tensor) -> int:
        """How many inputs and fetches of the program a tensor is."""
        if self._uses is None:
            self._uses = Counter(tensor for op, _ in self.program.ops() for tensor in op.inputs)
            self._uses.update(self.program.fetches)
            self._uses.update(value for values in self.program.joins.values() for value in values)
        return self._uses[tensor]

    def get(self, tensor: Tensor) -> Entity:
        """The value of a tensor; a variable's where an ordinary op would take that."""
        value = self.values[tensor]
        if isinstance(value, VariableReference) and value.by_value:
            return self.lowering.variable(value.node)
        return value

    def value(self, tensor: Tensor) -> Value:
        """The value of a tensor that is no reference.

        Raises:
            CannotLower: what it comes from was refused, or it is a handle.
        """
        value = self.get(tensor)
        if isinstance(value, Value):
            return value
        raise CannotLower("" if isinstance(value, Poison) else "takes a handle")
