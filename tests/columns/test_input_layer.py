"""Columns in `tf.compat.v1.feature_column.input_layer`."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from columns import modules

import tf1hub as hub
from tf1hub.errors import ColumnError

tf1 = tf.compat.v1


@pytest.fixture
def words(tmp_path: pathlib.Path) -> str:
    return modules.words_module(tmp_path)


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def layer(columns: list[Any], **features: Any) -> Any:
    return tf1.feature_column.input_layer(features, columns)


@pytest.mark.parametrize("shape", [[2], [2, 1], [None], [None, 1], None])
def test_text_is_embedded_by_the_module(words: str, shape: list[int | None] | None) -> None:
    feature = tf1.placeholder_with_default(np.array(["film", "bad"]), [2])
    if shape != [2]:
        wanted = [2] if shape is None or len(shape) == 1 else [2, 1]
        feature = tf1.placeholder_with_default(tf.reshape(feature, wanted), shape)
    output = layer([hub.text_embedding_column("text", words)], text=feature)
    assert output.shape[1] == 3
    np.testing.assert_array_equal(modules.run(output), modules.EMBEDDINGS[[3, 2]])


def test_a_numeric_column_stands_beside(words: str) -> None:
    columns = [tf.feature_column.numeric_column("a"), hub.text_embedding_column("text", words)]
    output = layer(columns, a=tf.constant([[7.0]]), text=tf.constant(["good"]))
    np.testing.assert_array_equal(modules.run(output), [[7, 1, 0, 0.5]])


def test_variables_are_named_as_in_checkpoints_of_old_programs(words: str) -> None:
    layer([hub.text_embedding_column("text", words, trainable=True)], text=tf.constant(["good"]))
    names = ["input_layer/text_hub_module_embedding/module/embeddings"]
    assert [variable.op.name for variable in tf1.global_variables()] == names
    assert [variable.op.name for variable in tf1.trainable_variables()] == names


def test_a_column_that_is_not_trainable_stays_as_it_is(words: str) -> None:
    layer([hub.text_embedding_column("text", words)], text=tf.constant(["good"]))
    assert tf1.trainable_variables() == []


def test_a_layer_that_is_not_trainable_freezes_its_columns(words: str) -> None:
    column = hub.text_embedding_column("text", words, trainable=True)
    tf1.feature_column.input_layer({"text": tf.constant(["good"])}, [column], trainable=False)
    assert tf1.trainable_variables() == []


def test_training_moves_only_the_words_of_the_batch(words: str) -> None:
    column = hub.text_embedding_column("text", words, trainable=True)
    output = layer([column], text=tf.constant(["good", "good", "film"]))
    step = tf1.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(output))
    (variable,) = tf1.global_variables()
    with tf1.Session() as session:
        session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
        session.run(step)
        after = session.run(variable)
    np.testing.assert_allclose(after - modules.EMBEDDINGS, [[0] * 3, [-1] * 3, [0] * 3, [-0.5] * 3])


def test_variables_join_the_collections_that_the_caller_names(words: str, graph: Any) -> None:
    column = hub.text_embedding_column("text", words)
    tf1.feature_column.input_layer({"text": tf.constant(["good"])}, [column], weight_collections=["mine"])
    assert [variable.op.name for variable in graph.get_collection("mine")] == [
        "input_layer/text_hub_module_embedding/module/embeddings"
    ]
    assert len(tf1.global_variables()) == 1


@pytest.mark.parametrize("reuse", [True, tf1.AUTO_REUSE])
def test_a_scope_that_reuses_variables_shares_the_module(words: str, reuse: Any) -> None:
    outputs = []
    for number, text in enumerate(["good", "bad"]):
        with tf1.variable_scope("tower", reuse=reuse if number else tf1.AUTO_REUSE):
            outputs.append(layer([hub.text_embedding_column("text", words)], text=tf.constant([text])))
    assert len(tf1.global_variables()) == 1
    np.testing.assert_array_equal(modules.run(tf.concat(outputs, 0)), modules.EMBEDDINGS[[1, 2]])


def test_a_template_shares_the_module(words: str) -> None:
    template = tf1.make_template("net", layer, columns=[hub.text_embedding_column("text", words)])
    outputs = [template(text=tf.constant([text])) for text in ("good", "bad")]
    assert len(tf1.global_variables()) == 1
    np.testing.assert_array_equal(modules.run(tf.concat(outputs, 0)), modules.EMBEDDINGS[[1, 2]])


def test_layers_without_reuse_have_modules_of_their_own(words: str) -> None:
    for _ in range(2):
        layer([hub.text_embedding_column("text", words)], text=tf.constant(["good"]))
    assert len(tf1.global_variables()) == 2


def test_reuse_of_what_is_not_there_is_refused(words: str) -> None:
    with tf1.variable_scope("tower", reuse=True), pytest.raises(ColumnError) as caught:
        layer([hub.text_embedding_column("text", words)], text=tf.constant(["good"]))
    assert str(caught.value) == (
        "The variable scope 'tower/input_layer/text_hub_module_embedding' reuses variables, but the column "
        "'text_hub_module_embedding' has none there. Use the column in this scope once without reuse, or set "
        "reuse=tf.compat.v1.AUTO_REUSE."
    )


# TensorFlow's linear_model calls a deprecated method of its own layers.
@pytest.mark.filterwarnings("ignore:`layer.add_variable` is deprecated:UserWarning")
def test_a_linear_model_weighs_the_embedding(words: str) -> None:
    logits = tf1.feature_column.linear_model(
        {"text": tf.constant(["good"])}, [hub.text_embedding_column("text", words, trainable=True)]
    )
    weights = next(variable for variable in tf1.global_variables() if variable.op.name.endswith("/weights"))
    with tf1.Session() as session:
        session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
        session.run(weights.assign([[1.0], [10.0], [100.0]]))
        np.testing.assert_array_equal(session.run(logits), [[51.0]])


def test_the_column_parses_its_feature_from_examples(words: str) -> None:
    column = hub.text_embedding_column("text", words)
    example = tf.train.Example()
    example.features.feature["text"].bytes_list.value.append(b"film")
    spec = tf1.feature_column.make_parse_example_spec([column])
    features = tf.io.parse_example([example.SerializeToString()], spec)
    np.testing.assert_array_equal(modules.run(layer([column], **features)), modules.EMBEDDINGS[[3]])


def test_several_texts_in_one_example_are_refused(words: str) -> None:
    with pytest.raises(ColumnError) as caught:
        layer([hub.text_embedding_column("text", words)], text=tf.constant([["a", "b"]]))
    assert str(caught.value) == (
        "The feature 'text' is string [1, 2], but text_embedding_column wants one string for each example, "
        "as a tensor [batch_size] or [batch_size, 1]."
    )


def test_a_sparse_feature_points_to_the_sparse_column(words: str) -> None:
    feature = tf.SparseTensor([[0, 0]], ["good"], [1, 1])
    with pytest.raises(ColumnError) as caught:
        layer([hub.text_embedding_column("text", words)], text=feature)
    assert str(caught.value) == (
        "The feature 'text' is a SparseTensor, but text_embedding_column wants one string for each example, "
        "as a tensor [batch_size] or [batch_size, 1]. Several strings for each example are embedded and "
        "combined by sparse_text_embedding_column."
    )


BAG = ([[0, 0], [0, 2], [2, 0], [2, 1]], ["film", "bad", "good", "good"], [3, 3])


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [
        ("sum", [[2, 3, 2.5], [9, 9, 9], [2, 0, 1]]),
        ("mean", [[1, 1.5, 1.25], [9, 9, 9], [1, 0, 0.5]]),
        ("sqrtn", [[2 / 2**0.5, 3 / 2**0.5, 2.5 / 2**0.5], [9, 9, 9], [2 / 2**0.5, 0, 1 / 2**0.5]]),
    ],
)
def test_the_strings_of_each_example_are_combined(words: str, combiner: str, expected: Any) -> None:
    column = hub.sparse_text_embedding_column("text", words, combiner, "nothing")
    output = layer([column], text=tf.SparseTensor(*BAG))
    assert output.shape.as_list()[1] == 3
    np.testing.assert_allclose(modules.run(output), expected, rtol=1e-6)


def test_an_empty_example_without_a_default_value_gives_zeros(words: str) -> None:
    column = hub.sparse_text_embedding_column("text", words, "mean", None)
    output = modules.run(layer([column], text=tf.SparseTensor(*BAG)))
    np.testing.assert_allclose(output, [[1, 1.5, 1.25], [0, 0, 0], [1, 0, 0.5]])


def test_empty_strings_of_a_dense_feature_are_fillers(words: str) -> None:
    column = hub.sparse_text_embedding_column("text", words, "sum", "nothing")
    output = modules.run(layer([column], text=tf.constant([["good", ""], ["", ""], ["bad", "bad"]])))
    np.testing.assert_allclose(output, [[1, 0, 0.5], [9, 9, 9], [0, 2, 1]])


def test_gradients_reach_the_module_through_every_use_of_a_word(words: str) -> None:
    column = hub.sparse_text_embedding_column("text", words, "mean", "nothing", trainable=True)
    output = layer([column], text=tf.SparseTensor(*BAG))
    (variable,) = tf1.trainable_variables()
    gradient = tf.convert_to_tensor(tf1.gradients(tf.reduce_sum(output), variable)[0])
    np.testing.assert_allclose(modules.run(gradient), [[1] * 3, [1] * 3, [0.5] * 3, [0.5] * 3])


def test_a_sparse_column_of_numbers_is_refused(words: str) -> None:
    column = hub.sparse_text_embedding_column("text", words, "mean", None)
    with pytest.raises(ColumnError) as caught:
        layer([column], text=tf.constant([[1.0]]))
    assert (
        str(caught.value) == "The feature 'text' is float32, but sparse_text_embedding_column wants strings."
    )


@pytest.mark.parametrize(
    ("signature", "key"), [("default", "images"), ("default", "x"), ("image_feature_vector", "images")]
)
def test_images_become_feature_vectors(signature: str, key: str) -> None:
    column = hub.image_embedding_column("picture", modules.image_spec(signature, key))
    pixels = np.arange(36, dtype=np.float32).reshape([2, 2, 3, 3]) / 36
    output = layer([column], picture=tf.constant(pixels))
    np.testing.assert_allclose(modules.run(output), pixels.mean(axis=(1, 2)), rtol=1e-6)
    assert column.parse_example_spec == {"picture": tf.io.FixedLenFeature([2, 3, 3], tf.float32)}


def test_images_of_bytes_are_refused() -> None:
    column = hub.image_embedding_column("picture", modules.image_spec())
    with pytest.raises(ColumnError) as caught:
        layer([column], picture=tf.zeros([1, 2, 3, 3], tf.uint8))
    assert str(caught.value) == (
        "The feature 'picture' is uint8 [1, 2, 3, 3], but image_embedding_column wants float32 "
        "[batch_size, height, width, 3], RGB values in [0, 1], as tf.image.convert_image_dtype gives."
    )
