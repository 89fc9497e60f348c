"""Tensors of strings (and variants) in a data file: lengths as varints, checksums, contents.

    string   [varint length of each element] [masked CRC-32C of the lengths] [bytes of each element]
    variant  per element: [varint length] [bytes] [masked CRC-32C of all before it]

An entry's checksum covers numbers, not varints: a length as four bytes, or as eight where four are too
few (always eight in variants), in the byte order of the machine that wrote it
(tensorflow/core/util/tensor_bundle/tensor_bundle.cc).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.index import StoredTensor, shape_size
from tf1hub.format.checkpoint.shards import CHUNK_BYTES
from tf1hub.format.checkpoint.varint import VarintError, decode_varint, encode_varint

if TYPE_CHECKING:
    from typing import TypeAlias

    from tf1hub.format.checkpoint.shards import Buffer

    ByteOrder: TypeAlias = Literal["little", "big"]

__all__ = ["encode_strings", "read_strings", "strings_crc", "variants_crc"]

_CHECKSUM_BYTES = 4


def _encode_lengths(lengths: Sequence[int], order: ByteOrder) -> bytes:
    return b"".join(length.to_bytes(4 if length < 1 << 32 else 8, order) for length in lengths)


def encode_strings(elements: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the pieces of a tensor of strings: what is written, and what its checksum covers."""
    lengths = [len(element) for element in elements]
    covered = _encode_lengths(lengths, "little")
    yield b"".join(map(encode_varint, lengths)), covered
    checksum = mask(crc32c(covered)).to_bytes(_CHECKSUM_BYTES, "little")
    yield checksum, checksum
    for element in elements:
        yield element, element


def read_strings(data: Buffer, entry: StoredTensor, order: ByteOrder, where: str) -> list[bytes]:
    """Returns the elements of a tensor of strings.

    Args:
        data: the data file.
        entry: the tensor's.
        order: of the bytes in the checkpoint.
        where: the file and the tensor, for messages.
    """
    lengths, position, _ = _read_lengths(data, entry, order, where)
    elements = []
    for length in lengths:
        elements.append(bytes(data[position : position + length]))
        position += length
    return elements


def _read_lengths(
    data: Buffer, entry: StoredTensor, order: ByteOrder, where: str
) -> tuple[list[int], int, int]:
    """Returns the elements' lengths, where the first one starts, and the checksum up to there."""
    count, position, end = shape_size(entry.shape), entry.offset, entry.offset + entry.size
    if count + _CHECKSUM_BYTES > entry.size:
        # TensorFlow reads a tensor without elements from no bytes at all.
        if not count and not entry.size:
            return [], position, 0
        raise CheckpointError(f"{where} has {entry.size} bytes, too few for {count} strings.")
    lengths = []
    try:
        for _ in range(count):
            length, position = decode_varint(data, position, end - _CHECKSUM_BYTES)
            lengths.append(length)
    except VarintError:
        raise CheckpointError(f"{where} has no readable length of string {len(lengths)}.") from None
    covered = _encode_lengths(lengths, order)
    stored = data[position : position + _CHECKSUM_BYTES]
    crc = crc32c(covered)
    if stored != mask(crc).to_bytes(_CHECKSUM_BYTES, order):
        raise CheckpointError(
            f"{where} is damaged: the checksum of its lengths is {mask(crc):#010x}, and"
            f" {int.from_bytes(stored, order):#010x} is stored."
        )
    position += _CHECKSUM_BYTES
    if position + sum(lengths) != end:
        raise CheckpointError(
            f"{where} has {end - position} bytes for the contents of its strings, whose lengths add up to"
            f" {sum(lengths)}."
        )
    return lengths, position, crc32c(stored, crc)


def strings_crc(
    data: Buffer, entry: StoredTensor, order: ByteOrder, where: str, advance: Callable[[int], None]
) -> int:
    """Returns the checksum of a tensor of strings as it is in the file.

    `advance` is told how many bytes were read since it was told last.
    """
    _, position, crc = _read_lengths(data, entry, order, where)
    advance(position - entry.offset)
    return _crc_of_range(data, position, entry.offset + entry.size, crc, advance)


def _crc_of_range(data: Buffer, start: int, end: int, crc: int, advance: Callable[[int], None]) -> int:
    for position in range(start, end, CHUNK_BYTES):
        chunk = data[position : min(position + CHUNK_BYTES, end)]
        crc = crc32c(chunk, crc)
        advance(len(chunk))
    return crc


def variants_crc(
    data: Buffer, entry: StoredTensor, order: ByteOrder, where: str, advance: Callable[[int], None]
) -> int:
    """Returns the checksum of a tensor of variants as it is in the file, after checking those within it."""
    position, end, crc = entry.offset, entry.offset + entry.size, 0
    for number in range(shape_size(entry.shape)):
        start = position
        try:
            length, position = decode_varint(data, position, end)
        except VarintError:
            raise CheckpointError(f"{where} has no readable length of variant {number}.") from None
        if position + length + _CHECKSUM_BYTES > end:
            raise CheckpointError(f"{where} ends within variant {number}.")
        crc = crc32c(length.to_bytes(8, order), crc)
        crc = _crc_of_range(data, position, position + length, crc, lambda _: None)
        position += length
        stored = data[position : position + _CHECKSUM_BYTES]
        if stored != mask(crc).to_bytes(_CHECKSUM_BYTES, order):
            raise CheckpointError(
                f"{where} is damaged: the checksum up to variant {number} is {mask(crc):#010x}, and"
                f" {int.from_bytes(stored, order):#010x} is stored."
            )
        crc = crc32c(stored, crc)
        position += _CHECKSUM_BYTES
        advance(position - start)
    if position != end:
        raise CheckpointError(f"{where} has {end - position} bytes behind its last variant.")
    return crc
