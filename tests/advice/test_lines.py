"""What an error gives to write is run as it stands in the message, and does what the reader wants.

Lines that the tests of their rooms run right below the message are not here again.
"""

from __future__ import annotations

import pathlib
import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from building import affine, export, initialize, run, tf1

import tf1hub
from tf1hub import errors


@pytest.fixture
def module_path(tmp_path: pathlib.Path) -> str:
    return export(affine(), tmp_path / "module")


@pytest.fixture
def saved_model(tmp_path: pathlib.Path) -> str:
    class Scale(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(3.0, name="factor")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def serve(self, x: Any) -> Any:
            return self.factor * x

    module = Scale()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.serve)
    return str(tmp_path / "saved")


def message(action: Callable[[], Any]) -> str:
    with pytest.raises((errors.Error, TypeError)) as caught:
        action()
    return str(caught.value)


def written(text: str, pattern: str, **filled: str) -> str:
    """The code in a message, with something in each of its gaps."""
    found = re.search(pattern, text)
    assert found, text
    code = found[0]
    for name, value in filled.items():
        code = code.replace(f"{name}=...", f"{name}={value}")
    return code


def execute(code: str, **names: Any) -> dict[str, Any]:
    names |= {"tf": tf, "tf1hub": tf1hub}
    exec(textwrap.dedent(code), names)
    return names


def test_a_saved_model_becomes_a_module_for_a_graph(saved_model: str) -> None:
    with tf.Graph().as_default():
        text = message(lambda: tf1hub.Module(saved_model))
        module = execute(written(text, r"spec = .*"))["module"]
        assert run(module([2.0])).tolist() == [6.0]
    assert execute(f"y = {written(text, r'tf1hub.load,')[:-1]}({saved_model!r})")["y"].factor.numpy() == 3.0


def test_a_spec_that_is_called(module_path: str) -> None:
    spec = tf1hub.load_module_spec(module_path)
    text = message(lambda: spec([1.0]))
    eager, graph = re.findall(r"    m = .*\n    y = .*", text)
    assert execute(eager, spec=spec, x=[1.0])["y"].numpy().tolist() == [3.0]
    with tf.Graph().as_default():
        assert run(execute(graph, spec=spec, x=[1.0])["y"]).tolist() == [3.0]


def test_a_module_in_eager_mode(module_path: str) -> None:
    text = message(lambda: tf1hub.Module(module_path))
    names = execute(written(text, r"    m = .*\n    y = .*"), x=[1.0])
    assert names["y"].numpy().tolist() == [3.0]
    assert [variable.name for variable in names["m"].trainable_variables] == ["a:0"]
    layer = execute(written(text, r"    layer = .*").strip())["layer"]
    assert layer(tf.constant([1.0])).numpy().tolist() == [3.0]
    assert len(layer.trainable_weights) == 1
    with_graph = written(text, r"with tf.Graph.*:")
    assert execute(f"{with_graph}\n    y = tf1hub.Module(path)([1.0])", path=module_path)["y"].shape == [1]


def test_a_spec_without_values_is_exported_in_four_ways(module_path: str, tmp_path: pathlib.Path) -> None:
    spec = tf1hub.create_module_spec(affine())
    text = message(lambda: spec.export(tmp_path / "out"))

    def offset(line: str, **names: Any) -> float:
        path = str(tmp_path / str(len(list(tmp_path.iterdir()))))
        execute(line, spec=spec, path=path, **names)
        return float(tf1hub.read_variables(path)["b"])

    checkpoint = repr(f"{module_path}/variables/variables")
    assert offset(written(text, r"spec\.export\(path, ch.*?\)", checkpoint_path=checkpoint)) == 1
    assert offset(written(text, r"spec\.export\(path, v.*?\)", values="{'a': 2.0, 'b': 7.0}")) == 7
    assert offset(written(text, r"tf1hub\.load.*\)")) == 1
    with tf.Graph().as_default(), tf1.Session() as session:
        module = tf1hub.Module(spec)
        initialize(session)
        session.run(module.variable_map["b"].assign(5.0))
        assert offset(written(text, r"module\.export.*?\)"), module=module, session=session) == 5


def test_a_graph_without_names_and_a_function_without_types() -> None:
    with tf.Graph().as_default() as graph:
        tf.multiply(tf1.placeholder(tf.float32, [None], name="x"), 2.0, name="y")
    names: dict[str, Any] = {
        "graph_def": graph.as_graph_def(),
        "from_graph_def": tf1hub.publish.from_graph_def,
    }
    text = message(lambda: tf1hub.publish.from_graph_def(graph))
    spec = execute("spec = " + written(text, r"from_graph_def\(.*\)"), **names)["spec"]
    assert sorted(spec.get_input_info_dict()) == ["default"]

    def function(x: Any) -> Any:
        return tf.reduce_sum(x, axis=1)

    text = message(lambda: tf1hub.publish.from_function(function))
    names = {"function": function, "from_function": tf1hub.publish.from_function}
    spec = execute("spec = " + written(text, r"from_function\(.*\)"), **names)["spec"]
    with tf.Graph().as_default():
        assert run(tf1hub.Module(spec)([[1.0, 2.0, 3.0]])).tolist() == [6.0]


def test_tags_that_are_not_there_or_no_set(tmp_path: pathlib.Path) -> None:
    variants = [(set(), {}), ({"train"}, {})]
    path = export(affine(), tmp_path / "module", tags_and_args=variants)
    with tf.Graph().as_default():
        text = message(lambda: tf1hub.Module(path, tags={"training"}))
        tags = written(text, r"tags=\{.*?\}")
        assert run(execute(f"y = tf1hub.Module({path!r}, {tags})([1.0])")["y"]).tolist() == [3.0]
    text = message(lambda: tf1hub.create_module_spec(affine(), [("train", {})]))
    tags = written(text, r"\{.*\} ")
    made = execute(f"spec = tf1hub.create_module_spec(module_fn, [({tags}, {{}})])", module_fn=affine())
    assert made["spec"].get_tags() == [frozenset({"train"})]


def test_what_is_loaded_in_a_graph(module_path: str) -> None:
    loaded = tf1hub.load(module_path)
    with tf.Graph().as_default():
        text = message(lambda: loaded([1.0]))
        code = written(text, r"module = .*")
        assert run(execute(code, handle=module_path, inputs=[1.0])["outputs"]).tolist() == [3.0]


def test_a_frozen_signature_that_shall_be_trained(saved_model: str) -> None:
    text = message(lambda: tf1hub.KerasLayer(saved_model, trainable=True, signature="serving_default"))
    layer = execute("layer = " + written(text, r"tf1hub\.KerasLayer\(.*trainable=True\)"))["layer"]
    assert np.asarray(layer(tf.constant([2.0]))).tolist() == [6.0]
    assert len(layer.trainable_weights) == 1
    frozen = written(text, r"trainable=False")
    code = f"layer = tf1hub.KerasLayer({saved_model!r}, signature='serving_default', {frozen})"
    assert execute(code)["layer"].trainable_weights == []


def test_a_variant_for_training() -> None:
    def module_fn(is_training: bool) -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        weights = tf1.get_variable("w", [4, 4], regularizer=tf.nn.l2_loss)
        y = tf1.nn.dropout(x @ weights, rate=0.5) if is_training else x @ weights
        tf1hub.add_signature(inputs=x, outputs=y)

    report = tf1hub.check(tf1hub.create_module_spec(module_fn, [(set(), {"is_training": True})]))
    (remedy,) = [one.remedy for one in report.findings if "tags_and_args" in one.remedy]
    code = "spec = tf1hub.create_module_spec(module_fn, " + written(remedy, r"tags_and_args=\[.*\]") + ")"
    assert execute(code, module_fn=module_fn)["spec"].get_tags() == [frozenset(), frozenset({"train"})]
