"""Each fault of a checkpoint has its own sentence: the file, the place, what is there, what should be."""

from __future__ import annotations

import errno
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pytest
from bundles import entry, header, partitioned, write_bundle

from tf1hub.errors import CheckpointError, FormatError, UnknownNameError, UnsupportedFormatError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader, checkpoint_files
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.checkpoint.ordered_code import encode_slice_key
from tf1hub.format.checkpoint.sstable import write_table
from tf1hub.format.messages_pb2 import BundleEntryProto, BundleHeaderProto, VersionDef

DATA = np.arange(6, dtype=np.float32).tobytes()
GOOD = entry([2, 3], DATA)


class Fault(NamedTuple):
    entries: Mapping[str | bytes, BundleEntryProto | bytes]
    message: str  # of which {} is the checkpoint's prefix
    data: bytes = DATA
    head: BundleHeaderProto | bytes | None = None


def raised(prefix: pathlib.Path, fault: Fault, act: Callable[[str], object]) -> FormatError:
    write_bundle(prefix, fault.entries, fault.data, head=fault.head)
    with pytest.raises(FormatError) as error:
        act(str(prefix))
    assert str(error.value) == fault.message.replace("{}", str(prefix))
    return error.value


def sizes(*shape: int, **fields: object) -> BundleEntryProto:
    return entry(shape, **fields)


def unknown_rank() -> BundleEntryProto:
    message = entry([])
    message.shape.unknown_rank = True
    return message


OPENING = {
    "header that is no message": Fault({}, "{}.index: the header is not a BundleHeaderProto.", head=b"\xff"),
    "no data files": Fault(
        {},
        "{}.index: the header counts -1 data files; one is the least.",
        head=BundleHeaderProto(num_shards=-1),
    ),
    "byte order": Fault(
        {},
        "{}.index: the header has byte order 7, which is neither little (0) nor big (1).",
        head=header(endianness=7),
    ),
    "name that is not UTF-8": Fault({b"\xffx": GOOD}, "{}.index: the name b'\\xffx' is not UTF-8."),
}


@pytest.mark.parametrize("fault", OPENING.values(), ids=OPENING)
def test_fault_of_the_whole_is_found_on_opening(tmp_path, fault):
    assert isinstance(raised(tmp_path / "v", fault, CheckpointReader), CheckpointError)


@pytest.mark.parametrize(
    "version", [VersionDef(min_consumer=2), VersionDef(min_consumer=2, bad_consumers=[1])]
)
def test_newer_version_is_refused(tmp_path, version):
    fault = Fault(
        {},
        "{}.index: the checkpoint is for readers of version 2 or newer; this one reads version 1.",
        head=BundleHeaderProto(num_shards=1, version=version),
    )
    assert isinstance(raised(tmp_path / "v", fault, CheckpointReader), UnsupportedFormatError)


def test_no_header(tmp_path):
    (tmp_path / "v.index").write_bytes(write_table([(b"a", GOOD.SerializeToString())]))
    with pytest.raises(CheckpointError) as error:
        CheckpointReader(tmp_path / "v")
    assert str(error.value) == f"{tmp_path}/v.index: the header is missing (the entry with the empty key)."


def test_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError) as error:
        CheckpointReader(tmp_path / "v")
    assert str(error.value) == f"{tmp_path}/v.index: there is no such file, so {tmp_path}/v is no checkpoint."


def test_index_that_is_a_directory(tmp_path):
    (tmp_path / "v.index").mkdir()
    with pytest.raises(CheckpointError) as error:
        CheckpointReader(tmp_path / "v")
    reason = os.strerror(errno.EISDIR)
    assert str(error.value) == (f"{tmp_path}/v.index cannot be read: {reason}.")


def test_index_too_large_to_be_one_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_files, "MAX_INDEX_BYTES", 99)
    (tmp_path / "v.index").write_bytes(bytes(100))
    with pytest.raises(CheckpointError) as error:
        CheckpointReader(tmp_path / "v")
    assert str(error.value) == f"{tmp_path}/v.index: an index of 100 bytes; 99 are the most."


ENTRIES = {
    "no message": (b"\xff", "is not a BundleEntryProto"),
    "unknown rank": (unknown_rank(), "has a shape of unknown rank"),
    "negative dimension": (sizes(2, -1), "has the shape [2, -1]; a dimension cannot be negative"),
    "too many dimensions": (sizes(*[1] * 255), "has 255 dimensions; 254 are the most"),
    "too many elements": (
        sizes(1 << 32, 1 << 32),
        "has the shape [4294967296, 4294967296], which is too large for any tensor",
    ),
    "too many elements beside a zero": (
        sizes(1 << 62, 1 << 62, 0),
        "has the shape [4611686018427387904, 4611686018427387904, 0], which is too large for any tensor",
    ),
    "too many bytes": (
        sizes(1 << 62),
        "has the shape [4611686018427387904], which is too large for any tensor",
    ),
    "wrong size": (entry([2, 3], DATA, size=23), "has 23 bytes; float32 [2, 3] takes 24"),
    "shard": (entry([2, 3], DATA, shard_id=1), "lies in data file 1, but there are 1, counted from 0"),
    "negative shard": (
        entry([2, 3], DATA, shard_id=-1),
        "lies in data file -1, but there are 1, counted from 0",
    ),
    "negative offset": (
        entry([2, 3], DATA, offset=-4),
        "lies at byte -4 and has 24 bytes; neither can be negative",
    ),
    "negative size": (
        entry([1], DATA, dtype=7, size=-1),
        "lies at byte 0 and has -1 bytes; neither can be negative",
    ),
    "slice of other rank": (
        partitioned([4, 2], [(0, 2)]),
        "has a slice of 1 dimensions; its shape is [4, 2]",
    ),
    "slice outside": (
        partitioned([4, 2], [(3, 2), None]),
        "has the slice [3:5, 0:2], which does not lie in its shape [4, 2]",
    ),
    "slice before the start": (
        partitioned([4, 2], [(-1, 2), None]),
        "has the slice [-1:1, 0:2], which does not lie in its shape [4, 2]",
    ),
    "slice of negative length": (
        partitioned([4], [(3, -2)]),
        "has the slice [3:1], which does not lie in its shape [4]",
    ),
}


@pytest.mark.parametrize(("encoded", "message"), ENTRIES.values(), ids=ENTRIES)
def test_fault_of_an_entry_is_found_when_it_is_asked_for(tmp_path, encoded, message):
    fault = Fault({"a": GOOD, "w": encoded}, f"{{}}.index: the entry of 'w' {message}.")
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).shape("w"))
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())
    np.testing.assert_array_equal(CheckpointReader(tmp_path / "v").array("a"), [[0, 1, 2], [3, 4, 5]])


TOP, BOTTOM = [(0, 2), None], [(2, 1), None]
TOP_KEY = encode_slice_key("w", (0, 0), (2, -1))
BOTTOM_KEY = encode_slice_key("w", (2, 0), (1, -1))
HALF = entry([2, 2], DATA[:16])
REST = entry([1, 2], DATA[16:], offset=16)

ARRAYS = {
    "beyond the file": Fault(
        {"w": entry([3, 3], DATA, size=36)},
        "{}.data-00000-of-00001: 'w' should lie at bytes 0 to 36, but the file has 24 bytes.",
    ),
    "far beyond the file": Fault(
        {"w": entry([2, 3], DATA, offset=(1 << 63) - 1)},
        "{}.data-00000-of-00001: 'w' should lie at bytes 9223372036854775807 to 9223372036854775831, but the"
        " file"
        " has 24 bytes.",
    ),
    "huge": Fault(
        {"w": sizes(1 << 40, size=1 << 42)},
        "{}.data-00000-of-00001: 'w' should lie at bytes 0 to 4398046511104, but the file has 24 bytes.",
    ),
    "variants": Fault(
        {"w": entry([2], DATA, dtype=dtypes.VARIANT)},
        "{}.data-00000-of-00001: 'w' is variant, of which NumPy has no arrays.",
    ),
    "unknown dtype": Fault(
        {"w": entry([2], DATA, dtype=77)},
        "{}.data-00000-of-00001: 'w' is dtype 77, of which NumPy has no arrays.",
    ),
    "slice is missing": Fault(
        {"w": partitioned([3, 2], TOP, BOTTOM), TOP_KEY: HALF},
        "{}.index: the entry of the slice [2:3, 0:2] of 'w' is missing.",
    ),
    "slice of another shape": Fault(
        {"w": partitioned([3, 2], TOP, BOTTOM), TOP_KEY: HALF, BOTTOM_KEY: entry([2], DATA[:8])},
        "{}.index: the entry of the slice [2:3, 0:2] of 'w' is float32 [2]; it should be float32 [1, 2].",
    ),
    "slice of another dtype": Fault(
        {"w": partitioned([3, 2], TOP, BOTTOM), TOP_KEY: HALF, BOTTOM_KEY: entry([1, 2], DATA[:8], dtype=3)},
        "{}.index: the entry of the slice [2:3, 0:2] of 'w' is int32 [1, 2]; it should be float32 [1, 2].",
    ),
    "slice in slices": Fault(
        {
            "w": partitioned([3, 2], TOP, BOTTOM),
            TOP_KEY: HALF,
            BOTTOM_KEY: partitioned([1, 2], [None, None]),
        },
        "{}.index: the entry of the slice [2:3, 0:2] of 'w' has slices of its own, which a slice cannot"
        " have.",
    ),
    "gap": Fault(
        {"w": partitioned([4, 2], TOP, BOTTOM), TOP_KEY: HALF, BOTTOM_KEY: REST},
        "{}.index: the partitioned 'w' is not whole: its slices hold 6 of its 8 elements.",
    ),
    "slices that overlap": Fault(
        {"w": partitioned([3, 2], TOP, [(1, 2), None])},
        "{}.index: the partitioned 'w' is not whole: its slices [0:2, 0:2] and [1:3, 0:2] overlap.",
    ),
    "slices that share bytes": Fault(
        {
            "w": partitioned([3, 2], TOP, BOTTOM),
            TOP_KEY: HALF,
            BOTTOM_KEY: entry([1, 2], DATA[8:16], offset=8),
        },
        "{}.index: the slice [2:3, 0:2] of 'w' starts at byte 8 of data file 0, within the slice [0:2, 0:2]"
        " of 'w'.",
    ),
    "slice beyond the file": Fault(
        {
            "w": partitioned([1 << 20, 1 << 20], [(0, 1 << 19), None], [(1 << 19, 1 << 19), None]),
            encode_slice_key("w", (0, 0), (1 << 19, -1)): sizes(1 << 19, 1 << 20, size=1 << 41),
            encode_slice_key("w", (1 << 19, 0), (1 << 19, -1)): sizes(
                1 << 19, 1 << 20, size=1 << 41, offset=1 << 42
            ),
        },
        "{}.data-00000-of-00001: the slice [0:524288, 0:1048576] of 'w' should lie at bytes 0 to"
        " 2199023255552, but"
        " the file has 24 bytes.",
    ),
}


@pytest.mark.parametrize("fault", ARRAYS.values(), ids=ARRAYS)
def test_fault_is_found_when_the_array_is_asked_for(tmp_path, fault):
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).array("w"))


def test_more_dimensions_than_numpy_has(tmp_path):
    write_bundle(tmp_path / "v", {"w": entry([1] * 65, DATA[:4])}, DATA)
    with pytest.raises(CheckpointError) as error:
        CheckpointReader(tmp_path / "v").array("w")
    assert str(error.value).startswith(
        f"{tmp_path}/v.data-00000-of-00001: 'w' has the shape {[1] * 65}, which NumPy cannot hold: maximum"
    )


def test_missing_data_file(tmp_path):
    write_bundle(tmp_path / "v", {"a": GOOD, "w": entry([2, 3], DATA, shard_id=1)}, DATA, DATA)
    missing = tmp_path / "v.data-00001-of-00002"
    missing.unlink()
    reader = CheckpointReader(tmp_path / "v")
    assert reader.shape("w") == (2, 3)
    np.testing.assert_array_equal(reader.array("a"), [[0, 1, 2], [3, 4, 5]])
    for act in (lambda: reader.array("w"), reader.verify):
        with pytest.raises(CheckpointError) as error:
            act()
        assert str(error.value) == f"{missing}: this data file of the checkpoint is missing; 'w' lies in it."


def strings(content: bytes, count: int) -> Mapping[str | bytes, BundleEntryProto | bytes]:
    return {"w": entry([count], content, dtype=dtypes.STRING)}


def lengths_crc(*lengths: int) -> bytes:
    return mask(crc32c(b"".join(n.to_bytes(4, "little") for n in lengths))).to_bytes(4, "little")


STRINGS = {
    "fewer bytes than strings": (b"\x01" * 8, 5, "has 8 bytes, too few for 5 strings."),
    "a shape that asks for a lot": (
        b"\x01" * 8,
        1 << 50,
        "has 8 bytes, too few for 1125899906842624 strings.",
    ),
    "lengths cut off": (b"\x81" * 8, 2, "has no readable length of string 0."),
    "lengths into the checksum": (b"\x01\x81" + bytes(4), 2, "has no readable length of string 1."),
    "checksum of the lengths": (
        b"\x01\x02" + bytes(4) + b"abc",
        2,
        "is damaged: the checksum of its lengths is 0x7adbdfbf, and 0x00000000 is stored.",
    ),
    "lengths too long": (
        b"\x01\x02" + lengths_crc(1, 2) + b"ab",
        2,
        "has 2 bytes for the contents of its strings, whose lengths add up to 3.",
    ),
    "lengths too short": (
        b"\x01\x01" + lengths_crc(1, 1) + b"abc",
        2,
        "has 3 bytes for the contents of its strings, whose lengths add up to 2.",
    ),
}


@pytest.mark.parametrize(("content", "count", "message"), STRINGS.values(), ids=STRINGS)
def test_fault_in_a_tensor_of_strings(tmp_path, content, count, message):
    fault = Fault(strings(content, count), f"{{}}.data-00000-of-00001: 'w' {message}", content)
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).array("w"))
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())


def variant(length: int, content: bytes, crc: int = 0) -> tuple[bytes, int]:
    """One element as TensorFlow writes it, and the checksum after it."""
    crc = crc32c(content, crc32c(length.to_bytes(8, "little"), crc))
    stored = mask(crc).to_bytes(4, "little")
    return bytes([length]) + content + stored, crc32c(stored, crc)


GOOD_VARIANT, VARIANT_CRC = variant(3, b"abc")
VARIANTS = {
    "length": (b"\xff\xff", 1, "has no readable length of variant 0."),
    "cut off": (GOOD_VARIANT[:-1], 1, "ends within variant 0."),
    "second is missing": (GOOD_VARIANT, 2, "has no readable length of variant 1."),
    "bytes behind": (GOOD_VARIANT + b"x", 1, "has 1 bytes behind its last variant."),
    "checksum": (
        b"\x03abd" + GOOD_VARIANT[4:],
        1,
        "is damaged: the checksum up to variant 0 is 0xe35c136c, and 0x2b916bd8 is stored.",
    ),
}


@pytest.mark.parametrize(("content", "count", "message"), VARIANTS.values(), ids=VARIANTS)
def test_fault_in_a_tensor_of_variants(tmp_path, content, count, message):
    entries = {"w": entry([count], content, dtype=dtypes.VARIANT)}
    fault = Fault(entries, f"{{}}.data-00000-of-00001: 'w' {message}", content)
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())


def test_variants_are_verified_though_they_cannot_be_read(tmp_path):
    second, crc = variant(1, b"z", VARIANT_CRC)
    data = GOOD_VARIANT + second
    write_bundle(tmp_path / "v", {"w": entry([2], data, dtype=dtypes.VARIANT, crc32c=mask(crc))}, data)
    CheckpointReader(tmp_path / "v").verify()


def test_wrong_value_is_noticed_by_verify(tmp_path):
    fault = Fault(
        {"w": entry([2, 3], DATA)},
        "{}.data-00000-of-00001: 'w' is damaged: its checksum is 0xf8ca6f74, and 0x173ddbc0 is stored.",
        DATA[:-1] + b"x",
    )
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())


def test_all_damaged_tensors_are_named_at_once(tmp_path):
    fault = Fault(
        {
            "a": entry([1], b"1234", crc32c=1),
            "b": entry([1], b"2234", offset=4),
            "c": sizes(1, size=4, offset=8),
        },
        "{}: 2 of 3 tensors are damaged:\n"
        "  {}.data-00000-of-00001: 'a' is damaged: its checksum is 0x8c60d74d, and 0x00000001 is stored.\n"
        "  {}.data-00000-of-00001: 'c' is damaged: its checksum is 0xb6e61068, and 0xa282ead8 is stored.",
        b"12342234abcd",
    )
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())


def test_list_of_damaged_tensors_ends(tmp_path):
    entries = {f"v{n:02}": entry([1], DATA[:4], offset=4 * n, crc32c=7) for n in range(25)}
    write_bundle(tmp_path / "v", entries, DATA[:4] * 25)
    with pytest.raises(CheckpointError) as error:
        CheckpointReader(tmp_path / "v").verify()
    lines = str(error.value).split("\n  ")
    assert lines[0] == f"{tmp_path}/v: 25 of 25 tensors are damaged:"
    assert lines[-1] == "and 5 more"
    assert len(lines) == 22


def test_tensors_that_share_bytes_are_refused_before_anything_is_read(tmp_path):
    fault = Fault(
        {"a": GOOD, "b": entry([2], DATA[16:], offset=16)},
        "{}.index: 'b' starts at byte 16 of data file 0, within 'a'.",
    )
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())


def test_slice_of_no_tensor_is_verified_too(tmp_path):
    fault = Fault(
        {encode_slice_key("w", (0, 0), (2, 3)): entry([2, 3], DATA, crc32c=5)},
        "{}.data-00000-of-00001: a slice of 'w' is damaged: its checksum is 0x173ddbc0, and 0x00000005 is"
        " stored.",
    )
    raised(tmp_path / "v", fault, lambda prefix: CheckpointReader(prefix).verify())
    assert CheckpointReader(tmp_path / "v").keys() == ()


def test_unknown_name_lists_the_known(tmp_path):
    reader = CheckpointReader(write_bundle(tmp_path / "v", {"a": GOOD, "layer/kernel": GOOD}, DATA))
    for act in (reader.array, reader.shape, reader.dtype, reader.slices, reader.is_partitioned):
        with pytest.raises(UnknownNameError) as error:
            act("layer/kernal")
        assert str(error.value) == f"No tensor 'layer/kernal' in {tmp_path}/v. It has: a, layer/kernel."
    for name in ("", "\ud800", "\0"):
        assert name not in reader


def test_unknown_name_among_many_lists_the_like(tmp_path):
    names = [f"block{n}/{kind}" for n in range(20) for kind in ("gamma", "moving_mean")]
    reader = CheckpointReader(write_bundle(tmp_path / "v", dict.fromkeys(names, GOOD), DATA))
    with pytest.raises(UnknownNameError) as error:
        reader.array("block7/moving_maen")
    assert str(error.value) == (
        f"No tensor 'block7/moving_maen' in {tmp_path}/v. It has 40, among them: block7/moving_mean,"
        " block17/moving_mean, block9/moving_mean, block8/moving_mean, block6/moving_mean."
    )


@pytest.mark.parametrize(
    ("start", "length"), [((0,), (2,)), ((0, 2), (2, 2)), ((-1, 0), (1, 1)), ((0, 0), (1, -1))]
)
def test_box_outside_the_tensor(tmp_path, start, length):
    reader = CheckpointReader(write_bundle(tmp_path / "v", {"a": GOOD}, DATA))
    with pytest.raises(CheckpointError) as error:
        reader.slice_array("a", start, length)
    assert str(error.value) == (
        f"The start {list(start)} and the length {list(length)} give no slice of 'a', which has the shape"
        " [2, 3]."
    )
