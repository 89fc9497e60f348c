"""Programs that are ready to run: what computes each op is looked up once, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.op_attributes import Attributes, attributes_of
from tf1hub.arrays.op_table import FUNCTION_NAME, Kernel
from tf1hub.graphdef import op_types
from tf1hub.program.code import Cond, Loop, Op, Program, Region
from tf1hub.program.functions import Functions
from tf1hub.program.nodes import Tensor


@dataclass(slots=True, eq=False, repr=False)
class PreparedOp:
    """One op.

    Attributes:
        name: the node's name.
        kind: the op type.
        inputs: its inputs.
        kernel: what computes it.
        attributes: its attributes, in plain values.
        op: the op as the program has it.
        code: the program that it stands in.
        guarded: whether some outputs are given, which what it computes must not replace.
        last: the tensors that nothing needs behind it.
    """

    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    kernel: Kernel
    attributes: Attributes
    op: Op
    code: Code
    guarded: bool
    last: tuple[Tensor, ...] = ()


@dataclass(slots=True, eq=False)
class PreparedCond:
    """A cond; its branches (false, true) as steps."""

    cond: Cond
    branches: tuple[Block, Block]
    last: tuple[Tensor, ...] = ()


@dataclass(slots=True, eq=False)
class PreparedLoop:
    """A loop; its condition and its body as steps."""

    loop: Loop
    condition: Block
    body: Block
    last: tuple[Tensor, ...] = ()


@dataclass(slots=True, eq=False)
class PreparedWords:
    """Ops that turn each word of a text into numbers, as one step.

    Attributes:
        words: what they work on.
        steps: the ops.
        results: what others take of them.
        memory: what they gave for words that came before.
    """

    words: Tensor
    steps: Block
    results: tuple[Tensor, ...]
    memory: Any
    last: tuple[Tensor, ...] = ()


PreparedStep: TypeAlias = "PreparedOp | PreparedCond | PreparedLoop | PreparedWords"
Block: TypeAlias = "list[PreparedStep]"


@dataclass(eq=False, repr=False)
class Code:
    """A program, ready to be run.

    Attributes:
        program: the program.
        block: its steps.
        arguments: the tensors that are given.
        constants: the values of its constants, which are no steps.
        is_quiet: whether it has no step of which NumPy might warn.
    """

    program: Program
    block: Block
    arguments: tuple[Tensor, ...] = ()
    constants: dict[Tensor, Any] = field(default_factory=dict)
    is_quiet: bool = False


class PreparedFunctions:
    """The functions of a graph, ready to be run; each is read when first called.

    Args:
        functions: as programs.
        constant: gives, for a tensor of the graph itself, the value that stands for it (the path of an asset), or
            None.
    """

    def __init__(self, functions: Functions, constant: Callable[[Tensor], Any] | None = None) -> None:
        self.functions = functions
        self._constant = constant or _none
        self._bodies: dict[str, Code] = {}

    def body(self, name: str) -> Code:
        """A function, ready to be run.

        Raises:
            FormatError: there is no such function.
            UnsupportedGraphError: it cannot be read.
        """
        code = self._bodies.get(name)
        if code is None:
            body = self.functions.body(name)
            code = self._prepare(body.program, body.arguments, _none)
            self._bodies[name] = code
        return code

    def prepare(self, program: Program, arguments: Iterable[Tensor] = ()) -> Code:
        """A program of the graph itself, ready to be run.

        Op types that nothing computes get a kernel that cannot be called: `missing` tells them beforehand.
        """
        return self._prepare(program, arguments, self._constant)

    def _prepare(
        self, program: Program, arguments: Iterable[Tensor], constant: Callable[[Tensor], Any]
    ) -> Code:
        code = Code(program, [], tuple(arguments))
        code.block = self._block(program.region, code, constant)
        find_last_uses(code)
        return code

    def _block(self, region: Region, code: Code, constant: Callable[[Tensor], Any]) -> Block:
        block: Block = []
        for item in region.items:
            if isinstance(item, Op):
                step = self._step(item, code, constant)
                value = step.attributes.get("value") if step.kind == "Const" else None
                if isinstance(value, np.ndarray):
                    code.constants[step.name, 0] = value
                else:
                    block.append(step)
            elif isinstance(item, Cond):
                off, on = (self._block(branch, code, constant) for branch in item.branches)
                block.append(PreparedCond(item, (off, on)))
            else:
                condition = self._block(item.condition_region, code, constant)
                block.append(PreparedLoop(item, condition, self._block(item.body, code, constant)))
        return block

    def _step(self, op: Op, code: Code, constant: Callable[[Tensor], Any]) -> PreparedOp:
        node = op.node
        kind = FUNCTION_NAME if node.op in self.functions else node.op
        attributes = attributes_of(node.definition, self.functions.effects.definition_of(node.op))
        if node.op == "Const" and (value := constant((node.name, 0))) is not None:
            attributes["value"] = value
        kernel = kernel_of(kind) or _MISSING
        guarded = any(name == node.name for name, _ in code.arguments)
        return PreparedOp(node.name, node.op, op.inputs, kernel, attributes, op, code, guarded)

    def missing(self, program: Program) -> dict[str, list[str]]:
        """The op types that nothing computes, with their nodes, in functions too."""
        nodes = [op.node.definition for op, _ in program.ops()]
        found: dict[str, list[str]] = {}
        for node in [*nodes, *self.functions.nodes_used(nodes)]:
            if node.op in self.functions or node.op in op_types.CONTROL_FLOW or kernel_of(node.op):
                continue
            found.setdefault(node.op, []).append(node.name)
        return found


def find_last_uses(code: Code) -> None:
    """Notes after which item each tensor is needed no more, so that its memory can be given back."""
    needed: set[Tensor] = {*code.program.fetches, *code.arguments}
    for item in reversed(code.block):
        used = set(tensors_used([item]))
        item.last = tuple(used - needed)
        needed |= used


def tensors_used(block: Iterable[PreparedStep]) -> Iterator[Tensor]:
    """All that steps take."""
    for item in block:
        if isinstance(item, PreparedOp):
            yield from item.inputs
        elif isinstance(item, PreparedWords):
            yield item.words
        elif isinstance(item, PreparedCond):
            yield item.cond.predicate
            for branch in item.branches:
                yield from tensors_used(branch)
            for merged in item.cond.results:
                yield from merged.values
        else:
            yield item.loop.condition
            yield from (bound for bound in item.loop.bounds if not isinstance(bound, int))
            for variable in item.loop.variables:
                yield from (variable.initial, variable.next)
            yield from tensors_used(item.condition)
            yield from tensors_used(item.body)


def _none(_: Tensor) -> None:
    """Of a function's constants, none stands for an asset."""


def _cannot(*_: Any) -> Any:
    raise AssertionError("a program with missing op types was run")


_MISSING = Kernel(_cannot, "computes")
