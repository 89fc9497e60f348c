"""Sparse tensors: indices, values and sizes."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.kinds.lowered_groups import count_members
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


@lowers("SparseToDense")
def sparse_to_dense(call: LoweringCall, indices: Value, sizes: Value, values: Value, default: Value) -> Value:
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
    rank = _rank(sizes, indices)
    result.shape = sizes.elements or (None if rank is None else (None,) * rank)
    return result


def _rank(sizes: Value, indices: Value | None = None) -> int | None:
    """The number of dimensions of a sparse tensor: its sizes tell it, or its indices."""
    if sizes.elements is not None:
        return len(sizes.elements)
    if sizes.shape is not None and sizes.shape[0] is not None:
        return sizes.shape[0]
    if indices is not None and indices.shape is not None and len(indices.shape) > 1:
        return indices.shape[1]
    return None


@lowers("SparseTensorDenseAdd")
def add_to_dense(call: LoweringCall, indices: Value, values: Value, _: Value, dense: Value) -> Value:
    """A dense tensor with values added at places."""
    graph = call.graph
    found = graph.op(
        "ScatterND", wide(graph, dense), graph.int64(indices), wide(graph, values), reduction="add"
    )
    found.shape = dense.shape
    return graph.cast(found, dense.dtype)


@lowers("SparseFillEmptyRows")
def fill_empty_rows(
    call: LoweringCall, indices: Value, values: Value, sizes: Value, default: Value
) -> list[Value]:
    """A sparse tensor with a value in each row that had none; elements by row, else in order."""
    graph = call.graph
    rows = graph.op("Gather", indices, graph.const(0, np.int64), axis=1)
    height = graph.slice(sizes, 0, 1, 0)
    counts = count_members(call, rows, height, np.int64)
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


def _stable_order(call: LoweringCall, numbers: Value) -> Value:
    """The order that sorts a vector and leaves equal numbers as they are."""
    graph = call.graph
    count = graph.shape_of(numbers)
    steps = graph.op("Range", graph.const(0, np.int64), graph.squeeze(count, 0), graph.const(1, np.int64))
    keys = graph.op("Add", graph.op("Mul", numbers, count), steps)
    _, order = graph.ops("TopK", 2, keys, count, axis=0, largest=0)
    return order


@lowers("SparseReshape")
def sparse_reshape(call: LoweringCall, indices: Value, sizes: Value, wanted: Value) -> list[Value]:
    """The same elements in another shape."""
    graph = call.graph
    one = graph.int64s(1)
    total = graph.op("ReduceProd", sizes, keepdims=1)
    negative = graph.op("Less", wanted, graph.int64s(0))
    others = graph.op("ReduceProd", graph.op("Where", negative, one, wanted), keepdims=1)
    missing = graph.op("Div", total, graph.op("Max", others, one))
    full = graph.op("Where", negative, missing, wanted)
    flat = graph.op(
        "ReduceSum", graph.op("Mul", indices, _strides(call, sizes, indices)), graph.int64s(1), keepdims=1
    )
    found = graph.op("Mod", graph.op("Div", flat, _strides(call, full)), full)
    return [found, full]


def _strides(call: LoweringCall, sizes: Value, indices: Value | None = None) -> Value:
    """How far apart the elements along each axis lie: the product of the sizes behind it."""
    graph = call.graph
    rank = _rank(sizes, indices)
    if rank is None:
        raise CannotLower("needs the number of dimensions of a sparse tensor, which the module leaves open")
    found: list[Value] = [graph.int64s(1)]
    for axis in range(rank - 1, 0, -1):
        found.insert(0, graph.op("Mul", found[0], graph.slice(sizes, axis, axis + 1, 0)))
    return graph.concat(found, 0)
