"""Writes the bodies of called functions out in the graph, in place of the calls.

TensorFlow differentiates a call by its Python function, which an imported graph does not have, so
that a module with calls could not be trained. Functional control flow (`If`, `While`, `Case`) keeps
its functions: TensorFlow differentiates those from the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tf1hub._tensorflow import op_def
from tf1hub.format.messages_pb2 import FunctionDef, GraphDef, NodeDef
from tf1hub.graph.cut import colocate
from tf1hub.graphdef import op_types
from tf1hub.graphdef.walk import functions_used

_WITHOUT_EFFECT = op_types.READS | op_types.QUESTIONS | op_types.PLACEHOLDERS
"""Stateful ops that need not run where nobody wants their result."""

_Resolve = Callable[[str], str]


def inline_calls(graph: GraphDef, keep: Collection[str] = ()) -> None:
    """Inlines all calls of functions, in place, also those inside other functions.

    A call's node stays, as an `IdentityN` (or a `NoOp`) of the body's results, so that every name in
    the graph means what it meant.

    Args:
        graph: the graph with its functions.
        keep: calls to leave alone, because they lie in a v1 control flow context, which lists its nodes.
    """
    functions = {function.signature.name: function for function in graph.library.function}
    if not any(node.op in op_types.CALLS for node in graph.node) and not any(
        node.op in op_types.CALLS for function in functions.values() for node in function.node_def
    ):
        return
    for function in functions.values():
        _replace(function.node_def, _expanded(function.node_def, functions, (), flat=False))
    _replace(graph.node, _expanded(graph.node, functions, keep, flat=True))
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


def _expanded(
    nodes: Iterable[NodeDef], functions: Mapping[str, FunctionDef], keep: Collection[str], flat: bool
) -> list[NodeDef]:
    result: list[NodeDef] = []
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        body = (
            functions.get(node.attr["f"].func.name)
            if node.op in op_types.CALLS and node.name not in keep
            else None
        )
        if body is None or not _is_plain(body):
            result.append(node)
        else:
            # What is written out may call functions itself.
            waiting.extend(reversed(_body(node, body, flat)))
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


def _body(call: NodeDef, function: FunctionDef, flat: bool) -> list[NodeDef]:
    """The nodes that take a call's place, its own name last."""
    data = [edge for edge in call.input if not edge.startswith("^")]
    control = [edge for edge in call.input if edge.startswith("^")]
    arguments = {
        argument.name: edge for argument, edge in zip(function.signature.input_arg, data, strict=True)
    }
    inner = {node.name: node for node in function.node_def}
    resolve = _resolver(call.name, arguments, inner, flat)
    result = []
    for node in function.node_def:
        copy = NodeDef()
        copy.CopyFrom(node)
        copy.name = f"{call.name}/{node.name}"
        copy.input[:] = [resolve(edge) for edge in node.input]
        if control and not any(edge.split(":")[0].removeprefix("^") in inner for edge in node.input):
            copy.input.extend(control)
        if "_gradient_op_type" in copy.attr:
            del copy.attr["_gradient_op_type"]
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


def _resolver(call: str, arguments: Mapping[str, str], inner: Mapping[str, NodeDef], flat: bool) -> _Resolve:
    def resolve(edge: str) -> str:
        if edge.startswith("^"):
            name = edge[1:]
            return f"^{arguments[name].split(':')[0]}" if name in arguments else f"^{call}/{name}"
        parts = edge.split(":")
        if parts[0] in arguments and parts[0] not in inner:
            return arguments[parts[0]]
        if not flat:
            return f"{call}/{edge}"
        return f"{call}/{parts[0]}:{_output_number(inner[parts[0]], parts[1:])}"

    return resolve


def _output_number(node: NodeDef, parts: list[str]) -> int:
    """The number, among all outputs of a node, of the one that a function's edge names."""
    if not parts:
        return 0
    number = int(parts[1]) if len(parts) > 1 else 0
    for output in op_def(node.op).output_arg:
        if output.name == parts[0]:
            return number
        if output.number_attr:
            number += node.attr[output.number_attr].i
        elif output.type_list_attr:
            number += len(node.attr[output.type_list_attr].list.type)
        else:
            number += 1
    return number
