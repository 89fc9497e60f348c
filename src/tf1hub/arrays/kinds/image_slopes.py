"""Gradients of image networks that are ops of their own: of pooling, batch normalization and slices.

Semantics: `core/ops/nn_ops.cc` and `core/ops/array_ops.cc`. Of equal elements of a window, the first has the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.convolution import channels_back, channels_last, paddings, spatial, spatial_of
from tf1hub.arrays.kinds.indexing import scatter, strided_index
from tf1hub.arrays.kinds.numerics import namespace_for, sizes_of
from tf1hub.arrays.kinds.pooling import max_pool_with_argmax


@op("MaxPoolGrad")
def max_pool_slope(call: Call, x: Any, _: Any, slope: Any) -> Any:
    """The gradient of each window, where its largest element is."""
    xp = call.xp
    x, slope = channels_last(call, x), channels_last(call, slope)
    last = {
        **call.attributes,
        "data_format": "NHWC",
        "include_batch_in_index": True,
        "Targmax": np.dtype(np.int64 if xp is np else np.int32),
        "ksize": [1, *spatial_of(call, "ksize", 2), 1],
        "strides": [1, *spatial_of(call, "strides", 2), 1],
    }
    flat = call.get("explicit_paddings") or []
    if flat:
        pairs = [*spatial(call, flat[0::2]), *spatial(call, flat[1::2])]
        last["explicit_paddings"] = [0, 0, pairs[0], pairs[2], pairs[1], pairs[3], 0, 0]
    places = max_pool_with_argmax(Call(call.kind, xp, last), x)[1]
    total = _add_at(xp, xp.zeros(x.size, slope.dtype), places.reshape(-1), slope.reshape(-1))
    return channels_back(call, total.reshape(x.shape))


def _add_at(xp: Any, x: Any, index: Any, values: Any) -> Any:
    if xp is not np:
        return x.at[index].add(values)
    np.add.at(x, index, values)
    return x


@op("AvgPoolGrad", known=(0,))
def average_pool_slope(call: Call, sizes: Any, slope: Any) -> Any:
    """The gradient of each window, in equal parts for what lies inside of the tensor."""
    xp = call.xp
    batch, *inner, channels = _last(call, list(sizes_of(sizes)))
    slope = channels_last(call, slope)
    window, strides = spatial_of(call, "ksize", 2), spatial_of(call, "strides", 2)
    border = paddings(call, inner, window, strides, [1, 1])
    outer = [n + before + after for n, (before, after) in zip(inner, border, strict=True)]
    inside = np.pad(np.ones(inner, slope.dtype), border)
    counts = slope.shape[1:3]
    indices = [
        tuple(slice(p, p + (n - 1) * s + 1, s) for p, n, s in zip(place, counts, strides, strict=True))
        for place in np.ndindex(*window)
    ]
    members = np.asarray(sum(inside[index] for index in indices), slope.dtype)
    share = slope / members[:, :, np.newaxis]
    total = xp.zeros((batch, *outer, channels), slope.dtype)
    for index in indices:
        total = _add_at(xp, total, (slice(None), *index), share)
    cut = tuple(slice(before, before + n) for n, (before, _) in zip(inner, border, strict=True))
    return channels_back(call, total[(slice(None), *cut)])


def _last(call: Call, sizes: list[Any]) -> list[Any]:
    """Sizes with that of the channels last."""
    return [sizes[0], *sizes[2:], sizes[1]] if call["data_format"].startswith("NC") else sizes


@op("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def batch_norm_slope(
    call: Call, slope: Any, x: Any, scale: Any, mean: Any, variance: Any, *_: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """The gradients by the tensor, the scale and the offset, with the statistics that normalized it."""
    xp = call.xp
    slope, x, dtype = channels_last(call, slope), channels_last(call, x), x.dtype
    slope, x = slope.astype(scale.dtype), x.astype(scale.dtype)
    axes = tuple(range(x.ndim - 1))
    spread = variance + np.asarray(call["epsilon"], scale.dtype)
    away = x - mean
    by_offset = xp.sum(slope, axes)
    weighted = xp.sum(slope * away, axes)
    by_scale = weighted / xp.sqrt(spread)
    factor = scale / xp.sqrt(spread)
    if call["is_training"]:
        count = np.asarray(np.prod(x.shape[:-1]), scale.dtype)
        slope = slope - by_offset / count - away * (weighted / (spread * count))
    none = np.zeros(0, scale.dtype)
    return channels_back(call, slope * factor).astype(dtype), by_scale, by_offset, none, none


@op("StridedSliceGrad", known=(0, 1, 2, 3))
def slice_slope(call: Call, sizes: Any, begin: Any, end: Any, strides: Any, slope: Any) -> Any:
    """Zeros with a gradient in place of a slice."""
    zeros = namespace_for(call.xp, sizes_of(sizes)).zeros(sizes_of(sizes), slope.dtype)
    return scatter(call.xp, "Update", zeros, strided_index(call, begin, end, strides), slope)
