"""Images turned, moved, sheared and seen from aside: by a projective transformation of their places.

What it does is said by TensorFlow's op definition (`core/ops/image_ops.cc`) and `core/kernels/image/image_ops.h`: each new place
is looked up among the old ones, and the fill mode says what lies outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op
from tf1hub.arrays.kinds.numerics import namespace_for, sizes_of


@op("ImageProjectiveTransformV2", "ImageProjectiveTransformV3", known=(2,))
def project(call: Call, images: Any, transforms: Any, size: Any, *filling: Any) -> Any:
    """Images whose new place (x, y) shows the old ((a x + b y + c) / k, (d x + e y + f) / k), where k = g x + h y + 1."""
    xp = call.xp
    height, width = sizes_of(size)
    space = namespace_for(xp, (height, width))
    number = np.float32
    x = space.arange(width, dtype=number)[np.newaxis, np.newaxis, :]
    y = space.arange(height, dtype=number)[np.newaxis, :, np.newaxis]
    a, b, c, d, e, f, g, h = (transforms[:, i][:, np.newaxis, np.newaxis] for i in range(8))
    depth = g * x + h * y + number(1)
    seen = depth != 0
    depth = xp.where(seen, depth, number(1))
    column = _move_in(call, (a * x + b * y + c) / depth, images.shape[2])
    row = _move_in(call, (d * x + e * y + f) / depth, images.shape[1])
    background = filling[0] if filling else np.asarray(0, number)
    found = _look_up(call, images, row, column, background)
    return xp.where(seen[..., np.newaxis], found, background.astype(found.dtype)).astype(images.dtype)


def _move_in(call: Call, place: Any, count: int) -> Any:
    """Places outside of an axis where the fill mode has them."""
    xp, mode = call.xp, call.get("fill_mode") or "CONSTANT"
    if mode == "CONSTANT":
        return place
    size = xp.asarray(count, np.float32)
    last = size - 1
    # An axis of one place is all that there is.
    span = xp.maximum(last, np.float32(1))
    if mode == "REFLECT":
        twice = 2 * size
        under = xp.where(place < twice, twice * xp.trunc(-place / twice) + place, place)
        under = xp.where(under < -size, under + twice, -under - 1)
        over = place - twice * xp.trunc(place / twice)
        over = xp.where(over >= size, twice - over - 1, over)
        place = xp.where(place < 0, under, xp.where(place > last, over, place))
    elif mode == "WRAP":
        under = place + size * (xp.trunc(-place / span) + 1)
        over = place - size * xp.trunc(place / span)
        place = xp.where(place < 0, under, xp.where(place > last, over, place))
    return xp.clip(place, np.float32(0), last)


def _look_up(call: Call, images: Any, row: Any, column: Any, background: Any) -> Any:
    """The pixels at places, or between them; `background` where there are none."""
    xp = call.xp
    batch = namespace_for(xp, images.shape[:1]).arange(images.shape[0])[:, np.newaxis, np.newaxis]
    row, column = (xp.broadcast_to(place, (images.shape[0], *place.shape[1:])) for place in (row, column))

    sizes = [xp.asarray(count, np.float32) for count in images.shape[1:3]]

    def read(y: Any, x: Any) -> Any:
        inside = (y >= 0) & (y < sizes[0]) & (x >= 0) & (x < sizes[1])
        at = [xp.where(inside, place, 0).astype(np.int32) for place in (y, x)]
        return xp.where(inside[..., np.newaxis], images[batch, at[0], at[1]].astype(np.float32), background)

    if call["interpolation"] == "NEAREST":
        half = np.float32(0.5)  # halves go away from zero
        return read(*(xp.sign(place) * xp.floor(xp.abs(place) + half) for place in (row, column)))
    top, left = xp.floor(row), xp.floor(column)
    right_part, low_part = (column - left)[..., np.newaxis], (row - top)[..., np.newaxis]
    upper = (1 - right_part) * read(top, left) + right_part * read(top, left + 1)
    lower = (1 - right_part) * read(top + 1, left) + right_part * read(top + 1, left + 1)
    return (1 - low_part) * upper + low_part * lower
