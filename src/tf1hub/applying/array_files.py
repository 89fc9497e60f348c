"""`.npy` and `.npz` files: a row for each element of the first dimension."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tf1hub.applying.blocks import MOST_ROWS, Piece
from tf1hub.applying.source_files import SourceFile, local_copy
from tf1hub.errors import InputError
from tf1hub.predict.arrow_columns import table_from_arrays

COLUMN = "array"
"""The column of a `.npy` file."""
_BYTES = 1 << 24


def count_arrays(files: Sequence[SourceFile]) -> int:
    """The rows of `.npy` or `.npz` files."""
    total = 0
    for file in files:
        with local_copy(file) as path:
            arrays = _open(file, path)
            total += _row_count(file, arrays)
    return total


def read_npy(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    """The rows of `.npy` files, in a column `"array"`."""
    return _read(files, columns, skip)


def read_npz(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    """The rows of `.npz` files, a column for each array."""
    return _read(files, columns, skip)


def _read(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    for file in files:
        with local_copy(file) as path:
            arrays = {
                name: array for name, array in _open(file, path).items() if columns is None or name in columns
            }
            count = _row_count(file, arrays)
            per_row = sum(array.nbytes for array in arrays.values()) / max(count, 1)
            step = max(1, min(MOST_ROWS, int(_BYTES / max(per_row, 1))))
            start = min(skip, count)
            skip -= start
            for begin in range(start, count, step):
                rows = {name: _rows(path, array, begin, step) for name, array in arrays.items()}
                yield Piece(table_from_arrays(rows))


def _open(file: SourceFile, path: str) -> Mapping[str, Any]:
    try:
        # Only what is used of a mapped file is read. No pickles: they run code.
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        return {COLUMN: found} if isinstance(found, np.ndarray) else dict(found)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file.path} cannot be read: {error}") from error


def _row_count(file: SourceFile, arrays: Mapping[str, Any]) -> int:
    counts = {name: len(array) if array.ndim else None for name, array in arrays.items()}
    if len(set(counts.values())) != 1 or None in counts.values():
        shown = ", ".join(f"{name!r}: {[*array.shape]}" for name, array in arrays.items())
        raise InputError(
            f"The arrays of {file.path} do not have as many rows each: {shown or 'there are none'}."
        )
    return int(next(iter(counts.values())) or 0)


def _rows(path: str, array: Any, start: int, count: int) -> Any:
    """Some rows in memory; texts as a column has them."""
    if isinstance(array, np.memmap) and array.flags.c_contiguous:
        # Pages of a mapped file that were read once would count as memory of this process.
        shape = (min(count, len(array) - start), *array.shape[1:])
        size = array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
        rows = np.fromfile(
            path, array.dtype, int(np.prod(shape, dtype=np.int64)), offset=array.offset + start * size
        )
        rows = rows.reshape(shape)
    else:
        rows = np.array(array[start : start + count])
    if rows.dtype.kind == "U":
        return np.char.encode(rows.astype(str), "utf-8").astype(object)
    return rows.astype(object) if rows.dtype.kind == "S" else rows
