"""One block of a sorted string table: its trailer, its entries, its restart points.

A block is followed by one byte for its compression and a masked CRC-32C. In it, each key says only how it
differs from the one before. Restart points are the entries with a whole key: a reader that looks for one key
starts there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.snappy import SnappyError, decompress
from tf1hub.format.checkpoint.varint import VarintError, decode_varint, encode_varint

__all__ = ["TRAILER_BYTES", "BlockBuilder", "block_entries", "check_block", "seal", "unpack_block"]

TRAILER_BYTES = 5  # one for the compression, four for the checksum
_PLAIN, _SNAPPY = 0, 1
# TensorFlow reads no others. This one LevelDB has had since 2023.
_UNREADABLE = {2: "zstd"}


def seal(content: bytes) -> bytes:
    """Returns the bytes of a block, uncompressed, with its trailer."""
    content += bytes([_PLAIN])
    return content + mask(crc32c(content)).to_bytes(4, "little")


def check_block(data: bytes, start: int, size: int, where: str) -> bytes:
    """Returns a block with the byte for its compression, after a look at its checksum.

    Args:
        data: the whole file.
        start: where the block starts.
        size: its bytes, without its trailer, which is known to lie within the file.
        where: the file and the block, for messages.

    Raises:
        CheckpointError: the checksum is another.
    """
    end = start + size
    stored = int.from_bytes(data[end + 1 : end + TRAILER_BYTES], "little")
    block = data[start : end + 1]
    found = mask(crc32c(block))
    if stored != found:
        raise CheckpointError(
            f"{where} is damaged: its checksum is {found:#010x}, and {stored:#010x} is stored."
        )
    return block


def unpack_block(block: bytes, most: int, where: str) -> bytes:
    """Returns the bytes of a block that `check_block` gave.

    Args:
        block: its bytes, and the one for its compression.
        most: how many bytes may come out of a compressed one.
        where: the file and the block, for messages.

    Raises:
        CheckpointError: it cannot be decompressed.
    """
    compression = block[-1]
    if compression == _PLAIN:
        return block[:-1]
    if compression != _SNAPPY:
        name = _UNREADABLE.get(compression, "unknown")
        raise CheckpointError(
            f"{where} has compression {compression} ({name}); TensorFlow and this library read plain blocks (0) and"
            " snappy (1)."
        )
    try:
        return decompress(block[:-1], most)
    except SnappyError as error:
        raise CheckpointError(f"{where} cannot be decompressed: {error}.") from error


def block_entries(block: bytes, where: str, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a block.

    Args:
        block: its bytes, decompressed.
        where: the file, for messages.
        name: the block, for messages.

    Raises:
        CheckpointError: it holds something else, or its restart points are not the starts of entries with
            whole keys: a search for one of its keys would find other things than lie in it.
    """
    count = int.from_bytes(block[-4:], "little") if len(block) >= 4 else -1
    end = len(block) - 4 * (count + 1)
    if count < 0 or end < 0 or (count == 0 and end > 0):
        found = "no room for a count of restart points" if count < 0 else f"{count} restart points"
        raise CheckpointError(f"{where}: the {name} has {found} in its {len(block)} bytes.")
    restarts = [int.from_bytes(block[at : at + 4], "little") for at in range(end, len(block) - 4, 4)]
    passed, position, key = 0, 0, b""
    while position < end:
        start = position
        try:
            shared, position = decode_varint(block, position, end, bits=32)
            unshared, position = decode_varint(block, position, end, bits=32)
            value_size, position = decode_varint(block, position, end, bits=32)
        except VarintError:
            raise CheckpointError(f"{where}: the {name} has no readable entry at its byte {start}.") from None
        value_start = position + unshared
        next_position = value_start + value_size
        if shared > len(key) or next_position > end:
            raise CheckpointError(
                f"{where}: the entry at byte {start} of the {name} needs {shared} bytes of the key before it,"
                f" which has {len(key)}, and ends at byte {next_position} of {end}."
            )
        if passed < count and restarts[passed] == start and not shared:
            passed += 1
        elif not start:
            break
        key = key[:shared] + block[position:value_start]
        yield key, block[value_start:next_position]
        position = next_position
    if passed < count and (end or restarts != [0]):
        raise CheckpointError(
            f"{where}: the {name} has the restart point {restarts[passed]}, where no entry with a whole key"
            " starts."
        )


class BlockBuilder:
    """Collects the entries of one block.

    Args:
        restart_interval: how many entries there are from one restart point to the next.
    """

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
        """Adds an entry, whose key must come after that of the entry before it."""
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
        """Returns the block's bytes, without its trailer."""
        restarts = b"".join(at.to_bytes(4, "little") for at in [*self._restarts, len(self._restarts)])
        return bytes(self._entries) + restarts


def _shared_bytes(one: bytes, other: bytes) -> int:
    """Returns how many bytes two keys have in common at their start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
