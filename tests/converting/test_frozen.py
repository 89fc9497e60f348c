"""Graphs and SavedModels without variables: what TensorFlow's own readers make of them."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import UnknownSignatureError, UnsupportedGraphError
from tf1hub.freezing import frozen_graph
from tf1hub.freezing.frozen_graph import NAMES_NODE

tf1 = tf.compat.v1
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "modules"
NAMES = sorted(path.name for path in GOLDEN.iterdir())


def read_graph(path: pathlib.Path) -> Any:
    return tf1.GraphDef.FromString(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_every_golden_module_is_one_graph_with_the_same_numbers(name: str, tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(GOLDEN / name / "module", tmp_path / "m.pb", to="frozen_graph")
    assert conversion.all_compared
    assert {row.max_abs for row in conversion.compared} == {0.0}
    ops = {node.op for node in read_graph(tmp_path / "m.pb").node}
    assert not ops & {
        "VarHandleOp",
        "VariableV2",
        "Variable",
        "ReadVariableOp",
        "ResourceGather",
        "RestoreV2",
    }
    assert os.listdir(tmp_path) == ["m.pb"]


@pytest.mark.parametrize("name", ["image", "text_embedding_partitioned", "launch_switch", "sparse_io"])
def test_a_frozen_saved_model_has_no_variables(name: str, tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(GOLDEN / name / "module", tmp_path / "m", frozen=True)
    assert conversion.all_compared
    assert all(row.max_rel is not None and row.max_rel < 1e-5 for row in conversion.compared)
    assert not os.path.exists(tmp_path / "m" / "variables")
    restored = tf.saved_model.load(str(tmp_path / "m"))
    assert set(restored.signatures) == set(conversion.signatures)
    assert not restored.variables


def test_a_session_serves_a_frozen_saved_model_with_its_tables(tmp_path: pathlib.Path) -> None:
    hub.convert(cases.load("text_embedding").path, tmp_path / "m", frozen=True)
    words = np.array([b"the quick fox", b"nothing known"], object)
    with tf.Graph().as_default(), tf1.Session() as session:
        loaded = tf1.saved_model.load(session, ["serve"], str(tmp_path / "m"))
        served = loaded.signature_def["serving_default"]
        found = session.run(served.outputs["default"].name, {served.inputs["default"].name: words})
    np.testing.assert_allclose(found, hub.load(cases.load("text_embedding").path)(words), rtol=1e-6)


def test_the_graph_tells_its_names(tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(cases.load("half_plus_two").path, tmp_path / "m.pb", to="frozen_graph")
    (told,) = (node for node in read_graph(tmp_path / "m.pb").node if node.name == NAMES_NODE)
    names = json.loads(told.attr["value"].tensor.string_val[0])
    assert names["signatures"] == conversion.tensors
    assert names["digest"].startswith("sha256:")
    tensors = conversion.tensors["default"]
    with tf.Graph().as_default(), tf1.Session() as session:
        tf.graph_util.import_graph_def(read_graph(tmp_path / "m.pb"), name="")
        found = session.run(tensors["outputs"]["default"], {tensors["inputs"]["default"]: [[3.0]]})
    assert found.tolist() == [[3.5]]


def test_a_frozen_graph_becomes_a_module_again(tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(
        cases.load("image").path, tmp_path / "m.pb", to="frozen_graph", signature="default"
    )
    assert list(conversion.tensors) == list(conversion.signatures) == ["default"]
    tensors = conversion.tensors["default"]
    spec = hub.publish.from_frozen_graph(str(tmp_path / "m.pb"), tensors["inputs"], tensors["outputs"])
    images = np.random.default_rng(0).random([2, 16, 16, 3], np.float32)
    np.testing.assert_allclose(hub.load(spec)(images), hub.load(cases.load("image").path)(images), rtol=1e-5)
    with pytest.raises(UnknownSignatureError, match=r"No signature 'fruit'"):
        hub.convert(cases.load("image").path, tmp_path / "n.pb", to="frozen_graph", signature="fruit")


def counted(kind: str, resource: bool) -> Callable[[], None]:
    """A module whose calls write a variable, as batch normalization and language models with a memory do."""

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        n = tf1.get_variable("n", initializer=[1.0, 2.0], use_resource=resource, trainable=False)
        w = tf1.get_variable("w", initializer=[2.0], use_resource=resource)
        total = tf.reduce_sum(x)
        if kind == "add":
            with tf.control_dependencies([tf1.assign_add(n, [1.0, 1.0] * total)]):
                y = x * w * tf.reduce_sum(n.read_value() if resource else tf.identity(n))
        elif kind == "assign":
            with tf.control_dependencies([tf1.assign(n, [1.0, 3.0] * total)]):
                y = x * tf.reduce_sum(n.read_value() if resource else tf.identity(n))
        elif kind == "scatter":
            with tf.control_dependencies([tf1.scatter_add(n, [1], [total])]):
                y = x * tf.gather(n, [1])
        elif kind == "read before":
            before = n.read_value() if resource else n + 0.0
            with tf.control_dependencies([before]), tf.control_dependencies([tf1.assign_sub(n, [5.0, 5.0])]):
                y = x * tf.reduce_sum(before) + tf.reduce_sum(n.read_value() if resource else tf.identity(n))
        elif kind == "cond":
            y = tf1.cond(
                total > 1.0, lambda: x * tf.reduce_sum(tf1.assign_add(n, [3.0, 3.0])), lambda: x * n[0]
            )
        else:

            def body(i: Any, a: Any) -> Any:
                with tf.control_dependencies([tf1.assign_add(n, [1.0, 1.0])]):
                    return i + 1, a + tf.reduce_sum(n.read_value() if resource else tf.identity(n))

            y = tf.while_loop(lambda i, _: i < 3, body, [0, tf.zeros_like(x)], parallel_iterations=1)[1] * w
        hub.add_signature(inputs=x, outputs=y)

    return module_fn


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("kind", ["add", "assign", "scatter", "read before", "cond", "loop"])
def test_what_a_call_writes_lives_for_that_call(kind: str, resource: bool, tmp_path: pathlib.Path) -> None:
    tf1.disable_control_flow_v2()
    try:
        spec = hub.create_module_spec(counted(kind, resource))
    finally:
        tf1.enable_control_flow_v2()
    conversion = hub.convert(spec, tmp_path / "m.pb", to="frozen_graph")
    assert [row.max_abs for row in conversion.compared] == [0.0]
    assert conversion.notes[0].startswith("Calls write 'n': each call starts from the stored value")
    tensors = conversion.tensors["default"]
    with tf.Graph().as_default(), tf1.Session() as session:
        tf.graph_util.import_graph_def(read_graph(tmp_path / "m.pb"), name="")
        feeds = {tensors["inputs"]["default"]: [1.0, 2.0]}
        first, second = (session.run(tensors["outputs"]["default"], feeds) for _ in range(2))
    with hub.eval_function_for_module(spec) as evaluate:
        np.testing.assert_array_equal(first, evaluate([1.0, 2.0]))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(spec, tmp_path / "m", frozen=True)
    op = "VarHandleOp" if resource else "VariableV2"
    assert f"\n  - 1 x {op} (n, in the signature 'default'): is written by calls" in str(caught.value)
    assert "Forms that take it: 'saved_model', 'frozen_graph'," in str(caught.value)


def test_calls_at_the_same_time_do_not_see_what_others_write(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [])
        n = tf1.get_variable("n", initializer=np.ones(100_000, np.float32), use_resource=True)
        with tf.control_dependencies([n.assign_add(tf.ones([100_000]) * x)]):
            hub.add_signature(inputs=x, outputs=tf.reduce_max(n.read_value()) + tf.reduce_min(n.read_value()))

    conversion = hub.convert(hub.create_module_spec(module_fn), tmp_path / "m.pb", to="frozen_graph")
    names = conversion.tensors["default"]
    with tf.Graph().as_default(), tf1.Session() as session:
        tf.graph_util.import_graph_def(read_graph(tmp_path / "m.pb"), name="")

        def run(value: float) -> list[float]:
            feeds = {names["inputs"]["default"]: value}
            return [float(session.run(names["outputs"]["default"], feeds)) for _ in range(50)]

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(run, [1.0, 2.0, 3.0, 4.0]))
    assert found == [[4.0] * 50, [6.0] * 50, [8.0] * 50, [10.0] * 50]


def test_what_functions_read_is_a_constant_to_them_and_what_they_write_is_refused(
    tmp_path: pathlib.Path,
) -> None:
    def reads() -> None:
        x = tf1.placeholder(tf.float32, [None, 2])
        w = tf1.get_variable("w", initializer=[[1.0, 2.0], [3.0, 4.0]], use_resource=True)
        y = tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a @ w), [0, x])[1]
        z = tf1.cond(tf.reduce_sum(x) > 1.0, lambda: y @ w, lambda: y + 1.0)
        ids = tf.nn.embedding_lookup(w, tf.cast(x[:, 0], tf.int32))
        hub.add_signature(inputs=x, outputs={"default": z, "rows": ids, "shape": tf.shape(w)})

    assert tf1.control_flow_v2_enabled()
    for path, form in ((tmp_path / "m.pb", {"to": "frozen_graph"}), (tmp_path / "m", {"frozen": True})):
        conversion = hub.convert(hub.create_module_spec(reads), path, **form)
        assert {row.max_abs for row in conversion.compared} == {0.0}

    def writes() -> None:
        x = tf1.placeholder(tf.float32, [None])
        n = tf1.get_variable("n", initializer=1.0, use_resource=True)
        w = tf1.get_variable("w", initializer=1.0, use_resource=True)
        y = tf1.cond(tf.reduce_sum(x) > 1.0, lambda: x * n.assign_add(w), lambda: x * n * w)
        hub.add_signature(inputs=x, outputs=y)

    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(hub.create_module_spec(writes), tmp_path / "n.pb", to="frozen_graph")
    *told, forms = str(caught.value).splitlines()[1:]
    assert told == [
        "  - 1 x VarHandleOp (n, in the signature 'default'): is written in a function, or by an op that has no form for "
        "one call",
    ]
    assert forms.startswith("Forms that take it: 'saved_model', ")
    assert "'safetensors'" in forms


def test_everything_in_the_way_is_told_at_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vocab.txt").write_text("the\n")

    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        file = tf.constant(str(tmp_path / "vocab.txt"), name="file")
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, file)
        hub.add_signature(inputs=x, outputs=x * tf1.get_variable("w", initializer=1.0))
        hub.add_signature("vocabulary", outputs=file)
        hub.add_signature(
            "python", inputs=x, outputs=tf.numpy_function(lambda v: v, [x], tf.float32, name="run")
        )

    spec = hub.create_module_spec(module_fn)
    spec = hub.load_module_spec(_exported(spec, tmp_path))
    monkeypatch.setattr(frozen_graph, "LIMIT", 3)
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(spec, tmp_path / "m.pb", to="frozen_graph", trust=True)
    assert str(caught.value).splitlines()[1:] == [
        "  - 1 x PyFunc (run, in the signature 'python'): runs Python code of the program that made the module",
        "  - 1 x Const (file, in the signature 'vocabulary'): is the path of a file of the module (vocab.txt)",
        "  - its weights are 0.0 GB, and the graph that holds them is one message of at most 2.1 GB",
        "Forms that take it: 'safetensors'.",
    ]
    assert not (tmp_path / "m.pb").exists()


def _exported(spec: Any, directory: pathlib.Path) -> str:
    spec.export(directory / "module", values={"w": 1.0})
    return str(directory / "module")
