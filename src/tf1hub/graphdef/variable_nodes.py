"""Declares the variables of a bare graph, which has their nodes but no list of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from tf1hub.format.dtypes import FLOATING
from tf1hub.format.messages_pb2 import GraphDef, MetaGraphDef, NodeDef, VariableDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_types import RESOURCE_VARIABLES, STEPS
from tf1hub.graphdef.variable_defs import VariablePart, each_once, variables_by_collection
from tf1hub.graphdef.variable_ops import add_read, assigning, find_read, initializer_of

Shapes = Mapping[str, tuple[int, ...]]


def declare_variables(
    meta_graph: MetaGraphDef,
    names: Collection[str],
    trainable: Callable[[str], bool] | None,
    shapes: Shapes | None = None,
    parts: Mapping[str, tuple[str, VariablePart]] | None = None,
) -> list[str]:
    """Adds the collections of variables to a graph, and initializers and reads where nodes lack them.

    Args:
        meta_graph: the graph, changed in place.
        names: the variable nodes to declare.
        trainable: says by its name whether a variable is trainable; None decides by what the graph
            does with it (see `is_trainable`).
        shapes: shapes that are known from elsewhere.
        parts: the variables that are parts of a partitioned one: its name, and which part.

    Returns:
        The variables that the graph does not initialize by itself: they need a checkpoint.
    """
    graph = meta_graph.graph_def
    nodes = {node.name: node for node in graph.node}
    readers: dict[str, list[NodeDef]] = {name: [] for name in names}
    for node in graph.node:
        if node.input and node_of(node.input[0]) in readers:
            readers[node_of(node.input[0])].append(node)
    missing = []
    for name in sorted(names):
        initializer = initializer_of(name, nodes, readers[name])
        if initializer is None:
            missing.append(name)
            initializer = _add_initializer(graph, nodes, nodes[name], (shapes or {}).get(name))
        definition = VariableDef(
            variable_name=f"{name}:0",
            initializer_name=initializer.name,
            initial_value_name=tensor_name(initializer.input[1]),
            snapshot_name=f"{_read(graph, nodes, nodes[name])}:0",
            is_resource=nodes[name].op in RESOURCE_VARIABLES,
            trainable=trainable(name) if trainable else is_trainable(nodes[name], readers[name]),
        )
        if parts and name in parts:
            whole, part = parts[name]
            info = definition.save_slice_info_def
            info.full_name = whole
            info.full_shape.extend(part.full_shape)
            info.var_offset.extend(part.offset)
            info.var_shape.extend(part.shape)
        data = definition.SerializeToString()
        meta_graph.collection_def["variables"].bytes_list.value.append(data)
        if definition.trainable:
            meta_graph.collection_def["trainable_variables"].bytes_list.value.append(data)
    return missing


def complete_definitions(meta_graph: MetaGraphDef) -> None:
    """Lets each variable of a graph say all that today's TensorFlow expects of one, in place.

    Those of older TensorFlows leave fields out, and with them nodes that only newer ones make.
    """
    graph = meta_graph.graph_def
    nodes = {node.name: node for node in graph.node}
    variables = variables_by_collection(meta_graph, "the graph")
    trained = {variable.node for variable in variables["trainable_variables"]}
    definitions = {variable.node: variable.definition for variable in each_once(variables)}
    for node, definition in definitions.items():
        if node in nodes and not definition.initializer_name:
            initializer = _add_initializer(graph, nodes, nodes[node], None)
            definition.initializer_name = initializer.name
            definition.initial_value_name = tensor_name(initializer.input[1])
        if node in nodes and not definition.snapshot_name:
            definition.snapshot_name = f"{_read(graph, nodes, nodes[node])}:0"
        definition.trainable = node in trained
    for collection, listed in variables.items():
        if listed:
            meta_graph.collection_def[collection].bytes_list.value[:] = [
                definitions[variable.node].SerializeToString() for variable in listed
            ]


def start_from_zeros(meta_graph: MetaGraphDef, names: Collection[str]) -> None:
    """Gives variables of a graph a new initializer, in place, where their shape is known."""
    graph = meta_graph.graph_def
    nodes = {node.name: node for node in graph.node}
    definitions: dict[str, bytes] = {}
    for collection, listed in variables_by_collection(meta_graph, "the graph").items():
        for variable in listed:
            shape = nodes[variable.node].attr["shape"].shape if variable.node in names else None
            if (
                variable.node in definitions
                or shape is None
                or shape.unknown_rank
                or -1 in {d.size for d in shape.dim}
            ):
                continue
            initializer = _add_initializer(graph, nodes, nodes[variable.node], None)
            variable.definition.initializer_name = initializer.name
            variable.definition.initial_value_name = tensor_name(initializer.input[1])
            definitions[variable.node] = variable.definition.SerializeToString()
        if listed:
            meta_graph.collection_def[collection].bytes_list.value[:] = [
                definitions.get(variable.node) or variable.definition.SerializeToString()
                for variable in listed
            ]


def is_trainable(variable: NodeDef, readers: Collection[NodeDef]) -> bool:
    """Whether a variable looks like a weight: floating point, and no counter, moving average or statistic.

    A bare graph does not say. Statistics are what steps are added to by hand, and what TensorFlow's
    batch normalization calls so.
    """
    return (
        variable.attr["dtype"].type in FLOATING
        and not any(node.op in STEPS for node in readers)
        and not variable.name.endswith(("moving_mean", "moving_variance"))
    )


def _add_initializer(
    graph: GraphDef, nodes: dict[str, NodeDef], variable: NodeDef, shape: tuple[int, ...] | None
) -> NodeDef:
    value = graph.node.add(name=free_name(f"{variable.name}/Initializer/zeros", nodes), op="Const")
    dtype = variable.attr["dtype"].type
    value.attr["dtype"].type = dtype
    # A tensor without values is one of zeros, however large.
    tensor = value.attr["value"].tensor
    tensor.dtype = dtype
    if shape is None:
        tensor.tensor_shape.CopyFrom(variable.attr["shape"].shape)
    else:
        tensor.tensor_shape.SetInParent()
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
    op, attr = assigning(variable)
    initializer = graph.node.add(name=free_name(f"{variable.name}/Assign", nodes), op=op)
    initializer.input.extend([variable.name, value.name])
    initializer.attr[attr].type = dtype
    for node in (value, initializer):
        nodes[node.name] = node
    return initializer


def _read(graph: GraphDef, nodes: dict[str, NodeDef], variable: NodeDef) -> str:
    return (find_read(variable, nodes) or add_read(graph, nodes, variable)).name
