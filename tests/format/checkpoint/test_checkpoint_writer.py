"""`CheckpointWriter`: nothing is at the prefix until it is whole, and misuse is refused."""

from __future__ import annotations

import errno
import functools
import io
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from tf1hub.errors import CheckpointError, ExportError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.format.checkpoint import writer as writer_module

ONES = np.ones([2, 3], np.float32)


def names(directory: pathlib.Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_checkpoint_without_tensors(tmp_path):
    with CheckpointWriter(tmp_path / "v"):
        pass
    assert names(tmp_path) == ["v.data-00000-of-00001", "v.index"]
    reader = CheckpointReader(tmp_path / "v")
    reader.verify()
    assert reader.keys() == ()


def test_nothing_is_at_the_prefix_before_the_end(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
        assert not (tmp_path / "v.index").exists()
        assert not (tmp_path / "v.data-00000-of-00001").exists()
    assert names(tmp_path) == ["v.data-00000-of-00001", "v.index"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_error_leaves_nothing(tmp_path, error):
    def interrupted(writer: CheckpointWriter) -> None:
        writer.add("w", ONES)
        raise error

    with pytest.raises(error), CheckpointWriter(tmp_path / "v") as writer:
        interrupted(writer)
    assert names(tmp_path) == []


def test_killed_writer_leaves_nothing_that_looks_finished(tmp_path):
    program = textwrap.dedent("""
        import os, signal, sys
        import numpy as np
        from tf1hub.format.checkpoint import CheckpointWriter
        with CheckpointWriter(sys.argv[1]) as writer:
            writer.add("w", np.ones(1000))
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "v")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert all(".tmp-" in name for name in names(tmp_path))
    with pytest.raises(CheckpointError):
        CheckpointReader(tmp_path / "v")
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
    np.testing.assert_array_equal(CheckpointReader(tmp_path / "v").array("w"), ONES)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullDisk(io.FileIO):
    """A file on a disk with room for 10 bytes more."""

    def write(self, data: memoryview) -> int:
        if self.tell() >= 10:
            raise FULL
        return super().write(data[: 10 - self.tell()])


def fail_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "open", lambda path, *_, **__: FullDisk(path, "xb"), raising=False)


def fail_to_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise FULL

    monkeypatch.setattr(os, "fsync", fsync)


def fail_to_rename(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    rename = os.rename

    def failing(source: str, target: str) -> None:
        if target.endswith(suffix):
            raise FULL
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)


@pytest.mark.parametrize(
    "fail",
    [
        fail_to_write,
        fail_to_flush,
        functools.partial(fail_to_rename, suffix="-00001"),
        functools.partial(fail_to_rename, suffix=".index"),
    ],
    ids=["write", "flush", "rename data", "rename index"],
)
def test_failure_of_the_disk_leaves_nothing(tmp_path, monkeypatch, fail):
    fail(monkeypatch)
    with pytest.raises(ExportError) as error, CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
    assert str(error.value) == (
        f"Cannot write the checkpoint {tmp_path}/v: [Errno {errno.ENOSPC}] {os.strerror(errno.ENOSPC)}."
    )
    assert names(tmp_path) == []


def test_partial_writes_are_continued(tmp_path, monkeypatch):
    class SlowFile(io.FileIO):
        def write(self, data: memoryview) -> int:
            return super().write(data[:7])

    monkeypatch.setattr(
        writer_module,
        "open",
        lambda path, *_, **__: SlowFile(path, "xb") if ".data" in path else io.FileIO(path, "xb"),
        raising=False,
    )
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
    CheckpointReader(tmp_path / "v").verify()
    assert (tmp_path / "v.data-00000-of-00001").read_bytes() == ONES.tobytes()


@pytest.mark.parametrize("existing", ["v.index", "v.data-00000-of-00001"])
def test_existing_checkpoint_is_left_alone(tmp_path, existing):
    (tmp_path / existing).write_bytes(b"mine")
    with pytest.raises(ExportError) as error, CheckpointWriter(tmp_path / "v"):
        pass
    assert str(error.value) == (
        f"{tmp_path}/{existing} exists already. Choose another prefix than {tmp_path}/v, or remove it."
    )
    assert names(tmp_path) == [existing]
    assert (tmp_path / existing).read_bytes() == b"mine"


def test_missing_directory(tmp_path):
    with pytest.raises(ExportError) as error, CheckpointWriter(tmp_path / "none" / "v"):
        pass
    assert str(error.value).startswith(f"Cannot write the checkpoint {tmp_path}/none/v: [Errno 2] ")


def test_relative_prefix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with CheckpointWriter("v") as writer:
        writer.add("w", ONES)
    np.testing.assert_array_equal(CheckpointReader("v").array("w"), ONES)


def add_twice(writer: CheckpointWriter) -> None:
    writer.add("w", ONES)
    writer.add("w", ONES)


def add_whole_and_slice(writer: CheckpointWriter) -> None:
    writer.add("w", ONES)
    writer.add_slice("w", [4, 3], [0, 0], ONES)


def add_slices_of_two_shapes(writer: CheckpointWriter) -> None:
    writer.add_slice("w", [4, 3], [0, 0], ONES)
    writer.add_slice("w", [5, 3], [2, 0], ONES)


def add_slices_of_two_dtypes(writer: CheckpointWriter) -> None:
    writer.add_slice("w", [4, 3], [0, 0], ONES)
    writer.add_slice("w", [4, 3], [2, 0], ONES.astype(np.float64))


def add_slice_twice(writer: CheckpointWriter) -> None:
    writer.add_slice("w", [4, 3], [0, 0], ONES)
    writer.add_slice("w", [4, 3], [0, 0], ONES)


MISUSE: dict[str, tuple[Callable[[CheckpointWriter], None], str]] = {
    "twice": (add_twice, "There is a tensor 'w' in {} already."),
    "whole and slice": (add_whole_and_slice, "There is a tensor 'w' in {} already."),
    "empty name": (lambda writer: writer.add("", ONES), "'' cannot be the name of a tensor in a checkpoint."),
    "name like a slice's": (
        lambda writer: writer.add("\0w", ONES),
        "'\\x00w' cannot be the name of a tensor in a checkpoint.",
    ),
    "name that is not text": (
        lambda writer: writer.add("\ud800", ONES),
        "'\\ud800' cannot be the name of a tensor in a checkpoint.",
    ),
    "dtype": (
        lambda writer: writer.add("w", np.array("2026-01-01", "datetime64[D]")),
        "Cannot write 'w': NumPy's dtype datetime64[D] has no counterpart in TensorFlow.",
    ),
    "object": (
        lambda writer: writer.add("w", np.array([b"a", 3], object)),
        "Cannot write 'w': it holds 3, which is neither bytes nor text.",
    ),
    "slice outside": (
        lambda writer: writer.add_slice("w", [3, 3], [2, 0], ONES),
        "An array of shape [2, 3] at [2, 0] is no slice of 'w', which has the shape [3, 3].",
    ),
    "slice of other rank": (
        lambda writer: writer.add_slice("w", [6], [0], ONES),
        "An array of shape [2, 3] at [0] is no slice of 'w', which has the shape [6].",
    ),
    "slice without elements": (
        lambda writer: writer.add_slice("w", [6, 3], [6, 0], ONES[:0]),
        "An array of shape [0, 3] at [6, 0] is no slice of 'w', which has the shape [6, 3].",
    ),
    "slices of two shapes": (
        add_slices_of_two_shapes,
        "A slice of 'w' is said to be of the shape [5, 3], and another of [4, 3].",
    ),
    "slices of two dtypes": (add_slices_of_two_dtypes, "A slice of 'w' is float64, and another is float32."),
    "slice twice": (add_slice_twice, "There is a slice [0:2, 0:3] of 'w' in {} already."),
    "slices that are not all": (
        lambda writer: writer.add_slice("w", [4, 3], [0, 0], ONES),
        "The partitioned 'w' is not whole: its slices hold 6 of its 12 elements.",
    ),
    "stream too short": (
        lambda writer: writer.add_stream("w", 1, [2, 3], [ONES[:1]]),
        "Got 12 bytes of 'w'; float32 [2, 3] takes 24.",
    ),
    "stream too long": (
        lambda writer: writer.add_stream("w", 1, [2, 3], [ONES, b"1234"]),
        "Got 28 bytes of 'w'; float32 [2, 3] takes 24.",
    ),
    "stream of another dtype": (
        lambda writer: writer.add_stream("w", 1, [2, 3], [ONES.astype(ml_dtypes.bfloat16)]),
        "A chunk of 'w' is bfloat16; the tensor is float32.",
    ),
    "stream of strings": (
        lambda writer: writer.add_stream("w", dtypes.STRING, [1], [b"a"]),
        "Cannot stream 'w': a tensor of string must be added whole.",
    ),
}


@pytest.mark.parametrize(("misuse", "message"), MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused_and_leaves_nothing(tmp_path, misuse, message):
    with pytest.raises(ExportError) as error, CheckpointWriter(tmp_path / "v") as writer:
        misuse(writer)
    assert str(error.value) == message.replace("{}", f"{tmp_path}/v")
    assert names(tmp_path) == []


def test_writer_outside_of_its_with_statement(tmp_path):
    writer = CheckpointWriter(tmp_path / "v")
    with pytest.raises(ExportError) as error:
        writer.add("w", ONES)
    assert str(error.value) == f"The writer of {tmp_path}/v is not open; use it in a `with` statement."
    with writer:
        writer.add("w", ONES)
    with pytest.raises(ExportError, match="is not open"):
        writer.add("late", ONES)
    assert CheckpointReader(tmp_path / "v").keys() == ("w",)


def test_refused_tensor_leaves_the_others_right(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("a", ONES)
        with pytest.raises(ExportError):
            writer.add_stream("b", 1, [9], [ONES])
        writer.add("b", 2 * ONES)
    reader = CheckpointReader(tmp_path / "v")
    reader.verify()
    np.testing.assert_array_equal(reader.array("b"), 2 * ONES)


def test_copy_keeps_values_partitions_and_strings(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
        writer.add("s", [b"a", b"bc"])
        for row in range(2):
            writer.add_slice("p", [2, 3], [row, 0], ONES[row : row + 1])
    source = CheckpointReader(tmp_path / "v")
    with CheckpointWriter(tmp_path / "copy") as writer:
        for key in source:
            writer.copy_from(source, key, f"scope/{key}")
    copy = CheckpointReader(tmp_path / "copy")
    copy.verify()
    assert copy.keys() == ("scope/p", "scope/s", "scope/w")
    assert copy.slices("scope/p") == source.slices("p")
    assert copy.array("scope/s").tolist() == [b"a", b"bc"]
    for key in ("p", "w"):
        np.testing.assert_array_equal(copy.array(f"scope/{key}"), ONES)


@pytest.mark.parametrize("key", ["w", "s", "p"])
def test_copy_of_damaged_data_is_refused(tmp_path, key):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
        writer.add("s", [b"a", b"bc"])
        for row in range(2):
            writer.add_slice("p", [2, 3], [row, 0], ONES[row : row + 1])
    path = tmp_path / "v.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    for position in {"w": [3], "s": [24 + 8], "p": [len(data) - 1]}[key]:
        data[position] ^= 1
    path.write_bytes(bytes(data))
    with (
        pytest.raises(CheckpointError, match="is damaged: its checksum is"),
        CheckpointWriter(tmp_path / "c") as writer,
    ):
        writer.copy_from(CheckpointReader(tmp_path / "v"), key)
    assert names(tmp_path) == ["v.data-00000-of-00001", "v.index"]


def test_copy_to_a_name_in_use(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", ONES)
    with CheckpointWriter(tmp_path / "c") as writer:
        writer.add("w", ONES)
        with pytest.raises(ExportError, match="There is a tensor 'w' in"):
            writer.copy_from(CheckpointReader(tmp_path / "v"), "w")
