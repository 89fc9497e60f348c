"""Modules as their publishers' own exporters wrote them, read where they lie: each mode gives TensorFlow's numbers."""

from __future__ import annotations

import importlib.util
import pathlib
import tarfile
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases, in_graphs, in_tensorflow2
from interop.running import initialize
from real import plain

import tf1hub as hub
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.predict.engines import installed_engines

tf1 = tf.compat.v1

REAL = pathlib.Path(__file__).parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/real beside the repository")


def unpacked(name: str, directory: pathlib.Path) -> pathlib.Path:
    (archive,) = (REAL / name).glob("*.tar.xz")
    with tarfile.open(archive) as opened:
        opened.extractall(directory, filter="data")
    return directory / name


# ------------------------------------------------------- DM21, DeepMind, TensorFlow 2.7


def dm21() -> cases.Case:
    return cases.load("DM21", REAL / "modules")


def test_dm21_in_a_graph_and_exported_from_there(tmp_path: pathlib.Path) -> None:
    case = dm21()
    in_graphs.check_calls(case, case.path)
    in_graphs.check_calls(case, in_graphs.exported_again(case.path, tmp_path))


def test_dm21_in_tensorflow_2(tmp_path: pathlib.Path) -> None:
    case = dm21()
    module = hub.load(case.path)
    in_tensorflow2.check_calls(case, module, None)
    conversion = hub.convert(case.path, str(tmp_path / "converted"))
    assert conversion.all_compared
    in_tensorflow2.check_served(case, tf.saved_model.load(str(tmp_path / "converted")).signatures)


def test_dm21_in_keras() -> None:
    case = dm21()
    (call,) = case.calls
    layer = hub.KerasLayer(case.path, signature_outputs_as_dict=True)
    found = layer(in_tensorflow2.feeds(case, call["inputs"]))
    for output, expected in case.values(call["outputs"]).items():
        cases.assert_matches(found[output], expected)


@pytest.mark.parametrize("engine", installed_engines())
def test_dm21_on_an_engine(engine: str) -> None:
    case = dm21()
    (call,) = case.calls
    found = hub.Predictor(case.path, engine=engine)(case.values(call["inputs"]))
    for output, expected in case.values(call["outputs"]).items():
        cases.assert_matches(found[output], expected)


def test_dm21_has_the_gradients_of_plain_tensorflow() -> None:
    case = dm21()
    (call,) = case.calls
    inputs = case.values(call["inputs"])

    def gradients(output: Any, variables: list[Any]) -> dict[str, Any]:
        found = tf1.gradients(output, variables)
        return {
            variable.op.name.removeprefix("module/"): gradient
            for variable, gradient in zip(variables, found, strict=True)
            if gradient is not None
        }

    def of_plain(graph: Any) -> Any:
        output = plain.outputs(pathlib.Path(case.path), set(), "default")(graph)["grid_contribution"]
        return gradients(output, tf1.trainable_variables())

    (expected,) = plain.run(pathlib.Path(case.path), set(), "default", inputs, [of_plain])
    assert len(expected) == 28
    with tf.Graph().as_default():
        module = hub.Module(case.path, trainable=True)
        for _ in range(2):
            output = module({key: tf.constant(value) for key, value in inputs.items()}, as_dict=True)
        found = gradients(output["grid_contribution"], tf1.trainable_variables())
        with tf1.Session() as session:
            initialize(session)
            in_a_graph = session.run(found)
    loaded = hub.load(case.path)
    with tf.GradientTape() as tape:
        output = loaded(in_tensorflow2.feeds(case, call["inputs"]), as_dict=True)["grid_contribution"]
    variables = list(loaded.trainable_variables)
    by_tape = {v.name.removesuffix(":0"): g for v, g in zip(variables, tape.gradient(output, variables))}  # noqa: B905
    for variable, value in expected.items():
        np.testing.assert_allclose(in_a_graph[variable], value, rtol=1e-3, atol=1e-4, err_msg=variable)
        np.testing.assert_allclose(by_tape[variable], value, rtol=1e-3, atol=1e-4, err_msg=variable)


# ------------------------------- inception_v3/feature_vector/1, Google, TensorFlow 1.6


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The published graph and index; its weights are made up, under the names and shapes of the index."""
    path = unpacked("inception_v3_fv1", tmp_path_factory.mktemp("inception"))
    prefix = path / "variables" / "variables"
    reader = CheckpointReader(str(prefix))
    rng = np.random.default_rng(7)
    values = {name: made_up(name, reader.shape(name), rng) for name in sorted(reader.keys())}
    prefix.with_suffix(".index").unlink()
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    return path


def made_up(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if "moving_variance" in name:
        value = 0.5 + rng.random(shape)
    elif "moving_mean" in name or "beta" in name:
        value = 0.05 * rng.standard_normal(shape)
    else:
        value = np.sqrt(1.5 / np.prod(shape[:-1])) * rng.standard_normal(shape)
    return value.astype(np.float32)


IMAGES = np.random.default_rng(1).random((2, 299, 299, 3), np.float32)


def test_inception_for_inference(inception: pathlib.Path, tmp_path: pathlib.Path) -> None:
    fetch = plain.outputs(inception, set(), "default")
    expected = plain.run(inception, set(), "default", {"images": IMAGES}, [fetch])[0]["default"]
    with tf.Graph().as_default():
        module = hub.Module(str(inception))
        features = [module(IMAGES), module(IMAGES)]
        with tf1.Session() as session:
            initialize(session)
            for found in session.run(features):
                cases.assert_matches(found, expected)
            module.export(tmp_path / "exported", session)
    loaded = hub.load(tmp_path / "exported")
    cases.assert_matches(loaded(IMAGES), expected)
    cases.assert_matches(hub.KerasLayer(str(inception))(IMAGES), expected)
    for engine in {"numpy", "onnx"} & set(installed_engines()):
        found = hub.Predictor(str(inception), engine=engine)(IMAGES)["default"]
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max(), engine


def test_inception_in_training(inception: pathlib.Path) -> None:
    """Batch norm with the batch's statistics, whose moving averages are updated, again at each application."""

    def averages(graph: Any) -> Any:
        updates = graph.get_collection("update_ops")
        assert len(updates) == 188
        with tf.control_dependencies(updates):
            statistics = [v for v in tf1.global_variables() if "/moving_" in v.name]
            return {variable.op.name: variable.read_value() for variable in statistics}

    fetches = [plain.outputs(inception, {"train"}, "default"), averages]
    expected, moved = plain.run(inception, {"train"}, "default", {"images": IMAGES}, fetches)
    with tf.Graph().as_default() as graph:
        module = hub.Module(str(inception), tags={"train"}, trainable=True)
        assert len(tf1.trainable_variables()) == 188
        assert {v.trainable for v in tf1.trainable_variables()} == {True}
        first, second = module(IMAGES), module(IMAGES)
        updates = graph.get_collection("update_ops")
        assert len(updates) == 2 * 188
        with tf1.Session() as session:
            initialize(session)
            for found in session.run([first, second]):
                np.testing.assert_allclose(found, expected["default"], rtol=1e-3, atol=1e-4)
            session.run(updates[188:])
            for name, value in session.run(dict(module.variable_map)).items():
                if "/moving_" in name:
                    np.testing.assert_allclose(value, moved[name], rtol=1e-3, atol=1e-4)
    loaded = hub.load(inception)
    np.testing.assert_allclose(loaded(IMAGES, training=True), expected["default"], rtol=1e-3, atol=1e-4)
    for variable in loaded.variables:
        if "/moving_" in variable.name:
            value = moved[variable.name.removesuffix(":0")]
            np.testing.assert_allclose(variable, value, rtol=1e-3, atol=1e-4)


# ----------------------------------------------- zh_segmentation, Google, TensorFlow 2.4


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_text") is None, reason="no tensorflow_text, which has its op"
)
def test_zh_segmentation(tmp_path: pathlib.Path) -> None:
    import tensorflow_text  # noqa: F401 - brings the op TokenizerFromLogits

    path = unpacked("zh_segmentation", tmp_path)
    sentences = np.array(["新华社北京".encode(), "今天天气很好".encode(), b""])
    fetch = plain.outputs(path, set(), "default")
    (expected,) = plain.run(path, set(), "default", {"text": sentences}, [fetch])
    with tf.Graph().as_default():
        module = hub.Module(str(path))
        outputs = [module(sentences, as_dict=True), module(sentences, as_dict=True)]
        with tf1.Session() as session:
            initialize(session)
            in_a_graph = session.run(outputs)
    loaded = hub.load(path)(tf.constant(sentences), as_dict=True)
    for found in (*in_a_graph, loaded):
        for name, value in expected.items():
            cases.assert_matches(np.asarray(found[name]), value)
