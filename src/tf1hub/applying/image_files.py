"""Folders, lists and patterns of image files: a row for each file, its bytes and its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tf1hub.applying.blocks import Piece
from tf1hub.applying.source_files import SourceFile, read_file
from tf1hub.errors import InputError
from tf1hub.predict.arrow_columns import import_pyarrow

IMAGE, NAME = "image", "name"
"""The columns: the bytes of the file, and its path below the folder that was given."""
_TOGETHER = 64


def read_images(files: Sequence[SourceFile], columns: Collection[str] | None, skip: int) -> Iterator[Piece]:
    """The files; one that cannot be read is a row at fault."""
    pa = import_pyarrow("tf1hub.apply")
    for start in range(skip, len(files), _TOGETHER):
        some = files[start : start + _TOGETHER]
        found: list[bytes | None] = []
        faults: dict[int, str] = {}
        for row, file in enumerate(some):
            try:
                found.append(read_file(file))
            except InputError as error:
                found.append(None)
                faults[row] = str(error)
        columns_of = {IMAGE: pa.array(found, pa.large_binary()), NAME: pa.array([each.name for each in some])}
        wanted = {name: column for name, column in columns_of.items() if columns is None or name in columns}
        yield Piece(pa.table(wanted), faults)
