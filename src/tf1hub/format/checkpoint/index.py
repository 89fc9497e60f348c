"""The index of a checkpoint: which tensors there are, and where in the data files they lie."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from google.protobuf.message import DecodeError

from tf1hub.errors import CheckpointError, UnsupportedFormatError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint.ordered_code import (
    FULL_EXTENT,
    decode_slice_name,
    encode_slice_key,
    is_slice_key,
)
from tf1hub.format.checkpoint.slices import Slice, is_within
from tf1hub.format.checkpoint.sstable import read_table, write_table
from tf1hub.format.messages_pb2 import BundleEntryProto, BundleHeaderProto, TensorShapeProto

__all__ = ["Index", "StoredTensor", "encode_index", "shape_size"]

# The version of the format that this reads and writes; TensorFlow has had no other.
VERSION = 1
HEADER_KEY = b""
# What TensorFlow's own shapes can have (tensorflow/core/framework/tensor_shape.h).
MAX_RANK = 254
MAX_BYTES = 1 << 63


class StoredTensor(NamedTuple):
    """What the index says of one tensor, or of one slice of a partitioned tensor."""

    dtype: int
    """A number of TensorFlow's enum `DataType`."""
    shape: tuple[int, ...]
    shard: int
    """The number of the data file that holds it."""
    offset: int
    """Where in that file it starts, in bytes."""
    size: int
    """How many bytes it takes there."""
    crc: int
    """The masked CRC-32C of its contents."""
    slices: tuple[Slice, ...] = ()
    """Of a partitioned tensor, which has no data of its own: its slices, each with an entry of its own."""
    slice_keys: tuple[bytes, ...] = ()
    """The keys of those entries, in the same order."""


def shape_size(shape: Sequence[int]) -> int:
    """Returns the number of elements of a shape."""
    return prod(shape)


class Index:
    """An index in memory. An entry is decoded when it is first asked for.

    Args:
        data: the file's bytes.
        path: the file, for messages.

    Raises:
        CheckpointError: the file is damaged, or is no index.
        UnsupportedFormatError: it is written in a newer version of the format.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        self._encoded = dict(read_table(data, path))
        self._decoded: dict[bytes, StoredTensor] = {}
        header = self._read_header()
        self.num_shards: int = header.num_shards
        self.big_endian: bool = header.endianness == BundleHeaderProto.BIG
        self.names = {self._decode_name(key): key for key in self._encoded if not is_slice_key(key)}
        """The tensors' names, sorted as the file has them, and their keys."""

    def entry(self, name: str) -> StoredTensor:
        """Returns the entry of a tensor that is in the index."""
        return self._entry(self.names[name], f"the entry of {name!r}", name)

    def slice_entries(self, name: str) -> list[StoredTensor]:
        """Returns the entries of a partitioned tensor's slices."""
        whole = self.entry(name)
        return [
            self._slice_entry(name, whole, part, key)
            for part, key in zip(whole.slices, whole.slice_keys, strict=True)
        ]

    def stored_entries(self) -> list[tuple[str, StoredTensor]]:
        """Returns all entries that have data, with a description of each such as messages use."""
        described = []
        for key in self._encoded:
            if is_slice_key(key):
                name = decode_slice_name(key).decode(errors="backslashreplace")
                what = f"a slice of {name!r}"
                described.append((what, self._entry(key, f"the entry of {what}", None)))
            elif not (entry := self.entry(key.decode())).slices:
                described.append((repr(key.decode()), entry))
        return described

    def _read_header(self) -> BundleHeaderProto:
        encoded = self._encoded.pop(HEADER_KEY, None)
        if encoded is None:
            raise CheckpointError(f"{self.path}: the header is missing (the entry with the empty key).")
        header = BundleHeaderProto()
        try:
            header.ParseFromString(encoded)
        except DecodeError as error:
            raise CheckpointError(f"{self.path}: the header is not a BundleHeaderProto.") from error
        if header.version.min_consumer > VERSION or VERSION in header.version.bad_consumers:
            raise UnsupportedFormatError(
                f"{self.path}: the checkpoint is for readers of version {header.version.min_consumer} or"
                f" newer; this one reads version {VERSION}."
            )
        if header.num_shards < 1:
            raise CheckpointError(
                f"{self.path}: the header counts {header.num_shards} data files; one is the least."
            )
        if header.endianness not in BundleHeaderProto.Endianness.values():
            raise CheckpointError(
                f"{self.path}: the header has byte order {header.endianness}, which is neither little (0) nor"
                " big (1)."
            )
        return header

    def _decode_name(self, key: bytes) -> str:
        try:
            return key.decode()
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{self.path}: the name {key!r} is not UTF-8.") from error

    def _entry(self, key: bytes, what: str, sliced_name: str | None) -> StoredTensor:
        """Decodes the entry of a key; `sliced_name` is None for the key of a slice, which has no slices."""
        entry = self._decoded.get(key)
        if entry is None:
            try:
                entry = _decode_entry(self._encoded[key], sliced_name, self.num_shards)
            except _EntryError as fault:
                raise CheckpointError(f"{self.path}: {what} {fault}.") from fault.__cause__
            self._decoded[key] = entry
        return entry

    def _slice_entry(self, name: str, whole: StoredTensor, part: Slice, key: bytes) -> StoredTensor:
        what = f"the entry of the slice {part} of {name!r}"
        if key not in self._encoded:
            raise CheckpointError(f"{self.path}: {what} is missing.")
        entry = self._entry(key, what, None)
        if (entry.dtype, entry.shape) != (whole.dtype, part.length):
            raise CheckpointError(
                f"{self.path}: {what} is {_describe(entry.dtype, entry.shape)};"
                f" it should be {_describe(whole.dtype, part.length)}."
            )
        return entry


class _EntryError(ValueError):
    """What is wrong with an entry, as the end of a sentence that starts with the entry."""


def _describe(dtype: int, shape: Sequence[int]) -> str:
    return f"{dtypes.name_of(dtype)} {list(shape)}"


def _decode_entry(encoded: bytes, name: str | None, num_shards: int) -> StoredTensor:
    message = BundleEntryProto()
    try:
        message.ParseFromString(encoded)
    except DecodeError as error:
        raise _EntryError("is not a BundleEntryProto") from error
    shape = _decode_shape(message.shape)
    if message.slices:
        if name is None:
            raise _EntryError("has slices of its own, which a slice cannot have")
        return _decode_partitioned(message, name, shape)
    if not 0 <= message.shard_id < num_shards:
        raise _EntryError(f"lies in data file {message.shard_id}, but there are {num_shards}, counted from 0")
    if message.offset < 0 or message.size < 0:
        raise _EntryError(
            f"lies at byte {message.offset} and has {message.size} bytes; neither can be negative"
        )
    expected = _expected_size(message.dtype, shape)
    if expected is not None and message.size != expected:
        raise _EntryError(f"has {message.size} bytes; {_describe(message.dtype, shape)} takes {expected}")
    return StoredTensor(message.dtype, shape, message.shard_id, message.offset, message.size, message.crc32c)


def _decode_shape(message: TensorShapeProto) -> tuple[int, ...]:
    shape = tuple(dim.size for dim in message.dim)
    if message.unknown_rank:
        raise _EntryError("has a shape of unknown rank")
    if len(shape) > MAX_RANK:
        raise _EntryError(f"has {len(shape)} dimensions; {MAX_RANK} are the most")
    if shape and min(shape) < 0:
        raise _EntryError(f"has the shape {list(shape)}; a dimension cannot be negative")
    # Zeros left out: beside one, the other dimensions could still be too large for NumPy.
    if prod(side for side in shape if side) >= MAX_BYTES:
        raise _EntryError(f"has the shape {list(shape)}, which is too large for any tensor")
    return shape


def _expected_size(dtype: int, shape: Sequence[int]) -> int | None:
    """Returns the bytes that a tensor must take, or None if its shape alone does not tell."""
    itemsize = dtypes.size_of(dtype)
    if itemsize is None:
        return None
    if itemsize * prod(side for side in shape if side) >= MAX_BYTES:
        raise _EntryError(f"has the shape {list(shape)}, which is too large for any tensor")
    return itemsize * shape_size(shape)


def _decode_partitioned(message: BundleEntryProto, name: str, shape: tuple[int, ...]) -> StoredTensor:
    slices, keys = [], []
    for part in message.slices:
        starts = [extent.start for extent in part.extent]
        lengths = [extent.length if extent.HasField("length") else FULL_EXTENT for extent in part.extent]
        if len(starts) != len(shape):
            raise _EntryError(f"has a slice of {len(starts)} dimensions; its shape is {list(shape)}")
        resolved = Slice(
            tuple(starts),
            tuple(
                side if length == FULL_EXTENT else length for side, length in zip(shape, lengths, strict=True)
            ),
        )
        if not is_within(resolved, shape):
            raise _EntryError(f"has the slice {resolved}, which does not lie in its shape {list(shape)}")
        slices.append(resolved)
        keys.append(encode_slice_key(name, starts, lengths))
    _expected_size(message.dtype, shape)
    return StoredTensor(message.dtype, shape, 0, 0, 0, 0, tuple(slices), tuple(keys))


def encode_index(entries: dict[str, StoredTensor], slice_entries: dict[bytes, StoredTensor]) -> bytes:
    """Returns the index file of a little-endian checkpoint of one data file.

    Args:
        entries: of the tensors, by name.
        slice_entries: of the slices of the partitioned ones, by key.
    """
    header = BundleHeaderProto(num_shards=1)
    header.version.producer = VERSION
    table = {name.encode(): _encode_entry(entry) for name, entry in entries.items()}
    table |= {key: _encode_entry(entry) for key, entry in slice_entries.items()}
    return write_table([(HEADER_KEY, header.SerializeToString()), *sorted(table.items())])


def _encode_entry(entry: StoredTensor) -> bytes:
    message = BundleEntryProto(
        dtype=entry.dtype, shard_id=entry.shard, offset=entry.offset, size=entry.size, crc32c=entry.crc
    )
    message.shape.SetInParent()
    for side in entry.shape:
        message.shape.dim.add(size=side)
    for part in entry.slices:
        extents = message.slices.add().extent
        for start, length in zip(*part, strict=True):
            extents.add(start=start, length=length)
    encoded: bytes = message.SerializeToString()
    return encoded
