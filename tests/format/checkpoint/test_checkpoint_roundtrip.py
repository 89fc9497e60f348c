"""What `CheckpointWriter` writes, `CheckpointReader` reads: all dtypes; whole, sliced, streamed."""

from __future__ import annotations

import gc
import mmap
import os
import pathlib
import weakref

import numpy as np
import numpy.typing as npt
import pytest
from bundles import entry, header, partitioned, write_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf1hub.errors import MissingDependencyError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter, Slice, shards
from tf1hub.format.checkpoint.ordered_code import encode_slice_key


def numeric() -> list[int]:
    found = []
    for number in range(1, 34):
        try:
            has_arrays = dtypes.size_of(number) is not None and dtypes.numpy_dtype(number) is not None
        except MissingDependencyError:  # an older ml_dtypes
            continue
        # A quantized tensor's array is one of plain integers.
        if has_arrays and not dtypes.name_of(number).startswith("q"):
            found.append(number)
    return found


DTYPES = [dtypes.numpy_dtype(number) for number in numeric()]
TEXT = hnp.arrays(
    object, hnp.array_shapes(min_dims=0, min_side=0, max_dims=3), elements=st.binary(max_size=300)
)


def any_bits(dtype: np.dtype, shape: tuple[int, ...]) -> st.SearchStrategy[npt.NDArray]:
    size = dtype.itemsize * int(np.prod(shape))
    return st.binary(min_size=size, max_size=size).map(
        lambda data: np.frombuffer(data, np.uint8).view(dtype).reshape(shape)
    )


NUMBERS = st.tuples(
    st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4)
).flatmap(lambda given: any_bits(*given))
# Characters of one to four bytes, and the bytes that have a meaning in keys; all of Unicode would cost seconds.
NAMES = st.text("a/\0\x01\xff\u3042\U0001f600", min_size=1, max_size=9).filter(lambda name: name[0] != "\0")
ROUNDTRIP = settings(max_examples=60)


def same(found: npt.NDArray, expected: npt.NDArray) -> bool:
    if found.dtype == object:
        return found.shape == expected.shape and found.tolist() == expected.tolist()
    return (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


@given(tensors=st.dictionaries(NAMES, NUMBERS | TEXT, max_size=8))
@ROUNDTRIP
def test_what_is_written_is_read(tmp_path_factory, tensors):
    prefix = tmp_path_factory.mktemp("checkpoint") / "v"
    with CheckpointWriter(prefix) as writer:
        for name, value in tensors.items():
            writer.add(name, value)
    reader = CheckpointReader(prefix)
    reader.verify()
    assert reader.keys() == tuple(sorted(tensors, key=str.encode))
    for name, value in tensors.items():
        assert same(reader.array(name), value)
        assert reader.shape(name) == value.shape
        assert dtypes.numpy_dtype(reader.dtype(name)) == value.dtype
        assert not reader.array(name).flags.writeable
        assert reader.array(name).flags.aligned


def cuts(size: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Where to cut a dimension: starts and lengths that cover it."""
    inner = st.sets(st.integers(1, max(1, size - 1)), max_size=3).map(
        lambda found: {n for n in found if n < size}
    )
    return inner.map(
        lambda found: [(a, b - a) for a, b in zip([0, *sorted(found)], [*sorted(found), size], strict=True)]
    )


@given(data=st.data(), dtype=st.sampled_from([*DTYPES, np.dtype(object)]))
@ROUNDTRIP
def test_partitioned_tensor_is_read_whole_and_in_any_box(tmp_path_factory, data, dtype):
    prefix = tmp_path_factory.mktemp("checkpoint") / "v"
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))
    if dtype.kind == "O":
        value = np.array([b"%d" % n for n in range(int(np.prod(shape)))] or [], object).reshape(shape)
    else:
        value = data.draw(any_bits(dtype, shape))
    grid = [Slice((), ())]
    for size in shape:
        sides = data.draw(cuts(size))
        grid = [Slice((*box.start, a), (*box.length, n)) for box in grid for a, n in sides]
    grid = data.draw(st.permutations(grid))
    with CheckpointWriter(prefix) as writer:
        writer.add("first", np.int8(1))
        for start, length in grid:
            box = tuple(slice(a, a + n) for a, n in zip(start, length, strict=True))
            writer.add_slice("w", shape, start, value[box])
    reader = CheckpointReader(prefix)
    reader.verify()
    assert reader.keys() == ("first", "w")
    assert reader.is_partitioned("w") == (len(grid) > 1)
    assert same(reader.array("w"), value)
    start = tuple(data.draw(st.integers(0, size)) for size in shape)
    length = tuple(data.draw(st.integers(0, size - begin)) for begin, size in zip(start, shape, strict=True))
    box = tuple(slice(a, a + n) for a, n in zip(start, length, strict=True))
    assert same(
        np.ascontiguousarray(reader.slice_array("w", start, length)), np.ascontiguousarray(value[box])
    )


@given(value=NUMBERS, data=st.data())
@ROUNDTRIP
def test_streamed_tensor_is_the_same_as_an_added_one(tmp_path_factory, value, data):
    directory = tmp_path_factory.mktemp("checkpoint")
    flat = value.reshape(-1)
    ends = sorted(data.draw(st.lists(st.integers(0, flat.size), max_size=3)))
    chunks = [flat[a:b] for a, b in zip([0, *ends], [*ends, flat.size], strict=True)]
    with CheckpointWriter(directory / "added") as writer:
        writer.add("v", value)
    with CheckpointWriter(directory / "streamed") as writer:
        writer.add_stream(
            "v", value.dtype, value.shape, (n.tobytes() if data.draw(st.booleans()) else n for n in chunks)
        )
    for suffix in (".index", ".data-00000-of-00001"):
        assert (directory / f"added{suffix}").read_bytes() == (directory / f"streamed{suffix}").read_bytes()


@pytest.mark.parametrize("dtype", [1, "float32", np.dtype("float32")])
def test_stream_takes_a_dtype_in_each_form(tmp_path, dtype):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add_stream("w", dtype, [2, 2], [np.ones([1, 2], np.float32), np.zeros([2], np.float32)])
    np.testing.assert_array_equal(CheckpointReader(tmp_path / "v").array("w"), np.float32([[1, 1], [0, 0]]))


@pytest.mark.parametrize(
    "value",
    [
        np.asfortranarray(np.arange(24, dtype=np.float32).reshape(4, 6)),
        np.arange(48, dtype=np.int16)[::-2],
        np.arange(24, dtype=">i4").reshape(2, 12),
        np.broadcast_to(np.float64(3), [5, 7]),
        np.arange(6).reshape(1, 6).T,
    ],
    ids=["fortran", "strided", "big-endian", "broadcast", "transposed"],
)
def test_memory_layout_does_not_matter(tmp_path, value):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", value)
    found = CheckpointReader(tmp_path / "v").array("w")
    np.testing.assert_array_equal(found, value)
    assert found.dtype == value.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a\0", b"a\0"),
        ("é", "é".encode()),
        ([[b"a", b""], [b"b\0", b"ccc"]], [[b"a", b""], [b"b\0", b"ccc"]]),
        (np.array(["é", "xy"]), ["é".encode(), b"xy"]),
        (np.array([b"a", b"xy"]), [b"a", b"xy"]),
        (np.array([], object), []),
        ([], []),
        (3, 3),
    ],
)
def test_python_values_are_taken(tmp_path, value, expected):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", value)
    reader = CheckpointReader(tmp_path / "v")
    reader.verify()
    assert reader.array("w").tolist() == expected


def test_long_strings_are_read(tmp_path):
    # Lengths of one, two, three and four bytes.
    value = np.array([b"x" * size for size in (0, 127, 128, 16383, 16384, 2097152)], object)
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", value)
    reader = CheckpointReader(tmp_path / "v")
    reader.verify()
    assert reader.array("w").tolist() == value.tolist()


def is_mapped(array: npt.NDArray) -> bool:
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, (mmap.mmap, memoryview)) and isinstance(getattr(array, "obj", array), mmap.mmap)


def write_rows(prefix: pathlib.Path, order: tuple[int, ...]) -> npt.NDArray:
    value = np.arange(30, dtype=np.float32).reshape(10, 3)
    with CheckpointWriter(prefix) as writer:
        for row in order:
            writer.add_slice("w", [10, 3], [row, 0], value[row : row + 5])
    return value


def test_array_is_a_view_of_the_file(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", np.arange(5))
    assert is_mapped(CheckpointReader(tmp_path / "v").array("w"))


def test_rows_that_follow_one_another_are_a_view_of_the_file(tmp_path):
    value = write_rows(tmp_path / "v", (0, 5))
    array = CheckpointReader(tmp_path / "v").array("w")
    assert is_mapped(array)
    np.testing.assert_array_equal(array, value)
    assert is_mapped(CheckpointReader(tmp_path / "v").slice_array("w", (4, 0), (3, 2)))


def test_other_slices_are_put_together_once(tmp_path):
    value = write_rows(tmp_path / "v", (5, 0))
    reader = CheckpointReader(tmp_path / "v")
    array = reader.array("w")
    assert not is_mapped(array)
    np.testing.assert_array_equal(array, value)
    assert reader.array("w") is array
    gone = weakref.ref(array)
    del array
    gc.collect()
    assert gone() is None, "the reader does not keep what nobody uses"


def test_reading_an_index_opens_no_data_file(tmp_path):
    write_rows(tmp_path / "v", (0, 5))
    (tmp_path / "v.data-00000-of-00001").unlink()
    reader = CheckpointReader(tmp_path / "v")
    assert reader.keys() == ("w",)
    assert reader.shape("w") == (10, 3)
    assert dtypes.name_of(reader.dtype("w")) == "float32"
    assert [str(part) for part in reader.slices("w")] == ["[0:5, 0:3]", "[5:10, 0:3]"]
    assert repr(reader) == f"CheckpointReader('{tmp_path}/v', 1 tensors)"


def test_array_outlives_its_reader_and_its_file(tmp_path):
    value = write_rows(tmp_path / "v", (0, 5))
    array = CheckpointReader(tmp_path / "v").array("w")
    for path in tmp_path.iterdir():
        path.unlink()
    gc.collect()
    np.testing.assert_array_equal(array, value)


def test_files_are_closed_after_use(tmp_path):
    write_rows(tmp_path / "v", (0, 5))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        reader = CheckpointReader(tmp_path / "v")
        reader.array("w")
        reader.verify()
    del reader
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_progress_reaches_the_total_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "CHUNK_BYTES", 1 << 20)
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("big", np.zeros(3 << 20, np.uint8))
        writer.add("small", np.zeros(7, np.uint8))
        writer.add("text", [b"ab", b"c"])
    steps: list[tuple[int, int]] = []
    CheckpointReader(tmp_path / "v").verify(lambda done, total: steps.append((done, total)))
    size = (3 << 20) + 7 + 2 + 4 + 3
    assert steps[-1] == (size, size)
    assert [done for done, _ in steps][:3] == [1 << 20, 2 << 20, 3 << 20]


# --------------------------------------------------------------------- big-endian checkpoints


@pytest.mark.parametrize(
    "dtype", [np.dtype(n) for n in ("f4", "i8", "c8", "c16", "u2", "b1")] + [dtypes.numpy_dtype(14)]
)
def test_big_endian_checkpoint_is_read(tmp_path, dtype):
    values = np.arange(6).astype(dtype).reshape(2, 3)
    word = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    data = values.view(f"u{word}").astype(f">u{word}").tobytes()
    number = dtypes.number_of_numpy(dtype)
    prefix = write_bundle(
        tmp_path / "v", {"w": entry([2, 3], data, dtype=number)}, data, head=header(endianness=1)
    )
    reader = CheckpointReader(prefix)
    reader.verify()
    found = reader.array("w")
    assert same(found, values)
    assert not found.flags.writeable
    with CheckpointWriter(tmp_path / "copy") as writer:
        writer.copy_from(reader, "w")
    assert same(CheckpointReader(tmp_path / "copy").array("w"), values)


def test_strings_of_a_big_endian_checkpoint_are_read(tmp_path):
    from tf1hub.format.checkpoint.crc import crc32c, mask

    lengths = b"\0\0\0\1\0\0\0\2"
    checksum = mask(crc32c(lengths)).to_bytes(4, "big")
    data = b"\1\2" + checksum + b"abc"
    crc = mask(crc32c(lengths + checksum + b"abc"))
    entries = {"w": entry([2], data, dtype=dtypes.STRING, crc32c=crc)}
    reader = CheckpointReader(write_bundle(tmp_path / "v", entries, data, head=header(endianness=1)))
    reader.verify()
    assert reader.array("w").tolist() == [b"a", b"bc"]


# ----------------------------------------------------------------------------- several files


def test_slices_in_several_files_are_put_together(tmp_path):
    value = np.arange(6, dtype=np.float32).reshape(3, 2)
    top, bottom = value[:2].tobytes(), value[2:].tobytes()
    prefix = write_bundle(
        tmp_path / "v",
        {
            "w": partitioned([3, 2], [(0, 2), None], [(2, 1), None]),
            encode_slice_key("w", (0, 0), (2, -1)): entry([2, 2], top),
            encode_slice_key("w", (2, 0), (1, -1)): entry([1, 2], bottom, shard_id=1),
        },
        top,
        bottom,
    )
    reader = CheckpointReader(prefix)
    reader.verify()
    np.testing.assert_array_equal(reader.array("w"), value)
    np.testing.assert_array_equal(reader.slice_array("w", (1, 1), (2, 1)), value[1:, 1:])
    with CheckpointWriter(tmp_path / "copy") as writer:
        writer.copy_from(reader, "w")
    copy = CheckpointReader(tmp_path / "copy")
    copy.verify()
    assert copy.slices("w") == (Slice((0, 0), (2, 2)), Slice((2, 0), (1, 2)))
    np.testing.assert_array_equal(copy.array("w"), value)


def test_slice_without_elements_is_no_fault(tmp_path):
    data = np.float32([1, 2]).tobytes()
    prefix = write_bundle(
        tmp_path / "v",
        {
            "w": partitioned([2], [(0, 2)], [(2, 0)]),
            encode_slice_key("w", (0,), (2,)): entry([2], data),
            encode_slice_key("w", (2,), (0,)): entry([0], offset=8),
        },
        data,
    )
    np.testing.assert_array_equal(CheckpointReader(prefix).array("w"), [1, 2])
