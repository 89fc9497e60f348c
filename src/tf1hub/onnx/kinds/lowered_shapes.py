"""Shapes: asking for them, and tensors in other ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


@lowers("Shape", "ShapeN")
def shape(call: LoweringCall, *values: Value) -> list[Value]:
    """The sizes of tensors, as vectors."""
    graph = call.graph
    return [graph.cast(graph.shape_of(value), call["out_type"]) for value in values]


@lowers("Size")
def size(call: LoweringCall, x: Value) -> Value:
    """The number of elements."""
    graph = call.graph
    if x.shape is not None and None not in x.shape:
        return graph.const(int(np.prod([n or 0 for n in x.shape])), call["out_type"])
    return graph.cast(graph.op("Size", x), call["out_type"])


@lowers("Rank")
def rank(call: LoweringCall, x: Value) -> Value:
    """The number of dimensions."""
    graph = call.graph
    if x.rank is not None:
        return graph.const(x.rank, np.int32)
    return graph.cast(graph.op("Size", graph.op("Shape", x)), np.int32)


@lowers("Reshape")
def reshape(call: LoweringCall, x: Value, dims: Value) -> Value:
    """The same elements in another shape."""
    if x.dtype.kind == "c":
        raise CannotLower("reshapes complex numbers")
    return call.graph.reshape(x, dims)


@lowers("Squeeze")
def squeeze(call: LoweringCall, x: Value) -> Value:
    """Without axes of size 1."""
    axes = call.get("squeeze_dims") or []
    if not axes:
        if x.shape is None or None in x.shape:
            raise CannotLower("drops all axes of size 1, and the module leaves open which have that size")
        axes = [axis for axis, n in enumerate(x.shape) if n == 1]
    if not axes:
        return x
    count = call.rank(x)
    result = call.graph.squeeze(x, *(axis % count for axis in axes))
    if x.shape is not None:
        drop = {axis % count for axis in axes}
        result.shape = tuple(n for axis, n in enumerate(x.shape) if axis not in drop)
    return result


@lowers("ExpandDims")
def expand_dims(call: LoweringCall, x: Value, axis: Value) -> Value:
    """With one more axis of size 1."""
    number = int(np.reshape(call.require(axis, "which axis to add"), -1)[0])
    if number < 0:
        number += call.rank(x) + 1
    return call.graph.unsqueeze(x, number)


@lowers("Transpose")
def transpose(call: LoweringCall, x: Value, order: Value) -> Value:
    """Axes in another order."""
    graph = call.graph
    found = order.known
    if found is None:
        raise CannotLower("computes the order of axes while it runs, where ONNX wants a constant")
    axes = [int(axis) % len(found) for axis in found]
    if x.first is not None and not x.is_made and x.rank == len(axes):
        where = {axis: place for place, axis in enumerate([0, len(axes) - 1, *range(1, len(axes) - 1)])}
        return graph.transpose(x.first, [where[axis] for axis in axes])
    return graph.transpose(x, axes)


@lowers("Pack")
def pack(call: LoweringCall, *values: Value) -> Value:
    """Tensors of one shape along a new axis."""
    graph, axis = call.graph, call["axis"]
    if axis < 0:
        axis += call.rank(values[0]) + 1
    return graph.concat([graph.unsqueeze(value, axis) for value in values], axis)


@lowers("Unpack")
def unpack(call: LoweringCall, x: Value) -> list[Value]:
    """The slices along an axis."""
    graph, axis = call.graph, call["axis"]
    found = []
    for index in range(call["num"]):
        part = graph.op("Gather", x, graph.const(index, np.int64), axis=axis)
        if x.elements is not None and x.rank == 1:
            part.elements = x.elements[index : index + 1]
        found.append(part)
    return found


@lowers("ConcatV2")
def concat(call: LoweringCall, *inputs: Value) -> Value:
    """Tensors one behind the other."""
    return _join(call, inputs[:-1], inputs[-1])


@lowers("ParallelConcat")
def concat_parts(call: LoweringCall, *values: Value) -> Value:
    """Tensors whose first axis has size 1, one after another."""
    return call.graph.concat(values, 0)


@lowers("ConcatOffset")
def concat_offset(call: LoweringCall, axis: Value, *sizes: Value) -> list[Value]:
    """Where each of several tensors begins in their concatenation."""
    graph, found = call.graph, []
    count = sizes[0].shape[0] if sizes[0].shape else None
    (along,) = call.axes(axis, count)
    start = graph.int64s(0)
    for each in sizes:
        places = graph.int64s(*(int(place == along) for place in range(count or along + 1)))
        found.append(graph.cast(graph.op("Mul", places, start), each.dtype))
        start = graph.op("Add", start, graph.slice(graph.int64(each), along, along + 1, 0))
    return found


@lowers("Empty")
def empty(call: LoweringCall, dims: Value) -> Value:
    """A tensor of which nobody says what is in it: zeros."""
    dtype = np.dtype(call["dtype"])
    if dtype.kind not in "fiub":
        raise CannotLower(f"makes a tensor of {dtype.name}")
    return call.graph.cast(call.graph.zeros(dims, dtype), dtype)


@lowers("Concat")
def concat_old(call: LoweringCall, axis: Value, *values: Value) -> Value:
    """Tensors one behind the other; the axis comes first."""
    return _join(call, values, axis)


def _join(call: LoweringCall, values: Sequence[Value], axis: Value) -> Value:
    graph = call.graph
    number = int(call.require(axis, "the axis"))
    count = values[0].rank
    images = [v.first is not None and not v.is_made for v in values]
    if count is not None and any(images) and all(v.rank == count and v.known is None for v in values):
        number %= count
        firsts = [graph.channels_first(value) for value in values]
        place = [0, *range(2, count), 1][number]
        return graph.channels_last(graph.concat(firsts, place))
    return graph.concat(values, number)


@lowers("Split")
def split(call: LoweringCall, axis: Value, x: Value) -> list[Value]:
    """Equal parts along an axis."""
    graph, parts = call.graph, call["num_split"]
    if parts == 1:
        return [x]
    return graph.ops("Split", parts, x, axis=int(call.require(axis, "the axis")), num_outputs=parts)


@lowers("SplitV")
def split_by_sizes(call: LoweringCall, x: Value, sizes: Value, axis: Value) -> list[Value]:
    """Parts of given sizes; -1 for what is left."""
    graph = call.graph
    number = int(call.require(axis, "the axis"))
    lengths = graph.int64(sizes)
    if call["num_split"] == 1:
        return [x]
    if lengths.known is not None and -1 in lengths.known:
        rest = graph.size_of(x, number)
        others = int(lengths.known[lengths.known >= 0].sum())
        rest = graph.op("Sub", rest, graph.int64s(others)) if rest.known is None else graph.int64s(int(rest.known[0]) - others)  # fmt: skip
        lengths = graph.concat([rest if n == -1 else graph.int64s(int(n)) for n in lengths.known], 0)
    return graph.ops("Split", call["num_split"], x, lengths, axis=number)


@lowers("Tile")
def tile(call: LoweringCall, x: Value, times: Value) -> Value:
    """A tensor repeated along its axes."""
    graph = call.graph
    result = graph.op("Tile", x, graph.int64(times))
    if result.shape is None and x.rank is not None:
        result.shape = (None,) * x.rank
    if x.shape is not None and times.elements is not None:
        result.shape = tuple(
            None if n is None or by is None else n * by for n, by in zip(x.shape, times.elements, strict=True)
        )
    return result


@lowers("Fill")
def fill(call: LoweringCall, dims: Value, value: Value) -> Value:
    """A tensor of one value."""
    graph = call.graph
    if value.known is not None and value.dtype.kind in "fiub":
        return graph.zeros(dims, value.dtype, value.known.reshape(-1)[0])
    result = graph.op("Expand", value, graph.int64(dims))
    return _as_told(result, dims)


def _as_told(result: Value, dims: Value) -> Value:
    if dims.elements is not None:
        result.shape = dims.elements
    elif result.shape is None and dims.shape is not None and dims.shape[0] is not None:
        result.shape = (None,) * dims.shape[0]
    return result


@lowers("ZerosLike", "OnesLike")
def like(call: LoweringCall, x: Value) -> Value:
    """Zeros or ones in the shape of a tensor."""
    graph = call.graph
    return graph.zeros(graph.shape_of(x), x.dtype, int(call.kind == "OnesLike"))


@lowers("BroadcastTo")
def broadcast_to(call: LoweringCall, x: Value, dims: Value) -> Value:
    """A tensor in a larger shape."""
    return _as_told(call.graph.op("Expand", x, call.graph.int64(dims)), dims)


@lowers("BroadcastArgs")
def broadcast_args(call: LoweringCall, first: Value, second: Value) -> Value:
    """The shape that two shapes give together."""
    graph = call.graph
    lengths = [v.shape[0] if v.shape is not None else None for v in (first, second)]
    a, b = graph.int64(first), graph.int64(second)
    if None not in lengths:
        most = max(n or 0 for n in lengths)
        a, b = (
            graph.concat([graph.int64s(*[1] * (most - (n or 0))), v], 0) if (n or 0) < most else v
            for n, v in zip(lengths, (a, b), strict=True)
        )
        is_one = graph.op("Equal", a, graph.int64s(1))
        return graph.cast(graph.op("Where", is_one, b, a), first.dtype)
    # The shape of a sum of tensors of these shapes.
    zeros = [graph.op("ConstantOfShape", v) for v in (a, b)]
    return graph.cast(graph.op("Shape", graph.op("Add", *zeros)), first.dtype)


@lowers("EnsureShape")
def ensure_shape(call: LoweringCall, x: Value) -> Value:
    """The tensor itself, of which more is told."""
    wanted = call["shape"]
    result = call.graph.op("Identity", x)
    if wanted is not None:
        known = x.shape or (None,) * len(wanted)
        result.shape = tuple(a if a is not None else b for a, b in zip(known, wanted, strict=True))
    return result


@lowers("InvertPermutation")
def invert_permutation(call: LoweringCall, x: Value) -> Value:
    """Where each number stands."""
    graph = call.graph
    count = graph.squeeze(graph.size_of(x, 0), 0)
    numbers = graph.op("Range", graph.const(0, np.int64), count, graph.const(1, np.int64))
    return graph.cast(graph.op("ScatterElements", numbers, graph.int64(x), numbers, axis=0), x.dtype)


@lowers("Range")
def arange(call: LoweringCall, start: Value, limit: Value, step: Value) -> Value:
    """Numbers in equal steps."""
    graph = call.graph
    scalars = [value if value.shape == () else graph.reshape(value, []) for value in (start, limit, step)]
    result = graph.op("Range", *scalars)
    known = [value.known for value in (start, step)]
    ends = limit.elements
    if all(k is not None for k in known) and ends is not None and ends[0] is not None:
        result.shape = (len(range(int(known[0]), ends[0], int(known[1]))),)  # type: ignore[arg-type]
    else:
        result.shape = (None,)
    return result


@lowers("LinSpace")
def linspace(call: LoweringCall, start: Value, stop: Value, count: Value) -> Value:
    """Numbers at equal distances, both ends among them."""
    graph = call.graph
    zero, one = graph.const(0, np.int64), graph.const(1, np.int64)
    number = graph.int64(count)
    steps = graph.cast(graph.op("Range", zero, number, one), start.dtype)
    gaps = graph.op("Max", graph.op("Sub", number, one), one)
    step = graph.op("Div", graph.op("Sub", stop, start), graph.cast(gaps, start.dtype))
    return graph.op("Add", graph.op("Mul", steps, step), start)
