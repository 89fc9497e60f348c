"""Cuts out of a variant's graph what one state or one application needs. Computed once, imported often."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tf1hub.format.messages_pb2 import GraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.colocation import Places, colocate, colocation_names
from tf1hub.graphdef.walk import functions_used, rename_functions


@dataclass
class Cut:
    """A part of a variant's graph, ready to be imported under a prefix.

    Attributes:
        graph: the nodes and functions.
        inputs: edges of `graph` that end outside it: tensor names, and `^node` for control edges.
        colocated: nodes of `graph` whose constraints name nodes outside it, and the names of what takes
            their place: nodes of `graph`, and nodes that come from outside.
        frames: nodes of `graph` that enter a loop, with the frame's name.
        lost: nodes of `graph` that leave a loop without a context, with what to say of that when they are
            differentiated.
    """

    graph: GraphDef
    inputs: set[str] = field(default_factory=set)
    colocated: dict[str, list[str]] = field(default_factory=dict)
    frames: dict[str, bytes] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The names of the nodes."""
        return {node.name for node in self.graph.node}


def cut(graph: GraphDef, keep: Collection[str], given: Collection[str], function_suffix: str) -> Cut:
    """The nodes `keep` of a graph, with the functions that they call.

    Function names are global in a graph, and two modules may each have a `body_12`. So the names get a suffix.

    Args:
        graph: the variant's graph; it is not changed.
        keep: names of nodes.
        given: names of the nodes that come from outside.
        function_suffix: what distinguishes this module's functions, such as a digest.
    """
    part = GraphDef()
    part.versions.CopyFrom(graph.versions)
    part.node.extend(node for node in graph.node if node.name in keep)
    _add_functions(part, graph, function_suffix)
    result = Cut(part)
    places = Places(graph, {*keep, *given})
    for node in part.node:
        result.inputs.update(
            edge if edge.startswith("^") else tensor_name(edge)
            for edge in node.input
            if node_of(edge) not in keep
        )
        _lift_foreign_colocation(node, keep, places, result)
        if node.op in op_types.ENTERS:
            result.frames[node.name] = node.attr["frame_name"].s
    return result


def keep_nodes(graph: GraphDef, keep: Collection[str]) -> None:
    """Drops all other nodes, in place, and the colocation constraints that name one of them."""
    kept = [node for node in graph.node if node.name in keep]
    if len(kept) < len(graph.node):
        copies = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)
        for node in graph.node:
            colocate(node, lambda name: name if name in keep else None)


def _lift_foreign_colocation(node: NodeDef, keep: Collection[str], places: Places, result: Cut) -> None:
    # An importer puts its prefix before every name of a constraint, and refuses one that is not
    # among the imported nodes. So these constraints are set after the import, to the right names.
    names = colocation_names(node)
    if any(name not in keep for name in names):
        del node.attr["_class"]
        found = [name for name in places.find_left(names) if name != node.name]
        if found:
            result.colocated[node.name] = found


def _add_functions(part: GraphDef, graph: GraphDef, suffix: str) -> None:
    used = functions_used(part.node, graph.library)
    part.library.function.extend(f for f in graph.library.function if f.signature.name in used)
    part.library.gradient.extend(g for g in graph.library.gradient if g.function_name in used)
    _rename_functions(part, suffix)


def with_functions_of_its_own(part: Cut, suffix: str) -> Cut:
    """The same cut, whose functions have a further suffix."""
    graph = GraphDef()
    graph.CopyFrom(part.graph)
    _rename_functions(graph, suffix)
    return Cut(graph, part.inputs, part.colocated, part.frames)


def _rename_functions(graph: GraphDef, suffix: str) -> None:
    names = {function.signature.name for function in graph.library.function}
    if not names:
        return

    def rename(name: str) -> str:
        return name + suffix if name in names else name

    for function in graph.library.function:
        function.signature.name = rename(function.signature.name)
        rename_functions(function.node_def, rename)
    for given in graph.library.gradient:
        given.function_name = rename(given.function_name)
        given.gradient_func = rename(given.gradient_func)
    rename_functions(graph.node, rename)
