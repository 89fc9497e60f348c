"""Calls of functions, and the functional forms of conds and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.graphdef import op_types
from tf1hub.program.code import Op
from tf1hub.program.loop_bounds import bounds_of_functions
from tf1hub.tf2.emit.control import choose, least, repeat
from tf1hub.tf2.emit.program_run import run_body
from tf1hub.tf2.emit.registry import FUNCTION_NAME, emits
from tf1hub.tf2.emit.scope import EmittedReference, Scope


def _function_name(op: Op, attribute: str) -> str:
    return op.node.definition.attr[attribute].func.name


def _call(scope: Scope, name: str, arguments: Sequence[Any]) -> list[Any]:
    body = scope.trace.state.functions.body(name)
    return run_body(
        Scope(scope.trace, body.program, scope.depth, in_function=True), body.arguments, arguments
    )


@emits((*op_types.CALLS, FUNCTION_NAME))
def emit_call(scope: Scope, op: Op) -> None:
    """A call becomes the function's body."""
    name = _function_name(op, "f") if op.node.op in op_types.CALLS else op.node.op
    arguments = [scope.get(tensor) for tensor in op.inputs]
    gradient = scope.trace.state.functions.gradient(name)
    if gradient is None:
        results = _call(scope, name, arguments)
    else:
        results = _call_with_gradient(scope, name, gradient, arguments)
    scope.set_outputs(op.node.name, results)


def _call_with_gradient(scope: Scope, name: str, gradient: str, arguments: Sequence[Any]) -> list[Any]:
    moving = [index for index, value in enumerate(arguments) if not isinstance(value, EmittedReference)]

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no stubs
    def call(*tensors: Any) -> Any:
        values = list(arguments)
        for index, tensor in zip(moving, tensors, strict=True):
            values[index] = tensor

        def differentiate(*gradients: Any, variables: Sequence[Any] = ()) -> Any:
            found = _call(scope, gradient, [*values, *gradients])
            of_tensors = [found[index] for index in moving]
            return (of_tensors, [None] * len(variables)) if variables else of_tensors

        return _call(scope, name, values), differentiate

    return list(call(*(arguments[index] for index in moving)))


@emits(op_types.FUNCTIONAL_CONDS)
def emit_if(scope: Scope, op: Op) -> None:
    """If, StatelessIf."""
    names = [_function_name(op, "else_branch"), _function_name(op, "then_branch")]
    _emit_choice(scope, op, _truth(scope.tensor(op.inputs[0])), names)


@emits(op_types.FUNCTIONAL_CASES)
def emit_case(scope: Scope, op: Op) -> None:
    """Case, StatelessCase."""
    names = [function.name for function in op.node.definition.attr["branches"].list.func]
    _emit_choice(scope, op, scope.tensor(op.inputs[0]), names)


def _emit_choice(scope: Scope, op: Op, index: Any, names: Sequence[str]) -> None:
    arguments = [scope.get(tensor) for tensor in op.inputs[1:]]

    def branch(name: str) -> Callable[[Scope], Sequence[Any]]:
        return lambda inner: _call(inner, name, arguments)

    results = choose(scope, index, [branch(name) for name in names], f"The node {op.node.name!r}")
    scope.set_outputs(op.node.name, results)


@emits(op_types.FUNCTIONAL_LOOPS)
def emit_while(scope: Scope, op: Op) -> None:
    """While, StatelessWhile."""
    condition, body = _function_name(op, "cond"), _function_name(op, "body")
    attributes = op.node.definition.attr
    functions = scope.trace.state.functions
    bounds = bounds_of_functions(scope.program, op, functions.body(condition), functions.body(body))
    results = repeat(
        scope,
        [scope.get(tensor) for tensor in op.inputs],
        lambda inner, values: _truth(_tensor(inner, _call(inner, condition, values)[0])),
        lambda inner, values: _call(inner, body, values),
        f"The node {op.node.name!r}",
        attributes["parallel_iterations"].i if "parallel_iterations" in attributes else 10,
        least(scope, bounds),
    )
    scope.set_outputs(op.node.name, results)


@emits(("For",))
def emit_for(scope: Scope, op: Op) -> None:
    """For: a body that is given a counter before what it carries."""
    name = _function_name(op, "body")
    start, limit, step = (scope.tensor(tensor) for tensor in op.inputs[:3])
    # As many steps as reach the limit or pass it; a step of 0 is an error here as in TensorFlow's kernel.
    count = tf.maximum((limit - start + step - tf.sign(step)) // step, 0)
    _, *results = repeat(
        scope,
        [start, *(scope.get(tensor) for tensor in op.inputs[3:])],
        lambda _, values: tf.where(step > 0, values[0] < limit, values[0] > limit),
        lambda inner, values: [values[0] + step, *_call(inner, name, values)],
        f"The node {op.node.name!r}",
        maximum_iterations=count,
    )
    scope.set_outputs(op.node.name, results)


@emits(("RemoteCall",))
def emit_remote_call(scope: Scope, op: Op) -> None:
    """RemoteCall: a call that names a device first; a module is loaded where its variables are."""
    arguments = [scope.get(tensor) for tensor in op.inputs[1:]]
    scope.set_outputs(op.node.name, _call(scope, _function_name(op, "f"), arguments))


def _tensor(scope: Scope, value: Any) -> Any:
    return value.tensor(scope) if isinstance(value, EmittedReference) else value


def _truth(value: Any) -> Any:
    """What `If` and `While` take for true: any number but 0, any string but the empty one."""
    if value.dtype == tf.bool:
        return value
    if value.shape.rank:
        return tf.size(value) > 0
    return tf.strings.length(value) > 0 if value.dtype == tf.string else tf.not_equal(value, 0)
