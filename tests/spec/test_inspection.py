"""`hub.inspect`: a module in plain values, without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest
from golden import cases
from spec import small_modules

import tf1hub as hub
from tf1hub.errors import FormatError, NotAModuleError
from tf1hub.format.messages_pb2 import ImageModuleInfo, SavedModel
from tf1hub.handles.manifest import Manifest, of_directory


@pytest.fixture
def image_module(tmp_path: pathlib.Path) -> str:
    info = ImageModuleInfo()
    info.default_image_size.height, info.default_image_size.width = 48, 32
    spec = hub.create_module_spec(small_modules.images, small_modules.BOTH)
    spec = small_modules.with_attachments(
        spec, {"image_module_info": info.SerializeToString(), "license": b"free"}
    )
    return small_modules.export(spec, tmp_path / "images", {"train"})


def test_signatures_have_types_shapes_and_the_conventions_they_meet(image_module):
    signature = hub.inspect(image_module).variant().signature("image_feature_vector")
    assert str(signature.inputs["images"]) == "float32 [?, ?, ?, 3]"
    assert signature.outputs["default"].shape == (None, 2)
    assert signature.meets == ("image_feature_vector",)


def test_variables_are_totalled(image_module):
    description = hub.inspect(image_module)
    by_name = {variable.name: variable for variable in description.variables}
    assert list(by_name) == ["beta", "gamma", "kernel", "moving_mean", "moving_variance"]
    assert (by_name["kernel"].shape, by_name["kernel"].bytes) == ((1, 1, 3, 2), 24)
    assert [v.name for v in description.variables if not v.trainable] == ["moving_mean", "moving_variance"]
    assert by_name["gamma"].variants == ((), ("train",))
    assert description.parameters == 6 + 4 * 2
    assert description.trainable_parameters == 6 + 2 * 2
    assert description.variable_bytes == 4 * 14


def test_variants_differ_in_update_ops_and_ops(image_module):
    inference, training = hub.inspect(image_module).variants
    assert (inference.name, training.name) == ("{}", "{'train'}")
    assert (inference.update_ops, training.update_ops) == (0, 2)
    assert (inference.regularization_losses, training.regularization_losses) == (1, 1)
    assert "AssignSubVariableOp" not in inference.ops
    assert training.ops["AssignSubVariableOp"] == 2
    assert sum(training.ops.values()) == training.nodes


def test_image_info_is_decoded_and_other_attachments_are_sized(image_module):
    license_, info = sorted(
        hub.inspect(image_module).variant().attachments, key=lambda a: a.bytes, reverse=True
    )[::-1]
    assert (license_.key, license_.bytes, license_.value) == ("license", 4, None)
    assert info.value == {"default_image_size": {"height": 48, "width": 32}}


def test_assets_have_sizes(tmp_path):
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("a\nb\nc\n")
    spec = hub.create_module_spec(lambda: small_modules.text(str(vocabulary)))
    description = hub.inspect(small_modules.export(spec, tmp_path / "text"))
    assert [(asset.name, asset.bytes) for asset in description.assets] == [("vocabulary.txt", 6)]
    assert description.variant().assets == ("vocabulary.txt",)
    assert description.variant().signature().meets == ("text_feature_vector",)


def test_partitioned_variable_is_one_with_parts():
    (variable,) = hub.inspect(cases.load("text_embedding_partitioned").path).variables
    assert (variable.name, variable.shape, variable.parts, variable.bytes) == ("embeddings", (11, 7), 3, 308)


def test_ref_variables_are_told_from_resource_variables():
    kinds = {
        name: {variable.is_resource for variable in hub.inspect(cases.load(name).path).variables}
        for name in ("image", "image_ref_variables")
    }
    assert kinds == {"image": {True}, "image_ref_variables": {False}}


def test_spec_without_checkpoint_has_declared_shapes():
    description = hub.inspect(hub.create_module_spec(small_modules.dense(3)))
    assert [(v.name, v.dtype, v.shape, v.bytes) for v in description.variables] == [
        ("bias", "float32", (3,), 12),
        ("kernel", "float32", (4, 3), 48),
    ]


def test_provenance_is_what_the_graph_and_the_cache_tell(tmp_path):
    original = cases.load("half_plus_two").path
    assert hub.inspect(original).provenance.tensorflow_versions == ("1.15.5",)
    assert hub.inspect(original).provenance.handle is None

    key = hashlib.sha1(b"https://example.com/half/1").hexdigest()
    spec = hub.create_module_spec(small_modules.dense(2))
    path = small_modules.export(spec, tmp_path / key)
    manifest = Manifest(
        "https://example.com/half/1", of_directory(path), "https://mirror/half", "2026-01-02T03:04:05Z"
    )
    pathlib.Path(f"{path}.manifest.json").write_text(manifest.to_json())
    provenance = hub.inspect(path).provenance
    assert provenance.handle == "https://example.com/half/1"
    assert (provenance.source, provenance.time) == ("https://mirror/half", "2026-01-02T03:04:05Z")
    assert provenance.digest == manifest.digest


def test_descriptor_of_the_original_library_is_read(tmp_path):
    path = small_modules.export(hub.create_module_spec(small_modules.dense(2)), tmp_path / "entry")
    text = (
        "Module: https://example.com/x/1\nDownload Time: 2019-01-02 03:04:05\nDownloader Hostname: h (PID:7)"
    )
    pathlib.Path(f"{path}.descriptor.txt").write_text(text)
    provenance = hub.inspect(path).provenance
    assert (provenance.handle, provenance.time) == ("https://example.com/x/1", "2019-01-02 03:04:05")


def test_dict_is_ready_for_json_and_has_totals(image_module):
    plain = json.loads(json.dumps(hub.inspect(image_module).to_dict()))
    assert plain["totals"] == {
        "variables": 5,
        "parameters": 14,
        "trainable_parameters": 10,
        "variable_bytes": 56,
        "asset_bytes": 0,
    }
    assert plain["variants"][0]["signatures"][0]["outputs"]["default"]["shape"] == [None, 2]


def test_repr_says_the_most_in_a_line(tmp_path):
    path = small_modules.export(hub.create_module_spec(small_modules.dense(3)), tmp_path / "dense")
    assert repr(hub.inspect(path)) == (
        f"<{path}: variants {{}} (default); 2 variables, 15 parameters, 60 bytes; 0 assets>"
    )


def test_inspecting_a_directory_imports_nothing_that_takes_long():
    program = (
        "import sys, tf1hub as hub; hub.inspect(sys.argv[1]);"
        "slow = ('tensorflow', 'numpy', 'rich', 'urllib3', 'dataclasses', 'inspect', 'tempfile', 'hashlib');"
        "print([name for name in slow if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, cases.load("image").path]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout == "[]\n"


def test_what_is_no_module_is_refused(tmp_path):
    with pytest.raises(NotAModuleError, match="is not a TF1 Hub module"):
        hub.inspect(tmp_path)


def test_files_beside_the_module_are_listed_with_what_they_are_for(image_module):
    directory = pathlib.Path(image_module)
    assert hub.inspect(image_module).files == ()
    added = {
        "smart_module.pb": b"12345",
        "notes.txt": b"",
        "variables/checkpoint": b"x",
        "assets/lost.txt": b"y",
    }
    for name, data in added.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(data)
    files = hub.inspect(image_module).files
    assert [tuple(file) for file in files] == [
        ("notes.txt", 0, ""),
        (
            "smart_module.pb",
            5,
            "how inputs and outputs are nested, for DeepMind's own loader; also attached as 'signature_info'",
        ),
        ("assets/lost.txt", 1, "an asset that no variant names"),
        ("variables/checkpoint", 1, "what tf.train.Saver notes of its newest checkpoint"),
    ]
    hub.load_module_spec(image_module).export(str(directory) + "_copy")
    assert hub.inspect(f"{directory}_copy").files == ()


@pytest.mark.parametrize("name", [name for name in cases.NAMES if "text" in name])
def test_assets_are_no_files_beside_the_module(name):
    assert hub.inspect(cases.ROOT / name / "module").files == ()


@pytest.mark.parametrize(
    "ask",
    [
        hub.inspect,
        lambda path: hub.diff(path, path),
        lambda path: hub.check(path, run=False),
        lambda path: hub.load_module_spec(path).export(f"{path}_copy"),
    ],
    ids=["inspect", "diff", "check", "export"],
)
def test_name_of_a_variable_that_is_damaged(image_module, ask):
    file = pathlib.Path(image_module) / "saved_model.pb"
    message = SavedModel.FromString(file.read_bytes())
    collection = message.meta_graphs[0].collection_def["variables"].bytes_list
    collection.value[0] = collection.value[0].replace(b"kernel:0", b"kernfl:0")
    file.write_bytes(message.SerializeToString())
    with pytest.raises(FormatError) as error:
        ask(image_module)
    assert str(error.value) == (
        f"The collection 'variables' of variant {{}} of {image_module} names 'kernfl:0', which the graph does not"
        " have."
    )
