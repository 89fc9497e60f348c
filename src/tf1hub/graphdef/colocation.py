"""Which nodes have to be where others are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cached_property

from tf1hub.format.messages_pb2 import GraphDef, NodeDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef import op_types

COLOCATION = b"loc:@"

_TOUCH_VARIABLES = op_types.READS | op_types.WRITES | op_types.QUESTIONS | op_types.IDENTITIES


def colocation_names(node: NodeDef) -> list[str]:
    """The nodes that a node is colocated with, itself excluded."""
    if "_class" not in node.attr:
        return []
    classes = node.attr["_class"].list.s
    names = [
        name.removeprefix(COLOCATION).decode(errors="replace")
        for name in classes
        if name.startswith(COLOCATION)
    ]
    return [name for name in names if name != node.name]


def colocate(node: NodeDef, rename: Callable[[str], str | None]) -> None:
    """Renames, in place, the nodes that a node is colocated with, or drops them.

    Args:
        node: the node.
        rename: the new name for one; None drops it.
    """
    if "_class" not in node.attr:
        return
    classes = node.attr["_class"].list.s
    kept = []
    for name in classes:
        if not name.startswith(COLOCATION):
            kept.append(name)
        elif (new := rename(name.removeprefix(COLOCATION).decode(errors="replace"))) is not None:
            kept.append(COLOCATION + new.encode())
    if kept:
        classes[:] = kept
    else:
        del node.attr["_class"]


class Places:
    """Where the nodes of a graph lie, in terms of those that are left of it.

    A constraint may name a node that is not left, such as a read of a variable that nobody uses. It asks for the
    device of that node. The node's own constraints say which one that is, or the variable that it reads.

    Args:
        graph: the whole graph.
        left: the nodes that can be named.
    """

    def __init__(self, graph: GraphDef, left: Collection[str]) -> None:
        self._graph = graph
        self._left = left

    @cached_property
    def _nodes(self) -> dict[str, NodeDef]:
        return {node.name: node for node in self._graph.node}

    def find_left(self, names: Iterable[str]) -> list[str]:
        """The nodes that are left and lie where `names` lie; none if that is not known."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(reversed(list(names)))
        while waiting:
            name = waiting.pop()
            if name in self._left:
                found[name] = None
            elif name not in seen and name in self._nodes:
                seen.add(name)
                node = self._nodes[name]
                waiting += reversed([*colocation_names(node), *_variable_of(node)])
        return list(found)


def _variable_of(node: NodeDef) -> list[str]:
    """The variable that a node reads or writes, as its first input."""
    return [node_of(node.input[0])] if node.op in _TOUCH_VARIABLES and node.input else []
