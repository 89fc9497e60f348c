"""Lookup tables: keys to values, without TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.arrays.op_attributes import plain
from tf1hub.arrays.remembered import Remembered
from tf1hub.errors import CheckFailedError, FormatError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef import op_types
from tf1hub.program.references import Reference
from tf1hub.storage import place_at, split_path

_SEARCHED = 64
"""So many keys are looked for in a file as it is; taking it apart costs as much as some dozens of searches."""

_LARGE = 10_000
"""A table of so many words lies far from the processor: those that came last are kept apart."""

_RECENT = 1 << 13
"""So many of them."""


class WholeLines:
    """A file whose lines are keys, and their numbers the values: as it is until many keys are looked up.

    Args:
        data: the file; each line ends with a line feed, which the last one may lack.
    """

    def __init__(self, data: bytes) -> None:
        self._data = b"\n" + data if data.endswith(b"\n") or not data else b"\n" + data + b"\n"
        self._searched = 0

    def __len__(self) -> int:
        return self._data.count(b"\n") - 1

    def split(self) -> list[bytes]:
        """All lines."""
        return self._data[1:-1].split(b"\n") if len(self) else []

    def serves(self, count: int) -> bool:
        """Whether so many keys more are looked for in the file as it is."""
        self._searched += count
        return self._searched <= _SEARCHED

    def find(self, key: bytes, default: Any = None) -> Any:
        """The number of a line."""
        at = -1 if b"\n" in key else self._data.find(b"\n" + key + b"\n")
        return default if at < 0 else self._data.count(b"\n", 0, at)


class LookupTable(Reference):
    """A table from keys to values, as one node of a graph makes it.

    Args:
        node: the node.
        key_dtype: NumPy's.
        value_dtype: NumPy's.
        value_shape: of one value; None where the node does not say.
        changes: whether a program may insert; else it is filled once.
    """

    def __init__(
        self, node: str, key_dtype: Any, value_dtype: Any, value_shape: tuple[int, ...] | None, changes: bool
    ) -> None:
        self.node = node
        self.key_dtype = key_dtype
        self.value_dtype = value_dtype
        self.value_shape = value_shape
        self.changes = changes
        self._entries: dict[Any, Any] = {}
        self._lines: WholeLines | None = None
        self._recent: tuple[Any, Remembered] | None = None

    def __len__(self) -> int:
        return len(self._entries) if self._lines is None else len(self._lines)

    @property
    def _values(self) -> dict[Any, Any]:
        """All entries; those of a file that was not taken apart so far are taken apart."""
        if self._lines is not None:
            lines = self._lines.split()
            self._entries, self._lines = dict(zip(lines, range(len(lines)), strict=True)), None
        return self._entries

    def find(self, keys: npt.NDArray[Any], default: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The values of keys; `default` for those that are not there.

        Args:
            keys: of any shape.
            default: one value, or one for each key.

        Returns:
            An array of the shape of the keys, followed by that of a value.
        """
        shape = tuple(default.shape) if self.value_shape is None else self.value_shape
        each = default.ndim > len(shape)
        flat = keys.reshape(-1).tolist()
        if not each and not shape:
            only = default.reshape(-1).tolist()[0]
            found = np.fromiter(self._find_each(flat, only), self.value_dtype, len(flat))
        else:
            found = np.empty((len(flat), *shape), self.value_dtype)
            rows = default.reshape(-1, *shape) if each else None
            for index, value in enumerate(self._find_each(flat, None)):
                found[index] = (default if rows is None else rows[index]) if value is None else value
        return found.reshape(*keys.shape, *shape)

    def _find_each(self, keys: list[Any], default: Any) -> Iterable[Any]:
        """The entries of keys; the default for those that are not there."""
        lines = self._lines
        if lines is not None and lines.serves(len(keys)):
            return map(lines.find, keys, itertools.repeat(default))
        entries = self._values
        if self.changes or not self.key_dtype.hasobject or len(entries) < _LARGE:
            return map(entries.get, keys, itertools.repeat(default))
        recent = self._recent
        if recent is None or recent[0] != default:
            recent = default, Remembered(lambda key: entries.get(key, default), _RECENT)
            self._recent = recent
        return map(recent[1].__getitem__, keys)

    def insert(self, keys: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
        """Gives keys values.

        Raises:
            CheckFailedError: a table that is filled once has a key with another value.
        """
        self._recent = None
        flat = keys.reshape(-1).tolist()
        shape = values.shape[keys.ndim :]
        if self.value_shape is None:
            self.value_shape = shape
        rows: Iterable[Any] = values.reshape(len(flat), *shape) if shape else values.reshape(-1).tolist()
        if self.changes:
            self._values.update(zip(flat, rows, strict=True))
            return
        for key, value in zip(flat, rows, strict=True):
            if self._values.setdefault(key, value) != value:
                raise CheckFailedError(f"The table {self.node!r} is given two values for the key {key!r}.")

    def remove(self, keys: npt.NDArray[Any]) -> None:
        """Takes keys out; those that are not there do not matter."""
        self._recent = None
        for key in keys.reshape(-1).tolist():
            self._values.pop(key, None)

    def clear(self) -> None:
        """Takes all keys out."""
        self._recent = None
        self._values.clear()

    def contents(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """All keys and their values, in the order in which they came in."""
        keys = np.empty(len(self), self.key_dtype)
        keys[:] = list(self._values)
        values = np.empty((len(self), *(self.value_shape or ())), self.value_dtype)
        for index, value in enumerate(self._values.values()):
            values[index] = value
        return keys, values

    def fill_from_file(
        self, path: str, key_index: int, value_index: int, size: int, delimiter: str, offset: int
    ) -> None:
        """Fills the table from the lines of a file.

        Args:
            path: of the file.
            key_index: which field of a line is the key; -2 for the whole line, -1 for its number.
            value_index: the same for the value.
            size: how many lines; -1 for all.
            delimiter: what stands between fields.
            offset: how many lines at the start are no entries.

        Raises:
            FormatError: a line lacks a field, or it is no number where one is wanted; or the file has fewer lines.
        """
        self._recent = self._lines = None
        directory, name = split_path(path)
        data = place_at(directory).read(name)
        if (key_index, value_index, offset) == (-2, -1, 0) and self.key_dtype.hasobject and b"\r" not in data:
            whole = WholeLines(data)
            if size in (-1, len(whole)):
                words = whole.split()
                if len(set(words)) < len(words):
                    self._refuse_twice(words)
                self._lines, self.value_shape = whole, ()
                return
        lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
        if lines and not lines[-1]:
            lines.pop()
        lines = lines[offset:]
        if size >= 0:
            if len(lines) < size:
                raise FormatError(f"{path} has {len(lines)} lines, and the table {self.node!r} wants {size}.")
            lines = lines[:size]
        keys = self._fields(lines, key_index, delimiter, self.key_dtype, path)
        values = self._fields(lines, value_index, delimiter, self.value_dtype, path)
        entries = dict(zip(keys, values, strict=True))
        if len(entries) < len(lines) and any(
            entries[key] != value for key, value in zip(keys, values, strict=True)
        ):
            self._refuse_twice(keys)
        self._entries = entries
        self.value_shape = ()

    def _refuse_twice(self, keys: Iterable[Any]) -> None:
        seen: set[Any] = set()
        for key in keys:
            if key in seen:
                raise CheckFailedError(f"The table {self.node!r} is given two values for the key {key!r}.")
            seen.add(key)

    def _fields(self, lines: list[bytes], index: int, delimiter: str, dtype: Any, path: str) -> Any:
        if index == -1:
            return range(len(lines))
        texts = lines
        if index >= 0:
            try:
                texts = [line.split(delimiter.encode())[index] for line in lines]
            except IndexError:
                raise FormatError(
                    f"{path} has a line without a field {index}, which the table {self.node!r} wants."
                ) from None
        if dtype.hasobject:
            return texts
        try:
            return [dtype.type(text.decode()).item() for text in texts]
        except ValueError as error:
            raise FormatError(
                f"{path} has a field that the table {self.node!r} cannot take: {error}."
            ) from error


def new_table(node: NodeDef, inputs: list[Any]) -> LookupTable:  # noqa: ARG001
    """The table that a node makes, empty.

    Args:
        node: the node.
        inputs: the values of its inputs: the keys that mean "empty" and "deleted", where it has any.

    Raises:
        UnsupportedGraphError: its keys or values are handles.
    """

    def attribute(name: str, default: Any) -> Any:
        return plain(node.attr[name]) if name in node.attr else default

    changes = node.op not in op_types.HASH_TABLES
    of_tensors = "OfTensors" in node.op or "Dense" in node.op
    shape = attribute("value_shape", ()) if of_tensors else ()
    known = None if shape is None or None in shape else shape
    types = [attribute(name, None) for name in ("key_dtype", "value_dtype")]
    for kind, found in zip(("keys", "values"), types, strict=True):
        if isinstance(found, str):
            raise UnsupportedGraphError(
                f"The table {node.name!r} has {kind} of the type {found}, which no table of TensorFlow has."
            )
    key_type, value_type = types
    return LookupTable(node.name, key_type, value_type, known, changes)
