"""Attachments: what a publisher hangs on a module arrives with the one who uses it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import tf1hub as hub
from tf1hub.errors import CreationError, FormatError, UnknownAttachmentError, WrongModeError

tf1 = tf.compat.v1


def spec_with(say: Callable[..., Any], **create: Any) -> hub.ModuleSpec:
    def module_fn(**arguments: Any) -> None:
        x = tf1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=2.0 * x)
        say(**arguments)

    return hub.create_module_spec(module_fn, **create)


def test_an_attached_message_comes_back_from_spec_module_and_disk(tmp_path: pathlib.Path) -> None:
    spec = spec_with(lambda: hub.attach_message("license", StringValue(value="CC-BY")))
    assert spec.get_attached_message("license", StringValue) == StringValue(value="CC-BY")
    with tf.Graph().as_default(), tf1.Session() as session:
        module = hub.Module(spec)
        assert module.get_attached_message("license", StringValue) == StringValue(value="CC-BY")
        module.export(tmp_path / "module", session)
    stored = hub.load_module_spec(tmp_path / "module")
    assert stored.get_attached_message("license", StringValue) == StringValue(value="CC-BY")


def test_each_variant_has_its_own_attachments() -> None:
    spec = spec_with(
        lambda size: hub.attach_message("size", Int64Value(value=size)),
        tags_and_args=[((), {"size": 1}), ({"train"}, {"size": 2})],
    )
    assert spec.get_attached_message("size", Int64Value).value == 1
    assert spec.get_attached_message("size", Int64Value, tags={"train"}).value == 2
    with tf.Graph().as_default():
        assert hub.Module(spec, tags={"train"}).get_attached_message("size", Int64Value).value == 2


def test_the_last_message_under_a_key_counts_and_is_a_copy() -> None:
    def say() -> None:
        hub.attach_message("note", StringValue(value="first"))
        last = StringValue(value="last")
        hub.attach_message("note", last)
        last.value = "changed later"

    assert spec_with(say).get_attached_message("note", StringValue).value == "last"


def test_an_attachment_is_no_graph_collection() -> None:
    with tf.Graph().as_default() as graph:
        hub.attach_message("note", StringValue(value="x"))
        assert [key for key in graph.get_all_collection_keys() if isinstance(key, str)] == []


@pytest.mark.parametrize("key", ["a-b", "1a", "", "a b", "_a", None])
def test_a_malformed_key_is_refused(key: Any) -> None:
    with tf.Graph().as_default(), pytest.raises(CreationError) as caught:
        hub.attach_message(key, StringValue())
    assert str(caught.value) == (
        f"The key of an attachment is made of letters, digits and underscores, a letter first; not {key!r}."
    )


def test_what_is_no_message_is_refused() -> None:
    with tf.Graph().as_default():
        with pytest.raises(CreationError) as caught:
            hub.attach_message("note", "text")  # type: ignore[arg-type]  # the mistake under test
        assert str(caught.value) == "The attachment 'note' is a protocol buffer message, not 'text'."
        with pytest.raises(CreationError) as caught:
            hub.attach_image_module_info(StringValue(value="x"))  # type: ignore[arg-type]  # the mistake under test
        assert str(caught.value) == 'attach_image_module_info wants an ImageModuleInfo, not value: "x"\n.'


def test_attaching_eagerly_says_where_to_attach() -> None:
    with pytest.raises(WrongModeError, match=r"tf1hub\.attach_message speaks about the graph of a module_fn"):
        hub.attach_message("note", StringValue())


def test_a_missing_attachment_is_none_or_an_error_that_lists_what_there_is() -> None:
    spec = spec_with(lambda: hub.attach_message("license", StringValue(value="CC-BY")))
    assert spec.get_attached_message("licence", StringValue) is None
    with pytest.raises(UnknownAttachmentError, match=r"No attachment 'licence' in .*\. It has: license\."):
        spec.get_attached_message("licence", StringValue, required=True)


def test_an_attachment_of_another_class_is_an_error() -> None:
    spec = spec_with(lambda: hub.attach_message("license", StringValue(value="CC-BY")))
    with pytest.raises(FormatError) as caught:
        spec.get_attached_message("license", FileDescriptorSet)
    assert str(caught.value) == (
        "The attachment 'license' in variant {} of module_fn() is not a FileDescriptorSet message."
    )
