"""`tfhub_module.pb`: the file that tells a TF1 Hub module from a plain SavedModel."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError, UnsupportedFormatError
from tf1hub.format.messages_pb2 import ModuleDef

FILE_NAME = "tfhub_module.pb"

_UNREADABLE = "{where} is damaged: its {size} bytes are not a ModuleDef message. A module has the two bytes 08 03 there."
_UNKNOWN_FORMAT = (
    "{where} says format {format}. This library reads format 3 (V3), the only one ever published; "
    "the file is damaged, or the module needs a newer library."
)
_UNKNOWN_FEATURES = (
    "{where} requires the features {features}, which this library does not know. "
    "The file is damaged, or the module needs a newer library."
)


def module_def_bytes() -> bytes:
    """The content of `tfhub_module.pb` for a new module.

    Example:
        >>> module_def_bytes()
        b'\\x08\\x03'
    """
    return ModuleDef(format=ModuleDef.HUB_V3).SerializeToString()


def check_module_def(data: bytes, where: str) -> None:
    """Refuses a `tfhub_module.pb` that this library must not read.

    Args:
        data: the file's bytes.
        where: the file's path, for messages.

    Raises:
        FormatError: the bytes are no ModuleDef.
        UnsupportedFormatError: another format, or a feature that is not known.
    """
    try:
        module_def = ModuleDef.FromString(data)
    except DecodeError as error:
        raise FormatError(_UNREADABLE.format(where=where, size=len(data))) from error
    if module_def.format != ModuleDef.HUB_V3:
        raise UnsupportedFormatError(_UNKNOWN_FORMAT.format(where=where, format=module_def.format))
    if module_def.required_features:
        features = ", ".join(repr(feature) for feature in module_def.required_features)
        raise UnsupportedFormatError(_UNKNOWN_FEATURES.format(where=where, features=features))
