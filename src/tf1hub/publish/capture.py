"""Captures the graph of a module_fn as a variant, after the checks that keep modules usable."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tf1hub.errors import CreationError
from tf1hub.format import attachments
from tf1hub.format.messages_pb2 import MetaGraphDef
from tf1hub.graph.custom_gradients import keep_gradients, unmark_lost_gradients
from tf1hub.graph.gradients import remove_gradient_overrides
from tf1hub.graph.ops import holds_state
from tf1hub.graphdef.colocation import colocation_names
from tf1hub.publish.asset_files import AssetFiles, take_assets
from tf1hub.publish.old_readers import suit_old_readers
from tf1hub.publish.recording import Recording, recording
from tf1hub.publish.signatures import components
from tf1hub.publish.tensor_infos import tensor_info

ALLOWED_COLLECTIONS = (
    "variables",
    "trainable_variables",
    "model_variables",
    "table_initializer",
    "update_ops",
    "regularization_losses",
    "asset_filepaths",
    "cond_context",
    "while_context",
)
"""The graph collections that a module carries; any other is refused."""

_SAVED_MODEL_COLLECTIONS = {"legacy_init_op", "saved_model_assets", "saved_model_main_op"}
_LOADED = (
    "The module_fn loads a SavedModel. What a session restores in there does not become part of the module, whose "
    "variables start from their own initializers. Make the module of the SavedModel itself, with its values: "
    "tf1hub.create_module_spec_from_saved_model(path)."
)


def capture_variant(
    graph: Any, tags: frozenset[str], where: str, drop_collections: Iterable[str], assets: AssetFiles
) -> MetaGraphDef:
    """The graph as a variant's message.

    Args:
        graph: what a module_fn built.
        tags: the variant's tags.
        where: the variant in words, for messages.
        drop_collections: graph collections to leave out.
        assets: collects the asset files of all variants.

    Raises:
        CreationError: the graph cannot become a module.
    """
    said = recording("create_module_spec")
    if not said.signatures:
        raise CreationError(
            f"{where} has no signature. The module_fn calls tf1hub.add_signature at least once."
        )
    collections = _collections(graph, where, set(drop_collections))
    exported = tf.compat.v1.train.export_meta_graph(
        graph=graph, collection_list=collections, strip_default_attrs=True
    )
    meta_graph = MetaGraphDef.FromString(exported.SerializeToString())
    meta_graph.meta_info_def.tags[:] = sorted(tags)
    meta_graph.graph_def.debug_info = b""
    _add_signatures(meta_graph, said)
    attachments.set_attachments(meta_graph, said.attachments)
    remove_gradient_overrides(meta_graph.graph_def)
    keep_gradients(meta_graph.graph_def)
    unmark_lost_gradients(meta_graph.graph_def)
    suit_old_readers(meta_graph, where)
    _check_colocation(meta_graph, said, where)
    take_assets(meta_graph, where, assets)
    return meta_graph


def _collections(graph: Any, where: str, dropped: set[str]) -> list[str]:
    present = [key for key in graph.get_all_collection_keys() if isinstance(key, str)]
    wanted = [key for key in present if key not in dropped and graph.get_collection_ref(key)]
    unknown = sorted(key for key in wanted if key not in ALLOWED_COLLECTIONS)
    if unknown:
        # Its values would be lost where the collections are dropped.
        advice = (
            _LOADED
            if _has_saved_model(graph, unknown)
            else "If users of the module do not need them: "
            f"create_module_spec(..., drop_collections={unknown!r})."
        )
        names = ", ".join(map(repr, unknown))
        raise CreationError(f"{where} has the collections {names}, which a module cannot carry. {advice}")
    if _has_saved_model(graph, ()):
        warnings.warn(f"{where}: {_LOADED}", stacklevel=5)
    return wanted


def _has_saved_model(graph: Any, collections: Iterable[str]) -> bool:
    """Whether a module_fn has loaded a SavedModel, or the graph of another program that was saved.

    Those bring along a Saver that writes in shards, as no other is likely to in a module_fn.
    """
    return not _SAVED_MODEL_COLLECTIONS.isdisjoint(collections) or any(
        operation.type == "MergeV2Checkpoints" for operation in graph.get_operations()
    )


def _add_signatures(meta_graph: MetaGraphDef, said: Recording) -> None:
    for name, (inputs, outputs) in said.signatures.items():
        # Touched, so that a signature without inputs is there too.
        definition = meta_graph.signature_def[name]
        for infos, values in ((definition.inputs, inputs), (definition.outputs, outputs)):
            for key, value in values.items():
                infos[key].CopyFrom(tensor_info(value))


def _check_colocation(meta_graph: MetaGraphDef, said: Recording, where: str) -> None:
    """Refuses constraints that no user of the module could keep.

    State is created apart from the rest, and inputs are replaced by whatever is fed: a constraint of
    theirs would name an op that is not there.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    state = {name for name, node in nodes.items() if holds_state(node)}
    for name in sorted(state):
        for other in colocation_names(nodes[name]):
            if other not in state:
                raise CreationError(
                    f"The state op {name!r} in {where} is colocated with {other!r}, which holds no state. "
                    "State can only be colocated with state."
                )
    for signature, (inputs, _) in said.signatures.items():
        for key, value in inputs.items():
            for tensor in components(value):
                others = colocation_names(nodes[tensor.op.name])
                if others:
                    raise CreationError(
                        f"The input {key!r} of the signature {signature!r} in {where} is colocated with "
                        f"{others[0]!r}. An input is replaced by what is fed, so it cannot be colocated."
                    )
