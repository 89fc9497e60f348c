"""Text files of word vectors: GloVe, word2vec's text format, fastText's `.vec`.

A line is a token and its numbers. The usual case is read many lines at a time, by a parser of JSON,
the fastest there is for numbers; a group with anything unusual is read once more, line by line.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf1hub.publish.word_vectors.collection import Collection
from tf1hub.publish.word_vectors.vector_file import VectorFile, VectorLayout

if TYPE_CHECKING:
    import numpy.typing as npt

_READ_BYTES = 4 << 20
_LINE_ENDS = (b" ", b"\r", b"\t")
_GROUP_NUMBERS = 16 * 1024
"""How many numbers are parsed at a time: what the parser makes of them stays in the processor's cache."""

_Parse = Callable[[list[bytes], int], "npt.NDArray[Any] | None"]
"""Parses lines of numbers with single spaces between them, each of so many; None where one is not that."""


def read_text(source: VectorFile, layout: VectorLayout, collection: Collection) -> None:
    """Reads all lines, or as many as the limit asks for."""
    parse = number_parser()
    group_lines = max(1, _GROUP_NUMBERS // layout.dimensions)
    number = 1
    if layout.has_header:
        source.read(source.peek(_READ_BYTES).index(b"\n") + 1)
        number = 2
    for lines in _line_blocks(source):
        for start in range(0, len(lines), group_lines):
            if collection.is_full:
                return
            group = lines[start : start + group_lines]
            numbers = range(number, number + len(group))
            if not _read_group(numbers, group, layout, collection, parse):
                for line_number, line in zip(numbers, group, strict=True):
                    _read_line(line_number, line, layout, collection)
            number += len(group)


def number_parser() -> _Parse:
    """The fastest parser of numbers that is installed."""
    try:
        import simdjson
    except ImportError:
        return _parse_with_numpy
    parser: Any = simdjson.Parser()

    def parse(lines: list[bytes], count: int) -> npt.NDArray[Any] | None:
        text = b"]\n[".join(lines)
        if b"," in text or text.count(b"[") >= len(lines):
            return None
        try:
            parsed = parser.parse(b"[[" + text.replace(b" ", b",").replace(b"\n", b",") + b"]]")
            rows = [memoryview(row.as_buffer(of_type="d")) for row in parsed]
        except (ValueError, TypeError, AttributeError):
            # Numbers that are none in JSON: 1. or .5 or +1 or nan.
            return _parse_with_numpy(lines, count)
        size = 8 * count
        if len(rows) != len(lines) or any(row.nbytes != size for row in rows):
            return None
        return np.frombuffer(b"".join(rows), np.float64).reshape(len(lines), count)

    return parse


def _parse_with_numpy(lines: list[bytes], count: int) -> npt.NDArray[Any] | None:
    if any(line.count(b" ") != count - 1 for line in lines):
        return None
    with warnings.catch_warnings():
        # It says so, and stops, where something is no number.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            numbers = np.fromstring(b" ".join(lines), sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    return numbers.reshape(len(lines), count) if numbers.size == len(lines) * count else None


def _line_blocks(source: VectorFile) -> Iterator[list[bytes]]:
    rest = b""
    while data := source.read(_READ_BYTES):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        yield lines
    if rest:
        yield [rest]


def _read_group(
    numbers: Sequence[int], lines: list[bytes], layout: VectorLayout, collection: Collection, parse: _Parse
) -> bool:
    """Reads lines that all are a token and the right count of numbers; False where one is not."""
    separator = layout.separator
    tokens, values = [], []
    for line in lines:
        if line[-1:] in _LINE_ENDS:
            line = line.rstrip(b" \r\t")
        end = line.find(separator)
        if end < 0:
            return False
        tokens.append(line[:end])
        values.append(line[end + 1 :] if separator == b" " else line[end + 1 :].replace(separator, b" "))
    parsed = parse(values, layout.dimensions)
    if parsed is None:
        return False
    collection.add(numbers, tokens, parsed)
    return True


def _read_line(number: int, line: bytes, layout: VectorLayout, collection: Collection) -> None:
    stripped = line.rstrip(b" \r\t")
    if not stripped:
        collection.report(number, "blank", "left out")
        return
    # Split from the end: a token may hold what separates numbers.
    fields = stripped.rsplit(layout.separator, layout.dimensions)
    if len(fields) <= layout.dimensions:
        found = len(fields) - 1
        collection.report(number, "ragged", f"{found} numbers instead of {layout.dimensions}; left out")
        return
    try:
        values = np.array([float(field) for field in fields[1:]])
    except ValueError:
        found = _count_numbers(stripped.split(layout.separator))
        what = (
            f"{found} numbers instead of {layout.dimensions}"
            if found != layout.dimensions
            else "not all are numbers"
        )
        collection.report(number, "ragged", f"{what}; left out")
        return
    collection.add([number], [fields[0]], values[np.newaxis])


def _count_numbers(fields: list[bytes]) -> int:
    """How many fields at the end of a line are numbers."""
    count = 0
    for field in reversed(fields[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count
