"""TensorFlow Lite: what its converter takes, run by its interpreter; and what it refuses, by op."""

from __future__ import annotations

import os
import pathlib
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import UnsupportedGraphError

tf1 = tf.compat.v1


@pytest.mark.parametrize("name", ["half_plus_two", "image", "image_ref_variables", "launch_switch", "nested"])
def test_the_interpreter_gives_the_same_numbers(name: str, tmp_path: pathlib.Path) -> None:
    conversion = hub.convert(cases.load(name).path, tmp_path / "m.tflite", to="tflite")
    assert conversion.all_compared
    assert all(row.max_rel is not None and row.max_rel < 1e-5 for row in conversion.compared)
    assert os.listdir(tmp_path) == ["m.tflite"]


def test_one_signature_may_be_written_alone_and_takes_any_batch(tmp_path: pathlib.Path) -> None:
    path = cases.load("image").path
    conversion = hub.convert(path, tmp_path / "m.tflite", to="tflite", signature="image_feature_vector")
    assert list(conversion.signatures) == ["image_feature_vector"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(str(tmp_path / "m.tflite"))
    run = interpreter.get_signature_runner("image_feature_vector")
    images = np.random.default_rng(0).random([5, 16, 16, 3], np.float32)
    with hub.eval_function_for_module(path) as evaluate:
        expected = evaluate(images, signature="image_feature_vector")
    np.testing.assert_allclose(run(images=images)["default"], expected, rtol=1e-4, atol=1e-6)


def test_what_the_converter_refuses_is_told_by_op(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None, 8])
        a = tf.math.betainc(x, x, x, name="a")
        hub.add_signature(inputs=x, outputs=a + 1.0)

    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(hub.create_module_spec(module_fn), tmp_path / "m.tflite", to="tflite")
    with_jax = ", 'stablehlo'" if find_spec("jax") is not None else ""
    assert str(caught.value) == (
        "module_fn() cannot be converted to 'tflite':\n"
        "  - 1 x Betainc (a): TensorFlow's converter has nothing for it\n"
        f"Forms that take it: 'saved_model', 'frozen_graph'{with_jax}."
    )
    assert os.listdir(tmp_path) == []


def test_a_variable_that_calls_write_is_refused_before_the_work(tmp_path: pathlib.Path) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [None])
        n = tf1.get_variable("n", initializer=1.0, use_resource=True)
        with tf.control_dependencies([n.assign_add(1.0)]):
            hub.add_signature(inputs=x, outputs=x * n.read_value())

    with pytest.raises(
        UnsupportedGraphError, match=r"1 x VarHandleOp \(n, in the signature 'default'\): is written by"
    ):
        hub.convert(hub.create_module_spec(module_fn), tmp_path / "m.tflite", to="tflite")
