"""Calls of functions, and conds and loops whose parts are functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tf1hub.arrays.op_table import FUNCTION_NAME, performs
from tf1hub.program.loop_bounds import bounds_of_functions


@performs("PartitionedCall", "StatefulPartitionedCall", FUNCTION_NAME)
def call(run: Any, step: Any, *arguments: Any) -> list[Any]:
    """A function of the graph, called by an op or by its name."""
    name = step.attributes["f"] if step.kind.endswith("PartitionedCall") else step.kind
    found: list[Any] = run.call(name, arguments)
    return found


def _calling(name: str, arguments: Sequence[Any]) -> Callable[[Any], Sequence[Any]]:
    def part(run: Any) -> Sequence[Any]:
        results: Sequence[Any] = run.call(name, arguments)
        return results

    return part


@performs("If", "StatelessIf")
def choose_if(run: Any, step: Any, predicate: Any, *arguments: Any) -> Sequence[Any]:
    """One of two functions."""
    names = [step.attributes["else_branch"], step.attributes["then_branch"]]
    parts = [_calling(name, arguments) for name in names]
    found: Sequence[Any] = run.backend.choose(run, truth(run, predicate), parts, f"the node {step.name!r}")
    return found


@performs("Case", "StatelessCase")
def choose_case(run: Any, step: Any, index: Any, *arguments: Any) -> Sequence[Any]:
    """One of several functions, the last for an index that is out of range."""
    parts = [_calling(name, arguments) for name in step.attributes["branches"]]
    found: Sequence[Any] = run.backend.choose(run, run.read(index), parts, f"the node {step.name!r}")
    return found


@performs("While", "StatelessWhile")
def repeat_while(run: Any, step: Any, *initial: Any) -> Sequence[Any]:
    """A loop whose condition and body are functions."""
    functions = run.library.functions
    condition, body = step.attributes["cond"], step.attributes["body"]
    bounds = bounds_of_functions(step.code.program, step.op, functions.body(condition), functions.body(body))
    found: Sequence[Any] = run.backend.repeat(
        run,
        [run.read(value) for value in initial],
        lambda inner, values: truth(inner, inner.call(condition, values)[0]),
        lambda inner, values: inner.call(body, values),
        f"the node {step.name!r}",
        [bound if isinstance(bound, int) else run.plain(bound) for bound in bounds],
    )
    return found


@performs("For")
def repeat_for(run: Any, step: Any, start: Any, limit: Any, delta: Any, *initial: Any) -> Sequence[Any]:
    """A loop that counts: its body is given the counter before what it carries."""
    body = step.attributes["body"]
    start, limit, delta = (run.read(value) for value in (start, limit, delta))
    xp = run.backend.namespace([start, limit, delta])
    # As many steps as reach the limit or pass it.
    count = xp.maximum((limit - start + delta - xp.sign(delta)) // delta, 0)
    results: Sequence[Any] = run.backend.repeat(
        run,
        [start, *(run.read(value) for value in initial)],
        lambda _, values: xp.where(delta > 0, values[0] < limit, values[0] > limit),
        lambda inner, values: [values[0] + delta, *inner.call(body, values)],
        f"the node {step.name!r}",
        [count],
        True,
    )
    return results[1:]


def truth(run: Any, value: Any) -> Any:
    """What `If` and `While` take for true: any number but 0, any string but the empty one, any array with elements."""
    value = run.read(value)
    if value.ndim:
        return value.size > 0
    if value.dtype == bool:
        return value
    return bool(value[()]) if value.dtype == object else value != 0
