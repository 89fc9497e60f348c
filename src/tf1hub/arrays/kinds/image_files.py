"""Images from the bytes of their files, by Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes
from tf1hub.errors import InputError, MissingDependencyError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GREY_OF_PNG = np.array([9797, 19234, 3737])
"""libpng's weights of red, green and blue, of 32768."""


def _open(contents: Any) -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "Reading image files without TensorFlow needs Pillow, which is not installed. Install it with: "
            "pip install pillow"
        ) from error
    try:
        image = Image.open(io.BytesIO(contents[()]))
        image.load()
    except OSError as error:
        raise InputError(
            f"The {len(contents[()])} bytes that were given are no image that can be read: {error}"
        ) from error
    return image


def _pixels(image: Any, channels: int) -> Any:
    """One picture as `[height, width, channels]`, uint8 or uint16."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.uint16)[..., None]
        return deep if channels in (0, 1) else np.repeat(deep, 3, -1)
    own = {"1": 1, "L": 1, "LA": 2, "P": 4 if "transparency" in image.info else 3, "RGBA": 4}.get(
        image.mode, 3
    )
    count = channels or own
    if count == 1 and own > 2 and image.format == "PNG":
        colours = np.asarray(image.convert("RGB")).astype(np.int64)
        return ((colours @ _GREY_OF_PNG) >> 15).astype(np.uint8)[..., None]
    if count == 2:
        return np.asarray(image.convert("LA"))
    array = np.asarray(image.convert(_MODES[count]))
    return array[..., None] if array.ndim == 2 else array


def _as_dtype(pixels: Any, dtype: Any) -> Any:
    """Numbers of another range, as libpng makes them; floating-point numbers are from 0 to 1."""
    if dtype.kind == "f":
        return (pixels / np.iinfo(pixels.dtype).max).astype(dtype)
    if dtype == pixels.dtype:
        return pixels
    return pixels.astype(dtype) * dtype.type(257) if dtype.itemsize == 2 else (pixels >> 8).astype(dtype)


@computes("DecodeJpeg", "DecodePng", host=True)
def decode(xp: Any, attributes: Attributes, contents: Any) -> list[Any]:
    """A picture, `[height, width, channels]`, whatever kind of file it is.

    TensorFlow's own reader of JPEG is another build of libjpeg, with a coarser transform: numbers differ by a few of 255.
    `ratio` makes a JPEG smaller.
    """
    image = _open(contents)
    ratio = attributes.get("ratio", 1)
    pixels = _pixels(image, attributes["channels"])
    if ratio > 1:
        height, width = (-(-size // ratio) for size in pixels.shape[:2])
        pixels = _pixels(
            image.resize((width, height), box=(0, 0, *image.size), reducing_gap=None), attributes["channels"]
        )
    return [_as_dtype(pixels, attributes.get("dtype", np.dtype(np.uint8)))]


@computes("DecodeBmp", host=True)
def decode_bmp(xp: Any, attributes: Attributes, contents: Any) -> list[Any]:
    """A picture, `[height, width, channels]`."""
    return [_pixels(_open(contents), attributes["channels"])]


@computes("DecodeGif", host=True)
def decode_gif(xp: Any, attributes: Attributes, contents: Any) -> list[Any]:
    """All frames, `[frames, height, width, 3]`."""
    return [_frames(_open(contents))]


def _frames(image: Any) -> Any:
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
    return np.stack(frames)


@computes("DecodeImage", host=True)
def decode_any(xp: Any, attributes: Attributes, contents: Any) -> list[Any]:
    """A picture of any kind of file; of a GIF all frames, or the first."""
    image = _open(contents)
    dtype = attributes["dtype"]
    if image.format == "GIF":
        frames = _frames(image)
        return [_as_dtype(frames if attributes["expand_animations"] else frames[0], dtype)]
    return [_as_dtype(_pixels(image, attributes["channels"]), dtype)]
