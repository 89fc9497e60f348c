"""Boxes in images: which of them are kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


@lowers("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3")
def suppress(call: LoweringCall, boxes: Value, scores: Value, most: Value, *limits: Value) -> Value:
    """The boxes that are left when each takes away those that overlap it, best first."""
    return _suppress(call, boxes, scores, most, limits)


def _suppress(call: LoweringCall, boxes: Value, scores: Value, most: Value, limits: Sequence[Value]) -> Value:
    graph = call.graph
    overlap = limits[0] if limits else graph.const(call["iou_threshold"], np.float32)
    threshold = limits[1] if len(limits) > 1 else None
    found = graph.op(
        "NonMaxSuppression",
        graph.unsqueeze(boxes, 0),
        graph.unsqueeze(scores, 0, 1),
        graph.reshape(graph.int64(most), [1]),
        graph.reshape(overlap, [1]),
        None if threshold is None else graph.reshape(threshold, [1]),
    )
    result = graph.cast(graph.op("Gather", found, graph.const(2, np.int64), axis=1), np.int32)
    result.shape = (None,)
    return result


@lowers("NonMaxSuppressionV4", "NonMaxSuppressionV5")
def suppress_and_pad(
    call: LoweringCall, boxes: Value, scores: Value, most: Value, *limits: Value
) -> list[Value]:
    """The same, filled up with zeros where that is asked for, and how many there are."""
    graph = call.graph
    if call.kind.endswith("V5") and (limits[2].known is None or float(limits[2].known)):
        raise CannotLower("lowers the scores of boxes that overlap (soft_nms_sigma)")
    chosen = _suppress(call, boxes, scores, most, limits[:2])
    count = graph.cast(graph.op("Size", chosen), np.int32)
    kept = graph.op("Gather", scores, chosen, axis=0)
    if call["pad_to_max_output_size"]:
        missing = graph.op("Sub", graph.reshape(graph.int64(most), [1]), graph.op("Shape", chosen))
        pads = graph.concat([graph.int64s(0), missing], 0)
        chosen, kept = graph.op("Pad", chosen, pads), graph.op("Pad", kept, pads)
        chosen.shape = kept.shape = (None,)
    return [chosen, count] if call.kind.endswith("V4") else [chosen, kept, count]


@lowers("CombinedNonMaxSuppression")
def suppress_by_class(
    call: LoweringCall, boxes: Value, scores: Value, most: Value, total: Value, limit: Value, least: Value
) -> list[Value]:
    """The best boxes of all classes of each image, filled up with zeros.

    Of each image and class those that are kept have their score, all others none; the best of these are taken.
    """
    graph = call.graph
    size = int(call.require(total, "the number of boxes"))
    if call["pad_per_class"]:
        if scores.shape is None or scores.shape[2] is None:
            raise CannotLower("gives as many boxes as there are classes, which the module leaves open")
        size = min(size, int(call.require(most, "the number of boxes")) * scores.shape[2])
    by_class = graph.transpose(graph.cast(scores, np.float32), [0, 2, 1])
    shape = graph.op("Shape", by_class)
    four = graph.concat([shape, graph.int64s(4)], 0)
    of_class = graph.op("Expand", graph.transpose(graph.cast(boxes, np.float32), [0, 2, 1, 3]), four)
    count = graph.slice(shape, 2, 3, 0)
    every = graph.op("Reshape", of_class, graph.concat([graph.int64s(-1), count, graph.int64s(4)], 0))
    rated = graph.op("Reshape", by_class, graph.concat([graph.int64s(-1, 1), count], 0))
    chosen = graph.op(
        "NonMaxSuppression",
        every,
        rated,
        graph.reshape(graph.int64(most), [1]),
        graph.reshape(limit, [1]),
        graph.reshape(least, [1]),
    )
    none = graph.op("Expand", graph.const(-np.inf, np.float32), graph.op("Shape", rated))
    kept = graph.op("ScatterND", none, chosen, graph.op("GatherND", rated, chosen))
    rows = graph.concat([graph.slice(shape, 0, 1, 0), graph.int64s(-1)], 0)
    filled = graph.op(
        "Pad", graph.op("Reshape", kept, rows), graph.int64s(0, 0, 0, size), graph.const(-np.inf, np.float32)
    )
    values, order = graph.ops("TopK", 2, filled, graph.int64s(size), axis=1)
    valid = graph.op("Greater", values, graph.const(-np.inf, np.float32))
    zero = graph.const(0, np.float32)
    numbers = graph.op("Where", valid, order, graph.const(0, np.int64))
    flat = graph.op("Reshape", of_class, graph.concat([graph.slice(shape, 0, 1, 0), graph.int64s(-1, 4)], 0))
    found = graph.op("GatherND", flat, graph.unsqueeze(numbers, 2), batch_dims=1)
    if call["clip_boxes"]:
        found = graph.op("Clip", found, zero, graph.const(1, np.float32))
    found = graph.op("Where", graph.unsqueeze(valid, 2), found, zero)
    classes_of = graph.cast(graph.op("Div", numbers, count), np.float32)
    batch = None if scores.shape is None else scores.shape[0]
    results = [found, graph.op("Where", valid, values, zero), graph.op("Where", valid, classes_of, zero)]
    for result, rest in zip(results, ((size, 4), (size,), (size,)), strict=True):
        result.shape = (batch, *rest)
    counted = graph.op("ReduceSum", graph.cast(valid, np.int32), graph.int64s(1), keepdims=0)
    return [*results, counted]
