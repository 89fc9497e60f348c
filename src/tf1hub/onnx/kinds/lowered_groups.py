"""Rows and numbers by group: sums, means, extremes and counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value
from tf1hub.program.references import VariableReference


def _group(call: LoweringCall, rows: Value, groups: Value, count: Value, how: str, start: Any) -> Value:
    """The rows of each group put together; a group without rows is what it starts from."""
    graph = call.graph
    rest = (None,) if rows.shape is None else rows.shape[1:]
    if None in rest:
        sizes = graph.concat([count, graph.slice(graph.shape_of(rows), 1, None, 0)], 0)
    else:
        sizes = graph.concat([count, graph.int64s(*(n or 0 for n in rest))], 0) if rest else count
    source = wide(graph, rows)
    begin = graph.zeros(sizes, source.dtype, start)
    result = graph.op("ScatterND", begin, graph.unsqueeze(groups, 1), source, reduction=how)
    if rows.shape is not None:
        known = count.elements[0] if count.elements else None
        result.shape = (known, *rows.shape[1:])
    return graph.cast(result, rows.dtype)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


def _last_plus_one(call: LoweringCall, groups: Value) -> Value:
    graph = call.graph
    last = graph.op("ReduceMax", graph.concat([groups, graph.int64s(-1)], 0), keepdims=1)
    return graph.op("Add", last, graph.int64s(1))


@lowers("SegmentSum", "SegmentMean", "SegmentMax", "SegmentMin", "SegmentProd")
def segments(call: LoweringCall, rows: Value, ids: Value) -> Value:
    """Sorted groups of rows; a group without rows gives 0 (of a product, 1)."""
    groups = call.graph.int64(ids)
    return _reduce_segments(
        call, call.kind.removeprefix("Segment"), rows, groups, _last_plus_one(call, groups)
    )


def _reduce_segments(call: LoweringCall, how: str, rows: Value, groups: Value, count: Value) -> Value:
    graph = call.graph
    if how in ("Sum", "Prod"):
        return _group(call, rows, groups, count, "add" if how == "Sum" else "mul", int(how == "Prod"))
    if how in ("Mean", "SqrtN"):
        total = _group(call, rows, groups, count, "add", 0)
        # So little is lost where something is counted; and what has nothing in it can be divided by it.
        least = float(np.finfo(wide(graph, rows).dtype).tiny)
        return _divide_by_counts(call, total, count_members(call, groups, count, rows.dtype, least), how)
    lowest = _lowest(wide(graph, rows).dtype) if how == "Max" else _highest(wide(graph, rows).dtype)
    found = _group(call, rows, groups, count, how.lower(), lowest)
    counts = count_members(call, groups, count, rows.dtype)
    empty = graph.op("Equal", wide(graph, counts), graph.like(0, wide(graph, counts)))
    over = graph.reshape(empty, [-1, *[1] * (call.rank(rows) - 1)])
    return graph.cast(
        graph.op("Where", over, graph.like(0, wide(graph, found)), wide(graph, found)), rows.dtype
    )


def count_members(call: LoweringCall, groups: Value, count: Value, dtype: Any, least: float = 0) -> Value:
    """How many rows each group has; `least` where it has none."""
    graph = call.graph
    ones = graph.zeros(graph.shape_of(groups), dtype, 1)
    return _group(call, ones, groups, count, "add", least)


def _divide_by_counts(call: LoweringCall, total: Value, counts: Value, how: str) -> Value:
    graph = call.graph
    by = graph.op("Sqrt", counts) if how == "SqrtN" else counts
    return graph.op("Div", total, graph.reshape(by, [-1, *[1] * (call.rank(total) - 1)]))


@lowers("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin")
def unsorted_segments(call: LoweringCall, rows: Value, ids: Value, count: Value) -> Value:
    """Groups of rows in any order; rows of a negative group are dropped."""
    graph, how = call.graph, call.kind.removeprefix("UnsortedSegment")
    more = call.rank(ids, "its groups")
    groups = graph.reshape(graph.int64(ids), [-1])
    if more > 1:
        rest = graph.slice(graph.shape_of(rows), more, None, 0)
        told = None if rows.shape is None else (None, *rows.shape[more:])
        rows = graph.reshape(rows, graph.concat([graph.int64s(-1), rest], 0), told)
    number = graph.reshape(graph.int64(count), [1])
    kept = graph.op("GreaterOrEqual", groups, graph.const(0, np.int64))
    shape = rows.shape
    rows = graph.op("Compress", rows, kept, axis=0)
    rows.shape = None if shape is None else (None, *shape[1:])
    groups = graph.op("Compress", groups, kept, axis=0)
    groups.shape = (None,)
    kind = wide(graph, rows).dtype
    start = {"Sum": 0, "Prod": 1, "Max": _lowest(kind), "Min": _highest(kind)}[how]
    names = {"Sum": "add", "Prod": "mul", "Max": "max", "Min": "min"}
    return _group(call, rows, groups, number, names[how], start)


@lowers(
    "SparseSegmentSum",
    "SparseSegmentMean",
    "SparseSegmentSqrtN",
    "SparseSegmentSumWithNumSegments",
    "SparseSegmentMeanWithNumSegments",
    "SparseSegmentSqrtNWithNumSegments",
)
def sparse_segments(call: LoweringCall, x: Value, indices: Value, ids: Value, *count: Value) -> Value:
    """Groups of rows that indices name."""
    graph = call.graph
    groups = _before_cast(call, ids)
    table, places = _skip_unique(call, x, indices)
    rows = graph.op("Gather", table, places, axis=0)
    number = graph.reshape(graph.int64(count[0]), [1]) if count else _last_plus_one(call, groups)
    how = call.kind.removeprefix("SparseSegment").removesuffix("WithNumSegments")
    return _reduce_segments(call, how, rows, groups, number)


def _before_cast(call: LoweringCall, ids: Value) -> Value:
    """The numbers of groups as int64. Where they were int64 before a cast to int32, those: none of them is larger."""
    op = call.scope.program.maker(call.op.inputs[2])
    if op is not None and op.node.op == "Cast" and ids.dtype == np.int32:
        wide_ids = call.scope.values.get(op.inputs[0])
        if isinstance(wide_ids, Value) and wide_ids.dtype == np.int64:
            return wide_ids
    return call.graph.int64(ids)


def _skip_unique(call: LoweringCall, rows: Value, indices: Value) -> tuple[Value, Value]:
    """The table and the indices to look up.

    Where rows were looked up for unique ids only, and are then repeated, one lookup of all ids does both.
    """
    graph, scope = call.graph, call.scope
    found = scope.program.maker(call.op.inputs[0])
    placed = scope.program.origin(call.op.inputs[1])
    if found is not None and found.node.op in ("GatherV2", "Gather", "ResourceGather") and placed[1] == 1:
        once = scope.program.by_name.get(placed[0])
        behind = scope.program.origin(found.inputs[1])
        is_first = len(found.inputs) < 3 or _is_zero(scope.values.get(found.inputs[2]))
        if once is not None and once.node.op == "Unique" and behind == (placed[0], 0) and is_first:
            source, ids = scope.values.get(found.inputs[0]), scope.get(once.inputs[0])
            if isinstance(source, VariableReference):
                source = scope.lowering.variable(source.node)
            if isinstance(source, Value) and isinstance(ids, Value) and rows.graph is not None:
                return source, ids
    return rows, graph.int64(indices)


def _is_zero(axis: Any) -> bool:
    return isinstance(axis, Value) and axis.known is not None and not axis.known.any()


@lowers("HistogramFixedWidth")
def histogram(call: LoweringCall, values: Value, ends: Value, bins: Value) -> Value:
    """How many numbers lie in each of some bins of one width; what lies outside counts for the first or the last."""
    graph = call.graph
    number = graph.reshape(graph.int64(bins), [1])
    low, high = (graph.slice(ends, place, place + 1, 0) for place in (0, 1))
    count = graph.cast(number, np.float64)
    step = graph.op("Div", graph.cast(graph.op("Sub", high, low), np.float64), count)
    flat = graph.reshape(values, [-1])
    places = graph.op("Div", graph.cast(graph.op("Sub", graph.op("Max", flat, low), low), np.float64), step)
    places = graph.int64(graph.op("Min", places, graph.op("Sub", count, graph.const(1, np.float64))))
    return graph.cast(count_members(call, places, number, np.int64), call["dtype"])


@lowers("Bincount", "DenseBincount")
def count_numbers(call: LoweringCall, x: Value, size: Value, weights: Value) -> Value:
    """How often each number is there, or the sum of its weights."""
    graph = call.graph
    if call.kind == "DenseBincount" and (call["binary_output"] or call.rank(x) != 1):
        raise CannotLower("counts each row by itself, or only whether a number is there")
    flat, number = graph.reshape(graph.int64(x), [-1]), graph.reshape(graph.int64(size), [1])
    if weights.shape is None or weights.shape[0] is None:
        raise CannotLower("leaves open whether there are weights")
    if weights.shape == (0,):
        values = graph.zeros(graph.shape_of(flat), weights.dtype, 1)
    else:
        values = graph.reshape(weights, [-1])
    inside = graph.op("Less", flat, number)
    flat, values = (graph.op("Compress", v, inside, axis=0) for v in (flat, values))
    flat.shape = values.shape = (None,)
    return _group(call, values, flat, number, "add", 0)
