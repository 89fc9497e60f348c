"""Sorted string tables: what TensorFlow wrote, what is written, and each fault by its bytes."""

from __future__ import annotations

import bundles
import pytest
from bundles import block, block_entry, footer, handle, sealed, table
from hypothesis import given
from hypothesis import strategies as st

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint import sstable
from tf1hub.format.checkpoint.sstable import read_table, write_table


def read(data: bytes) -> list[tuple[bytes, bytes]]:
    return list(read_table(data, "f.index"))


ONE = block(block_entry(b"a", b"1"))
GOOD = table(ONE)


def test_table_of_literal_bytes_is_read():
    data = bytes.fromhex(
        # the data block: key "" with value "h"; then "ab" and, sharing its "a", "ac"; one restart point at 0
        "00 00 01 68"
        "00 02 01 61 62 31"
        "01 01 01 63 32"
        "00000000 01000000"
        "00 e99ef17c"
        # the metaindex block, empty; the index block: key "ac", block at 0 of 23 bytes
        "00000000 01000000"
        "00 c0f2a1b0"
        "00 02 02 61 63 00 17"
        "00000000 01000000"
        "00 cc93b4f1"
        # the footer: metaindex at 28 of 8 bytes, index at 41 of 15 bytes, padding, magic number
        "1c 08 29 0f" + 36 * "00" + "57fb808b247547db"
    )
    assert read(data) == [(b"", b"h"), (b"ab", b"1"), (b"ac", b"2")]
    assert write_table(read(data)) == data


@given(st.dictionaries(st.binary(max_size=40), st.binary(max_size=300)))
def test_what_is_written_is_read(entries):
    assert read(write_table(sorted(entries.items()))) == sorted(entries.items())


def test_table_of_many_blocks_is_read(monkeypatch):
    monkeypatch.setattr(sstable, "_BLOCK_BYTES", 100)
    entries = [(b"key%05d" % n, bytes(n % 50)) for n in range(1000)]
    written = write_table(entries)
    assert written.count(b"\x00\x00\x00\x00\x01\x00\x00\x00\x00") > 100
    assert read(written) == entries


def test_keys_that_share_their_start_take_less_room():
    entries = [(b"a/very/long/scope/variable_%03d" % n, b"") for n in range(160)]
    assert len(write_table(entries)) < 160 * 30 / 3
    assert read(write_table(entries)) == entries


def damaged(position: int, data: bytes = GOOD) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


FAULTS = {
    "empty": (b"", "f.index: 0 bytes are not a checkpoint index, which has at least 48."),
    "too short": (bytes(47), "f.index: 47 bytes are not a checkpoint index, which has at least 48."),
    "not a table": (
        bytes(48),
        "f.index: the last 8 bytes are 0x0000000000000000, not 0xdb4775248b80fb57 as in a checkpoint index;"
        " the file is cut off or is something else.",
    ),
    "footer without handles": (
        b"\xff" * 40 + GOOD[-8:],
        "f.index: the footer at byte 0 is not two block handles and zeros behind them.",
    ),
    "padding": (
        GOOD[:-9] + b"x" + GOOD[-8:],
        f"f.index: the footer at byte {len(GOOD) - 48} is not two block handles and zeros behind them.",
    ),
    "index block outside": (
        footer(handle(0, 0), handle(1 << 40, 8)),
        "f.index: the metaindex block should end at byte 5, but the file has room for blocks only up to byte"
        " 0.",
    ),
    "index block's checksum": (
        damaged(len(GOOD) - 54),
        "f.index: the index block is damaged: its checksum is 0x0864072d, and 0x29664eb6 is stored.",
    ),
    "metaindex block's checksum": (
        damaged(len(ONE)),
        "f.index: the metaindex block is damaged: its checksum is 0xcc24d8d7, and 0xb0a1f2c0 is stored.",
    ),
    "data block's checksum": (
        damaged(3),
        "f.index: the data block at byte 0 is damaged: its checksum is 0x8331167e, and 0x3cff7b5f is stored.",
    ),
    "snappy": (
        table(block(block_entry(b"a", b"1"), compression=1)),
        "f.index: the data block at byte 0 is compressed (snappy); TensorFlow writes and this reads only"
        " plain ones.",
    ),
    "unknown compression": (
        table(block(block_entry(b"a", b"1"), compression=9)),
        "f.index: the data block at byte 0 is compressed (compression 9); TensorFlow writes and this reads"
        " only"
        " plain ones.",
    ),
    "no restart points": (
        table(sealed(b"\0\0")),
        "f.index: the data block at byte 0 has no room for a count of restart points in its 2 bytes.",
    ),
    "too many restart points": (
        table(sealed(b"\0\0\0\0\x02\0\0\0")),
        "f.index: the data block at byte 0 has 2 restart points in its 8 bytes.",
    ),
    "huge number of restart points": (
        table(sealed(b"\xff\xff\xff\xff")),
        "f.index: the data block at byte 0 has 4294967295 restart points in its 4 bytes.",
    ),
    "entry cut off": (
        table(block(b"\x00\x80")),
        "f.index: the data block at byte 0 has no readable entry at its byte 0.",
    ),
    "varint of more than 64 bits": (
        table(block(b"\xff" * 9 + b"\x02\x00\x00")),
        "f.index: the data block at byte 0 has no readable entry at its byte 0.",
    ),
    "endless varint": (
        table(block(b"\xff" * 30)),
        "f.index: the data block at byte 0 has no readable entry at its byte 0.",
    ),
    "value beyond the block": (
        table(block(b"\x00\x01\x7fa")),
        "f.index: the entry at byte 0 of the data block at byte 0 needs 0 bytes of the key before it, which"
        " has 0,"
        " and ends at byte 131 of 4.",
    ),
    "shares more than there is": (
        table(block(block_entry(b"a", b"1") + block_entry(b"b", b"2", shared=2))),
        "f.index: the entry at byte 5 of the data block at byte 0 needs 2 bytes of the key before it, which"
        " has 1,"
        " and ends at byte 10 of 10.",
    ),
    "keys not sorted": (
        table(block(block_entry(b"b", b"1") + block_entry(b"a", b"2"))),
        "f.index: the data block at byte 0 has the key b'a' after b'b'; keys must be unique and sorted.",
    ),
    "key twice": (
        table(block(block_entry(b"", b"1") + block_entry(b"", b"2"))),
        "f.index: the data block at byte 0 has the key b'' after b''; keys must be unique and sorted.",
    ),
    "key twice in two blocks": (
        table(ONE, ONE),
        "f.index: the data block at byte 18 has the key b'a' after b'a'; keys must be unique and sorted.",
    ),
    "no handle": (
        table(ONE, handles=[b"\x00"]),
        "f.index: the index block has b'\\x00' where a block handle should be.",
    ),
    "more than a handle": (
        table(ONE, handles=[handle(0, 13) + b"x"]),
        "f.index: the index block has b'\\x00\\rx' where a block handle should be.",
    ),
    "data block outside": (
        table(ONE, handles=[handle(0, 1 << 60)]),
        "f.index: the blocks do not follow one another: one ends at byte 1152921504606846981, and what is"
        " next"
        " starts at byte 18.",
    ),
    "one block many times": (
        table(block(b""), handles=[handle(0, 8), handle(0, 8)]),
        "f.index: the blocks do not follow one another: one ends at byte 13, and what is next starts at byte"
        " 0.",
    ),
    "bytes between the blocks": (
        table(ONE, ONE, handles=[handle(18, 13)]),
        "f.index: the blocks do not follow one another: one ends at byte 0, and what is next starts at byte"
        " 18.",
    ),
    "bytes before the footer": (
        GOOD[:-48] + b"x" + GOOD[-48:],
        "f.index: the blocks do not follow one another: one ends at byte 53, and what is next starts at byte"
        " 54.",
    ),
}


@pytest.mark.parametrize(("data", "message"), FAULTS.values(), ids=FAULTS)
def test_fault_has_its_own_sentence(data, message):
    with pytest.raises(CheckpointError) as error:
        read(data)
    assert str(error.value) == message


@pytest.mark.parametrize("size", range(len(GOOD)))
def test_table_cut_off_anywhere_is_refused(size):
    with pytest.raises(CheckpointError):
        read(GOOD[:size])


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_noticed(bit):
    for position in range(len(GOOD)):
        data = bytearray(GOOD)
        data[position] ^= 1 << bit
        with pytest.raises(CheckpointError):
            read(bytes(data))


def test_keys_that_grow_out_of_each_other_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(sstable, "MAX_KEY_BYTES", 100_000)
    entries = b"".join(block_entry(b"x", b"", shared=n) for n in range(1000))
    with pytest.raises(CheckpointError) as error:
        read(table(block(entries)))
    assert str(error.value) == "f.index: the keys take more than 100000 bytes."


def test_helper_writes_what_the_writer_does():
    assert (
        bundles.table(bundles.block(bundles.block_entry(b"a", b"1")))[:13] == write_table([(b"a", b"1")])[:13]
    )
