"""Runs a program inside a `tf.function`, which writes it down as TF2 code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.graph.building import building
from tf1hub.program.code import Cond, Loop, Op, Program, Region
from tf1hub.program.nodes import Tensor
from tf1hub.tf2.emit.control import choose, least, repeat
from tf1hub.tf2.emit.references import EmittedVariable, hoist
from tf1hub.tf2.emit.registry import emitter_of
from tf1hub.tf2.emit.scope import EmittedReference, Scope, Trace

_GIVEN = "_given"
"""What gives all that is fed. No node of a graph is called like that: none starts with `_`."""


def run(trace: Trace, program: Program, feeds: Mapping[Tensor, Any]) -> list[Any]:
    """Emits a program into the current graph.

    Args:
        trace: this tracing.
        program: what to run.
        feeds: the values of the tensors that are fed.

    Returns:
        The values of the program's fetches.

    Raises:
        UnsupportedGraphError: TensorFlow refuses an op, or the graph is damaged.
    """
    scope = Scope(trace, program, 0)
    with building(trace.state.variant):
        hoist(program, scope)
        return [_plain(scope, value) for value in run_body(scope, list(feeds), list(feeds.values()))]


def _plain(scope: Scope, value: Any) -> Any:
    return value.tensor(scope) if isinstance(value, EmittedReference) else value


def run_body(scope: Scope, fed: Sequence[Tensor], values: Sequence[Any]) -> list[Any]:
    """Emits a scope's whole program, given values for its fed tensors; returns its fetches."""
    for index, (tensor, value) in enumerate(zip(fed, values, strict=True)):
        # The node behind the tensor may run too, for another of its outputs.
        scope.set((_GIVEN, index), value)
        scope.alias(tensor, (_GIVEN, index))
    emit_region(scope, scope.program.region)
    return [scope.get(tensor) for tensor in scope.program.fetches]


def emit_region(scope: Scope, region: Region) -> None:
    """Emits code into a scope, all of it."""
    for item in region.items:
        if isinstance(item, Op):
            emit_op(scope, item)
        elif isinstance(item, Cond):
            _emit_cond(scope, item)
        else:
            _emit_loop(scope, item)
    scope.flush()


def _emit_cond(scope: Scope, cond: Cond) -> None:
    def branch(number: int) -> Callable[[Scope], Sequence[Any]]:
        def emit(inner: Scope) -> list[Any]:
            emit_region(inner, cond.branches[number])
            values = [inner.get(result.values[number]) for result in cond.results]
            values = [
                _by_value(inner, value, result.by_reference)
                for value, result in zip(values, cond.results, strict=True)
            ]
            return values + [tf.constant(result.indices[number]) for result in cond.results]

        return emit

    what = f"The cond on {cond.predicate[0]!r}"
    results = choose(scope, scope.tensor(cond.predicate), [branch(0), branch(1)], what)
    for index, result in enumerate(cond.results):
        scope.set((result.name, 0), results[index])
        scope.set((result.name, 1), results[index + len(cond.results)])


def _by_value(scope: Scope, value: Any, by_reference: bool) -> Any:
    """A branch that gives a ref variable gives its value, unless the merge wants the variable."""
    if isinstance(value, EmittedVariable) and value.by_value and not by_reference:
        return value.value(scope)
    return value


def _emit_loop(scope: Scope, loop: Loop) -> None:
    def enter(inner: Scope, values: Sequence[Any]) -> None:
        for variable, value in zip(loop.variables, values, strict=True):
            inner.set((variable.name, 0), value)

    def condition(inner: Scope, values: Sequence[Any]) -> Any:
        if loop.counted:
            return tf.constant(True)  # `tf.while_loop` itself counts
        enter(inner, values)
        emit_region(inner, loop.condition_region)
        return inner.tensor(loop.condition)

    def body(inner: Scope, values: Sequence[Any]) -> list[Any]:
        enter(inner, values)
        emit_region(inner, loop.body)
        return [_carry(inner, inner.get(variable.next)) for variable in loop.variables]

    results = repeat(
        scope,
        [_carry(scope, scope.get(variable.initial)) for variable in loop.variables],
        condition,
        body,
        f"The loop {loop.name!r}",
        loop.parallel_iterations,
        least(scope, loop.bounds),
    )
    for variable, value in zip(loop.variables, results, strict=True):
        for tensor in variable.exits:
            scope.set(tensor, value)


def _carry(scope: Scope, value: Any) -> Any:
    return _by_value(scope, value, by_reference=False)


def emit_op(scope: Scope, op: Op) -> None:
    """Emits one op, now or with others later."""
    emitter = emitter_of(scope, op)
    if emitter is not None:
        emitter(scope, op)
    elif any(isinstance(scope.known_value(tensor), EmittedVariable) for tensor in op.inputs):
        # It may read or write a variable, so it must not be moved.
        scope.flush()
        scope.run_later(op.node, op.inputs)
        scope.flush()
    else:
        scope.run_later(op.node, op.inputs)
