"""Indexes as Google's own builds write them: compressed. TensorFlow's own reader says what is in them."""

from __future__ import annotations

import pathlib
import shutil
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from bundles import block, block_entry, compressed_table, handle, seal, snappy, table
from golden import cases

import tf1hub as hub
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.format.checkpoint.sstable import read_table

REAL = pathlib.Path(__file__).parents[4] / "shared" / "real"


def compress_index(prefix: pathlib.Path, **layout: int) -> None:
    """Writes an index anew, compressed."""
    path = pathlib.Path(f"{prefix}.index")
    plain = path.read_bytes()
    path.write_bytes(compressed_table(list(read_table(plain, str(path))), **layout))
    assert path.read_bytes() != plain


def assert_same_as_tensorflow(prefix: pathlib.Path) -> None:
    """Compares all that the index says, and the values where there are any."""
    found, expected = CheckpointReader(prefix), tf.train.load_checkpoint(str(prefix))
    shapes, dtypes = expected.get_variable_to_shape_map(), expected.get_variable_to_dtype_map()
    assert sorted(found) == sorted(shapes)
    for name in found:
        assert list(found.shape(name)) == shapes[name]
        assert found.dtype(name) == dtypes[name].as_datatype_enum
        if list(prefix.parent.glob("*.data-*")):
            np.testing.assert_array_equal(found.array(name), expected.get_tensor(name))


@pytest.fixture
def checkpoint(tmp_path: pathlib.Path) -> pathlib.Path:
    """A checkpoint of a hundred tensors, one of them partitioned."""
    with CheckpointWriter(tmp_path / "v") as writer:
        for number in range(100):
            writer.add(f"scope/layer_{number:02d}/kernel", np.full([2, 3], number, np.float32))
        for row in (0, 2):
            writer.add_slice("scope/table", [4, 3], [row, 0], np.full([2, 3], row, np.float32))
    return tmp_path / "v"


@pytest.mark.parametrize("restart_interval", [1, 16, 1000])
@pytest.mark.parametrize("block_bytes", [1, 300, 4096, 1 << 20])
@pytest.mark.parametrize("filters", [0, 2])
def test_tensorflow_reads_every_layout_that_this_does(checkpoint, block_bytes, restart_interval, filters):
    layout = {"block_bytes": block_bytes, "restart_interval": restart_interval, "filters": filters}
    compress_index(checkpoint, **layout)
    assert_same_as_tensorflow(checkpoint)
    CheckpointReader(checkpoint).verify()


def entries_of(prefix: pathlib.Path) -> bytes:
    """All entries of an index, as one block has them, each with its whole key."""
    path = pathlib.Path(f"{prefix}.index")
    return b"".join(block_entry(key, value) for key, value in read_table(path.read_bytes(), str(path)))


LAYOUTS = {
    "an empty block": lambda entries: table(block(entries), block(b"", restarts=()), keys=[b"t", b"\xff"]),
    "more than a handle": lambda entries: table(
        block(entries), handles=[handle(0, len(entries) + 8) + b"for later"]
    ),
    "a filter of unknown compression": lambda entries: table(
        block(entries),
        seal(b"filter", compression=9),
        handles=[handle(0, len(entries) + 8)],
        metaindex=snappy(block(block_entry(b"filter.f", handle(len(entries) + 13, 6)))),
    ),
    "a compressed block": lambda entries: table(snappy(block(entries))),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_tensorflow_reads_what_this_does(checkpoint, layout):
    index = pathlib.Path(f"{checkpoint}.index")
    index.write_bytes(layout(entries_of(checkpoint)))
    assert_same_as_tensorflow(checkpoint)


REFUSED = {
    "zstd": lambda entries: table(seal(block(entries)[:-5], compression=2)),
    "bytes that snappy did not write": lambda entries: table(seal(block(entries)[:-5], compression=1)),
    "a compressed block that is cut off": lambda entries: table(
        seal(snappy(block(entries))[:-10], compression=1)
    ),
}


@pytest.mark.parametrize("layout", REFUSED.values(), ids=REFUSED)
def test_tensorflow_refuses_what_this_does(checkpoint, layout):
    pathlib.Path(f"{checkpoint}.index").write_bytes(layout(entries_of(checkpoint)))
    with pytest.raises(hub.errors.CheckpointError):
        CheckpointReader(checkpoint)
    with pytest.raises((tf.errors.OpError, ValueError, RuntimeError)):
        tf.train.load_checkpoint(str(checkpoint)).get_tensor("scope/layer_00/kernel")


@pytest.mark.parametrize("name", cases.NAMES)
def test_golden_checkpoint_compressed_is_read_as_tensorflow_reads_it(tmp_path, name):
    shutil.copytree(cases.ROOT / name / "module" / "variables", tmp_path / "v")
    path = tmp_path / "v" / "variables.index"
    path.write_bytes(table(snappy(block(entries_of(tmp_path / "v" / "variables")))))
    assert_same_as_tensorflow(tmp_path / "v" / "variables")


def test_module_with_a_compressed_index_is_used_by_every_door(tmp_path):
    module = shutil.copytree(cases.ROOT / "image" / "module", tmp_path / "m")
    compress_index(module / "variables" / "variables")
    images = np.linspace(0, 1, 2 * 8 * 8 * 3, dtype=np.float32)
    spec = hub.load_module_spec(str(module))
    height, width = hub.get_expected_image_size(spec)
    images = np.resize(images, [2, height, width, 3])

    def run(handle: str) -> np.ndarray:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            output = hub.Module(handle)(images)
            session.run(tf.compat.v1.global_variables_initializer())
            return session.run(output)

    expected = run(str(cases.ROOT / "image" / "module"))
    np.testing.assert_array_equal(run(str(module)), expected)
    np.testing.assert_allclose(hub.load(str(module))(images), expected, rtol=1e-5)
    spec.export(str(tmp_path / "copy"))
    np.testing.assert_array_equal(run(str(tmp_path / "copy")), expected)
    hub.convert(str(module), str(tmp_path / "saved_model"))
    converted = tf.saved_model.load(str(tmp_path / "saved_model"))
    np.testing.assert_allclose(converted(images), expected, rtol=1e-5)
    assert hub.check(str(module)).ok


# --------------------------------------------------------------------------- files of publishers


@pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/real beside the repository")
@pytest.mark.parametrize("name", ["tiny_tf16", "DM21"])
def test_index_of_a_publisher_is_read(name):
    prefix = REAL / "modules" / name / "module" / "variables" / "variables"
    assert_same_as_tensorflow(prefix)
    CheckpointReader(prefix).verify()


@pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/real beside the repository")
def test_index_of_inception_v3_is_read(tmp_path):
    with tarfile.open(REAL / "inception_v3_fv1" / "inception_v3_fv1_graph_and_index.tar.xz") as archive:
        index = archive.extractfile("inception_v3_fv1/variables/variables.index")
        assert index is not None
        (tmp_path / "variables.index").write_bytes(index.read())
    assert len(CheckpointReader(tmp_path / "variables")) == 376
    assert_same_as_tensorflow(tmp_path / "variables")
