"""A module from a bare graph: a GraphDef with the names of its inputs and outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tf1hub.errors import CreationError
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.messages_pb2 import GraphDef, MetaGraphDef, SavedModel, SignatureDef
from tf1hub.format.saved_model import SCHEMA_VERSION
from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_types import INPUTS, PLACEHOLDERS, VARIABLES
from tf1hub.graphdef.variable_defs import VariablePart
from tf1hub.graphdef.variable_nodes import declare_variables
from tf1hub.graphdef.walk import ancestors
from tf1hub.publish.asset_files import AssetFiles
from tf1hub.publish.checkpoint import checkpoint_prefix
from tf1hub.publish.meta_graph import capture_meta_graph, prepare
from tf1hub.publish.pruning import signature_tensors
from tf1hub.publish.table_initializers import add_table_initializers
from tf1hub.spec.checkpoint_check import check_variables
from tf1hub.spec.module_spec import ModuleSpec

Names = str | Mapping[str, str] | None
"""A tensor's name (for the one called `"default"`), or a dict from names in the signature to tensor names."""


def from_graph_def(
    graph_def: Any,
    inputs: Names = None,
    outputs: Names = None,
    *,
    signatures: Mapping[str, tuple[Names, Names]] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    trainable: Callable[[str], bool] | None = None,
) -> ModuleSpec:
    """Makes a module of a graph, given the names of its inputs and outputs.

    Only what the outputs need comes along: not the training ops, savers and input pipelines around
    it. Any tensor may be an input; it becomes a placeholder. Tables come with their initializers, and
    a vocabulary file that one reads becomes an asset.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> with tf.Graph().as_default() as graph:
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
        ...     y = tf.reduce_sum(tf.square(x), axis=1, name="y")
        >>> spec = hub.publish.from_graph_def(graph.as_graph_def(), "x", "y")
        >>> spec.get_input_info_dict(), spec.get_output_info_dict()
        ({'default': <float32 [?, 3]>}, {'default': <float32 [?]>})

    Args:
        graph_def: a `GraphDef` message, or a `tf.Graph`.
        inputs: of the signature `"default"`: a tensor's name (`"x"` or `"x:0"`), or a dict from names
            to tensor names; None for no inputs.
        outputs: of the signature `"default"`, alike.
        signatures: more signatures: name to a pair of inputs and outputs.
        checkpoint: a checkpoint of the graph's variables: its prefix, or a directory, whose latest
            is taken. None leaves the variables to their own initializers.
        trainable: a function that says, for a variable's name, whether it is trainable. A bare graph does not
            tell. By default, floating point variables are trainable, except for moving averages and other
            statistics (`moving_mean`, `moving_variance`, or variables that the graph adds to by hand).

    Returns:
        A spec with the checkpoint, if one was given.

    Raises:
        CreationError: a name is not in the graph, or a variable has neither a value nor an
            initializer, or the graph cannot become a module.
        CheckpointError: the checkpoint is damaged or does not fit.
    """
    graph = as_message(graph_def)
    wanted = dict(signatures or {})
    if outputs is not None:
        wanted["default"] = (inputs, outputs)
    if not wanted:
        raise CreationError("from_graph_def needs the names of outputs: from_graph_def(graph_def, 'x', 'y').")
    meta_graph = MetaGraphDef(graph_def=graph)
    for name, (named_inputs, named_outputs) in wanted.items():
        meta_graph.signature_def[name].CopyFrom(_signature(named_inputs, named_outputs))
    prepare(meta_graph)
    where = "the GraphDef"
    reader = None if checkpoint is None else CheckpointReader(checkpoint_prefix(checkpoint))
    _check_names(meta_graph, where)
    _make_placeholders(meta_graph, where)
    needed = _needed_nodes(meta_graph)
    _declare(meta_graph, needed, trainable, reader, where)
    add_table_initializers(meta_graph, needed)
    return spec_of(meta_graph, where, None if reader is None else reader.prefix)


def as_message(graph_def: Any) -> GraphDef:
    """A copy of a graph as this library's own message.

    Raises:
        CreationError: it is no graph.
    """
    if isinstance(graph_def, tf.Graph):
        graph_def = graph_def.as_graph_def()
    if not hasattr(graph_def, "SerializeToString"):
        raise CreationError(f"A graph is a GraphDef message or a tf.Graph, not {type(graph_def).__name__}.")
    return GraphDef.FromString(graph_def.SerializeToString())


def spec_of(meta_graph: MetaGraphDef, where: str, checkpoint: str | None) -> ModuleSpec:
    """The spec with one variant, without tags, of a prepared graph with its collections.

    Raises:
        CreationError: the graph cannot become a module.
        CheckpointError: the checkpoint does not fit.
    """
    assets = AssetFiles()
    captured = capture_meta_graph(meta_graph, frozenset(), where, assets, restored=checkpoint is not None)
    definition = SavedModel(saved_model_schema_version=SCHEMA_VERSION, meta_graphs=[captured])
    spec = ModuleSpec(definition, where, checkpoint, assets.paths)
    if checkpoint is not None:
        check_variables(spec.variant(), CheckpointReader(checkpoint))
    return spec


def _signature(inputs: Names, outputs: Names) -> SignatureDef:
    definition = SignatureDef()
    for names, infos in ((inputs, definition.inputs), (outputs, definition.outputs)):
        named = {"default": names} if isinstance(names, str) else dict(names or {})
        for key, name in named.items():
            infos[key].name = tensor_name(name)
    return definition


def _check_names(meta_graph: MetaGraphDef, where: str) -> None:
    known = {node.name for node in meta_graph.graph_def.node}
    for signature, definition in meta_graph.signature_def.items():
        for kind, infos in (("input", definition.inputs), ("output", definition.outputs)):
            for key, info in infos.items():
                if node_of(info.name) not in known:
                    placeholders = [
                        node.name for node in meta_graph.graph_def.node if node.op in PLACEHOLDERS
                    ]
                    raise CreationError(
                        f"The {kind} {key!r} of the signature {signature!r} is {info.name!r}, which {where} does not "
                        f"have. It has {len(known)} nodes; its placeholders: {', '.join(placeholders) or 'none'}; "
                        f"its last nodes: {', '.join(_ends(meta_graph.graph_def))}."
                    )


def _ends(graph: GraphDef) -> list[str]:
    used = {node_of(edge) for node in graph.node for edge in node.input}
    return [node.name for node in graph.node if node.name not in used][-5:]


def _make_placeholders(meta_graph: MetaGraphDef, where: str) -> None:
    """Cuts the graph at the inputs: what computed them stays outside."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    inputs, _ = signature_tensors(meta_graph)
    cut = sorted(name for name in inputs if nodes[node_of(name)].op not in INPUTS)
    if not cut:
        return
    with tf.Graph().as_default():
        try:
            message = tf.compat.v1.GraphDef.FromString(meta_graph.graph_def.SerializeToString())
            tensors = tf.graph_util.import_graph_def(message, return_elements=cut, name="")
        except (ValueError, KeyError, TypeError, DecodeError, tf.errors.OpError) as error:
            raise CreationError(f"TensorFlow {tf.__version__} cannot import {where}: {error}") from error
    renamed = {}
    for name, tensor in zip(cut, tensors, strict=True):
        node, number = split_tensor_name(name)
        placeholder = meta_graph.graph_def.node.add(
            name=free_name(f"{node}/input_{number}", nodes), op="Placeholder"
        )
        placeholder.attr["dtype"].type = tensor.dtype.as_datatype_enum
        shape = placeholder.attr["shape"].shape
        shape.MergeFromString(tensor.shape.as_proto().SerializeToString())
        renamed[name] = f"{placeholder.name}:0"
    for user in meta_graph.graph_def.node:
        user.input[:] = [
            edge if edge.startswith("^") else renamed.get(tensor_name(edge), edge) for edge in user.input
        ]
    for definition in meta_graph.signature_def.values():
        for info in [*definition.inputs.values(), *definition.outputs.values()]:
            info.name = renamed.get(info.name, info.name)


def _needed_nodes(meta_graph: MetaGraphDef) -> set[str]:
    """The nodes behind the outputs."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    inputs, outputs = signature_tensors(meta_graph)
    return ancestors(nodes, outputs, inputs)


def _declare(
    meta_graph: MetaGraphDef,
    needed: set[str],
    trainable: Callable[[str], bool] | None,
    reader: CheckpointReader | None,
    where: str,
) -> None:
    names = [node.name for node in meta_graph.graph_def.node if node.name in needed and node.op in VARIABLES]
    shapes = {name: reader.shape(name) for name in names if name in reader} if reader else {}
    parts = dict(_parts(names, reader)) if reader else {}
    missing = declare_variables(meta_graph, names, trainable, shapes, parts)
    if missing and reader is None:
        raise CreationError(
            f"{len(missing)} variables of {where} have no initializer: {', '.join(missing[:10])}"
            f"{' and more' if len(missing) > 10 else ''}. Give their values: from_graph_def(..., checkpoint=...)."
        )


def _parts(names: list[str], reader: CheckpointReader) -> Iterator[tuple[str, tuple[str, VariablePart]]]:
    """The parts of partitioned variables: `w/part_0`, ... in the graph, slices of `w` in the checkpoint."""
    for name in names:
        whole, separator, number = name.rpartition("/part_")
        if separator and number.isdecimal() and name not in reader and whole in reader:
            slices = sorted(reader.slices(whole))
            if int(number) < len(slices):
                start, length = slices[int(number)]
                yield name, (whole, VariablePart(reader.shape(whole), start, length))
