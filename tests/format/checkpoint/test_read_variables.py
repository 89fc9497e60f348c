"""`read_checkpoint`: a module's weights as a mapping, with no TensorFlow anywhere."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import textwrap
import threading
from collections.abc import Mapping

import numpy as np
import pytest
import tensorflow as tf

from tf1hub.errors import CheckpointError, NotAModuleError, UnknownNameError
from tf1hub.format.checkpoint import CheckpointWriter, Variables, read_checkpoint

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "modules"
MODULES = sorted(path.name for path in GOLDEN.iterdir())

NO_TENSORFLOW = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf_keras", "keras"):
            raise ImportError(f"{name} is forbidden here")

sys.meta_path.insert(0, Forbidden())
"""


def module(directory: pathlib.Path, *variables: str) -> pathlib.Path:
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"")
    with CheckpointWriter(directory / "variables" / "variables") as writer:
        for number, name in enumerate(variables):
            writer.add(name, np.full([2, 3], number, np.float32))
    return directory


@pytest.mark.parametrize("name", MODULES)
def test_golden_variables_are_those_that_tensorflow_reads(name):
    variables = read_checkpoint(GOLDEN / name / "module")
    variables.verify()
    expected = tf.train.load_checkpoint(str(GOLDEN / name / "module" / "variables" / "variables"))
    assert variables.shapes == {k: tuple(v) for k, v in expected.get_variable_to_shape_map().items()}
    assert variables.dtypes == {k: v.name for k, v in expected.get_variable_to_dtype_map().items()}
    for key, value in variables.items():
        np.testing.assert_array_equal(value, expected.get_tensor(key))


def test_golden_variables_are_read_where_tensorflow_is_forbidden(tmp_path):
    for name in MODULES:
        reader = tf.train.load_checkpoint(str(GOLDEN / name / "module" / "variables" / "variables"))
        arrays = {key.replace("/", "|"): reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    program = NO_TENSORFLOW + textwrap.dedent("""
        import pathlib
        import numpy as np
        from tf1hub.format import read_checkpoint

        golden, expected = map(pathlib.Path, sys.argv[1:])
        for path in sorted(golden.iterdir()):
            variables = read_checkpoint(path / "module")
            variables.verify()
            with np.load(expected / f"{path.name}.npz") as arrays:
                assert {key.replace("/", "|") for key in variables} == set(arrays)
                for key in variables:
                    np.testing.assert_array_equal(variables[key], arrays[key.replace("/", "|")])
            print(path.name)
        assert "tensorflow" not in sys.modules
    """)
    command = [sys.executable, "-c", program, str(GOLDEN), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == MODULES


def test_names_and_shapes_need_no_numpy():
    program = NO_TENSORFLOW + textwrap.dedent("""
        from tf1hub.format import read_checkpoint
        variables = read_checkpoint(sys.argv[1])
        print(variables.shapes, variables.dtypes, "numpy" in sys.modules)
    """)
    command = [sys.executable, "-c", program, str(GOLDEN / "half_plus_two" / "module")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "{'a': (), 'b': ()} {'a': 'float32', 'b': 'float32'} False\n"


def test_mapping_of_a_module_directory(tmp_path):
    variables = read_checkpoint(module(tmp_path / "m", "b/kernel", "a"))
    assert isinstance(variables, Mapping)
    assert list(variables) == ["a", "b/kernel"]
    assert len(variables) == 2
    assert "a" in variables
    assert "c" not in variables
    assert 3 not in variables
    assert variables.shapes == {"a": (2, 3), "b/kernel": (2, 3)}
    assert variables.dtypes == {"a": "float32", "b/kernel": "float32"}
    assert {name: float(value.sum()) for name, value in variables.items()} == {"a": 6, "b/kernel": 0}


def test_checkpoint_prefix_is_taken_too(tmp_path, monkeypatch):
    module(tmp_path, "a")
    assert list(read_checkpoint(str(tmp_path / "variables" / "variables"))) == ["a"]
    monkeypatch.chdir(tmp_path / "variables")
    assert list(read_checkpoint("variables")) == ["a"]


def test_table_of_names_dtypes_and_shapes(tmp_path):
    with CheckpointWriter(tmp_path / "v") as writer:
        writer.add("layer/kernel", np.ones([1000, 3], np.float32))
        writer.add("names", [b"a", b"b"])
    assert repr(read_checkpoint(tmp_path / "v")) == (
        "2 variables, 3,002 elements\n  layer/kernel  float32  [1000, 3]\n  names         string   [2]"
    )


def test_table_of_one_and_of_many(tmp_path):
    assert repr(read_checkpoint(module(tmp_path / "one", "a"))).splitlines()[0] == "1 variable, 6 elements"
    lines = repr(read_checkpoint(module(tmp_path / "many", *map(str, range(99))))).splitlines()
    assert lines[0] == "99 variables, 594 elements"
    assert lines[-1] == "  and 39 more"
    assert len(lines) == 62


def test_module_without_variables_is_an_empty_mapping(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    variables = read_checkpoint(tmp_path)
    assert dict(variables) == {}
    assert len(variables) == 0
    assert (variables.shapes, variables.dtypes) == ({}, {})
    assert "a" not in variables
    assert repr(variables) == "Variables: none"
    variables.verify()
    with pytest.raises(UnknownNameError) as error:
        variables["a"]
    assert str(error.value) == "No variable 'a': the module has none."


def test_unknown_variable_is_a_key_error_that_lists_the_known(tmp_path):
    variables = read_checkpoint(module(tmp_path, "a", "b"))
    assert variables.get("c") is None
    with pytest.raises(KeyError) as error:
        variables["c"]
    assert str(error.value) == f"No tensor 'c' in {tmp_path}/variables/variables. It has: a, b."


def test_nothing_at_the_path(tmp_path):
    with pytest.raises(NotAModuleError) as error:
        read_checkpoint(tmp_path / "none")
    assert str(error.value) == (
        f"There is nothing at {tmp_path}/none: neither a module's directory nor a checkpoint"
        f" ({tmp_path}/none.index)."
    )


def test_directory_that_is_no_module(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(NotAModuleError) as error:
        read_checkpoint(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} is a directory with neither variables/variables.index nor saved_model.pb. It has:"
        " notes.txt."
    )


def test_lost_index_is_not_taken_for_a_module_without_variables(tmp_path):
    module(tmp_path, "a")
    (tmp_path / "variables" / "variables.index").unlink()
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}/variables/variables.index: the index of the variables is missing, but there are:"
        " variables.data-00000-of-00001."
    )


def test_variables_behind_a_scheme_are_read_through_tensorflow():
    directory = "ram://read_variables_test/module"
    for name in ("variables/variables.index", "variables/variables.data-00000-of-00001"):
        tf.io.gfile.makedirs(f"{directory}/variables")
        with tf.io.gfile.GFile(f"{directory}/{name}", "wb") as file:
            file.write((GOLDEN / "image" / "module" / name).read_bytes())
    local = read_checkpoint(GOLDEN / "image" / "module")
    for remote in (read_checkpoint(directory), read_checkpoint(f"{directory}/variables/variables")):
        remote.verify()
        assert remote.shapes == local.shapes
        for name, value in local.items():
            np.testing.assert_array_equal(remote[name], value)
    with pytest.raises(NotAModuleError):
        read_checkpoint("ram://read_variables_test/none")


def test_many_threads_read_the_same_values(tmp_path):
    value = np.arange(40, dtype=np.float32).reshape(10, 4)
    with CheckpointWriter(tmp_path / "v") as writer:
        for row in (5, 0):
            writer.add_slice("p", value.shape, (row, 0), value[row : row + 5])
        writer.add("w", value)
    variables = read_checkpoint(tmp_path / "v")
    wrong: list[str] = []

    def read() -> None:
        for _ in range(20):
            wrong.extend(name for name in ("p", "w") if not np.array_equal(variables[name], value))

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_variables_are_what_read_variables_gives(tmp_path):
    assert isinstance(read_checkpoint(module(tmp_path, "a")), Variables)
