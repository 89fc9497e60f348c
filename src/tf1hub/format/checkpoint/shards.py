"""The data files of a checkpoint: `<prefix>.data-00000-of-00002` and so on."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint.index import StoredTensor
from tf1hub.storage import Place

if TYPE_CHECKING:
    from typing import TypeAlias

    Buffer: TypeAlias = mmap.mmap | bytes

__all__ = ["CHUNK_BYTES", "Shards", "index_path", "refuse_overlaps", "shard_path"]

# Large enough that calls of the system cost nothing beside what they move, and small enough that a chunk is still in the
# processor's cache when it is summed and written: chunks of 16 MiB take two to three times as long.
CHUNK_BYTES = 1 << 20


def index_path(prefix: str) -> str:
    """Returns where the index of a checkpoint lies."""
    return f"{prefix}.index"


def shard_path(prefix: str, number: int, count: int) -> str:
    """Returns where a data file of a checkpoint lies.

    Example:
        >>> shard_path("model.ckpt", 1, 2)
        'model.ckpt.data-00001-of-00002'
    """
    return f"{prefix}.data-{number:05d}-of-{count:05d}"


class Shards:
    """Reads the data files of one checkpoint, each opened when it is first needed.

    Args:
        storage: the directory that the files are in.
        name: of the checkpoint in it, the last part of its prefix.
        count: of its data files.
    """

    def __init__(self, storage: Place, name: str, count: int) -> None:
        self._storage = storage
        self._name = name
        self._count = count
        self._mapped: dict[int, Buffer] = {}
        self._lock = Lock()

    def path(self, number: int) -> str:
        """Returns where a data file lies."""
        return self._storage.path(shard_path(self._name, number, self._count))

    def check_file(self, entry: StoredTensor, what: str) -> None:
        """Checks that the data file that an entry lies in is there and long enough; reads nothing of it.

        Raises:
            CheckpointError: the file is missing or too short.
        """
        size = self._storage.size(shard_path(self._name, entry.shard, self._count))
        if size is None:
            raise self._unreadable(entry.shard, what, FileNotFoundError())
        self._check_bounds(entry, size, what)

    def map_file(self, entry: StoredTensor, what: str) -> Buffer:
        """Returns the data file that an entry lies in, memory-mapped, once it is known to lie there."""
        with self._lock:
            buffer = self._mapped.get(entry.shard)
            if buffer is None:
                buffer = self._mapped[entry.shard] = self._map(entry.shard, what)
        self._check_bounds(entry, len(buffer), what)
        return buffer

    def chunks(self, entry: StoredTensor, what: str) -> Iterator[bytes]:
        """Yields the bytes of an entry in chunks, read from the file, so that they take no memory."""
        if not self._storage.is_local:
            data = self.map_file(entry, what)
            for position in range(entry.offset, entry.offset + entry.size, CHUNK_BYTES):
                yield data[position : min(position + CHUNK_BYTES, entry.offset + entry.size)]
            return
        path = self.path(entry.shard)
        try:
            with open(path, "rb", buffering=0) as file:
                self._check_bounds(entry, os.fstat(file.fileno()).st_size, what)
                file.seek(entry.offset)
                left = entry.size
                while left:
                    chunk = file.read(min(left, CHUNK_BYTES))
                    if not chunk:
                        raise CheckpointError(f"{path}: the file became shorter while {what} was read.")
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise self._unreadable(entry.shard, what, error) from error

    def _map(self, number: int, what: str) -> Buffer:
        if not self._storage.is_local:
            name = shard_path(self._name, number, self._count)
            if self._storage.size(name) is None:
                raise self._unreadable(number, what, FileNotFoundError())
            return self._storage.read(name)
        try:
            with open(self.path(number), "rb") as file:
                # An empty file cannot be mapped; it is the one of a checkpoint whose tensors are all empty.
                if not os.fstat(file.fileno()).st_size:
                    return b""
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self._unreadable(number, what, error) from error

    def _check_bounds(self, entry: StoredTensor, available: int, what: str) -> None:
        end = entry.offset + entry.size
        if end > available:
            raise CheckpointError(
                f"{self.path(entry.shard)}: {what} should lie at bytes {entry.offset} to {end}, but the file"
                f" has {available} bytes."
            )

    def _unreadable(self, number: int, what: str, error: Exception) -> CheckpointError:
        path = self.path(number)
        if isinstance(error, FileNotFoundError):
            return CheckpointError(f"{path}: this data file of the checkpoint is missing; {what} lies in it.")
        return CheckpointError(f"{path}: cannot be read: {error}.")


def refuse_overlaps(stored: list[tuple[str, StoredTensor]], path: str) -> None:
    """Raises a CheckpointError if two entries share bytes.

    No writer does that; it would let a small file stand for any amount of data.

    Args:
        stored: entries and their descriptions.
        path: of the index, for messages.
    """
    placed = sorted(stored, key=lambda item: (item[1].shard, item[1].offset))
    previous: tuple[str, StoredTensor] | None = None
    for what, entry in placed:
        if not entry.size:
            continue
        if (
            previous
            and previous[1].shard == entry.shard
            and entry.offset < previous[1].offset + previous[1].size
        ):
            raise CheckpointError(
                f"{path}: {what} starts at byte {entry.offset} of data file {entry.shard}, within"
                f" {previous[0]}."
            )
        previous = (what, entry)
