"""Sums, means, extremes, running sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.scans import scan
from tf1hub.onnx.traced_values import Value

_KINDS = {
    "Sum": "ReduceSum",
    "Mean": "ReduceMean",
    "Max": "ReduceMax",
    "Min": "ReduceMin",
    "Prod": "ReduceProd",
    "EuclideanNorm": "ReduceL2",
    "All": "ReduceSum",
    "Any": "ReduceSum",
}


@lowers(*_KINDS)
def reduce(call: LoweringCall, x: Value, axes: Value) -> Value:
    """One number for all along some axes."""
    graph, kind, keep = call.graph, _KINDS[call.kind], int(call["keep_dims"])
    found = None if axes.known is None else [int(axis) for axis in np.atleast_1d(axes.known)]
    if found == []:
        return graph.op("Abs", x) if kind == "ReduceL2" else x

    def run(value: Value, numbers: Value) -> Value:
        if value.dtype == np.bool_:
            # Of no elements all hold, and none does.
            source = graph.op("Not", value) if call.kind == "All" else value
            hits = graph.op("ReduceSum", graph.cast(source, np.int32), numbers, keepdims=keep)
            return graph.op("Equal" if call.kind == "All" else "Greater", hits, graph.const(0, np.int32))
        source = wide(graph, value)
        whole = kind == "ReduceMean" and source.dtype.kind in "iu"
        if whole:
            total = graph.op("ReduceSum", source, numbers, keepdims=keep)
            count = graph.op(
                "Div",
                graph.op("Size", source),
                graph.op("Max", graph.op("Size", total), graph.const(1, np.int64)),
            )
            result = graph.op("Div", total, graph.cast(count, source.dtype))
        else:
            result = graph.op(kind, source, numbers, keepdims=keep)
        return graph.cast(result, value.dtype)

    if x.first is not None and not x.is_made and found is not None:
        count = x.rank or 0
        inside = dict(zip(range(count), [0, *range(2, count), 1], strict=True))
        numbers = sorted({axis % count for axis in found})
        result = run(x.first, graph.int64s(*(inside[axis] for axis in numbers)))
        if keep:
            return graph.channels_last(result)
        if numbers == list(range(1, count - 1)) or len(numbers) >= count - 1:
            return result  # what is left lies in the same order either way
    elif found is None and x.rank is None and not keep:
        raise CannotLower("computes its axes while it runs")
    result = run(x, graph.reshape(graph.int64(axes), [-1]) if found is None else graph.int64s(*found))
    if found is not None and x.shape is not None:
        drop = {axis % len(x.shape) for axis in found}
        result.shape = tuple(
            1 if axis in drop else n for axis, n in enumerate(x.shape) if keep or axis not in drop
        )
    elif (
        found is None
        and axes.shape is not None
        and axes.shape != ()
        and axes.shape[0] is not None
        and x.rank is not None
    ):
        result.shape = (None,) * (x.rank if keep else x.rank - axes.shape[0])
    if call.kind == "Prod" and x.elements is not None and None not in x.elements and x.rank == 1:
        return graph.const(np.prod([n or 0 for n in x.elements]), x.dtype)
    return result


@lowers("Cumsum")
def running_sum(call: LoweringCall, x: Value, axis: Value) -> Value:
    """Sums of all up to each element."""
    graph = call.graph
    number = graph.reshape(graph.int64(axis), [])
    found = graph.op(
        "CumSum", wide(graph, x), number, exclusive=int(call["exclusive"]), reverse=int(call["reverse"])
    )
    return graph.cast(found, x.dtype)


@lowers("Cumprod")
def running_product(call: LoweringCall, x: Value, axis: Value) -> Value:
    """Products of all up to each element."""

    def join(inner: Graph, before: Value, element: Value) -> Value:
        return inner.op("Mul", before, element)

    return _run_along(call, x, axis, 1, join)


@lowers("CumulativeLogsumexp")
def running_log_sum(call: LoweringCall, x: Value, axis: Value) -> Value:
    """Logarithms of sums of exponentials of all up to each element; of none, minus infinity."""
    if x.dtype == np.float16:
        raise CannotLower("adds up in half precision")

    def join(inner: Graph, before: Value, element: Value) -> Value:
        larger, smaller = inner.op("Max", before, element), inner.op("Min", before, element)
        # The same infinity twice is that infinity.
        same = inner.op("Equal", larger, smaller)
        apart = inner.op("Where", same, inner.like(0, x), inner.op("Sub", smaller, larger))
        more = inner.op("Log", inner.op("Add", inner.like(1, x), inner.op("Exp", apart)))
        return inner.op("Add", larger, more)

    return _run_along(call, x, axis, -np.inf, join)


def _run_along(
    call: LoweringCall, x: Value, axis: Value, start: float, join: Callable[[Graph, Value, Value], Value]
) -> Value:
    """What all elements up to each give together, by a `Scan`."""
    graph = call.graph
    count = call.rank(x)
    (number,) = call.axes(axis, count)
    source = wide(graph, x)
    others = [graph.size_of(source, other) for other in range(count) if other != number]
    begin = graph.zeros(graph.concat([graph.int64s(), *others], 0), source.dtype, start)
    begin.shape = None if x.shape is None else (*x.shape[:number], *x.shape[number + 1 :])
    exclusive = bool(call["exclusive"])

    def step(inner: Graph, states: Sequence[Value], element: Value) -> tuple[list[Value], list[Value]]:
        after = join(inner, states[0], element)
        return [after], [states[0] if exclusive else after]

    (found,) = scan(graph, [begin], source, step, number, bool(call["reverse"]))
    found.shape = x.shape
    return graph.cast(found, x.dtype)


@lowers("ArgMax", "ArgMin")
def extreme_index(call: LoweringCall, x: Value, axis: Value) -> Value:
    """Where the largest or smallest is; the first of equal ones."""
    graph = call.graph
    (number,) = call.axes(axis, x.rank)
    found = graph.op(call.kind, wide(graph, x), axis=number, keepdims=0)
    return graph.cast(found, call["output_type"])


@lowers("TopK", "TopKV2")
def largest(call: LoweringCall, x: Value, *count: Value) -> list[Value]:
    """The largest along the last axis, in order."""
    graph = call.graph
    number = graph.reshape(graph.int64(count[0]), [1]) if count else graph.int64s(call["k"])
    dtype = call.get("index_type") or np.int32
    values, indices = graph.ops("TopK", 2, wide(graph, x), number, axis=-1, sorted=int(call["sorted"]))
    return [graph.cast(values, x.dtype), graph.cast(indices, dtype)]


@lowers("NthElement")
def nth_element(call: LoweringCall, x: Value, n: Value) -> Value:
    """The n-th least element of each last axis, or the n-th largest."""
    graph = call.graph
    count = graph.op("Add", graph.reshape(graph.int64(n), [1]), graph.int64s(1))
    values, _ = graph.ops("TopK", 2, wide(graph, x), count, axis=-1, largest=int(call["reverse"]))
    last = graph.gather(values, graph.const(-1, np.int64), call.rank(x) - 1)
    last.shape = None if x.shape is None else x.shape[:-1]
    return graph.cast(last, x.dtype)


@lowers("InTopK", "InTopKV2")
def is_among_largest(call: LoweringCall, predictions: Value, targets: Value, *count: Value) -> Value:
    """Whether a class is among those with the highest scores."""
    graph = call.graph
    number = graph.int64(count[0]) if count else graph.const(call["k"], np.int64)
    classes = graph.unsqueeze(graph.int64(targets), 1)
    kinds = graph.size_of(predictions, 1)
    zero = graph.int64s(0)
    inside = graph.op("And", graph.op("GreaterOrEqual", classes, zero), graph.op("Less", classes, kinds))
    places = graph.op("Where", inside, classes, zero)
    scores = graph.op("GatherElements", predictions, places, axis=1)
    above = graph.cast(graph.op("Greater", predictions, scores), np.int64)
    few = graph.op("Less", graph.op("ReduceSum", above, graph.int64s(1), keepdims=1), number)
    # Nothing is said of a row with numbers that are none.
    odd = graph.op("Or", graph.op("IsNaN", predictions), graph.op("IsInf", predictions))
    odds = graph.op("ReduceSum", graph.cast(odd, np.int64), graph.int64s(1), keepdims=1)
    said = graph.op("And", graph.op("And", few, inside), graph.op("Equal", odds, zero))
    return graph.squeeze(said, 1)
