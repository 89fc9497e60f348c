"""`CheckpointWriter`: writes a V2 checkpoint, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from tf1hub.errors import ExportError, UnsupportedFormatError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint.arrays import array_bytes, as_array, string_elements
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.index import StoredTensor, encode_index, shape_size
from tf1hub.format.checkpoint.ordered_code import encode_slice_key
from tf1hub.format.checkpoint.shards import index_path, shard_path
from tf1hub.format.checkpoint.slices import Slice, is_within, why_no_tiling
from tf1hub.format.checkpoint.strings import encode_strings

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    from tf1hub.format.checkpoint.reader import CheckpointReader

__all__ = ["CheckpointWriter"]


class CheckpointWriter:
    """Writes a V2 checkpoint that TensorFlow 1.15 and later read, in one data file.

    Use it in a `with` statement. The files appear at their names when the statement ends, whole and flushed
    to the disk, the index last. If it ends with an error, or the process is killed, nothing is there that
    looks like a checkpoint. Tensors are written as they are added: none has to be in memory as a whole.

    Args:
        prefix: the checkpoint: its files will be `<prefix>.index` and `<prefix>.data-00000-of-00001`.
            The directory must exist.

    Raises:
        ExportError: from any method: there is a checkpoint at `prefix` already, the disk is full, or what is
            added is not as it should be.

    Example:
        >>> import tempfile, numpy as np
        >>> directory = tempfile.TemporaryDirectory()
        >>> with CheckpointWriter(directory.name + "/variables") as writer:
        ...     writer.add("step", np.int64(3))
        >>> sorted(os.listdir(directory.name))
        ['variables.data-00000-of-00001', 'variables.index']
        >>> directory.cleanup()
    """

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        self.prefix = os.fspath(prefix)
        self._data_path = shard_path(self.prefix, 0, 1)
        self._index_path = index_path(self.prefix)
        self._temporary_suffix = f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
        self._file: BinaryIO | None = None
        self._placed: list[str] = []
        self._size = 0
        self._entries: dict[str, StoredTensor] = {}
        self._slice_entries: dict[bytes, StoredTensor] = {}

    def __enter__(self) -> CheckpointWriter:
        for path in (self._index_path, self._data_path):
            if os.path.lexists(path):
                raise ExportError(
                    f"{path} exists already. Choose another prefix than {self.prefix}, or remove it."
                )
        try:
            self._file = open(self._data_path + self._temporary_suffix, "xb", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        finished = False
        try:
            if kind is None:
                self._finish()
                finished = True
        finally:
            if not finished:
                self._discard()

    def add(self, name: str, array: npt.ArrayLike) -> None:
        """Writes a tensor.

        Args:
            name: the tensor's name.
            array: its value; of bytes or text (which is stored as UTF-8) for a tensor of strings.
        """
        self._check_new(name)
        self._entries[name] = self._write_array(name, as_array(array))

    def add_slice(
        self, name: str, full_shape: Sequence[int], start: Sequence[int], array: npt.ArrayLike
    ) -> None:
        """Writes one slice of a partitioned tensor.

        The slices of a tensor may come in any order, also between other tensors; together they must make up
        the whole. Readers can map it without a copy if they are runs of rows, written in order.

        Args:
            name: the name of the whole tensor.
            full_shape: its shape.
            start: where in it the slice starts, one number per dimension.
            array: the slice's value.
        """
        values = as_array(array)
        shape = tuple(map(int, full_shape))
        part = Slice(tuple(map(int, start)), values.shape)
        self._check_slice(name, shape, part)
        if part.length == shape:
            # TensorFlow too stores the only slice of a tensor as a plain one.
            self.add(name, values)
            return
        self._add_part(name, shape, part, self._write_array(f"{name} {part}", values))

    def add_stream(
        self,
        name: str,
        dtype: int | str | np.dtype[Any],
        shape: Sequence[int],
        chunks: Iterable[npt.NDArray[Any] | bytes],
    ) -> None:
        """Writes a tensor whose values come piece by piece, so that it never is in memory as a whole.

        Args:
            name: the tensor's name.
            dtype: its dtype: a number of TensorFlow's enum `DataType`, a name of TensorFlow's, or NumPy's.
                Strings cannot be streamed.
            shape: its shape.
            chunks: its values in row-major order: arrays of its dtype and of any shapes, or little-endian
                bytes.
        """
        self._check_new(name)
        number = _dtype_number(dtype)
        size = dtypes.size_of(number)
        if size is None:
            raise ExportError(
                f"Cannot stream {name!r}: a tensor of {dtypes.name_of(number)} must be added whole."
            )
        full_shape = tuple(map(int, shape))
        entry = self._write(number, full_shape, _covering_itself(_chunk_bytes(name, number, chunks)))
        expected = size * shape_size(full_shape)
        if entry.size != expected:
            raise ExportError(
                f"Got {entry.size} bytes of {name!r}; {dtypes.name_of(number)} {list(full_shape)} takes"
                f" {expected}."
            )
        self._entries[name] = entry

    def copy_from(self, reader: CheckpointReader, key: str, new_name: str | None = None) -> None:
        """Copies a tensor from another checkpoint, partitioned as it is there, and checks it on the way.

        Args:
            reader: of the other checkpoint.
            key: the tensor's name there.
            new_name: its name here, if it is another.

        Raises:
            UnknownNameError: the other checkpoint has no such tensor.
            CheckpointError: the other checkpoint is damaged.
        """
        name = key if new_name is None else new_name
        self._check_new(name)
        if reader.files.index.big_endian:
            for part in reader.stored_parts(key):
                reader.files.verify(part.entry, part.what, lambda _: None)
                self.add_slice(
                    name, reader.shape(key), part.slice.start, reader.slice_array(key, *part.slice)
                )
            return
        for part in reader.stored_parts(key):
            # The reader compares the checksum, which does not cover the bytes of strings as they are.
            chunks = ((chunk, b"") for chunk in reader.files.chunks(part.entry, part.what))
            entry = self._write(part.entry.dtype, part.entry.shape, chunks)._replace(crc=part.entry.crc)
            if reader.is_partitioned(key):
                self._add_part(name, reader.shape(key), part.slice, entry)
            else:
                self._entries[name] = entry

    def _check_new(self, name: str) -> None:
        # The empty key is the header's, and keys that start with a zero are slices'.
        if not name or name[0] == "\x00" or name.encode(errors="ignore").decode() != name:
            raise ExportError(f"{name!r} cannot be the name of a tensor in a checkpoint.")
        if name in self._entries:
            raise ExportError(f"There is a tensor {name!r} in {self.prefix} already.")

    def _check_slice(self, name: str, shape: tuple[int, ...], part: Slice) -> None:
        known = self._entries.get(name)
        if known is None or not known.slices:
            self._check_new(name)
        elif known.shape != shape:
            raise ExportError(
                f"A slice of {name!r} is said to be of the shape {list(shape)}, and another of"
                f" {list(known.shape)}."
            )
        if not is_within(part, shape) or (part.length != shape and not part.size):
            raise ExportError(
                f"An array of shape {list(part.length)} at {list(part.start)} is no slice of {name!r}, which"
                f" has the shape {list(shape)}."
            )

    def _add_part(self, name: str, shape: tuple[int, ...], part: Slice, entry: StoredTensor) -> None:
        known = self._entries.get(name)
        if known and known.dtype != entry.dtype:
            raise ExportError(
                f"A slice of {name!r} is {dtypes.name_of(entry.dtype)}, and another is"
                f" {dtypes.name_of(known.dtype)}."
            )
        key = encode_slice_key(name, *part)
        if key in self._slice_entries:
            raise ExportError(f"There is a slice {part} of {name!r} in {self.prefix} already.")
        self._slice_entries[key] = entry
        slices = (*known.slices, part) if known else (part,)
        self._entries[name] = StoredTensor(entry.dtype, shape, 0, 0, 0, 0, slices)

    def _write_array(self, what: str, array: npt.NDArray[Any]) -> StoredTensor:
        try:
            number = dtypes.number_of_numpy(array.dtype)
            if number == dtypes.STRING:
                return self._write(number, array.shape, encode_strings(string_elements(array)))
        except (TypeError, UnsupportedFormatError) as error:
            raise ExportError(f"Cannot write {what!r}: {error}") from error
        return self._write(number, array.shape, _covering_itself(array_bytes(array)))

    def _write(
        self, dtype: int, shape: tuple[int, ...], pieces: Iterable[tuple[bytes, bytes]]
    ) -> StoredTensor:
        """Writes a tensor's pieces: what goes to the file, and what the checksum covers."""
        # Memory-mapped arrays are of use everywhere only where elements lie at multiples of their size. No
        # more than that, so that the slices of one tensor stay next to one another.
        self._append(bytes(-self._size % (dtypes.size_of(dtype) or 1)))
        offset, crc = self._size, 0
        for data, covered in pieces:
            self._append(data)
            crc = crc32c(covered, crc)
        return StoredTensor(dtype, shape, 0, offset, self._size - offset, mask(crc))

    def _append(self, data: bytes) -> None:
        if self._file is None:
            raise ExportError(f"The writer of {self.prefix} is not open; use it in a `with` statement.")
        left = memoryview(data)
        try:
            # Without a buffer a write may take a part only.
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._unwritable(error) from error
        self._size += len(data)

    def _finish(self) -> None:
        if self._file is None:
            raise ExportError(f"The writer of {self.prefix} is not open; use it in a `with` statement.")
        for name, entry in self._entries.items():
            if entry.slices and (fault := why_no_tiling(entry.shape, entry.slices)):
                raise ExportError(f"The partitioned {name!r} is not whole: {fault}.")
        index = encode_index(self._entries, self._slice_entries)
        try:
            _flush_and_close(self._file)
            with open(self._index_path + self._temporary_suffix, "xb") as file:
                file.write(index)
                _flush_and_close(file)
            for path in (self._data_path, self._index_path):
                os.rename(path + self._temporary_suffix, path)
                self._placed.append(path)
            _flush_directory(os.path.dirname(self.prefix))
        except OSError as error:
            raise self._unwritable(error) from error
        self._file = None

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        temporary = [path + self._temporary_suffix for path in (self._data_path, self._index_path)]
        for path in [*temporary, *self._placed]:
            with suppress(FileNotFoundError):
                os.remove(path)

    def _unwritable(self, error: OSError) -> ExportError:
        return ExportError(f"Cannot write the checkpoint {self.prefix}: {error}.")


def _chunk_bytes(name: str, number: int, chunks: Iterable[npt.NDArray[Any] | bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, bytes):
            yield chunk
        elif (found := dtypes.number_of_numpy(chunk.dtype)) != number:
            raise ExportError(
                f"A chunk of {name!r} is {dtypes.name_of(found)}; the tensor is {dtypes.name_of(number)}."
            )
        else:
            yield from array_bytes(chunk)


def _covering_itself(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yields each piece twice: the checksum covers what is written."""
    for piece in pieces:
        yield piece, piece


def _dtype_number(dtype: int | str | np.dtype[Any]) -> int:
    if isinstance(dtype, int):
        return dtype
    return dtypes.number_of(dtype) if isinstance(dtype, str) else dtypes.number_of_numpy(dtype)


def _flush_and_close(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _flush_directory(path: str) -> None:
    """Makes renames in a directory last through a power cut, where the system can do so."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
