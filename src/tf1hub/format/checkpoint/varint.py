"""Variable-length integers: seven bits a byte, lowest first, the top bit set on all but the last.

https://protobuf.dev/programming-guides/encoding/#varints
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["VarintError", "decode_varint", "encode_varint"]


class VarintError(ValueError):
    """The bytes hold no whole varint of so many bits; whoever reads a file says where."""


class _Bytes(Protocol):
    def __getitem__(self, index: int, /) -> int: ...


def encode_varint(value: int) -> bytes:
    """Returns the varint of a number that is not negative."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def decode_varint(data: _Bytes, position: int, end: int, bits: int = 64) -> tuple[int, int]:
    """Returns the number at `position` in `data`, and the position behind it.

    Raises:
        VarintError: it does not end before `end`, or has more than so many bits.
    """
    value = shift = 0
    for at in range(position, min(end, position + -(-bits // 7))):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> bits:
                break
            return value, at + 1
        shift += 7
    raise VarintError
