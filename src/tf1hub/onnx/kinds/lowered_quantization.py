"""Numbers rounded to a few bits and back; see `arrays/kinds/quantization.py`."""

from __future__ import annotations

import numpy as np

from tf1hub.arrays.kinds.quantization import find_limits
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import lowers
from tf1hub.onnx.onnx_graph import Graph
from tf1hub.onnx.traced_values import Value


@lowers("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4")
def round_to_bits(call: LoweringCall, x: Value, low: Value, high: Value, *bits: Value) -> Value:
    """Numbers as they come out of a few bits. Without a range of its own, that of the tensor (or of each slice) is taken."""
    graph, axis = call.graph, int(call.get("axis", -1))
    count = int(call.require(bits[0], "the number of bits")) if bits else int(call["num_bits"])
    limits = find_limits(count, bool(call["signed_input"]), bool(call["narrow_range"]))
    first, last = (graph.like(limit, x) for limit in limits)
    least, most = _range(call, x, axis, low, high)
    from_least, from_most = (_scale_of(graph, limit, end) for limit, end in ((first, least), (last, most)))
    is_less = graph.op("Less", from_least, from_most)
    scale = graph.op("Where", is_less, from_least, from_most)
    none = graph.op("IsInf", scale)
    scale = graph.op("Where", none, graph.like(1, x), scale)
    inverse = graph.op("Reciprocal", scale)
    inside = x
    if call["range_given"]:
        most = graph.op("Where", is_less, graph.op("Mul", last, inverse), most)
        least = graph.op("Where", is_less, least, graph.op("Mul", first, inverse))
        inside = graph.op("Min", graph.op("Max", x, least), most)
    scaled = graph.op("Mul", inside, scale)
    if call.get("round_mode", "HALF_TO_EVEN") == "HALF_TO_EVEN":
        whole = graph.op("Round", scaled)
    else:
        whole = graph.op("Floor", graph.op("Add", scaled, graph.like(0.5, x)))
    found = graph.op("Where", none, graph.like(0, x), graph.op("Mul", whole, inverse))
    found.shape = x.shape
    return found


def _range(call: LoweringCall, x: Value, axis: int, low: Value, high: Value) -> list[Value]:
    """The limits, as they broadcast over the tensor."""
    graph = call.graph
    if call["range_given"]:
        if axis < 0 or low.rank == 0:
            return [low, high]
        sizes = [-1 if place == axis else 1 for place in range(call.rank(x))]
        return [graph.reshape(end, sizes) for end in (low, high)]
    if axis < 0:
        return [graph.op(kind, x, keepdims=0) for kind in ("ReduceMin", "ReduceMax")]
    axes = graph.int64s(*(place for place in range(call.rank(x)) if place != axis))
    return [graph.op(kind, x, axes, keepdims=1) for kind in ("ReduceMin", "ReduceMax")]


def _scale_of(graph: Graph, limit: Value, end: Value) -> Value:
    """How many steps one is where the last step lies at an end of the range; infinitely many where that is none."""
    product = graph.op("Mul", limit, end)
    has_scale = graph.op("Greater", product, graph.like(0, end))
    safe = graph.op("Where", has_scale, end, graph.like(1, end))
    return graph.op("Where", has_scale, graph.op("Div", limit, safe), graph.like(np.inf, end))
