"""Tensors from inside of a graph as outputs in TensorFlow 2, against what TensorFlow's own loader gives for them."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import UnknownNameError, UnsupportedGraphError

REAL = pathlib.Path(__file__).parents[3] / "shared" / "real" / "modules"
IMAGE = cases.load("image")
INNER = ["block0/Relu:0", "block1/Relu:0"]


def images() -> np.ndarray:
    return np.random.default_rng(0).random((2, 16, 16, 3), np.float32)


def by_tensorflow(path: str, tensors: list[str], values: Any, tags: list[str] | None = None) -> list[Any]:
    """What TensorFlow's loader computes for tensors of the graph of a module with one input."""
    variant = hub.load_module_spec(path).variant(tags)
    loaded = tf.saved_model.load(path, tags=tags or [])
    ((feed,),) = [info.tensor_names for info in variant.inputs().values()]
    return list(loaded.prune(feed, tensors)(tf.constant(values)))


def assert_close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_inner_activations_are_those_of_tensorflows_loader(training: bool) -> None:
    spec = hub.load_module_spec(IMAGE.path).with_outputs([*INNER, "default"])
    outputs = hub.load(spec)(images(), training=training, as_dict=True)
    assert list(outputs) == [*INNER, "default"]
    default = spec.variant().outputs()["default"].tensor_names
    expected = by_tensorflow(IMAGE.path, [*INNER, *default], images(), ["train"] if training else None)
    for output, reference in zip(outputs.values(), expected, strict=True):
        assert_close(output, reference)


@pytest.mark.skipif(not REAL.exists(), reason="the real modules are not beside the repository")
@pytest.mark.parametrize("training", [False, True])
def test_every_activation_of_a_module_as_google_wrote_them(training: bool) -> None:
    path = str(REAL / "tiny_tf16" / "module")
    spec = hub.load_module_spec(path)
    tags = {"train"} if training else None
    names = [
        tensor.name for tensor in spec.find_tensors("InceptionV3/", tags) if tensor.op in ("MatMul", "Mean")
    ]
    assert len(names) > 3
    (info,) = spec.get_input_info_dict().values()
    values = tf.random.stateless_uniform([2, *info.get_shape()[1:]], [3, 4])
    outputs = hub.load(spec.with_outputs(names, tags=tags), tags=tags)(values, as_dict=True)
    expected = by_tensorflow(path, names, values, ["train"] if training else None)
    for name, reference in zip(names, expected, strict=True):
        assert_close(outputs[name], reference)


def test_it_is_trained_saved_converted_and_copied_over_the_same_variables(tmp_path: pathlib.Path) -> None:
    whole = hub.load(IMAGE.path)
    inner = whole.with_outputs({"default": "block0/Relu", "last": "block1/Relu:0"}, "image_feature_vector")
    assert all(one is other for one, other in zip(whole.variables, inner.variables, strict=True))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(inner(images(), training=True, signature="image_feature_vector"))
    gradients = tape.gradient(loss, inner.trainable_variables)
    trained = [v for v, g in zip(inner.trainable_variables, gradients, strict=True) if g is not None]
    assert 0 < len(trained) < len(whole.trainable_variables)  # what comes after block0 has no part in it
    for variable, gradient in zip(inner.trainable_variables, gradients, strict=True):
        if gradient is not None:
            variable.assign_sub(0.1 * gradient)
    outputs = inner(images(), signature="image_feature_vector", as_dict=True)
    whole.export(tmp_path / "tuned")
    expected = by_tensorflow(str(tmp_path / "tuned"), INNER, images())
    for output, reference in zip(outputs.values(), expected, strict=True):
        assert_close(output, reference)
    hub.convert(inner, tmp_path / "converted")
    inner.export(tmp_path / "exported")
    tf.saved_model.save(inner, str(tmp_path / "saved"))
    for again in (
        tf.saved_model.load(str(tmp_path / "converted")),
        tf.saved_model.load(str(tmp_path / "saved")),
        hub.load(tmp_path / "exported"),
        pickle.loads(pickle.dumps(inner)),
    ):
        found = again(images(), signature="image_feature_vector", as_dict=True)
        for name, output in outputs.items():
            assert_close(found[name], output)
    served = tf.saved_model.load(str(tmp_path / "converted")).signatures["image_feature_vector"]
    assert_close(served(images=tf.constant(images()))["last"], outputs["last"])
    # The module itself still returns what it returned.
    assert whole(images()).shape == [2, 16]


def test_a_table_is_shared_with_the_module_that_it_came_from() -> None:
    whole = hub.load(cases.load("text_embedding").path)
    ids = [tensor for tensor in whole.find_tensors("*") if tensor.op.startswith("LookupTableFind")]
    words = tf.constant(["hello", "unheard"])
    inner = whole.with_outputs(ids[0].name)
    before = len(whole.callables.resources.tables)
    assert inner(words).dtype == tf.int64
    whole(words)
    assert len(whole.callables.resources.tables) == max(before, 1)


def test_an_unknown_tensor_of_a_loaded_module_is_an_error_with_near_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        hub.load(IMAGE.path).with_outputs("block0/relu")
    assert str(caught.value).startswith(
        f"No tensor 'block0/relu' in the graph of variant {{}} of {IMAGE.path}. Names like it: 'block0/Relu'. To find names: "
        f"tf1hub show {IMAGE.path} --tensors PATTERN"
    )


def test_in_a_graph_they_have_the_names_that_programs_of_the_time_take_them_by() -> None:
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        module = hub.Module(IMAGE.path)
        module(tf.zeros([1, 16, 16, 3]))
        module(images())
        found = [graph.get_tensor_by_name(f"module_apply_default_1/{name}") for name in INNER]
        session.run(tf.compat.v1.global_variables_initializer())
        values = session.run(found)
    for value, reference in zip(values, by_tensorflow(IMAGE.path, INNER, images()), strict=True):
        assert_close(value, reference)


def test_pruned_functions_are_those_of_tensorflows_loader(tmp_path: pathlib.Path) -> None:
    module = hub.load(IMAGE.path)
    theirs = tf.saved_model.load(IMAGE.path, tags=[])
    ((feed,),) = [info.tensor_names for info in module.get_input_info_dict().values()]
    values = tf.constant(images())
    for fetches in ("block0/Relu:0", INNER, {"a": INNER[0], "b": [INNER[1]]}):
        found, expected = module.prune(feed, fetches)(values), theirs.prune(feed, fetches)(values)
        tf.nest.map_structure(assert_close, found, expected)
    between = module.prune("block0/Relu:0", "block1/Relu:0")
    assert_close(between(module.prune(feed, INNER[0])(values)), module.prune(feed, INNER[1])(values))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(between(tf.ones([1, 8, 8, 8])))
    assert all(gradient is not None for gradient in tape.gradient(loss, tape.watched_variables()))
    holder = tf.Module()
    holder.module, holder.function = module, between
    tf.saved_model.save(holder, str(tmp_path / "saved"))
    restored = tf.saved_model.load(str(tmp_path / "saved"))
    assert_close(restored.function(tf.ones([1, 8, 8, 8])), between(tf.ones([1, 8, 8, 8])))


def test_pruning_away_what_is_needed_is_an_error() -> None:
    module = hub.load(IMAGE.path)
    with pytest.raises(UnsupportedGraphError) as caught:
        module.prune("block1/Relu:0", "block0/Relu:0")
    ((feed,),) = [info.tensor_names for info in module.get_input_info_dict().values()]
    assert str(caught.value) == (
        f"The tensor 'block0/Relu:0' of variant {{}} of {IMAGE.path} needs {feed.partition(':')[0]!r}, placeholders that none "
        "of the feeds is."
    )
    with pytest.raises(UnknownNameError, match=r"^No tensor 'nothing:0' in the graph"):
        module.prune("nothing:0", "block0/Relu:0")
