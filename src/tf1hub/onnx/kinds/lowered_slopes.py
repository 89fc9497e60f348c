"""Gradients that are ops of their own; see `arrays/kinds/slopes.py`."""

from __future__ import annotations

import numpy as np

from tf1hub.arrays.kinds.slopes import SELU_ALPHA, SELU_SCALE
from tf1hub.onnx.broadcasting import by_channel, wide
from tf1hub.onnx.image_layout import ImageLayout
from tf1hub.onnx.kinds.lowered_slicing import update_strided_slice
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value


@lowers("InvGrad", "ReciprocalGrad", "RsqrtGrad", "SigmoidGrad", "SqrtGrad", "TanhGrad")
def slope_of_result(call: LoweringCall, y: Value, dy: Value) -> Value:
    """The gradient by what the function gave."""
    graph = call.graph
    square = graph.op("Mul", y, y)
    if call.kind in ("InvGrad", "ReciprocalGrad"):
        return graph.op("Neg", graph.op("Mul", dy, square))
    if call.kind == "SqrtGrad":
        return graph.op("Div", graph.op("Mul", dy, graph.like(0.5, y)), y)
    if call.kind == "RsqrtGrad":
        return graph.op("Mul", graph.op("Mul", dy, graph.like(-0.5, y)), graph.op("Mul", square, y))
    rest = graph.op("Sub", graph.like(1, y), square if call.kind == "TanhGrad" else y)
    slope = rest if call.kind == "TanhGrad" else graph.op("Mul", y, rest)
    return graph.op("Mul", dy, slope)


@lowers("ReluGrad", "Relu6Grad", "LeakyReluGrad", "EluGrad", "SeluGrad", "SoftplusGrad", "SoftsignGrad")
def slope_of_input(call: LoweringCall, dy: Value, x: Value) -> Value:
    """The gradient by what the function was given, or of `Elu` and `Selu` what it gave."""
    graph, dtype = call.graph, dy.dtype
    return graph.cast(_slope(call, graph, wide(graph, dy), wide(graph, x)), dtype)


def _slope(call: LoweringCall, graph: Graph, dy: Value, x: Value) -> Value:
    zero, one = graph.like(0, x), graph.like(1, x)
    if call.kind == "SoftplusGrad":
        return graph.op("Div", dy, graph.op("Add", graph.op("Exp", graph.op("Neg", x)), one))
    if call.kind == "SoftsignGrad":
        wider = graph.op("Add", one, graph.op("Abs", x))
        return graph.op("Div", dy, graph.op("Mul", wider, wider))
    if call.kind in ("EluGrad", "SeluGrad"):
        below = one if call.kind == "EluGrad" else graph.like(SELU_SCALE * SELU_ALPHA, x)
        above = dy if call.kind == "EluGrad" else graph.op("Mul", dy, graph.like(SELU_SCALE, x))
        left = graph.op("Mul", dy, graph.op("Add", x, below))
        return graph.op("Where", graph.op("Less", x, zero), left, above)
    kept = graph.op("Greater", x, zero)
    if call.kind == "Relu6Grad":
        kept = graph.op("And", kept, graph.op("Less", x, graph.like(6, x)))
    rest = graph.op("Mul", dy, graph.like(call["alpha"], x)) if call.kind == "LeakyReluGrad" else zero
    return graph.op("Where", kept, dy, rest)


@lowers("BiasAddGrad")
def bias_slope(call: LoweringCall, dy: Value) -> Value:
    """The sum of the gradients of each channel."""
    graph, count = call.graph, call.rank(dy)
    axis = 1 if call["data_format"].startswith("NC") else count - 1
    axes = graph.int64s(*(place for place in range(count) if place != axis))
    found = graph.op("ReduceSum", wide(graph, dy), axes, keepdims=0)
    found.shape = None if dy.shape is None else (dy.shape[axis],)
    return graph.cast(found, np.dtype(dy.dtype))


@lowers("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def batch_norm_slope(
    call: LoweringCall, slope: Value, x: Value, scale: Value, mean: Value, variance: Value, *_: Value
) -> list[Value]:
    """The gradients by the tensor, the scale and the offset, with the statistics that normalized it."""
    image, graph = ImageLayout(call, x), call.graph
    rank, kind = image.rank + 2, scale.dtype
    given = graph.cast(graph.channels_first(slope) if image.last else slope, kind)
    source = graph.cast(image.x, kind)
    axes = graph.int64s(0, *range(2, rank))
    away = graph.op("Sub", source, by_channel(graph, mean, rank))
    by_offset = graph.op("ReduceSum", given, axes, keepdims=0)
    weighted = graph.op("ReduceSum", graph.op("Mul", given, away), axes, keepdims=0)
    spread = graph.op("Add", variance, graph.like(call["epsilon"], variance))
    root = graph.op("Sqrt", spread)
    if call["is_training"]:
        number = graph.op("Div", graph.op("Size", source), graph.squeeze(graph.size_of(source, 1), 0))
        count = graph.cast(number, kind)
        part = graph.op("Div", weighted, graph.op("Mul", spread, count))
        rest = graph.op("Mul", away, by_channel(graph, part, rank))
        center = by_channel(graph, graph.op("Div", by_offset, count), rank)
        given = graph.op("Sub", graph.op("Sub", given, center), rest)
    found = graph.op("Mul", given, by_channel(graph, graph.op("Div", scale, root), rank))
    none = graph.const(np.zeros(0), kind)
    return [image.back(graph.cast(found, x.dtype)), graph.op("Div", weighted, root), by_offset, none, none]


@lowers("StridedSliceGrad")
def slice_slope(
    call: LoweringCall, sizes: Value, begin: Value, end: Value, strides: Value, slope: Value
) -> Value:
    """Zeros with a gradient in place of a slice."""
    zeros = call.graph.zeros(sizes, slope.dtype)
    found: Value = update_strided_slice(call, zeros, begin, end, strides, slope)
    return found
