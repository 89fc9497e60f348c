"""TensorFlow and this package read each other's checkpoints: values, partitions, files, all dtypes."""

from __future__ import annotations

import pathlib
import warnings

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tf1hub.errors import MissingDependencyError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter, Slice

tf1 = tf.compat.v1

STRINGS = np.array([b"", b"a\0", "caf\u00e9".encode(), b"x" * 70_000, b"y" * 128, b"z"], object).reshape(2, 3)


def saveable() -> list[int]:
    """The dtypes that both this TensorFlow and this ml_dtypes have arrays of."""
    found = []
    for number in range(1, 34):
        try:
            known = tf.as_dtype(number)
            array = dtypes.numpy_dtype(number) if dtypes.size_of(number) else None
        except (TypeError, MissingDependencyError):
            continue
        if array is not None and not known.is_quantized:
            found.append(number)
    return found


def values(number: int, shape: tuple[int, ...]) -> npt.NDArray:
    dtype = dtypes.numpy_dtype(number)
    found = np.random.default_rng(number).uniform(-1.9, 1.9, shape)
    if dtypes.name_of(number).startswith("u") or dtype.kind == "b":
        found = np.abs(found)
    return (found + 1j * found if dtype.kind == "c" else found).astype(dtype)


def save(prefix: pathlib.Path, tensors: dict[str, object], slices: dict[str, str] | None = None) -> str:
    names = list(tensors)
    specs = [(slices or {}).get(name, "") for name in names]
    names = [name.split("#")[0] for name in names]
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=names, shape_and_slices=specs, tensors=list(tensors.values())
    )
    return str(prefix)


def restore(prefix: pathlib.Path, name: str, dtype: int, spec: str = "") -> npt.NDArray:
    tensors = tf.raw_ops.RestoreV2(
        prefix=str(prefix), tensor_names=[name], shape_and_slices=[spec], dtypes=[tf.as_dtype(dtype)]
    )
    return tensors[0].numpy()


def assert_same(found: npt.NDArray, expected: npt.NDArray) -> None:
    assert found.shape == expected.shape
    if expected.dtype == object:
        assert found.tolist() == expected.tolist()
    else:
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


# --------------------------------------------------------------------------- TensorFlow writes


@pytest.mark.parametrize("number", saveable(), ids=dtypes.name_of)
@pytest.mark.parametrize("shape", [(), (3, 5), (0, 3)], ids=str)
def test_tensor_of_tensorflow_is_read(tmp_path, number, shape):
    value = values(number, shape)
    reader = CheckpointReader(save(tmp_path / "v", {"w": tf.constant(value)}))
    reader.verify()
    assert (reader.dtype("w"), reader.shape("w")) == (number, shape)
    assert_same(reader.array("w"), value)


@pytest.mark.parametrize("name", ["qint8", "quint8", "qint16", "quint16", "qint32"])
def test_quantized_tensor_is_read_as_integers(tmp_path, name):
    number = dtypes.number_of(name)
    value = np.arange(6).astype(dtypes.numpy_dtype(number))
    quantized = tf.bitcast(tf.constant(value), tf.as_dtype(name))
    reader = CheckpointReader(save(tmp_path / "v", {"w": quantized}))
    reader.verify()
    assert reader.dtype("w") == number
    assert_same(reader.array("w"), value)


@pytest.mark.parametrize("value", [STRINGS, STRINGS[:0], STRINGS[1, 1]], ids=["matrix", "empty", "scalar"])
def test_strings_of_tensorflow_are_read(tmp_path, value):
    value = np.array(value, object)
    reader = CheckpointReader(save(tmp_path / "v", {"s": tf.constant(value, tf.string)}))
    reader.verify()
    assert_same(reader.array("s"), value)


def test_variants_of_tensorflow_are_listed_and_verified(tmp_path):
    handle = tf.raw_ops.TensorListFromTensor(tensor=[1.0, 2.0], element_shape=tf.constant([], tf.int32))
    reader = CheckpointReader(save(tmp_path / "v", {"l": handle, "w": tf.constant(1.0)}))
    assert dtypes.name_of(reader.dtype("l")) == "variant"
    reader.verify()
    path = tmp_path / "v.data-00000-of-00001"
    path.write_bytes(path.read_bytes().replace(np.float32(2).tobytes(), np.float32(3).tobytes()))
    with pytest.raises(ValueError, match="'l' is damaged: the checksum up to variant 0 is"):
        reader.verify()


def test_slices_of_tensorflow_are_put_together(tmp_path):
    value = values(1, (6, 4))
    specs = {"w#0": "6 4 0,6:0,1", "w#1": "6 4 0,2:1,3", "w#2": "6 4 2,4:1,3"}
    tensors = {"w#0": value[:, :1], "w#1": value[:2, 1:], "w#2": value[2:, 1:]}
    reader = CheckpointReader(save(tmp_path / "v", tensors, specs))
    reader.verify()
    assert reader.keys() == ("w",)
    assert set(reader.slices("w")) == {Slice((0, 0), (6, 1)), Slice((0, 1), (2, 3)), Slice((2, 1), (4, 3))}
    assert_same(reader.array("w"), value)
    assert_same(np.ascontiguousarray(reader.slice_array("w", (1, 0), (3, 2))), value[1:4, :2])


def test_slice_of_whole_dimensions_is_found(tmp_path):
    value = values(1, (6, 4))
    specs = {"w#0": "6 4 0,2:-", "w#1": "6 4 2,4:-"}
    reader = CheckpointReader(save(tmp_path / "v", {"w#0": value[:2], "w#1": value[2:]}, specs))
    reader.verify()
    assert_same(reader.array("w"), value)


@pytest.mark.parametrize("sharded", [False, True])
def test_saver_with_partitioned_variables_and_files_is_read(tmp_path, sharded):
    with tf.Graph().as_default(), tf1.Session(config=tf1.ConfigProto(device_count={"CPU": 2})) as session:
        with tf1.variable_scope("scope", partitioner=tf1.fixed_size_partitioner(3)), tf.device("/cpu:0"):
            table = tf1.get_variable("table", [11, 7], initializer=tf1.random_uniform_initializer(seed=3))
        with tf.device("/cpu:1"):
            step = tf1.get_variable("step", initializer=np.int64(4), use_resource=False)
        session.run(tf1.global_variables_initializer())
        prefix = tf1.train.Saver(sharded=sharded).save(session, str(tmp_path / "model"), global_step=7)
        expected = session.run([tf.concat(list(table), 0), step])
    reader = CheckpointReader(prefix)
    reader.verify()
    assert reader.keys() == ("scope/table", "step")
    assert [str(part) for part in reader.slices("scope/table")] == ["[0:4, 0:7]", "[4:8, 0:7]", "[8:11, 0:7]"]
    assert_same(reader.array("scope/table"), expected[0])
    assert_same(reader.array("step"), np.array(expected[1]))
    assert len(list(tmp_path.glob("*.data-*-of-00002"))) == (2 if sharded else 0)


def test_merged_checkpoints_are_read(tmp_path):
    value = values(1, (4, 2))
    parts = [
        save(tmp_path / "a", {"w": value[:1], "a": tf.constant([1])}, {"w": "4 2 0,1:0,2"}),
        save(tmp_path / "b", {"w": value[1:], "b": tf.constant([2])}, {"w": "4 2 1,3:0,2"}),
    ]
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(tmp_path / "v"))
    reader = CheckpointReader(tmp_path / "v")
    reader.verify()
    assert reader.keys() == ("a", "b", "w")
    assert_same(reader.array("w"), value)
    assert reader.array("b").tolist() == [2]


def test_index_of_many_blocks_is_read(tmp_path):
    tensors = {f"{n:04}{'/scope' * 15}": tf.constant(n) for n in range(3000)}
    reader = CheckpointReader(save(tmp_path / "v", tensors))
    assert (tmp_path / "v.index").stat().st_size > 262_144
    assert reader.keys() == tuple(tensors)
    assert [int(reader.array(name)) for name in tensors] == list(range(3000))


def test_object_based_checkpoint_is_read(tmp_path):
    prefix = tf.train.Checkpoint(w=tf.Variable([1.0, 2.0])).write(str(tmp_path / "c"))
    reader = CheckpointReader(prefix)
    reader.verify()
    assert reader.keys() == ("_CHECKPOINTABLE_OBJECT_GRAPH", "w/.ATTRIBUTES/VARIABLE_VALUE")
    assert reader.array("w/.ATTRIBUTES/VARIABLE_VALUE").tolist() == [1, 2]


# --------------------------------------------------------------------------- TensorFlow reads


@pytest.mark.parametrize("number", saveable(), ids=dtypes.name_of)
def test_tensor_is_read_by_tensorflow(tmp_path, number):
    tensors = {
        "matrix": values(number, (3, 5)),
        "scalar": values(number, ()),
        "empty": values(number, (0, 3)),
    }
    with CheckpointWriter(tmp_path / "v") as writer:
        for name, value in tensors.items():
            writer.add(name, value)
    for name, value in tensors.items():
        assert_same(np.asarray(restore(tmp_path / "v", name, number)), value)


def test_strings_are_read_by_tensorflow(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("s", STRINGS)
        writer.add("empty", STRINGS[:0])
        writer.add("scalar", "caf\u00e9")
    assert_same(restore(tmp_path / "v", "s", dtypes.STRING), STRINGS)
    assert_same(restore(tmp_path / "v", "empty", dtypes.STRING), STRINGS[:0])
    assert restore(tmp_path / "v", "scalar", dtypes.STRING) == "caf\u00e9".encode()


@pytest.mark.parametrize("spec", ["", "11 7 0,4:0,7", "11 7 2,5:0,7", "11 7 0,11:1,5", "11 7 7,4:6,1"])
def test_partitioned_tensor_is_read_by_tensorflow_whole_and_in_slices(tmp_path, spec):
    value = values(1, (11, 7))
    with CheckpointWriter(tmp_path / "v") as writer:
        for row, end in ((4, 8), (0, 4), (8, 11)):
            writer.add_slice("rows", value.shape, (row, 0), value[row:end])
        for column, end in ((0, 3), (3, 7)):
            writer.add_slice("columns", value.shape, (0, column), value[:, column:end])
        writer.add_slice("one", value.shape, (0, 0), value)
    box = [slice(0, 11), slice(0, 7)]
    if spec:
        sides = [map(int, side.split(",")) for side in spec.split()[-1].split(":")]
        box = [slice(start, start + length) for start, length in sides]
    for name in ("rows", "columns", "one"):
        assert_same(
            restore(tmp_path / "v", name, dtypes.FLOAT, spec), np.ascontiguousarray(value[tuple(box)])
        )


def test_checkpoint_is_listed_by_tensorflow(tmp_path):
    names = [f"layer_{n}/kernel" for n in range(3000)] + ["\u00e9", "a" * 300]
    with CheckpointWriter(tmp_path / "v") as writer:
        for name in names:
            writer.add(name, np.float32([1, 2]))
        writer.add_slice("part", [2, 2], [0, 0], np.zeros([1, 2]))
        writer.add_slice("part", [2, 2], [1, 0], np.ones([1, 2]))
    found = tf.train.load_checkpoint(str(tmp_path / "v"))
    assert found.get_variable_to_shape_map() == {**{name: [2] for name in names}, "part": [2, 2]}
    assert found.get_variable_to_dtype_map()["part"] == tf.float64
    assert found.get_tensor("part").tolist() == [[0, 0], [1, 1]]


def test_saver_restores_what_is_written(tmp_path):
    value = values(1, (5, 2))
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("w", value)
        writer.add("step", np.int64(9))
    with tf.Graph().as_default(), tf1.Session() as session:
        with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
            table = tf1.get_variable("w", [5, 2])
        step = tf1.get_variable("step", [], tf.int64)
        tf1.train.Saver().restore(session, str(tmp_path / "v"))
        assert_same(np.concatenate(session.run(list(table))), value)
        assert session.run(step) == 9


def test_copy_of_a_checkpoint_of_tensorflow_is_read_by_tensorflow(tmp_path):
    value = values(1, (4, 2))
    tensors = {"w#0": value[:1], "w#1": value[1:], "s": tf.constant(STRINGS, tf.string)}
    source = CheckpointReader(save(tmp_path / "v", tensors, {"w#0": "4 2 0,1:-", "w#1": "4 2 1,3:-"}))
    with CheckpointWriter(tmp_path / "copy") as writer:
        for key in source:
            writer.copy_from(source, key, f"copy/{key}")
    assert_same(restore(tmp_path / "copy", "copy/w", dtypes.FLOAT), value)
    assert_same(restore(tmp_path / "copy", "copy/s", dtypes.STRING), STRINGS)


def test_no_warning_is_needed_to_read(tmp_path):
    prefix = save(tmp_path / "v", {"w": tf.constant([1.0])})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CheckpointReader(prefix).array("w").tolist() == [1]
