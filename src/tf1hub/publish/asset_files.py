"""Assets of a new module: which file of the publisher becomes which file of `assets/`."""

from __future__ import annotations

import os
from collections.abc import Collection

from tf1hub.errors import CreationError
from tf1hub.format import assets
from tf1hub.format.dtypes import STRING
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef.names import free_name
from tf1hub.storage import absolute


class AssetFiles:
    """The assets of all variants: one source is stored once, two of the same name get a number."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def add(self, source: str) -> str:
        """The name in `assets/` of a source file."""
        path = absolute(source)
        if path not in self._names:
            name = free_name(os.path.basename(path), self.paths)
            self._names[path] = name
            self.paths[name] = path
        return self._names[path]


def read_paths_directly(meta_graph: MetaGraphDef, assets: Collection[str]) -> None:
    """Lets what reads the path of an asset read its constant, in place.

    A SavedModel of TensorFlow 2 keeps each path in a variable that is assigned when it is loaded. A module's
    paths are constants, and its variables have their values from its checkpoint.

    Args:
        meta_graph: the graph, its calls inlined.
        assets: names of the constants' tensors.
    """
    nodes = meta_graph.graph_def.node
    assigns = [
        node for node in nodes if node.op == "AssignVariableOp" and tensor_name(node.input[1]) in assets
    ]
    paths = {node_of(node.input[0]): node.input[1] for node in assigns}
    reads = {
        node.name: paths[node_of(node.input[0])]
        for node in nodes
        if node.op == "ReadVariableOp" and node_of(node.input[0]) in paths
    }
    gone = {f"^{name}" for name in [*reads, *(node.name for node in assigns)]}
    for node in nodes:
        node.input[:] = [
            edge if edge.startswith("^") else reads.get(node_of(edge), edge)
            for edge in node.input
            if edge not in gone
        ]


def take_assets(meta_graph: MetaGraphDef, where: str, files: AssetFiles) -> None:
    """Replaces the paths in a new variant by references to files in `assets/`, in place.

    A path also hides in the names by which tables are shared (TensorFlow builds them from the
    vocabulary's path): those are rewritten, so that nothing of the publisher's machine is left.

    Raises:
        CreationError: an asset is not a scalar string constant.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    if "asset_filepaths" not in meta_graph.collection_def:
        return
    names: dict[str, str] = {}
    sources: dict[str, str] = {}
    # A program may list one tensor twice.
    for tensor in dict.fromkeys(
        map(tensor_name, meta_graph.collection_def["asset_filepaths"].node_list.value)
    ):
        source = _source(nodes[node_of(tensor)], where)
        names[tensor] = sources[source] = files.add(source)
        nodes[node_of(tensor)].attr["value"].tensor.string_val[:] = [assets.PLACEHOLDER]
    assets.set_asset_files(meta_graph, names)
    # The longest first: one path may be the beginning of another.
    for source in sorted(sources, key=len, reverse=True):
        for node in nodes.values():
            if "shared_name" in node.attr:
                attr = node.attr["shared_name"]
                attr.s = attr.s.replace(source.encode(), sources[source].encode())


def _source(node: NodeDef, where: str) -> str:
    tensor = node.attr["value"].tensor
    if node.op != "Const" or tensor.dtype != STRING or tensor.tensor_shape.dim or len(tensor.string_val) > 1:
        raise CreationError(
            f"The asset {node.name!r} in {where} is the op {node.op!r}; an asset is a scalar string constant "
            "that holds the path of a file."
        )
    source = tensor.string_val[0].decode(errors="replace") if tensor.string_val else ""
    if not source:
        raise CreationError(f"The asset {node.name!r} in {where} is empty; it must hold the path of a file.")
    return source
