"""Colours of images: contrast, hue, saturation. The last dimension has red, green and blue."""

from __future__ import annotations

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value


def _channels(graph: Graph, image: Value) -> list[Value]:
    return graph.ops("Split", 3, image, axis=-1, num_outputs=3)


def _to_hsv(graph: Graph, image: Value) -> list[Value]:
    """Hue, saturation and value, each with a last dimension of 1."""
    red, green, blue = _channels(graph, image)

    def number(n: float) -> Value:
        return graph.like(n, image)

    value = graph.op("ReduceMax", image, graph.int64s(-1), keepdims=1)
    spread = graph.op("Sub", value, graph.op("ReduceMin", image, graph.int64s(-1), keepdims=1))
    shines = graph.op("Greater", value, number(0))
    parts = graph.op("Div", spread, graph.op("Where", shines, value, number(1)))
    saturation = graph.op("Where", shines, parts, number(0))
    coloured = graph.op("Greater", spread, number(0))
    whole = graph.op("Mul", number(6), graph.op("Where", coloured, spread, number(1)))
    norm = graph.op("Div", number(1), whole)
    turns = [
        graph.op("Add", graph.op("Mul", norm, graph.op("Sub", one, other)), number(start))
        for one, other, start in ((green, blue, 0), (blue, red, 2 / 6), (red, green, 4 / 6))
    ]
    behind = graph.op("Where", graph.op("Equal", green, value), turns[1], turns[2])
    hue = graph.op("Where", graph.op("Equal", red, value), turns[0], behind)
    hue = graph.op("Where", coloured, hue, number(0))
    around = graph.op("Add", hue, number(1))
    return [graph.op("Where", graph.op("Less", hue, number(0)), around, hue), saturation, value]


def _to_rgb(graph: Graph, hue: Value, saturation: Value, value: Value) -> Value:
    def number(n: float) -> Value:
        return graph.like(n, value)

    turn = graph.op("Mul", hue, number(6))
    far = [graph.op("Abs", graph.op("Sub", turn, number(n))) for n in (3, 2, 4)]
    parts = [
        graph.op("Sub", far[0], number(1)),
        graph.op("Sub", number(2), far[1]),
        graph.op("Sub", number(2), far[2]),
    ]
    grey = graph.op("Sub", number(1), saturation)
    channels = []
    for part in parts:
        inside = graph.op("Clip", part, number(0), number(1))
        mixed = graph.op("Add", grey, graph.op("Mul", saturation, inside))
        channels.append(graph.op("Mul", mixed, value))
    return graph.concat(channels, -1)


@lowers("RGBToHSV")
def rgb_to_hsv(call: LoweringCall, image: Value) -> Value:
    """Hue, saturation and value, each from 0 to 1."""
    graph = call.graph
    return graph.cast(graph.concat(_to_hsv(graph, wide(graph, image)), -1), image.dtype)


@lowers("HSVToRGB")
def hsv_to_rgb(call: LoweringCall, image: Value) -> Value:
    """The way back."""
    graph = call.graph
    return graph.cast(_to_rgb(graph, *_channels(graph, wide(graph, image))), image.dtype)


@lowers("AdjustContrastv2")
def adjust_contrast(call: LoweringCall, images: Value, factor: Value) -> Value:
    """The distance of each pixel from its channel's mean, times a factor."""
    graph, rank = call.graph, call.rank(images)
    given = wide(graph, images)
    mean = graph.op("ReduceMean", given, graph.int64s(rank - 3, rank - 2), keepdims=1)
    apart = graph.op("Mul", graph.op("Sub", given, mean), graph.cast(factor, given.dtype))
    return graph.cast(graph.op("Add", apart, mean), images.dtype)


@lowers("AdjustHue")
def adjust_hue(call: LoweringCall, images: Value, delta: Value) -> Value:
    """The hue turned by a part of the circle."""
    graph = call.graph
    hue, saturation, value = _to_hsv(graph, wide(graph, images))
    turned = graph.op("Add", hue, graph.cast(delta, hue.dtype))
    turned = graph.op("Sub", turned, graph.op("Floor", turned))
    return graph.cast(_to_rgb(graph, turned, saturation, value), images.dtype)


@lowers("AdjustSaturation")
def adjust_saturation(call: LoweringCall, images: Value, scale: Value) -> Value:
    """The saturation times a factor, between 0 and 1."""
    graph = call.graph
    hue, saturation, value = _to_hsv(graph, wide(graph, images))
    more = graph.op("Mul", saturation, graph.cast(scale, hue.dtype))
    more = graph.op("Clip", more, graph.like(0, hue), graph.like(1, hue))
    return graph.cast(_to_rgb(graph, hue, more, value), images.dtype)
