"""The image size and channels of a module: attachment first, the signature's shape otherwise."""

from __future__ import annotations

import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.errors import CheckFailedError, UnknownNameError, UnknownSignatureError

tf1 = tf.compat.v1


def image_spec(
    *shape: int | None, attached: tuple[int, int] | None = None, name: str = "images"
) -> hub.ModuleSpec:
    def module_fn() -> None:
        images = tf1.placeholder(tf.float32, shape)
        hub.add_signature(inputs={name: images}, outputs=images)
        if attached:
            info = hub.ImageModuleInfo()
            info.default_image_size.height, info.default_image_size.width = attached
            hub.attach_image_module_info(info)

    return hub.create_module_spec(module_fn)


def test_the_attachment_decides_where_the_shape_is_open() -> None:
    assert hub.get_expected_image_size(image_spec(None, None, None, 3, attached=(20, 30))) == [20, 30]


def test_the_attachment_comes_before_the_shape() -> None:
    assert hub.get_expected_image_size(image_spec(None, 5, 6, 3, attached=(20, 30))) == [20, 30]


def test_without_attachment_the_shape_decides() -> None:
    spec = image_spec(None, 5, 6, 3)
    assert hub.get_expected_image_size(spec) == [5, 6]
    assert hub.get_num_image_channels(spec) == 3


def test_a_half_filled_attachment_does_not_count() -> None:
    assert hub.get_expected_image_size(image_spec(None, 5, 6, 3, attached=(20, 0))) == [5, 6]


def test_the_only_input_counts_whatever_its_name() -> None:
    spec = image_spec(None, 5, 6, 1, name="default")
    assert hub.get_expected_image_size(spec) == [5, 6]
    assert hub.get_num_image_channels(spec) == 1


def test_one_of_several_inputs_is_chosen_by_name() -> None:
    def module_fn() -> None:
        images = tf1.placeholder(tf.float32, [None, 5, 6, 3])
        masks = tf1.placeholder(tf.float32, [None, 7, 8, 1])
        hub.add_signature("two", inputs={"images": images, "masks": masks}, outputs=images)

    spec = hub.create_module_spec(module_fn)
    assert hub.get_expected_image_size(spec, "two") == [5, 6]
    assert hub.get_expected_image_size(spec, "two", "masks") == [7, 8]
    assert hub.get_num_image_channels(spec, signature="two", input_name="masks") == 1
    with pytest.raises(UnknownNameError) as caught:
        hub.get_expected_image_size(spec, "two", "depth")
    assert str(caught.value) == "No input 'depth' in the signature 'two'. It has: images, masks."
    with pytest.raises(UnknownSignatureError):
        hub.get_expected_image_size(spec)


def test_a_module_in_a_graph_answers_alike() -> None:
    with tf.Graph().as_default():
        module = hub.Module(cases.load("image").path)
        for signature in (None, "image_feature_vector"):
            assert hub.get_expected_image_size(module, signature) == [16, 16]
            assert hub.get_num_image_channels(module, signature) == 3


def test_an_unknown_size_is_an_error() -> None:
    with pytest.raises(CheckFailedError) as caught:
        hub.get_expected_image_size(image_spec(None, None, 6, 3))
    assert str(caught.value) == (
        "The module does not say which image size it expects: the input 'images' of the signature "
        "'default' is float32 [?, ?, 6, 3], and no ImageModuleInfo is attached. "
        "See the module's documentation for the size."
    )


def test_unknown_channels_are_an_error() -> None:
    with pytest.raises(CheckFailedError) as caught:
        hub.get_num_image_channels(image_spec(None, 5, 6, None))
    assert str(caught.value) == (
        "The input 'images' of the signature 'default' is float32 [?, 5, 6, ?], "
        "which leaves the number of channels open."
    )


def test_what_are_no_images_is_an_error() -> None:
    with pytest.raises(CheckFailedError) as caught:
        hub.get_expected_image_size(image_spec(None, 5))
    assert str(caught.value) == (
        "The input 'images' of the signature 'default' is float32 [?, 5]; "
        "a batch of images has the shape [batch_size, height, width, channels]."
    )
