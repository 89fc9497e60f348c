"""Boxes of tensors: where they begin, where they end, and in which steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value

_FAR = int(np.iinfo(np.int64).max)


@lowers("Slice")
def slice_(call: LoweringCall, x: Value, begin: Value, size: Value) -> Value:
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
    count = x.rank if x.rank is not None else len(call.require(begin, "where it begins"))
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


_FEW = 4


def _bits(mask: int, index: int) -> bool:
    return bool(mask >> index & 1)


@lowers("StridedSlice")
def strided_slice(call: LoweringCall, x: Value, begin: Value, end: Value, strides: Value) -> Value:
    """NumPy's basic indexing, with its masks."""
    graph = call.graph
    steps = [int(n) for n in call.require(strides, "its steps")]
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
    cut_axes = [a for a, s, e, b in zip(axes, starts, ends, by, strict=True) if (s, e, b) != (0, _FAR, 1)]
    if (
        cut_axes == squeezed
        and len(squeezed) == 1
        and x.dtype.kind != "O"  # of rows of strings, ONNX Runtime's Gather copies the first string alone
        and isinstance(start := starts[axes.index(squeezed[0])], int)
    ):
        width = None if x.shape is None or squeezed[0] != len(x.shape) - 1 else x.shape[-1]
        if width is not None and len(x.shape or ()) > 1 and 1 < width <= _FEW and -width <= start < width:
            # One of a few columns, as of the indices of a sparse tensor: Gather copies number by number.
            columns = graph.ops("Split", width, x, axis=squeezed[0], num_outputs=width)
            result = columns[start]
            result.shape = (*(x.shape or ())[:-1], 1)
        else:
            result = graph.gather(x, graph.const(start, np.int64), squeezed[0])
            squeezed = []
    elif axes and not trivial:
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


@lowers("TensorStridedSliceUpdate")
def update_strided_slice(
    call: LoweringCall, x: Value, begin: Value, end: Value, strides: Value, value: Value
) -> Value:
    """A tensor with a strided slice replaced: the slice of all places says which."""
    graph = call.graph
    sizes = graph.shape_of(x)
    count = graph.op("ReduceProd", sizes, keepdims=0)
    numbers = graph.op("Range", graph.const(0, np.int64), count, graph.const(1, np.int64))
    places = strided_slice(call, graph.reshape(numbers, sizes, x.shape), begin, end, strides)
    values = graph.op("Expand", value, graph.op("Shape", places))
    flat = graph.op(
        "ScatterElements", graph.reshape(x, [-1]), graph.reshape(places, [-1]), graph.reshape(values, [-1])
    )
    return graph.reshape(flat, sizes, x.shape)


def _of_elements(
    call: LoweringCall, x: Value, start: Any, stop: Any, step: int, shrink: bool
) -> Value | None:
    """A part of a vector of which numbers are known, where all of the part are."""
    if not isinstance(start, int) or not isinstance(stop, int):
        return None
    assert x.elements is not None
    cut = x.elements[slice(None if start == _FAR else start, None if abs(stop) == _FAR else stop, step)]
    if None in cut or (shrink and len(cut) != 1):
        return None
    array = np.array([n or 0 for n in cut], x.dtype)
    return call.graph.const(array.reshape(()) if shrink else array)


def _bound(call: LoweringCall, value: Value, index: int) -> int | Value:
    if value.elements is not None and value.elements[index] is not None:
        return int(value.elements[index] or 0)
    return call.graph.slice(call.graph.int64(value), index, index + 1, 0)


def _after(call: LoweringCall, start: int | Value) -> int | Value:
    """The end of a slice of one element; after the last one, -1, all that is left."""
    graph = call.graph
    if isinstance(start, int):
        return _FAR if start == -1 else start + 1
    is_last = graph.op("Equal", start, graph.int64s(-1))
    return graph.op("Where", is_last, graph.int64s(_FAR), graph.op("Add", start, graph.int64s(1)))


def _vector(call: LoweringCall, parts: list[Any]) -> Value:
    graph = call.graph
    return graph.concat([graph.int64s(p) if isinstance(p, int) else p for p in parts], 0)
