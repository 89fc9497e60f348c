"""Snappy blocks for tests, element by element, and a writer that takes a copy wherever there is one."""

from __future__ import annotations

from tf1hub.format.checkpoint.varint import encode_varint

LONGEST_COPY = 64


def literal(data: bytes, width: int = 0) -> bytes:
    """A literal whose length takes that many bytes behind the tag, or has room in the tag."""
    if not width:
        assert 1 <= len(data) <= 60
        return bytes([len(data) - 1 << 2]) + data
    return bytes([59 + width << 2]) + (len(data) - 1).to_bytes(width, "little") + data


def copy(offset: int, length: int, width: int) -> bytes:
    """A copy whose offset takes that many bytes: 1 (with three bits of the tag), 2 or 4."""
    if width == 1:
        assert 4 <= length <= 11
        return bytes([offset >> 8 << 5 | length - 4 << 2 | 1, offset & 0xFF])
    return bytes([length - 1 << 2 | (2 if width == 2 else 3)]) + offset.to_bytes(width, "little")


def compress(data: bytes) -> bytes:
    """A whole block, with the shortest element that says each thing."""
    out, position, literal_start = bytearray(encode_varint(len(data))), 0, 0
    seen: dict[bytes, int] = {}

    def put_literal(end: int) -> None:
        while (start := end - remaining[0]) < end:
            piece = data[start : min(end, start + (1 << 16))]
            width = 0 if len(piece) <= 60 else 1 if len(piece) <= 256 else 2
            out.extend(literal(piece, width))
            remaining[0] -= len(piece)

    remaining = [0]
    while position < len(data):
        key = data[position : position + 4]
        found = seen.get(key) if len(key) == 4 else None
        seen[key] = position
        if found is None:
            position += 1
            continue
        length = 4
        while (
            length < LONGEST_COPY
            and data[found + length : found + length + 1]
            == data[position + length : position + length + 1]
            != b""
        ):
            length += 1
        remaining[0] = position - literal_start
        put_literal(position)
        offset = position - found
        width = 1 if length <= 11 and offset < 1 << 11 else 2 if offset < 1 << 16 else 4
        out += copy(offset, length, width)
        position += length
        literal_start = position
    remaining[0] = position - literal_start
    put_literal(position)
    return bytes(out)
