"""Models that the Keras in use saved become modules: Keras 2 on TensorFlow 2.15, Keras 3 later."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

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
