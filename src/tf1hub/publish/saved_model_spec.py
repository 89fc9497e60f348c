"""hub.create_module_spec_from_saved_model: a SavedModel, of TensorFlow 1 or 2, becomes a module."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tf1hub.arguments import path_text
from tf1hub.errors import CreationError, NotAModuleError, UnknownNameError
from tf1hub.format import assets, module_def
from tf1hub.format.dtypes import STRING
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef, SavedModel
from tf1hub.format.module_reader import VARIABLES_PREFIX
from tf1hub.format.saved_model import FILE_NAME, SCHEMA_VERSION, format_tags, parse_saved_model
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef.graph_check import check_meta_graph
from tf1hub.publish.asset_files import AssetFiles, read_paths_directly
from tf1hub.publish.capture import ALLOWED_COLLECTIONS
from tf1hub.publish.main_op import MAIN_OP_COLLECTIONS, main_op_parts, take_main_op
from tf1hub.publish.meta_graph import capture_meta_graph, prepare
from tf1hub.publish.object_graph import declare_objects
from tf1hub.publish.saved_objects import saved_variables
from tf1hub.publish.table_initializers import add_to_node_list
from tf1hub.publish.temporary import for_tensorflow
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.storage import Place, absolute, place_at

_OWN_COLLECTIONS = (
    *MAIN_OP_COLLECTIONS,
    "global_step",
    "saved_model_initializers",
    "saved_model_train_op",
    assets.COLLECTION,
)
"""What a SavedModel keeps in collections for itself, and a module in other ways or not at all."""

_NO_SIGNATURE = (
    "{where} has no signature, and a module offers nothing but signatures. Save it with what is to be called: "
    "tf.saved_model.save(model, path, signatures=model.a_tf_function), or signatures={{'name': ...}} for several; "
    "a function without an input_signature is given as "
    "model.a_tf_function.get_concrete_function(tf.TensorSpec(...)). A builder of TensorFlow 1 takes signature_def_map."
)


def create_module_spec_from_saved_model(
    saved_model_path: str | os.PathLike[str],
    drop_collections: Iterable[str] | None = None,
    *,
    inference_tags: Tags = None,
    default_signature: str | None = None,
) -> ModuleSpec:
    """Makes a module of a SavedModel, written by TensorFlow 1 or 2.

    Each meta graph becomes a variant with the same tags, usually `{"serve"}`, and the same signatures, usually
    `"serving_default"`. Variables start from the SavedModel's values, and stay trainable where they were. Tables
    and assets come along. Left out is what no signature, update op or regularization loss needs: slots of
    optimizers, step counters, unused variables. In a TensorFlow 2 SavedModel, function calls are inlined, so
    that the module can be trained like any other.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> class Scale(tf.Module):
        ...     def __init__(self):
        ...         self.factor = tf.Variable(3.0, name="factor")
        ...     @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        ...     def __call__(self, x):
        ...         return self.factor * x
        >>> tf.saved_model.save(Scale(), "saved_model")
        >>> spec = hub.create_module_spec_from_saved_model("saved_model")
        >>> spec.get_tags(), spec.get_signature_names(tags={"serve"})
        ([frozenset({'serve'})], ['serving_default'])
        >>> spec = hub.create_module_spec_from_saved_model(
        ...     "saved_model", inference_tags={"serve"}, default_signature="serving_default")
        >>> spec.get_output_info_dict()
        {'default': <float32 [?]>}

    Args:
        saved_model_path: the SavedModel's directory; it must stay for as long as the spec is used.
        drop_collections: names of graph collections to leave out.
        inference_tags: the tags of the meta graph that becomes the inference variant, which users get
            without naming tags. None leaves all tags as they are.
        default_signature: a signature to offer under the name `"default"` too. If it has a single output, that
            output is also called `"default"`.

    Returns:
        A spec with the SavedModel's checkpoint and assets; `spec.export(path)` writes the module.

    Raises:
        NotAModuleError: there is no SavedModel at the path.
        FormatError: it is damaged.
        CreationError: it cannot become a module; the message says why.
        UnknownNameError: it has no such tags or signature.
    """
    # The spec outlives a change of the working directory.
    path = absolute(path_text(saved_model_path))
    storage = place_at(for_tensorflow(path))
    source = _read(storage)
    dropped = set(drop_collections or ())
    where = f"the SavedModel {path}"
    checkpoint = _checkpoint(storage)
    renamed = _renamed_tags(source, inference_tags, where)
    definition = SavedModel(saved_model_schema_version=SCHEMA_VERSION)
    files = AssetFiles()
    for meta_graph in source.meta_graphs:
        tags = frozenset(meta_graph.meta_info_def.tags)
        variant = f"variant {format_tags(tags)} of {where}"
        if meta_graph.signature_def:
            check_meta_graph(meta_graph, variant)
        checkpoint = _adopt(meta_graph, storage, checkpoint, variant)
        _drop_collections(meta_graph, dropped, variant)
        # That of the SavedModel's own initialization is none.
        if not meta_graph.signature_def:
            raise CreationError(_NO_SIGNATURE.format(where=variant))
        if default_signature is not None:
            _add_default(meta_graph, default_signature, variant)
        new_tags = renamed.get(tags, tags)
        restored = checkpoint is not None
        definition.meta_graphs.append(
            capture_meta_graph(meta_graph, new_tags, variant, files, restored=restored)
        )
    has_variables = any("variables" in graph.collection_def for graph in definition.meta_graphs)
    return ModuleSpec(definition, where, checkpoint if has_variables else None, files.paths)


def read_variant(storage: Place, where: str) -> tuple[MetaGraphDef, str | None]:
    """The meta graph of a TensorFlow 2 SavedModel with a module's collections, and its checkpoint."""
    (meta_graph,) = _read(storage).meta_graphs
    checkpoint = _adopt(meta_graph, storage, _checkpoint(storage), where)
    _drop_collections(meta_graph, set(), where)
    return meta_graph, checkpoint


def _checkpoint(storage: Place) -> str | None:
    return storage.path(VARIABLES_PREFIX) if storage.exists(VARIABLES_PREFIX + ".index") else None


def _adopt(meta_graph: MetaGraphDef, storage: Place, checkpoint: str | None, where: str) -> str | None:
    """Turns what a SavedModel knows of variables, tables and assets into a module's collections, in place.

    Returns:
        The prefix of the checkpoint with the variables by the names of the graph.
    """
    # Calls say which objects they use, and are written out then.
    objects = saved_variables(meta_graph, checkpoint) if meta_graph.object_graph_def else {}
    prepare(meta_graph)
    _put_assets(meta_graph, storage, where)
    main_op = take_main_op(meta_graph)
    if meta_graph.object_graph_def:
        return declare_objects(meta_graph, checkpoint, main_op, objects)
    add_to_node_list(meta_graph, "table_initializer", main_op_parts(meta_graph, main_op))
    return checkpoint


def _read(storage: Place) -> SavedModel:
    if not storage.exists(FILE_NAME):
        names = ", ".join(storage.list("")) or "nothing"
        raise NotAModuleError(
            f"There is no SavedModel at {storage.root}: it has no {FILE_NAME}. It has: {names}. "
            "A SavedModel is a directory; give its path."
        )
    if storage.exists(module_def.FILE_NAME):
        raise CreationError(
            f"{storage.root} is a TF1 Hub module already, not a SavedModel. Use it with tf1hub.Module, "
            "or read it with tf1hub.load_module_spec."
        )
    return parse_saved_model(storage.read(FILE_NAME), storage.path(FILE_NAME))


def _renamed_tags(source: SavedModel, inference: Tags, where: str) -> dict[frozenset[str], frozenset[str]]:
    if inference is None:
        return {}
    known = [frozenset(graph.meta_info_def.tags) for graph in source.meta_graphs]
    wanted = frozenset({inference} if isinstance(inference, str) else inference)
    if wanted not in known:
        raise UnknownNameError(
            f"No meta graph with tags {format_tags(wanted)} in {where}. It has: {', '.join(map(format_tags, known))}."
        )
    if frozenset[str]() in known and wanted:
        raise CreationError(f"{where} has a meta graph without tags already: there is one inference variant.")
    return {wanted: frozenset()}


def _put_assets(meta_graph: MetaGraphDef, storage: Place, where: str) -> None:
    """Puts the paths of the assets back into their constants, in place."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    files = assets.asset_files(meta_graph, where)
    for asset in meta_graph.asset_file_def:
        assets.check_asset_name(asset.filename, where)
        files[tensor_name(asset.tensor_info.name)] = asset.filename
    for tensor, name in files.items():
        _become_constant(nodes[node_of(tensor)], storage.path(f"assets/{name}"))
    add_to_node_list(meta_graph, "asset_filepaths", files)
    del meta_graph.asset_file_def[:]
    if meta_graph.object_graph_def:
        read_paths_directly(meta_graph, files)


def _become_constant(node: NodeDef, value: str) -> None:
    """Makes a node a scalar string: TensorFlow 2 has placeholders that its loader feeds."""
    node.op = "Const"
    node.attr.clear()
    node.attr["dtype"].type = node.attr["value"].tensor.dtype = STRING
    node.attr["value"].tensor.tensor_shape.SetInParent()
    node.attr["value"].tensor.string_val.append(value.encode())


def _drop_collections(meta_graph: MetaGraphDef, dropped: set[str], where: str) -> None:
    for name in list(meta_graph.collection_def):
        if name in dropped or name in _OWN_COLLECTIONS or not meta_graph.collection_def[name].ByteSize():
            del meta_graph.collection_def[name]
    unknown = sorted(set(meta_graph.collection_def) - set(ALLOWED_COLLECTIONS))
    if unknown:
        raise CreationError(
            f"{where} has the collections {', '.join(map(repr, unknown))}, which a module cannot carry. If users of "
            f"the module do not need them: create_module_spec_from_saved_model(..., drop_collections={unknown!r})."
        )


def _add_default(meta_graph: MetaGraphDef, signature: str, where: str) -> None:
    if signature not in meta_graph.signature_def:
        known = ", ".join(sorted(meta_graph.signature_def)) or "none"
        raise UnknownNameError(f"No signature {signature!r} in {where}. It has: {known}.")
    if signature == "default":
        return
    default = meta_graph.signature_def["default"]
    default.CopyFrom(meta_graph.signature_def[signature])
    if len(default.outputs) == 1 and "default" not in default.outputs:
        (name,) = default.outputs
        default.outputs["default"].CopyFrom(default.outputs[name])
        del default.outputs[name]
