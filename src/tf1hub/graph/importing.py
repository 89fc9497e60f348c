"""Imports a cut into the default graph under a scope, and mends what an importer cannot know."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import tensorflow as tf

from tf1hub._tensorflow import from_proto, refuse_gradients, set_colocation
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef.contexts import restrict_contexts
from tf1hub.graphdef.cut import Cut


@dataclass
class Importable:
    """A cut as TensorFlow's own message, kept between imports.

    TensorFlow fills defaults into the message that it imports; doing so once is half the cost.
    """

    cut: Cut
    message: Any
    kept: set[str]
    by_name: dict[str, Any]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def from_cut(cls, cut: Cut) -> Importable:
        """Converts a cut."""
        message = tf.compat.v1.GraphDef.FromString(cut.graph.SerializeToString())
        return cls(cut, message, cut.names, {node.name: node for node in message.node})


def import_cut(
    importable: Importable,
    scope: str,
    outside: Mapping[str, Any],
    contexts: Sequence[tuple[str, Any]],
    wanted: Sequence[str],
    shared_names: Mapping[str, bytes] | None = None,
) -> dict[str, Any]:
    """Adds a cut to the default graph.

    Args:
        importable: the cut.
        scope: absolute name scope, without a slash at its end; unused so far.
        outside: the tensor for each tensor name that comes from outside the cut.
        contexts: the variant's control flow contexts.
        wanted: tensor and op names of the variant to return, from inside or outside of the cut.
        shared_names: new `shared_name`s, by node.

    Returns:
        A tensor or operation for each of `wanted`.

    Raises:
        UnsupportedGraphError: TensorFlow refuses the graph.
    """
    cut = importable.cut
    rename = _renamer(scope, importable.kept, outside)
    input_map = _input_map(cut, outside)
    inside = [
        name for name in wanted if node_of(name) in importable.kept and tensor_name(name) not in outside
    ]
    with importable.lock:
        for node, value in (shared_names or {}).items():
            importable.by_name[node].attr["shared_name"].s = value
        for node, frame in cut.frames.items():
            # Loops are told apart by their frame's name alone.
            importable.by_name[node].attr["frame_name"].s = scope.encode() + b"/" + frame
        try:
            found = tf.graph_util.import_graph_def(
                importable.message, input_map=input_map, return_elements=inside, name=scope + "/"
            )
        except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
            raise UnsupportedGraphError(
                f"TensorFlow {tf.__version__} cannot import the graph of the module as {scope!r}: {error}"
            ) from error
    graph = tf.compat.v1.get_default_graph()
    _mend_colocation(graph, cut, scope, rename)
    if contexts:
        _restore_contexts(graph, restrict_contexts(contexts, importable.kept, rename))
    for node, text in cut.lost.items():
        refuse_gradients(graph.get_operation_by_name(f"{scope}/{node}"), partial(_refuse, text))
    result = dict(zip(inside, found, strict=True))
    for name in wanted:
        if name not in result:
            result[name] = outside[tensor_name(name)] if tensor_name(name) in outside else outside[name]
    return result


def _refuse(text: str) -> NoReturn:
    raise UnsupportedGraphError(text)


def _renamer(scope: str, kept: set[str], outside: Mapping[str, Any]) -> Callable[[str], str]:
    # Of a node with several outputs, the first may be the one that nothing brings in.
    by_node = {node_of(name): tensor for name, tensor in outside.items()}

    def rename(name: str) -> str:
        if node_of(name) not in kept or tensor_name(name) in outside:
            tensor = outside.get(tensor_name(name)) if ":" in name else by_node.get(name)
            if tensor is not None:
                return str(tensor.name if ":" in name else tensor.op.name)
        return f"{scope}/{name}"

    return rename


def _input_map(cut: Cut, outside: Mapping[str, Any]) -> dict[str, Any]:
    mapping = {}
    for name in cut.inputs:
        if name.startswith("^"):
            # An edge that waits for a fed node waits for what is fed.
            mapping[name] = outside[tensor_name(name[1:])]
        else:
            mapping[name] = outside[name]
    return mapping


def _mend_colocation(graph: Any, cut: Cut, scope: str, rename: Callable[[str], str]) -> None:
    for node, names in cut.colocated.items():
        operation = graph.get_operation_by_name(f"{scope}/{node}")
        # A constraint may only name what is in the same graph; inside a function, a captured
        # tensor's stand-in is.
        places = [rename(name) for name in names]
        device = next((place_op.device for place_op in _operations(graph, places) if place_op.device), None)
        set_colocation(operation, places, device)


def _operations(graph: Any, names: Sequence[str]) -> list[Any]:
    return [graph.get_operation_by_name(name) for name in names]


def _restore_contexts(graph: Any, serialized: Any) -> None:
    for collection, message in serialized:
        # In the collection, the context is exported when this graph becomes a module itself.
        graph.add_to_collection(collection, from_proto(collection, message))
