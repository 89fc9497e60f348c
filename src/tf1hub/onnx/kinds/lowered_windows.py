"""Windows of images that ONNX has no operator for: a strided slice for each of their places. Channels come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tf1hub.onnx.broadcasting import wide
from tf1hub.onnx.image_layout import ImageLayout
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


def _slices(
    image: ImageLayout, padded: Value, window: Sequence[int], strides: Sequence[int], rates: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Value]]:
    """For each place of a window, row by row, what lies there in all of the windows."""
    graph = image.graph
    axes = graph.int64s(*range(2, image.rank + 2))
    for place in np.ndindex(*window):
        starts = [p * rate for p, rate in zip(place, rates, strict=True)]
        # How far from the end the last window has this place; 0 is the end itself.
        left = [(width - 1) * rate - start for width, rate, start in zip(window, rates, starts, strict=True)]
        ends = graph.int64s(*(-n or np.iinfo(np.int64).max for n in left))
        yield place, graph.op("Slice", padded, graph.int64s(*starts), ends, axes, graph.int64s(*strides))


@lowers("ExtractImagePatches")
def image_patches(call: LoweringCall, images: Value) -> Value:
    """The pixels of each window, row by row, as channels."""
    image, graph = ImageLayout(call, images), call.graph
    window, strides, rates = (image.spatial(name) for name in ("ksizes", "strides", "rates"))
    small = {"bool": np.uint8, "int16": np.int32, "uint16": np.int32}.get(image.x.dtype.name)
    dtype = image.x.dtype
    if small is not None:
        image.x = graph.cast(image.x, small)
    padded = image.pad_with(window, strides, rates, 0)
    parts = [part for _, part in _slices(image, padded, window, strides, rates)]
    return image.back(graph.cast(graph.concat(parts, 1), dtype))


@lowers("Dilation2D")
def dilation(call: LoweringCall, x: Value, filters: Value) -> Value:
    """The largest sum of a window and a filter, channel by channel (morphological dilation)."""
    image, graph = ImageLayout(call, x), call.graph
    if filters.shape is None or None in filters.shape[:2]:
        raise CannotLower("has a filter of a size that the module leaves open")
    window = [int(n or 0) for n in filters.shape[:2]]
    strides, rates = image.spatial("strides"), image.spatial("rates")
    dtype = image.x.dtype
    image.x = wide(graph, image.x)
    kind = image.x.dtype
    least = -np.inf if kind.kind == "f" else np.iinfo(kind).min // 2
    padded = image.pad_with(window, strides, rates, least)
    rows = graph.transpose(wide(graph, filters), [2, 0, 1])
    sums = [
        graph.op("Add", part, graph.slice(graph.slice(rows, y, y + 1, 1), x_, x_ + 1, 2))
        for (y, x_), part in _slices(image, padded, window, strides, rates)
    ]
    return image.back(graph.cast(sums[0] if len(sums) == 1 else graph.op("Max", *sums), dtype))


@lowers("MaxPoolWithArgmax")
def max_pool_with_argmax(call: LoweringCall, x: Value) -> list[Value]:
    """The largest element of each window, and its place in the flattened example, or in the batch.

    ONNX counts places with channels first, and over the whole batch.
    """
    image, graph = ImageLayout(call, x), call.graph
    window, strides = image.spatial("ksize"), image.spatial("strides")
    if call["ksize"][0] != 1 or call["ksize"][-1] != 1:
        raise CannotLower("pools over the batch or over channels")
    source = image.x if image.x.dtype == np.float64 else graph.cast(image.x, np.float32)
    padding = image.fixed_padding(window, strides, [1, 1])
    options = {"kernel_shape": window, "strides": strides, **padding}
    largest, places = graph.ops("MaxPool", 2, source, dtypes=[source.dtype, np.int64], **options)
    channels, height, width = (graph.size_of(image.x, axis) for axis in (1, 2, 3))
    area = graph.op("Mul", height, width)
    inside = graph.op("Mod", places, area)
    which = graph.op("Div", places, area)
    found = graph.op("Add", graph.op("Mul", inside, channels), graph.op("Mod", which, channels))
    if call["include_batch_in_index"]:
        example = graph.op("Div", which, channels)
        found = graph.op("Add", found, graph.op("Mul", example, graph.op("Mul", area, channels)))
    found.shape = largest.shape
    return [
        image.back(graph.cast(largest, image.x.dtype)),
        image.back(graph.cast(found, call["Targmax"])),
    ]


@lowers("MaxPoolGrad")
def max_pool_slope(call: LoweringCall, x: Value, _: Value, slope: Value) -> Value:
    """The gradient of each window, where its largest element is."""
    image, graph = ImageLayout(call, x), call.graph
    window, strides = image.spatial("ksize"), image.spatial("strides")
    given = graph.channels_first(slope) if image.last else slope
    source = graph.cast(image.x, np.float32)
    padding = image.fixed_padding(window, strides, [1, 1])
    options = {"kernel_shape": window, "strides": strides, **padding}
    _, places = graph.ops("MaxPool", 2, source, dtypes=[source.dtype, np.int64], **options)
    flat = graph.zeros(graph.reshape(graph.op("Size", source), [1]), np.float32)
    updates = graph.reshape(graph.cast(given, np.float32), [-1])
    index = graph.unsqueeze(graph.reshape(places, [-1]), 1)
    total = graph.op("ScatterND", flat, index, updates, reduction="add")
    found = graph.reshape(total, graph.shape_of(image.x), image.x.shape)
    return image.back(graph.cast(found, x.dtype))
