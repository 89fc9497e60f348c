"""Sorted string tables: what TensorFlow wrote, what is written, and each fault by its bytes."""

from __future__ import annotations

import bundles
import pytest
from bundles import block, block_entry, compressed_table, footer, handle, seal, snappy, table
from hypothesis import given
from hypothesis import strategies as st

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint import sstable
from tf1hub.format.checkpoint.sstable import read_table, write_table
from tf1hub.format.checkpoint.varint import encode_varint


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


def filtered(block_of_filter: bytes) -> bytes:
    """A table with one data block and one that the metaindex block lists."""
    listed = handle(len(ONE), len(block_of_filter) - 5)
    return table(
        ONE,
        block_of_filter,
        handles=[handle(0, len(ONE) - 5)],
        metaindex=block(block_entry(b"filter.test", listed)),
    )


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
        "f.index: the index block is damaged: its checksum is 0x15bd8d51, and 0x32bbc8ca is stored.",
    ),
    "metaindex block's checksum": (
        damaged(len(ONE)),
        "f.index: the metaindex block is damaged: its checksum is 0xcc24d8d7, and 0xb0a1f2c0 is stored.",
    ),
    "data block's checksum": (
        damaged(3),
        "f.index: the data block at byte 0 is damaged: its checksum is 0x8331167e, and 0x3cff7b5f is stored.",
    ),
    "compression of LevelDB that TensorFlow does not read": (
        table(block(block_entry(b"a", b"1"), compression=2)),
        "f.index: the data block at byte 0 has compression 2 (zstd); TensorFlow and this library read plain blocks (0)"
        " and snappy (1).",
    ),
    "unknown compression": (
        table(block(block_entry(b"a", b"1"), compression=9)),
        "f.index: the data block at byte 0 has compression 9 (unknown); TensorFlow and this library read plain blocks"
        " (0) and snappy (1).",
    ),
    "snappy that is none": (
        table(block(block_entry(b"a", b"1"), compression=1)),
        "f.index: the data block at byte 0 cannot be decompressed: the copy at its byte 1 goes"
        " back by 1 bytes, after 0 came out.",
    ),
    "snappy bomb": (
        table(seal(encode_varint(1 << 31) + b"\0x" + b"\xfe\x01\x00" * 1000, compression=1)),
        "f.index: the data block at byte 0 cannot be decompressed: it says that it holds 2147483648 bytes;"
        " 268435456 are the most.",
    ),
    "no restart points": (
        table(seal(b"\0\0")),
        "f.index: the data block at byte 0 has no room for a count of restart points in its 2 bytes.",
    ),
    "too many restart points": (
        table(seal(b"\0\0\0\0\x02\0\0\0")),
        "f.index: the data block at byte 0 has 2 restart points in its 8 bytes.",
    ),
    "huge number of restart points": (
        table(seal(b"\xff\xff\xff\xff")),
        "f.index: the data block at byte 0 has 4294967295 restart points in its 4 bytes.",
    ),
    "entries without restart points": (
        table(block(block_entry(b"a", b"1"), restarts=())),
        "f.index: the data block at byte 0 has 0 restart points in its 9 bytes.",
    ),
    "restart point of the second entry": (
        table(block(block_entry(b"a", b"1") + block_entry(b"b", b"2"), restarts=(5,))),
        "f.index: the data block at byte 0 has the restart point 5, where no entry with a whole key starts.",
    ),
    "restart point in an entry": (
        table(block(block_entry(b"a", b"1") + block_entry(b"b", b"2"), restarts=(0, 4))),
        "f.index: the data block at byte 0 has the restart point 4, where no entry with a whole key starts.",
    ),
    "restart point at half a key": (
        table(block(block_entry(b"a", b"1") + block_entry(b"b", b"2", shared=1), restarts=(0, 5))),
        "f.index: the data block at byte 0 has the restart point 5, where no entry with a whole key starts.",
    ),
    "restart points in disorder": (
        table(block(b"".join(block_entry(key, b"") for key in (b"a", b"b", b"c")), restarts=(0, 8, 4))),
        "f.index: the data block at byte 0 has the restart point 4, where no entry with a whole key starts.",
    ),
    "restart point of an empty block": (
        table(block(b"", restarts=(4,))),
        "f.index: the data block at byte 0 has the restart point 4, where no entry with a whole key starts.",
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
        table(ONE, ONE, keys=[b"a", b"a"]),
        "f.index: the data block at byte 18 has the key b'a' after b'a'; keys must be unique and sorted.",
    ),
    "no handle": (
        table(ONE, handles=[b"\x00"]),
        "f.index: the index block has b'\\x00' where a block handle belongs.",
    ),
    "no handle in the metaindex block": (
        table(ONE, metaindex=block(block_entry(b"filter", b"\x80"))),
        "f.index: the metaindex block has b'\\x80' where a block handle belongs.",
    ),
    "filter's checksum": (
        filtered(damaged(3, block(b"filter"))),
        "f.index: the block at byte 18, which the metaindex block lists, is damaged: its checksum is"
        " 0xbdcc1f50, and 0x4df1f103 is stored.",
    ),
    "filter that nothing lists": (
        table(ONE, block(b"filter"), handles=[handle(0, 13)]),
        "f.index: the blocks do not follow one another: one ends at byte 18, and what is next starts at byte"
        " 37.",
    ),
    "key that its block does not end at": (
        table(ONE, keys=[b"A"]),
        "f.index: the data block at byte 0 has the key b'a', but by the index block it ends at b'A'.",
    ),
    "key that the block before it ends at": (
        table(ONE, block(block_entry(b"b", b"")), keys=[b"b", b"c"]),
        "f.index: the data block at byte 18 has the key b'b' after b'b'; keys must be unique and sorted.",
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
        "f.index: the blocks do not follow one another: one ends at byte 50, and what is next starts at byte"
        " 51.",
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


# Written by LevelDB 1.23 itself, with blocks of 120 bytes, restart points at every second key, and bloom
# filters. Some blocks are compressed, others not. To LevelDB, a key ends with 8 bytes of its own.
BY_LEVELDB = bytes.fromhex(
    "e0024800153c73636f70652f6c617965725f3001010005012c3020616e6420736f206f6e20be0c00140c093c31010205"
    "470400311d48be0c00080015002e9c00083201030954140c093c330104090c00331d60be0c003afc0008340105095400"
    "341d54be0c0001422c9c000000fc000000030000000122c5764a2800a000010004880200000000090000000b00827439"
    "1e00220266696c7465722e6c6576656c64622e4275696c74696e426c6f6f6d46696c746572327a120000000001000000"
    "00241ff6680009027401ffffffffffffff00750000000001000000008c1cc7f991012fc5011600000000000000000000"
    "00000000000000000000000000000000000000000000000057fb808b247547db"
)


def test_table_of_leveldb_is_read():
    assert read(BY_LEVELDB) == [
        (
            b"scope/layer_%d\x01" % n + (n + 1).to_bytes(7, "little"),
            b"%d and so on " % n * (0 if n == 2 else 5),
        )
        for n in range(5)
    ]


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_of_a_compressed_table_is_noticed(bit):
    for position in range(len(BY_LEVELDB)):
        data = bytearray(BY_LEVELDB)
        data[position] ^= 1 << bit
        with pytest.raises(CheckpointError):
            read(bytes(data))


@pytest.mark.parametrize("restart_interval", [1, 2, 16, 1000])
@pytest.mark.parametrize("block_bytes", [1, 40, 4096, 1 << 20])
@pytest.mark.parametrize("filters", [0, 2])
def test_table_of_any_layout_is_read(block_bytes, restart_interval, filters):
    entries = [(b"scope/layer_%03d/kernel" % n, b"value" * (n % 7)) for n in range(200)]
    assert read(compressed_table(entries, block_bytes, restart_interval, filters)) == entries


LAYOUTS = {
    "an empty block without restart points": (table(block(b"", restarts=()), ONE, keys=[b"A", b"a"]), b"a"),
    "more than a handle": (table(ONE, handles=[handle(0, 13) + b"for later"]), b"a"),
    "keys between blocks": (table(ONE, block(block_entry(b"c", b"")), keys=[b"b", b"d"]), b"ac"),
    "a filter": (filtered(seal(b"filter")), b"a"),
    "a filter of unknown compression": (filtered(seal(b"filter", compression=9)), b"a"),
    "a compressed metaindex block": (
        table(
            ONE,
            seal(b""),
            handles=[handle(0, 13)],
            metaindex=snappy(block(block_entry(b"x", handle(18, 0)))),
        ),
        b"a",
    ),
    "a compressed block": (table(snappy(ONE)), b"a"),
    "no key": (table(), b""),
}


@pytest.mark.parametrize(("data", "keys"), LAYOUTS.values(), ids=LAYOUTS)
def test_what_the_format_allows_is_read(data, keys):
    assert b"".join(key for key, _ in read(data)) == keys


def test_compressed_blocks_share_the_room_that_there_is(monkeypatch):
    monkeypatch.setattr(sstable, "MAX_UNPACKED_BYTES", 1000)
    entries = [(b"%02d" % n, bytes(90)) for n in range(20)]
    with pytest.raises(CheckpointError, match="cannot be decompressed: it says that it holds"):
        read(compressed_table(entries, block_bytes=200))
    assert read(compressed_table(entries[:5], block_bytes=200)) == entries[:5]


def test_keys_beyond_number_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(sstable, "MAX_ENTRIES", 10)
    entries = [(b"%02d" % n, b"") for n in range(11)]
    assert read(write_table(entries[:10])) == entries[:10]
    with pytest.raises(CheckpointError) as error:
        read(write_table(entries))
    assert str(error.value) == "f.index: there are more than 10 keys."


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
