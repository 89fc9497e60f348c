"""Sorted string tables: the file format of a checkpoint's index.

LevelDB's (https://github.com/google/leveldb/blob/main/doc/table_format.md), as TensorFlow writes and
reads it: data blocks, an empty metaindex block, an index block that lists the data blocks, a footer.
Each block is followed by one byte for its compression and a masked CRC-32C.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import NamedTuple

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.varint import VarintError, decode_varint, encode_varint

__all__ = ["read_table", "write_table"]

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5  # one for the compression, four for the checksum
# A key of a few bytes may repeat all of the key before it, so that a small hostile file could ask
# for any amount of memory. A million variables with names of 200 bytes stay within this.
MAX_KEY_BYTES = 1 << 28

_COMPRESSIONS = {0: "none", 1: "snappy"}
# What TensorFlow's table builder has; the index block restarts at every key.
_BLOCK_BYTES = 1 << 18
_RESTART_INTERVAL = 16


class _Handle(NamedTuple):
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
    # Nothing is read from the metaindex block, but damage to it is damage.
    _read_block(data, metaindex, f"{where}: the metaindex block")
    index_entries = _block_entries(
        _read_block(data, index, f"{where}: the index block"), where, "index block"
    )
    handles = [_decode_handle(encoded, where) for _, encoded in index_entries]
    _check_layout([*handles, metaindex, index], len(data) - FOOTER_BYTES, where)
    last_key: bytes | None = None
    key_bytes = 0
    for handle in handles:
        name = f"data block at byte {handle.offset}"
        block = _read_block(data, handle, f"{where}: the {name}")
        for key, value in _block_entries(block, where, name):
            if last_key is not None and key <= last_key:
                raise CheckpointError(
                    f"{where}: the {name} has the key {key!r} after {last_key!r}; keys must be unique and"
                    " sorted."
                )
            key_bytes += len(key)
            if key_bytes > MAX_KEY_BYTES:
                raise CheckpointError(f"{where}: the keys take more than {MAX_KEY_BYTES} bytes.")
            yield key, value
            last_key = key


def _check_layout(handles: Sequence[_Handle], footer_start: int, where: str) -> None:
    """Raises unless the blocks fill the file up to its footer, one after the other, as they are written.

    So nothing in the file is without a checksum, and a small hostile file cannot have one block read many
    times.
    """
    end = 0
    for offset, size in [*handles, _Handle(footer_start, 0)]:
        if offset != end:
            raise CheckpointError(
                f"{where}: the blocks do not follow one another: one ends at byte {end}, and what is next"
                " starts"
                f" at byte {offset}."
            )
        end = offset + size + TRAILER_BYTES


def _read_footer(data: bytes, where: str) -> tuple[_Handle, _Handle]:
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
    return _Handle(*numbers[:2]), _Handle(*numbers[2:])


def _decode_handle(encoded: bytes, where: str) -> _Handle:
    try:
        offset, position = decode_varint(encoded, 0, len(encoded))
        size, position = decode_varint(encoded, position, len(encoded))
    except VarintError:
        position = -1
    if position != len(encoded):
        raise CheckpointError(f"{where}: the index block has {encoded!r} where a block handle should be.")
    return _Handle(offset, size)


def _read_block(data: bytes, handle: _Handle, place: str) -> bytes:
    """Returns the block's bytes, without the trailer that they were checked against."""
    end = handle.offset + handle.size
    blocks_end = len(data) - FOOTER_BYTES
    if end + TRAILER_BYTES > blocks_end:
        raise CheckpointError(
            f"{place} should end at byte {end + TRAILER_BYTES}, but the file has room for blocks only up to"
            f" byte {blocks_end}."
        )
    stored = int.from_bytes(data[end + 1 : end + TRAILER_BYTES], "little")
    found = mask(crc32c(data[handle.offset : end + 1]))
    if stored != found:
        raise CheckpointError(
            f"{place} is damaged: its checksum is {found:#010x}, and {stored:#010x} is stored."
        )
    compression = data[end]
    if compression != 0:
        name = _COMPRESSIONS.get(compression, f"compression {compression}")
        raise CheckpointError(
            f"{place} is compressed ({name}); TensorFlow writes and this reads only plain ones."
        )
    return data[handle.offset : end]


def _block_entries(block: bytes, where: str, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a block. Each key says only where it differs from the one before."""
    restarts = int.from_bytes(block[-4:], "little") if len(block) >= 4 else -1
    end = len(block) - 4 * (restarts + 1)
    if restarts < 0 or end < 0:
        found = "no room for a count of restart points" if restarts < 0 else f"{restarts} restart points"
        raise CheckpointError(f"{where}: the {name} has {found} in its {len(block)} bytes.")
    position, key = 0, b""
    while position < end:
        start = position
        try:
            shared, position = decode_varint(block, position, end)
            unshared, position = decode_varint(block, position, end)
            value_size, position = decode_varint(block, position, end)
        except VarintError:
            raise CheckpointError(f"{where}: the {name} has no readable entry at its byte {start}.") from None
        value_start = position + unshared
        next_position = value_start + value_size
        if shared > len(key) or next_position > end:
            raise CheckpointError(
                f"{where}: the entry at byte {start} of the {name} needs {shared} bytes of the key before it,"
                f" which has {len(key)}, and ends at byte {next_position} of {end}."
            )
        key = key[:shared] + block[position:value_start]
        yield key, block[value_start:next_position]
        position = next_position


def write_table(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns a table's file.

    Args:
        entries: keys and values; keys must come sorted, each once.
    """
    table = bytearray()
    index = _BlockBuilder(restart_interval=1)
    block = _BlockBuilder(_RESTART_INTERVAL)
    for key, value in entries:
        block.add(key, value)
        if block.size >= _BLOCK_BYTES:
            index.add(key, _append_block(table, block))
            block = _BlockBuilder(_RESTART_INTERVAL)
    if block.size:
        index.add(block.last_key, _append_block(table, block))
    metaindex_handle = _append_block(table, _BlockBuilder(_RESTART_INTERVAL))
    index_handle = _append_block(table, index)
    handles = metaindex_handle + index_handle
    table += handles.ljust(FOOTER_BYTES - 8, b"\x00") + MAGIC.to_bytes(8, "little")
    return bytes(table)


def _append_block(table: bytearray, block: _BlockBuilder) -> bytes:
    """Appends the block and its trailer to the table; returns its encoded handle."""
    content = block.finish()
    handle = encode_varint(len(table)) + encode_varint(len(content))
    content += b"\x00"
    table += content + mask(crc32c(content)).to_bytes(4, "little")
    return handle


class _BlockBuilder:
    """Collects the entries of one block."""

    def __init__(self, restart_interval: int) -> None:
        self.last_key = b""
        self._interval = restart_interval
        self._entries = bytearray()
        self._restarts = [0]
        self._since_restart = 0

    @property
    def size(self) -> int:
        """Bytes of the entries so far."""
        return len(self._entries)

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self._since_restart == self._interval:
            self._restarts.append(len(self._entries))
            self._since_restart = 0
        elif self._since_restart:
            shared = _shared_bytes(self.last_key, key)
        self._entries += encode_varint(shared) + encode_varint(len(key) - shared) + encode_varint(len(value))
        self._entries += key[shared:] + value
        self._since_restart += 1
        self.last_key = key

    def finish(self) -> bytes:
        restarts = b"".join(at.to_bytes(4, "little") for at in [*self._restarts, len(self._restarts)])
        return bytes(self._entries) + restarts


def _shared_bytes(one: bytes, other: bytes) -> int:
    """Returns how many bytes two keys have in common at their start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
