"""Reads a GraphDef as a program. See `program` for what comes out, `regions` for how nesting is found."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.constants import integer
from tf1hub.program.array_order import check_order
from tf1hub.program.code import Cond, Item, Loop, LoopVariable, Merged, Op, Program, Region
from tf1hub.program.effects import Effects
from tf1hub.program.loop_bounds import bounds_of
from tf1hub.program.nodes import Node, Tensor, execution_order
from tf1hub.program.rank import CONSTRUCT, rank_of
from tf1hub.program.regions import Construct, Path, Regions, find_regions

_Leaf: TypeAlias = str | Construct
"""An item of a region: an op, by name, or a cond or loop."""


@dataclass(frozen=True)
class Hints:
    """What the control flow contexts of a graph tell beyond its nodes.

    Attributes:
        predicates: tensors whose every Switch belongs to one cond.
        bounds: for each loop frame, the tensor that bounds its iterations.
    """

    predicates: frozenset[Tensor] = frozenset()
    bounds: Mapping[str, Tensor] = field(default_factory=dict)


def decompile(
    definitions: Mapping[str, NodeDef],
    fetches: Sequence[Tensor],
    effects: Effects,
    targets: Sequence[str] = (),
    fed: Collection[Tensor] = (),
    hints: Hints | None = None,
) -> Program:
    """The program that computes `fetches` and runs `targets` after them.

    Args:
        definitions: the graph, by node name.
        fetches: the tensors whose values are wanted.
        effects: tells what nodes do beside computing.
        targets: nodes to run, such as update ops.
        fed: tensors that are given.
        hints: what is known beyond the nodes.

    Raises:
        FormatError: an input names a node that the graph does not have.
        UnsupportedGraphError: the control flow does not nest as conds and loops do, or the flows of
            TensorArrays do not order what is done with them.
    """
    hints = hints or Hints()
    nodes = execution_order(definitions, fetches, targets, fed)
    regions = find_regions(nodes, hints.predicates)
    check_order(nodes, regions)
    return _Builder(nodes, regions, hints, effects).program(fetches)


def carried_tensors(nodes: Mapping[str, Node]) -> dict[Tensor, Tensor]:
    """For each tensor that control flow only passes on, the tensor that it comes from."""
    carried: dict[Tensor, Tensor] = {}
    for node in nodes.values():
        if node.op in op_types.SWITCHES:
            source = carried.get(node.inputs[0], node.inputs[0])
            carried[(node.name, 0)] = carried[(node.name, 1)] = source
        elif (
            node.op in op_types.ENTERS
            or node.op in op_types.NEXT_ITERATIONS
            or node.op == op_types.LOOP_CONDITION
        ):
            carried[(node.name, 0)] = carried.get(node.inputs[0], node.inputs[0])
    return carried


class _Builder:
    def __init__(self, nodes: Mapping[str, Node], regions: Regions, hints: Hints, effects: Effects) -> None:
        self._nodes = nodes
        self._regions = regions
        self._hints = hints
        self._effects = effects
        self._carried = carried_tensors(nodes)
        self._trails: dict[str, tuple[_Leaf | None, ...]] = {}
        self._leaves: dict[Path, dict[_Leaf, int]] = {(): {}}
        self._needs: dict[_Leaf, set[_Leaf]] = {}
        self._members: dict[Construct, list[Node]] = {}

    def program(self, fetches: Sequence[Tensor]) -> Program:
        for position, node in enumerate(self._nodes.values()):
            self._place(node, position)
        for node in self._nodes.values():
            for source in (*(name for name, _ in node.inputs), *node.controls):
                if source in self._trails:
                    self._order(self._trails[source], self._trails[node.name])
        for name, index in fetches:
            self._check_outside((name, index))
        region = self._region((), self._leaves[()])
        return Program(region, [self._see_through(tensor) for tensor in fetches], self._carried)

    def _place(self, node: Node, position: int) -> None:
        path = self._regions.paths[node.name]
        leaf: _Leaf | None
        if node.name in self._regions.constructs:
            leaf = self._regions.constructs[node.name]
            self._members.setdefault(leaf, []).append(node)
        elif node.op in op_types.CONTROL_FLOW:
            leaf = None
            self._members.setdefault(path[-1][0], []).append(node)
        else:
            leaf = node.name
        self._trails[node.name] = (*(construct for construct, _ in path), leaf)
        if leaf is not None:
            self._leaves.setdefault(path, {})[leaf] = position

    def _order(self, before: tuple[_Leaf | None, ...], after: tuple[_Leaf | None, ...]) -> None:
        for first, second in zip(before, after, strict=False):
            if first is not second:
                if first is not None and second is not None and first != second:
                    self._needs.setdefault(second, set()).add(first)
                return

    def _check_outside(self, tensor: Tensor) -> None:
        name, _ = tensor
        path = self._regions.paths.get(name, ())
        if path or (
            name in self._regions.constructs and self._nodes[name].op in op_types.SWITCHES | op_types.ENTERS
        ):
            raise UnsupportedGraphError(
                f"The tensor '{name}:{tensor[1]}' is asked for, but it lies inside a loop or a branch of a cond."
            )

    def _see_through(self, tensor: Tensor) -> Tensor:
        return self._carried.get(tensor, tensor)

    def _region(self, path: Path, leaves: Mapping[_Leaf, int]) -> Region:
        return Region([self._item(leaf, path) for leaf in self._sort(leaves)])

    def _sort(self, leaves: Mapping[_Leaf, int]) -> list[_Leaf]:
        """The leaves, each after what it needs; those that could run now by rank, then as the graph has them."""
        missing = {
            leaf: len(needs) for leaf in leaves if (needs := self._needs.get(leaf, set()) & leaves.keys())
        }
        users: dict[_Leaf, list[_Leaf]] = {}
        for leaf in missing:
            for need in self._needs[leaf] & leaves.keys():
                users.setdefault(need, []).append(leaf)
        # The position is unique in a region, so the leaves themselves are never compared.
        ready = [
            (self._rank(leaf), position, leaf) for leaf, position in leaves.items() if leaf not in missing
        ]
        heapq.heapify(ready)
        done: list[_Leaf] = []
        while ready:
            _, _, leaf = heapq.heappop(ready)
            done.append(leaf)
            for user in users.get(leaf, ()):
                missing[user] -= 1
                if not missing[user]:
                    heapq.heappush(ready, (self._rank(user), leaves[user], user))
        if len(done) < len(leaves):
            stuck = sorted(self._in_words(leaf) for leaf in leaves.keys() - set(done))
            raise UnsupportedGraphError(f"These parts of the graph need each other: {', '.join(stuck)}.")
        return done

    def _rank(self, leaf: _Leaf) -> int:
        if isinstance(leaf, Construct):
            return CONSTRUCT
        node = self._nodes[leaf]
        if node.op == "Identity" and node.inputs[0][0] in self._nodes:
            # The read of a ref variable.
            return rank_of(self._nodes[node.inputs[0][0]].op) if self._is_ref(node.inputs[0]) else 1
        return rank_of(node.op)

    def _is_ref(self, tensor: Tensor) -> bool:
        return self._nodes[tensor[0]].op in op_types.REF_VARIABLES

    @staticmethod
    def _in_words(leaf: _Leaf) -> str:
        if isinstance(leaf, str):
            return f"the node {leaf!r}"
        return f"the loop {leaf.key!r}" if isinstance(leaf.key, str) else f"the cond on {leaf.key[0]!r}"

    def _item(self, leaf: _Leaf, path: Path) -> Item:
        if isinstance(leaf, str):
            node = self._nodes[leaf]
            return Op(node, tuple(self._see_through(tensor) for tensor in node.inputs))
        return self._loop(leaf, path) if leaf.is_loop else self._cond(leaf, path)

    # ------------------------------------------------------------------ conds

    def _cond(self, construct: Construct, path: Path) -> Cond:
        assert not isinstance(construct.key, str)
        off, on = (self._region(inner, self._leaves.get(inner, {})) for inner in _branches(construct, path))
        merges = [node for node in self._members[construct] if node.op in op_types.MERGES]
        return Cond(self._see_through(construct.key), (off, on), [self._merge(node) for node in merges])

    def _merge(self, node: Node) -> Merged:
        order = sorted((0, 1), key=lambda index: self._branch_of(node.inputs[index]))
        values = tuple(self._see_through(node.inputs[index]) for index in order)
        return Merged(node.name, (values[0], values[1]), (order[0], order[1]), node.op.startswith("Ref"))

    def _branch_of(self, tensor: Tensor) -> int:
        name, index = tensor
        node = self._nodes[name]
        if node.op in op_types.SWITCHES and name in self._regions.constructs:
            return index
        return self._regions.paths[name][-1][1]

    # ------------------------------------------------------------------ loops

    def _loop(self, frame: Construct, path: Path) -> Loop:
        assert isinstance(frame.key, str)
        members = self._members[frame]
        conditions = [node for node in members if node.op == op_types.LOOP_CONDITION]
        if len(conditions) != 1:
            raise UnsupportedGraphError(
                f"The loop {frame.key!r} has {len(conditions)} LoopCond nodes instead of one."
            )
        condition = self._see_through(conditions[0].inputs[0])
        variables = [self._variable(node, members) for node in members if node.op in op_types.MERGES]
        inner: Path = (*path, (frame, 0))
        for_condition, for_body = self._loop_parts(inner, condition, variables)
        self._check_runs_once(frame.key, for_condition.keys() & for_body.keys())
        enter = next(node for node in members if node.op in op_types.ENTERS)
        parallel = (
            enter.definition.attr["parallel_iterations"].i
            if "parallel_iterations" in enter.definition.attr
            else 10
        )
        return Loop(
            frame.key,
            variables,
            condition,
            self._region(inner, for_condition),
            self._region(inner, for_body),
            parallel,
            *self._bounds(frame, variables, condition),
        )

    def _variable(self, merge: Node, members: Iterable[Node]) -> LoopVariable:
        sources = [self._nodes.get(name) for name, _ in merge.inputs]
        enters = [source for source in sources if source is not None and source.op in op_types.ENTERS]
        nexts = [source for source in sources if source is not None and source.op in op_types.NEXT_ITERATIONS]
        if len(enters) != 1 or len(nexts) != 1 or len(sources) != 2:
            raise UnsupportedGraphError(
                f"The node {merge.name!r} (Merge) starts no loop: it joins {merge.inputs}."
            )
        switches = {
            node.name for node in members if node.op in op_types.SWITCHES and node.inputs[0][0] == merge.name
        }
        exits = [
            (node.name, 0) for node in members if node.op in op_types.EXITS and node.inputs[0][0] in switches
        ]
        return LoopVariable(
            merge.name, self._see_through(enters[0].inputs[0]), self._see_through(nexts[0].inputs[0]), exits
        )

    def _check_runs_once(self, frame: str, shared: Iterable[_Leaf]) -> None:
        names = [leaf for leaf in shared if isinstance(leaf, str)]
        twice = sorted(name for name in names if self._effects.runs_once(self._nodes[name].definition))
        if twice:
            raise UnsupportedGraphError(
                f"The node {twice[0]!r} ({self._nodes[twice[0]].op}) is needed by the condition and by the body of "
                f"the loop {frame!r}; it would run twice in each iteration."
            )

    def _loop_parts(
        self, inner: Path, condition: Tensor, variables: Iterable[LoopVariable]
    ) -> tuple[dict[_Leaf, int], dict[_Leaf, int]]:
        """What the condition needs, and the rest; what both need is in both."""
        leaves = self._leaves.get(inner, {})
        for_condition = self._needed_leaves([condition], inner)
        for_body = self._needed_leaves([variable.next for variable in variables], inner)
        return (
            {leaf: position for leaf, position in leaves.items() if leaf in for_condition},
            {
                leaf: position
                for leaf, position in leaves.items()
                if leaf in for_body or leaf not in for_condition
            },
        )

    def _needed_leaves(self, tensors: Iterable[Tensor], inner: Path) -> set[_Leaf]:
        leaves = self._leaves.get(inner, {})
        waiting = [
            self._trails[name][len(inner)]
            for name, _ in tensors
            if len(self._trails.get(name, ())) > len(inner)
        ]
        found: set[_Leaf] = set()
        while waiting:
            leaf = waiting.pop()
            if leaf is not None and leaf in leaves and leaf not in found:
                found.add(leaf)
                waiting.extend(self._needs.get(leaf, ()))
        return found

    def _bounds(
        self, frame: Construct, variables: Sequence[LoopVariable], condition: Tensor
    ) -> tuple[list[Tensor | int], bool]:
        assert isinstance(frame.key, str)
        bounds, counted = bounds_of(self._nodes, self._carried, variables, condition)
        known = self._hints.bounds.get(frame.key)
        if not bounds and known is not None and known[0] in self._nodes:
            bounds, counted = [known], False
        usable = [self._outside(self._see_through(bound), frame) for bound in bounds]
        found = [bound for bound in dict.fromkeys(usable) if bound is not None]
        return found, counted and None not in usable

    def _outside(self, bound: Tensor, frame: Construct) -> Tensor | int | None:
        """A bound in terms of what is known before the loop starts; a constant inside the loop becomes a number."""
        if not self._is_inside(bound, frame):
            return bound
        node = self._nodes[bound[0]]
        return integer(node.definition.attr["value"].tensor) if node.op == "Const" else None

    def _is_inside(self, tensor: Tensor, frame: Construct) -> bool:
        return any(step[0] is frame for step in self._regions.paths.get(tensor[0], ()))


def _branches(construct: Construct, path: Path) -> tuple[Path, Path]:
    return (*path, (construct, 0)), (*path, (construct, 1))
