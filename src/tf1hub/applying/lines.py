"""Files of lines: texts, and JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tf1hub.applying.blocks import Piece
from tf1hub.applying.source_files import SourceFile, read_together
from tf1hub.predict.arrow_columns import import_pyarrow

TEXT = "text"
"""The column of a text file."""


def read_text_lines(
    files: Sequence[SourceFile], columns: Collection[str] | None, skip: int
) -> Iterator[Piece]:
    """The lines of text files, in a column `"text"`, without the ends of lines."""
    del columns  # there is one
    pa = import_pyarrow("tf1hub.apply")
    for _, lines in _some_lines(files, skip):
        yield Piece(pa.table({TEXT: pa.array(lines, pa.large_binary())}))


def read_json_lines(
    files: Sequence[SourceFile], columns: Collection[str] | None, skip: int
) -> Iterator[Piece]:
    """The objects of JSON lines, a column for each key of the first ones; a line that holds none is a row at fault."""
    pa = import_pyarrow("tf1hub.apply")
    schema: Any = None
    for number, lines in _some_lines(files, 0):
        rows, faults = [], {}
        for row, line in enumerate(lines):
            found = _object(line)
            if isinstance(found, str):
                faults[row] = f"Line {number + row + 1} {found}"
                found = {}
            rows.append(found)
        if schema is None:
            schema = _schema(pa, rows)
        names = [name for name in schema.names if columns is None or name in columns]
        arrays = []
        for name in names:
            kind = schema.field(name).type
            values = [row.get(name) for row in rows]
            arrays.append(_column(pa, values, kind, name, number, faults))
        table = pa.table(arrays, names=names)
        # The first ones say which columns there are, also where they are left out.
        start = min(skip, len(table))
        skip -= start
        kept = {row - start: said for row, said in faults.items() if row >= start}
        yield Piece(table.slice(start), kept)


def _some_lines(files: Sequence[SourceFile], skip: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yields some lines at a time, with the number of the first one of these in its file, from 0 on."""
    return read_together(files, lambda stream, _: (line.rstrip(b"\r\n") for line in stream), skip)


def _object(line: bytes) -> Any:
    """The object of a line; or what is wrong with it."""
    try:
        found = json.loads(line)
    except RecursionError:
        return "is no JSON: it is nested too deeply"
    except ValueError as error:
        return f"is no JSON: {error}"
    return found if isinstance(found, dict) else f"is {type(found).__name__}, not an object"


def _schema(pa: Any, rows: list[dict[str, Any]]) -> Any:
    names = list(dict.fromkeys(name for row in rows for name in row))
    fields = []
    for name in names:
        try:
            kind = pa.array([row.get(name) for row in rows]).type
        except pa.ArrowException:
            kind = pa.string()
        fields.append((name, pa.string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def _column(pa: Any, values: list[Any], kind: Any, name: str, number: int, faults: dict[int, str]) -> Any:
    """The values of a key; one of another type than the first ones is a fault of its row."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    fitting = []
    for row, value in enumerate(values):
        try:
            fitting.append(pa.scalar(value, kind))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            fitting.append(pa.scalar(None, kind))
            faults.setdefault(
                row,
                f"Line {number + row + 1}: {name!r} is {kind} in the first lines, and here it is {value!r}.",
            )
    return pa.array(fitting, kind)
