"""Strings: cases, splitting, joining, pieces, numbers as text."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes, text_bytes
from tf1hub.arrays.op_table import Kernel, computes
from tf1hub.arrays.string_arrays import Strings, each, each_number, string_array
from tf1hub.errors import InputError

_SPACES = b" \t\n\v\f\r"


def _change_case(change: str) -> Callable[..., list[Any]]:
    def convert(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
        if attributes["encoding"] == "utf-8":
            return [each(lambda text: getattr(text.decode(errors="replace"), change)().encode(), strings)]
        return [each(lambda text: getattr(text, change)(), strings)]  # of bytes: ASCII alone

    return convert


computes("StringLower", host=True)(_change_case("lower"))
computes("StringUpper", host=True)(_change_case("upper"))


@computes("StringStrip", host=True)
def strip(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """Without white space at both ends."""
    return [each(lambda text: text.strip(_SPACES), strings)]


@computes("StringLength", host=True)
def length(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """Bytes, or characters of UTF-8 (bytes that continue none)."""
    if attributes["unit"] == "UTF8_CHAR":
        return [each_number(lambda text: sum((byte & 0xC0) != 0x80 for byte in text), strings, np.int32)]
    return [each_number(len, strings, np.int32)]


@computes("StringJoin", host=True)
def join(xp: Any, attributes: Attributes, *inputs: Strings) -> list[Any]:
    """Strings of several tensors joined element by element; scalars go with each."""
    separator = text_bytes(attributes["separator"])
    parts = np.broadcast_arrays(*inputs)
    rows = zip(*(part.reshape(-1).tolist() for part in parts), strict=True)
    return [string_array((separator.join(row) for row in rows), parts[0].shape)]


@computes("ReduceJoin", host=True)
def join_along(xp: Any, attributes: Attributes, strings: Strings, axes: Any) -> list[Any]:
    """Strings joined along axes, along the first one first."""
    separator, rank = text_bytes(attributes["separator"]), strings.ndim
    wanted = [axis % rank for axis in np.asarray(axes).reshape(-1).tolist()] if rank else []
    if np.asarray(axes).size == 0 and np.asarray(axes).ndim == 1:
        return [strings]
    kept = [axis for axis in range(rank) if axis not in wanted]
    moved = strings.transpose([*kept, *reversed(wanted)])
    shape = tuple(strings.shape[axis] for axis in kept)
    count = int(np.prod([strings.shape[axis] for axis in wanted], dtype=np.int64))
    rows = moved.reshape(int(np.prod(shape, dtype=np.int64)), count).tolist()
    if attributes["keep_dims"]:
        shape = tuple(1 if axis in wanted else size for axis, size in enumerate(strings.shape))
    return [string_array((separator.join(row) for row in rows), shape)]


@computes("UnsortedSegmentJoin", host=True)
def join_segments(xp: Any, attributes: Attributes, strings: Strings, ids: Any, count: Any) -> list[Any]:
    """Strings joined by segment."""
    separator, size = text_bytes(attributes["separator"]), int(count)
    shape = strings.shape[ids.ndim :]
    rows = strings.reshape(ids.size, -1)
    found = [[b""] * rows.shape[1] for _ in range(size)]
    for segment, row in zip(ids.reshape(-1).tolist(), rows.tolist(), strict=True):
        if segment >= 0:
            # TensorFlow's kernel puts no separator behind what is empty so far.
            found[segment] = [
                old + separator + new if old else new for old, new in zip(found[segment], row, strict=True)
            ]
    return [string_array((text for row in found for text in row), (size, *shape))]


_FEW = 64
_INDICES: dict[int, bytes] = {}
"""The indices of the words of one text, as bytes, for few and short texts; by the text's number and length."""


def _indices_of(row: int, length: int) -> bytes:
    found = _INDICES.get(row * _FEW + length)
    if found is None:
        indices = np.zeros((length, 2), np.int64)
        indices[:, 0], indices[:, 1] = row, range(length)
        found = _INDICES[row * _FEW + length] = indices.tobytes()
    return found


def _sparse(rows: list[list[bytes]]) -> list[Any]:
    """Rows of strings as indices, values and shape of a sparse matrix; the values as a list; and whether each row has one."""
    return _with_indices(list(itertools.chain.from_iterable(rows)), list(map(len, rows)))


def _with_indices(pieces: list[bytes], lengths: list[int]) -> list[Any]:
    """The same for rows one after another, and how long each is."""
    longest = max(lengths, default=0)
    if longest < _FEW and 0 < len(lengths) <= _FEW:
        # Of few texts, what takes long is that NumPy is called at all.
        parts = [_indices_of(row, length) for row, length in enumerate(lengths) if length]
        indices = np.frombuffer(bytearray().join(parts), np.int64).reshape(-1, 2)
    else:
        indices = np.zeros((len(pieces), 2), np.int64)
        sizes = np.array(lengths, np.int64)
        indices[:, 0] = of = np.arange(len(sizes)).repeat(sizes)
        indices[:, 1] = np.arange(len(pieces)) - (sizes.cumsum() - sizes)[of]
    return [indices, pieces, np.array([len(lengths), longest], np.int64), 0 not in lengths]


def _split(xp: Any, attributes: Attributes, strings: Strings, delimiter: Any) -> list[Any]:
    marks = delimiter.item(0)
    texts = strings.tolist()
    first = marks[:1]
    if len(marks) > 1:
        for mark in marks[1:]:
            texts = [text.replace(bytes([mark]), first) for text in texts]
    if marks and attributes["skip_empty"]:
        # Most texts have one mark between two words, and none elsewhere: all of them are one text then.
        together = first.join(texts)
        if not (first + first in together or together[:1] in (b"", first) or together[-1:] == first):
            return _with_indices(together.split(first), [text.count(first) + 1 for text in texts])
    if marks:
        rows = [text.split(first) if text else [] for text in texts]
    else:
        rows = [[text[at : at + 1] for at in range(len(text))] for text in texts]
    found = _sparse(rows)
    if attributes["skip_empty"] and b"" in found[1]:
        return _sparse([[piece for piece in row if piece] for row in rows])
    return found


def _split_like_python(xp: Any, attributes: Attributes, strings: Strings, separator: Any) -> list[Any]:
    mark = separator.reshape(-1)[0]
    limit = attributes["maxsplit"]
    if mark:
        return _sparse([text.split(mark, limit) if text else [b""] for text in strings.tolist()])
    rows = [text.split(None, limit) for text in strings.tolist()]
    # TensorFlow's kernel gives what follows the last split, though nothing does.
    return _sparse([[*row, b""] if len(row) == limit else row for row in rows])


CUTS = {
    "StringSplit": Kernel(_split, "computes", host=True),
    "StringSplitV2": Kernel(_split_like_python, "computes", host=True),
}
"""What cuts texts into words, by op type: it gives the words, the second output, as a list of Python's, and one output more."""

HAS_WORDS = 3
"""The number of that output: whether each text has a word."""


@computes("StringSplit", host=True)
def split(xp: Any, attributes: Attributes, strings: Strings, delimiter: Any) -> list[Any]:
    """A sparse matrix of the pieces between any of the bytes of the delimiter; single bytes where it is empty."""
    indices, pieces, shape, _ = _split(xp, attributes, strings, delimiter)
    return [indices, string_array(pieces), shape]


@computes("StringSplitV2", host=True)
def split_like_python(xp: Any, attributes: Attributes, strings: Strings, separator: Any) -> list[Any]:
    """A sparse matrix of the pieces, split as Python's `bytes.split` does; at white space where `sep` is empty."""
    indices, pieces, shape, _ = _split_like_python(xp, attributes, strings, separator)
    return [indices, string_array(pieces), shape]


@computes("Substr", host=True)
def substring(xp: Any, attributes: Attributes, strings: Strings, position: Any, size: Any) -> list[Any]:
    """Pieces of strings by position and length, in bytes or characters; a negative position counts from the end.

    Raises:
        InputError: a position lies outside of its string.
    """
    in_characters = attributes["unit"] == "UTF8_CHAR"
    texts, starts, sizes = np.broadcast_arrays(strings, position, size)

    def piece(text: bytes, start: int, length: int) -> bytes:
        whole: Any = text.decode("utf-8", "surrogateescape") if in_characters else text
        if not -len(whole) <= start <= len(whole):
            raise InputError(f"Substr: the position {start} lies outside of a string of length {len(whole)}.")
        start = start + len(whole) if start < 0 else start
        found = whole[start : start + max(length, 0)]
        return text_bytes(found) if in_characters else bytes(found)

    flat = (array.reshape(-1).tolist() for array in (texts, starts, sizes))
    return [string_array(map(piece, *flat), texts.shape)]


@computes("StringToNumber", host=True)
def number(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """Numbers from text.

    Raises:
        InputError: a string is no number.
    """
    dtype = attributes["out_type"]

    def parse(text: bytes) -> Any:
        try:
            return dtype.type(int(text) if dtype.kind in "iu" else float(text))
        except (ValueError, OverflowError):
            raise InputError(f"StringToNumber: the string {text!r} is no {dtype.name}.") from None

    return [each_number(parse, strings, dtype)]


@computes("AsString", host=True)
def as_text(xp: Any, attributes: Attributes, x: Any) -> list[Any]:
    """Numbers as text, in the form that C's printf has for the attributes."""
    precision, width, fill = attributes["precision"], attributes["width"], attributes["fill"]
    if x.dtype.hasobject:
        shown: Any = ("%" + fill + (str(width) if width > -1 else "") + "s").__mod__
        return [each(lambda text: text if width <= 0 else shown(text.decode("latin-1")).encode("latin-1"), x)]
    if x.dtype.kind == "b":
        return [string_array((b"true" if value else b"false" for value in x.reshape(-1)), x.shape)]
    letter = (
        "d"
        if x.dtype.kind in "iu"
        else "e"
        if attributes["scientific"]
        else "g"
        if attributes["shortest"]
        else "f"
    )
    digits = f".{precision}" if precision > -1 and letter != "d" else ""
    form = "%" + fill + (str(width) if width > -1 else "") + digits + letter
    if x.dtype.kind == "c":
        pairs = [f"({form % value.real},{form % value.imag})" for value in x.reshape(-1).tolist()]
        return [string_array((text.encode() for text in pairs), x.shape)]
    return [string_array(((form % value).encode() for value in x.reshape(-1).tolist()), x.shape)]


@computes("EncodeBase64", host=True)
def encode_base64(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """Web-safe base64, with padding or without."""
    pad = attributes["pad"]
    return [each(lambda text: _remove_padding(base64.urlsafe_b64encode(text), pad), strings)]


def _remove_padding(text: bytes, pad: bool) -> bytes:
    return text if pad else text.rstrip(b"=")


@computes("DecodeBase64", host=True)
def decode_base64(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """Bytes from web-safe base64, whose padding may be left out."""
    return [
        each(
            lambda text: base64.urlsafe_b64decode(text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4)),
            strings,
        )
    ]


@computes("DecodeRaw", host=True)
def decode_raw(xp: Any, attributes: Attributes, strings: Strings) -> list[Any]:
    """The bytes of strings as numbers; all strings have one length."""
    dtype = attributes["out_type"]
    stored = dtype if attributes["little_endian"] or dtype.kind == "b" else dtype.newbyteorder(">")
    flat = strings.reshape(-1).tolist()
    if len({len(text) for text in flat}) > 1:
        raise InputError("DecodeRaw: the strings have different lengths.")
    if not flat:
        return [np.zeros((*strings.shape, 0), dtype)]
    rows = np.frombuffer(b"".join(flat), stored).astype(dtype)
    return [rows.reshape(*strings.shape, -1)]


@computes("StringNGrams", host=True)
def ngrams(xp: Any, attributes: Attributes, data: Strings, splits: Any) -> list[Any]:
    """Sequences of words in each row of a ragged matrix, and the row splits of the result."""
    separator = text_bytes(attributes["separator"])
    left, right = text_bytes(attributes["left_pad"]), text_bytes(attributes["right_pad"])
    words, edges = data.tolist(), splits.tolist()
    found: list[bytes] = []
    ends = [0]
    for start, end in itertools.pairwise(edges):
        row = words[start:end]
        before = len(found)
        for width in attributes["ngram_widths"]:
            pad = width - 1 if attributes["pad_width"] < 0 else min(attributes["pad_width"], width - 1)
            padded = [left] * pad + row + [right] * pad
            count = max(0, len(padded) - width + 1)
            found.extend(separator.join(padded[at : at + width]) for at in range(count))
        if len(found) == before and attributes["preserve_short_sequences"] and row:
            pad = max(attributes["pad_width"], 0)
            found.append(separator.join([left] * pad + row + [right] * pad))
        ends.append(len(found))
    return [string_array(found), np.array(ends, splits.dtype)]
