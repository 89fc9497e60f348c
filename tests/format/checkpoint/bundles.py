"""Checkpoints with faults: index and data byte by byte, with right checksums around what is wrong."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from format.checkpoint.snappy_writer import compress

from tf1hub.format.checkpoint.blocks import BlockBuilder
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.sstable import MAGIC, write_table
from tf1hub.format.checkpoint.varint import encode_varint
from tf1hub.format.messages_pb2 import BundleEntryProto, BundleHeaderProto

FLOAT = 1


def block(entries: bytes, restarts: Sequence[int] = (0,), compression: int = 0) -> bytes:
    """A block and its trailer; `entries` as they are in the file."""
    content = entries + b"".join(n.to_bytes(4, "little") for n in (*restarts, len(restarts)))
    return seal(content, compression)


def seal(content: bytes, compression: int = 0) -> bytes:
    content += bytes([compression])
    return content + mask(crc32c(content)).to_bytes(4, "little")


def block_entry(key: bytes, value: bytes, shared: int = 0) -> bytes:
    return encode_varint(shared) + encode_varint(len(key)) + encode_varint(len(value)) + key + value


def handle(offset: int, size: int) -> bytes:
    return encode_varint(offset) + encode_varint(size)


def footer(metaindex: bytes, index: bytes) -> bytes:
    return (metaindex + index).ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def table(
    *data_blocks: bytes,
    handles: Sequence[bytes] | None = None,
    keys: Sequence[bytes] | None = None,
    metaindex: bytes | None = None,
) -> bytes:
    """A table of the given blocks, each with its trailer.

    Args:
        data_blocks: what comes before the metaindex block.
        handles: what the index block says of them, if it is not where they are.
        keys: the keys in the index block; by default they are behind everything.
        metaindex: the metaindex block, if it is not empty.
    """
    file, found = b"", []
    for data_block in data_blocks:
        found.append(handle(len(file), len(data_block) - 5))
        file += data_block
    listed = found if handles is None else handles
    metaindex_offset, metaindex = len(file), metaindex or block(b"")
    keys = keys or [b"\xff" * (n + 1) for n in range(len(listed))]
    index = block(b"".join(map(block_entry, keys, listed)))
    return (
        file
        + metaindex
        + index
        + footer(
            handle(metaindex_offset, len(metaindex) - 5),
            handle(metaindex_offset + len(metaindex), len(index) - 5),
        )
    )


def snappy(sealed_block: bytes) -> bytes:
    """The same block, compressed, with its trailer."""
    return seal(compress(sealed_block[:-5]), compression=1)


def compressed_table(
    entries: Sequence[tuple[bytes, bytes]],
    block_bytes: int = 256,
    restart_interval: int = 16,
    filters: int = 0,
) -> bytes:
    """A table as Google's builds and LevelDB write it: snappy wherever that is shorter.

    Args:
        entries: sorted.
        block_bytes: when a data block is full.
        restart_interval: how many entries there are from one restart point to the next.
        filters: how many blocks that the metaindex block lists lie behind the data blocks.
    """
    file, found, last_keys = b"", [], []

    def append(block: bytes) -> bytes:
        nonlocal file
        shorter = min(seal(block), snappy(seal(block)), key=len)
        at = handle(len(file), len(shorter) - 5)
        file += shorter
        return at

    builder = BlockBuilder(restart_interval)
    for key, value in entries:
        builder.add(key, value)
        if builder.size >= block_bytes or key == entries[-1][0]:
            found.append(append(builder.finish()))
            last_keys.append(key)
            builder = BlockBuilder(restart_interval)
    index, listed = BlockBuilder(1), BlockBuilder(restart_interval)
    for key, at in zip(last_keys, found, strict=True):
        index.add(key, at)
    for number in range(filters):
        # What a filter holds is its own affair.
        listed.add(b"filter.test%d" % number, append(bytes(range(number, 11))))
    ends = footer(append(listed.finish()), append(index.finish()))
    return file + ends


def header(**fields: object) -> BundleHeaderProto:
    message = BundleHeaderProto(num_shards=1)
    message.version.producer = 1
    message.MergeFrom(BundleHeaderProto(**fields))
    return message


def entry(
    shape: Sequence[int], data: bytes = b"", offset: int = 0, dtype: int = FLOAT, **fields: object
) -> BundleEntryProto:
    """The entry of a tensor whose bytes are `data`; `fields` replace what is right."""
    message = BundleEntryProto(dtype=dtype, offset=offset, size=len(data), crc32c=mask(crc32c(data)))
    message.shape.SetInParent()
    for side in shape:
        message.shape.dim.add(size=side)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def partitioned(shape: Sequence[int], *slices: Sequence[tuple[int, int] | None]) -> BundleEntryProto:
    """The entry of a partitioned tensor; a slice is (start, length) per dimension, None for all of it."""
    message = entry(shape, crc32c=0)
    for sides in slices:
        extents = message.slices.add().extent
        for side in sides:
            extent = extents.add()
            if side:
                extent.start, extent.length = side
    return message


def write_bundle(
    prefix: pathlib.Path,
    entries: Mapping[str | bytes, BundleEntryProto | bytes],
    *shards: bytes,
    head: BundleHeaderProto | bytes | None = None,
) -> str:
    """Writes a checkpoint, its entries as they are given; returns its prefix."""
    head = header(num_shards=max(1, len(shards))) if head is None else head
    contents = {b"": head, **{k.encode() if isinstance(k, str) else k: v for k, v in entries.items()}}
    encoded = {key: v if isinstance(v, bytes) else v.SerializeToString() for key, v in contents.items()}
    pathlib.Path(f"{prefix}.index").write_bytes(write_table(sorted(encoded.items())))
    for number, shard in enumerate(shards):
        pathlib.Path(f"{prefix}.data-{number:05d}-of-{len(shards):05d}").write_bytes(shard)
    return str(prefix)
