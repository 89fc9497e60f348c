"""Weights as safetensors, and back; without TensorFlow."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import tf1hub as hub
from tf1hub.errors import CheckFailedError, ExportError, InputError, UnsupportedGraphError
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.spec.module_spec import ModuleSpec

numpy_files = pytest.importorskip("safetensors.numpy")
from safetensors import safe_open  # noqa: E402

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "modules"
NAMES = sorted(path.name for path in GOLDEN.iterdir())


def stored(name: str) -> str:
    return str(GOLDEN / name / "module")


@pytest.mark.parametrize("name", NAMES)
def test_the_library_reads_every_weight_under_its_name(name: str, tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(stored(name), tmp_path / "m.safetensors", to="safetensors")
    assert conversion.all_compared
    weights, own = numpy_files.load_file(tmp_path / "m.safetensors"), hub.read_variables(stored(name))
    assert sorted(weights) == sorted(own) == [row.output for row in conversion.compared]
    for key, value in weights.items():
        np.testing.assert_array_equal(value, own[key])
        assert value.dtype == own[key].dtype


def test_the_file_says_which_module_it_is_of(tmp_path: pathlib.Path) -> None:
    hub.convert(stored("half_plus_two"), tmp_path / "m.safetensors", to="safetensors")
    (tmp_path / "any file").touch()
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "any file").stat().st_mode
    with safe_open(tmp_path / "m.safetensors", framework="np") as file:
        metadata = file.metadata()
    assert metadata["module"] == stored("half_plus_two")
    assert metadata["digest"].startswith("sha256:")


@pytest.mark.parametrize("name", ["image", "text_embedding_partitioned"])
def test_weights_go_back_into_a_module(name: str, tmp_path: pathlib.Path) -> None:
    hub.convert(stored(name), tmp_path / "m.safetensors", to="safetensors")
    weights = numpy_files.load_file(tmp_path / "m.safetensors")
    hub.load_module_spec(stored(name)).export(
        tmp_path / "back", values={key: value + 1 for key, value in weights.items()}
    )
    back = hub.read_variables(tmp_path / "back")
    assert {key: back[key].tolist() for key in back} == {
        key: (weights[key] + 1).tolist() for key in sorted(weights)
    }


def test_jax_reads_them(tmp_path: pathlib.Path) -> None:
    flax_files = pytest.importorskip("safetensors.flax", exc_type=ImportError)
    hub.convert(stored("half_plus_two"), tmp_path / "m.safetensors", to="safetensors")
    weights = flax_files.load_file(tmp_path / "m.safetensors")
    assert {name: float(value) for name, value in weights.items()} == {"a": 0.5, "b": 2.0}


def of_values(directory: pathlib.Path, **values: np.ndarray) -> ModuleSpec:
    """A module whose variables have these values."""
    from tf1hub.format.dtypes import number_of_numpy
    from tf1hub.format.messages_pb2 import MetaGraphDef, SavedModel, VariableDef

    graph = MetaGraphDef()
    graph.signature_def["default"].SetInParent()
    with CheckpointWriter(str(directory / "model.ckpt")) as writer:
        for name, value in values.items():
            node = graph.graph_def.node.add(name=name, op="VarHandleOp")
            node.attr["dtype"].type = number_of_numpy(value.dtype)
            for size in value.shape:
                node.attr["shape"].shape.dim.add(size=size)
            variable = VariableDef(
                variable_name=f"{name}:0", initializer_name=f"{name}/Assign", is_resource=True
            )
            graph.collection_def["variables"].bytes_list.value.append(variable.SerializeToString())
            graph.graph_def.node.add(name=f"{name}/Assign", op="NoOp")
            writer.add(name, value)
    return ModuleSpec(SavedModel(meta_graphs=[graph]), "values", str(directory / "model.ckpt"))


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "float16", ml_dtypes.bfloat16, "complex64", "bool",
     "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
)  # fmt: skip
def test_every_dtype_that_the_format_has_is_kept(dtype: str, tmp_path: pathlib.Path) -> None:
    value = np.array([[0, 1, 1]]).astype(dtype)
    spec = of_values(tmp_path, matrix=value, scalar=value[0, 1], empty=value[:0])
    assert hub.convert(spec, tmp_path / "m.safetensors", to="safetensors").all_compared
    weights = numpy_files.load_file(tmp_path / "m.safetensors")
    assert {weights[name].dtype for name in weights} == {np.dtype(dtype)}
    assert weights["matrix"].tolist() == value.tolist()
    assert (weights["scalar"].shape, weights["empty"].shape) == ((), (0, 3))


def test_what_the_format_has_no_dtype_for_is_refused_at_once(tmp_path: pathlib.Path) -> None:
    words, wide = np.array([b"a"], object), np.zeros(2, np.complex128)
    spec = of_values(tmp_path, words=words, wide=wide, plain=np.zeros(2, np.float32))
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(spec, tmp_path / "m.safetensors", to="safetensors")
    text = str(caught.value)
    assert text.startswith(
        "values cannot be converted to 'safetensors':\n  - the variable 'wide' is complex128, which "
    )
    assert (
        "\n  - the variable 'words' is string, which safetensors does not have\nForms that take it: " in text
    )
    assert not (tmp_path / "m.safetensors").exists()


def test_a_file_that_reads_otherwise_is_not_kept(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file = numpy_files.save_file
    monkeypatch.setattr(
        numpy_files,
        "save_file",
        lambda arrays, path, metadata: save_file({**arrays, "a": arrays["b"]}, path, metadata),
    )
    with pytest.raises(CheckFailedError, match=r"not kept:\n  - the variable 'a' has other values$"):
        hub.convert(stored("half_plus_two"), tmp_path / "m.safetensors", to="safetensors")
    assert os.listdir(tmp_path) == []


def test_what_is_there_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.safetensors").write_text("mine")
    (tmp_path / "other").write_text("mine too")
    with pytest.raises(ExportError, match="something is there already"):
        hub.convert(stored("half_plus_two"), tmp_path / "m.safetensors", to="safetensors")
    hub.convert(stored("half_plus_two"), tmp_path / "n.safetensors", to="safetensors")
    assert sorted(os.listdir(tmp_path)) == ["m.safetensors", "n.safetensors", "other"]
    assert (tmp_path / "m.safetensors").read_text() == "mine"


def test_an_option_of_another_form_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError) as caught:
        hub.convert(stored("half_plus_two"), tmp_path / "m", to="safetensors", serving_default="default")
    assert str(caught.value).startswith(
        "serving_default= is not for to='safetensors'. The forms that have it: 'saved_model'"
    )
    with pytest.raises(InputError) as caught:
        hub.convert(stored("half_plus_two"), tmp_path / "m", to="safetensors", examples={"default": [{}]})
    assert str(caught.value).startswith("examples= is not for to='safetensors'. The forms that have it: ")


def test_no_tensorflow_is_needed(tmp_path: pathlib.Path) -> None:
    program = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import tf1hub as hub\n"
        f"print(hub.convert({stored('half_plus_two')!r}, 'm.safetensors', to='safetensors').to)\n"
        "try:\n"
        f"    hub.convert({stored('half_plus_two')!r}, 'm')\n"
        "except hub.errors.MissingDependencyError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout == (
        "safetensors\nThis needs TensorFlow 2.15 or newer, which is not installed. Install it with: pip install tensorflow "
        "(or tensorflow-cpu, a smaller build). Where there is no build of it, tf1hub.Predictor calls modules "
        "without it.\n"
    )


def test_weights_may_go_to_remote_storage() -> None:
    fsspec = pytest.importorskip("fsspec")
    path = "memory://test_safetensors/m.safetensors"
    assert hub.convert(stored("half_plus_two"), path, to="safetensors").all_compared
    weights = numpy_files.load(fsspec.filesystem("memory").cat(path))
    assert {name: float(value) for name, value in weights.items()} == {"a": 0.5, "b": 2.0}
    with pytest.raises(ExportError, match="something is there already"):
        hub.convert(stored("half_plus_two"), path, to="safetensors")
