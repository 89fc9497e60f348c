"""hub.create_module_spec: a function that builds a graph becomes a module's definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.arguments import check_function
from tf1hub.errors import ArgumentError, CreationError
from tf1hub.format.messages_pb2 import MetaGraphDef, SavedModel
from tf1hub.format.saved_model import SCHEMA_VERSION, format_tags
from tf1hub.publish.asset_files import AssetFiles
from tf1hub.publish.capture import capture_variant
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.permission import MADE_HERE


def create_module_spec(
    module_fn: Callable[..., Any],
    tags_and_args: Sequence[tuple[Iterable[str], Mapping[str, Any]]] | None = None,
    drop_collections: Iterable[str] | None = None,
) -> ModuleSpec:
    """Makes the definition of a module from a function that builds its graph.

    `module_fn` is called once for each graph variant, in an empty graph. It uses
    `tf.compat.v1.placeholder` for inputs and `tf.compat.v1.get_variable` for variables, and calls
    `tf1hub.add_signature` at least once. Variables are resource variables, also where v2 behaviour is off; a
    `variable_scope(..., use_resource=False)` makes ref variables. What a session restores in `module_fn` is not
    kept: for trained values see `create_module_spec_from_saved_model` and `publish.from_checkpoint`.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn(is_training):
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 4])
        ...     y = tf.nn.dropout(x, rate=0.5) if is_training else x
        ...     hub.add_signature(inputs=x, outputs=y)
        >>> spec = hub.create_module_spec(
        ...     module_fn, [({"train"}, {"is_training": True}), (set(), {"is_training": False})])
        >>> spec
        <ModuleSpec module_fn(): variants {}, {'train'}>

    Args:
        module_fn: builds one variant.
        tags_and_args: a pair for each variant: its tags (a set of strings) and the keyword
            arguments of `module_fn` for it. None makes one variant, with no tags and no arguments.
        drop_collections: names of graph collections to leave out.

    Returns:
        A spec that a `tf1hub.Module` can be made from; its variables start from their own
        initializers, because there is no checkpoint yet.

    Raises:
        ArgumentError: `module_fn` is no function, or `tags_and_args` is no list.
        CreationError: the graph cannot become a module; the message says why.
    """
    check_function(module_fn, "module_fn")
    name = f"{getattr(module_fn, '__name__', type(module_fn).__name__)}()"
    pairs = [(frozenset[str](), {})] if tags_and_args is None else _check_pairs(tags_and_args)
    definition = SavedModel(saved_model_schema_version=SCHEMA_VERSION)
    assets = AssetFiles()
    for tags, arguments in pairs:
        definition.meta_graphs.append(
            _variant(module_fn, name, tags, arguments, drop_collections or (), assets)
        )
    return ModuleSpec(definition, name, None, assets.paths, trusted={MADE_HERE})


def _check_pairs(
    tags_and_args: Sequence[tuple[Iterable[str], Mapping[str, Any]]],
) -> list[tuple[frozenset[str], dict[str, Any]]]:
    pairs: list[tuple[frozenset[str], dict[str, Any]]] = []
    if not isinstance(tags_and_args, Iterable):
        raise ArgumentError(
            "tags_and_args is a list of pairs of tags and arguments, such as [({'train'}, {'is_training': True})], not "
            f"{tags_and_args!r}."
        )
    for tags, arguments in tags_and_args:
        if isinstance(tags, str):
            raise CreationError(
                f"The tags of a variant are a set of strings: write {{{tags!r}}} instead of {tags!r}."
            )
        wanted = frozenset(tags or ())
        if any(wanted == known for known, _ in pairs):
            raise CreationError(
                f"tags_and_args has the tags {format_tags(wanted)} twice. Each set names one variant."
            )
        pairs.append((wanted, dict(arguments)))
    if not pairs:
        raise CreationError(
            "tags_and_args is empty. A module has at least one variant; None makes one without tags."
        )
    return pairs


def _variant(
    module_fn: Callable[..., Any],
    name: str,
    tags: frozenset[str],
    arguments: Mapping[str, Any],
    drop_collections: Iterable[str],
    assets: AssetFiles,
) -> MetaGraphDef:
    with tf.Graph().as_default() as graph:
        # v1 behaviour would make ref variables, which nothing of today makes, and few things are tested with.
        tf.compat.v1.get_variable_scope().set_use_resource(True)
        module_fn(**arguments)
        return capture_variant(
            graph, tags, f"variant {format_tags(tags)} of {name}", drop_collections, assets
        )
