"""Snappy blocks, read: the compression of checkpoint indexes that Google's own builds write.

The format (https://github.com/google/snappy/blob/main/format_description.txt) is a length and a sequence
of elements. A literal brings bytes; a copy repeats bytes that came out before it, possibly its own.
Written in Python, so that an index can be read on every machine: an index is small, and elements are long.
"""

from __future__ import annotations

from tf1hub.format.checkpoint.varint import VarintError, decode_varint

__all__ = ["SnappyError", "decompress"]

# The tags of literals up to this length hold it; others say how many bytes of it follow.
_LONGEST_IN_TAG = 60


class SnappyError(ValueError):
    """What is wrong with the bytes, as the end of a sentence that starts with the block."""


def decompress(data: bytes, most: int) -> bytes:
    """Returns what a snappy block holds.

    Memory is taken as bytes come out, at most 64 for 3 that are read; what the block says of its own
    length is held against `most` before anything else, and against the bytes that came out at the end.

    Args:
        data: the block.
        most: how many bytes may come out.

    Raises:
        SnappyError: it is damaged, or more would come out.

    Example:
        >>> decompress(bytes.fromhex("0a 04 6162 1e 0200"), most=100)
        b'ababababab'
    """
    end = len(data)
    try:
        size, position = decode_varint(data, 0, end, bits=32)
    except VarintError:
        raise SnappyError("it does not start with a length of at most 32 bits") from None
    if size > most:
        raise SnappyError(f"it says that it holds {size} bytes; {most} are the most")
    out = bytearray()
    while position < end:
        start, tag = position, data[position]
        kind = tag & 3
        if kind == 0:
            position, length = _literal(data, position)
            if position + length > end:
                raise SnappyError(
                    f"the literal at its byte {start} has {length} bytes, and {max(0, end - position)} are left"
                )
            out += data[position : position + length]
            position += length
        else:
            position += 1
            width = 4 if kind == 3 else kind
            if position + width > end:
                raise SnappyError(f"the copy at its byte {start} is cut off")
            offset = int.from_bytes(data[position : position + width], "little")
            position += width
            length = (tag >> 2) + 1
            if kind == 1:
                length, offset = (tag >> 2 & 7) + 4, tag >> 5 << 8 | offset
            if not 0 < offset <= len(out):
                raise SnappyError(
                    f"the copy at its byte {start} goes back by {offset} bytes, after {len(out)} came out"
                )
            _repeat(out, offset, length)
        if len(out) > size:
            break
    if len(out) != size:
        found = f"more than {size}" if len(out) > size else str(len(out))
        raise SnappyError(f"it says that it holds {size} bytes, and {found} come out")
    return bytes(out)


def _literal(data: bytes, position: int) -> tuple[int, int]:
    """Returns where the bytes of the literal with this tag start, and how many they should be."""
    length = (data[position] >> 2) + 1
    position += 1
    if length <= _LONGEST_IN_TAG:
        return position, length
    width = length - _LONGEST_IN_TAG
    return position + width, int.from_bytes(data[position : position + width], "little") + 1


def _repeat(out: bytearray, offset: int, length: int) -> None:
    """Appends bytes from so far back; if that is nearer than they are many, they repeat themselves."""
    start = len(out) - offset
    if offset >= length:
        out += out[start : start + length]
    else:
        out += (out[start:] * (length // offset + 1))[:length]
