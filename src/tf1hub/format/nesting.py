"""How deep messages lie in each other, in bytes that protobuf does not read."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from tf1hub.errors import FormatError

MAX_NESTING = 100
"""Protobuf reads no messages that lie deeper in each other."""

_NESTED = (
    "{where} is damaged: its {size} bytes have messages inside of messages more than {limit} deep. The limit is {limit}, "
    "which is protobuf's own."
)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_nesting(data: bytes, message: type[Message], where: str) -> None:
    """Says of bytes that protobuf did not read whether they hold messages inside of messages, too deep for it.

    Args:
        data: a message in serialized form, whole or damaged.
        message: what kind it should be.
        where: the file's path, for messages.

    Raises:
        FormatError: they do.
    """
    if _is_too_deep(data, message.DESCRIPTOR):
        raise FormatError(_NESTED.format(where=where, size=len(data), limit=MAX_NESTING))


def _is_too_deep(data: bytes, message: Any) -> bool:
    waiting = [(message, 0, len(data), 0)]
    while waiting:
        kind, place, end, depth = waiting.pop()
        if depth > MAX_NESTING:
            return True
        while place < end:
            tag, place = _varint(data, place, end)
            wire = tag & 7
            if wire == _VARINT:
                _, place = _varint(data, place, end)
            elif wire == _FIXED64:
                place += 8
            elif wire == _FIXED32:
                place += 4
            elif wire == _BYTES:
                size, place = _varint(data, place, end)
                field = kind.fields_by_number.get(tag >> 3)
                if field is not None and field.message_type is not None:
                    waiting.append((field.message_type, place, min(place + size, end), depth + 1))
                place += size
            else:
                break
    return False


def _varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value, place
