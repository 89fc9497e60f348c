"""`CheckpointReader`: the tensors of a V2 checkpoint, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from tf1hub.errors import CheckpointError, UnknownNameError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import arrays
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.index import Entry, Index
from tf1hub.format.checkpoint.shards import Shards, index_path, refuse_overlaps, split_prefix
from tf1hub.format.checkpoint.slices import Slice, cut, intersect, rows_in_order, why_no_tiling
from tf1hub.format.checkpoint.strings import read_strings, strings_crc, variants_crc
from tf1hub.format.storage import storage_at

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from tf1hub.format.checkpoint.strings import ByteOrder

__all__ = ["CheckpointReader"]

# Far more than any checkpoint's index: a million variables take some 100 MB.
MAX_INDEX_BYTES = 1 << 30
_NAMES_LISTED = 20


class CheckpointReader:
    """Reads a V2 checkpoint: what is in it, and its arrays as memory-mapped views.

    Opening reads the index only. The format is TensorFlow's tensor bundle
    (tensorflow/core/util/tensor_bundle/tensor_bundle.h).

    Args:
        prefix: the checkpoint, as `tf.train.Saver` names it: its files are `<prefix>.index` and
            `<prefix>.data-00000-of-00001`. With a scheme (`gs://...`), TensorFlow's file layer reads it, and arrays
            are read instead of mapped.

    Raises:
        CheckpointError: there is no checkpoint, or its index is damaged.
        UnsupportedFormatError: it is written in a newer version of the format.

    Example:
        >>> import tempfile, numpy as np
        >>> from tf1hub.format.checkpoint import CheckpointWriter
        >>> directory = tempfile.TemporaryDirectory()
        >>> prefix = directory.name + "/variables"
        >>> with CheckpointWriter(prefix) as writer:
        ...     writer.add("layer/kernel", np.ones([2, 3], np.float32))
        >>> reader = CheckpointReader(prefix)
        >>> reader.keys(), reader.shape("layer/kernel")
        (('layer/kernel',), (2, 3))
        >>> float(reader.array("layer/kernel").sum())
        6.0
        >>> directory.cleanup()
    """

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        self.prefix = os.fspath(prefix)
        directory, name = split_prefix(self.prefix)
        self._storage = storage_at(directory)
        self._index = Index(self._read_index(index_path(name)), index_path(self.prefix))
        self._shards = Shards(self._storage, name, self._index.num_shards)
        # What had to be put together from slices, for as long as somebody uses it.
        self._assembled: WeakValueDictionary[str, npt.NDArray[Any]] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"CheckpointReader({self.prefix!r}, {len(self.keys())} tensors)"

    def __contains__(self, key: object) -> bool:
        return key in self._index.names

    def keys(self) -> tuple[str, ...]:
        """Returns the names of the tensors, sorted; a partitioned one is one name."""
        return tuple(self._index.names)

    def dtype(self, key: str) -> int:
        """Returns a tensor's dtype, a number of TensorFlow's enum `DataType` (see `tf1hub.format.dtypes`)."""
        return self._entry(key).dtype

    def shape(self, key: str) -> tuple[int, ...]:
        """Returns a tensor's shape, of a partitioned one that of the whole."""
        return self._entry(key).shape

    def stored_bytes(self, key: str) -> int:
        """Returns how many bytes a tensor takes in the data files, as the index says."""
        entry = self._entry(key)
        return sum(part.size for part in self._index.slice_entries(key)) if entry.slices else entry.size

    def slices(self, key: str) -> tuple[Slice, ...]:
        """Returns the slices that a partitioned tensor is stored as; none for any other."""
        return self._entry(key).slices

    def is_partitioned(self, key: str) -> bool:
        """Says whether a tensor is stored as slices."""
        return bool(self._entry(key).slices)

    def array(self, key: str) -> npt.NDArray[Any]:
        """Returns a tensor as a read-only array.

        The array is a view of the memory-mapped file: it costs no memory until it is looked at. This includes a
        partitioned tensor whose slices are runs of rows that follow one another in the file; any other partitioned
        tensor, one in the other byte order than this machine's, and strings are copied. Checksums are `verify`'s
        matter.

        Args:
            key: the tensor's name.

        Returns:
            An array of the tensor's shape and dtype: NumPy's own, one of `ml_dtypes`, or `object` with `bytes`
            elements for strings.

        Raises:
            UnknownNameError: there is no such tensor.
            CheckpointError: the checkpoint is damaged, or a data file is missing.
            UnsupportedFormatError: NumPy has no such dtype (resource, variant).
        """
        entry = self._entry(key)
        if not entry.slices:
            return self._stored_array(entry, repr(key))
        parts = self._parts(key)
        rows = self._rows(key, parts)
        if rows is not None:
            return rows
        array = self._assembled.get(key)
        if array is None:
            array = self._assemble(key, Slice((0,) * len(entry.shape), entry.shape), parts)
            self._assembled[key] = array
        return array

    def slice_array(self, key: str, start: Sequence[int], length: Sequence[int]) -> npt.NDArray[Any]:
        """Returns a box of a tensor, reading no more than it has to; see `array`.

        Args:
            key: the tensor's name.
            start: where the box starts, one number per dimension.
            length: how long it is, one number per dimension.

        Raises:
            ValueError: the box does not lie within the tensor.
            UnknownNameError: there is no such tensor.
            CheckpointError: the checkpoint is damaged, or a data file is missing.
        """
        entry = self._entry(key)
        box = Slice(tuple(start), tuple(length))
        if not (len(box.start) == len(box.length) == len(entry.shape)) or any(
            begin < 0 or side < 0 or begin + side > whole
            for begin, side, whole in zip(*box, entry.shape, strict=True)
        ):
            raise ValueError(
                f"The start {list(start)} and length {list(length)} do not give a slice of {key!r}, which has the"
                f" shape {list(entry.shape)}."
            )
        whole = Slice((0,) * len(entry.shape), entry.shape)
        if not entry.slices:
            return self.array(key)[cut(box, whole)]
        parts = self._parts(key)
        rows = self._rows(key, parts)
        return rows[cut(box, whole)] if rows is not None else self._assemble(key, box, parts)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Checks every tensor against its checksum, and every partitioned tensor for gaps and overlaps.

        Args:
            progress: is called with the number of bytes checked so far and of all bytes, every MiB or so.

        Raises:
            CheckpointError: something is damaged or missing; the message names all tensors concerned.
        """
        stored = self._index.stored()
        refuse_overlaps(stored, self._index.path)
        for key in self.keys():
            if self.is_partitioned(key):
                self._parts(key)
        done, total = 0, sum(entry.size for _, entry in stored)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done, total)

        faults = []
        for what, entry in sorted(stored, key=lambda item: (item[1].shard, item[1].offset)):
            try:
                self._verify_entry(what, entry, advance)
            except CheckpointError as error:
                faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            lines = "".join(f"\n  {fault}" for fault in faults[:_NAMES_LISTED])
            more = f"\n  and {len(faults) - _NAMES_LISTED} more" if len(faults) > _NAMES_LISTED else ""
            raise CheckpointError(
                f"{self.prefix}: {len(faults)} of {len(stored)} tensors are damaged:{lines}{more}"
            ) from faults[0]

    def stored(self, key: str) -> list[tuple[Slice, Entry]]:
        """Returns where a tensor's bytes lie: its slices and their entries; without partitions, one of all of it."""
        entry = self._entry(key)
        if entry.slices:
            return self._parts(key)
        return [(Slice((0,) * len(entry.shape), entry.shape), entry)]

    def stored_chunks(self, entry: Entry, what: str) -> Iterator[bytes]:
        """Yields the bytes of an entry as they are in the file, and ends with an error if its checksum is not theirs.

        Args:
            entry: one of `stored`.
            what: names it in messages.

        Raises:
            CheckpointError: it is damaged, or the data file is missing.
        """
        if entry.dtype in (dtypes.STRING, dtypes.VARIANT):
            self._verify_entry(what, entry, lambda _: None)
            yield from self._shards.chunks(entry, what)
            return
        crc = 0
        for chunk in self._shards.chunks(entry, what):
            crc = crc32c(chunk, crc)
            yield chunk
        self._compare(crc, entry, what)

    @property
    def is_big_endian(self) -> bool:
        """Whether a big-endian machine wrote the checkpoint."""
        return self._index.big_endian

    @property
    def _order(self) -> ByteOrder:
        return "big" if self._index.big_endian else "little"

    def _read_index(self, name: str) -> bytes:
        path = self._storage.path(name)
        try:
            size = os.path.getsize(path) if os.path.exists(path) else 0
            if size > MAX_INDEX_BYTES:
                raise CheckpointError(f"{path}: an index of {size} bytes; {MAX_INDEX_BYTES} are the most.")
            return self._storage.read(name)
        except FileNotFoundError as error:
            raise CheckpointError(f"{path}: there is no such file, so {self.prefix} is no checkpoint.") from error
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {error}.") from error

    def _entry(self, key: str) -> Entry:
        if key not in self._index.names:
            raise UnknownNameError(f"No tensor {key!r} in {self.prefix}. {_list_names(key, self.keys())}")
        return self._index.entry(key)

    def _verify_entry(self, what: str, entry: Entry, advance: Callable[[int], None]) -> None:
        """Checks what one entry stands for; `advance` is told how many bytes were read since it was told last."""
        if entry.dtype in (dtypes.STRING, dtypes.VARIANT):
            checksum = strings_crc if entry.dtype == dtypes.STRING else variants_crc
            data = self._shards.mapped(entry, what)
            self._compare(checksum(data, entry, self._order, self._place(entry, what), advance), entry, what)
            return
        for chunk in self.stored_chunks(entry, what):
            advance(len(chunk))

    def _compare(self, crc: int, entry: Entry, what: str) -> None:
        if mask(crc) != entry.crc:
            raise CheckpointError(
                f"{self._place(entry, what)} is damaged: its checksum is {mask(crc):#010x}, and {entry.crc:#010x}"
                " is stored."
            )

    def _place(self, entry: Entry, what: str) -> str:
        return f"{self._shards.path(entry.shard)}: {what}"

    def _stored_array(self, entry: Entry, what: str) -> npt.NDArray[Any]:
        place = self._place(entry, what)
        if entry.dtype == dtypes.STRING:
            elements = read_strings(self._shards.mapped(entry, what), entry, self._order, place)
            return arrays.array_of_strings(elements, entry.shape, place)
        dtypes.numpy_dtype(entry.dtype)
        data = self._shards.mapped(entry, what)
        return arrays.view(data, entry.offset, entry.dtype, entry.shape, self._index.big_endian, place)

    def _parts(self, key: str) -> list[tuple[Slice, Entry]]:
        """Returns a partitioned tensor's slices and their entries, once they are known to make up the whole."""
        entry = self._entry(key)
        fault = why_no_tiling(entry.shape, entry.slices)
        if fault:
            raise CheckpointError(f"{self._index.path}: the partitioned {key!r} is not whole: {fault}.")
        parts = list(zip(entry.slices, self._index.slice_entries(key), strict=True))
        refuse_overlaps([(f"the slice {part} of {key!r}", stored) for part, stored in parts], self._index.path)
        return parts

    def _rows(self, key: str, parts: list[tuple[Slice, Entry]]) -> npt.NDArray[Any] | None:
        """Returns a view of a partitioned tensor, if its slices follow one another in the file as in the tensor."""
        whole = self._entry(key)
        order = rows_in_order(whole.shape, [part for part, _ in parts])
        if order is None or whole.dtype == dtypes.STRING:
            return None
        stored = [parts[number][1] for number in order]
        for before, after in zip(stored, stored[1:], strict=False):
            if after.shard != before.shard or after.offset != before.offset + before.size:
                return None
        size = sum(entry.size for entry in stored)
        return self._stored_array(
            Entry(whole.dtype, whole.shape, stored[0].shard, stored[0].offset, size, 0), repr(key)
        )

    def _assemble(self, key: str, box: Slice, parts: list[tuple[Slice, Entry]]) -> npt.NDArray[Any]:
        """Returns a box of a partitioned tensor, copied out of the slices that have a part in it."""
        import numpy as np

        array: npt.NDArray[Any] = np.empty(box.length, dtypes.numpy_dtype(self.dtype(key)))
        for part, entry in parts:
            shared = intersect(part, box)
            if shared:
                stored = self._stored_array(entry, f"the slice {part} of {key!r}")
                array[cut(shared, box)] = stored[cut(shared, part)]
        array.flags.writeable = False
        return array


def _list_names(wanted: str, names: Sequence[str]) -> str:
    if len(names) <= _NAMES_LISTED:
        return f"It has: {', '.join(names) or 'nothing'}."
    # Only for this message: its import would cost every reader milliseconds.
    from difflib import get_close_matches

    # Comparing is quadratic in a name's length, and names come from a file.
    candidates = [name for name in names[:10_000] if len(name) < 200]
    close = get_close_matches(wanted, candidates, n=5, cutoff=0.3) or names[:5]
    return f"It has {len(names)}, among them: {', '.join(close)}."
