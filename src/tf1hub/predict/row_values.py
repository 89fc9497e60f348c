"""Rows of what signatures take and give: arrays, sparse and ragged values, cut and joined along the first dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.errors import InputError
from tf1hub.format import dtypes
from tf1hub.spec.composite_arrays import RaggedArray, SparseArray
from tf1hub.spec.tensor_info import ParsedTensorInfo

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]


def has_rows(info: ParsedTensorInfo) -> bool:
    """Whether an input or output may have any number of rows. One without is the same for all rows."""
    return bool(info.shape) and info.shape[0] is None  # type: ignore[index]  # not None, nor empty


def count_rows(value: Any) -> int:
    """How many rows a value has."""
    if isinstance(value, SparseArray):
        return int(value.dense_shape[0])
    if isinstance(value, RaggedArray):
        return len(value.nested_row_splits[0]) - 1
    return len(value)


def cut_rows(value: Any, start: int, stop: int) -> Any:
    """Some rows that follow each other, without a copy of the elements."""
    if isinstance(value, SparseArray):
        first, last = np.searchsorted(value.indices[:, 0], [start, stop])
        indices = value.indices[first:last].copy()
        indices[:, 0] -= start
        rows = min(stop, int(value.dense_shape[0])) - start
        return SparseArray(indices, value.values[first:last], np.array([rows, *value.dense_shape[1:]]))
    if isinstance(value, RaggedArray):
        splits = []
        for each in value.nested_row_splits:
            cut = each[start : stop + 1]
            start, stop = int(cut[0]), int(cut[-1])
            splits.append(cut - cut[0])
        return RaggedArray(value.flat_values[start:stop], tuple(splits))
    return value[start:stop]


def pick_rows(value: Any, rows: Numbers) -> Any:
    """Rows by their numbers, in that order; a number may come more than once."""
    if isinstance(value, SparseArray | RaggedArray):
        parts = [cut_rows(value, row, row + 1) for row in rows.tolist()]
        return join_rows(parts, "") if parts else cut_rows(value, 0, 0)
    if isinstance(value, np.ndarray):
        return value[rows]
    return [value[row] for row in rows.tolist()]


def join_rows(parts: Sequence[Any], name: str) -> Any:
    """The rows of several values, one after the other.

    Args:
        parts: arrays, or sparse or ragged values; at least one.
        name: of the output, for the message.

    Raises:
        InputError: their rows differ in shape.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, SparseArray):
        starts = np.cumsum([0, *(part.dense_shape[0] for part in parts)])
        indices = np.concatenate([part.indices for part in parts])
        indices[:, 0] += np.repeat(starts[:-1], [len(part.indices) for part in parts])
        widest = np.max([part.dense_shape for part in parts], axis=0)
        shape = np.array([starts[-1], *widest[1:]], np.int64)
        return SparseArray(indices, np.concatenate([part.values for part in parts]), shape)
    if isinstance(first, RaggedArray):
        levels = zip(*(part.nested_row_splits for part in parts), strict=True)
        splits = tuple(map(_join_splits, levels))
        return RaggedArray(np.concatenate([part.flat_values for part in parts]), splits)
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise _unlike(name, *sorted(shapes)[:2])
    return np.concatenate(parts)


def _unlike(name: str, *shapes: tuple[int, ...]) -> InputError:
    shown = " and ".join(str([*shape]) for shape in sorted(shapes))
    return InputError(
        f"The rows of the output {name!r} have other shapes from batch to batch, {shown}, so they are no array. Leave it "
        "out (outputs=), give rows of equal length, or call with all rows at once (batch_size=None)."
    )


class JoinedRows:
    """The rows of an output, as batch after batch gives them.

    Numbers go to their place as they come, while the processor's cache has them.

    Args:
        rows: how many come at most.
        name: of the output, for the message.
    """

    def __init__(self, rows: int, name: str) -> None:
        self._most = rows
        self._name = name
        self._parts: list[Any] = []
        self._whole: Array | None = None
        self._filled = 0

    def add(self, part: Any) -> None:
        """Adds the rows of a batch.

        Raises:
            InputError: they differ in shape from those before.
        """
        is_plain = isinstance(part, np.ndarray) and not part.dtype.hasobject
        if not is_plain or not part.ndim or (self._whole is None and len(part) >= self._most):
            self._parts.append(part)
            return
        if self._whole is None:
            self._whole = np.empty((self._most, *part.shape[1:]), part.dtype)
        if part.shape[1:] != self._whole.shape[1:]:
            raise _unlike(self._name, self._whole.shape[1:], part.shape[1:])
        self._whole[self._filled : self._filled + len(part)] = part
        self._filled += len(part)

    def value(self) -> Any:
        """All rows, one after the other.

        Raises:
            InputError: they differ in shape.
        """
        if self._whole is None:
            return join_rows(self._parts, self._name)
        return self._whole[: self._filled]


def _join_splits(parts: Sequence[Array]) -> Array:
    joined = [parts[0]]
    for part in parts[1:]:
        joined.append(part[1:] + joined[-1][-1])
    return np.concatenate(joined)


def no_rows(info: ParsedTensorInfo) -> Any:
    """The value of an output for no rows at all."""
    dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
    shape = tuple(size or 0 for size in info.shape or (0,))
    if info.is_sparse:
        return SparseArray(np.empty((0, len(shape)), np.int64), np.empty(0, dtype), np.array(shape, np.int64))
    if info.is_composite:
        ragged = info.ragged_rank or 1
        return RaggedArray(np.empty((0, *shape[ragged + 1 :]), dtype), (np.zeros(1, np.int64),) * ragged)
    return np.empty(shape, dtype)


def byte_count(value: Any) -> int:
    """About how many bytes a value holds; of strings, three tell."""
    if isinstance(value, np.ndarray):
        size = value.size
        if not value.dtype.hasobject or not size:
            return value.nbytes
        return size * (8 + (len(value.item(0)) + len(value.item(size // 2)) + len(value.item(-1))) // 3)
    return sum(map(byte_count, value)) if isinstance(value, tuple) else 8 * len(value)


class Rows(Mapping[str, Any]):
    """The inputs of many rows, ready to be cut: those with rows, and those that are the same for all of them.

    Args:
        values: the inputs by name.
        infos: what the signature says of them.

    Attributes:
        count: how many rows there are.

    Raises:
        InputError: the inputs differ in their number of rows.
    """

    def __init__(self, values: Mapping[str, Any], infos: Mapping[str, ParsedTensorInfo]) -> None:
        self._values = values
        self._with_rows = [name for name in values if has_rows(infos[name])]
        counts = {name: count_rows(values[name]) for name in self._with_rows}
        if len(set(counts.values())) > 1:
            shown = ", ".join(f"{name!r}: {count}" for name, count in counts.items())
            raise InputError(
                f"The inputs differ in their number of rows: {shown}. They must have as many each."
            )
        self.count = next(iter(counts.values()), 0)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def cut(self, start: int, stop: int) -> dict[str, Any]:
        """Some rows that follow each other."""
        return {name: cut_rows(v, start, stop) if name in self._with_rows else v for name, v in self.items()}

    def pick(self, rows: Numbers) -> dict[str, Any]:
        """Rows by their numbers."""
        return {name: pick_rows(v, rows) if name in self._with_rows else v for name, v in self.items()}

    def bytes_per_row(self) -> float:
        """About how many bytes a row has."""
        return sum(byte_count(self[name]) for name in self._with_rows) / max(self.count, 1)
