"""TFRecord files: framed records, each a `tf.train.Example`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from tf1hub.applying.blocks import Piece
from tf1hub.applying.source_files import SourceFile, read_together
from tf1hub.errors import InputError
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.messages_pb2 import Example
from tf1hub.predict.arrow_columns import import_pyarrow

_LARGEST = 1 << 31


def read_records(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    """The features of examples, a column for each of the first ones.

    A feature that has one value in all of the first records is a column of values, any other one a column of lists. A
    record that is no example is a row at fault.
    """
    pa = import_pyarrow("tf1hub.apply")
    fields: dict[str, tuple[Any, bool]] | None = None
    for number, records in read_together(files, _records):
        rows: list[dict[str, Any]] = []
        faults: dict[int, str] = {}
        for row, record in enumerate(records):
            try:
                features = Example.FromString(record).features.feature
                rows.append({name: _values(feature) for name, feature in features.items()})
            except DecodeError as error:
                rows.append({})
                faults[row] = f"Record {number + row} is no tf.train.Example: {error}"
        fields = fields or _fields(pa, rows)
        names = [name for name in fields if columns is None or name in columns]
        arrays = [_column(pa, rows, name, *fields[name], number, faults) for name in names]
        table = pa.table(arrays, names=names)
        start = min(skip, len(table))
        skip -= start
        yield Piece(table.slice(start), {row - start: said for row, said in faults.items() if row >= start})


def _values(feature: Any) -> tuple[str, list[Any]]:
    kind = feature.WhichOneof("kind") or ""
    return kind, list(getattr(feature, kind).value) if kind else []


def _fields(pa: Any, rows: list[dict[str, Any]]) -> dict[str, tuple[Any, bool]]:
    """The type of each feature, and whether it always has one value."""
    types = {"bytes_list": pa.large_binary(), "float_list": pa.float32(), "int64_list": pa.int64()}
    found: dict[str, tuple[Any, bool]] = {}
    for name in sorted({name for row in rows for name in row}):
        given = [row[name] for row in rows if name in row]
        kind = next((kind for kind, _ in given if kind), "bytes_list")
        found[name] = types[kind], all(len(values) == 1 for _, values in given)
    return found


def _column(
    pa: Any,
    rows: list[dict[str, Any]],
    name: str,
    kind: Any,
    is_single: bool,
    number: int,
    faults: dict[int, str],
) -> Any:
    kinds = {"bytes_list": pa.large_binary(), "float_list": pa.float32(), "int64_list": pa.int64(), "": kind}
    values: list[Any] = []
    for row, features in enumerate(rows):
        given, found = features.get(name, ("", None))
        if found is not None and (kinds[given] != kind or (is_single and len(found) != 1)):
            wanted = f"one {kind}" if is_single else f"{kind}"
            faults.setdefault(
                row,
                f"Record {number + row}: the feature {name!r} is {wanted} in the first records, and here it is "
                f"{len(found)} of {given or 'nothing'}.",
            )
            found = None
        values.append(found[0] if is_single and found else found)
    return pa.array(values, kind if is_single else pa.large_list(kind))


def _records(stream: Any, path: str) -> Iterator[bytes]:
    """The frames: a length, its checksum, the record, its checksum.

    Raises:
        InputError: a checksum is wrong, or the file ends within a record. What comes after it cannot be trusted.
    """
    position = 0
    while head := stream.read(12):
        size = int.from_bytes(head[:8], "little")
        if len(head) < 12 or mask(crc32c(head[:8])) != int.from_bytes(head[8:], "little") or size > _LARGEST:
            raise InputError(f"{path} is no TFRecord file, or damaged at byte {position}.")
        record = stream.read(size)
        tail = stream.read(4)
        if len(record) < size or len(tail) < 4:
            raise InputError(f"{path} ends within the record at byte {position}.")
        if mask(crc32c(record)) != int.from_bytes(tail, "little"):
            raise InputError(f"{path} is damaged: the checksum of the record at byte {position} is wrong.")
        position += 16 + size
        yield record
