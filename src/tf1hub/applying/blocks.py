"""Blocks: the rows of a source, so many at a time, whatever the pieces in which its files give them."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from tf1hub.format import dtypes
from tf1hub.predict.arrow_columns import import_pyarrow
from tf1hub.spec.tensor_info import ParsedTensorInfo

MOST_ROWS = 8192
_MOST_BYTES = 1 << 24
_OF_A_FILE = 32


@dataclass(frozen=True)
class Piece:
    """Rows as a reader gives them.

    Attributes:
        table: a `pyarrow.Table`.
        faults: the numbers of rows in it that could not be read, each with what is wrong with it.
    """

    table: Any
    faults: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RowBlock(Piece):
    """Rows that are computed together.

    Attributes:
        start: the number of the first one in the source.
    """

    start: int = 0


def rows_of_a_block(piece: Piece, infos: Iterable[ParsedTensorInfo]) -> int:
    """How many rows a block of such rows has: a power of two, so that 16 MB hold it, decoded and computed too.

    Args:
        piece: rows as they are read.
        infos: the inputs and outputs that become of them.
    """
    read = piece.table.nbytes / max(len(piece.table), 1)
    per_row = max(read + sum(_bytes_of_a_row(info, read) for info in infos), 1)
    rows = MOST_ROWS
    while rows > 1 and rows * per_row > _MOST_BYTES:
        rows //= 2
    return rows


def _bytes_of_a_row(info: ParsedTensorInfo, read: float) -> float:
    if info.dtype_name == "string" or info.kind != "dense" or not info.shape:
        return read
    sizes = info.shape[1:]
    known = math.prod(size for size in sizes if size is not None)
    itemsize = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name)).itemsize
    # Where sizes are open, an image may come of it, which is so much larger than its file.
    return known * itemsize if None not in sizes else max(known * itemsize, _OF_A_FILE * read)


def cut_into_blocks(pieces: Iterable[Piece], rows: int, start: int) -> Generator[RowBlock, None, None]:
    """Yields blocks of exactly so many rows; the last one has the rest.

    Args:
        pieces: the rows.
        rows: of a block.
        start: the number of the first row.
    """
    pa = import_pyarrow("tf1hub.apply")
    waiting: list[Piece] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece.table)
        while count >= rows:
            block, waiting = _take(pa, waiting, rows, start)
            yield block
            start, count = start + rows, count - rows
    if count:
        yield _take(pa, waiting, count, start)[0]


def _take(pa: Any, pieces: list[Piece], rows: int, start: int) -> tuple[RowBlock, list[Piece]]:
    tables, faults, taken = [], dict[int, str](), 0
    for index, piece in enumerate(pieces):
        count = min(rows - taken, len(piece.table))
        tables.append(piece.table.slice(0, count))
        faults.update({taken + row: said for row, said in piece.faults.items() if row < count})
        taken += count
        if taken == rows:
            rest = {row - count: said for row, said in piece.faults.items() if row >= count}
            left = [Piece(piece.table.slice(count), rest)] if count < len(piece.table) else []
            return RowBlock(pa.concat_tables(tables), faults, start), left + pieces[index + 1 :]
    raise AssertionError(f"{taken} rows where {rows} were counted")
