"""The ops around a variable in a graph: what initializes it, and what reads it.

VariableDefs name them, those of older TensorFlows not all: `initial_value_name` came in 1.4, and resource
variables have a `snapshot_name` since 1.8; before that, TensorFlow itself assumes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tf1hub.format.messages_pb2 import GraphDef, NodeDef, VariableDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_types import ASSIGNS, IDENTITIES, PLACEHOLDERS, REF_VARIABLES, RESTORES
from tf1hub.graphdef.walk import ancestors

_HAND_ON = IDENTITIES | {"Cast"}
_NO_INITIAL_VALUES = RESTORES | PLACEHOLDERS
"""Op types whose values another program, or a caller, gives."""


def complete(definition: VariableDef, nodes: Callable[[], Mapping[str, NodeDef]]) -> None:
    """Fills in, in place, what a graph tells of a variable. What it does not tell stays empty.

    `trainable` (since 1.9) is left as it is: what is trained is said by the collection `trainable_variables`
    in all versions. `synchronization` and `aggregation` (since 1.14) mean by zero what absent ones do.

    Args:
        definition: of a variable.
        nodes: gives the graph's nodes by name; called only where something is left out.
    """
    named = definition.initializer_name and definition.initial_value_name and definition.snapshot_name
    if named and definition.is_resource:
        return
    graph = nodes()
    variable = graph.get(node_of(definition.variable_name))
    if variable is None:
        return
    definition.is_resource = variable.op not in REF_VARIABLES
    if not definition.initializer_name:
        initializer = initializer_of(variable.name, graph, readers_of(variable.name, graph))
        definition.initializer_name = initializer.name if initializer is not None else ""
    if not definition.initial_value_name:
        assign = _assignment(definition, graph)
        if assign is not None:
            definition.initial_value_name = tensor_name(assign.input[1])
    if not definition.snapshot_name:
        read = find_read(variable, graph)
        definition.snapshot_name = f"{read.name}:0" if read is not None else ""


def _assignment(definition: VariableDef, nodes: Mapping[str, NodeDef]) -> NodeDef | None:
    """The assignment that a variable's initializer is, or waits for where it is a tensor that reads the variable."""
    variable, name = node_of(definition.variable_name), node_of(definition.initializer_name)
    for found in [name, *sorted(ancestors(nodes, [name]))] if name in nodes else []:
        node = nodes[found]
        if (
            node.op in ASSIGNS
            and len(node.input) > 1
            and node_of(node.input[0]) == variable
            and (found == name or not _restores(nodes, node))
        ):
            return node
    return None


def readers_of(variable: str, nodes: Mapping[str, NodeDef]) -> list[NodeDef]:
    """The nodes whose first input is a variable."""
    return [node for node in nodes.values() if node.input and tensor_name(node.input[0]) == f"{variable}:0"]


def initializer_of(variable: str, nodes: Mapping[str, NodeDef], readers: Iterable[NodeDef]) -> NodeDef | None:
    """The op that gives a variable its initial value; None where the graph has none.

    Args:
        variable: the variable's node.
        nodes: the graph.
        readers: the nodes whose first input is the variable.
    """
    assigns = [node for node in readers if node.op in ASSIGNS and not _restores(nodes, node)]
    named = [node for node in assigns if node.name == f"{variable}/Assign"]
    return next(iter(named or assigns), None)


def find_read(variable: NodeDef, nodes: Mapping[str, NodeDef]) -> NodeDef | None:
    """The op that TensorFlow makes beside each variable to read it; None where the graph has none."""
    op, name, _ = _reading(variable)
    read = nodes.get(name)
    return read if read is not None and read.op == op else None


def add_read(graph: GraphDef, nodes: dict[str, NodeDef], variable: NodeDef) -> NodeDef:
    """Adds that op.

    Args:
        graph: what to add to.
        nodes: its nodes by name; the new one joins them.
        variable: a node of `graph`.
    """
    op, name, attribute = _reading(variable)
    read = graph.node.add(name=free_name(name, nodes), op=op)
    read.input.append(variable.name)
    read.attr[attribute].type = variable.attr["dtype"].type
    nodes[read.name] = read
    return read


def add_question(graph: GraphDef, nodes: dict[str, NodeDef], variable: NodeDef) -> NodeDef:
    """The op that tells of a resource variable whether it has its value; added where TensorFlow has made none.

    Args:
        graph: what to add to.
        nodes: its nodes by name; a new one joins them.
        variable: a node of `graph`.
    """
    op, name = "VarIsInitializedOp", f"{variable.name}/IsInitialized/VarIsInitializedOp"
    found = nodes.get(name)
    if found is None or found.op != op or list(found.input) != [variable.name]:
        found = graph.node.add(
            name=free_name(name, nodes), op=op, device=variable.device, input=[variable.name]
        )
        nodes[found.name] = found
    return found


def assigning(variable: NodeDef) -> tuple[str, str]:
    """The op that gives a variable a value, and its attribute for the dtype."""
    return ("Assign", "T") if variable.op in REF_VARIABLES else ("AssignVariableOp", "dtype")


def _reading(variable: NodeDef) -> tuple[str, str, str]:
    """The op that reads a variable, what TensorFlow calls it, and its attribute for the dtype."""
    if variable.op in REF_VARIABLES:
        return "Identity", f"{variable.name}/read", "T"
    return "ReadVariableOp", f"{variable.name}/Read/ReadVariableOp", "dtype"


def _restores(nodes: Mapping[str, NodeDef], assign: NodeDef) -> bool:
    value = nodes.get(node_of(assign.input[1])) if len(assign.input) > 1 else None
    while value is not None and value.op in _HAND_ON and value.input:
        value = nodes.get(node_of(value.input[0]))
    return value is None or value.op in _NO_INITIAL_VALUES
