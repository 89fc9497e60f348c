"""Convolutions of one to three dimensions, by channels, transposed, dilated; and morphological dilation.

What each does is said by TensorFlow's op definitions (`core/ops/nn_ops.cc`), and padding by
`core/framework/kernel_shape_util.h`: `SAME` puts the odd element after. Channels are last inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.linear_algebra import product
from tf1hub.arrays.kinds.numerics import sizes_of


def channels_last(call: Call, x: Any) -> Any:
    """The tensor with channels last, whatever the op's data format is."""
    return call.xp.moveaxis(x, 1, -1) if call["data_format"].startswith("NC") else x


def channels_back(call: Call, x: Any) -> Any:
    """The tensor with channels where the op's data format has them."""
    return call.xp.moveaxis(x, -1, 1) if call["data_format"].startswith("NC") else x


def spatial(call: Call, values: Sequence[int]) -> list[int]:
    """Of a list with a number for each axis, those of the spatial axes."""
    return list(values[2:]) if call["data_format"].startswith("NC") else list(values[1:-1])


def spatial_of(call: Call, attribute: str, rank: int) -> list[int]:
    """An attribute's numbers for the spatial axes; 1 where it says nothing."""
    return spatial(call, call.get(attribute) or [1] * (rank + 2))


def paddings(
    call: Call, sizes: Sequence[Any], window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[Any, Any]]:
    """What comes before and after each spatial axis."""
    if call["padding"] == "VALID":
        return [(0, 0)] * len(sizes)
    if call["padding"] == "EXPLICIT":
        flat = call["explicit_paddings"]
        return list(zip(spatial(call, flat[0::2]), spatial(call, flat[1::2]), strict=True))
    found = []
    for size, width, stride, dilation in zip(sizes, window, strides, dilations, strict=True):
        reach = (width - 1) * dilation + 1
        # Steps of 1 do not need the size, which may be symbolic.
        wanted = reach - 1 if stride == 1 else (size - 1) // stride * stride + reach - size
        # Written as JAX writes what a window gives, so that both are one size to it; at least `reach - stride`, at most `reach - 1`.
        total = (
            0
            if reach == 1
            else wanted
            if reach >= stride and not isinstance(size, int)
            else _at_least_zero(wanted)
        )
        found.append((total // 2, total - total // 2))
    return found


def _at_least_zero(n: Any) -> Any:
    if isinstance(n, int):
        return max(n, 0)
    from jax import core

    return core.max_dim(n, 0)


def with_named_border(
    x: Any, border: Sequence[tuple[Any, Any]], filling: Any
) -> tuple[Any, Sequence[tuple[Any, Any]]]:
    """A tensor of JAX with channels last, and the border that is still to come.

    A border that follows from sizes that only have names comes at once: JAX's convolution takes none such.
    """
    if all(isinstance(n, int) for pair in border for n in pair):
        return x, border
    from jax import lax

    around = [(0, 0, 0), *((before, after, 0) for before, after in border), (0, 0, 0)]
    return lax.pad(x, np.asarray(filling, x.dtype), around), [(0, 0)] * len(border)


def windows(x: Any, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Any:
    """Views of all windows of a tensor with channels last: batch, positions, channels, window. NumPy only."""
    reach = [(width - 1) * dilation + 1 for width, dilation in zip(window, dilations, strict=True)]
    axes = tuple(range(1, 1 + len(window)))
    view = sliding_window_view(x, reach, axis=axes)
    step = tuple(slice(None, None, stride) for stride in strides)
    inner = tuple(slice(None, None, dilation) for dilation in dilations)
    return view[(slice(None), *step, slice(None), *inner)]


def _too_small(x: Any, window: Sequence[int], dilations: Sequence[int]) -> bool:
    return any(
        isinstance(n, int) and n < (width - 1) * dilation + 1
        for n, width, dilation in zip(x.shape[1:-1], window, dilations, strict=True)
    )


def convolve(
    call: Call,
    x: Any,
    filters: Any,
    strides: Sequence[int],
    dilations: Sequence[int],
    border: Sequence[tuple[Any, Any]],
    groups: int = 1,
) -> Any:
    """A convolution with channels last.

    Args:
        call: the op.
        x: batch, positions, channels.
        filters: window, channels of a group, channels of the result.
        strides: for each spatial axis.
        dilations: for each spatial axis.
        border: zeros before and after each spatial axis.
        groups: of channels, each with its own filters.
    """
    rank = len(strides)
    if call.xp is np:
        return _convolve_in_numpy(x, filters, strides, dilations, border, groups)
    from jax import lax

    letters = "DHW"[3 - rank :]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    x, border = with_named_border(call.xp.asarray(x), border, 0)
    return lax.conv_general_dilated(
        x, call.xp.asarray(filters), strides, list(border), rhs_dilation=dilations,
        dimension_numbers=numbers, feature_group_count=groups,
    )  # fmt: skip


def _convolve_in_numpy(
    x: Any,
    filters: Any,
    strides: Sequence[int],
    dilations: Sequence[int],
    border: Sequence[tuple[int, int]],
    groups: int,
) -> Any:
    dtype = x.dtype
    if str(dtype) in ("float16", "bfloat16"):
        x, filters = x.astype(np.float32), filters.astype(np.float32)
    window = filters.shape[:-2]
    if any(before or after for before, after in border):
        x = np.pad(x, [(0, 0), *border, (0, 0)])
    inside, outside = filters.shape[-2:]
    if _too_small(x, window, dilations):
        sizes = [
            max(0, -(-(n - (w - 1) * d) // s))
            for n, w, d, s in zip(x.shape[1:-1], window, dilations, strides, strict=True)
        ]
        return np.zeros((x.shape[0], *sizes, outside), dtype)
    if all(width == 1 for width in window):
        parts = x[(slice(None), *(slice(None, None, stride) for stride in strides))]
        kernel = filters.reshape(inside, outside)
        return _convolve_groups(parts, kernel, groups).astype(dtype, copy=False)
    if groups > 1 and inside == 1:
        return _by_channel(x, filters, strides, dilations, groups).astype(dtype, copy=False)
    view = windows(x, window, strides, dilations)
    rank = len(window)
    positions = view.shape[: 1 + rank]
    # Channels last within each window: batch, positions, window, channels.
    order = [*range(1 + rank), *range(2 + rank, 2 + 2 * rank), 1 + rank]
    patches = view.transpose(order).reshape((*positions, int(np.prod(window)), x.shape[-1]))
    if groups == 1:
        flat = patches.reshape((int(np.prod(positions)), int(np.prod(window)) * inside))
        return (flat @ filters.reshape(-1, outside)).reshape((*positions, outside)).astype(dtype, copy=False)
    per = outside // groups
    results = [
        patches[..., group * inside : (group + 1) * inside].reshape((int(np.prod(positions)), -1))
        @ filters[..., group * per : (group + 1) * per].reshape(-1, per)
        for group in range(groups)
    ]
    return np.concatenate(results, -1).reshape((*positions, outside)).astype(dtype, copy=False)


def _convolve_groups(x: Any, kernel: Any, groups: int) -> Any:
    if groups == 1:
        return (x.reshape(-1, x.shape[-1]) @ kernel).reshape((*x.shape[:-1], kernel.shape[-1]))
    inside, per = kernel.shape[0], kernel.shape[1] // groups
    parts = [
        x[..., g * inside : (g + 1) * inside] @ kernel[:, g * per : (g + 1) * per] for g in range(groups)
    ]
    return np.concatenate(parts, -1)


def _by_channel(x: Any, filters: Any, strides: Sequence[int], dilations: Sequence[int], channels: int) -> Any:
    """Each channel with filters of its own: one shifted product for each place of the window."""
    window, many = filters.shape[:-2], filters.shape[-1] // channels
    sizes = [
        -(-(n - (w - 1) * d) // s)
        for n, w, d, s in zip(x.shape[1:-1], window, dilations, strides, strict=True)
    ]
    kernel = filters.reshape((*window, channels, many))
    total = np.zeros((x.shape[0], *sizes, channels, many), x.dtype)
    for place in np.ndindex(*window):
        index = tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, n, s in zip(place, dilations, sizes, strides, strict=True)
        )
        part = x[(slice(None), *index)]
        total += part[..., np.newaxis] * kernel[place]
    return total.reshape((x.shape[0], *sizes, channels * many))


@op("Conv2D", "Conv3D")
def conv(call: Call, x: Any, filters: Any) -> Any:
    """A convolution; the channels of `x` may be several times those of the filters, in groups."""
    x = channels_last(call, x)
    rank = filters.ndim - 2
    strides, dilations = spatial_of(call, "strides", rank), spatial_of(call, "dilations", rank)
    border = paddings(call, x.shape[1:-1], filters.shape[:-2], strides, dilations)
    groups = x.shape[-1] // filters.shape[-2]
    return channels_back(call, convolve(call, x, filters, strides, dilations, border, groups))


@op("DepthwiseConv2dNative")
def depthwise_conv(call: Call, x: Any, filters: Any) -> Any:
    """A convolution of each channel with filters of its own."""
    x = channels_last(call, x)
    strides, dilations = spatial_of(call, "strides", 2), spatial_of(call, "dilations", 2)
    border = paddings(call, x.shape[1:-1], filters.shape[:2], strides, dilations)
    h, w, channels, many = filters.shape
    grouped = filters.reshape((h, w, 1, channels * many))
    return channels_back(call, convolve(call, x, grouped, strides, dilations, border, channels))


@op("Conv2DBackpropInput", "Conv3DBackpropInputV2", known=(0,))
def conv_transpose(call: Call, sizes: Any, filters: Any, gradient: Any) -> Any:
    """A transposed convolution: the gradient of a convolution with respect to its input."""
    wanted = sizes_of(sizes)
    gradient = channels_last(call, gradient)
    rank = filters.ndim - 2
    # Later versions leave out batch and channels.
    inner = list(wanted) if len(wanted) == rank else spatial(call, wanted)
    strides, dilations = spatial_of(call, "strides", rank), spatial_of(call, "dilations", rank)
    border = paddings(call, inner, filters.shape[:-2], strides, dilations)
    groups = 1
    if len(wanted) == rank + 2:
        channels = wanted[1] if call["data_format"].startswith("NC") else wanted[-1]
        groups = channels // filters.shape[-2]
    return channels_back(
        call, convolve_transposed(call, filters, gradient, inner, strides, dilations, border, groups)
    )


@op("DepthwiseConv2dNativeBackpropInput", known=(0,))
def depthwise_conv_transpose(call: Call, sizes: Any, filters: Any, gradient: Any) -> Any:
    """The gradient of a convolution by channels with respect to its input."""
    inner = spatial(call, sizes_of(sizes))
    gradient = channels_last(call, gradient)
    strides, dilations = spatial_of(call, "strides", 2), spatial_of(call, "dilations", 2)
    border = paddings(call, inner, filters.shape[:2], strides, dilations)
    h, w, channels, many = filters.shape
    grouped = filters.reshape((h, w, 1, channels * many))
    return channels_back(
        call, convolve_transposed(call, grouped, gradient, inner, strides, dilations, border, channels)
    )


def convolve_transposed(
    call: Call,
    filters: Any,
    gradient: Any,
    sizes: Sequence[Any],
    strides: Sequence[int],
    dilations: Sequence[int],
    border: Sequence[tuple[Any, Any]],
    groups: int = 1,
) -> Any:
    """A transposed convolution with channels last, written as a convolution of the spread-out gradient."""
    xp = call.xp
    window = filters.shape[:-2]
    rank = len(window)
    # Filters mirrored, and what was the result's channels becomes the input's, group by group.
    inside, outside = filters.shape[-2:]
    turned = xp.flip(filters, tuple(range(rank)))
    turned = turned.reshape((*window, inside, groups, outside // groups))
    turned = xp.moveaxis(turned, (rank + 2, rank + 1, rank), (rank, rank + 1, rank + 2))
    turned = turned.reshape((*window, outside // groups, groups * inside))
    around = []
    for i in range(rank):
        reach = (window[i] - 1) * dilations[i]
        spread = (gradient.shape[1 + i] - 1) * strides[i] + 1
        before = reach - border[i][0]
        around.append((before, sizes[i] + reach - spread - before))
    if xp is np:
        return _transpose_in_numpy(call, turned, gradient, strides, dilations, around, groups)
    from jax import lax

    letters = "DHW"[3 - rank :]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    if any(isinstance(n, int) and n < 0 for pair in around for n in pair):
        # XLA's convolution on CPUs does not cut off what a negative border says.
        inner = [(*pair, stride - 1) for pair, stride in zip(around, strides, strict=True)]
        gradient = lax.pad(
            xp.asarray(gradient), np.asarray(0, gradient.dtype), [(0, 0, 0), *inner, (0, 0, 0)]
        )
        around, strides = [(0, 0)] * rank, [1] * rank
    return lax.conv_general_dilated(
        xp.asarray(gradient), xp.asarray(turned), [1] * rank, around, lhs_dilation=list(strides),
        rhs_dilation=list(dilations), dimension_numbers=numbers, feature_group_count=groups,
    )  # fmt: skip


def _transpose_in_numpy(
    call: Call,
    filters: Any,
    gradient: Any,
    strides: Sequence[int],
    dilations: Sequence[int],
    around: Sequence[tuple[int, int]],
    groups: int,
) -> Any:
    rank = len(strides)
    sizes = [
        (n - 1) * stride + 1 if n else 0 for n, stride in zip(gradient.shape[1:-1], strides, strict=True)
    ]
    spread = np.zeros((gradient.shape[0], *sizes, gradient.shape[-1]), gradient.dtype)
    spread[(slice(None), *(slice(None, None, stride) for stride in strides))] = gradient
    # A border of less than nothing cuts off.
    kept = [
        slice(max(0, -before), size - max(0, -after))
        for (before, after), size in zip(around, sizes, strict=True)
    ]
    spread = spread[(slice(None), *kept)]
    border = [(max(0, before), max(0, after)) for before, after in around]
    return convolve(call, spread, filters, [1] * rank, dilations, border, groups)


@op("Conv2DBackpropFilter", "Conv3DBackpropFilterV2", known=(1,))
def conv_backprop_filter(call: Call, x: Any, sizes: Any, gradient: Any) -> Any:
    """The gradient of a convolution with respect to its filters."""
    xp = call.xp
    x, gradient = channels_last(call, x), channels_last(call, gradient)
    wanted = sizes_of(sizes)
    window, rank = wanted[:-2], len(wanted) - 2
    strides, dilations = spatial_of(call, "strides", rank), spatial_of(call, "dilations", rank)
    border = paddings(call, x.shape[1:-1], window, strides, dilations)
    x = xp.pad(x, [(0, 0), *border, (0, 0)])
    flat = gradient.reshape((-1, gradient.shape[-1]))
    found = []
    for place in np.ndindex(*window):
        index = tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, n, s in zip(place, dilations, gradient.shape[1:-1], strides, strict=True)
        )
        part = x[(slice(None), *index)]
        found.append(product(xp, part.reshape((-1, x.shape[-1])).T, flat))
    return xp.stack(found).reshape(wanted)


@op("Dilation2D")
def dilation(call: Call, x: Any, filters: Any) -> Any:
    """The largest sum of a window and a filter, channel by channel (morphological dilation)."""
    xp = call.xp
    strides, rates = list(call["strides"][1:3]), list(call["rates"][1:3])
    border = paddings(call, x.shape[1:-1], filters.shape[:2], strides, rates)
    least = np.asarray(-np.inf, x.dtype) if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    padded = xp.pad(x, [(0, 0), *border, (0, 0)], constant_values=least)
    sizes = [
        -(-(n - (w - 1) * d) // s)
        for n, w, d, s in zip(padded.shape[1:-1], filters.shape[:2], rates, strides, strict=True)
    ]
    result = None
    for place in np.ndindex(*filters.shape[:2]):
        index = tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, n, s in zip(place, rates, sizes, strides, strict=True)
        )
        part = padded[(slice(None), *index)] + filters[place]
        result = part if result is None else xp.maximum(result, part)
    return result


@op("ExtractImagePatches")
def image_patches(call: Call, images: Any) -> Any:
    """The pixels of each window, row by row, as channels."""
    window, strides, rates = (call[name][1:3] for name in ("ksizes", "strides", "rates"))
    border = paddings(call, images.shape[1:-1], window, strides, rates)
    padded = call.xp.pad(images, [(0, 0), *border, (0, 0)])
    counts = [
        (n - (w - 1) * d - 1) // s + 1
        for n, w, d, s in zip(padded.shape[1:-1], window, rates, strides, strict=True)
    ]
    parts = []
    for place in np.ndindex(*window):
        index = tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, n, s in zip(place, rates, counts, strides, strict=True)
        )
        parts.append(padded[(slice(None), *index)])
    return call.xp.concatenate(parts, -1)
