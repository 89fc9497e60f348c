"""Where a module's state goes: the graph, and a name under which variable scope and name scope agree."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import wrapped_graph
from tf1hub.errors import WrongModeError
from tf1hub.graph.kept import keep_with
from tf1hub.spec.module_spec import ModuleSpec

_IN_A_FUNCTION = (
    "tf1hub.Module puts its variables into a graph that a session runs, and here it was made inside of a function "
    "(tf.function, Dataset.map, a branch or a loop) of eager mode, which no session runs. In TensorFlow 2 write\n"
    "    m = tf1hub.load({spec})    # once, outside of the function\n"
    "    y = m(x)                  # inside of it"
)
# TensorFlow shows it with quotes and ends of lines escaped.
_NOT_INITIALIZED = (
    "The variables of {module} have no values: in eager mode, tf.compat.v1.wrap_function does not run the initializers "
    "of a program. Write in the program, before it returns: "
    "initializers.extend([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()]) "
    "and once, before the first call: function.prune([], initializers)()"
)
_REUSE = (
    "In the variable scope {scope!r} variables are reused, but a tf1hub.Module is not: this second one has variables of "
    "its own with the module's stored values, not those of {module!r}. To apply {module!r} again, call it again; for "
    "another variant over the same variables write\n"
    "    second = tf1hub.Module(first, tags=...)    # the module that exists in place of the handle"
)


@contextlib.contextmanager
def graph_of_state(spec: str) -> Iterator[None]:
    """A context in which the default graph is the one that state belongs to.

    Inside of a function (a branch or a loop of control flow v2, `Dataset.map`, a `tf.function`), that is the graph
    around all functions, as for any variable: the function may run often or never, and nothing in it can be fetched.
    What `tf.compat.v1.wrap_function` makes of a program has its state, and the ops that initialize it, in itself.

    Args:
        spec: the module as a caller writes it, for messages.

    Raises:
        WrongModeError: there is no graph around the functions, but eager mode.
    """
    graph = tf.compat.v1.get_default_graph()
    if not getattr(graph, "building_function", False):
        yield
        return
    with tf.init_scope():
        in_graph = not tf.executing_eagerly()
        if in_graph:
            yield
    if in_graph:
        return
    wrapped = wrapped_graph(graph)
    if wrapped is None:
        raise WrongModeError(_IN_A_FUNCTION.format(spec=spec))
    with wrapped.as_default():
        yield


def once_initialized(
    tensors: Mapping[str, Any], resources: Collection[Any], state_graph: Any, module: str
) -> Mapping[str, Any]:
    """The tensors, which wait until variables have values, and say what to do where they have none.

    Only what `wrap_function` makes of a program in eager mode needs to be told: elsewhere, TensorFlow says it.
    There, a variable without a value reads as an empty tensor.

    Args:
        tensors: by any name.
        resources: the resource variables.
        state_graph: the graph that they are in.
        module: their module, for messages.
    """
    if not (resources and getattr(state_graph, "building_function", False)):
        return tensors
    there = tf.reduce_all([tf.raw_ops.VarIsInitializedOp(resource=v.handle) for v in resources])
    check = tf.debugging.Assert(there, [_NOT_INITIALIZED.format(module=module)], name="module_is_initialized")
    with tf.control_dependencies([check]):
        return {name: tf.identity(tensor) for name, tensor in tensors.items()}


def note_module(graph: tf.Graph, scope: str, spec: ModuleSpec) -> None:
    """Remembers which definition has its state in a scope."""
    modules: dict[str, ModuleSpec] = keep_with(graph, "modules", dict)
    modules[scope] = spec


def warn_of_reuse(graph: tf.Graph, name: str, spec: ModuleSpec) -> None:
    """Warns where variables are to be reused, and a second module would get some of its own nevertheless.

    The original library makes a second module too, silently.
    """
    scope = tf.compat.v1.get_variable_scope()
    if not scope.reuse:
        return
    wanted = f"{scope.name}/{name}" if scope.name else name
    modules: dict[str, ModuleSpec] = keep_with(graph, "modules", dict)
    there = modules.get(wanted)
    if there is not None and (
        there is spec or (there.name, there.checkpoint) == (spec.name, spec.checkpoint)
    ):
        warnings.warn(_REUSE.format(scope=scope.name, module=wanted), stacklevel=3)


def new_state_scope(name: str) -> str:
    """Claims `name`, or the first of `name_1`, `name_2`, ... that is free as both kinds of scope.

    State lies inside the caller's *variable* scope, as any variable does; a mere name scope does not
    reach it. So `with variable_scope("outer")` gives `outer/module`, also when it is entered again.

    Returns:
        The absolute scope, without a slash at its end.
    """
    graph = tf.compat.v1.get_default_graph()
    while True:
        # Each try marks a variable scope as used, so that the next one proposes the next number.
        with tf.compat.v1.variable_scope(None, default_name=name, auxiliary_name_scope=False) as scope:
            candidate = scope.name
        # None leaves all name scopes, so that the name is asked for as it stands.
        with tf.compat.v1.name_scope(None):
            free = graph.unique_name(candidate, mark_as_used=False) == candidate
            if free and not _holds_operations(graph, candidate):
                return str(graph.unique_name(candidate, mark_as_used=True))


def _holds_operations(graph: tf.Graph, scope: str) -> bool:
    """Whether something lies in the scope, which need not have been entered for that: `get_variable("module/w")`."""
    return any(operation.name.startswith(f"{scope}/") for operation in graph.get_operations())
