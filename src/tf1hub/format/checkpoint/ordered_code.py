"""The keys of slices: byte strings that sort like the (name, slice) pairs they stand for.

TensorFlow's `OrderedCode` (tensorflow/core/lib/strings/ordered_code.h), as far as its
`EncodeTensorNameSlice` (tensorflow/core/util/saved_tensor_slice_util.cc) uses it.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FULL_EXTENT", "decode_slice_name", "encode_slice_key", "is_slice_key"]

FULL_EXTENT = -1
"""The length that stands for a whole dimension."""

_TERMINATOR = b"\x00\x01"
# A signed number of n bytes starts with n one bits, xor-ed onto its big-endian two's complement.
_LENGTH_BITS = (0, 0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE, 0xFF, 0xFF80, 0xFFC0)


def _encode_bytes(value: bytes) -> bytes:
    escaped = bytearray()
    for byte in value:
        escaped.append(byte)
        if byte == 0x00:
            escaped.append(0xFF)
        elif byte == 0xFF:
            escaped.append(0x00)
    return bytes(escaped) + _TERMINATOR


def _encode_unsigned(value: int) -> bytes:
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _encode_signed(value: int) -> bytes:
    magnitude = ~value if value < 0 else value
    length = magnitude.bit_length() // 7 + 1
    digits = int.from_bytes(value.to_bytes(length, "big", signed=True), "big")
    # The header's bits lie in the first byte, and from nine bytes on in the first two.
    header_bytes = 1 if length <= 8 else 2
    return (digits ^ _LENGTH_BITS[length] << 8 * (length - header_bytes)).to_bytes(length, "big")


def encode_slice_key(name: str, starts: Sequence[int], lengths: Sequence[int]) -> bytes:
    """Returns the key under which an index lists one slice of a partitioned tensor.

    Args:
        name: the tensor's name.
        starts: where the slice starts, one per dimension.
        lengths: how long it is; `FULL_EXTENT` (with start 0) for a whole dimension.
    """
    encoded = _encode_unsigned(0) + _encode_bytes(name.encode()) + _encode_unsigned(len(starts))
    for start, length in zip(starts, lengths, strict=True):
        encoded += _encode_signed(start) + _encode_signed(length)
    return encoded


def is_slice_key(key: bytes) -> bool:
    """Says whether a key is a slice's: those start with the number 0, which no name does."""
    return key[:1] == b"\x00"


def decode_slice_name(key: bytes) -> bytes:
    """Returns the name in a slice's key, as far as it can be made out; for messages."""
    name = key[1:].split(_TERMINATOR)[0]
    return name.replace(b"\x00\xff", b"\x00").replace(b"\xff\x00", b"\xff")
