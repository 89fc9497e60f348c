"""The file beside a model with the ops that run outside of it: ops on strings, with their vocabularies."""

from __future__ import annotations

import os
import zipfile

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.errors import FormatError
from tf1hub.format.assets import COLLECTION
from tf1hub.format.messages_pb2 import MetaGraphDef, SavedModel
from tf1hub.format.saved_model import FILE_NAME, SCHEMA_VERSION, parse_saved_model
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.walk import ancestors, functions_used
from tf1hub.onnx.model_ports import ModelPorts, name_of
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

SUFFIX = ".host"
"""How the file's name ends, after the whole name of the model."""

_FILLS = "table_initializer"


def write_host(path: str, module: ModuleCode, ports: ModelPorts) -> None:
    """Writes the host part of a model: a zip with a `saved_model.pb` of what it needs, and its assets.

    Args:
        path: of the new file.
        module: the variant.
        ports: of the model.
    """
    meta_graph, assets = _cut(module.variant, ports)
    message = SavedModel(saved_model_schema_version=SCHEMA_VERSION, meta_graphs=[meta_graph])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(FILE_NAME), message.SerializeToString(deterministic=True))
        for name in assets:
            archive.write(module.spec.asset_paths[name], f"assets/{name}")


def read_host(path: str, directory: str) -> ModuleCode:
    """The module that a host part is.

    Args:
        path: of the file.
        directory: where its assets are put; it has to stay.

    Raises:
        FormatError: the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            saved_model = parse_saved_model(archive.read(FILE_NAME), path)
            paths = {}
            for name in archive.namelist():
                folder, _, file = name.rpartition("/")
                if folder == "assets" and file == os.path.basename(file):
                    paths[file] = archive.extract(name, directory)
    except (zipfile.BadZipFile, KeyError) as error:
        raise FormatError(f"{path} is not the host part of an ONNX model: {error}.") from error
    spec = ModuleSpec(saved_model, path, None, paths)
    # It has no signatures: the model says which tensors go in and come out.
    return ModuleCode(spec, Variant(saved_model.meta_graphs[0], path))


def _cut(variant: Variant, ports: ModelPorts) -> tuple[MetaGraphDef, list[str]]:
    """The part of a variant that runs beside the model, and the assets that it reads."""
    nodes = variant.nodes
    fed = [name_of(port.tensor) for port in ports.fed]
    made = [name_of(port.tensor) for port in ports.outputs]
    kept = ancestors(nodes, map(name_of, ports.before), fed)
    kept |= ancestors(nodes, map(name_of, ports.after), [*fed, *made])
    fills = [
        target for target in variant.collection(_FILLS) if not ancestors(nodes, [target]).isdisjoint(kept)
    ]
    kept |= ancestors(nodes, fills)
    whole = variant.meta_graph
    found = MetaGraphDef()
    found.meta_info_def.CopyFrom(whole.meta_info_def)
    graph = whole.graph_def
    found.graph_def.versions.CopyFrom(graph.versions)
    found.graph_def.node.extend(node for node in graph.node if node.name in kept)
    used = functions_used(found.graph_def.node, graph.library)
    found.graph_def.library.function.extend(f for f in graph.library.function if f.signature.name in used)
    found.collection_def[_FILLS].node_list.value.extend(fills)
    files = {tensor: file for tensor, file in variant.asset_files.items() if node_of(tensor) in kept}
    if files:
        found.collection_def[COLLECTION].CopyFrom(whole.collection_def[COLLECTION])
    # The collection names all assets; those that are not read are no part of this one.
    return found, sorted(set(files.values()))
