"""The nodes of a GraphDef with parsed inputs, in an order in which they can run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tf1hub.errors import FormatError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import split_tensor_name
from tf1hub.graphdef import op_types

Tensor: TypeAlias = tuple[str, int]
"""An output of a node: the node's name and the number of the output."""


@dataclass(slots=True, eq=False)
class Node:
    """A node with its inputs parsed.

    Attributes:
        name: the node's name, unique in its graph.
        op: the type of op.
        inputs: the tensors it takes, in order.
        controls: the nodes that run before it without giving it a tensor.
        definition: the message; nobody may change it.
    """

    name: str
    op: str
    inputs: tuple[Tensor, ...]
    controls: tuple[str, ...]
    definition: NodeDef

    @staticmethod
    def parse(definition: NodeDef) -> Node:
        """The node behind a message."""
        edges = list(definition.input)
        inputs = tuple(split_tensor_name(edge) for edge in edges if not edge.startswith("^"))
        controls = tuple(edge[1:] for edge in edges if edge.startswith("^"))
        return Node(definition.name, definition.op, inputs, controls, definition)


def execution_order(
    definitions: Mapping[str, NodeDef],
    fetches: Iterable[Tensor],
    targets: Iterable[str],
    fed: Collection[Tensor],
) -> dict[str, Node]:
    """The nodes that `fetches` and `targets` need, each after what it needs itself.

    Back edges, from a NextIteration to its Merge, do not count for the order. What earlier targets
    need comes before what only later ones need.

    Args:
        definitions: the graph, by node name.
        fetches: tensors.
        targets: names of nodes.
        fed: tensors that are given; a node whose other outputs nobody needs is left out, with what only it
            needs. A control edge to such a node waits for what is given.

    Raises:
        FormatError: an input names a node that the graph does not have.
        UnsupportedGraphError: the graph has a cycle that is not a loop.
    """
    order: dict[str, Node] = {}
    open_nodes: set[str] = set()
    given = {name for name, _ in fed}
    roots = [name for name, index in fetches if (name, index) not in fed]
    roots += [name for name in targets if name not in given]
    for root in roots:  # grows while it is walked: what a loop's back edges need comes after the rest
        stack: list[tuple[str, Node | None]] = [(root, None)]
        while stack:
            name, leaving = stack.pop()
            if leaving is not None:
                open_nodes.discard(name)
                order[name] = leaving
                continue
            if name in order:
                continue
            if name in open_nodes:
                raise UnsupportedGraphError(
                    f"The graph has a cycle that is not a loop, through the node {name!r}."
                )
            if name not in definitions:
                raise FormatError(f"The graph has an input from {name!r}, a node that it does not have.")
            node = Node.parse(definitions[name])
            _check_control_flow(node)
            open_nodes.add(name)
            stack.append((name, node))
            sources = [source for source, index in node.inputs if (source, index) not in fed]
            for source in reversed([*sources, *(name for name in node.controls if name not in given)]):
                if (
                    node.op in op_types.MERGES
                    and source in definitions
                    and definitions[source].op in op_types.NEXT_ITERATIONS
                ):
                    roots.append(source)
                elif source not in order:
                    stack.append((source, None))
    return order


_TAKEN = {
    **dict.fromkeys(op_types.SWITCHES, 2),
    **dict.fromkeys(op_types.MERGES, 2),
    **dict.fromkeys(op_types.CONTROL_FLOW - op_types.SWITCHES - op_types.MERGES, 1),
}
"""How many inputs the ops of old control flow take."""


def _check_control_flow(node: Node) -> None:
    """Sees to it that what finds regions may ask for the inputs of a node by number."""
    taken = _TAKEN.get(node.op, 0)
    if len(node.inputs) < taken:
        raise FormatError(
            f"The node {node.name!r} ({node.op}) has {len(node.inputs)} inputs, where this op takes {taken}."
        )
