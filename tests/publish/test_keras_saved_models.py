"""Models that the Keras in use saved become modules: Keras 2 on TensorFlow 2.15, Keras 3 later."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from publish.worlds import applied

import tf1hub as hub

keras: Any = tf.keras  # what Keras 3 has for TensorFlow is not typed


def module_of(path: pathlib.Path) -> hub.ModuleSpec:
    """A module that is used without tags and signatures."""
    return hub.create_module_spec_from_saved_model(
        path, inference_tags={"serve"}, default_signature="serving_default"
    )


def gradients(model: Any, weights: list[Any], inputs: Any) -> list[Any]:
    """Of a loss of what a model or module gives, for some of its weights."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(inputs)))
    return [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, weights)]


def name_of(weight: Any) -> str:
    """The name of a weight, which Keras 3 calls its path."""
    name: str = getattr(weight, "path", weight.name)
    return name.removesuffix(":0")


def test_a_recurrent_model_of_words_is_trained_as_in_keras(tmp_path: pathlib.Path) -> None:
    layers = [keras.layers.Embedding(10, 4, mask_zero=True), keras.layers.LSTM(3), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input([5], dtype="int32"), *layers])
    words = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]], np.int32)
    want = model.predict(words, verbose=0)
    model.export(str(tmp_path / "model"))
    spec = module_of(tmp_path / "model")
    with hub.eval_function_for_module(spec) as evaluate:
        np.testing.assert_allclose(evaluate(words), want, rtol=1e-5)
    loaded = hub.load(spec)
    np.testing.assert_allclose(loaded(words), want, rtol=1e-5)
    theirs = sorted(model.trainable_weights, key=name_of)
    ours = list(loaded.trainable_variables)
    for mine, given in zip(gradients(loaded, ours, words), gradients(model, theirs, words), strict=True):
        np.testing.assert_allclose(mine, given, rtol=1e-4, atol=1e-7)
    for variable, gradient in zip(ours, gradients(loaded, ours, words), strict=True):
        variable.assign_sub(0.1 * gradient)
    for weight, gradient in zip(theirs, gradients(model, theirs, words), strict=True):
        weight.assign(weight - 0.1 * gradient)
    np.testing.assert_allclose(loaded(words), model.predict(words, verbose=0), rtol=1e-4)


def test_a_layer_with_random_numbers_comes_along(tmp_path: pathlib.Path) -> None:
    model = keras.Sequential([keras.Input([2, 2, 1]), keras.layers.RandomFlip("horizontal", seed=1)])
    model.export(str(tmp_path / "model"))
    image = np.float32([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    loaded = hub.load(module_of(tmp_path / "model"))
    seen = {tuple(loaded(image).numpy().ravel().tolist()) for _ in range(40)}
    assert seen == {(1.0, 2.0, 3.0, 4.0), (2.0, 1.0, 4.0, 3.0)}


def normalizing_model() -> Any:
    """Weights and moving averages, none of them where it starts."""
    layers = [keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(1, name="head")]
    model = keras.Sequential([keras.Input([3]), *layers], name="model")
    generator = np.random.default_rng(1)
    model.set_weights([generator.uniform(0.5, 1.5, value.shape) for value in model.get_weights()])
    return model


def parts_of(names: Iterable[str]) -> list[str]:
    """The layer and the weight in each name, without the model's, which Keras 2 leaves out."""
    return sorted("/".join(name.removesuffix(":0").split("/")[-2:]) for name in names)


@pytest.mark.parametrize("way", ["export", "save", "function"])
def test_values_flags_and_names_are_those_of_the_model(tmp_path: pathlib.Path, way: str) -> None:
    model = normalizing_model()
    rows = np.float32([[1, 2, 3], [-1, 0, 2]])
    want = model.predict(rows, verbose=0)
    if way == "export":
        model.export(str(tmp_path / "model"))
        spec = module_of(tmp_path / "model")
    elif way == "save":
        tf.saved_model.save(model, str(tmp_path / "model"))
        spec = module_of(tmp_path / "model")
    else:
        spec = hub.publish.from_function(
            lambda x: model(x, training=False), [tf.TensorSpec([None, 3], tf.float32)]
        )
    loaded = hub.load(spec)
    np.testing.assert_allclose(loaded(rows), want, rtol=1e-5)
    trained = ["head/bias", "head/kernel", "norm/beta", "norm/gamma"]
    averages = ["norm/moving_mean", "norm/moving_variance"]
    assert parts_of(variable.name for variable in loaded.trainable_variables) == trained
    assert parts_of(variable.name for variable in loaded.variables) == trained + averages
    spec.export(tmp_path / "module")
    values = hub.read_variables(tmp_path / "module")
    for weight in model.weights:
        (name,) = (name for name in values if name_of(weight).endswith(name) or name == name_of(weight))
        assert values[name].tolist() == weight.numpy().tolist()
    in_graph = applied(str(tmp_path / "module"), rows)
    np.testing.assert_allclose(in_graph.outputs["default"], want, rtol=1e-5)
    assert parts_of(in_graph.trainable) == parts_of(in_graph.gradients) == trained


@pytest.mark.parametrize("way", ["export", "save"])
def test_a_vocabulary_comes_along(tmp_path: pathlib.Path, way: str) -> None:
    layers = [keras.layers.StringLookup(vocabulary=["a", "b"]), keras.layers.Embedding(3, 2)]
    model = keras.Sequential([keras.Input([2], dtype="string"), *layers])
    words = tf.constant([["b", "a"], ["?", "b"]])
    want = model(words).numpy()
    if way == "export":
        model.export(str(tmp_path / "model"))
    else:
        tf.saved_model.save(model, str(tmp_path / "model"))
    module_of(tmp_path / "model").export(tmp_path / "module")
    assert hub.load(str(tmp_path / "module"))(words).numpy().tolist() == want.tolist()
    assert applied(str(tmp_path / "module"), words.numpy()).outputs["default"].tolist() == want.tolist()
