"""Modules as ONNX models in files, without TensorFlow; and what cannot become one."""

from __future__ import annotations

import json
import os
import pathlib

import numpy as np
import pytest
from fresh_process import printed

import tf1hub as hub
from tf1hub.errors import (
    ArgumentError,
    ExportError,
    FormatError,
    InputError,
    UnknownNameError,
    UnsupportedGraphError,
)
from tf1hub.handles.manifest import content_digest, of_directory

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "modules"


def stored(name: str) -> str:
    return str(GOLDEN / name / "module")


EVERY_GOLDEN_MODULE = """
import sys
sys.modules["tensorflow"] = None  # importing it fails
import os, tempfile
import numpy as np
from golden import cases
import onnx
import tf1hub as hub
from predict.golden_calls import values

count = 0
for name in cases.NAMES:
    case = cases.load(name)
    calls = [call for call in case.calls if not call["tags"]]
    for signature in sorted({call["signature"] for call in calls}):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "model.onnx")
            conversion = hub.convert(case.path, path, to="onnx", signature=signature)
            assert conversion.all_compared, (name, conversion.compared)
            assert all(row.max_rel < 1e-5 and row.inputs for row in conversion.compared), name
            onnx.checker.check_model(path, full_check=True)
            predictor = hub.Predictor(path)
            for call in calls:
                if call["signature"] == signature:
                    outputs = predictor(values(case, call["inputs"]))
                    for key, wanted in case.values(call["outputs"]).items():
                        cases.assert_matches(outputs[key], wanted)
                    count += 1
print(count)
"""


def test_every_golden_module_becomes_a_file_that_gives_its_numbers() -> None:
    assert int(printed(EVERY_GOLDEN_MODULE)) >= 30


def test_a_model_has_the_names_of_the_signature_and_says_where_it_is_from(tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(
        stored("image"), tmp_path / "m.onnx", to="onnx", signature="image_feature_vector"
    )
    assert os.listdir(tmp_path) == ["m.onnx"]
    assert conversion.signatures == {"image_feature_vector": ("images",)}
    model = onnx.load(tmp_path / "m.onnx")
    told = {each.key: each.value for each in model.metadata_props}
    assert told["tf1hub.module"] == stored("image")
    assert told["tf1hub.digest"] == content_digest(of_directory(stored("image")))
    assert (told["tf1hub.signature"], json.loads(told["tf1hub.tags"])) == ("image_feature_vector", [])
    assert [each.name for each in model.graph.input] == ["images"]
    assert not model.graph.input[0].type.tensor_type.shape.dim[0].dim_value  # any number of images
    assert {each.name for each in model.graph.output} == {"default", "Tiny/block1"}
    assert {each.domain for each in model.opset_import} == {""}
    assert model.opset_import[0].version >= 20
    names = {each.name for each in model.graph.initializer}
    assert {"block0/conv2d/kernel", "block1/conv2d/kernel"} <= names


def test_an_input_and_an_output_of_one_name_are_told_apart(tmp_path: pathlib.Path) -> None:
    hub.convert(stored("half_plus_two"), tmp_path / "m.onnx", to="onnx")
    session = ort.InferenceSession(tmp_path / "m.onnx")
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, result.name) == ("default", "default_output")
    assert session.run(None, {"default": np.array([[2.0]], np.float32)})[0].tolist() == [[3.0]]
    assert hub.Predictor(tmp_path / "m.onnx")([[2.0]])["default"].tolist() == [[3.0]]


def test_open_sizes_have_names_and_no_two_inputs_share_one(tmp_path: pathlib.Path) -> None:
    hub.convert(stored("lstm"), tmp_path / "m.onnx", to="onnx")
    inputs = ort.InferenceSession(tmp_path / "m.onnx").get_inputs()
    assert {each.name: each.shape for each in inputs} == {
        "sequence_len": ["sequence_len_size0"],
        "tokens": ["tokens_size0", "tokens_size1"],
    }


def test_the_ops_on_strings_lie_beside_the_model(tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(stored("text_embedding"), tmp_path / "m.onnx", to="onnx")
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.host"]
    assert any("tf1hub.Predictor('m.onnx')" in note for note in conversion.notes)
    predictor = hub.Predictor(tmp_path / "m.onnx")
    assert (predictor.engine, predictor.why) == ("onnx", "it is an ONNX model")
    sentences = ["hello world", "", "nobody knows"]
    expected = hub.Predictor(stored("text_embedding"), engine="numpy")(sentences)["default"]
    np.testing.assert_allclose(predictor(sentences)["default"], expected, rtol=1e-6)
    (tmp_path / "m.onnx.host").unlink()
    with pytest.raises(FormatError, match=r"m\.onnx needs the file m\.onnx\.host, .* which is not there"):
        hub.Predictor(tmp_path / "m.onnx")


def test_weights_that_no_file_takes_lie_beside_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tf1hub.onnx.model_file.LARGEST", 1000)
    monkeypatch.setattr("tf1hub.onnx.model_file._ALIGNED", 64)
    hub.convert(stored("image"), tmp_path / "m.onnx", to="onnx")
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.data"]
    onnx.checker.check_model(tmp_path / "m.onnx", full_check=True)
    images = np.random.default_rng(0).random((3, *onnx_shape(tmp_path / "m.onnx")), np.float32)
    expected = hub.Predictor(stored("image"), engine="numpy")(images)["default"]
    np.testing.assert_allclose(hub.Predictor(tmp_path / "m.onnx")(images)["default"], expected, rtol=1e-4)


def onnx_shape(path: pathlib.Path) -> list[int]:
    return [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]]


def test_what_is_there_is_not_written_over(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.onnx.host").write_text("somebody's")
    with pytest.raises(ExportError):
        hub.convert(stored("text_embedding"), tmp_path / "m.onnx", to="onnx")
    assert os.listdir(tmp_path) == ["m.onnx.host"]


def test_what_is_asked_for_wrongly(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnknownNameError, match="'fruit'"):
        hub.convert(stored("image"), tmp_path / "m.onnx", to="onnx", signature="fruit")
    with pytest.raises(ArgumentError, match=r"strings= is 'host' or 'graph'\. It was given 'cloud'\."):
        hub.convert(stored("image"), tmp_path / "m.onnx", to="onnx", strings="cloud")
    with pytest.raises(InputError, match=r"strings= is not for to='safetensors'"):
        hub.convert(stored("image"), tmp_path / "m.safetensors", to="safetensors", strings="graph")
    hub.convert(stored("half_plus_two"), tmp_path / "m.onnx", to="onnx")
    with pytest.raises(ArgumentError, match=r"is an ONNX model of the signature 'default'"):
        hub.Predictor(tmp_path / "m.onnx", engine="numpy")


def test_a_damaged_model_is_said_to_be_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(FormatError, match=r"m\.onnx is damaged, or no ONNX model: Error parsing message"):
        hub.Predictor(tmp_path / "m.onnx")


def test_a_model_of_somebody_else_is_said_to_be_one(tmp_path: pathlib.Path) -> None:
    hub.convert(stored("half_plus_two"), tmp_path / "m.onnx", to="onnx")
    model = onnx.load(tmp_path / "m.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(FormatError, match=r"other\.onnx is an ONNX model that tf1hub did not write"):
        hub.Predictor(tmp_path / "other.onnx")
    ort.InferenceSession(str(tmp_path / "other.onnx"))  # what the message says


def test_all_that_onnx_cannot_take_is_named_before_anything_is_written(tmp_path: pathlib.Path) -> None:
    tf1 = pytest.importorskip("tensorflow").compat.v1

    def module_fn() -> None:
        x = tf1.placeholder("float32", [None, 3], name="x")
        y = tf1.matrix_inverse(tf1.matmul(x, x, transpose_a=True), name="one")
        z = tf1.matrix_determinant(y, name="two") + tf1.reduce_sum(tf1.matrix_inverse(y, name="three"))
        hub.add_signature(inputs=x, outputs=z)

    hub.create_module_spec(module_fn).export(str(tmp_path / "module"))
    with pytest.raises(UnsupportedGraphError) as refused:
        hub.convert(str(tmp_path / "module"), tmp_path / "m.onnx", to="onnx")
    assert str(refused.value).startswith(
        f"{tmp_path}/module cannot be converted to 'onnx':\n"
        "  - 1 x MatrixInverse (one, in the signature 'default'): it has no counterpart in ONNX\n"
        "Forms that take it: 'saved_model', 'frozen_graph'"
    )
    assert not (tmp_path / "m.onnx").exists()


def test_what_a_call_writes_goes_in_and_comes_out(tmp_path: pathlib.Path) -> None:
    tf = pytest.importorskip("tensorflow")
    tf1 = tf.compat.v1

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None], name="x")
        count = tf1.get_variable("count", initializer=1.0, use_resource=True, trainable=False)
        y = tf1.cond(tf.reduce_sum(x) > 1.0, lambda: x * count.assign_add(2.0), lambda: x * count)
        hub.add_signature(inputs=x, outputs=y)

    spec = hub.create_module_spec(module_fn)
    spec.export(str(tmp_path / "module"), values={"count": np.array(1.0, np.float32)})
    conversion = hub.convert(str(tmp_path / "module"), tmp_path / "m.onnx", to="onnx")
    assert "What a call writes goes in and comes out: 'count'." in conversion.notes
    session = ort.InferenceSession(tmp_path / "m.onnx")
    large, small = np.array([1.0, 2.0], np.float32), np.array([0.5], np.float32)
    result, count = session.run(None, {"default": large})
    assert (result.tolist(), count) == ([3.0, 6.0], 3.0)
    result, count = session.run(None, {"default": large, "count": count})
    assert (result.tolist(), count) == ([5.0, 10.0], 5.0)
    predictors = [hub.Predictor(tmp_path / "m.onnx"), hub.Predictor(str(tmp_path / "module"), engine="onnx")]
    predictors.append(hub.Predictor(str(tmp_path / "module"), engine="numpy"))
    for predictor in predictors:
        results = [predictor(given)["default"].tolist() for given in (large, small, large)]
        assert results == [[3.0, 6.0], [1.5], [5.0, 10.0]]


def test_strings_stay_in_the_graph_where_core_operators_have_them(tmp_path: pathlib.Path) -> None:
    tf = pytest.importorskip("tensorflow")
    tf1 = tf.compat.v1

    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None], name="texts")
        keys = tf.constant(["hello", "big", "world"])
        filled = tf.lookup.KeyValueTensorInitializer(keys, tf.constant([1, 2, 3], tf.int64))
        table = tf.lookup.StaticHashTable(filled, 0)
        parts = tf1.string_split(tf.strings.lower(texts))
        vectors = tf1.get_variable("vectors", [4, 2], initializer=tf1.ones_initializer())
        sparse = tf.SparseTensor(parts.indices, table.lookup(parts.values), parts.dense_shape)
        outputs = {
            "default": tf1.nn.embedding_lookup_sparse(vectors, sparse, None, combiner="sum"),
            "joined": tf.strings.join([texts, "!"], separator=" "),
            "is_word": tf.strings.regex_full_match(texts, "[a-z]+"),
        }
        hub.add_signature(inputs=texts, outputs=outputs)

    values = {"vectors": np.arange(8, dtype=np.float32).reshape(4, 2)}
    hub.create_module_spec(module_fn).export(str(tmp_path / "module"), values=values)
    conversion = hub.convert(
        str(tmp_path / "module"),
        tmp_path / "m.onnx",
        to="onnx",
        strings="graph",
        examples={"default": [{"default": ["Hello big  world", "who"]}, {"default": ["big"]}]},
    )
    assert conversion.all_compared
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "module"]
    onnx.checker.check_model(tmp_path / "m.onnx", full_check=True)
    session = ort.InferenceSession(tmp_path / "m.onnx")
    names = [each.name for each in session.get_outputs()]
    found = dict(
        zip(names, session.run(None, {"default": np.array(["Hello big  world", "who"], object)}), strict=True)
    )
    assert found["default_output"].tolist() == [[12.0, 15.0], [0.0, 1.0]]
    assert found["joined"].tolist() == ["Hello big  world !", "who !"]
    assert found["is_word"].tolist() == [False, True]
    outside = hub.convert(str(tmp_path / "module"), tmp_path / "host.onnx", to="onnx")
    assert outside.all_compared
    with pytest.raises(UnsupportedGraphError, match="StringToHashBucketFast"):
        hub.convert(stored("text_hashed"), tmp_path / "h.onnx", to="onnx", strings="graph")
