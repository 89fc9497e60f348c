"""Values of variables that go from a module's checkpoint to that of a SavedModel, held against those that TensorFlow saves."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import export
from golden import cases

import tf1hub as hub
from tf1hub.converting.saved_model_files import write_saved_model
from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.tf2.load import load_spec, load_to_save

tf1 = tf.compat.v1


def saved(module: Any, directory: pathlib.Path, stored: ModuleSpec | None) -> CheckpointReader:
    directory.mkdir()
    write_saved_model(module, None, str(directory), stored)
    assert sorted(file.name for file in (directory / "variables").iterdir()) == [
        "variables.data-00000-of-00001",
        "variables.index",
    ]
    reader = CheckpointReader(directory / "variables" / "variables")
    reader.verify()
    return reader


def checkpoint_anew(module: str) -> CheckpointWriter:
    """Writes the checkpoint of a module in the place of the one that is there."""
    variables = pathlib.Path(module) / "variables"
    for file in variables.iterdir():
        file.unlink()
    return CheckpointWriter(variables / "variables")


@pytest.mark.parametrize(
    "name", ["image", "text_embedding_partitioned", "text_hashed", "ref_variables_mlp", "launch_switch"]
)
def test_a_module_as_it_is_stored_is_saved_as_tensorflow_saves_it(name: str, tmp_path: pathlib.Path) -> None:
    spec = load_module_spec(cases.load(name).path)
    ours = saved(load_to_save(spec, None, True), tmp_path / "ours", spec)
    theirs = saved(load_spec(spec), tmp_path / "theirs", None)
    assert ours.keys() == theirs.keys()
    for key in theirs:
        assert ours.dtype(key) == theirs.dtype(key)
        assert not ours.is_partitioned(key)
        np.testing.assert_array_equal(ours.array(key), theirs.array(key))


def test_a_variable_that_is_stored_in_parts_is_saved_whole(tmp_path: pathlib.Path) -> None:
    path = export(scaled, tmp_path / "module")
    with checkpoint_anew(path) as writer:
        writer.add_slice("factors", [4], [0], np.float32([1.0, 2.0]))
        writer.add_slice("factors", [4], [2], np.float32([3.0, 4.0]))
    hub.convert(path, tmp_path / "out")
    converted = CheckpointReader(tmp_path / "out" / "variables" / "variables")
    (key,) = (key for key in converted if not key.startswith("_CHECK"))
    assert not converted.is_partitioned(key)
    assert converted.array(key).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_what_a_table_holds_from_the_start_is_saved_with_the_values(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.string, [None])
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, -1.0)
        tf1.add_to_collection(tf1.GraphKeys.TABLE_INITIALIZERS, table.insert(["a", "b"], [2.0, 3.0]))
        hub.add_signature(inputs=x, outputs=table.lookup(x) * tf1.get_variable("factor", initializer=5.0))

    path = export(module_fn, tmp_path / "module", drop_collections=["saveable_objects"])
    assert load_to_save(load_module_spec(path), None, True) is not None
    hub.convert(path, tmp_path / "out")
    outputs = tf.saved_model.load(str(tmp_path / "out"))(tf.constant(["b", "a", "c"]))
    assert outputs.numpy().tolist() == [15.0, 10.0, -5.0]


def test_a_table_that_is_filled_from_a_variable(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.string, [None])
        values = tf1.get_variable("values", initializer=[2.0, 3.0])
        pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), values.read_value() + 1.0)
        hub.add_signature(inputs=x, outputs=tf.lookup.StaticHashTable(pairs, -1.0).lookup(x))

    path = tmp_path / "module"
    spec = hub.create_module_spec(module_fn)
    spec.export(path, values=hub.initial_values(spec))
    assert load_to_save(load_module_spec(path), None, True) is None
    hub.convert(path, tmp_path / "out")
    outputs = tf.saved_model.load(str(tmp_path / "out"))(tf.constant(["b", "a", "c"]))
    assert outputs.numpy().tolist() == [4.0, 3.0, -1.0]


def scaled() -> None:
    x = tf1.placeholder(tf.float32, [None, 4])
    hub.add_signature(inputs=x, outputs=x * tf1.get_variable("factors", initializer=[1.0, 1.0, 1.0, 1.0]))


def test_another_type_than_the_variables_is_said_before_anything_is_written(tmp_path: pathlib.Path) -> None:
    path = export(scaled, tmp_path / "module")
    with checkpoint_anew(path) as writer:
        writer.add("factors", np.zeros(4, np.float64))
    with pytest.raises(CheckpointError) as error:
        hub.convert(path, tmp_path / "out")
    assert str(error.value) == (
        f"The checkpoint {writer.prefix} does not fit variant {{}} of {path}:\n"
        "  factors: float64 in the checkpoint, float32 in the module"
    )
    assert not (tmp_path / "out").exists()


def test_a_damaged_value_is_not_written(tmp_path: pathlib.Path) -> None:
    path = export(scaled, tmp_path / "module")
    data = tmp_path / "module" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(bytes(16))
    with pytest.raises(CheckpointError) as error:
        hub.convert(path, tmp_path / "out")
    assert str(error.value) == (
        f"{data}: 'factors' is damaged: its checksum is 0xd8576fb9, and 0xbbcb3723 is stored."
    )
    assert not (tmp_path / "out").exists()
