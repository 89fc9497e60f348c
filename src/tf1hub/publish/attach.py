"""hub.attach_message: hangs a message on the module that a module_fn defines."""

from __future__ import annotations

import re

from google.protobuf.message import EncodeError, Message

from tf1hub.errors import CreationError
from tf1hub.format.attachments import IMAGE_MODULE_INFO_KEY
from tf1hub.format.messages_pb2 import ImageModuleInfo
from tf1hub.publish.recording import recording

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def attach_message(key: str, message: Message) -> None:
    """Attaches a message to the module that a `module_fn` defines.

    Users of the module get it back with `get_attached_message`. The message is copied; a second
    message under the same key replaces the first.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> from google.protobuf.wrappers_pb2 import StringValue
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None])
        ...     hub.add_signature(inputs=x, outputs=2 * x)
        ...     hub.attach_message("license", StringValue(value="CC-BY 4.0"))
        >>> hub.create_module_spec(module_fn).get_attached_message("license", StringValue).value
        'CC-BY 4.0'

    Args:
        key: letters, digits and underscores, a letter first.
        message: a protocol buffer message of any class.

    Raises:
        CreationError: the key is malformed, or the message is none or lacks required fields.
        WrongModeError: called in eager mode.
    """
    said = recording("attach_message")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise CreationError(
            "The key of an attachment is made of letters, digits and underscores, a letter first; "
            f"not {key!r}."
        )
    if not isinstance(message, Message):
        raise CreationError(f"The attachment {key!r} is a protocol buffer message, not {message!r}.")
    try:
        said.attachments[key] = message.SerializeToString()
    except EncodeError as error:
        raise CreationError(f"The attachment {key!r} cannot be stored: {error}") from error


def attach_image_module_info(image_module_info: ImageModuleInfo) -> None:
    """Says the image size that the module of a `module_fn` expects, for `get_expected_image_size`.

    Only needed where the signature's shape leaves the size open, and a good custom everywhere.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     images = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
        ...     hub.add_signature(inputs={"images": images}, outputs=tf.reduce_mean(images, [1, 2]))
        ...     info = hub.ImageModuleInfo()
        ...     info.default_image_size.height, info.default_image_size.width = 224, 192
        ...     hub.attach_image_module_info(info)
        >>> hub.get_expected_image_size(hub.create_module_spec(module_fn))
        [224, 192]

    Args:
        image_module_info: an `ImageModuleInfo`.

    Raises:
        CreationError: what is given is another thing.
        WrongModeError: called in eager mode.
    """
    # By its descriptor: a program may bring the original library's class of the same message.
    descriptor = getattr(image_module_info, "DESCRIPTOR", None)
    if descriptor is None or descriptor.name != ImageModuleInfo.DESCRIPTOR.name:
        raise CreationError(f"attach_image_module_info wants an ImageModuleInfo, not {image_module_info!r}.")
    attach_message(IMAGE_MODULE_INFO_KEY, image_module_info)
