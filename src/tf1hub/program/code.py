"""An old graph as a program: straight-line code, conds and loops, nested in regions.

This is what `decompile` makes of a GraphDef and what the emitter runs once inside a `tf.function`.
Nothing here knows TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from tf1hub.graphdef import op_types
from tf1hub.program.nodes import Node, Tensor


@dataclass(slots=True, eq=False)
class Op:
    """One op of straight-line code.

    Attributes:
        node: the op as the graph has it.
        inputs: its inputs, seen through all control flow: outputs of ops, variables of loops,
            results of conds and loops, or what is fed.
    """

    node: Node
    inputs: tuple[Tensor, ...]


@dataclass(slots=True, eq=False)
class Region:
    """Code that runs from top to bottom."""

    items: list[Item] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Merged:
    """One result of a cond.

    Attributes:
        name: the Merge node; its first output is the value, its second the index of the input taken.
        values: the value that each branch gives (false, true).
        indices: what the second output is (false, true).
        by_reference: whether the Merge hands on a variable itself.
    """

    name: str
    values: tuple[Tensor, Tensor]
    indices: tuple[int, int]
    by_reference: bool


@dataclass(slots=True, eq=False)
class Cond:
    """A choice between two regions."""

    predicate: Tensor
    branches: tuple[Region, Region]
    results: list[Merged]


@dataclass(slots=True, eq=False)
class LoopVariable:
    """A value that a loop carries from one iteration to the next.

    Attributes:
        name: the Merge node; its first output is the value at the start of an iteration.
        initial: the value before the first iteration, outside the loop.
        next: the value after an iteration, inside the body.
        exits: the tensors outside that are the value after the last iteration.
    """

    name: str
    initial: Tensor
    next: Tensor
    exits: list[Tensor]


@dataclass(slots=True, eq=False)
class Loop:
    """A loop: while `condition`, computed by one region, holds, the other runs.

    Attributes:
        name: the loop's frame.
        bounds: scalars outside the loop, or numbers, none of which the number of iterations exceeds.
        counted: whether the loop runs until it reaches the least of the bounds, so that its condition
            need not be computed.
    """

    name: str
    variables: list[LoopVariable]
    condition: Tensor
    condition_region: Region
    body: Region
    parallel_iterations: int
    bounds: list[Tensor | int]
    counted: bool


Item: TypeAlias = Op | Cond | Loop


@dataclass(eq=False)
class Program:
    """A graph cut down to what some fetches need.

    Attributes:
        region: the code.
        fetches: what was asked for, seen through control flow.
        carried: for every tensor that only repeats another one (an output of a Switch, for example), that one.
    """

    region: Region
    fetches: list[Tensor]
    carried: dict[Tensor, Tensor]

    @cached_property
    def by_name(self) -> dict[str, Op]:
        """The ops by name."""
        return {op.node.name: op for op, _ in self.ops()}

    def origin(self, tensor: Tensor) -> Tensor:
        """The tensor behind identities."""
        while (op := self.by_name.get(tensor[0])) is not None and op.node.op in op_types.IDENTITIES:
            tensor = op.inputs[0]
        return tensor

    def maker(self, tensor: Tensor) -> Op | None:
        """The op behind a tensor; None where a loop, a cond or a caller gives it."""
        return self.by_name.get(self.origin(tensor)[0])

    @cached_property
    def joins(self) -> dict[Tensor, tuple[Tensor, ...]]:
        """For each result of a cond, variable and result of a loop, the tensors that it may be."""
        found: dict[Tensor, tuple[Tensor, ...]] = {}
        for region, _ in self._regions():
            for item in region.items:
                if isinstance(item, Cond):
                    found.update({(merged.name, 0): merged.values for merged in item.results})
                elif isinstance(item, Loop):
                    for variable in item.variables:
                        found[(variable.name, 0)] = (variable.initial, variable.next)
                        found.update(dict.fromkeys(variable.exits, ((variable.name, 0),)))
        return found

    def ops(self) -> Iterator[tuple[Op, int]]:
        """All ops, each with the number of regions around its own."""
        for region, depth in self._regions():
            for item in region.items:
                if isinstance(item, Op):
                    yield item, depth

    def _regions(self) -> Iterator[tuple[Region, int]]:
        waiting: list[tuple[Region, int]] = [(self.region, 0)]
        while waiting:
            region, depth = waiting.pop()
            yield region, depth
            for item in region.items:
                if isinstance(item, Cond):
                    waiting.extend((branch, depth + 1) for branch in item.branches)
                elif isinstance(item, Loop):
                    waiting.extend((part, depth + 1) for part in (item.condition_region, item.body))


@dataclass(frozen=True)
class Body:
    """A function as a program.

    Attributes:
        arguments: the tensors that the program takes as its arguments.
        program: what it does; its fetches are the results.
    """

    arguments: list[Tensor]
    program: Program
