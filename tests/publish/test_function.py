"""A tf.function becomes a module."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish.test_saved_model import Embedder
from publish.worlds import applied, tf1

import tf1hub as hub
from tf1hub.errors import CreationError, WrongModeError
from tf1hub.publish import from_function


def test_variables_tables_and_values_of_a_bound_function_come_along(tmp_path: pathlib.Path) -> None:
    embedder = Embedder(tmp_path)
    spec = from_function(embedder.__call__)
    want = embedder(tf.constant(["b", "?"])).numpy()
    embedder.factor.assign(100.0)
    result = applied(spec, ["b", "?"])
    np.testing.assert_allclose(result.outputs["default"], want)
    assert result.trainable == result.gradients == ["factor", "weights"]
    spec.export(tmp_path / "module")
    np.testing.assert_allclose(applied(str(tmp_path / "module"), ["b", "?"]).outputs["default"], want)


def test_several_functions_share_their_variables() -> None:
    weight = tf.Variable([2.0, 3.0], name="weight")
    vector = tf.TensorSpec([None, 2], tf.float32)
    spec = from_function(
        {"default": lambda x: x * weight, "total": lambda x: {"sum": tf.reduce_sum(x * weight)}}, [vector]
    )
    assert spec.get_signature_names() == ["default", "total"]
    assert list(hub.read_variables(spec.checkpoint)) == ["weight"]
    assert applied(spec, [[1.0, 10.0]]).outputs["default"].tolist() == [[2.0, 30.0]]
    assert applied(spec, [[1.0, 10.0]], "total").outputs["sum"] == 32.0


def test_sparse_and_ragged_values_go_in_and_out() -> None:
    offset = tf.Variable(1.5, name="offset")
    specs = {
        "sparse": tf.SparseTensorSpec([None, None], tf.float32),
        "ragged": tf.RaggedTensorSpec([None, None], tf.float32),
    }

    @tf.function(input_signature=[specs])
    def function(given: Any) -> Any:
        return {"double": given["sparse"] * 2.0, "shifted": given["ragged"] + offset}

    spec = from_function(function)
    inputs = {"sparse": tf.SparseTensorSpec, "ragged": tf.RaggedTensorSpec}
    infos = spec.get_input_info_dict()
    assert {name: type(info.type_spec) for name, info in infos.items()} == inputs
    with tf.Graph().as_default():
        sparse = tf.SparseTensor([[0, 1]], [2.0], [2, 3])
        ragged = tf.RaggedTensor.from_row_lengths([1.0, 2.0, 3.0], [1, 2])
        outputs = hub.Module(spec)({"sparse": sparse, "ragged": ragged}, as_dict=True)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            values = session.run(outputs)
    assert values["double"].values.tolist() == [4.0]
    assert values["shifted"].to_list() == [[2.5], [3.5, 4.5]]


def test_a_signature_of_a_loaded_saved_model_is_a_function_too(tmp_path: pathlib.Path) -> None:
    embedder = Embedder(tmp_path)
    tf.saved_model.save(embedder, str(tmp_path / "tf2"))
    loaded = tf.saved_model.load(str(tmp_path / "tf2"))
    result = applied(from_function(loaded.signatures["serving_default"]), ["b"])
    np.testing.assert_allclose(result.outputs["output_0"], embedder(tf.constant(["b"])).numpy())
    assert result.gradients == ["factor", "weights"]


def test_an_assignment_in_a_function_runs_with_it() -> None:
    count = tf.Variable(0, name="count")

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def inner(x: Any) -> Any:
        count.assign_add(x)
        return x

    spec = from_function(tf.function(lambda x: inner(x)), [tf.TensorSpec([], tf.int32)])
    with tf.Graph().as_default():
        module = hub.Module(spec)
        output = module(5)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            session.run(output)
            session.run(output)
            assert session.run(module.variable_map["count"]) == 10


def test_what_cannot_be_a_module_is_told() -> None:
    with pytest.raises(
        CreationError, match=r"cannot be traced: .*\nSay what its arguments are: from_function\("
    ):
        from_function(tf.function(lambda x: x))
    with pytest.raises(
        CreationError, match="returns None; it must return a tensor, or a dict or list of tensors"
    ):
        from_function(lambda _x: None, [tf.TensorSpec([], tf.float32)])
    with tf.Graph().as_default(), pytest.raises(WrongModeError, match="call it outside of graphs"):
        from_function(lambda x: x, [tf.TensorSpec([], tf.float32)])


class Rows(tf.Module):
    """Looks rows up, which TensorFlow does beside the table: in calls, and in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.table = tf.Variable([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]], name="table")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def look(self, ids: Any) -> Any:
        return tf.nn.embedding_lookup(self.table, ids)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def __call__(self, ids: Any) -> Any:
        _, total = tf.while_loop(
            lambda i, _: i < 2,
            lambda i, x: (i + 1, x + tf.nn.embedding_lookup(self.table, ids)),
            [0, self.look(ids)],
        )
        return total


@pytest.mark.parametrize("name", ["look", "__call__"])
def test_ops_beside_a_variable_come_along(name: str, tmp_path: pathlib.Path) -> None:
    rows = Rows()
    function = getattr(rows, name)
    tf.saved_model.save(rows, str(tmp_path / "tf2"), signatures=function)
    stored = hub.create_module_spec_from_saved_model(
        tmp_path / "tf2", inference_tags={"serve"}, default_signature="serving_default"
    )
    want = {"look": [[0.0, 2.0], [3.0, 3.0]], "__call__": [[0.0, 6.0], [9.0, 9.0]]}[name]
    for spec in (from_function(function), stored):
        result = applied(spec, [1, 2])
        assert result.outputs["default"].tolist() == want
        assert result.gradients == ["table"]
        loaded = hub.load(spec)
        with tf.GradientTape() as tape:
            output = loaded([1, 2])
        assert output.numpy().tolist() == want
        (gradient,) = tape.gradient(output, loaded.trainable_variables)
        each = {"look": 1.0, "__call__": 3.0}[name]
        assert tf.convert_to_tensor(gradient).numpy().tolist() == [[0.0, 0.0], [each, each], [each, each]]


def test_ops_of_a_called_function_stay_beside_each_other() -> None:
    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def inner(x: Any) -> Any:
        double = tf.multiply(x, 2.0, name="double")
        with tf1.colocate_with(double.op):
            return tf.add(double, 1.0, name="beside")

    spec = from_function(tf.function(lambda x: inner(x)), [tf.TensorSpec([], tf.float32)])
    (beside,) = (node for name, node in spec.variant().nodes.items() if name.endswith("/beside"))
    (double,) = (name for name in spec.variant().nodes if name.endswith("/double"))
    assert list(beside.attr["_class"].list.s) == [f"loc:@{double}".encode()]
    assert applied(spec, 3.0).outputs["default"] == 7.0


def test_ops_beside_what_no_output_needs_come_along() -> None:
    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def inner(x: Any) -> Any:
        unused = tf.multiply(x, 2.0, name="unused")
        with tf1.colocate_with(unused.op):
            return tf.add(x, 1.0, name="beside")

    spec = from_function(tf.function(lambda x: inner(x)), [tf.TensorSpec([], tf.float32)])
    assert not any(name.endswith("/unused") for name in spec.variant().nodes)
    assert applied(spec, 3.0).outputs["default"] == 4.0
