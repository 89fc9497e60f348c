"""What was read of a file of word vectors: tokens to a vocabulary file, vectors to a spool."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

_KEPT_PROBLEMS = 1000
"""How many problems are kept one by one; the others are counted."""
_CHUNK_BYTES = 1 << 20
_SPECIAL = b"\\\t\r\x0b\x0c\x1c\x1d\x1e\x1f"
"""What is an odd space or needs an escape."""


@dataclass(frozen=True)
class Problem:
    """Something odd in a file of word vectors.

    Attributes:
        line: the line's number, from 1; of a binary file the record's.
        kind: `"duplicate"`, `"ragged"`, `"blank"`, `"not a number"`, `"empty token"` or `"odd space"`.
        detail: what was found, in words.
    """

    line: int
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.kind}: {self.detail}"


class Collection:
    """Takes vectors as they come, and keeps none of them in memory.

    Args:
        directory: for the vocabulary and the spool of the vectors, float32 and little-endian.
        dimensions: the length of a vector.
        limit: the most vectors to take; None for all.
        lowercase: tokens are lowercased.
        l2_normalize: vectors are scaled to length 1; those of zeros stay.
    """

    def __init__(
        self, directory: str, dimensions: int, limit: int | None, lowercase: bool, l2_normalize: bool
    ) -> None:
        self.dimensions = dimensions
        self.count = 0
        self.problems: list[Problem] = []
        self.problem_counts: Counter[str] = Counter()
        self.vocabulary_path = os.path.join(directory, "tokens.txt")
        self.escaped = False
        self._backslashes = False
        self._spool_path = os.path.join(directory, "vectors")
        self._limit = limit
        self._lowercase = lowercase
        self._l2_normalize = l2_normalize
        self._seen: set[bytes] = set()

    def __enter__(self) -> Collection:
        self._vocabulary = open(self.vocabulary_path, "wb")
        self._spool = open(self._spool_path, "wb", buffering=_CHUNK_BYTES)
        return self

    def __exit__(self, *_: object) -> None:
        self._vocabulary.close()
        self._spool.close()

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.count >= self._limit

    def report(self, line: int, kind: str, detail: str) -> None:
        """Notes something odd."""
        self.problem_counts[kind] += 1
        if len(self.problems) < _KEPT_PROBLEMS:
            self.problems.append(Problem(line, kind, detail))

    def add(self, lines: Sequence[int], tokens: Sequence[bytes], vectors: npt.NDArray[Any]) -> None:
        """Takes vectors, duplicates and those with what is no number left out.

        Args:
            lines: their line numbers.
            tokens: their tokens.
            vectors: floating point, of the shape [number of tokens, dimensions].
        """
        import numpy as np

        if self._add_plain(tokens, vectors):
            return
        finite = np.isfinite(vectors.sum(axis=1))
        rows = []
        for row, (line, token) in enumerate(zip(lines, tokens, strict=True)):
            if self.is_full:
                break
            if not finite[row] and not np.isfinite(vectors[row]).all():
                self.report(
                    line, "not a number", f"the vector of {_show(token)} has a NaN or infinity; left out"
                )
                continue
            name = _lower(token) if self._lowercase else token
            if name in self._seen:
                self.report(line, "duplicate", f"{_show(name)} was there before; the first one stays")
                continue
            self._seen.add(name)
            self._write_token(line, name)
            self.count += 1
            rows.append(row)
        if len(rows) < len(tokens):
            vectors = vectors[rows]
        self._write_vectors(vectors)

    def _add_plain(self, tokens: Sequence[bytes], vectors: npt.NDArray[Any]) -> bool:
        """Takes vectors together where nothing about them is special, the usual case; else says False."""
        import numpy as np

        text = b"\n".join(tokens)
        if (
            not text.isascii()
            or text.translate(None, _SPECIAL) != text
            or b"\n\n" in text
            or text[:1] == b"\n"
        ):
            return False
        names = text.lower().split(b"\n") if self._lowercase else tokens
        new = set(names)
        if len(new) < len(tokens) or not self._seen.isdisjoint(new) or not np.isfinite(vectors.sum()):
            return False
        if self._limit is not None and self.count + len(tokens) > self._limit:
            return False
        if text.count(b"\n") != len(tokens) - 1 or text[-1:] in (b"\n", b""):
            return False
        self._seen |= new
        self._vocabulary.write(b"\n".join(names) + b"\n")
        self.count += len(tokens)
        self._write_vectors(vectors)
        return True

    def _write_vectors(self, vectors: npt.NDArray[Any]) -> None:
        import numpy as np

        if self._l2_normalize:
            vectors = _normalize(vectors)
        self._spool.write(np.ascontiguousarray(vectors, dtype="<f4").data)

    def chunks(self, extra_rows: int) -> Iterator[bytes]:
        """The bytes of all vectors, then those of `extra_rows` vectors of zeros."""
        with open(self._spool_path, "rb", buffering=0) as spool:
            while chunk := spool.read(_CHUNK_BYTES):
                yield chunk
        yield bytes(4 * self.dimensions * extra_rows)

    def finish(self) -> None:
        """Takes the escapes out of the vocabulary file where no token needs them; see `escape`."""
        self._seen.clear()
        if self.escaped or not self._backslashes:
            return
        escaped_path = self.vocabulary_path + ".escaped"
        os.replace(self.vocabulary_path, escaped_path)
        with open(escaped_path, "rb") as source, open(self.vocabulary_path, "wb") as target:
            target.writelines(line.replace(b"\\\\", b"\\") for line in source)
        os.remove(escaped_path)

    def _write_token(self, line: int, token: bytes) -> None:
        if not token or b"\r" in token or b"\n" in token:
            self.escaped = True
        if b"\\" in token:
            self._backslashes = True
        self._vocabulary.write(escape(token) + b"\n")
        if not token:
            self.report(line, "empty token", "the line begins with a separator; kept")
        elif spaces := _odd_spaces(token):
            self.report(line, "odd space", f"{_show(token)} holds {spaces}; kept as a part of the token")


def escape(token: bytes) -> bytes:
    """A token as one line that TensorFlow reads back unchanged.

    TensorFlow drops every carriage return when it reads a line and refuses an empty one, and a line
    break would end it. Where a token has any of these, the graph escapes what it looks up in the same
    way.
    """
    if not token:
        return b"\\e"
    if b"\\" in token or b"\r" in token or b"\n" in token:
        return token.replace(b"\\", b"\\\\").replace(b"\r", b"\\r").replace(b"\n", b"\\n")
    return token


def _lower(token: bytes) -> bytes:
    try:
        return token.decode().lower().encode()
    except UnicodeDecodeError:
        return token.lower()


def _odd_spaces(token: bytes) -> str:
    """The spaces in a token that are none to a reader of plain ASCII, by their code points."""
    if token.isascii() and not _ASCII_SPACES.intersection(token):
        return ""
    found = {
        character for character in token.decode(errors="ignore") if character.isspace() and character != " "
    }
    return ", ".join(f"U+{ord(character):04X}" for character in sorted(found))


_ASCII_SPACES = frozenset(b"\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f")


def _normalize(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import numpy as np

    wide = np.asarray(vectors, np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, np.newaxis]
    result: npt.NDArray[Any] = wide / np.where(lengths > 0, lengths, 1)
    return result


def _show(token: bytes) -> str:
    return repr(token.decode(errors="backslashreplace"))
