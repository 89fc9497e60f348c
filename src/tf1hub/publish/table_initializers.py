"""Finds what fills the tables of a bare graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tf1hub.format.dtypes import STRING
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.op_types import TABLE_FILLS, TABLE_FILLS_FROM_FILES


def add_table_initializers(meta_graph: MetaGraphDef, needed: Collection[str]) -> None:
    """Adds, in place, the collections of table initializers and of the vocabulary files that they read.

    Args:
        meta_graph: the graph.
        needed: the nodes of the module; other tables are left out.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    fills = [
        node
        for node in meta_graph.graph_def.node
        if node.op in TABLE_FILLS and node_of(node.input[0]) in needed
    ]
    add_to_node_list(meta_graph, "table_initializer", [node.name for node in fills])
    files = [nodes[node_of(node.input[1])] for node in fills if node.op in TABLE_FILLS_FROM_FILES]
    add_to_node_list(meta_graph, "asset_filepaths", [f"{file.name}:0" for file in files if _is_path(file)])


def add_to_node_list(meta_graph: MetaGraphDef, collection: str, names: Iterable[str]) -> None:
    """Adds names to a collection, each once."""
    new = list(dict.fromkeys(names))
    if new:
        values = meta_graph.collection_def[collection].node_list.value
        values.extend(name for name in new if name not in set(values))


def _is_path(node: NodeDef) -> bool:
    return (
        node.op == "Const"
        and node.attr["dtype"].type == STRING
        and not node.attr["value"].tensor.tensor_shape.dim
    )
