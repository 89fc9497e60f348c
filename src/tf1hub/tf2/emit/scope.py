"""The values that a program has computed so far, region by region, while it is traced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tf1hub.format.messages_pb2 import FunctionDefLibrary, VersionDef
from tf1hub.graphdef.names import free_name
from tf1hub.program.code import Op, Program
from tf1hub.program.functions import Functions
from tf1hub.program.nodes import Node, Tensor
from tf1hub.spec.variant import Variant
from tf1hub.tf2.emit.straight_line import StraightLine


class EmittedReference(ABC):
    """What travels through a program as a Python object and not as a tensor."""

    @abstractmethod
    def tensor(self, scope: Scope) -> Any:
        """What an ordinary op gets that takes this as its input."""


class ModuleState(Protocol):
    """What a program needs of the module that it belongs to."""

    @property
    def variant(self) -> Variant:
        """The variant whose program it is."""

    @property
    def functions(self) -> Functions:
        """The functions of the graph's library."""

    @property
    def library(self) -> FunctionDefLibrary:
        """The same as messages."""

    @property
    def versions(self) -> VersionDef:
        """The versions of the graph."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The module's `tf.Variable`s, by node."""

    def table(self, name: str) -> Any:
        """The table that a node makes."""

    def asset_path(self, tensor: Tensor) -> Any:
        """The path of the asset that a tensor names, as a tensor; None for any other tensor."""

    def written_variables(self, program: Program) -> set[str]:
        """The nodes of the variables that a program may write."""


@dataclass(eq=False)
class Trace:
    """One tracing of a variant's program.

    Attributes:
        state: the variables, tables, assets and functions of the variant.
        seeded: whether random ops without a seed follow `tf.random.set_seed`.
        hoisted: values of variables that were read once, outside of all regions, by `id`.
    """

    state: ModuleState
    seeded: bool = False
    hoisted: dict[int, Any] = field(default_factory=dict)
    _written: dict[int, set[str]] = field(default_factory=dict)

    def written_variables(self, program: Program) -> set[str]:
        """The nodes of the variables that a program may write."""
        if id(program) not in self._written:
            self._written[id(program)] = self.state.written_variables(program)
        return self._written[id(program)]


class Scope:
    """The values of one region, in front of those of the regions around it.

    Attributes:
        trace: the tracing that this belongs to.
        ops: the ops of the program, by name.
        depth: the number of functions (branches, loop parts) around.
        in_function: whether the program is the body of a function, whose names are its own.
    """

    def __init__(
        self,
        trace: Trace,
        program: Program,
        depth: int,
        parent: Scope | None = None,
        in_function: bool = False,
    ) -> None:
        self.trace = trace
        self.program = program
        self.depth = depth
        self.in_function = in_function
        self._parent = parent
        self._values: dict[Tensor, Any] = {}
        self._aliases: dict[Tensor, Tensor] = {}
        self._code = StraightLine(trace.state.library, trace.state.versions, trace.seeded)

    @property
    def ops(self) -> Mapping[str, Op]:
        """The ops of the program, by name."""
        return self.program.by_name

    def inner(self) -> Scope:
        """A scope for a region that becomes a function of its own."""
        return Scope(self.trace, self.program, self.depth + 1, self, self.in_function)

    def beside(self) -> Scope:
        """A scope for a region that is emitted into this one's own graph."""
        return Scope(self.trace, self.program, self.depth, self, self.in_function)

    def get(self, tensor: Tensor) -> Any:
        """A value: a tensor, or a Reference."""
        tensor = self._behind(tensor)
        scope = self._home(tensor)
        if scope._code.waits(tensor):
            scope.flush()
        return scope._value(tensor)

    def tensor(self, tensor: Tensor) -> Any:
        """A value as an ordinary op takes it."""
        value = self.get(tensor)
        return value.tensor(self) if isinstance(value, EmittedReference) else value

    def known_value(self, tensor: Tensor) -> Any:
        """A value that needs no waiting ops to run, or None."""
        tensor = self._behind(tensor)
        scope = self._home(tensor)
        return None if scope._code.waits(tensor) else scope._value(tensor)

    def _home(self, tensor: Tensor) -> Scope:
        """The nearest scope that has a value, or waits for it."""
        scope: Scope | None = self
        while scope is not None:
            if tensor in scope._values or tensor in scope._code:
                return scope
            scope = scope._parent
        raise KeyError(f"{tensor[0]}:{tensor[1]}")

    def _value(self, tensor: Tensor) -> Any:
        return self._values[tensor] if tensor in self._values else self._code.output(tensor)

    def set(self, tensor: Tensor, value: Any) -> None:
        """Gives a tensor of the program its value."""
        self._values[tensor] = value

    def set_outputs(self, name: str, values: Sequence[Any]) -> None:
        """Gives the outputs of a node their values."""
        for index, value in enumerate(values):
            self._values[(name, index)] = value

    def alias(self, tensor: Tensor, other: Tensor) -> None:
        """Makes a tensor of the program another name for one that comes before it."""
        self._aliases[tensor] = self._behind(other)

    def _behind(self, tensor: Tensor) -> Tensor:
        scope: Scope | None = self
        while scope is not None:
            if tensor in scope._aliases:
                return scope._aliases[tensor]
            scope = scope._parent
        return tensor

    def free_name(self, name: str) -> str:
        """A name for a node that the program does not have: this one, or one like it."""
        return free_name(name, self.ops)

    def run_later(self, node: Node, inputs: Sequence[Tensor]) -> None:
        """Lets an ordinary op run together with others."""
        self._code.add(node, [self._behind(tensor) for tensor in inputs])

    def flush(self) -> None:
        """Runs the ops that wait."""
        self._code.flush(self.tensor)
