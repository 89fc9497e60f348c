"""Sorted string tables: the file format of a checkpoint's index.

LevelDB's (https://github.com/google/leveldb/blob/main/doc/table_format.md), as TensorFlow reads it: data
blocks, blocks that say more of them (LevelDB's filters; nothing here needs them), a metaindex block that
lists those, an index block that lists the data blocks, a footer. Blocks (`blocks`) may be compressed
(`snappy`): Google's own builds do so, the public ones and this module write them plain and without filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint.blocks import (
    TRAILER_BYTES,
    BlockBuilder,
    block_entries,
    check_block,
    seal,
    unpack_block,
)
from tf1hub.format.checkpoint.varint import VarintError, decode_varint, encode_varint

__all__ = ["read_table", "write_table"]

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
# A key of a few bytes may repeat all of the key before it, and a compressed block may hold twenty times
# its bytes, so that a small hostile file could ask for any amount of memory. A million variables with names
# of 200 bytes stay within these.
MAX_KEY_BYTES = 1 << 28
MAX_UNPACKED_BYTES = 1 << 28
MAX_ENTRIES = 1 << 22

# What TensorFlow's table builder has; the index block restarts at every key.
_BLOCK_BYTES = 1 << 18
_RESTART_INTERVAL = 16


class _BlockHandle(NamedTuple):
    """Where a block lies, without its trailer."""

    offset: int
    size: int


def read_table(data: bytes, where: str) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a table, in the order of its keys.

    Args:
        data: the whole file.
        where: its path, for messages.

    Raises:
        CheckpointError: the file is damaged: every block is checked against its checksum.
    """
    metaindex, index = _read_footer(data, where)
    blocks = _Blocks(data, where)
    listed = [
        _decode_handle(value, where, "metaindex") for _, value in blocks.entries(metaindex, "metaindex block")
    ]
    handles = [
        (key, _decode_handle(value, where, "index")) for key, value in blocks.entries(index, "index block")
    ]
    _check_layout(
        [*(handle for _, handle in handles), *listed, metaindex, index], len(data) - FOOTER_BYTES, where
    )
    for handle in listed:
        # What they hold helps to find keys without reading all; but damage to them is damage.
        blocks.read_block(handle, f"block at byte {handle.offset}, which the metaindex block lists,")
    last_key: bytes | None = None
    key_bytes = entries = 0
    for largest, handle in handles:
        name = f"data block at byte {handle.offset}"
        for key, value in blocks.entries(handle, name):
            if last_key is not None and key <= last_key:
                raise CheckpointError(
                    f"{where}: the {name} has the key {key!r} after {last_key!r}; keys must be unique and"
                    " sorted."
                )
            key_bytes += len(key)
            entries += 1
            if key_bytes > MAX_KEY_BYTES:
                raise CheckpointError(f"{where}: the keys take more than {MAX_KEY_BYTES} bytes.")
            if entries > MAX_ENTRIES:
                raise CheckpointError(f"{where}: there are more than {MAX_ENTRIES} keys.")
            yield key, value
            last_key = key
        # A search for a key goes to the first block that ends at it or after it.
        if last_key is not None and last_key > largest:
            raise CheckpointError(
                f"{where}: the {name} has the key {last_key!r}, but by the index block it ends at {largest!r}."
            )
        last_key = largest


class _Blocks:
    """The blocks of one file, and how much room is left for what comes out of the compressed ones."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._room = MAX_UNPACKED_BYTES

    def entries(self, handle: _BlockHandle, name: str) -> Iterator[tuple[bytes, bytes]]:
        """Yields the keys and values of a block."""
        packed = self.read_block(handle, name)
        block = unpack_block(packed, self._room, f"{self._where}: the {name}")
        self._room -= max(0, len(block) - len(packed))
        return block_entries(block, self._where, name)

    def read_block(self, handle: _BlockHandle, name: str) -> bytes:
        """Returns a block with the byte for its compression, which is right by its checksum."""
        where = f"{self._where}: the {name}"
        end = handle.offset + handle.size + TRAILER_BYTES
        blocks_end = len(self._data) - FOOTER_BYTES
        if end > blocks_end:
            raise CheckpointError(
                f"{where} should end at byte {end}, but the file has room for blocks only up to byte"
                f" {blocks_end}."
            )
        return check_block(self._data, *handle, where)


def _check_layout(handles: Sequence[_BlockHandle], footer_start: int, where: str) -> None:
    """Raises unless the blocks fill the file up to its footer, one after the other, as they are written.

    So nothing in the file is without a checksum, and a small hostile file cannot have one block read many
    times.
    """
    end = 0
    for offset, size in [*sorted(handles), _BlockHandle(footer_start, 0)]:
        if offset != end:
            raise CheckpointError(
                f"{where}: the blocks do not follow one another: one ends at byte {end}, and what is next"
                f" starts at byte {offset}."
            )
        end = offset + size + TRAILER_BYTES


def _read_footer(data: bytes, where: str) -> tuple[_BlockHandle, _BlockHandle]:
    """Returns where the metaindex block and the index block are."""
    start = len(data) - FOOTER_BYTES
    if start < 0:
        raise CheckpointError(
            f"{where}: {len(data)} bytes are not a checkpoint index, which has at least {FOOTER_BYTES}."
        )
    magic = int.from_bytes(data[-8:], "little")
    if magic != MAGIC:
        raise CheckpointError(
            f"{where}: the last 8 bytes are {magic:#018x}, not {MAGIC:#018x} as in a checkpoint index;"
            " the file is cut off or is something else."
        )
    numbers: list[int] = []
    position, end = start, len(data) - 8
    with suppress(VarintError):
        while len(numbers) < 4:
            number, position = decode_varint(data, position, end)
            numbers.append(number)
    # Nothing protects the footer, so that it has to be as a writer writes it, to the last bit.
    if len(numbers) < 4 or data[start:end] != b"".join(map(encode_varint, numbers)).ljust(end - start, b"\0"):
        raise CheckpointError(
            f"{where}: the footer at byte {start} is not two block handles and zeros behind them."
        )
    return _BlockHandle(*numbers[:2]), _BlockHandle(*numbers[2:])


def _decode_handle(encoded: bytes, where: str, name: str) -> _BlockHandle:
    """Returns the handle that a value starts with; LevelDB leaves what follows it to later versions."""
    try:
        offset, position = decode_varint(encoded, 0, len(encoded))
        size, _ = decode_varint(encoded, position, len(encoded))
    except VarintError:
        raise CheckpointError(
            f"{where}: the {name} block has {encoded!r} where a block handle belongs."
        ) from None
    return _BlockHandle(offset, size)


def write_table(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns a table's file.

    Args:
        entries: keys and values; keys must come sorted, each once.
    """
    table = bytearray()
    index = BlockBuilder(restart_interval=1)
    block = BlockBuilder(_RESTART_INTERVAL)
    for key, value in entries:
        block.add(key, value)
        if block.size >= _BLOCK_BYTES:
            index.add(key, _append_block(table, block))
            block = BlockBuilder(_RESTART_INTERVAL)
    if block.size:
        index.add(block.last_key, _append_block(table, block))
    metaindex_handle = _append_block(table, BlockBuilder(_RESTART_INTERVAL))
    index_handle = _append_block(table, index)
    handles = metaindex_handle + index_handle
    table += handles.ljust(FOOTER_BYTES - 8, b"\x00") + MAGIC.to_bytes(8, "little")
    return bytes(table)


def _append_block(table: bytearray, block: BlockBuilder) -> bytes:
    """Appends the block and its trailer to the table; returns its encoded handle."""
    content = block.finish()
    handle = encode_varint(len(table)) + encode_varint(len(content))
    table += seal(content)
    return handle
