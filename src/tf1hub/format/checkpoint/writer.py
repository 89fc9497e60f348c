"""`CheckpointWriter`: writes a V2 checkpoint, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from tf1hub.errors import ExportError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.index import Entry, encode_index, shape_size
from tf1hub.format.checkpoint.ordered_code import encode_slice_key
from tf1hub.format.checkpoint.shards import index_path, shard_path
from tf1hub.format.checkpoint.slices import Slice, why_no_tiling
from tf1hub.format.checkpoint.strings import encode_strings

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    from tf1hub.format.checkpoint.reader import CheckpointReader

__all__ = ["CheckpointWriter"]

_CHUNK_BYTES = 1 << 20


class CheckpointWriter:
    """Writes a V2 checkpoint that TensorFlow 1.15 and later read, in one data file.

    Use it in a `with` statement. The files appear at their names when the statement ends, whole and flushed to the
    disk, the index last; if it ends with an error, or the process is killed, nothing is there that looks like a
    checkpoint. Tensors are written as they are added, so that none has to be in memory as a whole.

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
        self._size = 0
        self._entries: dict[str, Entry] = {}
        self._slice_entries: dict[bytes, Entry] = {}

    def __enter__(self) -> CheckpointWriter:
        for path in (self._index_path, self._data_path):
            if os.path.lexists(path):
                raise ExportError(f"{path} exists already. Choose another prefix than {self.prefix}, or remove it.")
        try:
            self._file = open(self._data_path + self._temporary_suffix, "xb", buffering=0)  # noqa: SIM115
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
        self._entries[name] = self._write_array(name, _as_array(array))

    def add_slice(self, name: str, full_shape: Sequence[int], start: Sequence[int], array: npt.ArrayLike) -> None:
        """Writes one slice of a partitioned tensor.

        The slices of a tensor may come in any order, and between other tensors; together they must make up the whole.

        Args:
            name: the name of the whole tensor.
            full_shape: its shape.
            start: where in it the slice starts, one number per dimension.
            array: the slice's value.
        """
        values = _as_array(array)
        shape = tuple(map(int, full_shape))
        part = self._check_slice(name, shape, Slice(tuple(map(int, start)), values.shape))
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
            chunks: its values in row-major order: arrays of its dtype and of any shapes, or bytes (little-endian).
        """
        self._check_new(name)
        number = _dtype_number(dtype)
        size = dtypes.size_of(number)
        if size is None:
            raise ExportError(f"Cannot stream {name!r}: a tensor of {dtypes.name_of(number)} must be added whole.")
        full_shape = tuple(map(int, shape))
        entry = self._write(number, full_shape, _covering_itself(_chunk_bytes(name, number, chunks)))
        expected = size * shape_size(full_shape)
        if entry.size != expected:
            raise ExportError(
                f"Got {entry.size} bytes of {name!r}; {dtypes.name_of(number)} {list(full_shape)} takes {expected}."
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
        shape = reader.shape(key)
        for part, entry in reader.stored(key):
            what = f"the slice {part} of {key!r}" if reader.is_partitioned(key) else repr(key)
            if reader.is_big_endian:
                self.add_slice(name, shape, part.start, reader.slice_array(key, *part))
                continue
            copy = self._write(entry.dtype, entry.shape, _covering_itself(reader.stored_chunks(entry, what)))
            # The checksum of strings does not cover the bytes as they are; the reader has compared it.
            copy = _with_crc(copy, entry.crc)
            if reader.is_partitioned(key):
                self._add_part(name, shape, part, copy)
            else:
                self._entries[name] = copy

    def _check_new(self, name: str) -> None:
        if not name or name[0] == "\x00":
            raise ExportError(f"{name!r} cannot be the name of a tensor in a checkpoint.")
        if name in self._entries:
            raise ExportError(f"There is a tensor {name!r} in {self.prefix} already.")

    def _check_slice(self, name: str, shape: tuple[int, ...], part: Slice) -> Slice:
        known = self._entries.get(name)
        if known is None or not known.slices:
            self._check_new(name)
        elif known.shape != shape:
            raise ExportError(
                f"A slice of {name!r} is said to be of the shape {list(shape)}, and another of {list(known.shape)}."
            )
        if not len(shape) == len(part.start) == len(part.length) or any(
            start < 0 or start + length > side for start, length, side in zip(*part, shape, strict=True)
        ):
            raise ExportError(
                f"An array of shape {list(part.length)} at {list(part.start)} is no slice of {name!r}, which has the"
                f" shape {list(shape)}."
            )
        return part

    def _add_part(self, name: str, shape: tuple[int, ...], part: Slice, entry: Entry) -> None:
        known = self._entries.get(name)
        if known and known.dtype != entry.dtype:
            raise ExportError(
                f"A slice of {name!r} is {dtypes.name_of(entry.dtype)}, and another {dtypes.name_of(known.dtype)}."
            )
        key = encode_slice_key(name, *part)
        if key in self._slice_entries:
            raise ExportError(f"There is a slice {part} of {name!r} in {self.prefix} already.")
        self._slice_entries[key] = entry
        slices = (*known.slices, part) if known else (part,)
        self._entries[name] = Entry(entry.dtype, shape, 0, 0, 0, 0, slices)

    def _write_array(self, what: str, array: npt.NDArray[Any]) -> Entry:
        number = dtypes.number_of_numpy(array.dtype)
        if number == dtypes.STRING:
            return self._write(number, array.shape, encode_strings(_string_elements(what, array)))
        return self._write(number, array.shape, _covering_itself(_array_bytes(array)))

    def _write(self, dtype: int, shape: tuple[int, ...], pieces: Iterable[tuple[bytes, bytes]]) -> Entry:
        """Writes a tensor's pieces: what goes to the file, and what the checksum covers."""
        # Memory-mapped arrays are usable everywhere only where elements lie at multiples of their size. Nothing
        # more, so that the slices of one tensor stay next to one another.
        self._append(bytes(-self._size % (dtypes.size_of(dtype) or 1)))
        offset, crc = self._size, 0
        for data, covered in pieces:
            self._append(data)
            crc = crc32c(covered, crc)
        return Entry(dtype, shape, 0, offset, self._size - offset, mask(crc))

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
            _flush_directory(os.path.dirname(self.prefix))
        except OSError as error:
            raise self._unwritable(error) from error
        self._file = None

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        for path in (self._data_path, self._index_path):
            try:
                os.remove(path + self._temporary_suffix)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ExportError:
        return ExportError(f"Cannot write the checkpoint {self.prefix}: {error}.")


def _as_array(array: npt.ArrayLike) -> npt.NDArray[Any]:
    import numpy as np

    # A list of strings would become an array of fixed-size ones, which drops zero bytes at their ends.
    if isinstance(array, (bytes, str)) or (isinstance(array, (list, tuple)) and _holds_text(array)):
        return np.array(array, dtype=object)
    return np.asarray(array)


def _holds_text(value: object) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (bytes, str))


def _dtype_number(dtype: int | str | np.dtype[Any]) -> int:
    if isinstance(dtype, int):
        return dtype
    return dtypes.number_of(dtype) if isinstance(dtype, str) else dtypes.number_of_numpy(dtype)


def _string_elements(what: str, array: npt.NDArray[Any]) -> list[bytes]:
    elements = []
    for element in array.reshape(-1).tolist():
        if isinstance(element, str):
            element = element.encode()
        if not isinstance(element, bytes):
            raise ExportError(f"{what!r} holds {element!r}, which is neither bytes nor text.")
        elements.append(element)
    return elements


def _array_bytes(array: npt.NDArray[Any]) -> Iterator[bytes]:
    """Yields an array's elements in row-major order and little-endian, a little at a time."""
    import numpy as np

    order = array.dtype.newbyteorder("<") if array.dtype.isbuiltin == 1 or array.dtype.byteorder in "<>" else None
    chunks = np.nditer(
        array,
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly", "contig"]],
        op_dtypes=[order],
        order="C",
        casting="equiv",
        buffersize=max(1, _CHUNK_BYTES // array.itemsize),
    )
    for chunk in chunks:
        data: bytes = chunk.tobytes()
        for start in range(0, len(data), _CHUNK_BYTES):
            yield data[start : start + _CHUNK_BYTES]


def _chunk_bytes(name: str, number: int, chunks: Iterable[npt.NDArray[Any] | bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, bytes):
            yield chunk
        elif (found := dtypes.number_of_numpy(chunk.dtype)) != number:
            raise ExportError(
                f"A chunk of {name!r} is {dtypes.name_of(found)}; the tensor is {dtypes.name_of(number)}."
            )
        else:
            yield from _array_bytes(chunk)


def _covering_itself(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yields each piece twice: the checksum covers what is written."""
    for piece in pieces:
        yield piece, piece


def _with_crc(entry: Entry, crc: int) -> Entry:
    return Entry(entry.dtype, entry.shape, entry.shard, entry.offset, entry.size, crc)


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
