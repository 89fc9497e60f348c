"""What TensorFlow writes of a `KerasLayer`: each value once, whoever else holds it."""

from __future__ import annotations

import pathlib
from typing import Any

import keras_modules
import numpy as np
import pytest
import tensorflow as tf
from golden_models import keras

import tf1hub as hub

X = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], np.float32)
WORDS = tf.constant(["cat", "bird"])


class Served(tf.Module):
    """A program's own object around a layer."""

    def __init__(self, layer: Any, inputs: Any) -> None:
        super().__init__()
        self.layer = layer
        spec = tf.TensorSpec([None, *inputs.shape[1:]], tf.as_dtype(inputs.dtype))
        self.call = tf.function(layer, input_signature=[spec])


def layer_and_inputs(kind: str, tmp_path: pathlib.Path) -> tuple[Any, Any]:
    """A layer of each kind, whose weights are numbers that nothing else has."""
    path = keras_modules.export(keras_modules.normalized(), tmp_path / "module")
    text_path = keras_modules.export(keras_modules.text(tmp_path / "words"), tmp_path / "text")
    layer = hub.KerasLayer(keras_modules.of_kind(kind, path, text_path, tmp_path), trainable=True)
    rng = np.random.default_rng(0)
    layer.set_weights([rng.random(value.shape, np.float32) for value in layer.get_weights()])
    return layer, X if kind in ("module", "converted") else WORDS


def times_written(layer: Any, prefix: pathlib.Path | str) -> list[int]:
    """How often a checkpoint has the value of each weight."""
    reader = tf.train.load_checkpoint(str(prefix))
    written = [reader.get_tensor(key) for key in reader.get_variable_to_dtype_map()]
    values = layer.get_weights()
    assert values
    return [sum(np.array_equal(value, each) for each in written) for value in values]


@pytest.mark.parametrize("kind", keras_modules.KINDS)
def test_a_saved_model_has_each_weight_once_and_works_without_this_library(
    kind: str, tmp_path: pathlib.Path
) -> None:
    layer, inputs = layer_and_inputs(kind, tmp_path)
    expected = layer(inputs).numpy()
    tf.saved_model.save(Served(layer, inputs), str(tmp_path / "served"))
    assert times_written(layer, tmp_path / "served" / "variables" / "variables") == [1] * len(layer.weights)
    for load in (tf.saved_model.load, hub.load):
        restored = load(str(tmp_path / "served"))
        np.testing.assert_array_equal(restored.call(inputs), expected)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(restored.call(inputs))
    found = tape.gradient(loss, tape.watched_variables())
    assert len(found) == len(layer.trainable_weights)


def test_a_compiled_model_and_its_optimizer_have_each_weight_once(tmp_path: pathlib.Path) -> None:
    layer, inputs = layer_and_inputs("module", tmp_path)
    model = keras.Sequential([keras.Input([3]), layer, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(inputs, np.ones([2, 1]), verbose=0)
    tf.saved_model.save(model, str(tmp_path / "saved"))
    assert times_written(model, tmp_path / "saved" / "variables" / "variables") == [1] * 5
    checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    prefix = checkpoint.save(str(tmp_path / "checkpoint"))
    assert times_written(model, prefix) == [1] * 5
    before = model.get_weights()
    model.set_weights([value + 1 for value in before])
    checkpoint.restore(prefix).assert_consumed()
    for value, again in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, again)
