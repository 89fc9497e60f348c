"""Applies a signature again, for less than the first time.

TensorFlow's importer looks at every op of the graph it imports into, so that application N would cost
more than application 1. The ops of a further application are created one by one instead, and those
that no input reaches (constants, reads of variables, what is computed from them) are not created
again: the first application has them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import create_operation, op_def, set_colocation
from tf1hub.format.graph_walk import dependents
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graph.cut import Cut, colocation_names
from tf1hub.graph.importing import Importable

_READS = frozenset({"ReadVariableOp", "ResourceGather"})
"""Stateful in name only: what they give depends on nothing but their inputs and the variable."""


@dataclass(frozen=True)
class Repetition:
    """How to apply a signature again.

    Attributes:
        order: the nodes to create, each after those that it needs.
        inputs: the tensors that each of them takes.
        waits: the nodes that each of them waits for, where there are such.
        colocated: the nodes that each of them is colocated with, where there are such.
    """

    order: list[str]
    inputs: dict[str, list[str]]
    waits: dict[str, list[str]]
    colocated: dict[str, list[str]]


def repetition_of(cut: Cut, feeds: Collection[str]) -> Repetition | None:
    """Plans the repetition of an application; None where its graph has cycles (loops).

    Args:
        cut: the application.
        feeds: the tensors of its inputs.
    """
    if cut.frames:
        return None
    dynamic = _dynamic(cut, feeds)
    order = _sorted([node for node in cut.graph.node if node.name in dynamic])
    if order is None:
        return None
    inputs = {n.name: [tensor_name(edge) for edge in n.input if not edge.startswith("^")] for n in order}
    waits = {n.name: [edge[1:] for edge in n.input if edge.startswith("^")] for n in order}
    colocated = {n.name: cut.colocated.get(n.name) or colocation_names(n) for n in order}
    return Repetition(
        [node.name for node in order],
        inputs,
        {name: nodes for name, nodes in waits.items() if nodes},
        {name: nodes for name, nodes in colocated.items() if nodes},
    )


def repeated(
    repetition: Repetition,
    importable: Importable,
    scope: str,
    earlier: str,
    outside: Mapping[str, Any],
    wanted: Sequence[str],
) -> dict[str, Any]:
    """Adds a further application to the default graph; arguments and result as of `imported`.

    Args:
        repetition: the plan.
        importable: the cut that the first application imported.
        scope: absolute scope for the new ops.
        earlier: scope of the first application.
        outside: the tensor for each tensor name that comes from outside the cut.
        wanted: tensor and op names of the variant to return.
    """
    graph = tf.compat.v1.get_default_graph()
    operations: dict[str, Any] = {}

    def operation(name: str) -> Any:
        if name not in operations and f"{name}:0" in outside:
            return outside[f"{name}:0"].op
        if name not in operations:
            operations[name] = graph.get_operation_by_name(f"{earlier}/{name}")
        return operations[name]

    def tensor(name: str) -> Any:
        if name in outside:
            return outside[name]
        node, index = split_tensor_name(name)
        return operation(node).outputs[index]

    for name in repetition.order:
        node = importable.by_name[name]
        with contextlib.ExitStack() as stack:
            if name in repetition.waits:
                waits = [operation(other) for other in repetition.waits[name]]
                stack.enter_context(graph.control_dependencies(waits))
            if node.device:
                stack.enter_context(tf.device(node.device))
            attrs = importable.attributes[name]
            inputs = [tensor(edge) for edge in repetition.inputs[name]]
            operations[name] = create_operation(
                graph, f"{scope}/{name}", node.op, inputs, attrs, op_def(node.op)
            )
        if name in repetition.colocated:
            places = [operation(other) for other in repetition.colocated[name]]
            device = next((place.device for place in places if place.device), None)
            set_colocation(operations[name], [place.name for place in places], device)
    return {name: tensor(name) if ":" in name else operation(name) for name in wanted}


def _dynamic(cut: Cut, feeds: Collection[str]) -> set[str]:
    """The nodes whose value may differ between two applications."""
    own = {node.name for node in cut.graph.node if not _is_shareable(node)}
    own |= {node.name for node in cut.graph.node if any(tensor_name(edge) in feeds for edge in node.input)}
    fed = {node_of(name) for name in feeds}
    own |= {
        node.name for node in cut.graph.node if any(edge[1:] in fed for edge in node.input if edge[0] == "^")
    }
    return dependents(cut.graph.node, own)


def _is_shareable(node: NodeDef) -> bool:
    definition = op_def(node.op)
    if definition is None or node.op.startswith("Placeholder"):
        return False
    return node.op in _READS or not definition.is_stateful


def _sorted(nodes: Sequence[NodeDef]) -> list[NodeDef] | None:
    """Topological order, or None where there is a cycle."""
    by_name = {node.name: node for node in nodes}
    needs = {node.name: {node_of(edge) for edge in node.input} & set(by_name) for node in nodes}
    users: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for other in needed:
            users.setdefault(other, []).append(name)
    ready = [name for name, needed in needs.items() if not needed]
    order: list[NodeDef] = []
    while ready:
        name = ready.pop()
        order.append(by_name[name])
        for user in users.get(name, ()):
            needs[user].discard(name)
            if not needs[user]:
                ready.append(user)
    return order if len(order) == len(nodes) else None
