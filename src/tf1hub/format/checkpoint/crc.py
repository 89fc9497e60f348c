"""CRC-32C as LevelDB and TensorFlow store it: masked, because the checksum of data that has checksums in it would tell little.

https://github.com/google/leveldb/blob/main/util/crc32c.h
"""

from __future__ import annotations

import google_crc32c

__all__ = ["crc32c", "mask", "unmask"]

_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes, start: int = 0) -> int:
    """Returns the CRC-32C of `data`, going on from `start`, the CRC-32C of what came before it."""
    return int(google_crc32c.extend(start, data))


def mask(crc: int) -> int:
    """Returns the form in which a checksum is stored: rotated right by 15 bits, plus a constant."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def unmask(masked: int) -> int:
    """Returns the checksum whose stored form is `masked`."""
    rotated = (masked - _MASK_DELTA) & 0xFFFFFFFF
    return ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF
