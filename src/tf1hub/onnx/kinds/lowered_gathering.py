"""Parts of tensors by index, and tensors put together by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.traced_values import Value
from tf1hub.program.references import VariableReference


@lowers("Gather", "ResourceGather")
@by_reference
def gather(call: LoweringCall, *_: Any) -> Value:
    """Rows of a tensor or variable."""
    return _gather(call, _source(call), call.scope.value(call.op.inputs[1]), 0, call.get("batch_dims", 0))


def _source(call: LoweringCall) -> Value:
    reference = call.scope.values[call.op.inputs[0]]
    if isinstance(reference, VariableReference):
        return call.scope.lowering.variable(reference.node)
    return call.scope.value(call.op.inputs[0])


@lowers("GatherV2")
def gather_along(call: LoweringCall, x: Value, indices: Value, axis: Value) -> Value:
    """Slices of a tensor along an axis."""
    number = int(call.require(axis, "its axis"))
    return _gather(call, x, indices, number, call.get("batch_dims", 0))


def _gather(call: LoweringCall, x: Value, indices: Value, axis: int, batch: int) -> Value:
    graph = call.graph
    if batch < 0:
        batch += call.rank(indices, "its indices")
    if not batch:
        places = indices if indices.dtype in (np.int32, np.int64) else graph.int64(indices)
        result = graph.op("Gather", x, places, axis=axis)
        if x.elements is not None and x.rank == 1 and indices.known is not None:
            result.elements = tuple(x.elements[int(i)] for i in indices.known.ravel())
        return result
    count = call.rank(x)
    axis %= count
    if axis != batch:
        order = [*range(batch), axis, *(a for a in range(batch, count) if a != axis)]
        found = _gather(call, graph.transpose(x, order), indices, batch, batch)
        more = call.rank(indices, "its indices") - batch
        back = [*range(batch), *range(batch + more, axis + more), *range(batch, batch + more)]
        return graph.transpose(found, [*back, *range(len(back), call.rank(found))])
    return graph.op(
        "GatherND",
        x,
        graph.unsqueeze(graph.int64(indices), call.rank(indices, "its indices")),
        batch_dims=batch,
    )


@lowers("GatherNd", "ResourceGatherNd")
@by_reference
def gather_nd(call: LoweringCall, *_: Any) -> Value:
    """Elements or slices of a tensor or variable."""
    graph, x, indices = call.graph, _source(call), call.scope.value(call.op.inputs[1])
    result = graph.op("GatherND", x, graph.int64(indices))
    if x.shape is not None and indices.shape and indices.shape[-1] is not None:
        result.shape = (*indices.shape[:-1], *x.shape[indices.shape[-1] :])
    return result


@lowers("OneHot")
def one_hot(call: LoweringCall, indices: Value, depth: Value, on: Value, off: Value) -> Value:
    """Vectors with one number for all places but one; nothing for an index that is out of range."""
    graph, axis = call.graph, call["axis"]
    count = call.rank(indices, "its indices")
    axis = count if axis < 0 else axis
    numbers = graph.op(
        "Range", graph.const(0, np.int64), graph.reshape(graph.int64(depth), []), graph.const(1, np.int64)
    )
    if depth.known is not None:
        numbers = graph.const(np.arange(int(depth.known)), np.int64)
    wanted = graph.unsqueeze(graph.int64(indices), axis)
    if axis < count:
        numbers = graph.reshape(numbers, [-1, *[1] * (count - axis)])
    same = graph.op("Equal", wanted, numbers)
    if on.dtype == np.bool_:
        either = [graph.cast(value, np.int32) for value in (on, off)]
        return graph.cast(graph.op("Where", same, *either), bool)
    if on.known is not None and off.known is not None and int(on.known) == 1 and int(off.known) == 0:
        return graph.cast(same, on.dtype)
    return graph.cast(graph.op("Where", same, wide(graph, on), wide(graph, off)), on.dtype)


@lowers("Where")
def where(call: LoweringCall, condition: Value) -> Value:
    """The indices of all that is not zero, a row for each."""
    graph = call.graph
    source = condition if condition.dtype == np.bool_ else wide(graph, condition)
    found = graph.transpose(graph.op("NonZero", source), [1, 0])
    found.shape = (None, condition.rank)
    return found


@lowers("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2")
def unique(call: LoweringCall, x: Value, *_: Value) -> list[Value]:
    """Each number once, in order of first appearance, and where each of all is among them."""
    graph = call.graph
    if call.kind.endswith("V2") and x.rank != 1:
        raise CannotLower("finds unique slices along an axis")
    source = x if x.dtype.kind == "O" else graph.int64(x) if x.dtype.kind in "iu" else x
    values, _first, places, counts = graph.ops(
        "Unique", 4, source, sorted=0, dtypes=[source.dtype, np.int64, np.int64, np.int64]
    )
    values.shape, places.shape, counts.shape = (None,), x.shape, (None,)
    found = [graph.cast(values, x.dtype), graph.cast(places, call["out_idx"])]
    if "WithCounts" in call.kind:
        found.append(graph.cast(counts, call["out_idx"]))
    return found


@lowers("ScatterNd")
def scatter_nd(call: LoweringCall, indices: Value, updates: Value, sizes: Value) -> Value:
    """Zeros with sums of values at places."""
    graph = call.graph
    zeros = graph.zeros(sizes, wide(graph, updates).dtype)
    found = graph.op("ScatterND", zeros, graph.int64(indices), wide(graph, updates), reduction="add")
    found.shape = zeros.shape
    return graph.cast(found, updates.dtype)


_SCATTERS = {
    "TensorScatterUpdate": None,
    "TensorScatterAdd": "add",
    "ScatterNdNonAliasingAdd": "add",
    "TensorScatterSub": "add",
    "TensorScatterMax": "max",
    "TensorScatterMin": "min",
}


@lowers(*_SCATTERS)
def tensor_scatter(call: LoweringCall, x: Value, indices: Value, updates: Value) -> Value:
    """A tensor with other values at places."""
    graph = call.graph
    values = graph.op("Neg", updates) if call.kind.endswith("Sub") else updates
    return graph.op("ScatterND", x, graph.int64(indices), values, reduction=_SCATTERS[call.kind])


@lowers("DynamicPartition")
def partition(call: LoweringCall, x: Value, parts: Value) -> list[Value]:
    """The rows of each part, in order."""
    graph = call.graph
    more, count = call.rank(parts, "its partitions"), call.rank(x)
    flat = graph.reshape(parts, [-1])
    if more == 1:
        rows = x
    else:
        sizes = graph.concat([graph.int64s(-1), graph.slice(graph.shape_of(x), more, None, 0)], 0)
        rows = graph.reshape(x, sizes, (None, *(x.shape or (None,) * count)[more:]))
    found = []
    for number in range(call["num_partitions"]):
        chosen = graph.op("Compress", rows, graph.op("Equal", flat, graph.const(number, np.int32)), axis=0)
        chosen.shape = (None, *(rows.shape or ())[1:]) if rows.shape is not None else None
        found.append(chosen)
    return found


@lowers("DynamicStitch", "ParallelDynamicStitch")
def stitch(call: LoweringCall, *inputs: Value) -> Value:
    """Rows at the places that the indices name; later ones win."""
    graph = call.graph
    half = len(inputs) // 2
    places, rows = [], []
    for indices, data in zip(inputs[:half], inputs[half:], strict=True):
        count = call.rank(indices, "its indices")
        places.append(graph.reshape(graph.int64(indices), [-1]))
        if count == 1:
            rows.append(data)
            continue
        rest = graph.slice(graph.shape_of(data), count, None, 0)
        told = None if data.shape is None else (None, *data.shape[count:])
        rows.append(graph.reshape(data, graph.concat([graph.int64s(-1), rest], 0), told))
    every, values = graph.concat(places, 0), graph.concat(rows, 0)
    most = graph.op("ReduceMax", graph.concat([every, graph.int64s(-1)], 0), keepdims=1)
    height = graph.op("Add", most, graph.int64s(1))
    zeros = graph.zeros(
        graph.concat([height, graph.slice(graph.shape_of(values), 1, None, 0)], 0), values.dtype
    )
    result = graph.op("ScatterND", zeros, graph.unsqueeze(every, 1), values)
    result.shape = None if values.shape is None else (None, *values.shape[1:])
    return result


@lowers("UnravelIndex")
def unravel(call: LoweringCall, indices: Value, sizes: Value) -> Value:
    """The place along each axis of what lies at flat indices."""
    graph = call.graph
    if sizes.shape is None or sizes.shape[0] is None:
        raise CannotLower("needs the number of dimensions that it counts in, which the module leaves open")
    rest, dims = graph.int64(indices), graph.int64(sizes)
    found = []
    for axis in reversed(range(sizes.shape[0])):
        size = graph.gather(dims, graph.const(axis, np.int64))
        found.append(graph.unsqueeze(graph.op("Mod", rest, size), 0))
        rest = graph.op("Div", rest, size)
    return graph.cast(graph.concat(found[::-1], 0), indices.dtype)


@lowers("ListDiff")
def difference(call: LoweringCall, x: Value, y: Value) -> list[Value]:
    """The numbers of one list that are not in another, and where they were."""
    graph = call.graph
    same = graph.op("Equal", graph.unsqueeze(wide(graph, x), 1), graph.unsqueeze(wide(graph, y), 0))
    hits = graph.op("ReduceSum", graph.cast(same, np.int64), graph.int64s(1), keepdims=0)
    kept = graph.op("Equal", hits, graph.const(0, np.int64))
    count = graph.squeeze(graph.size_of(x, 0), 0)
    places = graph.op("Range", graph.const(0, np.int64), count, graph.const(1, np.int64))
    found = [graph.op("Compress", v, kept, axis=0) for v in (x, places)]
    for value in found:
        value.shape = (None,)
    return [found[0], graph.cast(found[1], call["out_idx"])]
