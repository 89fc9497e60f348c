"""Walks over the edges of a GraphDef; nothing here recurses, because graphs are deep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from tf1hub.format.messages_pb2 import AttrValue, FunctionDefLibrary, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name


def ancestors(
    nodes: Mapping[str, NodeDef],
    targets: Iterable[str],
    given: Collection[str] = (),
    outside: Collection[str] = (),
    checked: bool = True,
) -> set[str]:
    """The nodes that `targets` need, themselves included, over data and control edges.

    Args:
        nodes: the graph, by node name.
        targets: node or tensor names to start from.
        given: tensors that are not computed, such as fed inputs, as `tensor_name` writes them. A control
            edge to a node behind one waits for what is given, and needs nothing.
        outside: nodes that are not computed, none of their outputs.
        checked: whether all edges lead to nodes of the graph; else those that do not are left out.
    """
    behind = {node_of(tensor) for tensor in given}
    found: set[str] = set()
    waiting = list(targets)
    while waiting:
        edge = waiting.pop()
        if edge in found and not edge.startswith("^"):
            continue
        name = node_of(edge)
        if name in found or name in outside or not (checked or name in nodes):
            continue
        if name in behind and (edge.startswith("^") or tensor_name(edge) in given):
            continue
        found.add(name)
        waiting.extend(nodes[name].input)
    return found


def consumers_of(nodes: Iterable[NodeDef], given: Collection[str] = ()) -> dict[str, list[str]]:
    """For each node those that take an output of it or wait for it, once for each edge.

    Args:
        nodes: of the graph.
        given: tensors whose edges do not count, as for `ancestors`.
    """
    behind = {node_of(tensor) for tensor in given}
    consumers: dict[str, list[str]] = {}
    for node in nodes:
        for edge in node.input:
            name = node_of(edge)
            if not (name in behind and (edge.startswith("^") or tensor_name(edge) in given)):
                consumers.setdefault(name, []).append(node.name)
    return consumers


def dependents(nodes: Iterable[NodeDef], sources: Collection[str], given: Collection[str] = ()) -> set[str]:
    """The nodes that need one of `sources`, those included, over data and control edges.

    Args:
        nodes: of the graph.
        sources: names of nodes.
        given: tensors that are not computed, as for `ancestors`.
    """
    consumers = consumers_of(nodes, given)
    found: set[str] = set()
    waiting = list(sources)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(consumers.get(name, ()))
    return found


def attrs_with_functions(nodes: Iterable[NodeDef]) -> Iterator[AttrValue]:
    """The attributes that name functions, so that a caller can read or rename them."""
    for node in nodes:
        for attr in node.attr.values():
            if attr.WhichOneof("value") == "func" or attr.list.func:
                yield attr


def functions_used(nodes: Iterable[NodeDef], library: FunctionDefLibrary) -> set[str]:
    """The functions of `library` that `nodes` call, directly, through others, or for gradients."""
    if not library.function:
        return set()
    gradients = {given.function_name: given.gradient_func for given in library.gradient}
    bodies = {function.signature.name: function.node_def for function in library.function}
    found: set[str] = set()
    waiting = list(_named_functions(nodes, bodies))
    while waiting:
        name = waiting.pop()
        if name in bodies and name not in found:
            found.add(name)
            waiting.extend(_named_functions(bodies[name], bodies))
            if name in gradients:
                waiting.append(gradients[name])
    return found


def rename_functions(nodes: Iterable[NodeDef], rename: Callable[[str], str]) -> None:
    """Renames, in place, every function that `nodes` call."""
    for node in nodes:
        node.op = rename(node.op)
        for attr in attrs_with_functions([node]):
            if attr.WhichOneof("value") == "func":
                attr.func.name = rename(attr.func.name)
            for function in attr.list.func:
                function.name = rename(function.name)


def _named_functions(nodes: Iterable[NodeDef], bodies: Mapping[str, object]) -> Iterator[str]:
    for node in nodes:
        # Old graphs call a function by using its name as the op.
        if node.op in bodies:
            yield node.op
        for attr in attrs_with_functions([node]):
            if attr.WhichOneof("value") == "func":
                yield attr.func.name
            for function in attr.list.func:
                yield function.name
