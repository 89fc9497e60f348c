"""Images of another size. An image is `[batch, height, width, channels]`; sizes are `[height, width]`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes

_Floats = npt.NDArray[np.float32]
CUBIC_STEPS = 1024
"""Into how many steps TensorFlow's bicubic kernel divides the way from one pixel to the next."""


def _scale(before: int, after: int, align_corners: bool) -> np.float32:
    if align_corners and after > 1:
        return np.float32(before - 1) / np.float32(after - 1)
    return np.float32(before) / np.float32(after)


def _places(before: int, after: int, attributes: Attributes) -> _Floats:
    """Where each new pixel lies among the old ones, in float32 as TensorFlow's kernels compute it."""
    scale = _scale(before, after, attributes["align_corners"])
    numbers = np.arange(after, dtype=np.float32)
    if attributes.get("half_pixel_centers", False):
        return (numbers + np.float32(0.5)) * scale - np.float32(0.5)
    return numbers * scale


def _sizes(size: Any) -> tuple[int, int]:
    height, width = np.asarray(size).tolist()
    return height, width


@computes("ResizeBilinear", known=(1,))
def bilinear(xp: Any, attributes: Attributes, images: Any, size: Any) -> list[Any]:
    """Between the four nearest pixels; float32."""
    height, width = _sizes(size)
    images = images.astype(np.float32)
    low_y, high_y, part_y = _neighbours(xp, images.shape[1], height, attributes)
    low_x, high_x, part_x = _neighbours(xp, images.shape[2], width, attributes)
    part_y, part_x = part_y[:, None, None], part_x[:, None]
    upper, lower = images[:, low_y], images[:, high_y]
    top = upper[:, :, low_x] + (upper[:, :, high_x] - upper[:, :, low_x]) * part_x
    bottom = lower[:, :, low_x] + (lower[:, :, high_x] - lower[:, :, low_x]) * part_x
    return [top + (bottom - top) * part_y]


def _neighbours(xp: Any, before: Any, after: Any, attributes: Attributes) -> tuple[Any, Any, Any]:
    """The pixels before and behind each new one, and how far it lies between them; sizes may be symbolic."""
    if isinstance(before, int) and isinstance(after, int):
        xp, last, dtype = np, before - 1, "int64"
        places: Any = _places(before, after, attributes)
    else:
        last, dtype = xp.asarray(before, np.int32) - 1, "int32"
        places = _symbolic_places(xp, before, after, attributes)
    floors = xp.floor(places)
    low = xp.maximum(floors, 0).astype(dtype)
    high = xp.minimum(xp.ceil(places), last).astype(dtype)
    return low, xp.maximum(high, 0), places - floors


def _symbolic_places(xp: Any, before: Any, after: Any, attributes: Attributes) -> Any:
    half = np.float32(0.5 if attributes.get("half_pixel_centers", False) else 0)
    scale = _symbolic_scale(xp, before, after, attributes["align_corners"])
    return (xp.arange(after, dtype=np.float32) + half) * scale - half


def _symbolic_scale(xp: Any, before: Any, after: Any, align_corners: bool) -> Any:
    old, new = xp.asarray(before, np.float32), xp.asarray(after, np.float32)
    if align_corners:
        return xp.where(new > 1, (old - 1) / xp.maximum(new - 1, 1), old / new)
    return old / new


@computes("ResizeNearestNeighbor", known=(1,))
def nearest(xp: Any, attributes: Attributes, images: Any, size: Any) -> list[Any]:
    """The nearest pixel; the dtype stays."""
    rows, columns = (
        _nearest(xp, before, after, attributes)
        for before, after in zip(images.shape[1:3], _sizes(size), strict=True)
    )
    return [images[:, rows][:, :, columns]]


def _nearest(xp: Any, before: Any, after: Any, attributes: Attributes) -> Any:
    half = np.float32(0.5 if attributes.get("half_pixel_centers", False) else 0)
    last: Any
    if isinstance(before, int) and isinstance(after, int):
        xp, last, dtype = np, before - 1, "int64"
        scale: Any = _scale(before, after, attributes["align_corners"])
    else:
        last, dtype = xp.asarray(before, np.int32) - 1, "int32"
        scale = _symbolic_scale(xp, before, after, attributes["align_corners"])
    places = (xp.arange(after, dtype=np.float32) + half) * scale
    # C's roundf goes away from zero.
    found = xp.floor(places + np.float32(0.5)) if attributes["align_corners"] else xp.floor(places)
    return xp.clip(found.astype(dtype), 0, last)


@computes("ResizeBicubic", known=(1,))
def bicubic(xp: Any, attributes: Attributes, images: Any, size: Any) -> list[Any]:
    """By cubic polynomials through four pixels each way; float32."""
    rows, columns = (
        _cubic(before, after, attributes)
        if isinstance(before, int) and isinstance(after, int)
        else _symbolic_cubic(xp, before, after, attributes)
        for before, after in zip(images.shape[1:3], _sizes(size), strict=True)
    )
    return [_by_weights(xp, images, rows, columns)]


def _by_weights(xp: Any, images: Any, rows: Any, columns: Any) -> Any:
    wide = xp.einsum("bhwc,xw->bhxc", images.astype(np.float32), columns)
    return xp.einsum("bhxc,yh->byxc", wide, rows).astype(np.float32)


def cubic_tables(half_pixels: bool) -> tuple[_Floats, _Floats]:
    """What a pixel within a step of a new one weighs, and one of the next, by the part of the way that lies between them."""
    factor = np.float32(-0.5 if half_pixels else -0.75)
    near = np.arange(CUBIC_STEPS + 1, dtype=np.float32) / np.float32(CUBIC_STEPS)
    far = near + np.float32(1)
    inner = ((factor + 2) * near - (factor + 3)) * near * near + 1
    outer = ((factor * far - 5 * factor) * far + 8 * factor) * far - 4 * factor
    return inner, outer


def cubic_neighbours(
    before: int, after: int, attributes: Attributes
) -> tuple[npt.NDArray[np.int64], _Floats]:
    """The four old pixels that each new one takes something of, and how much."""
    half = attributes.get("half_pixel_centers", False)
    inner, outer = cubic_tables(half)
    places = _places(before, after, attributes)
    floors = np.floor(places)
    step = np.rint((places - floors) * CUBIC_STEPS).astype(np.int64)
    weights = np.stack([outer[step], inner[step], inner[CUBIC_STEPS - step], outer[CUBIC_STEPS - step]], 1)
    taken = floors.astype(np.int64)[:, None] + np.arange(-1, 3)
    if half:
        # What lies outside of the image does not count.
        weights = np.where((taken >= 0) & (taken < before), weights, 0)
        sums = weights.sum(1, keepdims=True)
        weights = np.where(
            np.abs(sums) >= 1000 * np.finfo(np.float32).tiny, weights / np.where(sums == 0, 1, sums), weights
        )
    return np.clip(taken, 0, before - 1), weights.astype(np.float32)


def _cubic(before: int, after: int, attributes: Attributes) -> _Floats:
    """What each new pixel takes of each old one."""
    taken, weights = cubic_neighbours(before, after, attributes)
    matrix = np.zeros((after, before), np.float32)
    np.add.at(matrix, (np.arange(after)[:, None], taken), weights)
    return matrix


def _symbolic_cubic(xp: Any, before: Any, after: Any, attributes: Attributes) -> Any:
    """The same for sizes that JAX knows by name only."""
    half = attributes.get("half_pixel_centers", False)
    inner, outer = (xp.asarray(table) for table in cubic_tables(half))
    places = _symbolic_places(xp, before, after, attributes)
    floors = xp.floor(places)
    step = xp.round((places - floors) * CUBIC_STEPS).astype(np.int32)
    back = CUBIC_STEPS - step
    weights = xp.stack([outer[step], inner[step], inner[back], outer[back]], 1)
    taken = floors.astype(np.int32)[:, None] + np.arange(-1, 3, dtype=np.int32)
    last = xp.asarray(before, np.int32) - 1
    if half:
        weights = xp.where((taken >= 0) & (taken <= last), weights, 0)
        sums = weights.sum(1, keepdims=True)
        is_sum = xp.abs(sums) >= 1000 * np.finfo(np.float32).tiny
        weights = xp.where(is_sum, weights / xp.where(is_sum, sums, 1), weights)
    matches = xp.clip(taken, 0, last)[:, :, None] == xp.arange(before, dtype=np.int32)
    return xp.sum(xp.where(matches, weights[:, :, None], 0), 1).astype(np.float32)


@computes("ResizeArea", known=(1,))
def area(xp: Any, attributes: Attributes, images: Any, size: Any) -> list[Any]:
    """The mean of what a new pixel covers; float32."""
    align = attributes["align_corners"]
    rows, columns = (
        cover(before, after, align)
        if isinstance(before, int) and isinstance(after, int)
        else _symbolic_cover(xp, before, after, align)
        for before, after in zip(images.shape[1:3], _sizes(size), strict=True)
    )
    return [_by_weights(xp, images, rows, columns)]


def cover(before: int, after: int, align_corners: bool) -> _Floats:
    """How much of each old pixel each new one covers, as parts of the whole; a matrix."""
    scale = float(_scale(before, after, align_corners))
    matrix = np.zeros((after, before), np.float32)
    for number in range(after):
        start, end = number * scale, (number + 1) * scale
        for pixel in range(int(np.floor(start)), int(np.ceil(end))):
            part = min(pixel + 1, end) - max(pixel, start)
            matrix[number, min(max(pixel, 0), before - 1)] += part / scale
    return matrix


def _symbolic_cover(xp: Any, before: Any, after: Any, align_corners: bool) -> Any:
    """The same for sizes that JAX knows by name only: in whole numbers, the parts of which a pixel has `new`."""
    old, new = xp.asarray(before, np.int32), xp.asarray(after, np.int32)
    if align_corners:
        shorter = new > 1
        count, parts = xp.where(shorter, old - 1, old), xp.where(shorter, new - 1, new)
    else:
        count, parts = old, new
    made = xp.arange(after, dtype=np.int32)[:, None]
    pixels = xp.arange(before, dtype=np.int32)
    starts, ends = made * count, (made + 1) * count
    # What lies behind the last pixel counts as that.
    behind = xp.where(pixels == old - 1, np.iinfo(np.int32).max, (pixels + 1) * parts)
    shared = xp.maximum(xp.minimum(behind, ends) - xp.maximum(pixels * parts, starts), 0)
    return shared.astype(np.float32) / count.astype(np.float32)
