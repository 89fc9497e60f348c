"""Pooling of two and three dimensions.

What each does is said by TensorFlow's op definitions (`core/ops/nn_ops.cc`). An average is of what lies inside the
tensor; padding does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.convolution import (
    channels_back,
    channels_last,
    paddings,
    spatial,
    spatial_of,
    with_named_border,
)
from tf1hub.arrays.kinds.numerics import constant, namespace_for


def _pool(
    call: Call, x: Any, window: Sequence[int], strides: Sequence[int], start: Any, largest: bool
) -> Any:
    """The largest element, or the sum, of each window."""
    xp = call.xp
    border = paddings(call, x.shape[1:-1], window, strides, [1] * len(window))
    if xp is np:
        padded = np.pad(x, [(0, 0), *border, (0, 0)], constant_values=start) if any(map(any, border)) else x
        join = np.maximum if largest else np.add
        # One axis after another: a window of 3 by 3 costs 6 steps instead of 9.
        for axis, (width, stride) in enumerate(zip(window, strides, strict=True), 1):
            padded = _pool_axis(padded, axis, width, stride, join, start)
        return padded
    from jax import lax

    x, rest = with_named_border(xp.asarray(x), border, start)
    whole = (1, *window, 1), (1, *strides, 1), [(0, 0), *rest, (0, 0)]
    return lax.reduce_window(x, start, lax.max if largest else lax.add, *whole)


def _pool_axis(x: Any, axis: int, width: int, stride: int, join: Any, start: Any) -> Any:
    count = max(0, (x.shape[axis] - width) // stride + 1)
    before = (slice(None),) * axis
    if not count:
        return np.full((*x.shape[:axis], 0, *x.shape[axis + 1 :]), start, x.dtype)
    result = None
    for place in range(width):
        part = x[(*before, slice(place, place + (count - 1) * stride + 1, stride))]
        result = part if result is None else join(result, part)
    return result


def _window(call: Call, given: Sequence[Any]) -> tuple[list[int], list[int]]:
    """The sizes and strides of an op that has them as attributes or as inputs."""
    if given:
        return [int(n) for n in spatial(call, given[0])], [int(n) for n in spatial(call, given[1])]
    rank = len(call["ksize"]) - 2
    return spatial_of(call, "ksize", rank), spatial_of(call, "strides", rank)


@op("MaxPool", "MaxPoolV2", "MaxPool3D", known=(1, 2))
def max_pool(call: Call, x: Any, *given: Any) -> Any:
    """The largest element of each window."""
    x = channels_last(call, x)
    window, strides = _window(call, given)
    return channels_back(call, _pool(call, x, window, strides, least(x.dtype), True))


def least(dtype: Any) -> Any:
    """What is smaller than any element."""
    return np.asarray(np.iinfo(dtype).min if np.dtype(dtype).kind in "iu" else -np.inf, dtype)


@op("AvgPool", "AvgPool3D")
def avg_pool(call: Call, x: Any) -> Any:
    """The mean of each window."""
    x = channels_last(call, x)
    window, strides = _window(call, ())
    dtype = x.dtype
    x = x.astype(np.float32) if str(dtype) in ("float16", "bfloat16") else x
    total = _pool(call, x, window, strides, constant(0, x), False)
    if call["padding"] == "VALID":
        return channels_back(call, (total / constant(np.prod(window), x)).astype(dtype))
    ones = call.xp.ones((1, *x.shape[1:-1], 1), x.dtype)
    counts = _pool(call, ones, window, strides, constant(0, x), False)
    return channels_back(call, (total / counts).astype(dtype))


@op("MaxPoolWithArgmax")
def max_pool_with_argmax(call: Call, x: Any) -> tuple[Any, Any]:
    """The largest element of each window, and its place in the flattened example, or in the batch."""
    xp = call.xp
    window, strides = list(call["ksize"][1:3]), list(call["strides"][1:3])
    border = paddings(call, x.shape[1:-1], window, strides, [1, 1])
    n, h, w, c = x.shape
    # JAX counts where it knows a size by name only.
    of = namespace_for(np, x.shape)
    places = of.arange(h * w * c).reshape((1, h, w, c))
    if call["include_batch_in_index"]:
        places = places + of.arange(n).reshape((n, 1, 1, 1)) * of.asarray(h * w * c)
    low = least(x.dtype)
    padded = xp.pad(x, [(0, 0), *border, (0, 0)], constant_values=low)
    where = of.pad(places, [(0, 0), *border, (0, 0)], constant_values=-1)
    sizes = [(m - k) // s + 1 for m, k, s in zip(padded.shape[1:-1], window, strides, strict=True)]
    best: Any = None
    best_place: Any = None
    for place in np.ndindex(*window):
        index = tuple(slice(p, p + (m - 1) * s + 1, s) for p, m, s in zip(place, sizes, strides, strict=True))
        part, its = (
            padded[(slice(None), *index)],
            of.broadcast_to(where[(slice(None), *index)], (n, *sizes, c)),
        )
        if best is None:
            best, best_place = part, its
        else:
            better = (part > best) | ((best_place < 0) & (its >= 0))
            best, best_place = xp.where(better, part, best), xp.where(better, its, best_place)
    return best, best_place.astype(call.dtype("Targmax"))
