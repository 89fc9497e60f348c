"""Inputs of any name, in signatures that are called, saved and converted."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.tf2.keywords import keywords

tf1 = tf.compat.v1
X = np.array([[1.0, -2.0, 0.5]], np.float32)
ONE = [("x",), ("A",), ("a-b",), ("x:0",), ("0",), ("_x",), ("scope/x",)]
TWO = [("x", "y"), ("b", "A", "a-c"), ("args", "kwargs", "inputs", "name")]
NOT_BY_KEYWORD = [("self",), ("class",), ("a-b", "a b", "a_b"), ("self", "name")]
"""TensorFlow's own signatures cannot be called with these either."""


def spec(names: tuple[str, ...]) -> hub.ModuleSpec:
    def module_fn() -> None:
        inputs = {name: tf1.placeholder(tf.float32, [None, 3]) for name in names}
        weighted = [(i + 1.0) * inputs[name] for i, name in enumerate(names)]
        hub.add_signature(inputs=inputs, outputs={"default": tf.add_n(weighted), "out-1": inputs[names[0]]})

    return hub.create_module_spec(module_fn)


def given(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: X * 10.0**i for i, name in enumerate(names)}


def expected(names: tuple[str, ...]) -> np.ndarray:
    return sum((i + 1.0) * value for i, value in enumerate(given(names).values()))


@pytest.mark.parametrize("names", ONE + TWO)
def test_signatures_take_the_modules_names_for_tensors_and_arrays(names: tuple[str, ...]) -> None:
    signature = hub.load(spec(names)).signatures["default"]
    tensors = {name: tf.constant(value) for name, value in given(names).items()}
    for values in (tensors, given(names)):
        np.testing.assert_allclose(signature(**values)["default"], expected(names))
    assert sorted(signature.structured_outputs) == ["default", "out-1"]


@pytest.mark.parametrize("names", ONE + TWO + NOT_BY_KEYWORD)
def test_modules_are_called_by_any_names_in_silence(
    names: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    module = hub.load(spec(names))
    np.testing.assert_allclose(module(given(names)), expected(names))
    np.testing.assert_allclose(tf.function(module)(given(names), training=True), expected(names))
    assert caplog.text == ""


@pytest.mark.parametrize("names", [*ONE, ("self",), ("class",)])
def test_the_only_input_needs_no_name(names: tuple[str, ...]) -> None:
    signature = hub.load(spec(names)).signatures["default"]
    for value in (tf.constant(X), X, X.tolist()):
        np.testing.assert_array_equal(signature(value)["default"], X)


@pytest.mark.parametrize("names", ONE + TWO + NOT_BY_KEYWORD)
def test_inputs_of_all_names_are_saved_and_converted(names: tuple[str, ...], tmp_path: pathlib.Path) -> None:
    module = hub.load(spec(names))
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.signatures["default"])
    conversion = hub.convert(module, tmp_path / "converted")
    parameters = keywords(names)
    assert conversion.signatures["default"] == tuple(sorted(parameters.values()))
    for path in ("saved", "converted"):
        restored = tf.saved_model.load(str(tmp_path / path))
        np.testing.assert_allclose(restored(given(names)), expected(names))
        served = restored.signatures["serving_default"]
        assert set(parameters.values()) == set(served.structured_input_signature[1])
        by_parameter = {parameters[name]: tf.constant(value) for name, value in given(names).items()}
        np.testing.assert_allclose(served(**by_parameter)["default"], expected(names))


def test_saved_names_are_those_of_the_module_where_they_can_be() -> None:
    module = hub.load(spec(("a-b", "a b", "a_b", "self")))
    assert sorted(module.signatures["default"].structured_input_signature[1]) == [
        "a_b",
        "a_b_",
        "a_b__",
        "self_",
    ]
