"""Damaged checkpoints: an error of this package, or the right values; never a wrong value, a crash or a hang.

The index is protected by checksums down to the last bit, so that every change of it must be noticed on
opening. Of the data files only `verify` tells; without it, the arrays must at least come back, in their
shapes.

`FUZZ_EXAMPLES` says how many damaged files are tried at random per golden module (by default 30). Besides,
one bit of every byte of some indexes is flipped, and they are cut off everywhere.
"""

from __future__ import annotations

import functools
import os
import pathlib
import random
import shutil

import numpy as np
import pytest
from format.checkpoint.bundles import compressed_table, seal

from tf1hub.errors import FormatError
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter, read_checkpoint, sstable
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.sstable import read_table, write_table
from tf1hub.format.checkpoint.varint import decode_varint

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "modules"
MODULES = sorted(path.name for path in GOLDEN.iterdir())
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))
INDEX, DATA = "variables.index", "variables.data-00000-of-00001"


@pytest.fixture
def damaged(tmp_path: pathlib.Path) -> pathlib.Path:
    """A checkpoint of this module's own that a test may damage, with strings and slices in it."""
    with CheckpointWriter(tmp_path / "variables") as writer:
        writer.add("text", [b"some", b"", b"words of text"])
        writer.add("step", np.int64(7))
        for row in (0, 2):
            writer.add_slice("table", [4, 3], [row, 0], np.full([2, 3], row, np.float32))
    return tmp_path


def values(prefix: pathlib.Path) -> dict[str, tuple[tuple[int, ...], bytes]]:
    reader = CheckpointReader(prefix)
    return {key: (reader.shape(key), reader.array(key).tobytes()) for key in reader}


@functools.cache
def golden_values(name: str) -> dict[str, tuple[tuple[int, ...], bytes]]:
    return values(GOLDEN / name / "module" / "variables" / "variables")


def golden_copy(name: str, directory: pathlib.Path) -> tuple[bytes, bytes]:
    """Copies a golden module's variables; returns the contents of the index and of the data file."""
    source = GOLDEN / name / "module" / "variables"
    for file in (INDEX, DATA):
        shutil.copyfile(source / file, directory / file)
    return (directory / INDEX).read_bytes(), (directory / DATA).read_bytes()


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damages bytes in one of the ways in which files are damaged: flips, runs, cuts, moves, repeats."""
    changed = bytearray(data)
    start = rng.randrange(len(changed))
    end = min(len(changed), start + rng.choice([1, 1, 2, 4, 16, 64, 512]))
    kind = rng.randrange(7)
    if kind == 0:
        changed[start] ^= 1 << rng.randrange(8)
    elif kind == 1:
        changed[start:end] = rng.randbytes(end - start)
    elif kind == 2:
        changed[start:end] = rng.choice([b"\x00", b"\xff", b"\x7f", b"\x80"]) * (end - start)
    elif kind == 3:
        del changed[start:end]
    elif kind == 4:
        changed[start:start] = rng.randbytes(end - start)
    elif kind == 5:
        del changed[start:]
    else:
        other = rng.randrange(len(changed))
        changed[start:end] = changed[other : other + end - start]
    return bytes(changed)


def assert_refused(prefix: pathlib.Path) -> None:
    with pytest.raises(FormatError) as error:
        CheckpointReader(prefix)
    assert str(prefix) in str(error.value)


def test_golden_modules_are_all_here():
    assert len(MODULES) >= 20


def compressed(index: bytes) -> bytes:
    """The same index as Google's own builds write it, in several blocks, with a filter."""
    return compressed_table(list(read_table(index, "index")), block_bytes=200, filters=1)


LAYOUTS = pytest.mark.parametrize("layout", [bytes, compressed], ids=["plain", "compressed"])


@LAYOUTS
@pytest.mark.parametrize("name", ["image", "text_embedding_partitioned"])
def test_index_cut_off_anywhere_is_refused(tmp_path, name, layout):
    index = layout(golden_copy(name, tmp_path)[0])
    for size in range(len(index)):
        (tmp_path / INDEX).write_bytes(index[:size])
        assert_refused(tmp_path / "variables")


@LAYOUTS
@pytest.mark.parametrize("name", ["image", "text_embedding_partitioned"])
def test_flipped_bit_anywhere_in_the_index_is_noticed(tmp_path, name, layout):
    index = layout(golden_copy(name, tmp_path)[0])
    for position in range(len(index)):
        changed = bytearray(index)
        changed[position] ^= 1 << (position % 8)
        (tmp_path / INDEX).write_bytes(changed)
        assert_refused(tmp_path / "variables")


@LAYOUTS
@pytest.mark.parametrize("name", MODULES)
def test_random_damage_of_the_index_is_noticed(tmp_path, name, layout):
    rng = random.Random(f"index of {name}")
    index = layout(golden_copy(name, tmp_path)[0])
    for _ in range(EXAMPLES):
        changed = mutate(index, rng)
        (tmp_path / INDEX).write_bytes(changed)
        if changed == index:
            assert values(tmp_path / "variables") == golden_values(name)
        else:
            assert_refused(tmp_path / "variables")


@pytest.mark.parametrize("name", MODULES)
def test_random_damage_of_the_data_is_noticed_by_verify(tmp_path, name):
    rng = random.Random(f"data of {name}")
    _, data = golden_copy(name, tmp_path)
    for _ in range(EXAMPLES):
        (tmp_path / DATA).write_bytes(mutate(data, rng))
        variables = read_checkpoint(tmp_path / "variables")
        try:
            variables.verify()
        except FormatError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017
            assert_readable_or_refused(tmp_path / "variables", name)
        else:
            assert values(tmp_path / "variables") == golden_values(name)


def assert_readable_or_refused(prefix: pathlib.Path, name: str) -> None:
    try:
        found = values(prefix)
    except FormatError:
        return
    assert {key: shape for key, (shape, _) in found.items()} == {
        key: shape for key, (shape, _) in golden_values(name).items()
    }


def test_data_with_one_byte_changed_anywhere_is_noticed_by_verify(damaged):
    data = (damaged / DATA).read_bytes()
    reader = CheckpointReader(damaged / "variables")
    used = sorted(
        position
        for key in reader
        for part in reader.stored_parts(key)
        for position in range(part.entry.offset, part.entry.offset + part.entry.size)
    )
    for position in used:
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        (damaged / DATA).write_bytes(changed)
        with pytest.raises(FormatError):
            CheckpointReader(damaged / "variables").verify()


def test_data_cut_off_anywhere_is_noticed_by_verify(damaged):
    data = (damaged / DATA).read_bytes()
    for size in range(len(data)):
        (damaged / DATA).write_bytes(data[:size])
        with pytest.raises(FormatError):
            CheckpointReader(damaged / "variables").verify()


def mutate_entries(index: bytes, rng: random.Random) -> bytes:
    """Changes keys or values of an index, and writes it with right checksums: what an attacker would do."""
    entries = dict(read_table(index, "index"))
    for _ in range(rng.choice([1, 1, 3])):
        key = rng.choice(list(entries))
        value = entries.pop(key)
        if rng.randrange(4) == 0:
            key = mutate(key, rng) if key else b"\x00"
        else:
            value = mutate(value, rng) if value else b"\x00"
        entries[key] = value
    return write_table(sorted(entries.items()))


def mutate_block(index: bytes, rng: random.Random) -> bytes:
    """Changes bytes of the one data block, whose checksum then is right again."""
    # The footer starts with where the metaindex block is: right behind the data block and its trailer.
    metaindex_offset, _ = decode_varint(index, len(index) - 48, len(index))
    block = bytearray(index[: metaindex_offset - 5])
    for _ in range(rng.choice([1, 2, 5])):
        block[rng.randrange(len(block))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    sealed = bytes(block) + b"\x00"
    return sealed + mask(crc32c(sealed)).to_bytes(4, "little") + index[metaindex_offset:]


def mutate_compressed(index: bytes, rng: random.Random) -> bytes:
    """Changes bytes of each compressed block, whose checksum then is right again."""
    blocks = compressed(index)
    packed = 0
    for start, size in sorted(handles(blocks), reverse=True):
        if blocks[start + size] == 1:
            packed += 1
            block = bytearray(blocks[start : start + size])
            for _ in range(rng.choice([0, 1, 1, 2])):
                block[rng.randrange(len(block))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
            blocks = blocks[:start] + seal(bytes(block), 1) + blocks[start + size + 5 :]
    assert packed
    return blocks


def handles(table: bytes) -> list[tuple[int, int]]:
    """Where the blocks of a table lie that can be found from its footer and its index block."""
    index = sstable._read_footer(table, "index")[1]
    entries = sstable._Blocks(table, "index").entries(index, "index block")
    return [(index.offset, index.size), *(sstable._decode_handle(value, "", "index") for _, value in entries)]


@pytest.mark.parametrize("attack", [mutate_entries, mutate_block, mutate_compressed])
def test_index_with_right_checksums_and_wrong_contents_gives_errors_or_arrays(damaged, attack):
    rng = random.Random(attack.__name__)
    index = (damaged / INDEX).read_bytes()
    outcomes = {"read": 0, "refused": 0}
    for _ in range(10 * EXAMPLES):
        (damaged / INDEX).write_bytes(attack(index, rng))
        for act in (values, lambda prefix: CheckpointReader(prefix).verify()):
            try:
                act(damaged / "variables")
                outcomes["read"] += 1
            except FormatError as error:
                assert str(error)  # noqa: PT017
                outcomes["refused"] += 1
    assert outcomes["refused"] > outcomes["read"] / 10
