"""`CheckpointReader`: the tensors of a V2 checkpoint, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from tf1hub.errors import CheckpointError, UnknownNameError
from tf1hub.format.checkpoint.checkpoint_files import CheckpointFiles
from tf1hub.format.checkpoint.index import StoredTensor
from tf1hub.format.checkpoint.partitions import StoredPart, assemble, parts_of, rows_of
from tf1hub.format.checkpoint.shards import refuse_overlaps
from tf1hub.format.checkpoint.slices import Slice, cut, is_within, whole

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

__all__ = ["CheckpointReader"]

_NAMES_LISTED = 20


class CheckpointReader:
    """Reads a V2 checkpoint: what is in it, and its arrays as memory-mapped views.

    Opening reads the index only. The format is TensorFlow's tensor bundle
    (tensorflow/core/util/tensor_files/tensor_files.h).

    Args:
        prefix: the checkpoint, as `tf.train.Saver` names it: its files are `<prefix>.index` and
            `<prefix>.data-00000-of-00001`. With a scheme (`gs://...`), TensorFlow's file layer reads it,
            and data files are read as a whole instead of mapped.

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
        self._files = CheckpointFiles(self.prefix)
        # What had to be put together from slices, for as long as somebody uses it.
        self._assembled: WeakValueDictionary[str, npt.NDArray[Any]] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"CheckpointReader({self.prefix!r}, {len(self)} tensors)"

    def __contains__(self, key: object) -> bool:
        return key in self._files.index.names

    def __iter__(self) -> Iterator[str]:
        return iter(self._files.index.names)

    def __len__(self) -> int:
        return len(self._files.index.names)

    def keys(self) -> tuple[str, ...]:
        """Returns the names of the tensors, sorted; a partitioned one is one name."""
        return tuple(self._files.index.names)

    def dtype(self, key: str) -> int:
        """Returns a tensor's dtype, a number of TensorFlow's enum `DataType` (see `tf1hub.format.dtypes`)."""
        return self._entry(key).dtype

    def shape(self, key: str) -> tuple[int, ...]:
        """Returns a tensor's shape, of a partitioned one that of the whole."""
        return self._entry(key).shape

    def stored_bytes(self, key: str) -> int:
        """Returns how many bytes a tensor takes in the data files, as the index says."""
        entry = self._entry(key)
        return sum(part.size for part in self._files.index.slice_entries(key)) if entry.slices else entry.size

    def slices(self, key: str) -> tuple[Slice, ...]:
        """Returns the slices that a partitioned tensor is stored as; none for any other."""
        return self._entry(key).slices

    def is_partitioned(self, key: str) -> bool:
        """Says whether a tensor is stored as slices."""
        return bool(self._entry(key).slices)

    def array(self, key: str) -> npt.NDArray[Any]:
        """Returns a tensor as a read-only array.

        The array is a view of the memory-mapped file: it costs no memory until it is looked at. This includes
        a partitioned tensor whose slices are runs of rows that follow one another in the file. Any other
        partitioned tensor, strings, and what has not this machine's byte order are copied. Checksums are
        compared by `verify`, not here. Nobody may write to the file while a view of it is in use.

        Args:
            key: the tensor's name.

        Returns:
            An array of the tensor's shape and dtype: one of NumPy's own, one of `ml_dtypes`, or `object` with
            elements of type `bytes` for strings.

        Raises:
            UnknownNameError: there is no such tensor.
            CheckpointError: the checkpoint is damaged, a data file is missing, or the tensor is one of
                resources or variants, of which NumPy has no arrays.
        """
        entry = self._entry(key)
        if not entry.slices:
            return self._files.array(entry, repr(key))
        parts = parts_of(self._files, key)
        array = rows_of(self._files, key, parts)
        if array is None:
            array = self._assembled.get(key)
        if array is None:
            array = self._assembled[key] = assemble(self._files, key, whole(entry.shape), parts)
        return array

    def slice_array(self, key: str, start: Sequence[int], length: Sequence[int]) -> npt.NDArray[Any]:
        """Returns a box of a tensor, reading no more than it has to; see `array`.

        Args:
            key: the tensor's name.
            start: where the box starts, one number per dimension.
            length: how long it is, one number per dimension.

        Raises:
            UnknownNameError: there is no such tensor.
            CheckpointError: the box does not lie within the tensor, the checkpoint is damaged, or a data file
                is missing.
        """
        entry = self._entry(key)
        box = Slice(tuple(start), tuple(length))
        if not is_within(box, entry.shape):
            raise CheckpointError(
                f"The start {list(start)} and the length {list(length)} give no slice of {key!r}, which has"
                f" the shape {list(entry.shape)}."
            )
        if not entry.slices:
            return self.array(key)[cut(box, whole(entry.shape))]
        parts = parts_of(self._files, key)
        rows = rows_of(self._files, key, parts)
        if rows is None:
            return assemble(self._files, key, box, parts)
        return rows[cut(box, whole(entry.shape))]

    def verify(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Checks every tensor against its checksum, and every partitioned tensor for gaps and overlaps.

        Args:
            progress: is called with the number of bytes checked so far and of all bytes, every MiB or so.

        Raises:
            CheckpointError: something is damaged or missing; the message names all tensors concerned.
        """
        index = self._files.index
        stored = sorted(index.stored_entries(), key=lambda item: (item[1].shard, item[1].offset))
        refuse_overlaps(stored, index.path)
        for key in self:
            if self.is_partitioned(key):
                parts_of(self._files, key)
        done, total = 0, sum(entry.size for _, entry in stored)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done, total)

        faults = []
        for what, entry in stored:
            try:
                self._files.verify(entry, what, advance)
            except CheckpointError as error:
                faults.append(error)
        if faults:
            raise _join(faults, f"{self.prefix}: {len(faults)} of {len(stored)} tensors are damaged")

    def check_files(self) -> None:
        """Checks that all data files are there and long enough; far cheaper than `verify`.

        Raises:
            CheckpointError: a file is missing or too short.
        """
        last: dict[int, tuple[str, StoredTensor]] = {}
        for what, entry in self._files.index.stored_entries():
            if entry.shard not in last or _end(entry) > _end(last[entry.shard][1]):
                last[entry.shard] = (what, entry)
        for what, entry in last.values():
            self._files.check_file(entry, what)

    def stored_parts(self, key: str) -> list[StoredPart]:
        """Returns where a tensor's bytes lie: its slices, or one slice that is all of it."""
        entry = self._entry(key)
        if entry.slices:
            return parts_of(self._files, key)
        return [StoredPart(whole(entry.shape), entry, repr(key))]

    @property
    def files(self) -> CheckpointFiles:
        """The files, for `CheckpointWriter.copy_from`."""
        return self._files

    def _entry(self, key: str) -> StoredTensor:
        if key not in self._files.index.names:
            raise UnknownNameError(f"No tensor {key!r} in {self.prefix}. {_list_names(key, self.keys())}")
        return self._files.index.entry(key)


def _end(entry: StoredTensor) -> int:
    return entry.offset + entry.size


def _join(faults: Sequence[CheckpointError], title: str) -> CheckpointError:
    if len(faults) == 1:
        return faults[0]
    lines = [str(fault) for fault in faults[:_NAMES_LISTED]]
    if len(faults) > _NAMES_LISTED:
        lines.append(f"and {len(faults) - _NAMES_LISTED} more")
    return CheckpointError("\n  ".join([f"{title}:", *lines]))


def _list_names(wanted: str, names: Sequence[str]) -> str:
    if len(names) <= _NAMES_LISTED:
        return f"It has: {', '.join(names) or 'nothing'}."
    # Only for this message: its import would cost every reader milliseconds.
    from difflib import get_close_matches

    # Comparing is quadratic in a name's length, and names come from a file.
    candidates = [name for name in names[:10_000] if len(name) < 200]
    close = get_close_matches(wanted, candidates, n=5, cutoff=0.3) or names[:5]
    return f"It has {len(names)}, among them: {', '.join(close)}."
