"""What each kind of source gives as tables, and how many rows it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from tf1hub.applying.array_files import count_arrays, read_npy, read_npz
from tf1hub.applying.blocks import Piece
from tf1hub.applying.image_files import read_images
from tf1hub.applying.lines import read_json_lines, read_text_lines
from tf1hub.applying.records import read_records
from tf1hub.applying.source_files import SourceFile
from tf1hub.applying.tables import count_parquet, read_csv, read_parquet

Read = Callable[[Sequence[SourceFile], "Collection[str] | None", int], Iterator[Piece]]
"""From files, the columns that are wanted (None for all), and how many rows to leave out at the beginning."""

READERS: dict[str, Read] = {
    "parquet": read_parquet,
    "csv": read_csv,
    "jsonl": read_json_lines,
    "tfrecord": read_records,
    "text": read_text_lines,
    "npy": read_npy,
    "npz": read_npz,
    "image": read_images,
}


def count_rows(kind: str, files: Sequence[SourceFile]) -> int | None:
    """How many rows a source has; None where only reading it tells."""
    if kind == "parquet":
        return count_parquet(files)
    if kind in ("npy", "npz"):
        return count_arrays(files)
    return len(files) if kind == "image" else None


def skip_rows(pieces: Iterator[Piece], rows: int) -> Iterator[Piece]:
    """Leaves out rows at the beginning."""
    for piece in pieces:
        if rows >= len(piece.table):
            rows -= len(piece.table)
            continue
        faults = {row - rows: said for row, said in piece.faults.items() if row >= rows}
        yield Piece(piece.table.slice(rows), faults)
        rows = 0


def first_piece(kind: str, files: Sequence[SourceFile]) -> Any:
    """The first rows of a source with all columns; None where it has none."""
    return next((piece for piece in READERS[kind](files, None, 0) if len(piece.table)), None)
