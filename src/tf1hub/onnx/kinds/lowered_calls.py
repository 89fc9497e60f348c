"""Functions of the graph: called, chosen between, repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf1hub.onnx.branches_and_loops import choose, repeat
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_scope import LoweringScope
from tf1hub.onnx.lowering_table import FUNCTION_NAME, CannotLower, by_reference, lowers
from tf1hub.onnx.program_lowering import call_function
from tf1hub.onnx.traced_values import Entity, Value
from tf1hub.program.loop_bounds import bounds_of_functions


@lowers("PartitionedCall", "StatefulPartitionedCall", FUNCTION_NAME)
@by_reference
def call_it(call: LoweringCall, *arguments: Any) -> list[Entity]:
    """A function, called by an op or by its name."""
    name = call["f"] if call.kind.endswith("PartitionedCall") else call.kind
    return call_function(call.scope, name, arguments)


def _calling(name: str, arguments: Sequence[Any]) -> Callable[[LoweringScope], list[Entity]]:
    return lambda inner: call_function(inner, name, arguments)


@lowers("If", "StatelessIf")
@by_reference
def choose_if(call: LoweringCall, _: Any, *arguments: Any) -> list[Entity]:
    """One of two functions."""
    predicate = truth(call, call.scope.value(call.op.inputs[0]))
    names = [call["else_branch"], call["then_branch"]]
    return choose(call.scope, predicate, [_calling(name, arguments) for name in names])


@lowers("Case", "StatelessCase")
@by_reference
def choose_case(call: LoweringCall, _: Any, *arguments: Any) -> list[Entity]:
    """One of several functions, the last for an index that is out of range."""
    index, graph = call.scope.value(call.op.inputs[0]), call.graph
    branches = [_calling(name, arguments) for name in call["branches"]]

    def after(number: int) -> Callable[[LoweringScope], list[Entity]]:
        if number == len(branches) - 1:
            return branches[number]

        def decide(inner: LoweringScope) -> list[Entity]:
            here = inner.graph.op("Equal", index, graph.const(number, index.dtype))
            return choose(inner, here, [after(number + 1), branches[number]])

        return decide

    return after(0)(call.scope)


@lowers("While", "StatelessWhile")
@by_reference
def repeat_while(call: LoweringCall, *_: Any) -> list[Entity]:
    """A loop whose condition and body are functions."""
    scope, functions = call.scope, call.scope.lowering.functions
    condition, body = call["cond"], call["body"]
    found = bounds_of_functions(scope.program, call.op, functions.body(condition), functions.body(body))
    bounds = [call.graph.const(n, np.int64) if isinstance(n, int) else scope.value(n) for n in found]

    def holds(inner: LoweringScope, values: Sequence[Entity]) -> Entity:
        (result,) = call_function(inner, condition, values)
        if not isinstance(result, Value):
            raise CannotLower("")
        return result

    return repeat(
        scope,
        [scope.get(tensor) for tensor in call.op.inputs],
        holds,
        lambda inner, values: call_function(inner, body, values),
        bounds,
        counted=False,
    )


@lowers("For")
@by_reference
def repeat_for(call: LoweringCall, *_: Any) -> list[Entity]:
    """A loop that counts: its body is given the counter before what it carries."""
    scope, graph, body = call.scope, call.graph, call["body"]
    start, limit, delta = (graph.int64(scope.value(tensor)) for tensor in call.op.inputs[:3])
    # As many steps as reach the limit or pass it.
    way = graph.op("Sub", graph.op("Add", graph.op("Sub", limit, start), delta), graph.op("Sign", delta))
    count = graph.op("Max", graph.op("Div", way, delta), graph.const(0, np.int64))

    def step(inner: LoweringScope, values: Sequence[Entity]) -> list[Entity]:
        counter = values[0]
        assert isinstance(counter, Value)
        now = inner.graph.cast(counter, np.int32)
        after = call_function(inner, body, [now, *values[1:]])
        return [inner.graph.op("Add", counter, delta), *after]

    found = repeat(
        scope,
        [start, *(scope.get(tensor) for tensor in call.op.inputs[3:])],
        lambda inner, _: inner.graph.const(True),
        step,
        [count],
        counted=True,
    )
    return found[1:]


def truth(call: LoweringCall, value: Value) -> Value:
    """A condition as a boolean: numbers are true unless they are 0."""
    graph = call.graph
    if value.dtype == np.bool_:
        return value if value.shape == () else graph.reshape(value, [])
    return graph.op("Not", graph.op("Equal", value, graph.like(0, value)))
