"""Whether the flows of TensorArrays order all that is done with them.

A TensorArray of TF1 is one object. Its flow is a number that only makes ops wait for each other, as control
edges do. Here the flow is the list itself, so an op sees only the writes that its flow comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from tf1hub.errors import UnsupportedGraphError
from tf1hub.graphdef import op_types
from tf1hub.program.nodes import Node
from tf1hub.program.regions import Construct, Regions

_Loops: TypeAlias = tuple[Construct, ...]
_Sources: TypeAlias = Callable[[Node], list[str]]

_WRITES = ("Write", "Scatter", "Split")
_USES = (*_WRITES, "Read", "Gather", "Concat", "Size")


def check_order(nodes: Mapping[str, Node], regions: Regions, problems: list[str] | None = None) -> None:
    """Refuses graphs in which an op sees a write that its flow does not come from.

    Args:
        nodes: the nodes of a graph in execution order.
        regions: their nesting.
        problems: where faults go, one sentence each; None to raise the first one.

    Raises:
        UnsupportedGraphError: there is such an op.
    """
    for problem in _WriteSets(nodes, regions).problems():
        if problems is None:
            raise UnsupportedGraphError(problem)
        problems.append(problem)


class _WriteSets:
    """Sets of writes are integers here, a bit for each write: graphs may have thousands, in a row."""

    def __init__(self, nodes: Mapping[str, Node], regions: Regions) -> None:
        self._nodes = nodes
        self._regions = regions
        self._uses = [node for node in nodes.values() if op_types.TENSOR_ARRAYS.get(node.op) in _USES]
        self._writes = [node for node in self._uses if op_types.TENSOR_ARRAYS[node.op] in _WRITES]
        self._bits = {node.name: 1 << number for number, node in enumerate(self._writes)}
        self._behind_nodes: dict[tuple[_Loops, _Sources], dict[str, int]] = {}
        self._within_loops: dict[tuple[str, _Loops], int] = {}

    def problems(self) -> Iterator[str]:
        for node in self._uses:
            array = self._array(node)
            if op_types.TENSOR_ARRAYS[node.op] == "Size" and not self._grows(array):
                continue
            write = self._unseen(node, array)
            if write is not None:
                yield (
                    f"The node {node.name!r} ({node.op}) runs after the node {write.name!r} ({write.op}) wrote to "
                    f"the TensorArray {array!r}, but its flow does not come from there."
                )

    def _array(self, node: Node) -> str:
        """The node that made the array, or the argument that it came with."""
        name = node.inputs[0][0]
        while (source := self._nodes.get(name)) is not None and _hands_on(source):
            name = source.inputs[0][0]
        return name

    def _grows(self, array: str) -> bool:
        made = self._nodes.get(array)
        return made is None or (
            "dynamic_size" in made.definition.attr and made.definition.attr["dynamic_size"].b
        )

    def _unseen(self, node: Node, array: str) -> Node | None:
        """A write that runs before a node, or again and again, but is not in its flow."""
        itself = self._bits.get(node.name, 0)
        if itself and self._restarts(node, array):
            return node
        loops = self._loops(node.name)
        # Within one iteration of each of the loops around, so that the iteration before does not count.
        for depth in range(len(self._loops(array)), len(loops) + 1):
            around = loops[:depth]
            unseen = self._within(array, around) & ~itself & ~self._behind(around, _flow_sources)[node.name]
            unseen = unseen and unseen & self._behind(around, _all_sources)[node.name]
            if unseen:
                return self._writes[unseen.bit_length() - 1]
        return None

    def _restarts(self, write: Node, array: str) -> bool:
        """Whether a loop runs a write again and again on the flow from before the loop."""
        closed = self._loops(array)
        found = {write.name}
        waiting = [write]
        while waiting:
            node = waiting.pop()
            for name in self._open_sources(node, closed, _flow_sources):
                source = self._nodes.get(name)
                if source is None:
                    continue
                if source.op in op_types.ENTERS and node.name not in self._regions.loop_merges:
                    return True
                # What is behind another write is its own matter.
                if name not in found and name not in self._bits:
                    waiting.append(source)
                found.add(name)
        return False

    def _within(self, array: str, around: _Loops) -> int:
        """The writes to an array in some loops."""
        key = array, around
        if key not in self._within_loops:
            writes = [node for node in self._writes if self._array(node) == array]
            inside = (node.name for node in writes if self._loops(node.name)[: len(around)] == around)
            self._within_loops[key] = sum(self._bits[name] for name in inside)
        return self._within_loops[key]

    def _behind(self, around: _Loops, sources: _Sources) -> dict[str, int]:
        """The writes that each node comes from, within one iteration of the loops around."""
        key = around, sources
        if key not in self._behind_nodes:
            edges = self._edges(around, sources)
            behind = dict.fromkeys(edges, 0)
            changed = True
            while changed:  # once more for each loop in a loop
                changed = False
                for name, before in edges.items():
                    writes = 0
                    for source in before:
                        writes |= behind[source] | self._bits.get(source, 0)
                    changed = changed or writes != behind[name]
                    behind[name] = writes
            self._behind_nodes[key] = behind
        return self._behind_nodes[key]

    def _edges(self, around: _Loops, sources: _Sources) -> dict[str, list[str]]:
        """Where the uses of arrays come from, in execution order."""
        edges: dict[str, list[str]] = {}
        waiting = [node.name for node in self._uses]
        while waiting:
            name = waiting.pop()
            if name not in edges:
                found = self._open_sources(self._nodes[name], around, sources)
                edges[name] = [source for source in found if source in self._nodes]
                waiting.extend(edges[name])
        return {name: edges[name] for name in self._nodes if name in edges}

    def _open_sources(self, node: Node, closed: _Loops, sources: _Sources) -> list[str]:
        """Where a node comes from, but not from the iteration before of some loops."""
        if node.op in op_types.NEXT_ITERATIONS and not set(self._loops(node.name)[-1:]).isdisjoint(closed):
            return []
        return sources(node)

    def _loops(self, name: str) -> _Loops:
        return tuple(construct for construct, _ in self._regions.paths.get(name, ()) if construct.is_loop)


def _hands_on(node: Node) -> bool:
    return node.op in op_types.CONTROL_FLOW or node.op == "Identity"


def _flow_sources(node: Node) -> list[str]:
    """Where a flow comes from; nowhere, for the flow of a new array."""
    does = op_types.TENSOR_ARRAYS.get(node.op)
    if does in _USES:
        return [node.inputs[-1][0]]
    if does is not None:
        return []
    return [name for name, _ in (node.inputs[:1] if node.op in op_types.SWITCHES else node.inputs)]


def _all_sources(node: Node) -> list[str]:
    return [*(name for name, _ in node.inputs), *node.controls]
