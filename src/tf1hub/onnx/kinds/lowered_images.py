"""Convolutions, pooling, normalization, resizing. Images lie channels-first in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.onnx.broadcasting import arithmetic, by_channel
from tf1hub.onnx.image_layout import ImageLayout
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


def _kernel(call: LoweringCall, weights: Value, order: Sequence[int]) -> Value:
    """Weights in ONNX's order; those that are known are turned now."""
    graph = call.graph
    if weights.known is not None:
        turned = np.ascontiguousarray(np.transpose(weights.known, order))
        return graph.const(turned, label=weights.label)
    return graph.transpose(weights, order)


@lowers("Conv2D", "Conv3D")
def convolve(call: LoweringCall, x: Value, weights: Value) -> Value:
    """A convolution; of groups of channels where the weights take fewer channels than there are."""
    image = ImageLayout(call, x)
    if weights.shape is None or None in weights.shape:
        raise CannotLower("has weights of sizes that the module leaves open")
    window = [int(n or 0) for n in weights.shape[: image.rank]]
    kernel = _kernel(call, weights, [image.rank + 1, image.rank, *range(image.rank)])
    return _convolve(image, kernel, window, _groups(image, int(weights.shape[image.rank] or 1)))


def _groups(image: ImageLayout, inside: int) -> int:
    channels = None if image.x.shape is None else image.x.shape[1]
    return 1 if channels is None else max(1, channels // inside)


def _convolve(image: ImageLayout, kernel: Value, window: Sequence[int], groups: int) -> Value:
    strides, dilations = image.spatial("strides"), image.spatial("dilations")
    graph = image.graph
    x, padding = image.pad(window, strides, dilations)
    dtype = x.dtype
    if dtype == np.float64:
        x, kernel = graph.cast(x, np.float32), graph.cast(kernel, np.float32)
    result = graph.op(
        "Conv",
        x,
        kernel,
        strides=strides,
        dilations=dilations,
        group=groups,
        kernel_shape=list(window),
        **padding,
    )
    return image.back(graph.cast(result, dtype))


@lowers("DepthwiseConv2dNative")
def convolve_each(call: LoweringCall, x: Value, weights: Value) -> Value:
    """A convolution of each channel by itself."""
    image = ImageLayout(call, x)
    if weights.shape is None or None in weights.shape:
        raise CannotLower("has weights of sizes that the module leaves open")
    height, width, channels, times = (int(n or 0) for n in weights.shape)
    turned = _kernel(call, weights, [2, 3, 0, 1])
    kernel = call.graph.reshape(turned, [channels * times, 1, height, width])
    if kernel.known is not None:
        kernel.label = weights.label
    return _convolve(image, kernel, [height, width], channels)


@lowers("Conv2DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNativeBackpropInput")
def convolve_transposed(call: LoweringCall, sizes: Value, weights: Value, x: Value) -> Value:
    """The gradient of a convolution by its input: what is called a transposed convolution."""
    image, graph = ImageLayout(call, x), call.graph
    rank = image.rank
    if weights.shape is None or None in weights.shape:
        raise CannotLower("has weights of sizes that the module leaves open")
    window = [int(n or 0) for n in weights.shape[:rank]]
    strides, dilations = image.spatial("strides"), image.spatial("dilations")
    channels, groups = weights.shape[rank], 1
    if call.kind.startswith("Depthwise"):
        # Each channel of the input has its own filters, which lie one after another.
        groups = int(channels or 1)
        kernel = _kernel(call, weights, [rank, rank + 1, *range(rank)])
        kernel = graph.reshape(kernel, [groups * int(weights.shape[rank + 1] or 1), 1, *window])
    else:
        kernel = _kernel(call, weights, [rank + 1, rank, *range(rank)])
    full = graph.op(
        "ConvTranspose",
        image.x,
        kernel,
        strides=strides,
        dilations=dilations,
        kernel_shape=window,
        group=groups,
    )
    # All that each pixel reaches; what padding took from the input is cut off.
    wanted = graph.int64(sizes)
    inner = graph.slice(wanted, 1, -1, 0) if image.last else graph.slice(wanted, 2, None, 0)
    if call["padding"] == "EXPLICIT":
        pads = image.padding()["pads"]
        before = graph.int64s(*pads[:rank])
    elif call["padding"] == "VALID":
        before = graph.int64s(*[0] * rank)
    else:
        given = graph.slice(graph.shape_of(image.x), 2, None, 0)
        reach = [(w - 1) * d + 1 for w, d in zip(window, dilations, strict=True)]
        covered = graph.op("Mul", graph.op("Sub", given, graph.int64s(1)), graph.int64s(*strides))
        total = graph.op("Sub", graph.op("Add", covered, graph.int64s(*reach)), inner)
        before = graph.op("Div", graph.op("Max", total, graph.int64s(0)), graph.int64s(2))
    # What no pixel reaches is zero.
    shape = graph.slice(graph.shape_of(full), 2, None, 0)
    end = graph.op("Add", before, inner)
    short = graph.op("Max", graph.op("Sub", end, shape), graph.int64s(0))
    nothing = graph.int64s(*[0] * (rank + 2))
    padded = graph.op("Pad", full, graph.concat([nothing, graph.int64s(0, 0), short], 0))
    result = graph.op("Slice", padded, before, end, graph.int64s(*range(2, rank + 2)))
    told = sizes.elements
    spatial: Sequence[int | None] = [None] * rank
    if told is not None:
        spatial = told[1:-1] if image.last else told[2:]
    result.shape = (None if x.shape is None else x.shape[0], channels, *spatial)
    return image.back(result)


@lowers("MaxPool", "MaxPool3D", "AvgPool", "AvgPool3D")
def pool(call: LoweringCall, x: Value) -> Value:
    """The largest or the mean of each window; padding does not count."""
    return _pool(call, x, "MaxPool" if call.kind.startswith("Max") else "AveragePool")


@lowers("MaxPoolV2")
def pool_by_inputs(call: LoweringCall, x: Value, window: Value, strides: Value) -> Value:
    """The largest of each window, which is an input."""
    attributes = {**call.attributes, "ksize": call.require(window, "its window").tolist()}
    attributes["strides"] = call.require(strides, "its steps").tolist()
    return _pool(LoweringCall(call.scope, call.op, attributes), x, "MaxPool")


def _pool(call: LoweringCall, x: Value, kind: str) -> Value:
    image, graph = ImageLayout(call, x), call.graph
    window, strides = image.spatial("ksize"), image.spatial("strides")
    full = call["ksize"]
    if full[0] != 1 or full[-1 if image.last else 1] != 1:
        raise CannotLower("pools over the batch or over channels")
    double = kind == "MaxPool" and image.x.dtype == np.float64
    source = image.x if double else graph.cast(image.x, np.float32)
    padding = image.fixed_padding(window, strides, [1] * image.rank)
    result = graph.op(kind, source, kernel_shape=window, strides=strides, **padding)
    return image.back(graph.cast(result, x.dtype))


# ------------------------------------------------------------------ normalization


@lowers("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def batch_norm(
    call: LoweringCall, x: Value, scale: Value, offset: Value, mean: Value, variance: Value
) -> list[Value]:
    """Batch normalization, with the statistics that are given or with those of the batch."""
    image, graph = ImageLayout(call, x), call.graph
    epsilon = float(call["epsilon"])
    if not call["is_training"]:
        result = graph.op(
            "BatchNormalization", image.x, *_vectors(graph, scale, offset, mean, variance), epsilon=epsilon
        )
        found = [image.back(result), mean, variance, mean, variance]
        return [*found, graph.const(np.zeros(0, np.float32))]
    axes = graph.int64s(0, *range(2, image.rank + 2))
    center = graph.op("ReduceMean", image.x, axes, keepdims=1)
    away = graph.op("Sub", image.x, center)
    spread = graph.op("ReduceMean", graph.op("Mul", away, away), axes, keepdims=1)
    root = graph.op("Sqrt", graph.op("Add", spread, graph.like(epsilon, spread)))
    factor = graph.op("Div", by_channel(graph, scale, image.rank + 2), root)
    result = graph.op("Add", graph.op("Mul", away, factor), by_channel(graph, offset, image.rank + 2))
    flat = [graph.squeeze(v, 0, *range(2, image.rank + 2)) for v in (center, spread)]
    count = graph.op("Div", graph.op("Size", image.x), graph.squeeze(graph.size_of(image.x, 1), 0))
    number = graph.cast(count, np.float32)
    fewer = graph.op("Max", graph.op("Sub", number, graph.const(1, np.float32)), graph.const(1, np.float32))
    unbiased = graph.op("Mul", flat[1], graph.op("Div", number, fewer))
    averaged = float(call.get("exponential_avg_factor", 1.0))
    means, variances = flat[0], unbiased
    if averaged != 1.0:
        means, variances = (
            graph.op("Add", graph.op("Mul", old, graph.const(1 - averaged, np.float32)),
                     graph.op("Mul", new, graph.const(averaged, np.float32)))
            for old, new in ((mean, means), (variance, variances))
        )  # fmt: skip
    return [image.back(result), means, variances, flat[0], flat[1], graph.const(np.zeros(0, np.float32))]


def _vectors(graph: Any, *values: Value) -> list[Value]:
    return [graph.cast(value, np.float32) for value in values]


@lowers("BatchNormWithGlobalNormalization")
def batch_norm_old(
    call: LoweringCall, x: Value, mean: Value, variance: Value, beta: Value, gamma: Value
) -> Value:
    """Batch normalization with given statistics, as the oldest graphs write it."""
    graph = call.graph
    root = graph.op("Sqrt", graph.op("Add", variance, graph.like(call["variance_epsilon"], variance)))
    factor = graph.op("Reciprocal", root)
    if call["scale_after_normalization"]:
        factor = graph.op("Mul", factor, gamma)
    shift = graph.op("Sub", beta, graph.op("Mul", mean, factor))
    return arithmetic(call, "Add", arithmetic(call, "Mul", x, factor), shift)


@lowers("LRN")
def local_response(call: LoweringCall, x: Value) -> Value:
    """Numbers divided by those of the channels around: `x / (bias + alpha sum(x**2))**beta`."""
    graph = call.graph
    size = 2 * int(call["depth_radius"]) + 1
    first = graph.channels_first(x)
    alpha = float(call["alpha"]) * size  # ONNX divides by the size
    found = graph.op("LRN", first, size=size, alpha=alpha, beta=float(call["beta"]), bias=float(call["bias"]))
    return graph.channels_last(found)


# ------------------------------------------------------------------ sizes


@lowers("ResizeBilinear", "ResizeNearestNeighbor")
def resize(call: LoweringCall, x: Value, size: Value) -> Value:
    """Images of another size."""
    graph = call.graph
    first = graph.channels_first(x)
    source = (
        first
        if call.kind == "ResizeNearestNeighbor" and first.dtype == np.float32
        else graph.cast(first, np.float32)
    )
    sizes = graph.shape_of(first)
    wanted = graph.concat([graph.slice(sizes, 0, 2, 0), graph.int64(size)], 0)
    aligned, centered = call["align_corners"], call.get("half_pixel_centers", False)
    where = "align_corners" if aligned else "half_pixel" if centered else "asymmetric"
    options: dict[str, Any] = {"coordinate_transformation_mode": where}
    if call.kind == "ResizeNearestNeighbor":
        # With half pixels TensorFlow takes the pixel that the center lies in, else it rounds (halves away) or cuts.
        options["mode"] = "nearest"
        options["nearest_mode"] = "round_prefer_ceil" if aligned else "floor"
        if centered:
            options["nearest_mode"] = "round_prefer_ceil"
    else:
        options["mode"] = "linear"
    result = graph.op("Resize", source, None, None, wanted, **options)
    told = size.elements or (None, None)
    shape = first.shape or (None,) * 4
    result.shape = (*shape[:2], *told)
    wanted_dtype = x.dtype if call.kind == "ResizeNearestNeighbor" else np.float32
    return graph.channels_last(graph.cast(result, wanted_dtype))


@lowers("CropAndResize")
def crop_and_resize(call: LoweringCall, x: Value, boxes: Value, which: Value, size: Value) -> Value:
    """Boxes of images, in one size, by gathering the four neighbours of each point.

    `core/kernels/image/crop_and_resize_op.cc`: points outside of the image give the extrapolation value.
    """
    graph = call.graph
    height, width = (int(n) for n in call.require(size, "the size of its results"))
    image = graph.cast(x, np.float32)
    sizes = [graph.cast(graph.squeeze(graph.size_of(x, axis), 0), np.float32) for axis in (1, 2)]
    parts = [graph.op("Gather", boxes, graph.const(i, np.int64), axis=1) for i in range(4)]
    points = [
        _points(call, parts[axis], parts[axis + 2], sizes[axis], count)
        for axis, count in enumerate((height, width))
    ]
    method = call.get("method", "bilinear")
    inside = [
        graph.op("And", graph.op("GreaterOrEqual", p, graph.const(0, np.float32)),
                 graph.op("LessOrEqual", p, graph.op("Sub", n, graph.const(1, np.float32))))
        for p, n in zip(points, sizes, strict=True)
    ]  # fmt: skip
    if method == "nearest":
        rounded = [graph.op("Floor", graph.op("Add", p, graph.const(0.5, np.float32))) for p in points]
        found = _pixels(call, image, which, rounded[0], rounded[1], sizes)
    else:
        low = [graph.op("Floor", p) for p in points]
        high = [graph.op("Ceil", p) for p in points]
        part = [graph.op("Sub", p, n) for p, n in zip(points, low, strict=True)]
        down, across = graph.unsqueeze(part[0], 2, 3), graph.unsqueeze(part[1], 1, 3)
        corners = [
            [_pixels(call, image, which, ys, xs, sizes) for xs in (low[1], high[1])]
            for ys in (low[0], high[0])
        ]
        rows = [
            graph.op("Add", left, graph.op("Mul", graph.op("Sub", right, left), across))
            for left, right in corners
        ]
        found = graph.op("Add", rows[0], graph.op("Mul", graph.op("Sub", rows[1], rows[0]), down))
    kept = graph.op("And", graph.unsqueeze(inside[0], 2, 3), graph.unsqueeze(inside[1], 1, 3))
    result = graph.op("Where", kept, found, graph.const(call["extrapolation_value"], np.float32))
    result.shape = (None, height, width, None if x.shape is None else x.shape[3])
    return result


def _points(call: LoweringCall, low: Value, high: Value, size: Value, count: int) -> Value:
    """Where the points of each box lie along an axis."""
    graph = call.graph
    last = graph.op("Sub", size, graph.const(1, np.float32))
    if count == 1:
        middle = graph.op("Mul", graph.op("Add", low, high), graph.const(0.5, np.float32))
        return graph.unsqueeze(graph.op("Mul", middle, last), 1)
    step = graph.op(
        "Div", graph.op("Mul", graph.op("Sub", high, low), last), graph.const(count - 1, np.float32)
    )
    steps = graph.op("Mul", graph.unsqueeze(step, 1), graph.const(np.arange(count), np.float32))
    return graph.op("Add", graph.unsqueeze(graph.op("Mul", low, last), 1), steps)


def _pixels(
    call: LoweringCall, image: Value, which: Value, ys: Value, xs: Value, sizes: Sequence[Value]
) -> Value:
    """The pixels at whole numbers, of those outside of the image the nearest ones."""
    graph = call.graph
    zero, one = graph.const(0, np.float32), graph.const(1, np.float32)
    rows, columns = (
        graph.int64(graph.op("Max", graph.op("Min", v, graph.op("Sub", n, one)), zero))
        for v, n in zip((ys, xs), sizes, strict=True)
    )
    places = [
        graph.unsqueeze(graph.int64(which), 1, 2),
        graph.unsqueeze(rows, 2),
        graph.unsqueeze(columns, 1),
    ]
    sum_of = graph.op("Add", graph.op("Add", places[0], places[1]), places[2])
    shape = graph.op("Shape", sum_of)
    full = [graph.unsqueeze(graph.op("Expand", place, shape), 3) for place in places]
    return graph.op("GatherND", image, graph.op("Concat", *full, axis=3))
