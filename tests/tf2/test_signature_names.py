"""Inputs of any name, in signatures that are called, saved and converted."""

from __future__ import annotations

import pathlib

import building
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


def composites() -> None:
    x = tf1.sparse_placeholder(tf.float32, [None, 4], name="x")
    y = tf1.placeholder(tf.float32, [None], name="y")
    ragged, deep = tf1.ragged.placeholder(tf.float32, 1, []), tf1.ragged.placeholder(tf.int32, 2, [])
    hub.add_signature(inputs=x, outputs=tf.sparse.reduce_sum(x, 1))
    hub.add_signature(
        "two", inputs={"x": x, "y": y}, outputs={"default": tf.sparse.reduce_sum(x, 1) + y, "x": x}
    )
    hub.add_signature(
        "ragged", inputs=ragged, outputs={"default": tf.reduce_sum(ragged, 1), "twice": ragged * 2.0}
    )
    hub.add_signature("deep", inputs={"deep": deep}, outputs=deep + 1)


@pytest.mark.filterwarnings("ignore:.*Converting sparse IndexedSlices")
def test_signatures_take_sparse_and_ragged_inputs_part_by_part_as_tensorflows_loader_has_them(
    tmp_path: pathlib.Path,
) -> None:
    path = building.export(hub.create_module_spec(composites), tmp_path / "module")
    ours, theirs = hub.load(path), tf.saved_model.load(path, tags=[])
    assert ours.signatures.keys() == theirs.signatures.keys()
    values = {
        "x_indices": tf.constant([[0, 0], [1, 3]], tf.int64),
        "x_values": tf.constant([1.0, 2.0]),
        "x_dense_shape": tf.constant([2, 4], tf.int64),
        "y": tf.constant([10.0, 20.0]),
        "default_component_0": tf.constant([1.0, 2.0, 3.0]),
        "default_component_1": tf.constant([0, 1, 3], tf.int64),
        "deep_component_0": tf.constant([1, 2, 3]),
        "deep_component_1": tf.constant([0, 1, 2], tf.int64),
        "deep_component_2": tf.constant([0, 1, 3], tf.int64),
    }
    values |= {key.replace("x_", "default_"): value for key, value in values.items() if key.startswith("x_")}
    for name, signature in theirs.signatures.items():
        _, keywords = signature.structured_input_signature
        assert ours.signatures[name].structured_input_signature == ((), keywords)
        given = {key: values[key] for key in keywords}
        expected, found = signature(**given), ours.signatures[name](**given)
        assert found.keys() == expected.keys()
        for key, output in expected.items():
            assert type(found[key]) is type(output)
            for one, other in zip(
                *(tf.nest.flatten(each, expand_composites=True) for each in (found[key], output)), strict=True
            ):
                np.testing.assert_array_equal(one, other)
