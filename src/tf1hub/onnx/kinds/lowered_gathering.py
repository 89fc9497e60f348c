"""Parts of tensors by index, tensors put together by index, and groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.onnx.kinds.lowered_elementwise import wide
from tf1hub.onnx.lowering_call import Call
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.traced_values import Value, VariableReference

_FAR = int(np.iinfo(np.int64).max)


@lowers("Slice")
def slice_(call: Call, x: Value, begin: Value, size: Value) -> Value:
    """A box of a tensor; a size of -1 is all that is left."""
    graph = call.graph
    starts, sizes = graph.int64(begin), graph.int64(size)
    if sizes.known is not None and starts.known is not None:
        ends = graph.int64s(
            *(_FAR if n == -1 else int(b) + int(n) for b, n in zip(starts.known, sizes.known, strict=True))
        )
    else:
        ends = graph.op(
            "Where",
            graph.op("Less", sizes, graph.int64s(0)),
            graph.int64s(_FAR),
            graph.op("Add", starts, sizes),
        )
    count = x.rank if x.rank is not None else len(call.known(begin, "where it begins"))
    result = graph.op("Slice", x, starts, ends, graph.int64s(*range(count)))
    if x.shape is not None and size.elements is not None:
        told = [None if n is None or n < 0 else n for n in size.elements]
        known = result.shape or (None,) * count
        result.shape = tuple(a if a is not None else b for a, b in zip(known, told, strict=True))
    elif result.shape is None:
        result.shape = (None,) * count
    if x.elements is not None and x.rank == 1 and begin.elements and size.elements:
        b, n = begin.elements[0], size.elements[0]
        if b is not None and n is not None:
            result.elements = x.elements[b:] if n < 0 else x.elements[b : b + n]
    return result


def _bits(mask: int, index: int) -> bool:
    return bool(mask >> index & 1)


@lowers("StridedSlice")
def strided_slice(call: Call, x: Value, begin: Value, end: Value, strides: Value) -> Value:
    """NumPy's basic indexing, with its masks."""
    graph = call.graph
    steps = [int(n) for n in call.known(strides, "its steps")]
    new, shrink = call["new_axis_mask"], call["shrink_axis_mask"]
    ellipsis = call["ellipsis_mask"]
    count = len(steps)
    around = [i for i in range(count) if _bits(ellipsis, i)]
    covered = sum(1 for i in range(count) if not _bits(new, i) and i not in around)
    rank = x.rank
    if rank is None and (around or (any(not _bits(shrink, i) for i in range(count)) and new)):
        raise CannotLower("needs the number of dimensions of its input, which the module leaves open")
    starts, ends, axes, by, squeezed, added = [], [], [], [], [], []
    axis = place = 0
    for i in range(count):
        if i in around:
            skipped = call.rank(x) - covered
            axis += skipped
            place += skipped
            continue
        if _bits(new, i):
            added.append(place)
            place += 1
            continue
        start, stop = (_bound(call, value, i) for value in (begin, end))
        if _bits(shrink, i):
            stop = _after(call, start)
            squeezed.append(axis)
            by.append(1)
        else:
            if _bits(call["begin_mask"], i):
                start = 0 if steps[i] > 0 else _FAR
            if _bits(call["end_mask"], i):
                stop = _FAR if steps[i] > 0 else -_FAR
            place += 1
            by.append(steps[i])
        starts.append(start)
        ends.append(stop)
        axes.append(axis)
        axis += 1
    if x.elements is not None and x.rank == 1 and len(axes) == 1 and not added:
        found = _of_elements(call, x, starts[0], ends[0], by[0], bool(squeezed))
        if found is not None:
            return found
    result = x
    trivial = all(s == 0 and e == _FAR and b == 1 for s, e, b in zip(starts, ends, by, strict=True))
    if axes and not trivial:
        result = graph.op(
            "Slice",
            x,
            _vector(call, starts),
            _vector(call, ends),
            graph.int64s(*axes),
            graph.int64s(*by) if any(n != 1 for n in by) else None,
        )
        if result.shape is None or (squeezed and rank is not None):
            known = result.shape or (None,) * (rank if rank is not None else 0)
            if rank is not None:
                result.shape = tuple(1 if a in squeezed else n for a, n in enumerate(known))
    if squeezed:
        result = graph.squeeze(result, *squeezed)
    if added:
        result = graph.unsqueeze(result, *added)
    if (
        x.elements is not None
        and x.rank == 1
        and len(axes) == 1
        and all(isinstance(n, int) for n in (*starts, *ends))
    ):
        first: Any = None if starts[0] == _FAR else starts[0]
        last: Any = None if ends[0] in (_FAR, -_FAR) else ends[0]
        cut = x.elements[slice(first, last, by[0])]
        if len(cut) == 1 or not squeezed:
            result.elements = cut
    return result


def _of_elements(call: Call, x: Value, start: Any, stop: Any, step: int, shrink: bool) -> Value | None:
    """A part of a vector of which numbers are known, where all of the part are."""
    if not isinstance(start, int) or not isinstance(stop, int):
        return None
    assert x.elements is not None
    cut = x.elements[slice(None if start == _FAR else start, None if abs(stop) == _FAR else stop, step)]
    if None in cut or (shrink and len(cut) != 1):
        return None
    array = np.array([n or 0 for n in cut], x.dtype)
    return call.graph.const(array.reshape(()) if shrink else array)


def _bound(call: Call, value: Value, index: int) -> int | Value:
    if value.elements is not None and value.elements[index] is not None:
        return int(value.elements[index] or 0)
    return call.graph.slice(call.graph.int64(value), index, index + 1, 0)


def _after(call: Call, start: int | Value) -> int | Value:
    """The end of a slice of one element; after the last one, -1, all that is left."""
    graph = call.graph
    if isinstance(start, int):
        return _FAR if start == -1 else start + 1
    is_last = graph.op("Equal", start, graph.int64s(-1))
    return graph.op("Where", is_last, graph.int64s(_FAR), graph.op("Add", start, graph.int64s(1)))


def _vector(call: Call, parts: list[Any]) -> Value:
    graph = call.graph
    return graph.concat([graph.int64s(p) if isinstance(p, int) else p for p in parts], 0)


# ------------------------------------------------------------------ by index


@lowers("Gather", "ResourceGather")
@by_reference
def gather(call: Call, *_: Any) -> Value:
    """Rows of a tensor or variable."""
    return _gather(call, _source(call), call.scope.value(call.op.inputs[1]), 0, call.get("batch_dims", 0))


def _source(call: Call) -> Value:
    reference = call.scope.values[call.op.inputs[0]]
    if isinstance(reference, VariableReference):
        return call.scope.lowering.variable(reference.node)
    return call.scope.value(call.op.inputs[0])


@lowers("GatherV2")
def gather_along(call: Call, x: Value, indices: Value, axis: Value) -> Value:
    """Slices of a tensor along an axis."""
    number = int(call.known(axis, "its axis"))
    return _gather(call, x, indices, number, call.get("batch_dims", 0))


def _gather(call: Call, x: Value, indices: Value, axis: int, batch: int) -> Value:
    graph = call.graph
    if batch < 0:
        batch += call.rank(indices, "its indices")
    if not batch:
        if x.dtype.kind == "O" and x.rank != 1:
            raise CannotLower("gathers rows of strings, of which ONNX Runtime copies the first alone")
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
def gather_nd(call: Call, *_: Any) -> Value:
    """Elements or slices of a tensor or variable."""
    graph, x, indices = call.graph, _source(call), call.scope.value(call.op.inputs[1])
    result = graph.op("GatherND", x, graph.int64(indices))
    if x.shape is not None and indices.shape and indices.shape[-1] is not None:
        result.shape = (*indices.shape[:-1], *x.shape[indices.shape[-1] :])
    return result


@lowers("OneHot")
def one_hot(call: Call, indices: Value, depth: Value, on: Value, off: Value) -> Value:
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
def where(call: Call, condition: Value) -> Value:
    """The indices of all that is not zero, a row for each."""
    graph = call.graph
    source = condition if condition.dtype == np.bool_ else wide(graph, condition)
    found = graph.transpose(graph.op("NonZero", source), [1, 0])
    found.shape = (None, condition.rank)
    return found


@lowers("Unique", "UniqueV2", "UniqueWithCounts")
def unique(call: Call, x: Value, *_: Value) -> list[Value]:
    """Each number once, in order of first appearance, and where each of all is among them."""
    graph = call.graph
    if call.kind == "UniqueV2" and x.rank != 1:
        raise CannotLower("finds unique slices along an axis")
    source = x if x.dtype.kind == "O" else graph.int64(x) if x.dtype.kind in "iu" else x
    values, _first, places, counts = graph.ops(
        "Unique", 4, source, sorted=0, dtypes=[source.dtype, np.int64, np.int64, np.int64]
    )
    values.shape, places.shape, counts.shape = (None,), x.shape, (None,)
    found = [graph.cast(values, x.dtype), graph.cast(places, call["out_idx"])]
    if call.kind == "UniqueWithCounts":
        found.append(graph.cast(counts, call["out_idx"]))
    return found


# ------------------------------------------------------------------ put together


@lowers("ScatterNd")
def scatter_nd(call: Call, indices: Value, updates: Value, sizes: Value) -> Value:
    """Zeros with sums of values at places."""
    graph = call.graph
    zeros = graph.zeros(sizes, wide(graph, updates).dtype)
    found = graph.op("ScatterND", zeros, graph.int64(indices), wide(graph, updates), reduction="add")
    found.shape = zeros.shape
    return graph.cast(found, updates.dtype)


_SCATTERS = {
    "TensorScatterUpdate": None,
    "TensorScatterAdd": "add",
    "TensorScatterSub": "add",
    "TensorScatterMax": "max",
    "TensorScatterMin": "min",
}


@lowers(*_SCATTERS)
def tensor_scatter(call: Call, x: Value, indices: Value, updates: Value) -> Value:
    """A tensor with other values at places."""
    graph = call.graph
    values = graph.op("Neg", updates) if call.kind.endswith("Sub") else updates
    return graph.op("ScatterND", x, graph.int64(indices), values, reduction=_SCATTERS[call.kind])


@lowers("DynamicPartition")
def partition(call: Call, x: Value, parts: Value) -> list[Value]:
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
def stitch(call: Call, *inputs: Value) -> Value:
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


# ------------------------------------------------------------------ groups


def _group(call: Call, rows: Value, groups: Value, count: Value, how: str, start: Any) -> Value:
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


def _last_plus_one(call: Call, groups: Value) -> Value:
    graph = call.graph
    last = graph.op("ReduceMax", graph.concat([groups, graph.int64s(-1)], 0), keepdims=1)
    return graph.op("Add", last, graph.int64s(1))


@lowers("SegmentSum", "SegmentMean", "SegmentMax", "SegmentMin", "SegmentProd")
def segments(call: Call, rows: Value, ids: Value) -> Value:
    """Sorted groups of rows; a group without rows gives 0 (of a product, 1)."""
    groups = call.graph.int64(ids)
    return _reduce_segments(
        call, call.kind.removeprefix("Segment"), rows, groups, _last_plus_one(call, groups)
    )


def _reduce_segments(call: Call, how: str, rows: Value, groups: Value, count: Value) -> Value:
    graph = call.graph
    if how in ("Sum", "Prod"):
        return _group(call, rows, groups, count, "add" if how == "Sum" else "mul", int(how == "Prod"))
    if how in ("Mean", "SqrtN"):
        total = _group(call, rows, groups, count, "add", 0)
        return _shared(call, total, _counts(call, groups, count, rows.dtype), how)
    lowest = _lowest(wide(graph, rows).dtype) if how == "Max" else _highest(wide(graph, rows).dtype)
    found = _group(call, rows, groups, count, how.lower(), lowest)
    counts = _counts(call, groups, count, rows.dtype)
    empty = graph.op("Equal", wide(graph, counts), graph.like(0, wide(graph, counts)))
    over = graph.reshape(empty, [-1, *[1] * (call.rank(rows) - 1)])
    return graph.cast(
        graph.op("Where", over, graph.like(0, wide(graph, found)), wide(graph, found)), rows.dtype
    )


def _counts(call: Call, groups: Value, count: Value, dtype: Any) -> Value:
    graph = call.graph
    ones = graph.zeros(graph.shape_of(groups), dtype, 1)
    return _group(call, ones, groups, count, "add", 0)


def _shared(call: Call, total: Value, counts: Value, how: str) -> Value:
    graph = call.graph
    by = graph.op("Max", counts, graph.like(1, counts))
    if how == "SqrtN":
        by = graph.op("Sqrt", by)
    return graph.op("Div", total, graph.reshape(by, [-1, *[1] * (call.rank(total) - 1)]))


@lowers("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin")
def unsorted_segments(call: Call, rows: Value, ids: Value, count: Value) -> Value:
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
def sparse_segments(call: Call, x: Value, indices: Value, ids: Value, *count: Value) -> Value:
    """Groups of rows that indices name."""
    graph = call.graph
    groups = graph.int64(ids)
    table, places = _without_unique(call, x, indices)
    rows = graph.op("Gather", table, places, axis=0)
    number = graph.reshape(graph.int64(count[0]), [1]) if count else _last_plus_one(call, groups)
    how = call.kind.removeprefix("SparseSegment").removesuffix("WithNumSegments")
    return _reduce_segments(call, how, rows, groups, number)


def _without_unique(call: Call, rows: Value, indices: Value) -> tuple[Value, Value]:
    """A table and rows of it, where `rows` was looked up for each id once: it is looked up for all of them instead."""
    graph, scope = call.graph, call.scope
    found = scope.program.by_name.get(scope.program.origin(call.op.inputs[0])[0])
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


@lowers("Bincount")
def count_numbers(call: Call, x: Value, size: Value, weights: Value) -> Value:
    """How often each number is there, or the sum of its weights."""
    graph = call.graph
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


# ------------------------------------------------------------------ sparse tensors


@lowers("SparseToDense")
def sparse_to_dense(call: Call, indices: Value, sizes: Value, values: Value, default: Value) -> Value:
    """A dense tensor with values at places."""
    graph = call.graph
    dims = graph.int64(sizes)
    base = graph.op("Expand", default, dims)
    places = graph.int64(indices)
    if indices.rank is not None and indices.rank < 2:
        places = graph.reshape(places, [-1, 1])
    count = graph.slice(graph.shape_of(places), 0, 1, 0)
    rows = graph.op("Expand", values, count)
    result = graph.op("ScatterND", base, places, rows)
    result.shape = sizes.elements or (None if sizes.shape is None else (None,) * (sizes.shape[0] or 0))
    return result


@lowers("SparseFillEmptyRows")
def fill_empty_rows(call: Call, indices: Value, values: Value, sizes: Value, default: Value) -> list[Value]:
    """A sparse tensor with a value in each row that had none; elements by row, else in order."""
    graph = call.graph
    rows = graph.op("Gather", indices, graph.const(0, np.int64), axis=1)
    height = graph.slice(sizes, 0, 1, 0)
    counts = _counts(call, rows, height, np.int64)
    empty = graph.op("Equal", counts, graph.int64s(0))
    numbers = graph.op("Range", graph.const(0, np.int64), graph.squeeze(height, 0), graph.const(1, np.int64))
    added = graph.op("Compress", numbers, empty, axis=0)
    added.shape = (None,)
    rest = graph.op("Sub", graph.slice(graph.shape_of(indices), 1, 2, 0), graph.int64s(1))
    zeros = graph.zeros(graph.concat([graph.shape_of(added), rest], 0), np.int64)
    more = graph.concat([graph.unsqueeze(added, 1), zeros], 1)
    all_indices = graph.concat([indices, more], 0)
    filler = graph.op("Expand", default, graph.shape_of(added))
    all_values = graph.concat([values, filler], 0)
    all_rows = graph.concat([rows, added], 0)
    order = _stable_order(call, all_rows)
    total = graph.size_of(rows, 0)
    _, back = graph.ops("TopK", 2, order, graph.shape_of(order), axis=0, largest=0)
    reverse = graph.op("Slice", back, graph.int64s(0), total, graph.int64s(0))
    result = graph.op("Gather", all_indices, order, axis=0)
    result.shape = (None, indices.shape[1] if indices.shape is not None else None)
    return [result, graph.op("Gather", all_values, order, axis=0), empty, reverse]


def _stable_order(call: Call, numbers: Value) -> Value:
    """The order that sorts a vector and leaves equal numbers as they are."""
    graph = call.graph
    count = graph.shape_of(numbers)
    steps = graph.op("Range", graph.const(0, np.int64), graph.squeeze(count, 0), graph.const(1, np.int64))
    keys = graph.op("Add", graph.op("Mul", numbers, count), steps)
    _, order = graph.ops("TopK", 2, keys, count, axis=0, largest=0)
    return order


@lowers("SparseReshape")
def sparse_reshape(call: Call, indices: Value, sizes: Value, wanted: Value) -> list[Value]:
    """The same elements in another shape."""
    graph = call.graph
    one = graph.int64s(1)
    total = graph.op("ReduceProd", sizes, keepdims=1)
    negative = graph.op("Less", wanted, graph.int64s(0))
    others = graph.op("ReduceProd", graph.op("Where", negative, one, wanted), keepdims=1)
    missing = graph.op("Div", total, graph.op("Max", others, one))
    full = graph.op("Where", negative, missing, wanted)
    flat = graph.op("ReduceSum", graph.op("Mul", indices, _strides(call, sizes)), graph.int64s(1), keepdims=1)
    found = graph.op("Mod", graph.op("Div", flat, _strides(call, full)), full)
    return [found, full]


def _strides(call: Call, sizes: Value) -> Value:
    """How far apart the elements along each axis lie: the product of the sizes behind it."""
    graph = call.graph
    if sizes.shape is None or sizes.shape[0] is None:
        raise CannotLower("needs the number of dimensions of a sparse tensor, which the module leaves open")
    found: list[Value] = [graph.int64s(1)]
    for axis in range(sizes.shape[0] - 1, 0, -1):
        found.insert(0, graph.op("Mul", found[0], graph.slice(sizes, axis, axis + 1, 0)))
    return graph.concat(found, 0)


@lowers("ListDiff")
def difference(call: Call, x: Value, y: Value) -> list[Value]:
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
