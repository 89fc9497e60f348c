"""Image modules: the size and the channels that a module's images must have."""

from __future__ import annotations

import os
from typing import Any, Protocol

from tf1hub.errors import CheckFailedError, UnknownNameError
from tf1hub.format.attachments import IMAGE_MODULE_INFO_KEY
from tf1hub.format.messages_pb2 import ImageModuleInfo
from tf1hub.spec.module_spec import load_module_spec
from tf1hub.spec.tensor_info import ParsedTensorInfo

_CONVENTIONAL_INPUT = "images"
_RANK = 4


class HasSignatures(Protocol):
    """What a `ModuleSpec` and a `Module` have in common."""

    def get_input_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]: ...

    def get_attached_message(self, key: str, message_type: Any) -> Any: ...


def get_expected_image_size(
    module_or_spec: HasSignatures | str | os.PathLike[str],
    signature: str | None = None,
    input_name: str | None = None,
) -> list[int]:
    """The height and width, in pixels, to which images are resized for a module.

    The publisher's `ImageModuleInfo` decides where it is attached (the signature may then take
    images of any size); otherwise the shape of the signature's input does.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     images = tf.compat.v1.placeholder(tf.float32, [None, 224, 192, 3])
        ...     hub.add_signature(inputs={"images": images}, outputs=tf.reduce_mean(images, [1, 2]))
        >>> hub.get_expected_image_size(hub.create_module_spec(module_fn))
        [224, 192]

    Args:
        module_or_spec: a `Module`; or a handle, a `ModuleSpec` or what `tf1hub.load` gives, whose inference variant
            is asked.
        signature: the signature's name; None is `"default"`.
        input_name: the signature's image input; None is `"images"`, or the only input.

    Returns:
        A list, as programs add to it: height and width.

    Raises:
        UnknownSignatureError: there is no such signature.
        UnknownNameError: the signature has no such input.
        CheckFailedError: the input's shape is not that of a batch of images, or neither it nor an
            attachment says the size.
    """
    module = _with_signatures(module_or_spec)
    name, info = _image_input(module, signature, input_name)
    attached = module.get_attached_message(IMAGE_MODULE_INFO_KEY, ImageModuleInfo)
    if attached is not None and attached.default_image_size.height and attached.default_image_size.width:
        return [attached.default_image_size.height, attached.default_image_size.width]
    height, width = _image_shape(info, name, signature)[1:3]
    if height is None or width is None:
        raise CheckFailedError(
            f"The module does not say which image size it expects: the input {name!r} of the signature "
            f"{signature or 'default'!r} is {info.describe()}, and no ImageModuleInfo is attached. "
            "See the module's documentation for the size."
        )
    return [height, width]


def get_num_image_channels(
    module_or_spec: HasSignatures | str | os.PathLike[str],
    signature: str | None = None,
    input_name: str | None = None,
) -> int:
    """The number of channels of a module's images: 3 for RGB.

    Args:
        module_or_spec: as for `get_expected_image_size`.
        signature: name of the signature; `"default"` where None.
        input_name: name of the input; `"images"` where None.

    Returns:
        The number, from the shape `[batch_size, height, width, channels]` of the input.

    Example:
        >>> import tf1hub as hub
        >>> hub.get_num_image_channels(hub.load_module_spec("tests/golden/modules/image/module"))
        3

    Raises:
        UnknownSignatureError: there is no such signature.
        UnknownNameError: the signature has no such input.
        CheckFailedError: the input's shape is not that of a batch of images, or leaves the number open.
    """
    name, info = _image_input(_with_signatures(module_or_spec), signature, input_name)
    channels = _image_shape(info, name, signature)[3]
    if channels is None:
        raise CheckFailedError(
            f"The input {name!r} of the signature {signature or 'default'!r} is {info.describe()}, "
            "which leaves the number of channels open."
        )
    return channels


def _with_signatures(given: Any) -> HasSignatures:
    module: HasSignatures = given if hasattr(given, "get_input_info_dict") else load_module_spec(given)
    return module


def _image_input(
    module_or_spec: HasSignatures, signature: str | None, input_name: str | None
) -> tuple[str, ParsedTensorInfo]:
    infos = module_or_spec.get_input_info_dict(signature)
    name = _CONVENTIONAL_INPUT if input_name is None else input_name
    if input_name is None and name not in infos and len(infos) == 1:
        # Modules often leave the only input of their unnamed signature unnamed too.
        (name,) = infos
    if name not in infos:
        known = ", ".join(infos) or "none"
        raise UnknownNameError(
            f"No input {name!r} in the signature {signature or 'default'!r}. It has: {known}."
        )
    return name, infos[name]


def _image_shape(
    info: ParsedTensorInfo, name: str, signature: str | None
) -> tuple[int | None, int | None, int | None, int | None]:
    shape = info.shape
    if shape is None or len(shape) != _RANK:
        raise CheckFailedError(
            f"The input {name!r} of the signature {signature or 'default'!r} is {info.describe()}; "
            "a batch of images has the shape [batch_size, height, width, channels]."
        )
    batch, height, width, channels = shape
    return batch, height, width, channels
