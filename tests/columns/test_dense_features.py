"""Columns in Keras' DenseFeatures, in graphs."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from columns import keras2, modules

import tf1hub as hub

tf1 = tf.compat.v1
keras = keras2.keras()

# TensorFlow 2.16 and later: `make test-legacy` runs this file with tf_keras.
pytestmark = pytest.mark.skipif(
    keras is None, reason="only tf_keras has DenseFeatures here; see make test-legacy"
)


@pytest.fixture
def words(tmp_path: pathlib.Path) -> str:
    return modules.words_module(tmp_path)


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture(params=["v1", "v2"])
def dense_features(request: pytest.FixtureRequest) -> Any:
    """The layer of both generations."""
    return keras.layers.DenseFeatures if request.param == "v2" else keras2.first_generation(keras)


def test_a_layer_shares_its_module_between_applications(words: str, dense_features: Any) -> None:
    layer = dense_features([hub.text_embedding_column("text", words)])
    outputs = [layer({"text": tf.constant([text])}) for text in ("good", "bad")]
    assert outputs[0].shape[1] == 3
    assert len(tf1.global_variables()) == 1
    np.testing.assert_array_equal(modules.run(tf.concat(outputs, 0)), modules.EMBEDDINGS[[1, 2]])


def test_variables_of_a_trainable_column_are_weights_of_the_layer(words: str, dense_features: Any) -> None:
    layer = dense_features([hub.text_embedding_column("text", words, trainable=True)])
    output = layer({"text": tf.constant(["good"])})
    (variable,) = tf1.trainable_variables()
    assert [weight.name for weight in layer.trainable_weights] == [variable.name]
    step = tf1.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(output))
    with tf1.Session() as session:
        session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
        session.run(step)
        np.testing.assert_array_equal(session.run(variable)[1], modules.EMBEDDINGS[1] - 1)


def test_variables_of_a_frozen_column_are_not_trained(words: str, dense_features: Any) -> None:
    layer = dense_features([hub.text_embedding_column("text", words)])
    layer({"text": tf.constant(["good"])})
    assert layer.trainable_weights == []
    assert [weight.name for weight in layer.weights] == [variable.name for variable in tf1.global_variables()]
    assert tf1.trainable_variables() == []


def test_a_layer_that_is_not_trainable_freezes_its_columns(words: str, dense_features: Any) -> None:
    layer = dense_features([hub.text_embedding_column("text", words, trainable=True)], trainable=False)
    layer({"text": tf.constant(["good"])})
    assert layer.trainable_weights == []
    assert tf1.trainable_variables() == []


def test_all_kinds_of_columns_stand_beside_each_other(words: str, dense_features: Any) -> None:
    columns = [
        hub.text_embedding_column("text", words),
        hub.sparse_text_embedding_column("bag", words, "sum", "nothing"),
        hub.image_embedding_column("picture", modules.image_spec()),
        tf.feature_column.numeric_column("z"),
    ]
    features = {
        "text": tf.constant(["good"]),
        "bag": tf.SparseTensor([[0, 0], [0, 1]], ["good", "bad"], [1, 2]),
        "picture": tf.ones([1, 2, 3, 3]),
        "z": tf.constant([4.0]),
    }
    expected = [[1, 1, 1, 1, 1, 1, 1, 0, 0.5, 4]]
    np.testing.assert_allclose(modules.run(dense_features(columns)(features)), expected)


def test_the_layer_comes_back_from_its_config(words: str, dense_features: Any) -> None:
    layer = dense_features([hub.text_embedding_column("text", words)])
    again = dense_features.from_config(layer.get_config())
    output = again({"text": tf.constant(["film"])})
    np.testing.assert_array_equal(modules.run(output), modules.EMBEDDINGS[[3]])


def test_its_variables_are_in_checkpoints_of_the_layer(
    words: str, dense_features: Any, tmp_path: pathlib.Path
) -> None:
    layer = dense_features([hub.text_embedding_column("text", words, trainable=True)])
    layer({"text": tf.constant(["good"])})
    (variable,) = tf1.global_variables()
    with tf1.Session() as session:
        session.run(variable.initializer)
        session.run(variable.assign(modules.EMBEDDINGS * 2))
        path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    values = [hub.read_variables(path)[key] for key in hub.read_variables(path) if "embeddings" in key]
    np.testing.assert_array_equal(values, [modules.EMBEDDINGS * 2])
