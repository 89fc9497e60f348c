"""Writes the bodies of called functions out in the graph, in place of the calls.

To differentiate a call, TensorFlow needs its Python function, which an imported graph does not have. So a
module with calls could not be trained. Functional control flow (`If`, `While`, `Case`) keeps
its functions: TensorFlow differentiates those from the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any

from tf1hub.format.graph_limits import calls_itself
from tf1hub.format.messages_pb2 import FunctionDef, GraphDef, NodeDef
from tf1hub.graphdef import op_types
from tf1hub.graphdef.colocation import colocate
from tf1hub.graphdef.function_bodies import FirstOutputs, number_edge, outputs_of
from tf1hub.graphdef.gradient_names import ATTRIBUTE
from tf1hub.graphdef.op_definitions import OpDefinitions
from tf1hub.graphdef.walk import functions_used

_WITHOUT_EFFECT = op_types.READS | op_types.QUESTIONS | op_types.PLACEHOLDERS
"""Stateful ops that need not run where nobody wants their result."""

_Resolve = Callable[[str], str]


def inline_calls(graph: GraphDef, definition_of: OpDefinitions, keep: Collection[str] = ()) -> None:
    """Inlines all calls of functions, in place, also those inside other functions; not of those that call themselves.

    A call's node stays, as an `IdentityN` (or a `NoOp`) of the body's results, so that every name in
    the graph means what it meant.

    Args:
        graph: the graph with its functions.
        definition_of: the definitions of ops.
        keep: calls to leave alone, because they lie in a v1 control flow context, which lists its nodes.
    """
    functions = {function.signature.name: function for function in graph.library.function}
    if not any(node.op in op_types.CALLS for node in graph.node) and not any(
        node.op in op_types.CALLS for function in functions.values() for node in function.node_def
    ):
        return
    circular = calls_itself(functions)
    bodies = {name: body for name, body in functions.items() if name not in circular and _is_plain(body)}
    for function in functions.values():
        _replace(function.node_def, _expand(function.node_def, bodies, functions, ()))
    _replace(graph.node, _expand(graph.node, bodies, functions, keep, definition_of))
    used = functions_used(graph.node, graph.library)
    left = [function for function in graph.library.function if function.signature.name in used]
    _replace(graph.library.function, left)
    _replace(graph.library.gradient, [g for g in graph.library.gradient if g.function_name in used])


def _replace(field: Any, values: Iterable[Any]) -> None:
    copies = list(values)
    # The new values may be parts of the field itself.
    copies = [type(value).FromString(value.SerializeToString()) for value in copies]
    del field[:]
    field.extend(copies)


def _expand(
    nodes: Iterable[NodeDef],
    bodies: Mapping[str, FunctionDef],
    functions: Mapping[str, FunctionDef],
    keep: Collection[str],
    definition_of: OpDefinitions | None = None,
) -> list[NodeDef]:
    """The nodes with all calls of `bodies` written out: of a graph, where definitions are given; of another function's body."""
    result: list[NodeDef] = []
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        body = (
            bodies.get(node.attr["f"].func.name)
            if node.op in op_types.CALLS and node.name not in keep
            else None
        )
        if body is None:
            result.append(node)
        else:
            # What is written out may call functions itself.
            waiting.extend(reversed(_body(node, body, functions, definition_of)))
    return result


def _is_plain(function: FunctionDef) -> bool:
    """Whether a function is of the kind that `tf.function` makes: no types left open, no lists as arguments."""
    arguments = [*function.signature.input_arg, *function.signature.output_arg]
    open_types = any(
        argument.number_attr or argument.type_list_attr or argument.type_attr for argument in arguments
    )
    return not open_types and all(
        attr.WhichOneof("value") != "placeholder" for node in function.node_def for attr in node.attr.values()
    )


def _body(
    call: NodeDef,
    function: FunctionDef,
    functions: Mapping[str, FunctionDef],
    definition_of: OpDefinitions | None,
) -> list[NodeDef]:
    """The nodes that take a call's place, its own name last."""
    data = [edge for edge in call.input if not edge.startswith("^")]
    control = [edge for edge in call.input if edge.startswith("^")]
    arguments = {
        argument.name: edge for argument, edge in zip(function.signature.input_arg, data, strict=True)
    }
    inner = {node.name: node for node in function.node_def}

    @cache
    def first_outputs(name: str) -> dict[str, int]:
        assert definition_of is not None
        return outputs_of(inner[name], functions, definition_of)

    resolve = _resolver(call.name, arguments, inner, first_outputs if definition_of else None)
    result = []
    for node in function.node_def:
        copy = NodeDef()
        copy.CopyFrom(node)
        copy.name = f"{call.name}/{node.name}"
        copy.input[:] = [resolve(edge) for edge in node.input]
        if control and not any(edge.split(":")[0].removeprefix("^") in inner for edge in node.input):
            copy.input.extend(control)
        if ATTRIBUTE in copy.attr:
            del copy.attr[ATTRIBUTE]
        # A name that the body lacks is that of a placeholder in the graph that the function was traced in. That
        # graph is gone; a function does not mind, but no graph with such a name can be imported.
        colocate(copy, lambda name: f"{call.name}/{name}" if name in inner else None)
        result.append(copy)
    return [*result, _results(call, function, resolve, inner, control)]


def _results(
    call: NodeDef,
    function: FunctionDef,
    resolve: _Resolve,
    inner: Mapping[str, NodeDef],
    control: Iterable[str],
) -> NodeDef:
    outputs = [resolve(function.ret[argument.name]) for argument in function.signature.output_arg]
    effects = [name for name in function.control_ret.values() if inner[name].op not in _WITHOUT_EFFECT]
    node = NodeDef(name=call.name, op="IdentityN" if outputs else "NoOp", device=call.device)
    if outputs:
        node.attr["T"].list.type.extend(argument.type for argument in function.signature.output_arg)
    node.input.extend([*outputs, *(f"^{call.name}/{name}" for name in dict.fromkeys(effects)), *control])
    return node


def _resolver(
    call: str, arguments: Mapping[str, str], inner: Mapping[str, NodeDef], outputs: FirstOutputs | None
) -> _Resolve:
    def resolve(edge: str) -> str:
        if edge.startswith("^"):
            name = edge[1:]
            return f"^{arguments[name].split(':')[0]}" if name in arguments else f"^{call}/{name}"
        parts = edge.split(":")
        if parts[0] in arguments and parts[0] not in inner:
            return arguments[parts[0]]
        if outputs is None:
            return f"{call}/{edge}"
        return "{}/{}:{}".format(call, *number_edge(edge, outputs))

    return resolve
