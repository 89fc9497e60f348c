"""The variables and tables of a TensorFlow 2 SavedModel, whose graph does not list them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.format.graph_walk import ancestors
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graph.cut import reach
from tf1hub.publish.main_op import main_op_parts
from tf1hub.publish.meta_graph import signature_tensors
from tf1hub.publish.tables import add_to_node_list
from tf1hub.publish.temporary import temporary_prefix
from tf1hub.publish.variable_nodes import VARIABLE_OPS, declare_variables, is_trainable

_MUTABLE_TABLES = ("MutableHashTableV2", "MutableHashTableOfTensorsV2", "MutableDenseHashTableV2")


def declare_objects(meta_graph: MetaGraphDef, checkpoint: str | None, main_op: str | None) -> str | None:
    """Adds the collections of the variables and tables that the signatures need, in place.

    Args:
        meta_graph: the graph, its calls inlined.
        checkpoint: prefix of the SavedModel's checkpoint, whose keys are paths through objects.
        main_op: the node that initializes the tables.

    Returns:
        The prefix of a checkpoint with the values by the names of the graph; None without variables.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    inputs, outputs = signature_tensors(meta_graph)
    needed = reach(nodes, outputs, (), inputs)
    variables = [name for name in sorted(needed) if nodes[name].op in VARIABLE_OPS]
    tables = [name for name in sorted(needed) if nodes[name].op in _MUTABLE_TABLES]
    fills = [
        part for part in main_op_parts(meta_graph, main_op) if not needed.isdisjoint(ancestors(nodes, [part]))
    ]
    add_to_node_list(meta_graph, "table_initializer", fills)
    _keep_read_assets(meta_graph, needed | ancestors(nodes, fills))
    prefix = temporary_prefix() if variables else None
    if checkpoint is not None and (variables or tables):
        _take_values(meta_graph, checkpoint, variables, prefix, tables)
    trained = _trainable_names(meta_graph)

    def trainable(name: str) -> bool:
        shared = nodes[name].attr["shared_name"].s.decode() or name
        return trained.get(shared, trained.get(name, is_trainable(nodes[name], [])))

    declare_variables(meta_graph, variables, trainable)
    meta_graph.object_graph_def = b""
    return prefix


def _keep_read_assets(meta_graph: MetaGraphDef, needed: set[str]) -> None:
    if "asset_filepaths" in meta_graph.collection_def:
        names = meta_graph.collection_def["asset_filepaths"].node_list.value
        names[:] = [name for name in names if name.removesuffix(":0") in needed]
        if not names:
            del meta_graph.collection_def["asset_filepaths"]


def _take_values(
    meta_graph: MetaGraphDef, checkpoint: str, variables: list[str], prefix: str | None, tables: list[str]
) -> None:
    """Restores the SavedModel as TensorFlow does; writes its variables, and puts tables into the graph."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    message = tf.compat.v1.MetaGraphDef.FromString(meta_graph.SerializeToString())
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(message.graph_def, name="")
        saver = message.saver_def
        with tf.compat.v1.Session(graph=graph) as session:
            restore = graph.get_operation_by_name(node_of(saver.restore_op_name))
            session.run(restore, {tensor_name(saver.filename_tensor_name): checkpoint})
            if prefix is not None:
                with CheckpointWriter(prefix) as writer:
                    for name in variables:
                        writer.add(name, session.run(_value_of(graph, nodes[name])))
            for name in tables:
                _fill_from_graph(meta_graph, nodes[name], session.run(_exported(graph, nodes[name])))


def _value_of(graph: Any, node: NodeDef) -> Any:
    handle = graph.get_tensor_by_name(f"{node.name}:0")
    if node.op != "VarHandleOp":
        return handle
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=node.attr["dtype"].type)


def _exported(graph: Any, node: NodeDef) -> Any:
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


def _trainable_names(meta_graph: MetaGraphDef) -> dict[str, bool]:
    """Whether the variable of each name is trainable, as the object graph has it."""
    message = tf.compat.v1.MetaGraphDef.FromString(meta_graph.SerializeToString())
    found: dict[str, bool] = {}
    for node in message.object_graph_def.nodes:
        if node.WhichOneof("kind") == "variable":
            name = node.variable.name.removesuffix(":0")
            found[name] = found.get(name, False) or node.variable.trainable
    return found
