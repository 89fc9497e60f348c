"""Functions of a graph's library: calls, and the functional forms of conds and loops.

A function's body is a graph of its own, so it is read as a program like any other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub import _tensorflow
from tf1hub.errors import FormatError, UnsupportedGraphError
from tf1hub.format.graph_walk import functions_used
from tf1hub.format.messages_pb2 import FunctionDef, FunctionDefLibrary, NodeDef
from tf1hub.tf2 import op_types
from tf1hub.tf2.control import choose, least, repeat
from tf1hub.tf2.decompile import decompile
from tf1hub.tf2.effects import has_effects, may_write
from tf1hub.tf2.graph import Tensor
from tf1hub.tf2.loop_bounds import bounds_of_functions
from tf1hub.tf2.program import Op, Program
from tf1hub.tf2.scope import Reference, Scope

_RunBody = Callable[[Scope, Sequence[Tensor], Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Body:
    """A function as a program.

    Attributes:
        arguments: the tensors that the program takes as its arguments.
        program: what it does; its fetches are the results.
    """

    arguments: list[Tensor]
    program: Program


class Functions:
    """The functions of a library, read when first asked for.

    Args:
        library: of the GraphDef.
    """

    def __init__(self, library: FunctionDefLibrary) -> None:
        self._library = library
        self._definitions = {function.signature.name: function for function in library.function}
        self._gradients = {given.function_name: given.gradient_func for given in library.gradient}
        self._bodies: dict[str, Body] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def body(self, name: str) -> Body:
        """The function as a program.

        Raises:
            FormatError: there is no such function, or its body is damaged.
            UnsupportedGraphError: its control flow cannot be read.
        """
        with self._lock:
            if name not in self._bodies:
                if name not in self._definitions:
                    raise FormatError(
                        f"The graph calls the function {name!r}, which its library does not have."
                    )
                self._bodies[name] = self._read(self._definitions[name])
            return self._bodies[name]

    def gradient(self, name: str) -> str | None:
        """The function that a function has for its gradient, where its maker gave it one.

        It takes the arguments and the gradients of the results, and gives those of the arguments.
        """
        return self._gradients.get(name)

    def used(self, nodes: Iterable[NodeDef]) -> list[str]:
        """The functions that `nodes` call, directly or through others."""
        return sorted(functions_used(nodes, self._library))

    def nodes_used(self, nodes: Iterable[NodeDef]) -> Iterable[NodeDef]:
        """The nodes of all functions that `nodes` call, directly or through others."""
        for name in self.used(nodes):
            yield from self._definitions[name].node_def

    def may_write(self, op: Op) -> bool:
        """Whether an op may write variables that it is given."""
        if not (op.node.op in op_types.FUNCTIONAL or op.node.op in self):
            return True
        used = self.nodes_used([op.node.definition])
        return any(may_write(node) for node in used)

    def _read(self, function: FunctionDef) -> Body:
        arguments = [(argument.name, 0) for argument in function.signature.input_arg]
        firsts = {node.name: self._first_outputs(node) for node in function.node_def}
        definitions = {node.name: _flattened(node, firsts) for node in function.node_def}
        results = [_flat(function.ret[result.name], firsts) for result in function.signature.output_arg]
        targets = list(function.control_ret.values()) or [
            node.name for node in function.node_def if has_effects(node)
        ]
        return Body(arguments, decompile(definitions, results, targets, arguments))

    def _first_outputs(self, node: NodeDef) -> dict[str, int]:
        """For each named output of a node, the number of its first tensor."""
        if node.op in self._definitions:
            outputs: Any = self._definitions[node.op].signature
        else:
            outputs = _tensorflow.op_def(node.op)
            if outputs is None:
                raise UnsupportedGraphError(
                    f"The op type {node.op!r} of the node {node.name!r} is not known here."
                )
        firsts: dict[str, int] = {}
        count = 0
        for argument in outputs.output_arg:
            firsts[argument.name] = count
            count += _length(argument, node, outputs)
        return firsts


def _length(argument: Any, node: NodeDef, op_def: Any) -> int:
    if argument.number_attr:
        return int(_attribute(argument.number_attr, node, op_def).i)
    if argument.type_list_attr:
        return len(_attribute(argument.type_list_attr, node, op_def).list.type)
    return 1


def _attribute(name: str, node: NodeDef, op_def: Any) -> Any:
    if name in node.attr:
        return node.attr[name]
    return next(attribute.default_value for attribute in op_def.attr if attribute.name == name)


def _flat(name: str, firsts: Mapping[str, Mapping[str, int]]) -> Tensor:
    """A function writes `node:output:index`, or the bare name of an argument."""
    parts = name.split(":")
    if len(parts) == 1:
        return parts[0], 0
    index = int(parts[2]) if len(parts) == 3 else 0
    return parts[0], firsts[parts[0]][parts[1]] + index


def _flattened(node: NodeDef, firsts: Mapping[str, Mapping[str, int]]) -> NodeDef:
    copy = NodeDef()
    copy.CopyFrom(node)
    edges = [edge if edge.startswith("^") else "{}:{}".format(*_flat(edge, firsts)) for edge in node.input]
    copy.input[:] = edges
    return copy


def _function_name(op: Op, attribute: str) -> str:
    return op.node.definition.attr[attribute].func.name


def _call(scope: Scope, name: str, arguments: Sequence[Any], run_body: _RunBody) -> list[Any]:
    body = scope.trace.state.functions.body(name)
    return run_body(
        Scope(scope.trace, body.program, scope.depth, in_function=True), body.arguments, arguments
    )


def emit_call(scope: Scope, op: Op, run_body: _RunBody) -> None:
    """A call becomes the function's body."""
    name = _function_name(op, "f") if op.node.op in op_types.CALLS else op.node.op
    arguments = [scope.get(tensor) for tensor in op.inputs]
    gradient = scope.trace.state.functions.gradient(name)
    if gradient is None:
        results = _call(scope, name, arguments, run_body)
    else:
        results = _call_with_gradient(scope, name, gradient, arguments, run_body)
    scope.set_outputs(op.node.name, results)


def _call_with_gradient(
    scope: Scope, name: str, gradient: str, arguments: Sequence[Any], run_body: _RunBody
) -> list[Any]:
    moving = [index for index, value in enumerate(arguments) if not isinstance(value, Reference)]

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no stubs
    def call(*tensors: Any) -> Any:
        values = list(arguments)
        for index, tensor in zip(moving, tensors, strict=True):
            values[index] = tensor

        def differentiate(*gradients: Any, variables: Sequence[Any] = ()) -> Any:
            found = _call(scope, gradient, [*values, *gradients], run_body)
            of_tensors = [found[index] for index in moving]
            return (of_tensors, [None] * len(variables)) if variables else of_tensors

        return _call(scope, name, values, run_body), differentiate

    return list(call(*(arguments[index] for index in moving)))


def emit_if(scope: Scope, op: Op, run_body: _RunBody) -> None:
    """If, StatelessIf."""
    names = [_function_name(op, "else_branch"), _function_name(op, "then_branch")]
    _emit_choice(scope, op, _truth(scope.tensor(op.inputs[0])), names, run_body)


def emit_case(scope: Scope, op: Op, run_body: _RunBody) -> None:
    """Case, StatelessCase."""
    names = [function.name for function in op.node.definition.attr["branches"].list.func]
    _emit_choice(scope, op, scope.tensor(op.inputs[0]), names, run_body)


def _emit_choice(scope: Scope, op: Op, index: Any, names: Sequence[str], run_body: _RunBody) -> None:
    arguments = [scope.get(tensor) for tensor in op.inputs[1:]]

    def branch(name: str) -> Callable[[Scope], Sequence[Any]]:
        return lambda inner: _call(inner, name, arguments, run_body)

    results = choose(scope, index, [branch(name) for name in names], f"The node {op.node.name!r}")
    scope.set_outputs(op.node.name, results)


def emit_while(scope: Scope, op: Op, run_body: _RunBody) -> None:
    """While, StatelessWhile."""
    condition, body = _function_name(op, "cond"), _function_name(op, "body")
    attributes = op.node.definition.attr
    functions = scope.trace.state.functions
    bounds = bounds_of_functions(scope.program, op, functions.body(condition), functions.body(body))
    results = repeat(
        scope,
        [scope.get(tensor) for tensor in op.inputs],
        lambda inner, values: _truth(_tensor(inner, _call(inner, condition, values, run_body)[0])),
        lambda inner, values: _call(inner, body, values, run_body),
        f"The node {op.node.name!r}",
        attributes["parallel_iterations"].i if "parallel_iterations" in attributes else 10,
        least(scope, bounds),
    )
    scope.set_outputs(op.node.name, results)


def _tensor(scope: Scope, value: Any) -> Any:
    return value.tensor(scope) if isinstance(value, Reference) else value


def _truth(value: Any) -> Any:
    """What `If` and `While` take for true: any number but 0, any string but the empty one."""
    if value.dtype == tf.bool:
        return value
    if value.shape.rank:
        return tf.size(value) > 0
    return tf.strings.length(value) > 0 if value.dtype == tf.string else tf.not_equal(value, 0)
