"""Makes a module's variant from a meta graph that was written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tf1hub._tensorflow import from_proto, op_def
from tf1hub.errors import CreationError
from tf1hub.format.messages_pb2 import MetaGraphDef, TensorInfo
from tf1hub.format.saved_model import tensors_of
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef.contexts import contexts_of
from tf1hub.graphdef.inlining import inline_calls
from tf1hub.graphdef.variable_nodes import complete_definitions
from tf1hub.publish.asset_files import AssetFiles
from tf1hub.publish.capture import capture_variant
from tf1hub.publish.pruning import prune
from tf1hub.publish.signatures import add_signature
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

Sign = Callable[[Any], None]
"""Calls `add_signature` for each signature of a graph."""


def prepare(meta_graph: MetaGraphDef) -> None:
    """Makes a foreign graph one to build a module from, in place.

    Calls of functions are written out, and devices dropped: they are those of the program that wrote
    the graph, and a module is placed by the program that uses it.
    """
    graph = meta_graph.graph_def
    variant = Variant(meta_graph, "")
    inside = {node_of(value) for _, context in contexts_of(variant) for value in context.values_def.values}
    inline_calls(graph, op_def, keep=inside)
    for node in [*graph.node, *(node for function in graph.library.function for node in function.node_def)]:
        node.device = ""


def capture_meta_graph(
    meta_graph: MetaGraphDef,
    tags: frozenset[str],
    where: str,
    assets: AssetFiles,
    sign: Sign | None = None,
    *,
    restored: bool,
) -> MetaGraphDef:
    """A variant with what the signatures, updates and losses of a meta graph need, and nothing else.

    Args:
        meta_graph: the graph, `prepare`d, with only collections that a module carries; changed in place.
        tags: the variant's tags.
        where: the variant in words, for messages.
        assets: collects the asset files of all variants.
        sign: adds the signatures to the imported graph; None adds those of the meta graph.
        restored: whether the variables' values come from a checkpoint.

    Raises:
        CreationError: the graph cannot become a module.
    """
    complete_definitions(meta_graph)
    prune(meta_graph, where, restored=restored)
    with tf.Graph().as_default() as graph:
        try:
            message = tf.compat.v1.GraphDef.FromString(meta_graph.graph_def.SerializeToString())
            tf.graph_util.import_graph_def(message, name="")
        except (ValueError, KeyError, TypeError, DecodeError, tf.errors.OpError) as error:
            raise CreationError(
                f"TensorFlow {tf.__version__} cannot import the graph of {where}: {error}"
            ) from error
        _restore_collections(graph, meta_graph, where)
        (sign or _signer(meta_graph, where))(graph)
        return capture_variant(graph, tags, where, (), assets)


def _restore_collections(graph: Any, meta_graph: MetaGraphDef, where: str) -> None:
    for name, definition in sorted(meta_graph.collection_def.items()):
        try:
            for data in definition.bytes_list.value:
                graph.add_to_collection(name, from_proto(name, data))
            for element in definition.node_list.value:
                graph.add_to_collection(name, graph.as_graph_element(element))
        except (AttributeError, LookupError, TypeError, ValueError, DecodeError) as error:
            raise CreationError(
                f"TensorFlow {tf.__version__} cannot read the collection {name!r} of {where}: {error}"
            ) from error


def _signer(meta_graph: MetaGraphDef, where: str) -> Sign:
    def values(graph: Any, signature: str, kind: str, infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
        found = {}
        for key, info in infos.items():
            try:
                found[key] = _value(graph, info)
            except (LookupError, TypeError, ValueError) as error:
                raise CreationError(
                    f"The signature {signature!r} of {where} has an {kind} {key!r} that its graph does not have: {error}"
                ) from error
        return found

    def sign(graph: Any) -> None:
        for name, definition in sorted(meta_graph.signature_def.items()):
            inputs = values(graph, name, "input", definition.inputs)
            add_signature(name, inputs, values(graph, name, "output", definition.outputs))

    return sign


def _value(graph: Any, info: TensorInfo) -> Any:
    tensors = [graph.get_tensor_by_name(tensor_name(name)) for name in tensors_of(info)]
    parsed = ParsedTensorInfo(info)
    if parsed.is_sparse:
        return tf.SparseTensor(*tensors)
    if parsed.is_composite:
        return tf.nest.pack_sequence_as(parsed.type_spec, tensors, expand_composites=True)
    return tensors[0]
