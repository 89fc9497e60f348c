"""Ops with gradients of their own: in TensorFlow 2 and in graphs, in this process and in another one."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import building
import numpy as np
import pytest
import tensorflow as tf
from fresh_process import printed_on_tensorflow
from tensorflow.python.framework import function
from tf2.old_graphs import OldGraph, Tensors, assert_same
from tf2.test_control_flow import inputs, weight

import tf1hub as hub
from tf1hub.errors import UnsupportedGraphError

tf1 = tf.compat.v1
X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], np.float32)
FACTOR = 5.0


@tf.RegisterGradient("TestReversed")
def _reversed(_: Any, gradient: Any) -> Any:
    return -3.0 * gradient


@pytest.mark.parametrize("resource", [True, False])
def test_a_gradient_override_of_an_identity_stays(resource: bool) -> None:
    def build() -> tuple[Tensors, Tensors]:
        x, w = inputs(), weight(resource=resource)
        with tf1.get_default_graph().gradient_override_map({"Identity": "TestReversed"}):
            y, read = tf.identity(tf.matmul(x, w)), tf.identity(w)
        return {"x": x}, {"default": y, "read": read}

    assert_same(OldGraph(build), {"x": X})


def test_the_gradient_of_a_defined_function_stays(tmp_path: pathlib.Path) -> None:
    def build() -> tuple[Tensors, Tensors]:
        @function.Defun(tf.float32, tf.float32, tf.float32, func_name="gradient_of_scaled")
        def gradient(x: Any, factor: Any, dy: Any) -> Any:
            return dy * 7.0, tf.reduce_sum(x) + factor

        @function.Defun(tf.float32, tf.float32, grad_func=gradient, func_name="scaled")
        def scaled(x: Any, factor: Any) -> Any:
            return x * factor

        x, w, v = inputs(), weight(), tf1.get_variable("v", initializer=2.0, use_resource=True)
        y = scaled(tf.matmul(x, w), v)
        y.set_shape([None, 3])
        return {"x": x}, {"default": y}

    module = assert_same(OldGraph(build), {"x": X})
    tf.saved_model.save(module, str(tmp_path / "saved"))
    restored = tf.saved_model.load(str(tmp_path / "saved"))
    expected, actual = (_gradients(loaded) for loaded in (module, restored))
    np.testing.assert_allclose(actual, expected)


def _gradients(module: Any) -> Any:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(module(tf.constant(X)))
    return np.concatenate([np.ravel(g) for g in tape.gradient(loss, module.trainable_variables)])


def module_fn() -> None:
    @tf.custom_gradient
    def strange(x: Any) -> Any:
        return tf.identity(x), lambda dy: FACTOR * dy

    x = tf1.placeholder(tf.float32, [None, 3])
    w = tf1.get_variable("w", initializer=tf.ones([3, 1]))
    after = tf1.get_variable("after", initializer=tf.ones([1]))
    hub.add_signature(inputs=x, outputs=strange(x @ w) * after)


def gradient_in_tensorflow_2(spec: Any) -> Any:
    module = hub.load(spec, trainable=lambda name: name.endswith("w"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(module(X))
    return tape.gradient(loss, module.trainable_variables[0]).numpy()


def gradient_in_a_graph(spec: Any) -> Any:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(spec, trainable=True)
        (gradient,) = tf1.gradients(tf.reduce_sum(module(X)), [module.variable_map["w"]])
        session.run(tf1.global_variables_initializer())
        return session.run(gradient)


def gradient_of_a_second_application(spec: Any) -> Any:
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(spec, trainable=True)
        module(X)
        (gradient,) = tf1.gradients(tf.reduce_sum(module(X)), [module.variable_map["w"]])
        session.run(tf1.global_variables_initializer())
        return session.run(gradient)


MODES = [gradient_in_tensorflow_2, gradient_in_a_graph, gradient_of_a_second_application]


def test_the_gradient_of_a_defined_function_may_call_its_ops_as_the_graph_does() -> None:
    """What it is given of the graph has a stand-in called `mul` beside its own `mul` and `mul_1`."""

    def build() -> tuple[Tensors, Tensors]:
        @function.Defun(tf.float32, tf.float32, func_name="gradient_of_named")
        def gradient(x: Any, dy: Any) -> Any:
            return tf.add(tf.multiply(dy, 3.0, name="mul"), tf.multiply(0.5, x, name="mul_1"))

        @function.Defun(tf.float32, grad_func=gradient, func_name="named")
        def named(x: Any) -> Any:
            return x * 2.0

        x, v = inputs(), tf1.get_variable("v", initializer=[1.0, 2.0, 3.0], use_resource=True)
        y = named(tf.multiply(x, v, name="mul"))
        y.set_shape([None, 3])
        return {"x": x}, {"default": y}

    assert_same(OldGraph(build), {"x": X})


@pytest.mark.parametrize("gradient", MODES)
def test_custom_gradients_work_in_the_process_that_made_the_module(gradient: Callable[..., Any]) -> None:
    expected = FACTOR * X.sum(0)[:, None]
    np.testing.assert_allclose(gradient(hub.create_module_spec(module_fn)), expected, rtol=1e-5)


def defined() -> None:
    @function.Defun(tf.float32, tf.float32, func_name="seven_times")
    def seven_times(x: Any, dy: Any) -> Any:  # noqa: ARG001 (a Defun names its inputs by its parameters)
        return dy * 7.0

    @function.Defun(tf.float32, grad_func=seven_times, func_name="doubled")
    def doubled(x: Any) -> Any:
        return x * 2.0

    x = tf1.placeholder(tf.float32, [None, 3])
    y = doubled(x @ tf1.get_variable("w", initializer=tf.ones([3, 1])))
    y.set_shape([None, 1])
    hub.add_signature(inputs=x, outputs=y)


@pytest.mark.parametrize("gradient", MODES)
def test_the_gradient_of_a_defined_function_is_stored(
    gradient: Callable[..., Any], tmp_path: pathlib.Path
) -> None:
    path = building.export(hub.create_module_spec(defined), tmp_path / "module")
    np.testing.assert_allclose(gradient(path), 7.0 * X.sum(0)[:, None], rtol=1e-5)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    return building.export(hub.create_module_spec(module_fn), tmp_path_factory.mktemp("custom") / "module")


@pytest.mark.parametrize("gradient", MODES)
def test_the_number_of_another_process_is_never_taken_for_a_gradient_of_this_one(
    gradient: Callable[..., Any], stored: str
) -> None:
    message = (
        r"The gradient of the op '\S+' \(IdentityN\) was Python code of the program that made the module "
        r"\(tf\.custom_gradient\), which a module does not hold\. The module can be used without gradients, and in a graph "
        r"\(tf1hub\.Module\) those of its variables trained that come after this op\."
    )
    with pytest.raises(UnsupportedGraphError, match=f"^{message}$"):
        gradient(stored)


def test_such_a_module_is_used_trained_behind_the_op_and_saved(stored: str, tmp_path: pathlib.Path) -> None:
    module = hub.load(stored)
    np.testing.assert_allclose(module(X), X.sum(1, keepdims=True), rtol=1e-6)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    restored = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(restored(X), module(X))
    hub.convert(stored, tmp_path / "converted")
    with tf.Graph().as_default(), tf1.Session() as session:
        instance = hub.Module(stored, trainable=True)
        (gradient,) = tf1.gradients(tf.reduce_sum(instance(X)), [instance.variable_map["after"]])
        session.run(tf1.global_variables_initializer())
        np.testing.assert_allclose(session.run(gradient), [X.sum()], rtol=1e-5)


def test_a_stored_module_says_nothing_of_the_process_that_made_it(
    stored: str, tmp_path: pathlib.Path
) -> None:
    definition = pathlib.Path(stored, "saved_model.pb").read_bytes()
    assert re.search(rb"CustomGradient-\d+", definition)
    assert not re.search(rb"CustomGradient-\d+@", definition)
    assert b"TF1HubLost" not in definition

    def around() -> None:
        x = tf1.placeholder(tf.float32, [None, 3])
        hub.add_signature(inputs=x, outputs=hub.Module(stored, trainable=True)(x))

    nested = building.export(hub.create_module_spec(around), tmp_path / "nested")
    assert b"TF1HubLost" not in pathlib.Path(nested, "saved_model.pb").read_bytes()
    with pytest.raises(UnsupportedGraphError, match=r"^The gradient of the op"):
        gradient_in_tensorflow_2(nested)


def test_a_gradient_that_is_not_registered_says_what_to_register(tmp_path: pathlib.Path) -> None:
    publisher = """
import sys, tensorflow as tf, tf1hub as hub
@tf.RegisterGradient("TestElsewhere")
def _(op, gradient): return -gradient
def module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None, 3])
    y = x @ tf.compat.v1.get_variable("w", initializer=tf.ones([3, 1]))
    with tf.compat.v1.get_default_graph().gradient_override_map({"Tanh": "TestElsewhere"}):
        hub.add_signature(inputs=x, outputs=tf.tanh(y))
hub.load(hub.create_module_spec(module_fn)).export(sys.argv[1])
"""
    path = str(tmp_path / "module")
    printed_on_tensorflow(publisher, path)
    with pytest.raises(UnsupportedGraphError) as raised:
        gradient_in_tensorflow_2(path)
    assert re.fullmatch(
        r"The gradient of the op '\S+' \(Tanh\) is 'TestElsewhere' \(tf\.Graph\.gradient_override_map\), which is not "
        r"registered in this program\. Before the module is loaded, register it: @tf\.RegisterGradient\('TestElsewhere'\)\.",
        str(raised.value),
    )
    tf.RegisterGradient("TestElsewhere")(lambda _, gradient: -gradient)
    assert gradient_in_tensorflow_2(path).shape == (3, 1)
