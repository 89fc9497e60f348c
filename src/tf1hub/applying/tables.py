"""Parquet and CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tf1hub.applying.blocks import MOST_ROWS, Piece
from tf1hub.applying.source_files import SourceFile, local_copy
from tf1hub.errors import InputError
from tf1hub.predict.arrow_columns import import_pyarrow

_UNREADABLE = "{path} cannot be read: {said}"


def count_parquet(files: Sequence[SourceFile]) -> int | None:
    """The rows of Parquet files; None where finding out would copy them first."""
    import_pyarrow("Reading Parquet")
    from pyarrow import parquet

    total = 0
    for file in files:
        with local_copy(file) as path:
            if path != file.path and len(files) > 1:
                return None
            total += _open(file, lambda path=path: parquet.read_metadata(path)).num_rows
    return total


def read_parquet(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    """The rows of Parquet files. Row groups that are left out are not read."""
    pa = import_pyarrow("Reading Parquet")
    from pyarrow import parquet

    for file in files:
        with local_copy(file) as path:
            # Not mapped: pages of the file would count as memory of this process.
            opened = _open(
                file, lambda path=path: parquet.ParquetFile(path, memory_map=False, pre_buffer=False)
            )
            groups: list[int] = []
            for group in range(opened.num_row_groups):
                rows = opened.metadata.row_group(group).num_rows
                if skip >= rows and not groups:
                    skip -= rows
                else:
                    groups.append(group)
            wanted = (
                None if columns is None else [each for each in opened.schema_arrow.names if each in columns]
            )
            batches = (
                opened.iter_batches(MOST_ROWS, groups, wanted, use_threads=False) if groups else iter(())
            )
            while (batch := _open(file, lambda batches=batches: next(batches, None))) is not None:
                if skip >= len(batch):
                    skip -= len(batch)
                    continue
                yield Piece(pa.Table.from_batches([batch.slice(skip)]))
                skip = 0


def read_csv(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    """The rows of CSV files, whose first line has the names of the columns. All values are texts, as they are written."""
    pa = import_pyarrow("Reading CSV")
    from pyarrow import csv

    for file in files:
        separator = "\t" if ".tsv" in file.name.lower() else ","
        parse = csv.ParseOptions(delimiter=separator, newlines_in_values=True)
        with local_copy(file) as path:
            names = _open(
                file, lambda path=path, parse=parse: csv.open_csv(path, parse_options=parse).schema.names
            )
            convert = csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=None if columns is None else [name for name in names if name in columns],
                strings_can_be_null=False,
            )
            reader = _open(
                file, lambda path=path, parse=parse, convert=convert: csv.open_csv(
                    path, parse_options=parse, convert_options=convert
                )
            )  # fmt: skip
            while (batch := _open(file, lambda reader=reader: next(reader, None))) is not None:
                if skip >= len(batch):
                    skip -= len(batch)
                    continue
                yield Piece(pa.Table.from_batches([batch.slice(skip)]))
                skip = 0


def _open(file: SourceFile, read: Any) -> Any:
    pa = import_pyarrow("Reading tables")
    try:
        return read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(_UNREADABLE.format(path=file.path, said=error)) from error
