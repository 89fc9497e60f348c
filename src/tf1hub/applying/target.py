"""Where the results go: parts in a directory, or parts that become one file at the end."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import numpy as np

from tf1hub.applying.job import Job
from tf1hub.errors import ArgumentError, ExportError
from tf1hub.predict.arrow_columns import import_pyarrow
from tf1hub.storage import Faults, absolute, copy_file, is_remote, join_path, place_at, split_path
from tf1hub.storage.whole import check_free, new_file

_FAULTS = Faults(ExportError, ExportError)


class PartWriter(Protocol):
    """Writes one part."""

    def write(self, table: Any) -> None:
        """Writes the rows of a block."""
        ...

    def close(self) -> None:
        """Ends the file."""
        ...


class Target:
    """Where results go.

    Args:
        path: a new directory; or a file `.parquet` or `.npy`.

    Attributes:
        path: as it was given.
        directory: where the parts lie: the directory itself, or a hidden one beside the file until it is whole.
        ending: of the parts: `".parquet"` or `".npy"`.
        is_file: whether the parts become one file.
    """

    def __init__(self, path: str) -> None:
        path = path.rstrip("/") or path
        self.path = path
        ending = os.path.splitext(path)[1].lower()
        self.is_file = ending in (".parquet", ".npy")
        self.ending = ending if self.is_file else ".parquet"
        name = split_path(path)[1]
        self.directory = f"{path[: len(path) - len(name)]}.{name}.tf1hub-apply" if self.is_file else path

    def check_outside(self, source: str) -> None:
        """Refuses a target within the folder that is the source: its files would be rows of the next run.

        Raises:
            ArgumentError: it is.
        """
        folder = absolute(source).rstrip("/") + "/"
        if absolute(self.path).startswith(folder):
            raise ArgumentError(
                f"The target {self.path} lies within the source {source}, of which it would become a part. Choose a place outside."
            )

    def check_free(self) -> None:
        """Refuses a file where something is.

        Raises:
            ExportError: something is.
        """
        if self.is_file:
            check_free(self.path)
            check_free(self._errors_path)

    @property
    def _errors_path(self) -> str:
        return f"{self.path}.errors.jsonl"

    def open_part(self, name: str) -> ContextPart:
        """Opens a part, which appears when it is whole."""
        return ContextPart(join_path(self.directory, name), self.ending)

    def write_errors(self, name: str, lines: list[dict[str, Any]]) -> None:
        """Writes the rows of a part that are at fault, a line of JSON for each."""
        encoded = (json.dumps(line, ensure_ascii=False, default=_as_text).encode() + b"\n" for line in lines)
        place_at(self.directory, _FAULTS).write(errors_name(name), encoded)

    def finish(self, job: Job) -> None:
        """Makes one file of the parts, where one was asked for."""
        if not self.is_file:
            return
        place = place_at(self.directory, _FAULTS)
        errors = [errors_name(part.name) for part in job.parts if place.exists(errors_name(part.name))]
        if errors:
            with new_file(self._errors_path, _FAULTS) as path, open(path, "wb") as file:
                for name in errors:
                    file.writelines(place.chunks(name))
        names = [part.name for part in job.parts]
        join = _join_parquet if self.ending == ".parquet" else _join_npy
        if place_at(self.path, _FAULTS).exists(""):
            # An earlier run was killed just before its very end; or somebody else wrote there.
            with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
                path = os.path.join(directory, "whole")
                join(self.directory, names, path)
                if _digest(path) != _digest(self.path):
                    check_free(self.path)
        else:
            with new_file(self.path, _FAULTS) as path:
                join(self.directory, names, path)
        place.remove("")


def _digest(path: str) -> bytes:
    digest = hashlib.sha256()
    for piece in place_at(path, _FAULTS).chunks(""):
        digest.update(piece)
    return digest.digest()


def part_name(number: int, ending: str) -> str:
    """The name of a part.

    >>> part_name(7, ".parquet")
    'part-00007.parquet'
    """
    return f"part-{number:05}{ending}"


def errors_name(part: str) -> str:
    """The name of the file of errors of a part. As it begins with `_`, readers of folders leave it out.

    >>> errors_name("part-00007.parquet")
    '_errors-00007.jsonl'
    """
    return f"_errors-{os.path.splitext(part)[0].removeprefix('part-')}.jsonl"


class ContextPart:
    """A part under way; used in a `with`, whose end makes it appear, or, by an error, leaves nothing."""

    def __init__(self, path: str, ending: str) -> None:
        self._stack = ExitStack()
        self._path = path
        self._ending = ending
        self._writer: PartWriter | None = None

    def __enter__(self) -> ContextPart:
        self._file = self._stack.enter_context(new_file(self._path, _FAULTS))
        return self

    def write(self, table: Any) -> None:
        """Writes the rows of a block."""
        if self._writer is None:
            make = _ParquetPart if self._ending == ".parquet" else _NpyPart
            self._writer = make(self._file, table)
        self._writer.write(table)

    def __exit__(self, *raised: Any) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            self._stack.__exit__(*raised)


class _ParquetPart:
    """A Parquet file, a row group for each block."""

    def __init__(self, path: str, table: Any) -> None:
        self._schema = table.schema
        self._writer = _parquet_writer(path, table.schema)

    def write(self, table: Any) -> None:
        if table.schema != self._schema:
            table = table.cast(self._schema)
        self._writer.write_table(table, row_group_size=max(len(table), 1))

    def close(self) -> None:
        self._writer.close()


def _parquet_writer(path: str, schema: Any) -> Any:
    pa = import_pyarrow("Writing Parquet")
    from pyarrow import parquet

    # Numbers of embeddings hardly get smaller, and a dictionary of them only costs time.
    numbers = [name for name, kind in _leaves(pa, schema) if pa.types.is_floating(kind)]
    others = [name for name, kind in _leaves(pa, schema) if not pa.types.is_floating(kind)]
    compression = {**dict.fromkeys(numbers, "none"), **dict.fromkeys(others, "snappy")}
    return parquet.ParquetWriter(
        path, schema, use_dictionary=others, compression=compression, write_statistics=others
    )


def _leaves(pa: Any, schema: Any) -> Iterator[tuple[str, Any]]:
    """The columns of a Parquet file as its writer names them, with their types."""

    def below(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
        if pa.types.is_struct(kind):
            for each in kind:
                yield from below(f"{name}.{each.name}", each.type)
        elif hasattr(kind, "value_type") and not pa.types.is_dictionary(kind):
            yield from below(f"{name}.list.element", kind.value_type)
        else:
            yield name, kind

    for field in schema:
        yield from below(field.name, field.type)


class _NpyPart:
    """The rows of an array; the header stands in the file that all parts become."""

    def __init__(self, path: str, table: Any) -> None:
        del table
        self._file = open(path, "wb")  # noqa: SIM115  # closed by `close`

    def write(self, table: Any) -> None:
        np.save(self._file, table, allow_pickle=False)

    def close(self) -> None:
        self._file.close()


def _join_parquet(directory: str, names: list[str], path: str) -> None:
    from pyarrow import parquet

    if len(names) == 1:
        copy_file(join_path(directory, names[0]), path)
        return
    with ExitStack() as stack:
        writer = None
        for name in names:
            with _local_part(directory, name) as part:
                opened = parquet.ParquetFile(part, memory_map=False, pre_buffer=False)
                for group in range(opened.num_row_groups):
                    table = opened.read_row_group(group, use_threads=False)
                    if writer is None:
                        writer = stack.enter_context(_parquet_writer(path, table.schema))
                    writer.write_table(table, row_group_size=max(len(table), 1))


def _join_npy(directory: str, names: list[str], path: str) -> None:
    shape: tuple[int, ...] = ()
    dtype: Any = None
    count = 0
    for block in _blocks_of(directory, names):
        if dtype is not None and block.shape[1:] != shape:
            raise ArgumentError(
                f"The rows of the output have other shapes in other batches, {[*shape]} and {[*block.shape[1:]]}, so they are no "
                "array. Write them to .parquet."
            )
        shape, dtype, count = block.shape[1:], block.dtype, count + len(block)
    with open(path, "wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (count, *shape),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for block in _blocks_of(directory, names):
            file.write(np.ascontiguousarray(block).data)


def _blocks_of(directory: str, names: list[str]) -> Iterator[Any]:
    for name in names:
        with _local_part(directory, name) as part, open(part, "rb") as file:
            size = os.path.getsize(part)
            while file.tell() < size:
                yield np.load(file, allow_pickle=False)


@contextmanager
def _local_part(directory: str, name: str) -> Iterator[str]:
    from tf1hub.applying.source_files import SourceFile, local_copy

    if not is_remote(directory):
        yield join_path(directory, name)
        return
    with local_copy(SourceFile(join_path(directory, name), name, 0, 0)) as path:
        yield path


def _as_text(value: Any) -> Any:
    """What JSON has no form for."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def check_columns(ending: str, outputs: Mapping[str, Any], kept: tuple[str, ...], error: str | None) -> None:
    """Refuses what a target cannot hold.

    Args:
        ending: of the target.
        outputs: of the signature.
        kept: the columns that are carried along.
        error: the column of errors; None where there is none.

    Raises:
        ArgumentError: a `.npy` file takes one dense output and no column; or two columns would have one name.
    """
    if ending == ".npy":
        if len(outputs) != 1 or any(
            info.kind != "dense" or info.dtype_name == "string" for info in outputs.values()
        ):
            raise ArgumentError(
                f"A .npy file holds one output of numbers, and the outputs are {', '.join(map(repr, outputs))}. Choose one by "
                "outputs=['NAME'], or write to .parquet."
            )
        if kept:
            raise ArgumentError(
                f"A .npy file holds no columns, and keep= has {', '.join(map(repr, kept))}. Write to .parquet, or give keep=[]."
            )
        return
    if error is not None and (error in kept or error in outputs):
        raise ArgumentError(
            f"The column of errors is called {error!r}, and so is another one. Leave that out (keep=), call the output otherwise "
            "(outputs={'NAME': 'error'}), or have errors in a file: on_error='file'."
        )
    both = [name for name in kept if name in outputs]
    if both:
        raise ArgumentError(
            f"A column of the source is called as an output is: {', '.join(map(repr, both))}. Leave it out (keep=), or call the "
            f"output otherwise: outputs={{'embedding': {both[0]!r}}}."
        )
