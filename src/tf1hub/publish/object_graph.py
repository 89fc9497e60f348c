"""The variables and tables of a TensorFlow 2 SavedModel, whose graph does not list them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.format.messages_pb2 import GraphDef, MetaGraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.colocation import colocate
from tf1hub.graphdef.cut import keep_nodes
from tf1hub.graphdef.variable_nodes import declare_variables, is_trainable
from tf1hub.graphdef.walk import ancestors
from tf1hub.publish.main_op import main_op_parts
from tf1hub.publish.pruning import signature_tensors
from tf1hub.publish.saved_objects import SavedVariable
from tf1hub.publish.table_initializers import add_to_node_list
from tf1hub.publish.temporary import temporary_prefix

_MUTABLE_TABLES = op_types.RESOURCE_TABLES - op_types.HASH_TABLES


def declare_objects(
    meta_graph: MetaGraphDef,
    checkpoint: str | None,
    main_op: str | None,
    objects: Mapping[str, SavedVariable],
) -> str | None:
    """Adds the collections of the variables and tables that the signatures need, in place.

    The rest of the graph is dropped, and variables get the names that they were made with.

    Args:
        meta_graph: the graph, its calls inlined.
        checkpoint: prefix of the SavedModel's checkpoint, whose keys are paths through objects.
        main_op: the node that initializes the tables.
        objects: what is known of the variables, by node.

    Returns:
        The prefix of a checkpoint with the values by the names of the module; None without variables.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    inputs, outputs = signature_tensors(meta_graph)
    needed = ancestors(nodes, outputs, inputs)
    variables = [name for name in sorted(needed) if nodes[name].op in op_types.VARIABLES]
    tables = [name for name in sorted(needed) if nodes[name].op in _MUTABLE_TABLES]
    fills = [
        part for part in main_op_parts(meta_graph, main_op) if not needed.isdisjoint(ancestors(nodes, [part]))
    ]
    add_to_node_list(meta_graph, "table_initializer", fills)
    filling = ancestors(nodes, fills)
    _keep_read_assets(meta_graph, needed | filling)
    kept = needed | filling | {node_of(name) for name in inputs}
    names = _own_names(variables, objects, kept)
    prefix = temporary_prefix() if variables else None
    contents: dict[str, Any] = {}
    if checkpoint is not None and (variables or tables):
        contents = _take_values(meta_graph, checkpoint, names, prefix, tables, objects)
    # Keras 3 saves a graph with each variable twice; the other one is in the way of the name.
    keep_nodes(meta_graph.graph_def, kept)
    _rename_tables(meta_graph.graph_def)
    for table, exported in contents.items():
        _fill_from_graph(meta_graph, nodes[table], exported)
    _rename(meta_graph.graph_def, {old: new for old, new in names.items() if old != new})
    trained = {
        new: objects[old].trainable if old in objects else is_trainable(nodes[old], [])
        for old, new in names.items()
    }
    declare_variables(meta_graph, trained, trained.__getitem__)
    meta_graph.object_graph_def = b""
    return prefix


def _own_names(
    variables: Iterable[str], objects: Mapping[str, SavedVariable], taken: Collection[str]
) -> dict[str, str]:
    """The names of variables, without the number that a graph adds, where that is one variable's name alone."""
    names = {name: name for name in variables}
    wanted = Counter(objects[name].name for name in names if name in objects)
    for name in names:
        own = objects[name].name if name in objects else ""
        is_numbered = bool(own) and name.startswith(f"{own}_") and name.removeprefix(f"{own}_").isdigit()
        if is_numbered and wanted[own] == 1 and own not in taken:
            names[name] = own
    return names


def _rename(graph: GraphDef, names: Mapping[str, str]) -> None:
    """Renames variables, in place."""
    for node in graph.node:
        if node.name in names:
            node.name = names[node.name]
            node.attr["shared_name"].s = node.name.encode()
        node.input[:] = [_rename_edge(edge, names) for edge in node.input]
        colocate(node, lambda name: names.get(name, name))


def _rename_tables(graph: GraphDef) -> None:
    """Lets tables be shared under the names of their nodes, in place.

    TensorFlow names a table that is filled from a file after the path that the file had when the table was made.
    """
    names: dict[bytes, bytes] = {}
    for node in graph.node:
        if node.op == "HashTableV2" and "shared_name" in node.attr:
            shared = node.attr["shared_name"].s
            node.attr["shared_name"].s = names.setdefault(shared, node.name.encode())


def _rename_edge(edge: str, names: Mapping[str, str]) -> str:
    name = node_of(edge)
    return edge.replace(name, names[name], 1) if name in names else edge


def _keep_read_assets(meta_graph: MetaGraphDef, needed: set[str]) -> None:
    if "asset_filepaths" in meta_graph.collection_def:
        names = meta_graph.collection_def["asset_filepaths"].node_list.value
        names[:] = [name for name in names if name.removesuffix(":0") in needed]
        if not names:
            del meta_graph.collection_def["asset_filepaths"]


def _take_values(
    meta_graph: MetaGraphDef,
    checkpoint: str,
    names: Mapping[str, str],
    prefix: str | None,
    tables: list[str],
    objects: Mapping[str, SavedVariable],
) -> dict[str, Any]:
    """Writes the values of a SavedModel's variables, by their names; returns the contents of its tables."""
    keys = {name: objects[name].key for name in names if name in objects}
    others = [name for name in names if keys.get(name) is None]
    values, contents = _restore(meta_graph, checkpoint, others, tables) if others or tables else ([], [])
    if prefix is not None:
        reader = CheckpointReader(checkpoint)
        with CheckpointWriter(prefix) as writer:
            for name, key in keys.items():
                if key is not None:
                    writer.copy_from(reader, key, names[name])
            for name, value in zip(others, values, strict=True):
                writer.add(names[name], value)
    return dict(zip(tables, contents, strict=True))


def _restore(
    meta_graph: MetaGraphDef, checkpoint: str, variables: list[str], tables: list[str]
) -> tuple[list[Any], list[Any]]:
    """The values of variables and the contents of tables, once the graph has restored itself."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    message = tf.compat.v1.MetaGraphDef.FromString(meta_graph.SerializeToString())
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(message.graph_def, name="")
        saver = message.saver_def
        with tf.compat.v1.Session(graph=graph) as session:
            restore = graph.get_operation_by_name(node_of(saver.restore_op_name))
            session.run(restore, {tensor_name(saver.filename_tensor_name): checkpoint})
            values = [session.run(_value_of(graph, nodes[name])) for name in variables]
            return values, [session.run(_export_table(graph, nodes[name])) for name in tables]


def _value_of(graph: Any, node: NodeDef) -> Any:
    handle = graph.get_tensor_by_name(f"{node.name}:0")
    if node.op not in op_types.RESOURCE_VARIABLES:
        return handle
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=node.attr["dtype"].type)


def _export_table(graph: Any, node: NodeDef) -> Any:
    return tf.raw_ops.LookupTableExportV2(
        table_handle=graph.get_tensor_by_name(f"{node.name}:0"),
        Tkeys=node.attr["key_dtype"].type,
        Tvalues=node.attr["value_dtype"].type,
    )


def _fill_from_graph(meta_graph: MetaGraphDef, table: NodeDef, exported: Any) -> None:
    """A module's checkpoint holds variables alone, so that a mutable table starts from constants."""
    graph = meta_graph.graph_def
    fill = graph.node.add(name=f"{table.name}/tf1hub_import", op="LookupTableImportV2", input=[table.name])
    for label, attr, values in (("keys", "Tin", exported.keys), ("values", "Tout", exported.values)):
        constant = graph.node.add(name=f"{fill.name}/{label}", op="Const")
        proto = tf.make_tensor_proto(values)
        constant.attr["dtype"].type = fill.attr[attr].type = proto.dtype
        constant.attr["value"].tensor.MergeFromString(proto.SerializeToString())
        fill.input.append(constant.name)
    add_to_node_list(meta_graph, "table_initializer", [fill.name])
