"""Applies a signature again, for less than the first time.

TensorFlow's importer looks at every op of the graph it imports into, so that application N would cost
more than application 1. The ops of a further application are created one by one instead, and those
that no input reaches (constants, reads of variables, what is computed from them) are not created
again: the first application has them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import adding_operations, edge, op_def, set_colocation
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graphdef.colocation import colocation_names
from tf1hub.graphdef.cut import Cut
from tf1hub.graphdef.op_definitions import argument_length
from tf1hub.graphdef.op_types import FUNCTIONAL_LOOPS, INPUTS, READS
from tf1hub.graphdef.walk import dependents


@dataclass(frozen=True)
class Step:
    """One op of a repetition.

    Attributes:
        name: of the node in the variant.
        op_type: of the op.
        device: that the node asks for, or "".
        inputs: the names of the tensors that it takes; a list where the op takes a list.
        waits: the nodes that it waits for.
        colocated: the nodes that it is colocated with.
        attributes: serialized, without those that the inputs imply.
    """

    name: str
    op_type: str
    device: str
    inputs: list[str | list[str]]
    waits: list[str]
    colocated: list[str]
    attributes: list[tuple[str, bytes]]


def repetition_of(cut: Cut, feeds: Collection[str], in_contexts: Set[str]) -> list[Step] | None:
    """Plans the repetition of an application: the ops to create, each after those that it needs.

    None where the graph has loops or old conds, without whose contexts it cannot be differentiated, or
    calls a function by using its name as the op, which only an importer knows how to do.

    Args:
        cut: the application.
        feeds: the tensors of its inputs.
        in_contexts: the variant's nodes that lie in control flow contexts.
    """
    if cut.frames:
        return None
    dynamic = _dynamic(cut, feeds)
    loops = any(node.op in FUNCTIONAL_LOOPS for node in cut.graph.node if node.name in dynamic)
    if loops or not in_contexts.isdisjoint(dynamic):
        return None
    order = _sort([node for node in cut.graph.node if node.name in dynamic])
    if order is None or any(op_def(node.op) is None for node in order):
        return None
    return [_step(node, cut) for node in order]


class Repeater:
    """Applies a signature to further inputs, given its first application.

    Args:
        steps: the plan.
        earlier: scope of the first application.
    """

    def __init__(self, steps: list[Step], earlier: str) -> None:
        self._steps = steps
        self._earlier = earlier
        self._shared: dict[str, Any] = {}

    def apply(
        self, scope: str, state: Mapping[str, Any], feeds: Mapping[str, Any], wanted: Sequence[str]
    ) -> dict[str, Any]:
        """Adds a further application to the default graph, which is the first one's.

        Args:
            scope: absolute scope for the new ops; unused so far.
            state: the tensors of the state by their names in the variant; the same in each call.
            feeds: the tensors of the inputs by their names in the variant.
            wanted: tensor and op names of the variant to return.

        Raises:
            UnsupportedGraphError: TensorFlow refuses the graph.
        """
        graph = tf.compat.v1.get_default_graph()
        operations: dict[str, Any] = {}
        edges = {name: edge(tensor) for name, tensor in feeds.items()}
        shared = self._shared
        given = {node_of(tensor): value for tensor, value in (*state.items(), *feeds.items())}

        def operation(name: str) -> Any:
            if name in operations:
                return operations[name]
            if name in given:
                return given[name].op
            return graph.get_operation_by_name(f"{self._earlier}/{name}")

        def tensor(name: str) -> Any:
            for outside in (feeds, state):
                if name in outside:
                    return outside[name]
            node, index = split_tensor_name(name)
            return operation(node).outputs[index]

        def edge_of(name: str) -> Any:
            found = edges.get(name) or shared.get(name)
            if found is None:
                found = edge(tensor(name))
                node, _ = split_tensor_name(name)
                # What no input reaches is the same in every application.
                (edges if node in operations else shared)[name] = found
            return found

        with adding_operations(graph) as add:
            for step in self._steps:
                inputs = [
                    edge_of(item) if isinstance(item, str) else [edge_of(name) for name in item]
                    for item in step.inputs
                ]
                waits = [operation(name) for name in step.waits]
                try:
                    made = add(
                        f"{scope}/{step.name}", step.op_type, step.device, inputs, waits, step.attributes
                    )
                except tf.errors.InvalidArgumentError as error:
                    raise UnsupportedGraphError(
                        f"TensorFlow {tf.__version__} cannot import the graph of the module as {scope!r}: "
                        f"{error.message}"
                    ) from error
                operations[step.name] = made
                if step.colocated:
                    places = [operation(name) for name in step.colocated]
                    device = next((place.device for place in places if place.device), None)
                    set_colocation(made, [place.name for place in places], device)
        return {name: tensor(name) if ":" in name else operation(name) for name in wanted}


def _step(node: NodeDef, cut: Cut) -> Step:
    definition = op_def(node.op)
    flat = [tensor_name(item) for item in node.input if not item.startswith("^")]
    inputs: list[str | list[str]] = []
    # Shapes are inferred anew, and colocation is set to names of this graph.
    implied = {"_class", "_output_shapes"}
    for argument in definition.input_arg:
        implied |= {argument.number_attr, argument.type_list_attr}
        if argument.number_attr or argument.type_list_attr:
            length = argument_length(argument, node, definition)
            inputs.append(flat[:length])
            del flat[:length]
        else:
            implied.add(argument.type_attr)
            inputs.append(flat.pop(0))
    return Step(
        node.name,
        node.op,
        node.device,
        inputs,
        [item[1:] for item in node.input if item.startswith("^")],
        cut.colocated.get(node.name) or colocation_names(node),
        [(key, value.SerializeToString()) for key, value in sorted(node.attr.items()) if key not in implied],
    )


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
    if definition is None or node.op in INPUTS:
        return False
    # A write of an old variable is stateful as well, which only its argument tells.
    writes = any(argument.is_ref for argument in definition.input_arg)
    # Reads are stateful in name only: what they give depends on nothing but their inputs and the variable.
    return node.op in READS or not (definition.is_stateful or writes)


def _sort(nodes: Sequence[NodeDef]) -> list[NodeDef] | None:
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
