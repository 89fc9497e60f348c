"""Images of another size, by how much each new pixel takes of each old one: by area, or by cubic polynomials."""

from __future__ import annotations

import numpy as np

from tf1hub.arrays.kinds.image_sizes import CUBIC_STEPS, cover, cubic_neighbours, cubic_tables
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.traced_values import Value


@lowers("ResizeArea")
def resize_by_area(call: LoweringCall, x: Value, size: Value) -> Value:
    """The mean of what a new pixel covers: a product of matrices for each axis."""
    graph = call.graph
    first = graph.cast(graph.channels_first(x), np.float32)
    rows, columns = (
        _cover(call, graph.size_of(first, 2 + axis), graph.slice(graph.int64(size), axis, axis + 1, 0))
        for axis in (0, 1)
    )
    found = graph.op("MatMul", rows, graph.op("MatMul", first, graph.transpose(columns, [1, 0])))
    return graph.channels_last(found)


def _cover(call: LoweringCall, before: Value, after: Value) -> Value:
    """How much of each old pixel each new one covers, as parts of the whole; a matrix."""
    graph = call.graph
    if before.known is not None and after.known is not None:
        return graph.const(cover(int(before.known[0]), int(after.known[0]), call["align_corners"]))
    old, new = (graph.squeeze(value, 0) for value in (before, after))
    # In double precision, as the kernel has it.
    scale = graph.cast(_scale(call, old, new), np.float64)
    zero, step = graph.const(0, np.int64), graph.const(1, np.int64)
    pixels = graph.cast(graph.op("Range", zero, old, step), np.float64)
    made = graph.cast(graph.op("Range", zero, new, step), np.float64)
    whole = graph.const(1, np.float64)
    starts = graph.unsqueeze(graph.op("Mul", made, scale), 1)
    ends = graph.unsqueeze(graph.op("Mul", graph.op("Add", made, whole), scale), 1)
    # What lies behind the last pixel counts as that.
    nexts = graph.op("Add", pixels, whole)
    last = graph.op("Equal", nexts, graph.cast(old, np.float64))
    nexts = graph.op("Where", last, graph.const(np.finfo(np.float64).max), nexts)
    parts = graph.op("Sub", graph.op("Min", nexts, ends), graph.op("Max", pixels, starts))
    parts = graph.op("Max", parts, graph.const(0, np.float64))
    return graph.cast(graph.op("Div", parts, scale), np.float32)


@lowers("ResizeBicubic")
def resize_by_cubics(call: LoweringCall, x: Value, size: Value) -> Value:
    """By cubic polynomials through four pixels each way, with the kernel's table of weights.

    ONNX's own `Resize` works the weights out without a table, and is off in the fourth digit.
    """
    graph = call.graph
    found = graph.cast(graph.channels_first(x), np.float32)
    for axis in (3, 2):
        after = graph.slice(graph.int64(size), axis - 2, axis - 1, 0)
        taken, weights = _cubic_neighbours(call, graph.size_of(found, axis), after)
        parts = []
        for place in range(4):
            which, weight = (
                graph.gather(value, graph.const(place, np.int64), axis=1) for value in (taken, weights)
            )
            if axis == 2:
                weight = graph.unsqueeze(weight, 1)
            parts.append(graph.op("Mul", graph.op("Gather", found, which, axis=axis), weight))
        found = graph.op("Sum", *parts)
    return graph.channels_last(found)


def _cubic_neighbours(call: LoweringCall, before: Value, after: Value) -> tuple[Value, Value]:
    """The four old pixels that each new one takes something of, and how much."""
    graph = call.graph
    half = bool(call.get("half_pixel_centers", False))
    if before.known is not None and after.known is not None:
        sizes = int(before.known[0]), int(after.known[0])
        told = cubic_neighbours(*sizes, call.attributes)
        return graph.const(told[0]), graph.const(told[1])
    old, new = (graph.squeeze(value, 0) for value in (before, after))
    zero, one = graph.const(0, np.int64), graph.const(1, np.int64)
    places = graph.cast(graph.op("Range", zero, new, one), np.float32)
    middle = graph.const(0.5 if half else 0, np.float32)
    scale = _scale(call, old, new)
    places = graph.op("Sub", graph.op("Mul", graph.op("Add", places, middle), scale), middle)
    floors = graph.op("Floor", places)
    steps = graph.const(CUBIC_STEPS, np.float32)
    step = graph.cast(graph.op("Round", graph.op("Mul", graph.op("Sub", places, floors), steps)), np.int64)
    back = graph.op("Sub", graph.const(CUBIC_STEPS, np.int64), step)
    inner, outer = (graph.const(table.astype(np.float32)) for table in cubic_tables(half))
    chosen = ((outer, step), (inner, step), (inner, back), (outer, back))
    weights = graph.concat(
        [graph.unsqueeze(graph.op("Gather", table, at, axis=0), 1) for table, at in chosen], 1
    )
    around = graph.const(np.arange(-1, 3), np.int64)
    taken = graph.op("Add", graph.unsqueeze(graph.cast(floors, np.int64), 1), around)
    if half:
        # What lies outside of the image does not count.
        inside = graph.op("And", graph.op("GreaterOrEqual", taken, zero), graph.op("Less", taken, old))
        weights = graph.op("Where", inside, weights, graph.const(0, np.float32))
        total = graph.op("ReduceSum", weights, graph.int64s(1), keepdims=1)
        counts = graph.op(
            "GreaterOrEqual",
            graph.op("Abs", total),
            graph.const(1000 * np.finfo(np.float32).tiny, np.float32),
        )
        weights = graph.op("Div", weights, graph.op("Where", counts, total, graph.const(1, np.float32)))
    last = graph.op("Sub", old, one)
    return graph.op("Max", graph.op("Min", taken, last), zero), weights


def _scale(call: LoweringCall, old: Value, new: Value) -> Value:
    """How many old pixels a new one stands for; float32."""
    graph = call.graph
    numbers = [graph.cast(value, np.float32) for value in (old, new)]
    scale = graph.op("Div", *numbers)
    if not call["align_corners"]:
        return scale
    one = graph.const(1, np.float32)
    between = [graph.op("Sub", value, one) for value in numbers]
    many = graph.op("Greater", numbers[1], one)
    return graph.op("Where", many, graph.op("Div", between[0], graph.op("Max", between[1], one)), scale)
