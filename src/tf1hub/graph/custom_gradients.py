"""Gradients that publishers gave single ops: those that are here, and a sentence for those that are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import registered_gradient
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import GraphDef
from tf1hub.graphdef.gradient_names import as_stored, is_numbered, of_this_process, rename_gradients

_LOST = "TF1HubLost:"
_NUMBERED = (
    "The gradient of {op} was Python code of the program that made the module "
    "(tf.custom_gradient), which a module does not hold. The module can be used without gradients, and in a graph "
    "(tf1hub.Module) those of its variables trained that come after this op."
)
_NAMED = (
    "The gradient of {op} is {name!r} (tf.Graph.gradient_override_map), which is not registered in this program. "
    "Before the module is loaded, register it: @tf.RegisterGradient({name!r})."
)


def keep_gradients(graph: GraphDef) -> None:
    """Makes the names in a graph that this process built such as no other process has."""

    def keep(name: str) -> str:
        function = registered_gradient(name) if is_numbered(name) else None
        if function is None:
            return name
        _register(of_this_process(name), function)
        return of_this_process(name)

    rename_gradients(graph, keep)


def mark_lost_gradients(graph: GraphDef) -> None:
    """Gives ops whose gradients are not here one that says so, in place.

    A number alone is never taken for a gradient of this process, which counts its own.
    """
    rename_gradients(graph, _as_used)


def unmark_lost_gradients(graph: GraphDef) -> None:
    """Gives such ops their names back, in place: another program may have the gradients."""
    rename_gradients(graph, lambda name: name.removeprefix(_LOST))


def _as_used(name: str) -> str:
    numbered_elsewhere = is_numbered(name) and name == as_stored(name)
    if not numbered_elsewhere and (name.startswith(_LOST) or registered_gradient(name) is not None):
        return name
    _register(_LOST + name, _refusal(as_stored(name)))
    return _LOST + name


def _refusal(name: str) -> Callable[..., Any]:
    text = _NUMBERED if is_numbered(name) else _NAMED

    def refuse(op: Any, *given: Any) -> Any:
        if op is not None:
            raise UnsupportedGraphError(text.format(op=f"the op {op.name!r} ({op.type})", name=name))
        # A SavedModel is being written, and holds gradients as they are traced: this one fails when it runs.
        said = tf.debugging.Assert(False, [text.format(op="an op", name=name)])
        with tf.control_dependencies([said]):
            return [tf.identity(value) for value in given]

    return refuse


def _register(name: str, function: Callable[..., Any]) -> None:
    if registered_gradient(name) is None:
        tf.RegisterGradient(name)(function)
