"""What a column says about itself: checks of its module, equality, configs."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import tensorflow as tf
from columns import modules

import tf1hub as hub
from tf1hub._tensorflow import deserialize_feature_column, serialize_feature_column
from tf1hub.errors import ColumnError
from tf1hub.format.messages_pb2 import SavedModel

tf1 = tf.compat.v1


def spec_of(
    inputs: dict[str, Any], width: int | None = 2, name: str = "default", output: str = "default"
) -> hub.ModuleSpec:
    def module_fn() -> None:
        placeholders = {key: tf1.placeholder(dtype, shape) for key, (dtype, shape) in inputs.items()}
        hub.add_signature(
            name, placeholders, {output: tf1.placeholder_with_default(tf.zeros([1, 2]), [None, width])}
        )

    return hub.create_module_spec(module_fn)


TEXT = {"text": (tf.string, [None])}
SUCH = (
    " Such a module has a signature 'default' from one string tensor [?] to an output 'default' that is "
    "float32 [?, N]."
)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (({"x": (tf.float32, [None])},), "its input 'x' is float32 [?]"),
        (({"x": (tf.string, [None, 1])},), "its input 'x' is string [?, 1]"),
        (({**TEXT, "x": (tf.string, [None])},), "it has 2 inputs (text, x)"),
        (({},), "it has no input"),
        ((TEXT, None), "its output 'default' is float32 [?, ?]"),
        ((TEXT, 2, "tokens"), "it has no signature 'default', only tokens"),
        ((TEXT, 2, "default", "y"), "it has no output 'default', only y"),
        (({}, None), "it has no input; its output 'default' is float32 [?, ?]"),
    ],
)
@pytest.mark.parametrize(
    "make", [hub.text_embedding_column, lambda k, m: hub.sparse_text_embedding_column(k, m, "sum", "")]
)
def test_a_module_that_is_no_text_embedding_is_refused(arguments: Any, fault: str, make: Any) -> None:
    with pytest.raises(ColumnError) as caught:
        make("text", spec_of(*arguments))
    assert str(caught.value) == f"The module module_fn() is not a text embedding: {fault}.{SUCH}"


def test_a_module_without_image_features_is_refused() -> None:
    with pytest.raises(ColumnError) as caught:
        hub.image_embedding_column("picture", spec_of(TEXT, None))
    assert str(caught.value) == (
        "The module module_fn() does not give image feature vectors: in its signature 'default', "
        "the input 'text' is string [?] and its output 'default' is float32 [?, ?]; "
        "it has no signature 'image_feature_vector'. "
        "Such a module has a signature 'default' or 'image_feature_vector' from one input of images, "
        "float32 [?, height, width, 3], to an output 'default' that is float32 [?, N]."
    )


def test_an_image_size_that_the_module_cannot_take_is_refused() -> None:
    with pytest.raises(ColumnError) as caught:
        hub.image_embedding_column("picture", modules.image_spec(), image_size=(3, 3))
    assert str(caught.value) == (
        "The image_size is (3, 3); the module module_fn() takes images [?, 2, 3, 3], and image_size is their "
        "height and width."
    )


def test_an_image_size_replaces_the_one_that_the_module_expects() -> None:
    spec = spec_of({"images": (tf.float32, [None, None, None, 3])})
    column = hub.image_embedding_column("picture", spec, image_size=(5, 4))
    assert column.parse_example_spec["picture"].shape == [5, 4, 3]


def test_an_unknown_combiner_is_refused() -> None:
    with pytest.raises(ColumnError) as caught:
        hub.sparse_text_embedding_column("text", spec_of(TEXT), "max", "")
    assert str(caught.value) == "The combiner is 'max'; it must be 'mean', 'sqrtn' or 'sum'."


def test_a_key_that_names_no_feature_is_refused() -> None:
    with pytest.raises(ColumnError) as caught:
        hub.text_embedding_column(3, spec_of(TEXT))
    assert (
        str(caught.value) == "A column's key is the name of a feature (a string) or a feature column, not 3."
    )


def test_columns_are_equal_where_their_settings_are() -> None:
    spec = spec_of(TEXT)
    assert hub.text_embedding_column("text", spec) == hub.text_embedding_column("text", spec)
    assert len({hub.text_embedding_column("text", spec, trainable) for trainable in (True, False, True)}) == 2


def test_a_column_can_be_computed_from_another() -> None:
    raw = hub.text_embedding_column(tf.feature_column.numeric_column("a"), spec_of(TEXT))
    assert raw.name == "a_hub_module_embedding"
    assert raw.parse_example_spec == {"a": tf.io.FixedLenFeature((1,), tf.float32)}


@pytest.mark.parametrize("kind", ["text", "sparse", "image"])
def test_a_column_comes_back_from_its_config(tmp_path: pathlib.Path, kind: str) -> None:
    if kind == "image":
        path = modules.exported(modules.image_spec(), tmp_path / "module")
        column = hub.image_embedding_column("picture", path, image_size=(2, 3))
    elif kind == "text":
        column = hub.text_embedding_column("text", modules.words_module(tmp_path), trainable=True)
    else:
        column = hub.sparse_text_embedding_column("text", modules.words_module(tmp_path), "sum", "x", True)
    assert type(column).from_config(column.get_config()) == column
    assert deserialize_feature_column(serialize_feature_column(column)) == column


def test_the_config_is_the_one_that_old_programs_wrote(tmp_path: pathlib.Path) -> None:
    path = modules.words_module(tmp_path)
    config = {"key": "text", "module_spec_path": path, "trainable": False}
    assert hub.text_embedding_column("text", path).get_config() == config
    old = {"class_name": "_TextEmbeddingColumn", "config": config}
    assert deserialize_feature_column(old) == hub.text_embedding_column("text", path)


def test_a_column_of_a_spec_without_a_handle_cannot_be_saved() -> None:
    with pytest.raises(ColumnError) as caught:
        hub.text_embedding_column("text", spec_of(TEXT)).get_config()
    assert str(caught.value) == (
        "The column 'text_hub_module_embedding' was made from a ModuleSpec, which has no name "
        "by which it could be found again. To save the column, make it from a handle "
        "(a path or a URL) instead: text_embedding_column('text', handle)."
    )


def test_a_module_that_gives_another_shape_than_its_signature_says() -> None:
    def module_fn() -> None:
        texts = tf1.placeholder(tf.string, [None])
        tf.zeros([], name="scalar")
        hub.add_signature(inputs=texts, outputs=tf.zeros([tf.size(texts), 2]))

    spec = hub.create_module_spec(module_fn)
    message = SavedModel.FromString(spec.saved_model.SerializeToString())
    message.meta_graphs[0].signature_def["default"].outputs["default"].name = "scalar:0"
    damaged = spec.with_values(spec.checkpoint, saved_model=message)
    column = hub.sparse_text_embedding_column("text", damaged, "sum", None)
    feature = tf.SparseTensor([[0, 0]], ["a"], [1, 1])
    with pytest.raises(ColumnError) as caught:
        column._embed(lambda texts: hub.load(damaged)(texts), feature)
    assert str(caught.value) == (
        "The module gives a tensor of the shape () for texts, and its signature says [?, 2]. It is damaged, or was made by "
        "hand; take another one."
    )
