"""Colours of images: contrast, hue, saturation. The last dimension has the channels, red, green and blue where three."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes


def _to_hsv(xp: Any, image: Any) -> tuple[Any, Any, Any]:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    value = xp.max(image, -1)
    spread = value - xp.min(image, -1)
    dtype = image.dtype.type
    saturation = xp.where(value > 0, spread / xp.where(value > 0, value, dtype(1)), dtype(0))
    norm = dtype(1) / (dtype(6) * xp.where(spread > 0, spread, dtype(1)))
    hue = xp.where(
        red == value,
        norm * (green - blue),
        xp.where(green == value, norm * (blue - red) + dtype(2 / 6), norm * (red - green) + dtype(4 / 6)),
    )
    hue = xp.where(spread > 0, hue, dtype(0))
    return xp.where(hue < 0, hue + dtype(1), hue), saturation, value


def _to_rgb(xp: Any, hue: Any, saturation: Any, value: Any) -> Any:
    dtype = value.dtype.type
    turn = hue * dtype(6)
    red = xp.clip(xp.abs(turn - dtype(3)) - dtype(1), dtype(0), dtype(1))
    green = xp.clip(dtype(2) - xp.abs(turn - dtype(2)), dtype(0), dtype(1))
    blue = xp.clip(dtype(2) - xp.abs(turn - dtype(4)), dtype(0), dtype(1))
    grey = dtype(1) - saturation
    return xp.stack([(grey + saturation * part) * value for part in (red, green, blue)], -1)


@computes("RGBToHSV")
def rgb_to_hsv(xp: Any, attributes: Attributes, image: Any) -> list[Any]:
    """Hue, saturation and value, each from 0 to 1."""
    return [xp.stack(_to_hsv(xp, image), -1)]


@computes("HSVToRGB")
def hsv_to_rgb(xp: Any, attributes: Attributes, image: Any) -> list[Any]:
    """The way back."""
    return [_to_rgb(xp, image[..., 0], image[..., 1], image[..., 2])]


@computes("AdjustContrastv2")
def adjust_contrast(xp: Any, attributes: Attributes, images: Any, factor: Any) -> list[Any]:
    """The distance of each pixel from its channel's mean, times a factor."""
    mean = xp.mean(images.astype(np.float32), (-3, -2), keepdims=True)
    return [((images.astype(np.float32) - mean) * factor + mean).astype(images.dtype)]


@computes("AdjustHue")
def adjust_hue(xp: Any, attributes: Attributes, images: Any, delta: Any) -> list[Any]:
    """The hue turned by a part of the circle."""
    hue, saturation, value = _to_hsv(xp, images.astype(np.float32))
    return [_to_rgb(xp, xp.mod(hue + delta, np.float32(1)), saturation, value).astype(images.dtype)]


@computes("AdjustSaturation")
def adjust_saturation(xp: Any, attributes: Attributes, images: Any, scale: Any) -> list[Any]:
    """The saturation times a factor, between 0 and 1."""
    hue, saturation, value = _to_hsv(xp, images.astype(np.float32))
    saturation = xp.clip(saturation * scale, np.float32(0), np.float32(1))
    return [_to_rgb(xp, hue, saturation, value).astype(images.dtype)]
