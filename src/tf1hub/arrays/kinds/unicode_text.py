"""Text in Unicode's encodings: characters by number, and one encoding as another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes
from tf1hub.arrays.string_arrays import Strings, each, string_array
from tf1hub.errors import InputError


def _characters(data: bytes, attributes: Attributes) -> Iterator[tuple[str, int]]:
    """Each character and where its bytes begin; what is none is replaced, left out or refused as the attributes say."""
    encoding = attributes["input_encoding"]
    at = 0
    while at < len(data):
        try:
            good, bad = data[at:].decode(encoding), (len(data), len(data))
        except UnicodeDecodeError as error:
            good, bad = data[at : at + error.start].decode(encoding), (at + error.start, at + error.end)
        for character in good:
            control = attributes.get("replace_control_characters", False) and ord(character) < 0x20
            yield from _instead(data, at, attributes) if control else [(character, at)]
            at += len(character.encode(encoding))
        if bad[0] < bad[1]:
            yield from _instead(data, bad[0], attributes)
            at = bad[1]


def _instead(data: bytes, at: int, attributes: Attributes) -> list[tuple[str, int]]:
    """What stands for a character that is not to be there."""
    if attributes["errors"] == "strict":
        raise InputError(f"The bytes {data!r} are no {attributes['input_encoding']}.")
    return [(chr(attributes["replacement_char"]), at)] if attributes["errors"] == "replace" else []


def _encoding(name: str) -> str:
    """Of an output; Python would put a mark before text of UTF-16 without a byte order."""
    return name.replace("_", "-") if name.endswith("BE") or name == "UTF-8" else f"{name}-BE"


@computes("UnicodeTranscode", host=True)
def transcode(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """One encoding as another."""
    to = _encoding(attributes["output_encoding"])
    return [each(lambda text: "".join(c for c, _ in _characters(text, attributes)).encode(to), strings)]


@computes("UnicodeDecode", host=True)
def decode(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """The characters of all strings by number, with row splits."""
    return _decode(strings, attributes)[:2]


@computes("UnicodeDecodeWithOffsets", host=True)
def decode_with_offsets(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """The characters of all strings by number, with row splits, and where in its string each begins."""
    return _decode(strings, attributes)


def _decode(strings: Strings, attributes: Attributes) -> list[Any]:
    rows = [list(_characters(text, attributes)) for text in strings.reshape(-1).tolist()]
    splits = np.cumsum([0, *map(len, rows)]).astype(attributes.get("Tsplits", np.int64))
    codes = np.array([ord(character) for row in rows for character, _ in row], np.int32)
    return [splits, codes, np.array([at for row in rows for _, at in row], np.int64)]


@computes("UnicodeEncode", host=True)
def encode(xp: Any, attributes: Attributes, codes: Any, splits: Any) -> list[Any]:
    """Strings from the numbers of their characters."""
    to, errors = _encoding(attributes["output_encoding"]), attributes["errors"]

    def character(code: int) -> str:
        if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
            return chr(code)
        if errors == "strict":
            raise InputError(f"UnicodeEncode: there is no character {code}.")
        return chr(attributes["replacement_char"]) if errors == "replace" else ""

    edges = splits.tolist()
    rows = [codes[start:end].tolist() for start, end in itertools.pairwise(edges)]
    return [string_array("".join(map(character, row)).encode(to) for row in rows)]
