"""Blocks of space as parts of the batch or of the channels, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op


def _blocks(call: Call, block: Any) -> list[int]:
    return [int(n) for n in np.ravel(block)]


@op("SpaceToBatchND", "SpaceToBatch", known=(1, 2))
def space_to_batch(call: Call, x: Any, *given: Any) -> Any:
    """Blocks of positions become examples of the batch."""
    if call.kind == "SpaceToBatch":
        sizes, paddings = [call["block_size"]] * 2, np.asarray(given[0])
    else:
        sizes, paddings = _blocks(call, given[0]), np.asarray(given[1])
    xp, count = call.xp, len(sizes)
    rest = x.shape[1 + count :]
    x = xp.pad(x, [(0, 0), *paddings.tolist(), *((0, 0) for _ in rest)])
    batch = x.shape[0]
    split_sizes = [part for n, b in zip(x.shape[1 : 1 + count], sizes, strict=True) for part in (n // b, b)]
    apart = x.reshape((batch, *split_sizes, *rest))
    order = [*range(2, 2 + 2 * count, 2), 0, *range(1, 1 + 2 * count, 2), *range(1 + 2 * count, apart.ndim)]
    moved = xp.transpose(apart, order)
    return moved.reshape((batch * int(np.prod(sizes)), *split_sizes[::2], *rest))


@op("BatchToSpaceND", "BatchToSpace", known=(1, 2))
def batch_to_space(call: Call, x: Any, *given: Any) -> Any:
    """Examples of the batch become blocks of positions again."""
    if call.kind == "BatchToSpace":
        sizes, crops = [call["block_size"]] * 2, np.asarray(given[0])
    else:
        sizes, crops = _blocks(call, given[0]), np.asarray(given[1])
    xp, count = call.xp, len(sizes)
    batch = x.shape[0] // int(np.prod(sizes))
    spatial, rest = x.shape[1 : 1 + count], x.shape[1 + count :]
    apart = x.reshape((*sizes, batch, *spatial, *rest))
    pairs = [place for i in range(count) for place in (1 + count + i, i)]
    moved = xp.transpose(apart, [count, *pairs, *range(1 + 2 * count, apart.ndim)])
    whole = moved.reshape((batch, *(n * b for n, b in zip(spatial, sizes, strict=True)), *rest))
    kept = [slice(before, whole.shape[1 + i] - after) for i, (before, after) in enumerate(crops.tolist())]
    return whole[(slice(None), *kept)]


@op("SpaceToDepth")
def space_to_depth(call: Call, x: Any) -> Any:
    """Blocks of positions become channels."""
    if call["data_format"] == "NCHW":
        return _channels_second(call, _space_to_depth(call, _channels_last(call, x)))
    return _space_to_depth(call, x)


def _space_to_depth(call: Call, x: Any) -> Any:
    b = call["block_size"]
    n, h, w, c = x.shape
    apart = call.xp.transpose(x.reshape((n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    return apart.reshape((n, h // b, w // b, b * b * c))


@op("DepthToSpace")
def depth_to_space(call: Call, x: Any) -> Any:
    """Channels become blocks of positions."""
    if call["data_format"] == "NCHW":
        return _channels_second(call, _depth_to_space(call, _channels_last(call, x)))
    return _depth_to_space(call, x)


def _depth_to_space(call: Call, x: Any) -> Any:
    b = call["block_size"]
    n, h, w, c = x.shape
    apart = call.xp.transpose(x.reshape((n, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
    return apart.reshape((n, h * b, w * b, c // (b * b)))


def _channels_last(call: Call, x: Any) -> Any:
    return call.xp.moveaxis(x, 1, -1)


def _channels_second(call: Call, x: Any) -> Any:
    return call.xp.moveaxis(x, -1, 1)
