"""A file of word vectors: opened, unpacked, and its kind told."""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tf1hub.errors import Error, FormatError
from tf1hub.progress import Advance
from tf1hub.storage import place_at
from tf1hub.storage.stream import Stream

FORMATS = ("glove", "word2vec", "word2vec-binary", "fasttext")

_GZIP = b"\x1f\x8b"
_SAMPLE_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 20
_SAMPLE_LINES = 1000


class VectorFile:
    """Reads a file forwards, unpacked, and says how far it got.

    Args:
        path: the file; a gzip file is known by its first bytes.
        report: is told after each read.
    """

    def __init__(self, path: str | os.PathLike[str], report: Advance | None = None) -> None:
        self.path = os.fspath(path)
        self._report = report
        self._ahead = b""
        self._files = contextlib.ExitStack()

    def __enter__(self) -> VectorFile:
        place = place_at(self.path)
        self._size = place.size("") or 0
        self._stream = Stream(place.chunks(""))
        self._raw = self._files.enter_context(io.BufferedReader(self._stream, _BUFFER_BYTES))
        self._unpacked: Any = self._raw
        if self._raw.peek(2)[:2] == _GZIP:
            from isal import igzip

            unpack: Any = igzip.open
            self._unpacked = self._files.enter_context(unpack(self._raw))
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer at the end of the file alone.

        Raises:
            FormatError: the file cannot be read, or is a damaged or cut gzip file.
        """
        data = self._ahead[:size]
        self._ahead = self._ahead[size:]
        if len(data) < size:
            data += self._read(size - len(data))
        return data

    def peek(self, size: int) -> bytes:
        """The same, without moving on."""
        if len(self._ahead) < size:
            self._ahead += self._read(size - len(self._ahead))
        return self._ahead[:size]

    def _read(self, size: int) -> bytes:
        try:
            data: bytes = self._unpacked.read(size)
        except Error:
            raise
        except (OSError, EOFError, zlib.error) as error:
            raise FormatError(f"The word vectors {self.path} are damaged or were cut: {error}.") from error
        if self._report is not None:
            self._report(self._stream.position, self._size)
        return data


@dataclass(frozen=True)
class VectorLayout:
    """How a file is to be read.

    Attributes:
        format: one of `FORMATS`.
        count: the number of vectors that a header line promises; None without one.
        dimensions: the length of a vector.
        separator: what stands between a token and numbers, one byte.
    """

    format: str
    count: int | None
    dimensions: int
    separator: bytes = b" "

    @property
    def has_header(self) -> bool:
        """Whether the first line says count and dimensions."""
        return self.format != "glove"


def layout_of(source: VectorFile, given: str | None) -> VectorLayout:
    """Tells how a file is to be read, from its beginning.

    Args:
        source: the file, at its start.
        given: one of `FORMATS`, or None to find out.

    Raises:
        FormatError: it is no file of word vectors, or not of the format given.
    """
    sample = source.peek(_SAMPLE_BYTES)
    header = _header(sample)
    if given is not None and given != "glove" and header is None:
        first = sample.split(b"\n", 1)[0][:60]
        raise FormatError(
            f"{source.path} is not of the format {given!r}: its first line should be two numbers, the count of vectors "
            f"and their length, but it is {first.decode(errors='replace')!r}."
        )
    if given == "word2vec-binary":
        assert header is not None
        return VectorLayout(given, *header)
    separator, dimensions = _dimensions(
        sample, source.path, skip_header=header is not None and given != "glove"
    )
    if given == "glove":
        return VectorLayout(given, None, dimensions, separator)
    if given is not None and header is not None:
        return VectorLayout(given, *header, separator)
    if header is None:
        return VectorLayout("glove", None, dimensions, separator)
    if dimensions == header[1]:
        return VectorLayout("word2vec", *header, separator)
    if dimensions == 1 and _ends_in_numbers(_whole_lines(sample, skip_header=True), separator):
        # Two columns: a word and a number each, and the word of the first line is a number.
        return VectorLayout("glove", None, dimensions, separator)
    return VectorLayout("word2vec-binary", *header)


def _ends_in_numbers(lines: Iterable[bytes], separator: bytes) -> bool:
    for line in lines:
        try:
            float(line.rpartition(separator)[2])
        except ValueError:
            return False
    return True


def _header(sample: bytes) -> tuple[int, int] | None:
    fields = sample.split(b"\n", 1)[0].split()
    if len(fields) == 2 and all(field.isdigit() for field in fields) and int(fields[1]) > 0:
        return int(fields[0]), int(fields[1])
    return None


def _dimensions(sample: bytes, path: str, skip_header: bool) -> tuple[bytes, int]:
    """The separator, and how many numbers most lines have: a token with spaces has more fields."""
    lines = list(_whole_lines(sample, skip_header))
    separator = b"\t" if lines and all(b"\t" in line and b" " not in line for line in lines) else b" "
    counts = Counter(line.count(separator) for line in lines)
    counts.pop(0, None)
    if not counts:
        if skip_header:
            return separator, 0
        raise FormatError(
            f"{path} holds no word vectors: none of its first lines is a word followed by numbers. "
            f"Known formats: {', '.join(FORMATS)}, each also packed with gzip."
        )
    return separator, counts.most_common(1)[0][0]


def _whole_lines(sample: bytes, skip_header: bool) -> Iterator[bytes]:
    lines = sample.split(b"\n")
    if len(sample) >= _SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    for line in lines[1 if skip_header else 0 :][:_SAMPLE_LINES]:
        stripped = line.rstrip(b" \t\r")
        if stripped:
            yield stripped
