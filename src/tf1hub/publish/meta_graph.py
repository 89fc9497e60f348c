"""Makes a module's variant from a meta graph that was written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import from_proto
from tf1hub.errors import CreationError
from tf1hub.format.messages_pb2 import GraphDef, MetaGraphDef, TensorInfo
from tf1hub.format.saved_model import tensors_of
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graph.cut import colocate, reach
from tf1hub.graphdef.contexts import anchors, contexts_of, restricted
from tf1hub.publish.assets import AssetFiles
from tf1hub.publish.capture import capture_variant
from tf1hub.publish.inlining import inline_calls
from tf1hub.publish.signatures import add_signature
from tf1hub.publish.variable_nodes import complete_definitions
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

Sign = Callable[[Any], None]
"""Calls `add_signature` for each signature of a graph."""

_NODES = ("table_initializer", "update_ops", "regularization_losses", "asset_filepaths")


def prepare(meta_graph: MetaGraphDef) -> None:
    """Makes a foreign graph one to build a module from, in place.

    Calls of functions are written out, and devices dropped: they are those of the program that wrote
    the graph, and a module is placed by the program that uses it.
    """
    graph = meta_graph.graph_def
    variant = Variant(meta_graph, "")
    inside = {node_of(value) for _, context in contexts_of(variant) for value in context.values_def.values}
    inline_calls(graph, keep=inside)
    for node in [*graph.node, *(node for function in graph.library.function for node in function.node_def)]:
        node.device = ""


def signature_tensors(meta_graph: MetaGraphDef) -> tuple[set[str], list[str]]:
    """The tensor names of all inputs, and of all outputs, of a graph's signatures."""
    inputs: set[str] = set()
    outputs: list[str] = []
    for definition in meta_graph.signature_def.values():
        inputs.update(tensor_name(name) for info in definition.inputs.values() for name in tensors_of(info))
        outputs += [tensor_name(name) for info in definition.outputs.values() for name in tensors_of(info)]
    return inputs, outputs


def capture_meta_graph(
    meta_graph: MetaGraphDef, tags: frozenset[str], place: str, assets: AssetFiles, sign: Sign | None = None
) -> MetaGraphDef:
    """A variant with what the signatures, variables and tables of a meta graph need, and nothing else.

    Args:
        meta_graph: the graph, `prepare`d, with only collections that a module carries; changed in place.
        tags: the variant's tags.
        place: the variant in words, for messages.
        assets: collects the asset files of all variants.
        sign: adds the signatures to the imported graph; None adds those of the meta graph.

    Raises:
        CreationError: the graph cannot become a module.
    """
    complete_definitions(meta_graph)
    _prune(meta_graph, place)
    message = tf.compat.v1.GraphDef.FromString(meta_graph.graph_def.SerializeToString())
    with tf.Graph().as_default() as graph:
        try:
            tf.graph_util.import_graph_def(message, name="")
        except (ValueError, KeyError, tf.errors.OpError) as error:
            raise CreationError(
                f"TensorFlow {tf.__version__} cannot import the graph of {place}: {error}"
            ) from error
        _restore_collections(graph, meta_graph)
        (sign or _signing(meta_graph))(graph)
        return capture_variant(graph, tags, place, (), assets)


def _prune(meta_graph: MetaGraphDef, place: str) -> None:
    variant = Variant(meta_graph, place)
    inputs, outputs = signature_tensors(meta_graph)
    targets = [*inputs, *outputs]
    for variable in variant.variables:
        definition = variable.definition
        names = (definition.variable_name, definition.initializer_name, definition.snapshot_name)
        targets += [name for name in (*names, definition.initial_value_name) if name]
    for collection in _NODES:
        targets += variant.collection(collection)
    absent = sorted({name for name in targets if node_of(name) not in variant.nodes})
    if absent:
        raise CreationError(
            f"The graph of {place} has no {absent[0]!r}. {_similar(absent[0], list(variant.nodes))}"
        )
    contexts = contexts_of(variant)
    keep = reach(variant.nodes, targets, (), ())
    while contexts:
        needed = anchors(contexts, keep) - keep
        if not needed:
            break
        keep |= reach(variant.nodes, needed, (), ())
    for collection in ("cond_context", "while_context"):
        if collection in meta_graph.collection_def:
            del meta_graph.collection_def[collection]
    for collection, data in restricted(contexts, keep, lambda name: name):
        meta_graph.collection_def[collection].bytes_list.value.append(data)
    keep_nodes(meta_graph.graph_def, keep)


def keep_nodes(graph: GraphDef, keep: Collection[str]) -> None:
    """Drops all other nodes, in place, and the constraints to be beside one of them."""
    kept = [node for node in graph.node if node.name in keep]
    if len(kept) < len(graph.node):
        copies = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)
        for node in graph.node:
            colocate(node, lambda name: name if name in keep else None)


def _similar(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(node_of(name), known[:20_000], n=5, cutoff=0.4) or known[:5]
    return f"It has {len(known)} nodes, among them: {', '.join(close)}."


def _restore_collections(graph: Any, meta_graph: MetaGraphDef) -> None:
    for name, definition in sorted(meta_graph.collection_def.items()):
        for data in definition.bytes_list.value:
            graph.add_to_collection(name, from_proto(name, data))
        for element in definition.node_list.value:
            graph.add_to_collection(name, graph.as_graph_element(element))


def _signing(meta_graph: MetaGraphDef) -> Sign:
    def sign(graph: Any) -> None:
        for name, definition in sorted(meta_graph.signature_def.items()):
            add_signature(
                name,
                {key: _value(graph, info) for key, info in definition.inputs.items()},
                {key: _value(graph, info) for key, info in definition.outputs.items()},
            )

    return sign


def _value(graph: Any, info: TensorInfo) -> Any:
    tensors = [graph.get_tensor_by_name(tensor_name(name)) for name in tensors_of(info)]
    parsed = ParsedTensorInfo(info)
    if parsed.is_sparse:
        return tf.SparseTensor(*tensors)
    if parsed.is_composite:
        return tf.nest.pack_sequence_as(parsed.type_spec, tensors, expand_composites=True)
    return tensors[0]
