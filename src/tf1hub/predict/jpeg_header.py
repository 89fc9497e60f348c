"""What the first bytes of a JPEG say of it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

_SEGMENT = struct.Struct(">BBH")
_FRAME = struct.Struct(">BHHB")
_PASSED = frozenset([0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)])
"""Tables, restart intervals, comments, and what applications say."""
_SEQUENTIAL = (0xC0, 0xC1)


class JpegHeader(NamedTuple):
    """A JPEG.

    Attributes:
        height: pixels.
        width: pixels.
        components: 1 is grey, 3 are colours.
    """

    height: int
    width: int
    components: int


def read_jpeg_header(data: bytes) -> JpegHeader | None:
    """The header of a JPEG that is written as most are; None of anything else: a progressive one, a cut one, another kind of file.

    >>> read_jpeg_header(b"\\x89PNG") is None
    True

    Args:
        data: all bytes of the file.
    """
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return None
    at = 2
    try:
        while True:
            begin, marker, length = _SEGMENT.unpack_from(data, at)
            if begin != 0xFF:
                return None
            if marker in _SEQUENTIAL:
                bits, *sizes = _FRAME.unpack_from(data, at + 4)
                return JpegHeader(*sizes) if bits == 8 else None
            if marker not in _PASSED:
                return None
            at += 2 + length
    except struct.error:
        return None


def sort_jpegs(files: Sequence[Any], height: int, width: int) -> tuple[list[int], list[int]]:
    """The numbers of the JPEGs of a size that are written as most are, grey or coloured; and of all other files."""
    fit: list[int] = []
    others: list[int] = []
    for number, data in enumerate(files):
        header = read_jpeg_header(data) if type(data) is bytes else None
        is_plain = header is not None and header[:2] == (height, width) and header.components in (1, 3)
        (fit if is_plain else others).append(number)
    return fit, others
