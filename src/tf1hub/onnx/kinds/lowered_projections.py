"""Images turned, moved, sheared and seen from aside, by gathering the pixels at the old places."""

from __future__ import annotations

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value


@lowers("ImageProjectiveTransformV2", "ImageProjectiveTransformV3")
def project(call: LoweringCall, images: Value, transforms: Value, size: Value, *filling: Value) -> Value:
    """Images whose new place (x, y) shows the old ((a x + b y + c) / k, (d x + e y + f) / k), where k = g x + h y + 1."""
    graph = call.graph
    wanted = graph.int64(size)
    y = graph.unsqueeze(_numbers(graph, graph.slice(wanted, 0, 1, 0)), 0, 2)
    x = graph.unsqueeze(_numbers(graph, graph.slice(wanted, 1, 2, 0)), 0, 1)
    parts = [
        graph.unsqueeze(graph.op("Gather", transforms, graph.const(i, np.int64), axis=1), 1, 2)
        for i in range(8)
    ]
    zero, one = graph.const(0, np.float32), graph.const(1, np.float32)

    def plane(a: Value, b: Value, c: Value) -> Value:
        return graph.op("Add", graph.op("Add", graph.op("Mul", a, x), graph.op("Mul", b, y)), c)

    depth = plane(parts[6], parts[7], one)
    away = graph.op("Equal", depth, zero)
    depth = graph.op("Where", away, one, depth)
    sizes = [graph.cast(graph.squeeze(graph.size_of(images, axis), 0), np.float32) for axis in (1, 2)]
    row = _move_in(call, graph.op("Div", plane(*parts[3:6]), depth), sizes[0])
    column = _move_in(call, graph.op("Div", plane(*parts[:3]), depth), sizes[1])
    background = filling[0] if filling else zero
    found = _Pixels(graph, images, sizes, background).look_up(call["interpolation"], row, column)
    found = graph.op("Where", graph.unsqueeze(away, 3), background, found)
    return graph.cast(found, images.dtype)


def _numbers(graph: Graph, count: Value) -> Value:
    zero, one = graph.const(0, np.int64), graph.const(1, np.int64)
    return graph.cast(graph.op("Range", zero, graph.squeeze(count, 0), one), np.float32)


def _move_in(call: LoweringCall, place: Value, size: Value) -> Value:
    """Places outside of an axis where the fill mode has them."""
    graph, mode = call.graph, call.get("fill_mode") or "CONSTANT"
    if mode == "CONSTANT":
        return place
    zero, one, two = (graph.const(n, np.float32) for n in (0, 1, 2))
    last = graph.op("Sub", size, one)

    def whole(number: Value, by: Value) -> Value:
        quotient = graph.op("Div", number, by)
        return graph.op("Mul", graph.op("Sign", quotient), graph.op("Floor", graph.op("Abs", quotient)))

    back = graph.op("Neg", place)
    if mode == "REFLECT":
        twice = graph.op("Mul", two, size)
        moved = graph.op("Add", graph.op("Mul", twice, whole(back, twice)), place)
        under = graph.op("Where", graph.op("Less", place, twice), moved, place)
        mirrored = graph.op("Sub", graph.op("Neg", under), one)
        far = graph.op("Less", under, graph.op("Neg", size))
        under = graph.op("Where", far, graph.op("Add", under, twice), mirrored)
        over = graph.op("Sub", place, graph.op("Mul", twice, whole(place, twice)))
        mirrored = graph.op("Sub", graph.op("Sub", twice, over), one)
        over = graph.op("Where", graph.op("GreaterOrEqual", over, size), mirrored, over)
    elif mode == "WRAP":
        span = graph.op("Max", last, one)  # an axis of one place is all that there is
        more = graph.op("Add", whole(back, span), one)
        under = graph.op("Add", place, graph.op("Mul", size, more))
        over = graph.op("Sub", place, graph.op("Mul", size, whole(place, span)))
    if mode != "NEAREST":
        behind = graph.op("Where", graph.op("Greater", place, last), over, place)
        place = graph.op("Where", graph.op("Less", place, zero), under, behind)
    return graph.op("Max", graph.op("Min", place, last), zero)


class _Pixels:
    """The pixels of images, and what stands for those outside.

    Args:
        graph: where the nodes go.
        images: batch, rows, columns, channels.
        sizes: how many rows and columns there are, as float32.
        background: what is seen outside.
    """

    def __init__(self, graph: Graph, images: Value, sizes: list[Value], background: Value) -> None:
        self._graph = graph
        self._sizes = sizes
        self._background = background
        channels = graph.concat([graph.int64s(-1), graph.size_of(images, 3)], 0)
        self._flat = graph.reshape(graph.cast(images, np.float32), channels)
        zero, one = graph.const(0, np.int64), graph.const(1, np.int64)
        count = graph.squeeze(graph.size_of(images, 0), 0)
        self._batch = graph.unsqueeze(graph.op("Range", zero, count, one), 1, 2)

    def look_up(self, way: str, row: Value, column: Value) -> Value:
        """The nearest pixels to places, or what lies between four of them."""
        graph = self._graph
        one = graph.const(1, np.float32)
        if way == "NEAREST":
            half = graph.const(0.5, np.float32)  # halves go away from zero
            rounded = [
                graph.op(
                    "Mul",
                    graph.op("Sign", place),
                    graph.op("Floor", graph.op("Add", graph.op("Abs", place), half)),
                )
                for place in (row, column)
            ]
            return self._read(*rounded)
        top, left = graph.op("Floor", row), graph.op("Floor", column)
        low, right = graph.op("Add", top, one), graph.op("Add", left, one)
        parts = [graph.unsqueeze(graph.op("Sub", *pair), 3) for pair in ((row, top), (column, left))]

        def mix(first: Value, second: Value, part: Value) -> Value:
            rest = graph.op("Sub", one, part)
            return graph.op("Add", graph.op("Mul", rest, first), graph.op("Mul", part, second))

        upper = mix(self._read(top, left), self._read(top, right), parts[1])
        lower = mix(self._read(low, left), self._read(low, right), parts[1])
        return mix(upper, lower, parts[0])

    def _read(self, row: Value, column: Value) -> Value:
        graph = self._graph
        zero = graph.const(0, np.float32)
        checks = []
        for place, size in ((row, self._sizes[0]), (column, self._sizes[1])):
            checks += [graph.op("GreaterOrEqual", place, zero), graph.op("Less", place, size)]
        inside = checks[0]
        for check in checks[1:]:
            inside = graph.op("And", inside, check)
        at = [graph.cast(graph.op("Where", inside, place, zero), np.int64) for place in (row, column)]
        rows, columns = (graph.cast(size, np.int64) for size in self._sizes)
        index = graph.op("Add", graph.op("Mul", self._batch, rows), at[0])
        index = graph.op("Add", graph.op("Mul", index, columns), at[1])
        found = graph.op("Gather", self._flat, index, axis=0)
        return graph.op("Where", graph.unsqueeze(inside, 3), found, self._background)
