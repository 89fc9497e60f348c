"""JPEGs decoded by simplejpeg, where it is installed: one call for each, and hardly any Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.predict.jpeg_header import sort_jpegs


class SimplejpegReader:
    """Decodes JPEGs that have the size that is wanted.

    The pixels are Pillow's to the bit: both have libjpeg-turbo, with its accurate transform. What simplejpeg refuses or warns
    of, and what is not written as most JPEGs are, is left to Pillow.

    Args:
        decode: `simplejpeg.decode_jpeg`.
    """

    def __init__(self, decode: Callable[..., Any]) -> None:
        self._decode = decode

    def read(self, files: Sequence[Any], pixels: npt.NDArray[np.uint8]) -> list[int]:
        """Fills in the pixels of grey or coloured files; see `ImageReader`."""
        fit, others = sort_jpegs(files, *pixels.shape[1:3])
        colours = "GRAY" if pixels.shape[3] == 1 else "RGB"
        for number in fit:
            try:
                self._decode(files[number], colours, buffer=pixels[number], strict=True)
            except (TypeError, ValueError):
                pixels[number] = 0
                others.append(number)
        return sorted(others)


def find_simplejpeg() -> SimplejpegReader | None:
    """A reader; None where simplejpeg is not installed, or cannot be imported."""
    try:
        from simplejpeg import decode_jpeg
    except ImportError:
        return None
    return SimplejpegReader(decode_jpeg)
