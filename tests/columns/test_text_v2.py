"""hub.text_embedding_column_v2, and text columns in eager Keras models."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from columns import keras2, modules

import tf1hub as hub
from tf1hub._tensorflow import deserialize_feature_column, serialize_feature_column
from tf1hub.errors import ColumnError

tf1 = tf.compat.v1
keras = keras2.keras()
with_dense_features = pytest.mark.skipif(
    keras is None, reason="only tf_keras has DenseFeatures here; see make test-legacy"
)


class Lengths(tf.Module):
    """A TF2 text embedding: the length of a text times two trained weights."""

    def __init__(self, several: bool) -> None:
        super().__init__()
        self.weights = tf.Variable([1.0, 2.0])
        self.several = several

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts: Any) -> Any:
        output = tf.cast(tf.strings.length(texts), tf.float32)[:, tf.newaxis] * self.weights
        return {"double": 2 * output, "single": output} if self.several else output


def saved(directory: pathlib.Path, several: bool = False) -> str:
    tf.saved_model.save(Lengths(several), str(directory / "saved"))
    return str(directory / "saved")


@pytest.mark.parametrize("output_key", [None, "double"])
def test_a_saved_model_embeds_in_a_graph(tmp_path: pathlib.Path, output_key: str | None) -> None:
    column = hub.text_embedding_column_v2("text", saved(tmp_path, output_key is not None), output_key)
    with tf.Graph().as_default():
        output = tf1.feature_column.input_layer({"text": tf.constant(["abc"])}, [column])
        assert tf1.trainable_variables() == []
        np.testing.assert_array_equal(modules.run(output), [[6, 12]] if output_key else [[3, 6]])


def test_a_trainable_saved_model_trains_in_a_graph(tmp_path: pathlib.Path) -> None:
    column = hub.text_embedding_column_v2("text", saved(tmp_path), trainable=True)
    with tf.Graph().as_default():
        output = tf1.feature_column.input_layer({"text": tf.constant(["abc"])}, [column])
        (variable,) = tf1.trainable_variables()
        (gradient,) = tf1.gradients(tf.reduce_sum(output), [variable])
        np.testing.assert_array_equal(modules.run(gradient), [3, 3])


def test_a_tf1_module_embeds_in_a_graph(tmp_path: pathlib.Path) -> None:
    column = hub.text_embedding_column_v2("text", modules.words_module(tmp_path))
    with tf.Graph().as_default():
        output = tf1.feature_column.input_layer({"text": tf.constant(["bad"])}, [column])
        np.testing.assert_array_equal(modules.run(output), modules.EMBEDDINGS[[2]])


@pytest.mark.parametrize("key", [None, "triple"])
def test_of_several_outputs_one_must_be_named(tmp_path: pathlib.Path, key: str | None) -> None:
    column = hub.text_embedding_column_v2("text", saved(tmp_path, several=True), key)
    with pytest.raises(ColumnError) as caught:
        _ = column.variable_shape
    assert str(caught.value) == (
        f"The SavedModel {tmp_path}/saved returns a dict, and output_key is {key!r}. It must be one of: double, single."
    )


def test_the_column_comes_back_from_its_config(tmp_path: pathlib.Path) -> None:
    column = hub.text_embedding_column_v2("text", saved(tmp_path), trainable=True)
    config = {"key": "text", "module_path": f"{tmp_path}/saved", "output_key": None, "trainable": True}
    assert column.get_config() == config
    assert deserialize_feature_column(serialize_feature_column(column)) == column


def columns(directory: pathlib.Path, trainable: bool) -> list[Any]:
    words = modules.words_module(directory)
    return [
        hub.text_embedding_column("a", words, trainable),
        hub.sparse_text_embedding_column("b", words, "sum", "nothing", trainable),
        hub.text_embedding_column_v2("c", words, trainable=trainable),
        hub.text_embedding_column_v2("d", saved(directory), trainable=trainable),
    ]


FEATURES = {"a": ["good"], "b": [["good", "bad"]], "c": ["bad"], "d": ["abc"]}
EXPECTED = [[1, 0, 0.5, 1, 1, 1, 0, 1, 0.5, 3, 6]]


def features() -> dict[str, Any]:
    return {name: tf.constant(value) for name, value in FEATURES.items()}


@with_dense_features
def test_columns_embed_eagerly(tmp_path: pathlib.Path) -> None:
    layer = keras.layers.DenseFeatures(columns(tmp_path, trainable=False))
    np.testing.assert_array_equal(layer(features()), EXPECTED)
    assert layer.trainable_variables == []
    assert len(layer.variables) == 4


@with_dense_features
def test_trainable_columns_train_eagerly(tmp_path: pathlib.Path) -> None:
    layer = keras.layers.DenseFeatures(columns(tmp_path, trainable=True))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(features(), training=True))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert len(gradients) == 4
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        variable.assign_sub(tf.convert_to_tensor(gradient))
    after = [1 - 1, -1, 0.5 - 1, 1 - 2, 1 - 2, 1 - 2, -1, 1 - 1, 0.5 - 1, 3 * (1 - 3), 3 * (2 - 3)]
    np.testing.assert_allclose(layer(features()), [after], atol=1e-6)


@with_dense_features
def test_a_keras_model_fits_and_comes_back_from_disk(tmp_path: pathlib.Path) -> None:
    inputs = {"a": keras.Input([1], dtype="string", name="a")}
    column = hub.text_embedding_column("a", modules.words_module(tmp_path), trainable=True)
    outputs = keras.layers.Dense(1)(keras.layers.DenseFeatures([column])(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    model.fit({"a": np.array([["good"], ["film"]])}, np.array([3.0, -3.0]), epochs=2, verbose=0)
    texts = {"a": np.array([["good"], ["bad"]])}
    before = model.predict(texts, verbose=0)
    trained = model.layers[1].trainable_variables[0].numpy()
    assert np.abs(trained - modules.EMBEDDINGS).max(axis=1).astype(bool).tolist() == [
        False,
        True,
        False,
        True,
    ]
    model.save_weights(str(tmp_path / "weights"))
    again = keras.Model.from_config(model.get_config())
    again.load_weights(str(tmp_path / "weights")).assert_existing_objects_matched()
    np.testing.assert_allclose(again.predict(texts, verbose=0), before, rtol=1e-6)
